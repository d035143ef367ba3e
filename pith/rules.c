#include "pith/rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

/* ---- words that are refused ------------------------------------------------------- */

struct refused {
    const char *name, *what;
};

#define COPIES "raw memory: copy() of base/view.h checks both lengths"
#define FILLS "raw memory: fill() of base/view.h knows the length"
#define COMPARES "raw memory: view_eq() and view_cmp() of base/view.h"
#define LOOKS "raw memory: view_find() and its like of base/view.h"
#define TEXTS "raw memory: a text is a struct view; pieces go through a writer (base/fmt.h)"
#define HEAP "there is no malloc: memory comes from arenas and pools (base/arena.h, base/pool.h)"
#define PRINTS "there is no C library: a writer and base/fmt.h make texts, say() tells them"
#define ENDS "there is no C library: must() states what has to be, an enum err tells what may be"
#define PARSES "there is no C library: view_to_u64() and base/quantity.h"

/* Where a strict room calls them; the first part is refused in all image code. */
static const struct refused library[] = {
    {"malloc", HEAP},
    {"calloc", HEAP},
    {"realloc", HEAP},
    {"free", HEAP},
    {"alloca", HEAP},
    {"aligned_alloc", HEAP},
    {"printf", PRINTS},
    {"sprintf", PRINTS},
    {"snprintf", PRINTS},
    {"vprintf", PRINTS},
    {"vsprintf", PRINTS},
    {"vsnprintf", PRINTS},
    {"fprintf", PRINTS},
    {"fputs", PRINTS},
    {"fwrite", PRINTS},
    {"fopen", PRINTS},
    {"puts", PRINTS},
    {"putchar", PRINTS},
    {"abort", ENDS},
    {"exit", ENDS},
    {"assert", ENDS},
    {"setjmp", ENDS},
    {"longjmp", ENDS},
    {"atoi", PARSES},
    {"strtol", PARSES},
    {"strtoul", PARSES},
    {"strtoll", PARSES},
    {"strtoull", PARSES},
    {"strtod", PARSES},
    {"qsort", "there is no C library: keep things in order as they come"},
    {"rand", "there is no C library: entropy_fill() or base/random.h"},
    {"time", "there is no C library: loop_now() and sig/clock.h"},
};

static const struct refused memory[] = {
    {"memcpy", COPIES},   {"memmove", COPIES},   {"memccpy", COPIES},      {"bcopy", COPIES},
    {"strcpy", COPIES},   {"strncpy", COPIES},   {"stpcpy", COPIES},       {"stpncpy", COPIES},
    {"strlcpy", COPIES},  {"memset", FILLS},     {"bzero", FILLS},         {"memcmp", COMPARES},
    {"strcmp", COMPARES}, {"strncmp", COMPARES}, {"strcasecmp", COMPARES}, {"strncasecmp", COMPARES},
    {"memchr", LOOKS},    {"memmem", LOOKS},     {"strchr", LOOKS},        {"strrchr", LOOKS},
    {"strstr", LOOKS},    {"strspn", LOOKS},     {"strcspn", LOOKS},       {"strtok", LOOKS},
    {"strlen", TEXTS},    {"strnlen", TEXTS},    {"strcat", TEXTS},        {"strncat", TEXTS},
    {"strlcat", TEXTS},   {"strdup", TEXTS},     {"strndup", TEXTS},
};

/* Refused wherever they stand, called or not. */
static const struct refused words[] = {
    {"asm", "assembly has no rules: it belongs to host/"},
    {"__asm", "assembly has no rules: it belongs to host/"},
    {"__asm__", "assembly has no rules: it belongs to host/"},
    {"no_sanitize", "the profile has no exemption here: wraps (base/types.h) marks what wraps on purpose"},
    {"unsafe_buffer_usage", "the profile has no exemption here: views and spans (base/view.h)"},
};

