/* Debug information as wire/dwarf reads it: that of a real image, where every function must be
 * found under its own name, and tables made by hand, with each way of saying a thing, and some of
 * saying nonsense. */
#include <stdlib.h>

#include "base/num.h"
#include "base/random.h"
#include "test/test.h"
#include "wire/dwarf.h"
#include "wire/dwarf_line.h"

enum { COMPILE_UNIT = 0x11, INLINED = 0x1d, SUBPROGRAM = 0x2e, BLOCK = 0x0b };
enum {
    NAME = 0x03,
    STMT_LIST = 0x10,
    LOW = 0x11,
    HIGH = 0x12,
    ORIGIN = 0x31,
    RANGES = 0x55,
    CALL_FILE = 0x58,
    CALL_LINE = 0x59,
    STR_OFFSETS = 0x72,
    ADDR = 0x73,
    RNGLISTS = 0x74,
    OTHER = 0x3e, /* an attribute that nobody here asks for */
};
enum {
    F_ADDR = 0x01,
    F_BLOCK2 = 0x03,
    F_BLOCK4,
    F_DATA2,
    F_DATA4,
    F_DATA8,
    F_STRING,
    F_BLOCK,
    F_BLOCK1,
    F_DATA1,
    F_FLAG,
    F_SDATA,
    F_STRP,
    F_UDATA,
    F_REF_ADDR,
    F_REF1,
    F_REF2,
    F_REF4,
    F_REF8,
    F_REF_UDATA,
    F_SEC_OFFSET = 0x17,
    F_EXPRLOC,
    F_FLAG_PRESENT,
    F_STRX,
    F_ADDRX,
    F_DATA16 = 0x1e,
    F_LINE_STRP,
    F_IMPLICIT = 0x21,
    F_LOCLISTX,
    F_RNGLISTX,
    F_STRX1 = 0x25,
    F_STRX2,
    F_STRX4 = 0x28,
    F_ADDRX1,
    F_ADDRX2,
    F_ADDRX4 = 0x2c,
};

/* ---- a real image -------------------------------------------------------------- */

static u8 file[4 << 20];

static struct view load(const char *path)
{
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(file, 1, sizeof file, f) : 0;
    if (f)
        fclose(f);
    return (struct view){file, n};
}

TEST(every_function_of_an_image_is_found)
{
    struct view image = load("build/hello.debug");
    struct elf e;
    struct dwarf d;
    struct elf_symbols symbols;
    struct elf_symbol s;
    struct dwarf_frames frames;
    u32 functions = 0, named = 0, inlined = 0;
    CHECK_EQ(elf_decode(&e, image), OK);
    CHECK_EQ(dwarf_sections(&e, &d), OK);
    CHECK_EQ(elf_symbols(&e, &symbols), OK);
    for (size_t i = 0; i < symbols.n; i++) {
        if (!elf_symbol_at(&symbols, i, &s) || s.type != 2 || s.section == 0 || s.size == 0)
            continue;
        enum err found = dwarf_find(&d, s.address + s.size / 2, &frames);
        CHECK(found == OK || found == ERR_NOT_FOUND);
        functions++;
        if (found != OK || frames.f[frames.n - 1].function.n == 0)
            continue; /* assembly, and what the linker made */
        struct dwarf_frame *outer = &frames.f[frames.n - 1];
        CHECK(view_starts(s.name, outer->function));
        CHECK(view_eq(view_from(outer->at.file, outer->at.file.n - 2), VIEW(".c")) ||
              view_eq(view_from(outer->at.file, outer->at.file.n - 2), VIEW(".h")));
        named++;
        inlined += frames.n > 1;
    }
    printf("# %u functions, %u of them by name, %u within something inlined\n", functions, named, inlined);
    CHECK(named > functions / 2 && inlined > 0);
    CHECK_EQ(dwarf_find(&d, e.span + 1, &frames), ERR_NOT_FOUND);
    CHECK_EQ(elf_decode(&e, load("build/hello.pith")), OK);
    CHECK_EQ(dwarf_sections(&e, &d), ERR_NOT_FOUND);
}

