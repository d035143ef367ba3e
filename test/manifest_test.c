/* Manifests as wire/manifest reads them out of an image's notes: whole ones, and each thing
 * that can be wrong with one, said in words. The image is the least that wire/elf takes: a
 * page of code, then its notes. */
#include "base/codec.h"
#include "base/num.h"
#include "test/test.h"
#include "wire/manifest.h"

enum { HEADERS = 64 + 2 * 56, NOTES = ELF_PAGE, ROOM = 64 << 10 };

static u8 bytes[ROOM];
static struct writer w;
static struct manifest_whole m;
static const char *wrong;

static void put_segment(u32 type, u32 flags, u64 offset, u64 n)
{
    put_le32(&w, type);
    put_le32(&w, flags);
    put_le64(&w, offset);
    put_le64(&w, offset);
    put_le64(&w, 0);
    put_le64(&w, n);
    put_le64(&w, n);
    put_le64(&w, 8);
}

/* An image of one page; its notes follow. */
static void start(void)
{
    w = writer_of(SPAN_OF(bytes));
    put_bytes(&w, VIEW("\x7f"
                       "ELF\2\1\1\0\0\0\0\0\0\0\0\0"));
    put_le16(&w, 3);
    put_le16(&w, 62);
    put_le32(&w, 1);
    put_le64(&w, 0);  /* the entry: its first byte */
    put_le64(&w, 64);
    put_zeroes(&w, 8 + 4 + 2);
    put_le16(&w, 56);
    put_le16(&w, 2);
    put_zeroes(&w, 6);
    put_segment(1, ELF_R | ELF_X, 0, ELF_PAGE);
    put_zeroes(&w, NOTES - 64 - 56);
}

static void put_note(const char *owner, u32 type, struct view desc)
{
    struct view name = view_z(owner);
    put_le32(&w, (u32)name.n + 1);
    put_le32(&w, (u32)desc.n);
    put_le32(&w, type);
    put_bytes(&w, name);
    put_u8(&w, 0);
    put_zeroes(&w, align_up(w.n, 8) - w.n);
    put_bytes(&w, desc);
    put_zeroes(&w, align_up(w.n, 8) - w.n);
}

static void put_about(struct manifest about)
{
    put_note("Pith", NOTE_APPLIANCE, VIEW_OF(about));
}

static void put_device(struct manifest_device d)
{
    put_note("Pith", NOTE_DEVICE, VIEW_OF(d));
}

static void put_key(struct manifest_key k)
{
    put_note("Pith", NOTE_KEY, VIEW_OF(k));
}

static const struct manifest good = {.abi = MANIFEST_ABI,
                                     .name = "a-good_1",
                                     .about = "does",
                                     .mem_kib = 4096,
                                     .mem_min_kib = 64,
                                     .stack_kib = 16};

static enum err read_it(void)
{
    struct elf e;
    must(!w.full);
    size_t n = w.n;
    w = writer_of(span_from(SPAN_OF(bytes), 64 + 56));
    put_segment(4, ELF_R, NOTES, n - NOTES);
    must(elf_decode(&e, view_first(VIEW_OF(bytes), n)) == OK);
    wrong = NULL;
    return manifest_decode(&e, &m, &wrong);
}

static bool says(const char *words)
{
    if (wrong && strstr(wrong, words))
        return true;
    printf("# says: %s\n", wrong ? wrong : "nothing");
    return false;
}

