/* What is built by hand where only base/ and a macro make it right: a pointer with its
 * length, the end of a scope, a text without one. */
#include "pith/rules.h"

/* "struct view {" in a value: (struct view){p, n} or struct view v = {p, n}; {0} is nothing. */
static bool is_joined(const struct rules *r, const struct source *s, size_t i)
{
    struct view type = word_at(s, i + 1).text;
    if (!view_eq(type, VIEW("view")) && !view_eq(type, VIEW("span")) && !rules_among(&r->slices, type))
        return false;
    size_t open = 0;
    if (word_is(s, i + 2, ")"))
        open = i + 3;
    else if (word_at(s, i + 2).kind == WORD_NAME && word_is(s, i + 3, "="))
        open = i + 4;
    bool nothing = word_is(s, open + 1, "}") || (word_is(s, open + 1, "0") && word_is(s, open + 2, "}"));
    return open > 0 && word_is(s, open, "{") && !nothing;
}

/* "struct scope name;", also of a struct or an array; not a pointer to one. */
static bool is_scope(const struct source *s, size_t i)
{
    return word_is(s, i + 1, "scope") && word_at(s, i + 2).kind == WORD_NAME &&
           (word_is(s, i + 3, ";") || word_is(s, i + 3, "=") || word_is(s, i + 3, "["));
}

void rules_look_at_shapes(struct rules *r, const struct source *s)
{
    for (size_t i = 0; i < s->words_n; i++) {
        const char *what = NULL;
        if (word_is(s, i, "struct") && is_joined(r, s, i))
            what = "pointer and length joined by hand: VIEW_OF, SPAN_OF, SLICE_OF, or parts of these";
        else if ((word_is(s, i, "struct") && is_scope(s, i)) ||
                 (word_is(s, i, "scope_open") && rules_calls(s, i)))
            what = "a scope that no block ends: SCOPE(id, name), and pointers to it";
        else if (word_is(s, i, "char") && word_at(s, i + 1).kind == WORD_NAME && word_is(s, i + 2, "["))
            what = "array of char: text is a literal of our own, or a view of bytes (u8)";
        if (what)
            rules_breach(r, s, s->words[i].line, "%s", what);
    }
}