/* Nobody vouches for the file of a crash: any byte of it may be wrong, and it may end anywhere. */
TEST(damage_does_no_harm)
{
    struct view image = load("build/hello.debug");
    struct elf e;
    struct dwarf d;
    struct dwarf_frames frames;
    struct random random;
    u64 seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 10) : 20261124;
    random_seed(&random, seed);
    printf("# seed %llu\n", (unsigned long long)seed);
    CHECK_EQ(elf_decode(&e, image), OK);
    CHECK_EQ(dwarf_sections(&e, &d), OK);
    struct view *const parts[] = {&d.info, &d.abbrev,      &d.line, &d.line_str,
                                  &d.str,  &d.str_offsets, &d.addr, &d.rnglists};
    for (int round = 0; round < 3000; round++) {
        struct dwarf before = d;
        struct view *part = parts[random_below(&random, COUNT(parts))];
        u8 *at = part->n > 0 ? file + (part->p - file) + random_below(&random, part->n) : file;
        u8 was = *at;
        *at = (u8)(random_u64(&random) & 0xff);
        if (random_below(&random, 4) == 0)
            *part = view_first(*part, random_below(&random, part->n + 1));
        for (u64 n = 0; n < 4; n++)
            (void)dwarf_find(&d, e.entry + random_below(&random, e.span), &frames);
        *at = was;
        d = before;
    }
}

/* ---- by hand ------------------------------------------------------------------- */

enum { ROOM = 4096 };

static u8 rooms[8][ROOM];
static struct writer info, abbrev, line, line_str, str, str_offsets, addr, rnglists;
static u64 unit_at;

static void put_uleb(struct writer *w, u64 x)
{
    for (; x >= 0x80; x >>= 7)
        put_u8(w, (u8)(0x80 | (x & 0x7f)));
    put_u8(w, (u8)x);
}

static void start(void)
{
    struct writer *const all[] = {&info, &abbrev, &line, &line_str, &str, &str_offsets, &addr, &rnglists};
    for (size_t i = 0; i < COUNT(all); i++)
        *all[i] = writer_of(SPAN_OF(rooms[i]));
}

static void begin_unit(u16 version, u8 type)
{
    unit_at = info.n;
    put_le32(&info, 0);
    put_le16(&info, version);
    put_u8(&info, type);
    put_u8(&info, 8);
    put_le32(&info, 0);
}

static void end_unit(void)
{
    put_u8(&info, 0);
    store_le32(span_from(SPAN_OF(rooms[0]), unit_at), 0, (u32)(info.n - unit_at - 4));
}

/* An abbreviation: its number, tag, and pairs that end with a name of 0. */
static void put_abbreviation(u64 code, u64 tag, bool children, const u16 pairs[][2])
{
    put_uleb(&abbrev, code);
    put_uleb(&abbrev, tag);
    put_u8(&abbrev, children);
    for (size_t i = 0; pairs[i][0]; i++) {
        put_uleb(&abbrev, pairs[i][0]);
        put_uleb(&abbrev, pairs[i][1]);
        if (pairs[i][1] == F_IMPLICIT)
            put_uleb(&abbrev, 5);
    }
    put_le16(&abbrev, 0);
}

#define PAIRS(...) ((const u16[][2]){__VA_ARGS__, {0, 0}})

enum { LINES_PROGRAM = 22 };

/* A table of lines: 0x1000 is line 10 of b.c, 0x1004 line 12, 0x1010 the end. */
static void put_lines(void)
{
    static const u8 program[LINES_PROGRAM] = {0,
                                              9,
                                              2,
                                              0,
                                              0x10,
                                              0,
                                              0,
                                              0,
                                              0,
                                              0,
                                              0, /* set_address 0x1000 */
                                              4,
                                              1,
                                              3,
                                              9,
                                              1,      /* file 1, line 10, a row */
                                              13 + 14 * 4 + 5 + 2, /* 4 on and 2 lines down: a row */
                                              2,
                                              12,
                                              0,
                                              1,
                                              1};    /* 12 on; the end */
    u64 before = line.n;
    put_le32(&line, 0);
    put_le16(&line, 5);
    put_u8(&line, 8);
    put_u8(&line, 0);
    u64 header = line.n;
    put_le32(&line, 0);
    put_bytes(&line, VIEW("\1\1\1\xfb\x0e\x0d\0\1\1\1\1\0\0\0\1\0\0\1"));
    put_bytes(&line, VIEW("\1\1\x08\2/src\0sub\0"));
    put_bytes(&line, VIEW("\2\1\x08\2\x0b\2a.c\0\0b.c\0\1"));
    store_le32(span_from(SPAN_OF(rooms[2]), header), 0, (u32)(line.n - header - 4));
    put_bytes(&line, VIEW_OF(program));
    store_le32(span_from(SPAN_OF(rooms[2]), before), 0, (u32)(line.n - before - 4));
}

