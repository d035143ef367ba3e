/* The tables of an image file, built by hand: a page of code, a page of data, and behind them
 * what no loader maps. Relocations of both kinds, dynamic entries, sections and symbols; and what
 * each refuses. */
#include "base/codec.h"
#include "test/test.h"
#include "wire/elf.h"
#include "wire/elf_bundle.h"

enum { DATA = ELF_PAGE, REST = 2 * ELF_PAGE, SIZE = 16 * ELF_PAGE, SECTIONS = REST + ELF_PAGE };
enum { LOAD = 1, DYNAMIC = 2, NOTE = 4, PHDR = 6, RELRO = 0x6474e552 };
enum { RELA = 7, RELASZ = 8, RELAENT = 9, RELRSZ = 35, RELR = 36, RELRENT = 37, PLTRELSZ = 2 };

static u8 bytes[SIZE];
static u16 segments, sections;
static struct elf e;

static struct writer at(u64 offset)
{
    return writer_of(span_from(SPAN_OF(bytes), offset));
}

static void put_segment(u32 type, u32 flags, u64 offset, u64 file_n, u64 mem_n)
{
    struct writer w = at(64 + (u64)segments++ * 56);
    put_le32(&w, type);
    put_le32(&w, flags);
    put_le64(&w, offset);
    put_le64(&w, offset);
    put_le64(&w, 0);
    put_le64(&w, file_n);
    put_le64(&w, mem_n);
    put_le64(&w, 4);
}

static void put_section(u32 name, u32 type, u64 flags, u64 offset, u64 n, u32 link, u64 entry_n)
{
    struct writer w = at(SECTIONS + (u64)sections++ * 64);
    put_le32(&w, name);
    put_le32(&w, type);
    put_le64(&w, flags);
    put_le64(&w, 0);
    put_le64(&w, offset);
    put_le64(&w, n);
    put_le32(&w, link);
    put_zeroes(&w, 12);
    put_le64(&w, entry_n);
}

static void start(void)
{
    fill(SPAN_OF(bytes), 0);
    segments = sections = 0;
    put_segment(LOAD, ELF_R | ELF_X, 0, ELF_PAGE, ELF_PAGE);
    put_segment(LOAD, ELF_R | ELF_W, DATA, ELF_PAGE, 2 * ELF_PAGE);
}

/* A dynamic section of two entries. */
static void put_dynamics(u64 a, u64 a_value, u64 b, u64 b_value)
{
    struct writer w = at(REST);
    put_le64(&w, a);
    put_le64(&w, a_value);
    put_le64(&w, b);
    put_le64(&w, b_value);
    put_segment(DYNAMIC, ELF_R, REST, 48, 48);
}

static enum err decode(void)
{
    struct writer w = at(0);
    put_bytes(&w, VIEW("\x7f"
                       "ELF\2\1\1\0\0\0\0\0\0\0\0\0"));
    put_le16(&w, 3);
    put_le16(&w, 62);
    put_le32(&w, 1);
    put_le64(&w, 8);
    put_le64(&w, 64);
    put_le64(&w, SECTIONS);
    put_zeroes(&w, 6);
    put_le16(&w, 56);
    put_le16(&w, segments);
    put_le16(&w, 64);
    put_le16(&w, sections);
    put_le16(&w, 1); /* the section of names */
    return elf_decode(&e, VIEW_OF(bytes));
}

static bool refused(const char *words)
{
    if (decode() != OK && strstr(e.wrong, words))
        return true;
    printf("# says: %s\n", e.wrong ? e.wrong : "nothing");
    return false;
}

/* ---- program headers --------------------------------------------------------------- */

TEST(too_much_of_anything_is_refused)
{
    start();
    for (u64 i = 2; i <= ELF_SEGMENTS_MAX; i++)
        put_segment(LOAD, ELF_R | ELF_W, i * ELF_PAGE + ELF_PAGE, 0, 1);
    CHECK(refused("more segments"));
    start();
    for (int i = 0; i <= ELF_NOTES_MAX; i++)
        put_segment(NOTE, ELF_R, REST, 8, 8);
    CHECK(refused("more note segments"));
    start();
    while (segments <= 32)
        put_segment(0, 0, 0, 0, 0);
    CHECK(refused("too many program headers"));
}

