#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/fmt.h"
#include "base/hash.h"
#include "base/num.h"
#include "pith/bundle.h"
#include "pith/command.h"
#include "pith/mime.h"
#include "pith/tree.h"
#include "wire/bundle.h"

#define FILE_BYTES_MAX ((u64)1 << 30) /* a file is held in memory while it is bundled */

enum {
    HEADS_MAX = 1024 + 2 * BUNDLE_PATH_MAX, /* texts of one file: its path, four heads */
    ETAG_SIZE = 24,                         /* 22 digits of base64url, two quotes */
    PROGRESS_AFTER_MS = 400,                /* nothing is said about quick work */
    PROGRESS_EVERY_MS = 100,
};

const struct bundle_options bundle_sealed = {.gzip_level = 9};
const struct bundle_options bundle_quick = {.gzip_level = 5};

struct buffer {
    u8 *p;
    size_t n, room;
};

struct maker {
    const struct bundle_options *options;
    int fd;
    u64 base;             /* where in the file the bundle begins */
    u64 at;               /* from there: where the next body goes */
    u64 now_s;
    struct bundle_record *records;
    struct buffer texts, content, packed;
    z_stream z;
    size_t zlib_used; /* bytes of its memory */
    u64 started_ms, told_ms;
};

static int grow(struct buffer *b, size_t room)
{
    if (room <= b->room)
        return EXIT_OK;
    room = MAX(room, b->room * 2);
    u8 *p = realloc(b->p, room);
    if (!p)
        return fail("out of memory: a file of %zu bytes does not fit", room);
    b->p = p;
    b->room = room;
    return EXIT_OK;
}

static u64 now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * 1000 + (u64)t.tv_nsec / 1000000;
}

static void tell_progress(struct maker *m, const struct tree *t, size_t done)
{
    u64 now = now_ms();
    if (now - m->started_ms < PROGRESS_AFTER_MS || now - m->told_ms < PROGRESS_EVERY_MS || !isatty(2))
        return;
    m->told_ms = now;
    fprintf(stderr, "\rbundling: %zu of %zu files\033[K", done, t->n);
}

static void end_progress(const struct maker *m)
{
    if (m->told_ms != 0)
        fprintf(stderr, "\r\033[K");
}

