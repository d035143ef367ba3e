/* Recursion: functions that come back to themselves by calls that name them. Calls through
 * pointers are not followed. One function of each circle has to say how deep it goes, in a
 * comment above it: Bound: … */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pith/rules.h"

struct function {
    struct view name;
    const struct source *source;
    size_t body, end;     /* words */
    u32 line, above;      /* of its name; of the first word of its declaration */
    bool everywhere;      /* seen from all files: not static, or in a header */
    u32 order, low;       /* of Tarjan's algorithm; order 0: not visited */
    bool on_stack;
    size_t calls, called; /* its part of the list of calls: from, and how many */
};

struct graph {
    struct rules *rules;
    struct function *f;
    size_t *calls, *stack, *path; /* path: who is being visited, the depth-first search's own stack */
    size_t n, room, calls_n, calls_room, stack_n;
    u32 order;
};

/* ---- functions -------------------------------------------------------------------- */

static bool is_attribute(struct view name)
{
    return view_eq(name, VIEW("__attribute__")) || view_eq(name, VIEW("_Static_assert"));
}

static bool add_function(struct graph *g, struct function f)
{
    void *functions = g->f;
    if (!grow(&functions, g->n, &g->room, sizeof *g->f))
        return false;
    g->f = functions;
    g->f[g->n++] = f;
    return true;
}

/* Reads what stands outside of all braces: a declaration ends at a semicolon or with the
 * body that its last name( … ) has. */
static bool find_functions(struct graph *g, const struct source *s)
{
    bool header = view_ends(view_z(s->path), VIEW(".h"));
    size_t name = 0, start = 0;
    bool is_static = false, value = false, found = false;
    for (size_t i = 0; i < s->words_n; i++) {
        struct word w = s->words[i];
        if (w.directive) {
            start = i + 1;
            continue;
        }
        is_static |= view_eq(w.text, VIEW("static"));
        value |= word_is(s, i, "=");
        if (rules_calls(s, i) && !is_attribute(w.text)) {
            name = i;
            found = true;
        }
        if (word_is(s, i, "(") || word_is(s, i, "[")) {
            i = word_closing(s, i);
            continue;
        }
        bool body = word_is(s, i, "{");
        size_t end = body ? word_closing(s, i) : i;
        if (body && found && !value &&
            !add_function(g, (struct function){.name = s->words[name].text,
                                               .source = s,
                                               .body = i,
                                               .end = end,
                                               .line = s->words[name].line,
                                               .above = s->words[start].line,
                                               .everywhere = header || !is_static}))
            return false;
        i = end;
        if (word_is(s, i, ";") || (body && found && !value)) {
            start = i + 1;
            is_static = value = found = false;
        }
    }
    return true;
}

/* ---- calls ------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
    const struct function *x = a, *y = b;
    return view_cmp(x->name, y->name);
}

/* The function that a file means by a name: its own, or the one that all see. */
static struct function *meant(const struct graph *g, const struct source *from, struct view name)
{
    struct function wanted = {.name = name}, *best = NULL;
    struct function *any = g->n > 0 ? bsearch(&wanted, g->f, g->n, sizeof *g->f, by_name) : NULL;
    while (any && any > g->f && view_eq(any[-1].name, name))
        any--;
    for (; any && any < g->f + g->n && view_eq(any->name, name); any++) {
        if (any->source == from)
            return any;
        if (any->everywhere)
            best = any;
    }
    return best;
}

static bool find_calls(struct graph *g)
{
    for (size_t k = 0; k < g->n; k++) {
        struct function *f = &g->f[k];
        f->calls = g->calls_n;
        for (size_t i = f->body; i < f->end; i++) {
            if (!rules_calls(f->source, i))
                continue;
            const struct function *to = meant(g, f->source, f->source->words[i].text);
            void *calls = g->calls;
            if (!to)
                continue;
            if (!grow(&calls, g->calls_n, &g->calls_room, sizeof *g->calls))
                return false;
            g->calls = calls;
            g->calls[g->calls_n++] = (size_t)(to - g->f);
        }
        f->called = g->calls_n - f->calls;
    }
    return true;
}

/* ---- circles ---------------------------------------------------------------------- */

static bool is_bounded(const struct function *f)
{
    return lex_comment_by(f->source, f->above, "Bound:");
}

static bool calls_itself(const struct graph *g, size_t k)
{
    for (size_t i = 0; i < g->f[k].called; i++)
        if (g->calls[g->f[k].calls + i] == k)
            return true;
    return false;
}

/* The functions from number `from` of the stack on call each other in a circle. */
static void look_at_circle(const struct graph *g, size_t from)
{
    const size_t *members = g->stack + from;
    size_t n = g->stack_n - from;
    char names[160] = "";
    bool image = false, bounded = false;
    if (n == 1 && !calls_itself(g, members[0]))
        return;
    for (size_t i = 0; i < n; i++) {
        const struct function *f = &g->f[members[i]];
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%.*s", i > 0 ? ", " : "", (int)f->name.n, f->name.p);
        bounded |= is_bounded(f);
        for (size_t k = 0; k < g->rules->files_n; k++)
            image |= &g->rules->files[k].source == f->source && g->rules->files[k].set != RULES_DECLARED;
    }
    const struct function *first = &g->f[members[0]];
    if (image && !bounded)
        rules_breach(
            g->rules, first->source, first->line,
            "recursion of %s: a loop knows its end; or a comment above says how deep it goes: Bound: …",
            names);
}

static void leave(struct graph *g, size_t k)
{
    if (g->f[k].low != g->f[k].order)
        return;
    size_t from = g->stack_n;
    do {
        from--;
        g->f[g->stack[from]].on_stack = false;
    } while (g->stack[from] != k);
    look_at_circle(g, from);
    g->stack_n = from;
}

static void lower(struct function *f, u32 low)
{
    if (low < f->low)
        f->low = low;
}

/* Tarjan's strongly connected components, without recursion of its own: `next` says how
 * many calls of each function have been followed. */
static void find_circles(struct graph *g, size_t root, size_t *next)
{
    size_t depth = 0;
    g->path[depth++] = root;
    while (depth > 0) {
        size_t k = g->path[depth - 1];
        struct function *f = &g->f[k];
        if (f->order == 0) {
            f->order = f->low = ++g->order;
            f->on_stack = true;
            g->stack[g->stack_n++] = k;
        }
        if (next[k] < f->called) {
            struct function *to = &g->f[g->calls[f->calls + next[k]++]];
            if (to->order == 0)
                g->path[depth++] = (size_t)(to - g->f);
            else if (to->on_stack)
                lower(f, to->order);
            continue;
        }
        leave(g, k);
        if (--depth > 0)
            lower(&g->f[g->path[depth - 1]], f->low);
    }
}

void rules_look_at_calls(struct rules *r)
{
    struct graph g = {.rules = r};
    bool done = true;
    for (size_t i = 0; i < r->files_n && done; i++)
        done = find_functions(&g, &r->files[i].source);
    if (g.n > 0)
        qsort(g.f, g.n, sizeof *g.f, by_name);
    done = done && find_calls(&g);
    size_t *next = calloc(g.n + 1, sizeof *next);
    g.stack = calloc(g.n + 1, sizeof *g.stack);
    g.path = calloc(g.n + 1, sizeof *g.path);
    done = done && next && g.stack && g.path;
    for (size_t k = 0; k < g.n && done; k++)
        if (g.f[k].order == 0)
            find_circles(&g, k, next);
    r->no_memory |= !done;
    free(g.f);
    free(g.calls);
    free(g.stack);
    free(g.path);
    free(next);
}
