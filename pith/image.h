/* An image file as the command reads and writes it (not as it runs it: that is
 * host/process). Functions that answer an int have said on standard error what is
 * wrong when it is not EXIT_OK. */
#ifndef PITH_IMAGE_H
#define PITH_IMAGE_H

#include "pith/bundle.h"
#include "wire/bundle.h"
#include "wire/elf.h"
#include "wire/manifest.h"

/* A whole file, mapped for reading. */
struct mapped {
    struct view bytes;
    u32 mode; /* its permissions */
};

int map_file(const char *path, struct mapped *out);
void unmap_file(struct mapped *m);

struct image {
    const char *path;
    struct mapped file;
    struct elf elf;
    struct view bundle;              /* empty: none */
    struct bundle_header bundle_header;
    struct manifest_whole manifest;  /* last: large, and a start touches little of it */
};

/* Maps, decodes and checks all of it: seal, ELF, manifest, bundle. `path` is kept. */
int image_open(struct image *i, const char *path);
void image_close(struct image *i);

/* Takes already mapped bytes, which image_close then unmaps. */
int image_decode(struct image *i, const char *path, struct mapped file);

/* Checks a bundle that is a file of its own, which no seal covers: every byte of it,
 * or only its index where reading all would delay a start (SEAL_COVERS_BODIES). */
int bundle_check(const char *path, struct view bytes, struct bundle_header *out);

/* Writes the image with the files below `dir` as its bundle, instead of any that it
 * had, sealed, as the file `out`. */
int image_with_bundle(const struct image *i, const char *dir, const struct bundle_options *options,
                      const char *out);

/* Writes the image `path` without its symbols, with its bundle, sealed, as the file `out`;
 * the debug file that was made with it still fits. */
int image_strip(const char *path, const char *out);

/* Appends a seal to the image in `fd`, replacing one that is there. */
int image_seal(const char *path, int fd);

#endif