TEST(what_lies_outside_is_refused)
{
    start();
    put_segment(NOTE, ELF_R, SIZE - 4, 8, 8);
    CHECK(refused("its notes lie past its end"));
    start();
    put_segment(DYNAMIC, ELF_R, SIZE + 1, 0, 0);
    CHECK(refused("its dynamic section lies past its end"));
    start();
    put_segment(RELRO, ELF_R, DATA, 0, (u64)1 << 40);
    CHECK(refused("read-only data lies outside"));
    static const u64 relro[][2] = {{0, ELF_PAGE}, {DATA, 3 * ELF_PAGE}, {64 * ELF_PAGE, ELF_PAGE}};
    for (size_t i = 0; i < COUNT(relro); i++) {
        start();
        put_segment(RELRO, ELF_R, relro[i][0], 0, relro[i][1]);
        CHECK(refused("read-only data lies outside"));
    }
    start();
    put_segment(RELRO, ELF_R, DATA, ELF_PAGE + 8, ELF_PAGE + 8);
    CHECK_EQ(decode(), OK);
    CHECK(e.relro == DATA && e.relro_n == ELF_PAGE); /* the rest of its last page stays writable */
    start();
    put_segment(LOAD, ELF_R, 3 * ELF_PAGE + 8, 0, 0);
    CHECK(refused("makes no sense"));
    start();
    segments = 0;
    CHECK(refused("entry point"));
}

TEST(a_bundle_is_one_and_apart)
{
    start();
    put_segment(PT_PITH_BUNDLE, ELF_R, 3 * ELF_PAGE, 100, 100);
    CHECK_EQ(decode(), OK);
    CHECK(e.bundle.n == 100 && e.bundle_offset == 3 * ELF_PAGE);
    put_segment(PT_PITH_BUNDLE, ELF_R, 3 * ELF_PAGE, 100, 100);
    CHECK(refused("bundle makes no sense"));
    start();
    put_segment(PT_PITH_BUNDLE, ELF_R, 3 * ELF_PAGE, 0, 0);
    CHECK(refused("bundle makes no sense"));
    start();
    put_segment(PT_PITH_BUNDLE, ELF_R, DATA, 1, 1);
    CHECK(refused("overlaps"));
}

TEST(a_bundle_is_entered_where_there_is_room)
{
    start();
    put_segment(NOTE, ELF_R, REST, 8, 8);
    CHECK_EQ(decode(), OK);
    CHECK_EQ(elf_put_bundle(SPAN_OF(bytes), 3 * ELF_PAGE, 77), ERR_NOT_FOUND);
    put_segment(PHDR, ELF_R, 64, 56, 56);
    CHECK_EQ(decode(), OK);
    for (u64 n = 77; n < 79; n++) { /* and again over the first */
        CHECK_EQ(elf_put_bundle(SPAN_OF(bytes), 3 * ELF_PAGE, n), OK);
        CHECK_EQ(elf_decode(&e, VIEW_OF(bytes)), OK);
        CHECK(e.bundle.n == n && e.bundle_offset == 3 * ELF_PAGE);
    }
    CHECK_EQ(elf_put_bundle(span_first(SPAN_OF(bytes), 63), 0, 1), ERR_MALFORMED);
    CHECK_EQ(elf_put_bundle(span_first(SPAN_OF(bytes), 100), 0, 1), ERR_MALFORMED);
    struct writer w = at(32);
    put_le64(&w, SIZE + 1);
    CHECK_EQ(elf_put_bundle(SPAN_OF(bytes), 0, 1), ERR_MALFORMED);
}

/* ---- relocations ------------------------------------------------------------------- */