static struct dwarf tables(void)
{
    return (struct dwarf){.info = written(&info),
                          .abbrev = written(&abbrev),
                          .line = written(&line),
                          .line_str = written(&line_str),
                          .str = written(&str),
                          .str_offsets = written(&str_offsets),
                          .addr = written(&addr),
                          .rnglists = written(&rnglists)};
}

static enum err find(u64 address, struct dwarf_frames *f)
{
    struct dwarf d = tables();
    return dwarf_find(&d, address, f);
}

/* A unit that holds 0x1000 to 0x1010, without children of its own yet. */
static void put_root(u64 code)
{
    put_uleb(&info, code);
    put_le64(&info, 0x1000);
    put_le32(&info, 0x10);
    put_le32(&info, 0);
}

#define ROOT PAIRS({LOW, F_ADDR}, {HIGH, F_DATA4}, {STMT_LIST, F_SEC_OFFSET})

TEST(every_form_is_skipped_by_its_size)
{
    static const struct {
        u16 form;
        const char *bytes;
        u8 n;
    } forms[] = {
        {F_ADDR, "12345678", 8},     {F_BLOCK2, "\3\0abc", 5},
        {F_BLOCK4, "\2\0\0\0ab", 6}, {F_DATA2, "ab", 2},
        {F_DATA4, "abcd", 4},        {F_DATA8, "abcdefgh", 8},
        {F_STRING, "text\0", 5},     {F_BLOCK, "\2ab", 3},
        {F_BLOCK1, "\1a", 2},        {F_DATA1, "a", 1},
        {F_FLAG, "\1", 1},           {F_SDATA, "\x80\x7f", 2},
        {F_STRP, "\0\0\0\0", 4},     {F_UDATA, "\xff\x7f", 2},
        {F_REF_ADDR, "\0\0\0\0", 4}, {F_REF1, "a", 1},
        {F_REF2, "ab", 2},           {F_REF4, "abcd", 4},
        {F_REF8, "abcdefgh", 8},     {F_REF_UDATA, "\x80\1", 2},
        {F_SEC_OFFSET, "abcd", 4},   {F_EXPRLOC, "\3abc", 4},
        {F_FLAG_PRESENT, "", 0},     {F_STRX, "\5", 1},
        {F_ADDRX, "\5", 1},          {F_DATA16, "0123456789abcdef", 16},
        {F_LINE_STRP, "abcd", 4},    {F_IMPLICIT, "", 0},
        {F_LOCLISTX, "\5", 1},       {F_RNGLISTX, "\5", 1},
        {F_STRX1, "a", 1},           {F_STRX2, "ab", 2},
        {F_STRX4, "abcd", 4},        {F_ADDRX1, "a", 1},
        {F_ADDRX2, "ab", 2},         {F_ADDRX4, "abcd", 4},
    };
    struct dwarf_frames f;
    for (size_t i = 0; i < COUNT(forms); i++) {
        start();
        put_lines();
        put_abbreviation(1, COMPILE_UNIT, true, ROOT);
        put_abbreviation(2, SUBPROGRAM, false,
                         PAIRS({OTHER, forms[i].form}, {NAME, F_STRING}, {LOW, F_ADDR}, {HIGH, F_ADDR}));
        begin_unit(5, 1);
        put_root(1);
        put_uleb(&info, 2);
        put_bytes(&info, (struct view){(const u8 *)forms[i].bytes, forms[i].n});
        put_bytes(&info, VIEW("works\0"));
        put_le64(&info, 0x1000);
        put_le64(&info, 0x1008);
        end_unit();
        CHECK_EQ(find(0x1005, &f), OK);
        CHECK(f.n == 1 && view_eq(f.f[0].function, VIEW("works")));
        CHECK(f.f[0].at.line == 12 && view_eq(f.f[0].at.file, VIEW("b.c")) &&
              view_eq(f.f[0].at.dir, VIEW("sub")));
        CHECK_EQ(find(0x1008, &f), OK); /* beside the function */
        CHECK(f.n == 1 && f.f[0].function.n == 0 && f.f[0].at.line == 12);
        CHECK_EQ(find(0x1010, &f), ERR_NOT_FOUND);
    }
}

