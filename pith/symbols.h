/* What every byte of an image is there for: its symbols, each with the source file
 * it comes from. Link-time optimisation forgets object files, so the file is looked
 * up in the debug information beside the image, with llvm-symbolizer. */
#ifndef PITH_SYMBOLS_H
#define PITH_SYMBOLS_H

#include "pith/image.h"

struct sized_symbol {
    struct view name;  /* in the image's file */
    u64 address, size; /* bytes that no earlier symbol holds */
    bool code;
    bool in_file;      /* false: memory only, zero at the start */
    char file[64];     /* "net/tcp_input.c"; "" when it is not known */
    char room[16];     /* "net", "application", …; "" when it is not known */
};

SLICE(sized_symbols, struct sized_symbol);

struct symbols {
    struct sized_symbols s; /* by address */
    char missing[256];      /* why files are not known, and what to do; "": they are */
};

/* EXIT_OK, or an exit code after saying why. Of an image that was stripped, none. */
int symbols_read(const struct image *i, struct symbols *out);
void symbols_free(struct symbols *s);

/* Who refers to the symbol: functions whose code names it, and tables that hold its
 * address, each once, one a line on standard output. Answers how many; -1: the
 * disassembler is not installed. */
int symbols_print_references(const struct image *i, const struct symbols *s, const struct sized_symbol *of);

#endif