static const char *refusal(const struct refused *list, size_t n, struct view name)
{
    if (view_starts(name, VIEW("__builtin_")))
        name = view_from(name, strlen("__builtin_"));
    for (size_t i = 0; i < n; i++)
        if (view_eq(name, view_z(list[i].name)))
            return list[i].what;
    return NULL;
}

bool rules_calls(const struct source *s, size_t i)
{
    return word_at(s, i).kind == WORD_NAME && word_is(s, i + 1, "(") &&
           !(i > 0 && (word_is(s, i - 1, ".") || word_is(s, i - 1, "->")));
}

static void look_at_names(struct rules *r, const struct source *s, bool strict)
{
    for (size_t i = 0; i < s->words_n; i++) {
        struct word w = s->words[i];
        const char *what = NULL;
        if (w.kind != WORD_NAME)
            continue;
        if (rules_calls(s, i))
            what = refusal(library, COUNT(library), w.text);
        if (!what && strict && rules_calls(s, i))
            what = refusal(memory, COUNT(memory), w.text);
        if (!what && strict)
            what = refusal(words, COUNT(words), w.text);
        if (what)
            rules_breach(r, s, w.line, "%.*s: %s", (int)w.text.n, w.text.p, what);
    }
}

/* ---- casts ------------------------------------------------------------------------ */

/* Whether what stands before a parenthesis makes it something else than a cast: a call,
 * a declaration, sizeof. */
static bool applies(const struct source *s, size_t open)
{
    static const char *const statements[] = {"return", "else", "do", "case"};
    if (open == 0)
        return false;
    struct word before = s->words[open - 1];
    for (size_t i = 0; i < COUNT(statements); i++)
        if (view_eq(before.text, view_z(statements[i])))
            return false;
    return before.kind == WORD_NAME || word_is(s, open - 1, ")") || word_is(s, open - 1, "]");
}

/* "(const struct conn *)" or "(char **)", and then what is cast. */
static bool is_pointer_cast(const struct source *s, size_t open)
{
    size_t i = open + 1, stars = 0;
    for (; word_at(s, i).kind == WORD_NAME; i++)
        ;
    if (i == open + 1 || applies(s, open))
        return false;
    for (; word_is(s, i, "*") || word_is(s, i, "const") || word_is(s, i, "volatile"); i++)
        stars += word_is(s, i, "*");
    if (stars == 0 || !word_is(s, i, ")"))
        return false;
    struct word next = word_at(s, i + 1);
    return next.kind != WORD_MARK || word_is(s, i + 1, "(") || word_is(s, i + 1, "&") ||
           word_is(s, i + 1, "*");
}

static void look_at_casts(struct rules *r, const struct source *s)
{
    for (size_t i = 0; i < s->words_n; i++)
        if (word_is(s, i, "(") && is_pointer_cast(s, i))
            rules_breach(
                r, s, s->words[i].line,
                "cast to a pointer: CONTAINER goes down to the struct of a field, views carry bytes, "
                "and a void * needs no cast");
}

/* ---- errors that are thrown away -------------------------------------------------- */

bool rules_among(const struct rules_names *names, struct view name)
{
    for (size_t i = 0; i < names->n; i++)
        if (view_eq(names->p[i], name))
            return true;
    return false;
}

/* The name that is called by what begins at word i: f(…), x->op(…), x.y->op(…). */
static struct view called(const struct source *s, size_t i)
{
    while (word_at(s, i).kind == WORD_NAME && (word_is(s, i + 1, ".") || word_is(s, i + 1, "->")))
        i += 2;
    return word_at(s, i).kind == WORD_NAME && word_is(s, i + 1, "(") ? s->words[i].text : VIEW_NONE;
}