TEST(texts_and_addresses_come_by_number_too)
{
    static const u16 text_forms[] = {F_STRP, F_LINE_STRP, F_STRX, F_STRX1, F_STRX2, F_STRX4, F_DATA1};
    static const u16 address_forms[] = {F_ADDRX, F_ADDRX1, F_ADDRX2, F_ADDRX4};
    static const u8 sizes[0x30] = {
        [F_STRP] = 4,  [F_LINE_STRP] = 4, [F_STRX] = 1,   [F_STRX1] = 1,  [F_STRX2] = 2, [F_STRX4] = 4,
        [F_DATA1] = 1, [F_ADDRX] = 1,     [F_ADDRX1] = 1, [F_ADDRX2] = 2, [F_ADDRX4] = 4};
    struct dwarf_frames f;
    for (size_t i = 0; i < COUNT(text_forms) * COUNT(address_forms); i++) {
        u16 text = text_forms[i % COUNT(text_forms)], address = address_forms[i / COUNT(text_forms)];
        bool by_number = text >= F_STRX && text != F_LINE_STRP;
        start();
        put_lines();
        put_bytes(&str, VIEW("zero\0first\0"));
        put_bytes(&line_str, VIEW("zero\0first\0"));
        put_zeroes(&str_offsets, 8); /* a header */
        put_le32(&str_offsets, 0);
        put_le32(&str_offsets, 5);
        put_zeroes(&addr, 8);
        put_le64(&addr, 0x1000);
        put_abbreviation(1, COMPILE_UNIT, true,
                         PAIRS({STR_OFFSETS, F_SEC_OFFSET}, {ADDR, F_SEC_OFFSET}, {LOW, address},
                               {HIGH, F_DATA4}, {STMT_LIST, F_SEC_OFFSET}));
        put_abbreviation(2, SUBPROGRAM, false, PAIRS({NAME, text}, {LOW, address}, {HIGH, F_UDATA}));
        begin_unit(5, 1);
        put_uleb(&info, 1);
        put_le32(&info, 8);
        put_le32(&info, 8);
        put_zeroes(&info, sizes[address]);
        put_le32(&info, 0x10);
        put_le32(&info, 0);
        put_uleb(&info, 2);
        put_u8(&info, by_number ? 1 : 5);
        put_zeroes(&info, sizes[text] - 1);
        put_zeroes(&info, sizes[address]);
        put_uleb(&info, 16);
        end_unit();
        CHECK_EQ(find(0x1000, &f), OK);
        CHECK(view_eq(f.f[0].function, text == F_DATA1 ? VIEW_NONE : VIEW("first")));
        str_offsets.n = 8; /* tables that end too early: no name, or no address */
        CHECK_EQ(find(0x1000, &f), OK);
        CHECK_EQ(f.f[0].function.n, by_number || text == F_DATA1 ? 0 : 5);
        addr.n = 12;
        CHECK_EQ(find(0x1000, &f), ERR_NOT_FOUND);
    }
}

