/* The rules of image code that no compiler knows, looked at in the words of the sources:
 * `pith build --strict` for users, `make check` for the house (pith/tool/rules.c). Every
 * breach is a line "FILE:LINE: what is wrong: what to write instead". */
#ifndef PITH_RULES_H
#define PITH_RULES_H

#include "pith/lex.h"

/* What of a source is looked at. */
enum rule_set {
    RULES_DECLARED, /* nothing: it only declares what others call */
    RULES_IMAGE,    /* no C library, no recursion without a bound */
    RULES_STRICT,   /* all */
};

struct rules_file {
    struct source source;
    enum rule_set set;
};

struct rules_names {
    struct view *p;
    size_t n, room;
};

struct breach {
    const char *path;
    u32 line;
    char what[256];
};

struct rules {
    struct rules_file *files;
    struct breach *breaches;
    struct rules_names fallible; /* functions that answer an enum err */
    struct rules_names slices;   /* what SLICE declares: a pointer and a length */
    size_t files_n, files_room, breaches_n, breaches_room;
    bool no_memory;
};

/* Adds a source, whose bytes and path are kept. False: out of memory. */
bool rules_add(struct rules *r, const char *path, struct view bytes, enum rule_set set);

/* Looks at all; the breaches are then in r, in the order of files and lines. False: out of
 * memory. */
bool rules_check(struct rules *r);
void rules_free(struct rules *r);

/* ---- for the files of the rules ---- */

void rules_breach(struct rules *r, const struct source *s, u32 line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Whether word i is a name that is called: name(, but not x->name( or x.name(. */
bool rules_calls(const struct source *s, size_t i);

bool rules_among(const struct rules_names *names, struct view name);

/* pith/rules_shapes.c, pith/rules_loops.c and pith/rules_calls.c */
void rules_look_at_shapes(struct rules *r, const struct source *s);
void rules_look_at_loops(struct rules *r, const struct source *s);
void rules_look_at_calls(struct rules *r);

#endif