TEST(a_list_of_relocations_is_read)
{
    struct elf_relocation r;
    for (int bad = 0; bad < 5; bad++) {
        start();
        put_dynamics(RELA, DATA + 512, RELASZ, 48);
        struct writer w = at(DATA + 512);
        put_le64(&w, DATA + 8);
        put_le64(&w, 8); /* R_X86_64_RELATIVE */
        put_le64(&w, 16);
        put_le64(&w, bad == 1 ? 64 : bad == 2 ? DATA + ELF_PAGE - 4 : bad == 3 ? 64 * ELF_PAGE : DATA);
        put_le64(&w, bad == 4 ? 7 : 8);
        put_le64(&w, 32);
        CHECK_EQ(decode(), OK);
        struct elf_relocations it = elf_relocations_of(&e);
        CHECK(elf_relocation_next(&it, &r) && r.at == DATA + 8 && r.value == 16);
        CHECK_EQ(elf_relocation_next(&it, &r), bad == 0);
        CHECK(!elf_relocation_next(&it, &r));
        CHECK_EQ(it.bad, bad != 0);
    }
}

TEST(tables_that_make_no_sense_are_refused)
{
    static const u64 bad[][4] = {
        {RELA, DATA, RELASZ, 25},
        {RELA, DATA + 4080, RELASZ, 24},
        {RELR, 99 * ELF_PAGE, RELRSZ, 8},
        {RELR, DATA, RELRSZ, 4},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        start();
        put_dynamics(bad[i][0], bad[i][1], bad[i][2], bad[i][3]);
        CHECK(refused("relocations make no sense"));
    }
    static const u64 foreign[][2] = {{RELAENT, 8}, {RELRENT, 4}, {PLTRELSZ, 24}, {1, 0}, {17, 0}, {22, 0}};
    for (size_t i = 0; i < COUNT(foreign); i++) {
        start();
        put_dynamics(RELAENT, 24, foreign[i][0], foreign[i][1]);
        CHECK(refused("linked against other files"));
    }
    start();
    put_dynamics(PLTRELSZ, 0, RELRENT, 8);
    CHECK_EQ(decode(), OK);
}

/* Bitmaps that run past the end of all images, and one before any address. */
TEST(a_packed_table_stays_within_an_image)
{
    struct elf_relocation r;
    static const u64 tables[][2] = {{ELF_IMAGE_MAX, 1}, {ELF_IMAGE_MAX - 8, 3}, {DATA + 8, UINT64_MAX}};
    for (size_t i = 0; i < COUNT(tables); i++) {
        start();
        put_dynamics(RELR, DATA + 512, RELRSZ, 16);
        struct writer w = at(DATA + 512);
        put_le64(&w, tables[i][0]);
        put_le64(&w, tables[i][1]);
        w = at(DATA + 8);
        for (int k = 0; k < 40; k++)
            put_le64(&w, k < 20 ? 8 : UINT64_MAX); /* values, some of them outside */
        CHECK_EQ(decode(), OK);
        struct elf_relocations it = elf_relocations_of(&e);
        while (elf_relocation_next(&it, &r))
            CHECK(r.at >= DATA && r.at < DATA + ELF_PAGE && r.value < e.span);
        CHECK(it.bad);
    }
    start(); /* the data's zeroes are no part of the file: nothing there to relocate */
    put_dynamics(RELR, DATA + 512, RELRSZ, 8);
    struct writer w = at(DATA + 512);
    put_le64(&w, DATA + ELF_PAGE);
    CHECK_EQ(decode(), OK);
    struct elf_relocations it = elf_relocations_of(&e);
    CHECK(!elf_relocation_next(&it, &r) && it.bad);
    start(); /* empty bitmaps only move on */
    put_dynamics(RELR, DATA + 512, RELRSZ, 24);
    w = at(DATA + 512);
    put_le64(&w, DATA + 8);
    put_le64(&w, 1);
    put_le64(&w, 3);
    CHECK_EQ(decode(), OK);
    it = elf_relocations_of(&e);
    CHECK(elf_relocation_next(&it, &r) && r.at == DATA + 8);
    CHECK(elf_relocation_next(&it, &r) && r.at == DATA + 16 + 63 * 8);
    CHECK(!elf_relocation_next(&it, &r) && !it.bad);
    /* … but not past where any image ends. */
    w = at(DATA + 512);
    put_le64(&w, ELF_IMAGE_MAX - 8);
    put_le64(&w, 1);
    put_segment(LOAD, ELF_R | ELF_W, SIZE, 0, ELF_IMAGE_MAX - SIZE);
    CHECK_EQ(decode(), OK);
    it = elf_relocations_of(&e);
    CHECK(!elf_relocation_next(&it, &r) && it.bad);
    it = elf_relocations_of(&e);
    it.base = ELF_IMAGE_MAX;
    it.relr = view_from(it.relr, 8);
    CHECK(!elf_relocation_next(&it, &r) && it.bad);
}