/* Each kind of range holds 0x1000 to 0x1010 and nothing else. */
TEST(ranges_are_told_in_many_ways)
{
    static const struct {
        const char *bytes;
        u8 n;
    } lists[] = {
        {"\4\0\x10\0", 4}, /* offset_pair, from the unit's low_pc */
        {"\1\0\4\0\x10\0", 6}, /* base_addressx, offset_pair */
        {"\5\0\x10\0\0\0\0\0\0\4\0\x10\0", 13}, /* base_address, offset_pair */
        {"\2\0\1\0", 4}, /* startx_endx */
        {"\3\0\x10\0", 4}, /* startx_length */
        {"\6\0\x10\0\0\0\0\0\0\x10\x10\0\0\0\0\0\0\0", 18}, /* start_end */
        {"\7\0\x10\0\0\0\0\0\0\x10\0", 11}, /* start_length */
        {"\4\x80\1\x90\1\4\0\x10\0", 9}, /* the second of two */
    };
    struct dwarf_frames f;
    for (size_t i = 0; i < COUNT(lists) * 2; i++) {
        bool by_number = i % 2;
        start();
        put_lines();
        put_le64(&addr, 0x1000);
        put_le64(&addr, 0x1010);
        put_le32(&rnglists, 8); /* offsets, and the list behind them */
        put_le32(&rnglists, 8);
        put_bytes(&rnglists, (struct view){(const u8 *)lists[i / 2].bytes, lists[i / 2].n});
        put_abbreviation(
            1, COMPILE_UNIT, false,
            PAIRS({RANGES, by_number ? F_RNGLISTX : F_SEC_OFFSET}, {LOW, F_ADDR}, {STMT_LIST, F_SEC_OFFSET}));
        begin_unit(5, 1);
        put_uleb(&info, 1);
        if (by_number)
            put_uleb(&info, 1);
        else
            put_le32(&info, 8);
        put_le64(&info, 0x1000);
        put_le32(&info, 0);
        end_unit();
        CHECK_EQ(find(0x1000, &f), OK);
        CHECK_EQ(find(0x100f, &f), OK);
        CHECK_EQ(find(0x1010, &f), ERR_NOT_FOUND);
        CHECK_EQ(find(0xfff, &f), ERR_NOT_FOUND);
        rnglists.n--; /* no end: it holds what it said before */
        CHECK_EQ(find(0x1010, &f), ERR_NOT_FOUND);
        addr.n = 0;
        CHECK_EQ(find(0xfff, &f), ERR_NOT_FOUND);
        rnglists.n = by_number ? 4 : 8;
        CHECK_EQ(find(0x1000, &f), ERR_NOT_FOUND);
    }
}

/* A function, inlined functions in it and blocks between them; names in other entries, one of
 * them in another unit. */
TEST(inlined_functions_are_told_from_the_inside_out)
{
    struct dwarf_frames f;
    start();
    put_lines();
    put_abbreviation(1, COMPILE_UNIT, true, ROOT);
    put_abbreviation(2, SUBPROGRAM, true, PAIRS({LOW, F_ADDR}, {HIGH, F_DATA1}, {ORIGIN, F_REF_ADDR}));
    put_abbreviation(3, INLINED, true,
                     PAIRS({LOW, F_ADDR}, {HIGH, F_DATA1}, {ORIGIN, F_REF1}, {CALL_FILE, F_DATA1},
                           {CALL_LINE, F_IMPLICIT}));
    put_abbreviation(4, SUBPROGRAM, false, PAIRS({NAME, F_STRING}));
    put_abbreviation(5, BLOCK, true, PAIRS({OTHER, F_FLAG_PRESENT}));
    put_abbreviation(6, SUBPROGRAM, false, PAIRS({ORIGIN, F_REF1}));
    begin_unit(4, 1); /* of another version: passed over */
    end_unit();
    begin_unit(5, 1);
    put_root(1);
    u64 inner = info.n - unit_at;
    put_uleb(&info, 4);
    put_bytes(&info, VIEW("inner\0"));
    put_uleb(&info, 2);
    put_le64(&info, 0x1000);
    put_u8(&info, 0x10);
    u64 outer_name_at = info.n;
    put_le32(&info, 0);
    put_uleb(&info, 5); /* a block */
    put_uleb(&info, 3); /* beside the address */
    put_le64(&info, 0x100c);
    put_u8(&info, 4);
    put_u8(&info, (u8)inner);
    put_u8(&info, 0);
    put_u8(&info, 0);
    put_uleb(&info, 3);
    put_le64(&info, 0x1004);
    put_u8(&info, 4);
    put_u8(&info, (u8)inner);
    put_u8(&info, 1);
    put_u8(&info, 0);
    put_u8(&info, 0);
    put_u8(&info, 0);
    end_unit();
    begin_unit(5, 1);
    put_uleb(&info, 1);
    put_zeroes(&info, 16);
    u64 middle = info.n;
    put_uleb(&info, 6);
    put_u8(&info, (u8)(info.n + 1 - unit_at));
    put_uleb(&info, 4);
    put_bytes(&info, VIEW("outer\0"));
    end_unit();
    store_le32(span_from(SPAN_OF(rooms[0]), outer_name_at), 0, (u32)middle);
    CHECK_EQ(find(0x1005, &f), OK);
    CHECK_EQ(f.n, 2);
    CHECK(view_eq(f.f[0].function, VIEW("inner")) && f.f[0].at.line == 12);
    CHECK(view_eq(f.f[1].function, VIEW("outer")) && f.f[1].at.line == 5 &&
          view_eq(f.f[1].at.file, VIEW("b.c")));
    CHECK_EQ(find(0x100d, &f), OK); /* the other one was called from file 0 */
    CHECK(f.n == 2 && view_eq(f.f[1].at.file, VIEW("a.c")) && f.f[1].at.dir.n == 0);

    /* Names that are nowhere, or in a circle. */
    static const u32 nowhere[] = {UINT32_MAX, 0, 3, 30};
    for (size_t i = 0; i < COUNT(nowhere); i++) {
        store_le32(span_from(SPAN_OF(rooms[0]), outer_name_at), 0, nowhere[i]);
        CHECK_EQ(find(0x1005, &f), OK);
        CHECK(f.n == 2 && !view_eq(f.f[1].function, VIEW("outer")));
    }
    store_le32(span_from(SPAN_OF(rooms[0]), outer_name_at), 0, (u32)middle);
    store_be16(span_from(SPAN_OF(rooms[0]), middle), 0, (u16)(6 << 8 | (middle - unit_at)));
    CHECK_EQ(find(0x1005, &f), OK);
    CHECK(f.n == 2 && f.f[1].function.n == 0);
}

