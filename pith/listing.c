#include "pith/listing.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/fmt.h"
#include "pith/common.h"

const char *human_size(u64 bytes)
{
    static char texts[4][24];
    static unsigned turn;
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    char *text = texts[turn++ % 4];
    if (bytes < 1024) {
        snprintf(text, sizeof texts[0], "%" PRIu64 " B", bytes);
        return text;
    }
    size_t unit = 0;
    double x = (double)bytes / 1024;
    for (; x >= 1024 && unit + 1 < COUNT(units); unit++)
        x /= 1024;
    snprintf(text, sizeof texts[0], x < 10 ? "%.1f %s" : "%.0f %s", x, units[unit]);
    return text;
}

/* How long the UTF-8 character at the start of the text is (RFC 3629); 0: there is none. */
static size_t character_n(struct view text)
{
    u8 c = view_at(text, 0);
    size_t n = c < 0x80 ? 1 : c < 0xc2 || c > 0xf4 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (n > text.n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((view_at(text, i) & 0xc0) != 0x80)
            return 0;
    u8 second = n > 1 ? view_at(text, 1) : 0;
    bool odd = (c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) || (c == 0xf0 && second < 0x90) ||
               (c == 0xf4 && second > 0x8f);
    return odd ? 0 : n;
}

void print_json_text(struct view text)
{
    u8 piece[16];
    putchar('"');
    while (text.n > 0) {
        size_t n = character_n(text);
        struct writer w = writer_of(SPAN_OF(piece));
        put_json(&w, n > 0 ? view_first(text, n) : VIEW("\xef\xbf\xbd")); /* U+FFFD: JSON is UTF-8 */
        fwrite(piece + 1, 1, w.n - 2, stdout);
        text = view_from(text, n > 0 ? n : 1);
    }
    putchar('"');
}

static struct bundle_file file_at(struct view bundle, const struct bundle_header *h, u32 index)
{
    struct bundle_file f;
    must(bundle_get_file(bundle, h, index, &f) == OK);
    return f;
}

void listing_print(struct view bundle, const struct bundle_header *h)
{
    u64 plain = 0, gzip = 0, packed = 0;
    printf("%10s %10s  %-28s %s\n", "size", "gzip", "type", "path");
    for (u32 i = 0; i < h->files; i++) {
        struct bundle_file f = file_at(bundle, h, i);
        printf("%10s %10s  %-28s %s\n", human_size(f.plain.body.n),
               f.has_gzip ? human_size(f.gzip.body.n) : "-", visible(f.mime), visible(f.path));
        plain += f.plain.body.n;
        gzip += f.gzip.body.n;
        packed += f.has_gzip;
    }
    printf("%" PRIu32 " files, %s; %" PRIu64 " of them also as gzip, %s; %s in all\n", h->files,
           human_size(plain), packed, human_size(gzip), human_size(h->size));
}

void listing_print_json(struct view bundle, const struct bundle_header *h)
{
    putchar('[');
    for (u32 i = 0; i < h->files; i++) {
        struct bundle_file f = file_at(bundle, h, i);
        printf("%s\n    {\"path\": ", i > 0 ? "," : "");
        print_json_text(f.path);
        printf(", \"size\": %zu, \"gzip_size\": ", f.plain.body.n);
        if (f.has_gzip)
            printf("%zu", f.gzip.body.n);
        else
            printf("null");
        printf(", \"type\": ");
        print_json_text(f.mime);
        printf(", \"modified\": %" PRIu64 ", \"etag\": ", f.modified_unix_s);
        print_json_text(f.plain.etag);
        putchar('}');
    }
    printf("%s]", h->files > 0 ? "\n  " : "");
}
