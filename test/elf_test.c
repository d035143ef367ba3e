/* Image files as wire/elf and wire/manifest read them: a real one, and all that
 * damage, malice and other tools can make of it. Nothing may trap. */
#include <stdlib.h>

#include "base/fmt.h"
#include "base/random.h"
#include "test/test.h"
#include "wire/manifest.h"

static u8 original[256 * 1024], bytes[sizeof original];
static size_t size;

static struct view image(void)
{
    return (struct view){bytes, size};
}

static void restore(void)
{
    memcpy(bytes, original, size);
}

static void put16(size_t at, u16 x)
{
    store_le16((struct span){bytes, size}, at, x);
}

static void put32(size_t at, u32 x)
{
    store_le32((struct span){bytes, size}, at, x);
}

static void put64(size_t at, u64 x)
{
    store_le64((struct span){bytes, size}, at, x);
}

/* Where the program header of that type is (and, for PT_LOAD, with these flags). */
static size_t header_of(u32 type, u32 flags)
{
    for (size_t at = 64; at < 64 + (size_t)load_le16(image(), 56) * 56; at += 56)
        if (load_le32(image(), at) == type && (flags == 0 || load_le32(image(), at + 4) == flags))
            return at;
    printf("# no program header of type %u\n", type);
    abort();
}

enum { LOAD = 1, DYNAMIC = 2, NOTE = 4, STACK = 0x6474e551, R = 4, RX = 5, RW = 6 };

/* Everything that a host and the command ask of an image. */
static enum err visit(struct view file)
{
    static struct manifest_whole m;
    struct elf e;
    struct elf_relocation r;
    struct elf_note note;
    struct elf_symbols symbols;
    struct elf_symbol s;
    const char *wrong = NULL;
    enum err result = elf_decode(&e, file);
    if (result != OK)
        return e.wrong ? result : OK;
    struct elf_relocations relocations = elf_relocations_of(&e);
    while (elf_relocation_next(&relocations, &r))
        if (!elf_segment_of(&e, r.at) || r.value >= e.span)
            abort();
    struct elf_notes notes = elf_notes_of(&e);
    while (elf_note_next(&notes, &note))
        ;
    (void)elf_build_id(&e);
    if (elf_symbols(&e, &symbols) == OK) {
        (void)elf_symbol_of(&symbols, e.entry, &s);
        (void)elf_symbol_named(&symbols, VIEW("fiber_current"), &s);
    }
    if (relocations.bad)
        return ERR_MALFORMED;
    result = manifest_decode(&e, &m, &wrong);
    if (result != OK && !wrong)
        abort();
    return result;
}

TEST(an_image_is_read)
{
    struct elf e;
    struct elf_symbols symbols;
    struct elf_symbol s;
    struct manifest_whole m;
    const char *wrong;
    restore();
    CHECK_EQ(elf_decode(&e, image()), OK);
    CHECK(e.segments_n >= 3 && e.span % ELF_PAGE == 0);
    CHECK_EQ(elf_build_id(&e).n, 20);
    CHECK_EQ(elf_symbols(&e, &symbols), OK);
    CHECK(elf_symbol_named(&symbols, VIEW("guest_entry"), &s));
    CHECK_EQ(s.address, e.entry);
    CHECK(elf_symbol_of(&symbols, e.entry + 1, &s) && view_eq(s.name, VIEW("guest_entry")));
    CHECK(!elf_symbol_of(&symbols, e.span + 1, &s));
    CHECK_EQ(manifest_decode(&e, &m, &wrong), OK);
    CHECK(strcmp(m.about.name, "hello") == 0 && m.keys_n == 0 && m.devices_n == 0);
}