static void look_at_errors(struct rules *r, const struct source *s)
{
    for (size_t i = 0; i < s->words_n; i++) {
        if (!word_is(s, i, "(") || !word_is(s, i + 1, "void") || !word_is(s, i + 2, ")") || applies(s, i))
            continue;
        struct view name = called(s, i + 3);
        u32 line = s->words[i].line;
        if (name.n > 0 && rules_among(&r->fallible, name) && !lex_comment_by(s, line, ""))
            rules_breach(
                r, s, line,
                "the error of %.*s is thrown away: TRY() hands it on; or a comment beside it says why "
                "nobody needs it",
                (int)name.n, name.p);
    }
}

/* ---- all of them ------------------------------------------------------------------ */

void rules_breach(struct rules *r, const struct source *s, u32 line, const char *format, ...)
{
    void *breaches = r->breaches;
    va_list args;
    r->no_memory |= !grow(&breaches, r->breaches_n, &r->breaches_room, sizeof *r->breaches);
    if (r->no_memory)
        return;
    r->breaches = breaches;
    struct breach *b = &r->breaches[r->breaches_n++];
    *b = (struct breach){.path = s->path, .line = line};
    va_start(args, format);
    vsnprintf(b->what, sizeof b->what, format, args);
    va_end(args);
}

static void add_name(struct rules *r, struct rules_names *names, struct view name)
{
    void *p = names->p;
    r->no_memory |= !grow(&p, names->n, &names->room, sizeof *names->p);
    if (r->no_memory)
        return;
    names->p = p;
    names->p[names->n++] = name;
}

/* "enum err name(" and, in a table of operations, "enum err (*name)("; "SLICE(name". */
static void find_names(struct rules *r, const struct source *s)
{
    for (size_t i = 0; i < s->words_n; i++) {
        if (word_is(s, i, "SLICE") && word_is(s, i + 1, "("))
            add_name(r, &r->slices, word_at(s, i + 2).text);
        if (!word_is(s, i, "enum") || !word_is(s, i + 1, "err"))
            continue;
        if (word_at(s, i + 2).kind == WORD_NAME && word_is(s, i + 3, "("))
            add_name(r, &r->fallible, word_at(s, i + 2).text);
        if (word_is(s, i + 2, "(") && word_is(s, i + 3, "*") && word_is(s, i + 5, ")"))
            add_name(r, &r->fallible, word_at(s, i + 4).text);
    }
}

bool rules_add(struct rules *r, const char *path, struct view bytes, enum rule_set set)
{
    void *files = r->files;
    r->no_memory |= !grow(&files, r->files_n, &r->files_room, sizeof *r->files);
    if (r->no_memory)
        return false;
    r->files = files;
    struct rules_file *f = &r->files[r->files_n++];
    *f = (struct rules_file){.source = {.path = path, .bytes = bytes}, .set = set};
    r->no_memory |= !lex(&f->source);
    find_names(r, &f->source);
    return !r->no_memory;
}

static int by_place(const void *a, const void *b)
{
    const struct breach *x = a, *y = b;
    int paths = strcmp(x->path, y->path);
    return paths != 0 ? paths : (x->line > y->line) - (x->line < y->line);
}

bool rules_check(struct rules *r)
{
    for (size_t i = 0; i < r->files_n; i++) {
        const struct rules_file *f = &r->files[i];
        if (f->set == RULES_DECLARED)
            continue;
        look_at_names(r, &f->source, f->set == RULES_STRICT);
        if (f->set != RULES_STRICT)
            continue;
        look_at_casts(r, &f->source);
        look_at_errors(r, &f->source);
        rules_look_at_shapes(r, &f->source);
        rules_look_at_loops(r, &f->source);
    }
    rules_look_at_calls(r);
    if (r->breaches_n > 0)
        qsort(r->breaches, r->breaches_n, sizeof *r->breaches, by_place);
    return !r->no_memory;
}

void rules_free(struct rules *r)
{
    for (size_t i = 0; i < r->files_n; i++)
        lex_free(&r->files[i].source);
    free(r->files);
    free(r->breaches);
    free(r->fallible.p);
    free(r->slices.p);
    *r = (struct rules){0};
}