TEST(abbreviations_may_be_many_and_in_any_order)
{
    struct dwarf_frames f;
    for (int last = 0; last < 3; last++) {
        start();
        put_lines();
        for (u64 code = 1; code < 300; code++)
            put_abbreviation(code, code == 1 ? COMPILE_UNIT : SUBPROGRAM, code == 1,
                             code == 1 ? ROOT : PAIRS({NAME, F_STRING}, {LOW, F_ADDR}, {HIGH, F_DATA1}));
        put_u8(&abbrev, 0);
        begin_unit(5, 1);
        put_root(1);
        put_uleb(&info, last == 0 ? 2 : last == 1 ? 299 : 300);
        put_bytes(&info, VIEW("f\0"));
        put_le64(&info, 0x1000);
        put_u8(&info, 16);
        end_unit();
        CHECK_EQ(find(0x1000, &f), OK);
        CHECK_EQ(f.f[0].function.n, last < 2); /* the 300th is not there */
    }
}

TEST(a_table_of_lines_speaks_all_its_words)
{
    static const struct {
        const char *bytes;
        u8 n;
        u32 at_1000, at_1004;
    } programs[] = {
        {"\0\x09\2\0\x10\0\0\0\0\0\0\1\x09\4\0\3\1\1\2\4\0\1\1", 23, 1, 2}, /* fixed_advance_pc */
        {"\0\x09\2\0\x10\0\0\0\0\0\0\1\x08\3\1\1\2\x20\0\1\1", 21, 1, 1}, /* const_add_pc: 17 on */
        {"\0\x09\2\0\x10\0\0\0\0\0\0\5\7\6\7\x0a\x0b\x0c\2\1\2\x20\0\1\1", 25, 1,
         1}, /* what only columns need */
        {"\0\2\4\1\0\x09\2\0\x10\0\0\0\0\0\0\1\2\x20\0\1\1", 21, 1, 1}, /* an extended one of no use */
        {"\0\x09\2\0\x20\0\0\0\0\0\0\1\2\x20\0\1\1\0\x09\2\0\x10\0\0\0\0\0\0\3\6\1\2\x20\0\1\1", 36, 7, 7},
        {"\0\x09\2\0\x10\0\0\0\0\0\0\3\x7f\3\x7f\1\2\x20\0\1\1", 21, UINT32_MAX, UINT32_MAX}, /* line -1 */
    };
    struct dwarf_frames f;
    for (size_t i = 0; i < COUNT(programs); i++) {
        start();
        put_lines();
        line.n -= LINES_PROGRAM;
        put_bytes(&line, (struct view){(const u8 *)programs[i].bytes, programs[i].n});
        store_le32(span_from(SPAN_OF(rooms[2]), 0), 0, (u32)(line.n - 4));
        put_abbreviation(1, COMPILE_UNIT, false, ROOT);
        begin_unit(5, 1);
        put_root(1);
        end_unit();
        CHECK_EQ(find(0x1000, &f), OK);
        CHECK_EQ(f.f[0].at.line, programs[i].at_1000);
        CHECK_EQ(find(0x1004, &f), OK);
        CHECK_EQ(f.f[0].at.line, programs[i].at_1004);
    }
}