TEST(relocations_stay_within_what_is_writable)
{
    struct elf e;
    struct elf_relocation r;
    restore();
    CHECK_EQ(elf_decode(&e, image()), OK);
    struct elf_relocations it = elf_relocations_of(&e);
    size_t n = 0;
    for (; elf_relocation_next(&it, &r); n++)
        CHECK(elf_segment_of(&e, r.at)->flags & ELF_W);
    CHECK(!it.bad && n > 0);

    /* A packed table that begins in the code: an address, where data should be. */
    u64 table = (u64)(e.relr.p - bytes);
    put64(table, e.entry & ~(u64)1);
    CHECK_EQ(elf_decode(&e, image()), OK);
    it = elf_relocations_of(&e);
    CHECK(!elf_relocation_next(&it, &r) && it.bad);
    put64(table, UINT64_MAX - 1);
    CHECK_EQ(visit(image()), ERR_MALFORMED);
}

TEST(a_bitmap_names_the_words_that_follow)
{
    struct elf e;
    struct elf_relocation r;
    restore();
    CHECK_EQ(elf_decode(&e, image()), OK);
    /* Three words of data, as small numbers: base + number afterwards. */
    const struct elf_segment *data = NULL;
    for (u32 i = 0; i < e.segments_n; i++)
        if ((e.segments[i].flags & ELF_W) && e.segments[i].file_n >= 64)
            data = &e.segments[i];
    CHECK(data && e.relr.n >= 16);
    for (u64 i = 0; i < 8; i++)
        put64(data->offset + i * 8, i);
    u64 table = (u64)(e.relr.p - bytes);
    put64(table, data->address);
    put64(table + 8, 1 | 1 << 1 | 1 << 4); /* the 1st and the 4th word after the first */
    e.relr = (struct view){bytes + table, 16};
    struct elf_relocations it = elf_relocations_of(&e);
    const u64 expected[] = {0, 1, 4};
    for (size_t i = 0; i < COUNT(expected); i++) {
        CHECK(elf_relocation_next(&it, &r));
        CHECK_EQ(r.at, data->address + expected[i] * 8);
        CHECK_EQ(r.value, expected[i]);
    }
    CHECK(!elf_relocation_next(&it, &r) && !it.bad);
}

TEST(unsafe_images_are_refused)
{
    struct elf e;
    restore();
    put32(header_of(LOAD, RX) + 4, 7);
    CHECK_EQ(elf_decode(&e, image()), ERR_MALFORMED);
    CHECK(strstr(e.wrong, "writable and executable"));
    restore();
    put32(header_of(STACK, 0) + 4, 7);
    CHECK_EQ(elf_decode(&e, image()), ERR_MALFORMED);
    restore();
    put64(24, 0); /* the entry: in the first segment, which is no code */
    CHECK_EQ(elf_decode(&e, image()), ERR_MALFORMED);
    restore();
    size_t code = header_of(LOAD, RX);
    put64(code + 16, load_le64(image(), code + 16) - ELF_PAGE); /* over the segment before it */
    CHECK_EQ(elf_decode(&e, image()), ERR_MALFORMED);
    CHECK(strstr(e.wrong, "share a page"));
    restore();
    put64(code + 40, load_le64(image(), code + 40) + ELF_PAGE); /* code that is not in the file */
    CHECK_EQ(elf_decode(&e, image()), ERR_MALFORMED);
    restore();
    put64(code + 40, (u64)1 << 62); /* memory without end */
    CHECK_EQ(elf_decode(&e, image()), ERR_MALFORMED);
    restore();
    put64(code + 32, (u64)1 << 40); /* more file than there is */
    CHECK_EQ(elf_decode(&e, image()), ERR_MALFORMED);
    CHECK(strstr(e.wrong, "truncated"));
}

