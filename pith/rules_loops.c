/* Loops that have no end in sight: those that say so (for (;;), while (true)), and those
 * that wait for what nothing in them changes. */
#include <string.h>

#include "pith/rules.h"

/* Functions that give way to other fibers, besides all that are given a deadline. */
static const char *const waiting[] = {
    "fiber_yield", "fiber_sleep_ns", "loop_wait_stop", "scope_join", "http_read", "http_write", "http_finish",
};

/* Words that a deadline is made of. */
static const char *const deadlines[] = {"deadline", "FOREVER", "loop_now", "NS_PER_S", "NS_PER_MS"};

static const char *const leaving[] = {"break", "return", "goto", "TRY", "boot_exit", "trap_with"};

struct loop {
    u32 line;
    size_t from, to;           /* the words of the condition */
    size_t body, end;          /* the words of the body, and of what a for does after it */
};

static bool among(struct view word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (view_eq(word, view_z(list[i])))
            return true;
    return false;
}

static bool has(const struct source *s, size_t from, size_t to, const char *const *list, size_t n)
{
    for (size_t i = from; i < to; i++)
        if (s->words[i].kind == WORD_NAME && among(s->words[i].text, list, n))
            return true;
    return false;
}

/* The end of the statement that begins at word i: its last word's number, plus 1. */
static size_t statement_end(const struct source *s, size_t i)
{
    size_t depth = 0;
    if (word_is(s, i, "{"))
        return word_closing(s, i) + 1;
    for (; i < s->words_n; i++) {
        if (word_is(s, i, "(") || word_is(s, i, "[") || word_is(s, i, "{"))
            depth++;
        else if (word_is(s, i, ")") || word_is(s, i, "]") || word_is(s, i, "}"))
            depth -= depth > 0;
        /* An if or loop within goes on to its own body, which is told by the brace. */
        if (depth == 0 && (word_is(s, i, ";") || word_is(s, i, "}")))
            return i + 1;
    }
    return s->words_n;
}

/* for (a; CONDITION; c) BODY, while (CONDITION) BODY; the while of do … while too, whose
 * body stands before it. */
static bool take_loop(const struct source *s, size_t i, struct loop *out)
{
    size_t close = word_closing(s, i + 1);
    bool is_for = word_is(s, i, "for");
    if (s->words[i].kind != WORD_NAME || (!is_for && !word_is(s, i, "while")) || !word_is(s, i + 1, "(") ||
        close >= s->words_n)
        return false;
    *out = (struct loop){s->words[i].line, i + 2, close, close + 1, statement_end(s, close + 1)};
    if (!is_for) {
        bool last = word_is(s, close + 1, ";") && i > 0 && word_is(s, i - 1, "}");
        if (!last)
            return true;
        for (size_t depth = 1; depth > 0 && i > 1; i--)
            depth += (size_t)word_is(s, i - 2, "}") - (size_t)word_is(s, i - 2, "{");
        out->body = i - 1;
        out->end = out->from;
        return word_is(s, i - 2, "do");
    }
    size_t first = i + 2, semicolons = 0;
    for (size_t k = i + 2; k < close && semicolons < 2; k++) {
        if (!word_is(s, k, ";"))
            continue;
        *(semicolons == 0 ? &out->from : &out->to) = semicolons == 0 ? k + 1 : k;
        first = k + 1;
        semicolons++;
    }
    if (semicolons == 2 && first < close)
        out->body = first; /* and the body after it */
    return semicolons == 2;
}

static bool is_endless(const struct source *s, const struct loop *l)
{
    return l->from == l->to ||
           (l->to - l->from == 1 && (word_is(s, l->from, "true") || word_is(s, l->from, "1")));
}

/* A function that waits, or a call one of whose arguments speaks of a deadline. */
static bool waits(const struct source *s, const struct loop *l)
{
    return has(s, l->body, l->end, waiting, COUNT(waiting)) ||
           has(s, l->body, l->end, deadlines, COUNT(deadlines));
}

/* Whether word i is assigned to, counted, or may be changed by who gets its address; what
 * belongs to it counts as well: x.rest = …, x->n++, take(&x->list). */
static bool changes(const struct source *s, size_t i)
{
    if (i > 0 && word_is(s, i - 1, "&"))
        return true;
    if (i > 1 && (word_is(s, i - 1, "+") || word_is(s, i - 1, "-")) &&
        view_eq(word_at(s, i - 2).text, word_at(s, i - 1).text))
        return true;
    size_t k = i + 1;
    while (word_is(s, k, ".") || word_is(s, k, "->") || word_is(s, k, "["))
        k = word_is(s, k, "[") ? word_closing(s, k) + 1 : k + 2;
    if (word_is(s, k, "=") && !word_is(s, k + 1, "="))
        return true;
    struct word mark = word_at(s, k), next = word_at(s, k + 1);
    if (mark.kind != WORD_MARK || next.kind != WORD_MARK)
        return false;
    bool counts = (word_is(s, k, "+") || word_is(s, k, "-")) && view_eq(mark.text, next.text);
    bool joins = word_is(s, k + 1, "=") && memchr("+-*/%&|^", view_at(mark.text, 0), 8);
    bool shifts =
        (word_is(s, k, "<") || word_is(s, k, ">")) && view_eq(mark.text, next.text) && word_is(s, k + 2, "=");
    return counts || joins || shifts;
}

/* A name that stands for something by itself: not the n of x.n. */
static bool is_root(const struct source *s, size_t i)
{
    return s->words[i].kind == WORD_NAME && !(i > 0 && (word_is(s, i - 1, ".") || word_is(s, i - 1, "->")));
}

/* Whether the condition calls anything, or the body changes, or hands to a function, what
 * the condition looks at. */
static bool moves(const struct source *s, const struct loop *l)
{
    for (size_t i = l->from; i < l->to; i++) {
        if (s->words[i].kind == WORD_NAME && word_is(s, i + 1, "("))
            return true;
        if (!is_root(s, i))
            continue;
        if (changes(s, i))
            return true;
        for (size_t k = l->body; k < l->end; k++) {
            if (!is_root(s, k) || !view_eq(s->words[k].text, s->words[i].text))
                continue;
            bool argument = (word_is(s, k - 1, "(") || word_is(s, k - 1, ",")) &&
                            (word_is(s, k + 1, ",") || word_is(s, k + 1, ")"));
            if (argument || changes(s, k))
                return true;
        }
    }
    return false;
}

static void look_at_loop(struct rules *r, const struct source *s, const struct loop *l)
{
    if (lex_comment_by(s, l->line, "Bound:"))
        return;
    bool leaves = has(s, l->body, l->end, leaving, COUNT(leaving));
    if (!is_endless(s, l)) {
        if (!leaves && !moves(s, l))
            rules_breach(r, s, l->line, "a loop without an end: nothing in it changes what it waits for");
    } else if (!waits(s, l)) {
        rules_breach(
            r, s, l->line,
            "an endless loop that never waits: let it wait with a deadline, put what ends it into its "
            "condition, or say in a comment by it what bounds it: Bound: …");
    }
}

void rules_look_at_loops(struct rules *r, const struct source *s)
{
    struct loop l;
    for (size_t i = 0; i < s->words_n; i++)
        if (take_loop(s, i, &l))
            look_at_loop(r, s, &l);
}