TEST(names_of_files_come_in_every_form)
{
    struct dwarf d = {
        .line = written(&line), .line_str = VIEW("x\0from-line-str\0"), .str = VIEW("from-str\0")};
    static const struct {
        const char *format, *entry;
        u8 format_n, entry_n;
        const char *file, *dir;
    } forms[] = {
        {"\1\1\x08", "here.c", 3, 7, "here.c", ""},
        {"\1\1\x1f", "\2\0\0\0", 3, 4, "from-line-str", ""},
        {"\1\1\x0e", "\0\0\0\0", 3, 4, "from-str", ""},
        {"\2\1\x08\2\x0b", "f\0\1", 5, 3, "f", "sub"},
        {"\2\1\x08\2\x05", "f\0\1\0", 5, 4, "f", "sub"},
        {"\2\1\x08\2\x06", "f\0\1\0\0\0", 5, 6, "f", "sub"},
        {"\2\1\x08\2\x0f", "f\0\1", 5, 3, "f", "sub"},
        {"\3\1\x08\5\x1e\2\x0b",
         "f\0"
         "0123456789abcdef"
         "\1",
         7, 19, "f", "sub"},
        {"\3\1\x08\x20\x09\2\x0b", "f\0\3abc\1", 7, 7, "f", "sub"},
        {"\2\1\x08\2\x0b", "/abs/f.c\0\1", 5, 10, "/abs/f.c", ""},
        {"\2\1\x08\2\x0b", "/src/sub/f.c\0\1", 5, 14, "sub/f.c", "sub"},
        {"\2\1\x08\2\x0b", "./f.c\0\1", 5, 7, "f.c", "sub"},
    };
    struct dwarf_place place;
    struct dwarf_lines l;
    for (size_t i = 0; i < COUNT(forms); i++) {
        start();
        put_le32(&line, 0);
        put_le16(&line, 5);
        put_le16(&line, 8);
        put_le32(&line, 0);
        u64 header = line.n;
        put_bytes(&line, VIEW("\1\1\1\xfb\x0e\1"));
        put_bytes(&line, VIEW("\1\1\x08\2/src\0sub\0"));
        put_bytes(&line, (struct view){(const u8 *)forms[i].format, forms[i].format_n});
        put_u8(&line, 1);
        put_bytes(&line, (struct view){(const u8 *)forms[i].entry, forms[i].entry_n});
        store_le32(span_from(SPAN_OF(rooms[2]), 8), 0, (u32)(line.n - header));
        store_le32(SPAN_OF(rooms[2]), 0, (u32)(line.n - 4));
        d.line = written(&line);
        CHECK_EQ(dwarf_lines_at(&d, 0, &l), OK);
        CHECK_EQ(dwarf_place_of(&l, 0, 77, &place), OK);
        CHECK(view_eq(place.file, view_z(forms[i].file)) && view_eq(place.dir, view_z(forms[i].dir)));
        CHECK_EQ(dwarf_place_of(&l, 1, 77, &place), ERR_MALFORMED);
        for (size_t n = 0; n < line.n; n++) { /* cut off anywhere, it is refused */
            d.line = view_first(written(&line), n);
            CHECK_EQ(dwarf_lines_at(&d, 0, &l), ERR_MALFORMED);
        }
    }
}