TEST(other_programs_are_told_from_images)
{
    struct elf e;
    restore();
    put32(header_of(NOTE, 0), 3); /* PT_INTERP */
    CHECK_EQ(elf_decode(&e, image()), ERR_UNSUPPORTED);
    restore();
    put32(header_of(NOTE, 0), 7); /* PT_TLS */
    CHECK_EQ(elf_decode(&e, image()), ERR_UNSUPPORTED);
    restore();
    put16(16, 2); /* ET_EXEC */
    CHECK_EQ(elf_decode(&e, image()), ERR_UNSUPPORTED);
    restore();
    put16(18, 183); /* EM_AARCH64 */
    CHECK_EQ(elf_decode(&e, image()), ERR_UNSUPPORTED);
    restore();
    bytes[4] = 1; /* ELFCLASS32 */
    CHECK_EQ(elf_decode(&e, image()), ERR_UNSUPPORTED);
    CHECK_EQ(elf_decode(&e, VIEW("#!/bin/sh\necho no image at all\n")), ERR_UNSUPPORTED);
    CHECK_EQ(elf_decode(&e, VIEW_NONE), ERR_UNSUPPORTED);
    restore();
    put64(load_le64(image(), header_of(DYNAMIC, 0) + 8), 1); /* DT_NEEDED */
    CHECK_EQ(elf_decode(&e, image()), ERR_UNSUPPORTED);
}

TEST(a_bundle_lies_apart)
{
    struct elf e;
    restore();
    size_t note = header_of(NOTE, 0);
    put32(note, PT_PITH_BUNDLE);
    put64(note + 8, 0); /* over the first segment */
    put64(note + 32, ELF_PAGE);
    CHECK_EQ(elf_decode(&e, image()), ERR_MALFORMED);
    put64(note + 8, 8); /* not on a page */
    CHECK_EQ(elf_decode(&e, image()), ERR_MALFORMED);
    put64(note + 8, (u64)1 << 50); /* past the end */
    CHECK_EQ(elf_decode(&e, image()), ERR_MALFORMED);
}

TEST(cut_off_anywhere_it_is_refused_or_read_safely)
{
    restore();
    u8 *exact = malloc(size);
    for (size_t n = 0; n < size; n += n < 2048 ? 1 : 13) {
        memcpy(exact, original, n);
        enum err e = visit((struct view){exact, n});
        if (n < 4096)
            CHECK(e != OK);
    }
    free(exact);
}

TEST(any_byte_may_be_wrong)
{
    restore();
    for (size_t at = 0; at < size; at++) {
        /* Headers, tables and notes in every bit; code and names, which nothing here reads, in one. */
        for (u32 bit = at % 8; bit < 8; bit += at < 4096 ? 1 : 8) {
            bytes[at] = (u8)(original[at] ^ 1u << bit);
            (void)visit(image());
        }
        bytes[at] = original[at];
    }
}

TEST(headers_full_of_nonsense)
{
    struct random random;
    u64 seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 10) : 20261123;
    random_seed(&random, seed);
    printf("# seed %llu\n", (unsigned long long)seed);
    size_t headers = 64 + (size_t)load_le16(image(), 56) * 56;
    for (int round = 0; round < 20000; round++) {
        restore();
        for (u64 n = 1 + random_below(&random, 4); n > 0; n--) {
            static const u64 edges[] = {0, 1, 7, 4095, 4096, 1 << 30, UINT32_MAX, (u64)1 << 63, UINT64_MAX};
            u64 x =
                random_below(&random, 2) ? edges[random_below(&random, COUNT(edges))] : random_u64(&random);
            put64(random_below(&random, headers / 8) * 8, x);
        }
        (void)visit(image());
    }
    restore();
}

/* ---- keys ------------------------------------------------------------------------ */

static bool fits(struct manifest_key key, const char *value)
{
    u8 text[200];
    struct writer w = writer_of(SPAN_OF(text));
    enum err e = key_check(&key, view_z(value), &w);
    return e == OK && w.n == 0;
}