/* ---- sections and symbols ------------------------------------------------------------ */

static const char names[] = "\0.names\0.data\0.zip\0.none\0fun\0var\0far";
enum { N_NAMES = 1, N_DATA = 8, N_ZIP = 14, N_NONE = 19, S_FUN = 25, S_VAR = 29, S_FAR = 33 };

static void put_symbol(u64 offset, u32 name, u8 type, u16 section, u64 address, u64 size)
{
    struct writer w = at(offset);
    put_le32(&w, name);
    put_u8(&w, type);
    put_u8(&w, 0);
    put_le16(&w, section);
    put_le64(&w, address);
    put_le64(&w, size);
}

static void start_sections(void)
{
    start();
    struct writer w = at(REST);
    put_bytes(&w, view_of(SPAN_OF(names)));
    put_section(0, 0, 0, 0, 0, 0, 0);
    put_section(N_NAMES, 3, 0, REST, sizeof names, 0, 0);
    put_section(N_DATA, 1, 0, DATA, 100, 0, 0);
    put_section(N_ZIP, 1, 0x800, DATA, 100, 0, 0);
    put_section(N_NONE, 8, 0, DATA, 100, 0, 0);
    put_section(9999, 1, 0, DATA, 100, 0, 0);
}

TEST(a_section_is_found_by_its_name)
{
    struct view v;
    start_sections();
    CHECK_EQ(decode(), OK);
    CHECK_EQ(elf_section(&e, VIEW(".data"), &v), OK);
    CHECK(v.n == 100 && v.p == bytes + DATA);
    CHECK_EQ(elf_section(&e, VIEW(".zip"), &v), ERR_UNSUPPORTED);
    CHECK_EQ(elf_section(&e, VIEW(".none"), &v), ERR_MALFORMED);
    CHECK_EQ(elf_section(&e, VIEW(".dat"), &v), ERR_NOT_FOUND);
    start_sections();
    sections = 2;
    put_section(N_DATA, 1, 0, SIZE - 1, 100, 0, 0);
    CHECK_EQ(decode(), OK);
    CHECK_EQ(elf_section(&e, VIEW(".data"), &v), ERR_MALFORMED);
    start_sections(); /* no names, or what is none */
    sections = 1;
    CHECK_EQ(decode(), OK);
    CHECK_EQ(elf_section(&e, VIEW(".data"), &v), ERR_NOT_FOUND);
    put_section(N_NAMES, 1, 0, REST, sizeof names, 0, 0);
    CHECK_EQ(decode(), OK);
    CHECK_EQ(elf_section(&e, VIEW(".data"), &v), ERR_MALFORMED);
    sections = 1;
    put_section(N_NAMES, 3, 0, REST, SIZE, 0, 0);
    CHECK_EQ(decode(), OK);
    CHECK_EQ(elf_section(&e, VIEW(".data"), &v), ERR_MALFORMED);
    sections = 1000; /* a table that ends behind the file */
    CHECK_EQ(decode(), OK);
    struct elf_symbols s;
    CHECK_EQ(elf_section(&e, VIEW(".data"), &v), ERR_MALFORMED);
    CHECK_EQ(elf_symbols(&e, &s), ERR_MALFORMED);
}

