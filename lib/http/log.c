#include "lib/http/log.h"

#include "base/fmt.h"
#include "fiber/loop.h"
#include "sig/clock.h"
#include "sig/console.h"

enum { LOG_BYTES = 4096, TEXT_MAX = 512 /* as written, of anything that the client chose */ };
#define FLUSH_NS (NS_PER_S / 4)

void http_access_log_flush(struct http_access_log *l)
{
    timer_stop(&l->flush);
    if (l->lines.n > 0)
        console_write(written(&l->lines));
    l->lines.n = 0;
    l->lines.full = false;
}

static void flush_due(struct timer *t, u64 now)
{
    (void)now;
    http_access_log_flush(CONTAINER(t, struct http_access_log, flush));
}

enum err http_access_log_init(struct http_access_log *l, struct arena *a, struct view format)
{
    *l = (struct http_access_log){
        .lines = writer_of(arena_alloc(a, LOG_BYTES, 1)),
        .flush = {.fire = flush_due},
        .json = view_eq(format, VIEW("json")),
    };
    if (!l->json && !view_eq(format, VIEW("common")))
        return ERR_INVALID;
    return l->lines.out.n > 0 ? OK : ERR_NO_MEMORY;
}

static void put_remote(struct writer *w, struct endpoint remote)
{
    if (ip_is4(remote.ip)) {
        put_ip4(w, ip_to4(remote.ip));
        return;
    }
    for (size_t i = 0; i < sizeof remote.ip.b; i += 2) {
        put_text(w, i > 0 ? ":" : "");
        put_hex(w, load_be16(VIEW_OF(remote.ip.b), i), 1);
    }
}

static struct view known_or_none(const struct http_head *h, enum http_known which)
{
    struct view v = VIEW_NONE;
    return h && http_known(h, which, &v) ? v : VIEW_NONE;
}

/* A client's text inside quotes, cut short; bytes that are not ASCII as \u00XX, since
 * nothing says that they are UTF-8. */
static void put_quoted(struct writer *w, struct view text)
{
    put_u8(w, '"');
    size_t end = w->n + TEXT_MAX;
    for (size_t i = 0; i < text.n && w->n < end; i++) {
        u8 c = view_at(text, i);
        if (c == '"' || c == '\\')
            put_u8(w, '\\');
        if (c >= 0x20 && c < 0x7f) {
            put_u8(w, c);
        } else {
            put_text(w, "\\u");
            put_hex(w, c, 4);
        }
    }
    put_u8(w, '"');
}

static void put_json_line(struct writer *w, const struct http_log_entry *e, struct date now)
{
    const struct http_head *h = e->head;
    put_text(w, "{\"time\":\"");
    put_iso_date(w, now);
    put_text(w, "\",\"remote\":\"");
    put_remote(w, e->remote);
    put_text(w, "\",\"method\":");
    put_quoted(w, h ? http_slot_view(h, h->method_name) : VIEW_NONE);
    put_text(w, ",\"target\":");
    put_quoted(w, h ? http_slot_view(h, h->target) : VIEW_NONE);
    put_text(w, ",\"status\":");
    put_dec(w, e->status);
    put_text(w, ",\"bytes\":");
    put_dec(w, e->body_bytes);
    put_text(w, ",\"us\":");
    put_dec(w, e->duration_ns / NS_PER_US);
    put_text(w, ",\"referer\":");
    put_quoted(w, known_or_none(h, HTTP_REFERER));
    put_text(w, ",\"agent\":");
    put_quoted(w, known_or_none(h, HTTP_USER_AGENT));
    put_text(w, "}\n");
}

/* [10/Oct/2000:13:55:36 +0000] */
static void put_common_date(struct writer *w, struct date d)
{
    struct view months = VIEW("JanFebMarAprMayJunJulAugSepOctNovDec");
    put_text(w, "[");
    put_dec_pad(w, d.day, 2);
    put_text(w, "/");
    put_bytes(w, view_sub(months, ((size_t)d.month - 1) * 3, 3));
    put_text(w, "/");
    put_dec_pad(w, (u64)d.year, 4);
    put_text(w, ":");
    put_dec_pad(w, d.hour, 2);
    put_text(w, ":");
    put_dec_pad(w, d.minute, 2);
    put_text(w, ":");
    put_dec_pad(w, d.second, 2);
    put_text(w, " +0000]");
}

static void put_common_line(struct writer *w, const struct http_log_entry *e, struct date now)
{
    const struct http_head *h = e->head;
    put_remote(w, e->remote);
    put_text(w, " - - ");
    put_common_date(w, now);
    if (h) {
        struct view target = http_slot_view(h, h->target);
        put_text(w, " \"");
        put_bytes(w, http_slot_view(h, h->method_name));
        put_text(w, " ");
        put_bytes(w, target.n > TEXT_MAX ? view_first(target, TEXT_MAX) : target);
        put_text(w, " HTTP/1.");
        put_dec(w, h->minor);
        put_text(w, "\" ");
    } else {
        put_text(w, " \"-\" ");
    }
    put_dec(w, e->status);
    put_text(w, " ");
    put_dec(w, e->body_bytes);
    put_text(w, "\n");
}

static void put_line(struct http_access_log *l, const struct http_log_entry *e, struct date now)
{
    if (l->json)
        put_json_line(&l->lines, e, now);
    else
        put_common_line(&l->lines, e, now);
}

void http_access_log(void *log, const struct http_log_entry *e)
{
    struct http_access_log *l = log;
    struct date now = date_of(clock_wall_ns() / NS_PER_S);
    size_t before = l->lines.n;
    put_line(l, e, now);
    if (l->lines.full) { /* no room for all of it: once more, into an empty buffer */
        l->lines.n = before;
        http_access_log_flush(l);
        put_line(l, e, now);
    }
    if (!timer_armed(&l->flush))
        timer_set(&l->flush, loop_now() + FLUSH_NS);
}
