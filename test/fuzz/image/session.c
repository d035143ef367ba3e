/* Sessions of a whole image, from scripts (host/fuzz/script.c), and mutations that know
 * what a script is: steps are changed, doubled, moved, taken out and put in, and two
 * scripts are joined where steps begin. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/random.h"
#include "test/fuzz/fuzz.h"
#include "test/fuzz/image/image.h"

enum { SCRIPT_MAX = 8192, STEPS_MAX = 512, ARGS_MAX = 255 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerMutate(u8 *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const u8 *a, size_t a_n, const u8 *b, size_t b_n, u8 *out, size_t out_n,
                                 unsigned seed);

static void tell_stats(void)
{
    enum { DAY_S = 86400 };
    const struct fuzz_stats s = fuzz_stats();
    const struct {
        u64 n;
        const char *what;
    } told[] = {{s.sessions, "sessions"},
                {s.frames_in, "frames in"},
                {s.frames_out, "frames out"},
                {s.connections, "connections"},
                {s.streamed_bytes, "bytes of streams"},
                {s.probes, "probes"},
                {s.virtual_s / DAY_S, "days of virtual time"}};
    for (size_t i = 0; i < COUNT(told); i++)
        fprintf(stderr, "%s%llu %s", i > 0 ? ", " : "fuzz: ", (unsigned long long)told[i].n, told[i].what);
    fputc('\n', stderr);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static struct fuzz_image image;
    char path[4096];
    (void)argc;
    snprintf(path, sizeof path, "%s.pith", (*argv)[0]);
    struct view bundle = image_open(&image, path);
    fuzz_open(&image, bundle);
    atexit(tell_stats);
    return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    fuzz_session((struct view){data, n});
    return 0;
}

/* ---- mutation -------------------------------------------------------------------- */

struct script {
    struct view config;
    struct view steps[STEPS_MAX]; /* each with its header */
    size_t n;
};

/* Pieces of sessions that take long to be guessed. \x80 and up are words of the script. */
static const struct {
    const char *bytes;
    size_t n;
} phrases[] = {
#define PHRASE(text) {text, sizeof(text) - 1}
    PHRASE("\x00\x02\x00\x0f"),                          /* connect 0 */
    PHRASE("\x00\x02\x01\x07"),                          /* connect 1, no timestamps */
    PHRASE("\x00\x02\x42\x0f"),                          /* connect 2, from afar */
    PHRASE("\x00\x02\x00\x0f\x01\x03\x00\x00\xa9"),      /* connect, GET / */
    PHRASE("\x01\x06\x00\x00\x80\x87\x8b\x8f"),          /* GET of a file, unfinished */
    PHRASE("\x01\x08\x00\x03\xaa\x91\x8e\xa5\xa9\xa9"),  /* POST with a body, then two GETs */
    PHRASE("\x01\x07\x00\x00\xaa\x92\x8e\x93\x94"),      /* POST, chunked */
    PHRASE("\x01\x03\x04\x00\xb5"),                      /* an answer on a connection that was dialed */
    PHRASE("\x01\x06\x04\x01\xa0\x92\x8e\x93\x94"),      /* the same, chunked, byte by byte */
    PHRASE("\x05\x02\x00\x10"),                          /* FIN */
    PHRASE("\x05\x02\x00\x20"),                          /* RST */
    PHRASE("\x05\x02\x00\x03"),                          /* window closed, nothing acknowledged */
    PHRASE("\x05\x02\x00\x08"),                          /* window open again */
    PHRASE("\x03\x05\x00\x10\x00\x00x"),                 /* 4 KiB in order */
    PHRASE("\x03\x05\x00\x40\x00\x01x"),                 /* a super-frame */
    PHRASE("\x06\x06\x00hello"),                         /* UDP */
    PHRASE("\x0b\x03\x10\x02\x01"),                      /* the next packet in fragments, backwards */
    PHRASE("\x0e\x01\x0c"),                              /* 8 ms */
    PHRASE("\x0e\x01\x14"),                              /* 2 s */
    PHRASE("\x0e\x01\x19"),                              /* 69 s */
};

static bool parse(struct script *s, struct view in)
{
    s->n = 0;
    if (in.n < FUZZ_CONFIG_BYTES)
        return false;
    s->config = view_first(in, FUZZ_CONFIG_BYTES);
    in = view_from(in, FUZZ_CONFIG_BYTES);
    while (in.n >= FUZZ_STEP_HEADER && s->n < STEPS_MAX) {
        size_t size = MIN(FUZZ_STEP_HEADER + (size_t)view_at(in, 1), in.n);
        AT(s->steps, s->n++) = view_first(in, size);
        in = view_from(in, size);
    }
    return true;
}