TEST(tables_that_make_no_sense_are_refused)
{
    struct dwarf_lines l;
    struct dwarf_frames f;
    static const struct {
        u8 at, x;
        enum err e;
    } bad[] = {
        {4, 4, ERR_UNSUPPORTED}, /* another version */
        {16, 0, ERR_MALFORMED}, /* a range of no lines */
        {17, 0, ERR_MALFORMED}, /* no opcodes at all */
        {30, 200, ERR_MALFORMED}, /* formats that there are not */
        {32, 3, ERR_MALFORMED}, /* directories of a form that is none */
        {33, 200, ERR_MALFORMED}, /* more of them than bytes */
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        start();
        put_lines();
        rooms[2][bad[i].at] = bad[i].x;
        struct dwarf d = tables();
        CHECK_EQ(dwarf_lines_at(&d, 0, &l), bad[i].e);
    }
    start();
    put_lines();
    struct dwarf d = tables();
    CHECK_EQ(dwarf_lines_at(&d, line.n + 1, &l), ERR_MALFORMED);

    /* Entries: a unit that is none, of no form, of no abbreviation, that ends at once. */
    for (int i = 0; i < 6; i++) {
        start();
        put_lines();
        put_abbreviation(1, i == 0 ? SUBPROGRAM : COMPILE_UNIT, true,
                         i == 1   ? PAIRS({LOW, 0x7f})
                         : i == 2 ? PAIRS({LOW, F_DATA8}, {HIGH, F_DATA4})
                                  : ROOT);
        begin_unit(5, i == 5 ? 2 : 1);
        put_root(i == 3 ? 9 : 1);
        end_unit();
        if (i == 4)
            store_le32(SPAN_OF(rooms[0]), 0, (u32)(info.n - unit_at));
        CHECK_EQ(find(0x1000, &f), ERR_NOT_FOUND);
    }
    /* A program that ends within a word. */
    start();
    put_lines();
    put_abbreviation(1, COMPILE_UNIT, false, ROOT);
    begin_unit(5, 1);
    put_root(1);
    end_unit();
    store_le32(SPAN_OF(rooms[2]), 0, load_le32(VIEW_OF(rooms[2]), 0) - 20);
    CHECK_EQ(find(0x1000, &f), ERR_MALFORMED);
}

TEST(numbers_of_variable_length)
{
    static const struct {
        const char *bytes;
        u8 n;
        u64 x;
    } good[] = {{"\0", 1, 0},
                {"\x7f", 1, 127},
                {"\x80\1", 2, 128},
                {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 10, UINT64_MAX}};
    struct reader r;
    for (size_t i = 0; i < COUNT(good); i++) {
        r = reader_of((struct view){(const u8 *)good[i].bytes, good[i].n});
        CHECK(get_uleb(&r) == good[i].x && !r.bad && r.rest.n == 0);
    }
    r = reader_of(VIEW("\xff\xff\xff\xff\xff\xff\xff\xff\xff\2"));
    CHECK(get_uleb(&r) == 0 && r.bad);
    r = reader_of(VIEW("\xff"));
    (void)get_uleb(&r);
    CHECK(r.bad);
    r = reader_of(VIEW("\x7f\x80\x7f\x3f\xff\0"));
    CHECK(get_sleb(&r) == -1 && get_sleb(&r) == -128 && get_sleb(&r) == 63 && get_sleb(&r) == 127 && !r.bad);
    r = reader_of(VIEW("\xff\xff\xff\xff\xff\xff\xff\xff\xff\0"));
    CHECK(get_sleb(&r) == 0 && r.bad);
    CHECK(dwarf_text_at(VIEW("ab\0c"), 1).n == 1 && dwarf_text_at(VIEW("ab\0c"), 3).n == 0 &&
          dwarf_text_at(VIEW("ab"), 2).n == 0);
}

TESTS(CASE(every_function_of_an_image_is_found), CASE(damage_does_no_harm),
      CASE(every_form_is_skipped_by_its_size), CASE(texts_and_addresses_come_by_number_too),
      CASE(ranges_are_told_in_many_ways), CASE(inlined_functions_are_told_from_the_inside_out),
      CASE(abbreviations_may_be_many_and_in_any_order), CASE(a_table_of_lines_speaks_all_its_words),
      CASE(names_of_files_come_in_every_form), CASE(tables_that_make_no_sense_are_refused),
      CASE(numbers_of_variable_length))
