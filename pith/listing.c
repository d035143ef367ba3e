#include "pith/listing.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/fmt.h"

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

void print_json_text(struct view text)
{
    u8 piece[16];
    putchar('"');
    for (; text.n > 0; text = view_from(text, 1)) {
        struct writer w = writer_of(SPAN_OF(piece));
        put_json(&w, view_first(text, 1));
        fwrite(piece + 1, 1, w.n - 2, stdout);
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
        printf("%10s %10s  %-28.*s %.*s\n", human_size(f.plain.body.n),
               f.has_gzip ? human_size(f.gzip.body.n) : "-", (int)f.mime.n, f.mime.p, (int)f.path.n,
               f.path.p);
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