TEST(symbols_are_found_by_address_and_name)
{
    struct elf_symbols s;
    struct elf_symbol found;
    enum { TABLE = REST + 1024, N = 5 };
    start_sections();
    put_symbol(TABLE + 24, S_FUN, 2, 0, 0x100, 0x10); /* of elsewhere */
    put_symbol(TABLE + 48, S_FUN, 0x12, 1, 0x100, 0x10);
    put_symbol(TABLE + 72, S_VAR, 0x11, 2, 0x200, 8);
    put_symbol(TABLE + 96, 9999, 2, 1, 0x300, 8);
    CHECK_EQ(decode(), OK);
    CHECK_EQ(elf_symbols(&e, &s), ERR_NOT_FOUND);
    put_section(0, 2, 0, TABLE, N * 24, 1, 24);
    CHECK_EQ(decode(), OK);
    CHECK_EQ(elf_symbols(&e, &s), OK);
    CHECK_EQ(s.n, N);
    CHECK(elf_symbol_of(&s, 0x10f, &found) && view_eq(found.name, VIEW("fun")) && found.section == 1);
    CHECK(elf_symbol_of(&s, 0x200, &found) && view_eq(found.name, VIEW("var")));
    CHECK(!elf_symbol_of(&s, 0x110, &found) && !elf_symbol_of(&s, 0x301, &found));
    CHECK(elf_symbol_named(&s, VIEW("var"), &found) && found.address == 0x200 && found.size == 8);
    CHECK(!elf_symbol_named(&s, VIEW("far"), &found));
    CHECK(!elf_symbol_at(&s, 4, &found));

    static const u64 bad[][4] = {{TABLE, 24, 77, 24},
                                 {TABLE, 24, 1, 16},
                                 {SIZE - 1, 24, 1, 24},
                                 {TABLE, 24, 2, 24},
                                 {TABLE, 24, 7, 24}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        sections = 6;
        put_section(0, 2, 0, bad[i][0], bad[i][1], (u32)bad[i][2], bad[i][3]);
        put_section(0, 3, 0, SIZE, 1, 0, 0);
        CHECK_EQ(decode(), OK);
        CHECK_EQ(elf_symbols(&e, &s), ERR_MALFORMED);
    }
}

TEST(notes_of_all_areas_come_in_order)
{
    struct elf_notes it;
    struct elf_note note;
    start();
    put_segment(NOTE, ELF_R, REST, 0, 0); /* nothing in it */
    put_segment(NOTE, ELF_R, REST, 20, 20);
    put_segment(NOTE, ELF_R, REST + 64, 21, 21);
    struct writer w = at(REST);
    for (u32 i = 0; i < 2; i++, w = at(REST + 64)) {
        put_le32(&w, 4);
        put_le32(&w, 4 + i);
        put_le32(&w, 3 + i);
        put_bytes(&w, VIEW("GNU\0"));
        put_bytes(&w, VIEW("abcde"));
    }
    CHECK_EQ(decode(), OK);
    it = elf_notes_of(&e);
    CHECK(elf_note_next(&it, &note) && note.type == 3 && view_eq(note.owner, VIEW("GNU")));
    CHECK(elf_note_next(&it, &note) && note.type == 4 && view_eq(note.desc, VIEW("abcde")));
    CHECK(!elf_note_next(&it, &note) && !it.bad);
    CHECK(view_eq(elf_build_id(&e), VIEW("abcd")));
    start();
    CHECK_EQ(decode(), OK);
    it = elf_notes_of(&e);
    CHECK(!elf_note_next(&it, &note) && !it.bad && elf_build_id(&e).n == 0);
}

TESTS(CASE(too_much_of_anything_is_refused), CASE(what_lies_outside_is_refused),
      CASE(a_bundle_is_one_and_apart), CASE(a_bundle_is_entered_where_there_is_room),
      CASE(a_list_of_relocations_is_read), CASE(tables_that_make_no_sense_are_refused),
      CASE(a_packed_table_stays_within_an_image), CASE(a_section_is_found_by_its_name),
      CASE(symbols_are_found_by_address_and_name), CASE(notes_of_all_areas_come_in_order))