TEST(devices_and_keys_are_in_the_order_of_their_names)
{
    start();
    put_note("GNU", 3, VIEW("\1\2\3\4"));
    put_key((struct manifest_key){.type = KEY_NUMBER, .name = "port", .min = 1, .max = 9, .fallback = "7"});
    put_key((struct manifest_key){.type = KEY_TEXT, .name = "a"});
    put_device((struct manifest_device){.kind = DEVICE_NET, .rx_kib = 256, .name = "service"});
    put_note("Pith", NOTE_FIBER, VIEW("12345678"));
    put_about(good);
    put_device((struct manifest_device){.kind = DEVICE_NET, .rx_kib = 144, .name = "back"});
    put_device((struct manifest_device){.kind = DEVICE_NET, .name = "middle"});
    put_key((struct manifest_key){.type = KEY_SIZE, .name = "b2"});
    CHECK_EQ(read_it(), OK);
    CHECK(strcmp(m.about.name, "a-good_1") == 0 && m.about.stack_kib == 16);
    CHECK_EQ(m.devices_n, 3);
    CHECK(strcmp(m.devices[0].name, "back") == 0 && m.devices[0].rx_kib == 144);
    CHECK(strcmp(m.devices[1].name, "middle") == 0 && strcmp(m.devices[2].name, "service") == 0);
    CHECK_EQ(m.keys_n, 3);
    CHECK(strcmp(m.keys[0].name, "a") == 0 && strcmp(m.keys[1].name, "b2") == 0);
    CHECK(strcmp(m.keys[2].name, "port") == 0 && m.keys[2].max == 9 && strcmp(m.keys[2].fallback, "7") == 0);
}

TEST(there_is_one_manifest_of_this_version)
{
    start();
    put_note("GNU", 3, VIEW("\1\2\3\4"));
    CHECK_EQ(read_it(), ERR_NOT_FOUND);
    CHECK(says("it has no manifest"));
    struct manifest other = good;
    other.abi++;
    start();
    put_about(other);
    CHECK_EQ(read_it(), ERR_UNSUPPORTED);
    CHECK(says("another version"));
    start();
    put_about(good);
    put_about(good);
    CHECK_EQ(read_it(), ERR_MALFORMED);
    start();
    put_note("Pith", NOTE_APPLIANCE, VIEW("\1\0"));
    CHECK_EQ(read_it(), ERR_MALFORMED);
    CHECK(says("damaged"));
}

TEST(limits_must_be_able_to_work)
{
    struct manifest bad[4] = {good, good, good, good};
    bad[0].mem_kib = bad[0].mem_min_kib = 0;
    bad[1].stack_kib = 0;
    bad[2].stack_kib = 10;
    for (size_t i = 0; i < 3; i++) {
        start();
        put_about(AT(bad, i));
        CHECK_EQ(read_it(), ERR_INVALID);
        CHECK(says("give APPLIANCE a .mem_kib"));
    }
    bad[3].mem_min_kib = bad[3].mem_kib + 1;
    start();
    put_about(bad[3]);
    CHECK_EQ(read_it(), ERR_MALFORMED);
}

TEST(names_are_lower_case_and_end_within_their_fields)
{
    static const char *const names[] = {"", "Web", "a b", "a/b", "a.b", "\xc3\xa9", "a{", "a`"};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct manifest about = good;
        struct manifest_device d = {.kind = DEVICE_NET};
        struct manifest_key k = {.type = KEY_TEXT};
        struct view name = view_z(AT(names, i));
        fill(SPAN_OF(about.name), 0);
        copy(SPAN_OF(about.name), name);
        copy(SPAN_OF(d.name), name);
        copy(SPAN_OF(k.name), name);
        start();
        put_about(about);
        CHECK_EQ(read_it(), ERR_MALFORMED);
        start();
        put_device(d);
        CHECK_EQ(read_it(), ERR_MALFORMED);
        start();
        put_key(k);
        CHECK_EQ(read_it(), ERR_MALFORMED);
    }
    struct manifest_device endless = {.kind = DEVICE_NET};
    fill(SPAN_OF(endless.name), 'x');
    start();
    put_device(endless);
    CHECK_EQ(read_it(), ERR_MALFORMED);
}

TEST(texts_give_no_orders_to_a_terminal)
{
    static const struct {
        const char *text;
        enum err result;
    } texts[] = {
        {"\x1b[2J", ERR_MALFORMED},  {"a\nb", ERR_MALFORMED},    {"\x7f", ERR_MALFORMED},
        {"\xc2\x9b", ERR_MALFORMED}, {"gr\xc3\xbc\xc3\x9f", OK}, {"", OK},
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct manifest about = good;
        fill(SPAN_OF(about.about), 0);
        copy(SPAN_OF(about.about), view_z(AT(texts, i).text));
        start();
        put_about(about);
        CHECK_EQ(read_it(), AT(texts, i).result);
    }
}

