#include "pith/lex.h"

#include <stdlib.h>

#include "base/num.h"

struct lexer {
    struct source *s;
    struct view rest;
    u32 line;
    bool directive, begun; /* a word of this line was read */
};

static bool is_name(u8 c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '_' ||
           c >= 0x80;
}

bool grow(void **p, size_t n, size_t *room, size_t size)
{
    if (n < *room)
        return true;
    size_t more = *room ? *room * 2 : 64;
    void *bigger = realloc(*p, more * size);
    if (!bigger)
        return false;
    *p = bigger;
    *room = more;
    return true;
}

/* The first n bytes, which may hold line ends. */
static struct view take(struct lexer *x, size_t n)
{
    struct view text = view_first(x->rest, n);
    for (size_t i = 0; i < n; i++)
        x->line += view_at(text, i) == '\n';
    x->rest = view_from(x->rest, n);
    return text;
}

static bool add_word(struct lexer *x, enum word_kind kind, size_t n)
{
    struct source *s = x->s;
    void *words = s->words;
    u32 line = x->line;
    if (!grow(&words, s->words_n, &s->words_room, sizeof *s->words))
        return false;
    s->words = words;
    x->directive |= kind == WORD_MARK && !x->begun && view_at(x->rest, 0) == '#';
    x->begun = true;
    s->words[s->words_n++] = (struct word){take(x, n), line, kind, x->directive};
    return true;
}

static bool add_comment(struct lexer *x, size_t n)
{
    struct source *s = x->s;
    void *comments = s->comments;
    u32 from = x->line;
    if (!grow(&comments, s->comments_n, &s->comments_room, sizeof *s->comments))
        return false;
    s->comments = comments;
    struct view text = take(x, n);
    s->comments[s->comments_n++] = (struct comment){text, from, x->line};
    return true;
}

/* How long the string or character is that begins here; a line's end ends it. */
static size_t quoted(struct view v)
{
    u8 quote = view_at(v, 0);
    for (size_t i = 1; i < v.n; i++) {
        u8 c = view_at(v, i);
        if (c == '\\')
            i++;
        else if (c == quote)
            return i + 1;
        else if (c == '\n')
            return i;
    }
    return v.n;
}

static size_t run_of_name(struct view v)
{
    size_t n = 0;
    while (n < v.n && is_name(view_at(v, n)))
        n++;
    return n;
}

/* Numbers of C hold dots, signs after an exponent and letters. */
static size_t run_of_number(struct view v)
{
    size_t n = 1;
    for (; n < v.n; n++) {
        u8 c = view_at(v, n), before = ascii_lower(view_at(v, n - 1));
        bool sign = (c == '+' || c == '-') && (before == 'e' || before == 'p') && view_at(v, 0) != '0';
        if (!is_name(c) && c != '.' && !sign)
            break;
    }
    return n;
}

static bool step(struct lexer *x)
{
    struct view v = x->rest;
    u8 c = view_at(v, 0);
    if (view_starts(v, VIEW("\\\n"))) {
        take(x, 2);
        return true;
    }
    if (c == '\n')
        x->directive = x->begun = false;
    if (c == ' ' || (c >= '\t' && c <= '\r')) {
        take(x, 1);
        return true;
    }
    if (view_starts(v, VIEW("/*")))
        return add_comment(x, MIN(view_find_seq(view_from(v, 2), VIEW("*/")) + 4, v.n));
    if (view_starts(v, VIEW("//")))
        return add_comment(x, view_find(v, '\n'));
    if (c == '"' || c == '\'')
        return add_word(x, WORD_TEXT, quoted(v));
    if (c >= '0' && c <= '9')
        return add_word(x, WORD_NUMBER, run_of_number(v));
    if (is_name(c))
        return add_word(x, WORD_NAME, run_of_name(v));
    return add_word(x, WORD_MARK, view_starts(v, VIEW("->")) ? 2 : 1);
}

bool lex(struct source *s)
{
    struct lexer x = {.s = s, .rest = s->bytes, .line = 1};
    while (x.rest.n > 0)
        if (!step(&x))
            return false;
    return true;
}

void lex_free(struct source *s)
{
    free(s->words);
    free(s->comments);
}

struct word word_at(const struct source *s, size_t i)
{
    return i < s->words_n ? s->words[i] : (struct word){.kind = WORD_MARK};
}

bool word_is(const struct source *s, size_t i, const char *text)
{
    return view_eq(word_at(s, i).text, view_z(text));
}

static bool is_one_of(struct view word, const char *marks)
{
    return word.n == 1 && view_find(view_z(marks), view_at(word, 0)) < view_z(marks).n;
}

size_t word_closing(const struct source *s, size_t open)
{
    size_t depth = 0;
    for (size_t i = open; i < s->words_n; i++) {
        if (s->words[i].kind != WORD_MARK || s->words[i].directive != s->words[open].directive)
            continue;
        if (is_one_of(s->words[i].text, "([{"))
            depth++;
        if (is_one_of(s->words[i].text, ")]}") && --depth == 0)
            return i;
    }
    return s->words_n;
}

bool lex_comment_by(const struct source *s, u32 line, const char *text)
{
    for (size_t i = 0; i < s->comments_n; i++) {
        const struct comment *c = &s->comments[i];
        if ((c->to == line || c->to + 1 == line) && view_find_seq(c->text, view_z(text)) < c->text.n)
            return true;
    }
    return false;
}
