#include "pith/retell.h"

#include "base/fmt.h"
#include "base/num.h"

struct view retell_after(struct view line, struct view words, u8 end)
{
    struct view rest;
    size_t at = view_find_seq(line, words);
    return at < line.n ? view_cut(view_from(line, at + words.n), end, &rest) : VIEW_NONE;
}

bool retell_hex(struct view digits, u64 *out)
{
    *out = 0;
    if (digits.n == 0 || digits.n > 16)
        return false;
    for (; digits.n > 0; digits = view_from(digits, 1)) {
        u8 c = ascii_lower(view_at(digits, 0));
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
            return false;
        *out = *out << 4 | (u64)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return true;
}

/* For a terminal: whatever a log holds. */
static void print(FILE *out, struct view text)
{
    u8 piece[4 * 64];
    while (text.n > 0) {
        size_t n = MIN(text.n, sizeof piece / 4);
        bool cut = n > 1 && n < text.n && view_at(text, n - 1) >= 0xc0; /* within a character */
        struct view first = view_first(text, n - cut);
        struct writer w = writer_of(SPAN_OF(piece));
        put_visible(&w, first);
        fwrite(piece, 1, w.n, out);
        text = view_from(text, first.n);
    }
}

void retell_frame(const struct report_names *names, FILE *out, struct view before, const char *label, u64 at)
{
    static u8 text[64 * 1024];
    struct writer w = writer_of(SPAN_OF(text));
    report_put_frame(&w, names, label, at);
    for (struct view rest = written(&w); rest.n > 0;) {
        struct view line = view_cut(rest, '\n', &rest);
        print(out, before);
        print(out, line);
        putc('\n', out);
    }
}

/* Whether the line is told by others: what was inlined with its frame, and how to get
 * lines not at all. */
static bool is_superseded(struct view line)
{
    return view_find_seq(line, VIEW("  inlined  ")) < line.n ||
           view_find_seq(line, VIEW("  lines    pith symbolize ")) < line.n;
}

/* What stands before the frame on its line, a log's time maybe, stands before all of it. */
static bool tell_frame(const struct report_names *names, FILE *out, struct view line)
{
    static const char *const labels[] = {"  at       ", "  from     "};
    u64 at;
    if (!retell_hex(retell_after(line, VIEW("(image+0x"), ')'), &at))
        return false;
    for (size_t i = 0; i < COUNT(labels); i++) {
        size_t from = view_find_seq(line, view_z(labels[i]));
        if (from == line.n)
            continue;
        retell_frame(names, out, view_first(line, from), labels[i], at);
        return true;
    }
    return false;
}

void retell_line(const struct report_names *names, FILE *out, struct view line)
{
    if (names->lines.info.n > 0 && is_superseded(line))
        return;
    if (tell_frame(names, out, line))
        return;
    print(out, line);
    putc('\n', out);
}