TEST(of_two_with_one_name_neither_counts)
{
    struct manifest_device d = {.kind = DEVICE_NET, .name = "net"};
    struct manifest_key k = {.type = KEY_FLAG, .name = "log"};
    start();
    put_device(d);
    put_device(d);
    CHECK_EQ(read_it(), ERR_MALFORMED);
    start();
    put_key(k);
    put_key((struct manifest_key){.type = KEY_FLAG, .name = "zzz"});
    put_key(k);
    CHECK_EQ(read_it(), ERR_MALFORMED);
}

TEST(there_are_limits_and_kinds)
{
    struct manifest_device d = {.kind = DEVICE_NET, .name = "net0"};
    struct manifest_key k = {.type = KEY_TEXT, .name = "key00"};
    start();
    for (size_t i = 0; i < MANIFEST_DEVICES_MAX; i++, d.name[3]++)
        put_device(d);
    for (size_t i = 0; i < MANIFEST_KEYS_MAX; i++) {
        k.name[3] = (char)('0' + i / 10);
        k.name[4] = (char)('0' + i % 10);
        put_key(k);
    }
    put_about(good);
    struct writer full = w;
    CHECK_EQ(read_it(), OK);
    CHECK_EQ(m.keys_n, MANIFEST_KEYS_MAX);
    w = full;
    put_device(d);
    CHECK_EQ(read_it(), ERR_MALFORMED);
    w = full;
    k.name[0] = 'a';
    put_key(k);
    CHECK_EQ(read_it(), ERR_MALFORMED);

    start();
    put_device((struct manifest_device){.kind = 77, .name = "laser"});
    CHECK_EQ(read_it(), ERR_UNSUPPORTED);
    CHECK(says("kind of device"));
    static const u32 types[] = {0, KEY_SIZE + 1};
    for (size_t i = 0; i < COUNT(types); i++) {
        start();
        put_key((struct manifest_key){.type = AT(types, i), .name = "colour"});
        CHECK_EQ(read_it(), ERR_UNSUPPORTED);
        CHECK(says("key of a type"));
        CHECK(strcmp(key_type_name(AT(types, i)), "unknown") == 0);
    }
    CHECK(strcmp(key_type_name(KEY_DURATION), "duration") == 0);
}

TEST(what_makes_no_sense_is_damaged)
{
    start();
    put_key((struct manifest_key){.type = KEY_NUMBER, .name = "n", .min = 2, .max = 1});
    CHECK_EQ(read_it(), ERR_MALFORMED);
    start();
    put_device(
        (struct manifest_device){.kind = DEVICE_NET, .name = "n", .rx_kib = (ELF_IMAGE_MAX >> 10) + 1});
    CHECK_EQ(read_it(), ERR_MALFORMED);
    static const u32 shapes[][2] = {{NOTE_FIBER, 4}, {NOTE_DEVICE, 8}, {NOTE_KEY, 40}, {99, 4}};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        static const u8 some[64] = {1};
        start();
        put_note("Pith", shapes[i][0], view_first(VIEW_OF(some), shapes[i][1]));
        CHECK_EQ(read_it(), ERR_MALFORMED);
        CHECK(says("damaged"));
    }
    start(); /* a note that ends behind its area */
    put_about(good);
    put_le32(&w, 5);
    put_le32(&w, 1 << 20);
    put_le32(&w, NOTE_KEY);
    put_bytes(&w, VIEW("Pith\0\0\0\0\0\0\0\0"));
    CHECK_EQ(read_it(), ERR_MALFORMED);
    CHECK(says("damaged"));
}

TESTS(CASE(devices_and_keys_are_in_the_order_of_their_names), CASE(there_is_one_manifest_of_this_version),
      CASE(limits_must_be_able_to_work), CASE(names_are_lower_case_and_end_within_their_fields),
      CASE(texts_give_no_orders_to_a_terminal), CASE(of_two_with_one_name_neither_counts),
      CASE(there_are_limits_and_kinds), CASE(what_makes_no_sense_is_damaged))