static size_t write_script(const struct script *s, struct span out)
{
    struct writer w = writer_of(out);
    put_bytes(&w, s->config);
    for (size_t i = 0; i < s->n && AT(s->steps, i).n <= out.n - w.n; i++)
        put_bytes(&w, AT(s->steps, i));
    return w.n;
}

static void insert(struct script *s, size_t at, struct view step)
{
    if (s->n == STEPS_MAX)
        return;
    memmove(&s->steps[at + 1], &s->steps[at], (s->n - at) * sizeof s->steps[0]);
    AT(s->steps, at) = step;
    s->n++;
}

/* A step of any kind with any bytes, or one of the script's with other ones. */
static struct view make_step(struct random *r, struct view like)
{
    static u8 rooms[8][FUZZ_STEP_HEADER + ARGS_MAX];
    static size_t next;
    struct span room = SPAN_OF(AT(rooms, next++ % COUNT(rooms)));
    size_t n = 1 + random_below(r, 12);
    span_set(room, 0, (u8)random_below(r, 16));
    for (size_t i = 0; i < n; i++)
        span_set(room, FUZZ_STEP_HEADER + i, (u8)random_below(r, 256));
    if (like.n > FUZZ_STEP_HEADER) {
        struct span args = span_from(room, FUZZ_STEP_HEADER);
        copy(span_first(room, like.n), like);
        n = LLVMFuzzerMutate(args.p, like.n - FUZZ_STEP_HEADER, args.n);
    }
    span_set(room, 1, (u8)n);
    return view_of(span_first(room, FUZZ_STEP_HEADER + n));
}

static void insert_phrase(struct script *s, size_t at, struct random *r)
{
    size_t which = random_below(r, COUNT(phrases));
    struct view rest = {(const u8 *)phrases[which].bytes, phrases[which].n};
    while (rest.n >= FUZZ_STEP_HEADER) {
        size_t size = MIN(FUZZ_STEP_HEADER + (size_t)view_at(rest, 1), rest.n);
        insert(s, at++, view_first(rest, size));
        rest = view_from(rest, size);
    }
}

static void change(struct script *s, struct random *r, struct span config)
{
    size_t at = s->n > 0 ? random_below(r, s->n) : 0;
    switch (s->n > 0 ? random_below(r, 9) : 5) {
    case 0:
    case 1:
        AT(s->steps, at) = make_step(r, AT(s->steps, at));
        break;
    case 2:
        memmove(&s->steps[at], &s->steps[at + 1], (s->n - at - 1) * sizeof s->steps[0]);
        s->n--;
        break;
    case 3:
        insert(s, random_below(r, s->n + 1), AT(s->steps, at));
        break;
    case 4: {
        size_t other = random_below(r, s->n);
        struct view kept = AT(s->steps, at);
        AT(s->steps, at) = AT(s->steps, other);
        AT(s->steps, other) = kept;
        break;
    }
    case 5:
    case 6:
        insert_phrase(s, random_below(r, s->n + 1), r);
        break;
    case 7:
        insert(s, random_below(r, s->n + 1), make_step(r, VIEW_NONE));
        break;
    default:
        span_set(config, random_below(r, FUZZ_CONFIG_BYTES), (u8)random_below(r, 256));
        break;
    }
}

size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max_size, unsigned seed)
{
    static struct script s;
    static u8 config[FUZZ_CONFIG_BYTES], out[SCRIPT_MAX];
    struct random r;
    random_seed(&r, seed);
    if (random_below(&r, 8) == 0 || !parse(&s, (struct view){data, size}))
        return LLVMFuzzerMutate(data, size, max_size);
    copy(SPAN_OF(config), s.config);
    s.config = VIEW_OF(config);
    for (u64 changes = 1 + random_below(&r, 4); changes > 0; changes--)
        change(&s, &r, SPAN_OF(config));
    size_t n = write_script(&s, span_first(SPAN_OF(out), MIN(max_size, sizeof out)));
    memcpy(data, out, n);
    return n;
}

/* The beginning of one script and the end of another. */
size_t LLVMFuzzerCustomCrossOver(const u8 *a, size_t a_n, const u8 *b, size_t b_n, u8 *out, size_t out_n,
                                 unsigned seed)
{
    static struct script first, second;
    struct random r;
    random_seed(&r, seed);
    if (!parse(&first, (struct view){a, a_n}) || !parse(&second, (struct view){b, b_n}) || second.n == 0)
        return 0;
    size_t from = random_below(&r, second.n);
    first.n = random_below(&r, first.n + 1);
    for (size_t i = from; i < second.n; i++)
        insert(&first, first.n, AT(second.steps, i));
    return write_script(&first, (struct span){out, out_n});
}
