/* C sources as words with line numbers, for the rules that no compiler knows
 * (pith/rules.h). Comments are kept apart; what the preprocessor would do is not done:
 * the words of a directive stand there like others, and are marked. */
#ifndef PITH_LEX_H
#define PITH_LEX_H

#include "base/view.h"

enum word_kind { WORD_NAME, WORD_NUMBER, WORD_TEXT /* string or character */, WORD_MARK };

struct word {
    struct view text; /* a WORD_MARK is one character, or -> */
    u32 line;
    enum word_kind kind;
    bool directive;   /* of a line that begins with # */
};

struct comment {
    struct view text;
    u32 from, to; /* lines */
};

struct source {
    const char *path;
    struct view bytes;
    struct word *words;
    struct comment *comments;
    size_t words_n, words_room, comments_n, comments_room;
};

/* Makes room for one more of `*p`, which has n of *room, each of `size` bytes. */
bool grow(void **p, size_t n, size_t *room, size_t size);

/* Reads the words of s->bytes. False: out of memory. */
bool lex(struct source *s);
void lex_free(struct source *s);

/* Word number i, or an empty mark outside of the source. */
struct word word_at(const struct source *s, size_t i);
bool word_is(const struct source *s, size_t i, const char *text);

/* The number of the word that closes the parenthesis, bracket or brace at `open`; of one
 * that is never closed, words_n. */
size_t word_closing(const struct source *s, size_t open);

/* Whether a comment that ends on that line or the line before has the text in it. */
bool lex_comment_by(const struct source *s, u32 line, const char *text);

#endif