/* Reads to the end, however long the file has become since it was listed. */
static int read_content(struct maker *m, const struct tree_file *f)
{
    if (f->size > FILE_BYTES_MAX)
        return fail("%s: larger than 1 GiB; a bundle holds no such file", f->name);
    int fd = open(f->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail("%s: %s", f->name, strerror(errno));
    int code = grow(&m->content, f->size + 1);
    ssize_t got = 1;
    for (m->content.n = 0; code == EXIT_OK && got > 0;) {
        got = read(fd, m->content.p + m->content.n, m->content.room - m->content.n);
        if (got < 0)
            code = fail("%s: %s", f->name, strerror(errno));
        m->content.n += got > 0 ? (size_t)got : 0;
        if (code == EXIT_OK && m->content.n == m->content.room)
            code = m->content.n > FILE_BYTES_MAX ? fail("%s: grows while it is read", f->name)
                                                 : grow(&m->content, m->content.room * 2);
    }
    close(fd);
    return code;
}

static int write_at(struct maker *m, u64 at, struct view bytes)
{
    while (bytes.n > 0) {
        ssize_t n = pwrite(m->fd, bytes.p, bytes.n, (off_t)(m->base + at));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail("cannot write the bundle: %s", strerror(n < 0 ? errno : ENOSPC));
        bytes = view_from(bytes, (size_t)n);
        at += (size_t)n;
    }
    return EXIT_OK;
}

/* The gzip form of the content if it is at least a tenth smaller. */
static int pack(struct maker *m, bool *smaller)
{
    *smaller = false;
    must(deflateReset(&m->z) == Z_OK); /* first: a stream that has ended has a smaller bound */
    int code = grow(&m->packed, deflateBound(&m->z, m->content.n));
    if (code != EXIT_OK)
        return code;
    m->z.next_in = m->content.p;
    m->z.avail_in = (uInt)m->content.n;
    m->z.next_out = m->packed.p;
    m->z.avail_out = (uInt)m->packed.room;
    if (deflate(&m->z, Z_FINISH) != Z_STREAM_END)
        return fail("zlib cannot compress a file; try `pith bundle --level 0`");
    m->packed.n = m->packed.room - m->z.avail_out;
    *smaller = m->packed.n <= m->content.n - m->content.n / 10;
    return EXIT_OK;
}

/* Writes a body at the next aligned place and says where it is. */
static int put_body(struct maker *m, const struct buffer *body, struct bundle_form_record *out)
{
    struct view bytes = {body->p, body->n};
    m->at = align_up(m->at, BUNDLE_ALIGN);
    out->body_at = m->at;
    out->body_n = body->n;
    out->body_sum = checksum64(0, bytes);
    m->at += body->n;
    return write_at(m, out->body_at, bytes);
}

/* A text that lies in the texts from `at` to where the writer is. */
static struct bundle_text text_since(const struct writer *w, size_t at)
{
    return (struct bundle_text){to_u32(at), to_u32(w->n - at)};
}

/* A strong ETag: 128 bits of SipHash-2-4 over the form's bytes, in base64url. Its
 * keys are fixed, so the same bytes have the same tag everywhere. Two versions of a
 * file share a tag with a chance of 2^-128; someone who could force that would
 * deceive the readers of his own site only. */
static void make_etag(const struct buffer *body, struct span out)
{
    static const struct hash_key keys[2] = {{0x50697468, 0x45546167}, {0x45546167, 0x50697468}};
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct view bytes = {body->p, body->n};
    unsigned __int128 hash = (unsigned __int128)siphash24(keys[0], bytes) << 64 | siphash24(keys[1], bytes);
    struct writer w = writer_of(out);
    put_u8(&w, '"');
    for (int shift = 126; shift >= 0; shift -= 6)
        put_u8(&w, (u8)digits[(unsigned)(hash >> shift) & 63]);
    put_u8(&w, '"');
    must(!w.full && w.n == ETAG_SIZE);
}

static struct bundle_text put_date(struct writer *w, u64 unix_s)
{
    put_text(w, "Last-Modified: ");
    size_t at = w->n;
    put_http_date(w, date_of(unix_s));
    struct bundle_text date = text_since(w, at);
    put_text(w, "\r\n");
    return date;
}

/* What a cache must know even when nothing changed (RFC 9110 §15.4.5). */
static void put_validators(struct writer *w, struct bundle_record *r, struct bundle_form_record *form,
                           struct view etag)
{
    put_text(w, "ETag: ");
    size_t at = w->n;
    put_bytes(w, etag);
    form->etag = text_since(w, at);
    put_text(w, "\r\n");
    r->last_modified = put_date(w, r->modified_unix_s);
    if (r->flags & BUNDLE_GZIP)
        put_text(w, "Vary: Accept-Encoding\r\n");
}

static void put_heads(struct writer *w, struct bundle_record *r, struct bundle_form_record *form,
                      const struct buffer *body, const char *type)
{
    u8 etag[ETAG_SIZE];
    make_etag(body, SPAN_OF(etag));
    size_t start = w->n;
    put_text(w, "HTTP/1.1 200 OK\r\nContent-Type: ");
    size_t at = w->n;
    put_text(w, type);
    r->mime = text_since(w, at);
    put_text(w, "\r\nContent-Length: ");
    put_dec(w, body->n);
    put_text(w, form == &r->gzip ? "\r\nContent-Encoding: gzip\r\n" : "\r\n");
    put_validators(w, r, form, VIEW_OF(etag));
    put_text(w, "Accept-Ranges: bytes\r\n");
    form->head_200 = text_since(w, start);

    start = w->n;
    put_text(w, "HTTP/1.1 304 Not Modified\r\n");
    put_validators(w, r, form, VIEW_OF(etag));
    form->head_304 = text_since(w, start);
}

static int put_texts(struct maker *m, const struct tree_file *f, struct bundle_record *r, const char *type)
{
    int code = grow(&m->texts, m->texts.n + HEADS_MAX);
    if (code != EXIT_OK)
        return code;
    if (m->texts.n + HEADS_MAX > UINT32_MAX)
        return fail("too many files: their names and response heads exceed 4 GiB");
    struct writer w = {.out = {m->texts.p, m->texts.room}, .n = m->texts.n};
    size_t at = w.n;
    put_text(&w, f->path);
    r->path = text_since(&w, at);
    put_heads(&w, r, &r->plain, &m->content, type);
    if (r->flags & BUNDLE_GZIP)
        put_heads(&w, r, &r->gzip, &m->packed, type);
    must(!w.full);
    m->texts.n = w.n;
    return EXIT_OK;
}

/* Not in the future, where Last-Modified must not lie (RFC 9110 §8.8.2.1). */
static u64 modified(const struct maker *m, const struct tree_file *f)
{
    u64 latest = m->options->has_epoch ? MIN(m->options->epoch_s, m->now_s) : m->now_s;
    return f->modified_s < 0 ? 0 : MIN((u64)f->modified_s, latest);
}

static int put_file(struct maker *m, const struct tree_file *f, struct bundle_record *r)
{
    bool smaller = false;
    int code = read_content(m, f);
    if (code != EXIT_OK)
        return code;
    struct mime mime = mime_of(f->path, (struct view){m->content.p, m->content.n});
    *r = (struct bundle_record){.modified_unix_s = modified(m, f)};
    if (mime.compressible && m->options->gzip_level > 0 && (code = pack(m, &smaller)) != EXIT_OK)
        return code;
    r->flags = smaller ? BUNDLE_GZIP : 0;
    if ((code = put_body(m, &m->content, &r->plain)) != EXIT_OK)
        return code;
    if (smaller && (code = put_body(m, &m->packed, &r->gzip)) != EXIT_OK)
        return code;
    return put_texts(m, f, r, mime.type);
}

static u32 buckets_for(size_t files)
{
    u32 n = 2;
    while (n < 2 * files)
        n *= 2;
    return n;
}

static void put_table(struct writer *w, const struct maker *m, u32 files, u32 buckets,
                      struct bundle_slot *slots)
{
    for (u32 i = 0; i < files; i++) {
        struct bundle_text path = m->records[i].path;
        u32 hash = bundle_hash((struct view){m->texts.p + path.at, path.n});
        u32 at = hash & (buckets - 1);
        while (slots[at].number != 0)
            at = (at + 1) & (buckets - 1);
        slots[at] = (struct bundle_slot){.hash = hash, .number = i + 1};
    }
    for (u32 i = 0; i < buckets; i++)
        bundle_put_slot(w, slots[i]);
}

static int put_index(struct maker *m, size_t files, u64 *size)
{
    struct bundle_header h = {
        .files = to_u32(files),
        .buckets = buckets_for(files),
        .texts_n = to_u32(m->texts.n),
        .index_at = align_up(m->at, BUNDLE_ALIGN),
    };
    size_t n = (size_t)h.buckets * BUNDLE_SLOT_SIZE + files * BUNDLE_RECORD_SIZE + h.texts_n;
    h.size = h.index_at + n;
    u8 *index = malloc(n);
    struct bundle_slot *slots = calloc(h.buckets, sizeof *slots);
    if (!index || !slots) {
        free(index);
        free(slots);
        return fail("out of memory");
    }
    struct writer w = writer_of((struct span){index, n});
    put_table(&w, m, h.files, h.buckets, slots);
    for (size_t i = 0; i < files; i++)
        bundle_put_record(&w, &m->records[i]);
    put_bytes(&w, (struct view){m->texts.p, m->texts.n});
    must(!w.full && w.n == n);
    h.index_sum = checksum64(0, written(&w));
    u8 header[BUNDLE_HEADER_SIZE];
    struct writer hw = writer_of(SPAN_OF(header));
    bundle_put_header(&hw, &h);
    must(!hw.full);
    int code = write_at(m, h.index_at, written(&w));
    if (code == EXIT_OK)
        code = write_at(m, 0, written(&hw));
    free(slots);
    free(index);
    *size = h.size;
    return code;
}

static int put_all(struct maker *m, const struct tree *t, u64 *size)
{
    m->records = calloc(t->n, sizeof *m->records);
    if (!m->records)
        return fail("out of memory");
    for (size_t i = 0; i < t->n; i++) {
        tell_progress(m, t, i);
        int code = put_file(m, &t->files[i], &m->records[i]);
        if (code != EXIT_OK)
            return code;
    }
    return put_index(m, t->n, size);
}

/* zlib's memory, piece after piece, never given back: where malloc would put its six
 * pieces into pages of their own. What its manual says that it takes at most, and more. */
static void *zlib_alloc(void *opaque, unsigned count, unsigned size)
{
    enum { ROOM = (1 << (15 + 2)) + (1 << (9 + 9)) + (1 << 14) };
    static _Alignas(64) u8 room[ROOM];
    size_t *used = opaque, n = align_up((size_t)count * size, 64);
    if (n > ROOM - *used)
        return NULL;
    *used += n;
    return room + *used - n;
}

static void zlib_free(void *opaque, void *p)
{
    (void)opaque;
    (void)p;
}

/* A compressor whose window reaches over the largest file, and no further: its memory
 * is touched in every start of a small site, and a page fault costs some 4 µs. */
static int open_compressor(struct maker *m, const struct tree *t)
{
    enum { LEAST = 9, MOST = 15, GZIP = 16, LOOKAHEAD = 262 };
    u64 largest = 0;
    int bits = LEAST;
    m->z.zalloc = zlib_alloc;
    m->z.zfree = zlib_free;
    m->z.opaque = &m->zlib_used;
    for (size_t i = 0; i < t->n; i++)
        largest = MAX(largest, t->files[i].size);
    while (bits < MOST && 1ull << bits < largest + LOOKAHEAD)
        bits++;
    /* GZIP asks for that format, without a name or time: the same bytes each time. */
    if (deflateInit2(&m->z, m->options->gzip_level, Z_DEFLATED, GZIP + bits, bits - (MOST - 9),
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return fail("out of memory");
    return EXIT_OK;
}

int bundle_write(const char *dir, const struct bundle_options *options, int out_fd, u64 offset, u64 *size)
{
    struct tree tree;
    struct maker m = {
        .options = options,
        .fd = out_fd,
        .base = offset,
        .at = BUNDLE_HEADER_SIZE,
        .now_s = (u64)time(NULL),
        .started_ms = now_ms(),
    };
    int code = tree_read(dir, out_fd, &tree);
    if (code == EXIT_OK)
        code = open_compressor(&m, &tree);
    if (code == EXIT_OK)
        code = put_all(&m, &tree, size);
    end_progress(&m);
    deflateEnd(&m.z);
    free(m.records);
    free(m.texts.p);
    free(m.content.p);
    free(m.packed.p);
    tree_free(&tree);
    return code;
}

int bundle_make(const char *dir, int out_fd)
{
    u64 size;
    return bundle_write(dir, &bundle_quick, out_fd, 0, &size);
}

bool bundle_is(struct view first_bytes)
{
    return view_starts(first_bytes, VIEW("PithBndl"));
}