TEST(values_are_checked_by_type)
{
    struct manifest_key port = {.type = KEY_NUMBER, .min = 1, .max = 65535, .fallback = "80"};
    CHECK(fits(port, "1") && fits(port, "65535"));
    CHECK(!fits(port, "0") && !fits(port, "65536") && !fits(port, "") && !fits(port, "-1") &&
          !fits(port, "8o"));
    CHECK(!fits(port, "18446744073709551617"));
    struct manifest_key flag = {.type = KEY_FLAG, .fallback = "false"};
    CHECK(fits(flag, "true") && fits(flag, "false") && !fits(flag, "yes") && !fits(flag, ""));
    struct manifest_key ip = {.type = KEY_IP};
    CHECK(fits(ip, "192.0.2.1") && fits(ip, "0.0.0.0") && fits(ip, "255.255.255.255"));
    CHECK(!fits(ip, "192.0.2") && !fits(ip, "192.0.2.1.5") && !fits(ip, "192.0.2.256") &&
          !fits(ip, "192.0.2.01"));
    CHECK(!fits(ip, "192.0.2.") && !fits(ip, "192..2.1") && !fits(ip, " 192.0.2.1"));
    struct manifest_key cidr = {.type = KEY_CIDR, .fallback = "dhcp"};
    CHECK(fits(cidr, "dhcp") && fits(cidr, "10.9.0.2/24") && fits(cidr, "10.9.0.2/32"));
    CHECK(!fits(cidr, "10.9.0.2") && !fits(cidr, "10.9.0.2/33") && !fits(cidr, "10.9.0.2/0") &&
          !fits(cidr, "10.9.0.2/"));
    struct manifest_key wait = {.type = KEY_DURATION, .min = 100, .max = 60000};
    CHECK(fits(wait, "100ms") && fits(wait, "1s") && fits(wait, "1m"));
    CHECK(!fits(wait, "99ms") && !fits(wait, "61s") && !fits(wait, "1") && !fits(wait, "s") &&
          !fits(wait, "1h"));
    struct manifest_key room = {.type = KEY_SIZE, .min = 512, .max = 1 << 20};
    CHECK(fits(room, "512") && fits(room, "16k") && fits(room, "1m") && !fits(room, "2m") &&
          !fits(room, "k"));
    struct manifest_key text = {.type = KEY_TEXT};
    CHECK(fits(text, "") && fits(text, "anything at all"));
}

TEST(what_it_falls_back_to_is_always_right)
{
    struct manifest_key gateway = {.type = KEY_IP, .fallback = ""};
    CHECK(fits(gateway, ""));
    struct manifest_key limit = {.type = KEY_NUMBER, .min = 5, .max = 9, .fallback = "none"};
    CHECK(fits(limit, "none") && !fits(limit, "all"));
}

TEST(a_wrong_value_says_what_is_expected)
{
    u8 text[200];
    struct writer w = writer_of(SPAN_OF(text));
    struct manifest_key port = {.type = KEY_NUMBER, .min = 1, .max = 65535};
    CHECK_EQ(key_check(&port, VIEW("x"), &w), ERR_INVALID);
    CHECK(view_eq(written(&w), VIEW("a number from 1 to 65535")));
}

static bool load(const char *path)
{
    FILE *f = fopen(path, "rb");
    size = f ? fread(original, 1, sizeof original, f) : 0;
    if (f)
        fclose(f);
    return size > 0;
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(an_image_is_read),
        CASE(relocations_stay_within_what_is_writable),
        CASE(a_bitmap_names_the_words_that_follow),
        CASE(unsafe_images_are_refused),
        CASE(other_programs_are_told_from_images),
        CASE(a_bundle_lies_apart),
        CASE(cut_off_anywhere_it_is_refused_or_read_safely),
        CASE(any_byte_may_be_wrong),
        CASE(headers_full_of_nonsense),
        CASE(values_are_checked_by_type),
        CASE(what_it_falls_back_to_is_always_right),
        CASE(a_wrong_value_says_what_is_expected),
    };
    if (!load("build/hello.pith")) {
        printf("not ok %s: build/hello.pith is not there\n", __FILE__);
        return 1;
    }
    restore();
    return test_main(__FILE__, cases, COUNT(cases), argc, argv);
}
