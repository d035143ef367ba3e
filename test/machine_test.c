/* What a machine says of itself before there is a system, as wire/machine and wire/acpi read it,
 * and the pack that a machine boots (wire/pack): whole, cut off anywhere, and made of nonsense. */
#include "base/num.h"
#include "sig/manifest.h"
#include "test/test.h"
#include "wire/acpi.h"
#include "wire/machine.h"
#include "wire/pack.h"

static u8 bytes[8192];
static struct writer w;

static struct view made(void)
{
    return written(&w);
}

static void start(void)
{
    fill(SPAN_OF(bytes), 0);
    w = writer_of(SPAN_OF(bytes));
}

static void put_ram(u64 at, u64 n, u32 type)
{
    put_le64(&w, at);
    put_le64(&w, n);
    put_le32(&w, type);
    put_le32(&w, 0);
}

TEST(pvh_tells_of_memory)
{
    struct machine m;
    u64 map_at;
    u32 map_n;
    for (int bad = 0; bad < 4; bad++) {
        start();
        put_le32(&w, bad == 1 ? 7 : 0x336ec578);
        put_le32(&w, bad == 2 ? 0 : 1);
        put_zeroes(&w, 16);
        put_le64(&w, 0x1000);
        put_le64(&w, 0xe0000);
        put_le64(&w, 0x2000);
        put_le32(&w, bad == 3 ? PVH_MEMORIES_MAX + 1 : 20);
        enum err e = pvh_decode(made(), &m, &map_at, &map_n);
        CHECK_EQ(e, bad == 0 ? OK : bad == 1 ? ERR_MALFORMED : ERR_UNSUPPORTED);
        CHECK_EQ(pvh_decode(view_first(made(), w.n - 1), &m, &map_at, &map_n), ERR_MALFORMED);
    }
    start();
    put_ram(0, 0x9f000, 1);
    put_ram(0x9f000, 0x1000, 2);      /* kept for others */
    put_ram(0x100000, 0, 1);          /* nothing */
    put_ram(UINT64_MAX - 10, 100, 1); /* past the end of all addresses */
    for (u64 i = 1; i < 20; i++)      /* more than there is room for, */
        put_ram(i << 20, 4096, 1);
    put_ram((u64)4 << 30, 1 << 30, 1); /* and most of it behind them */
    put_zeroes(&w, PVH_MEMORY_SIZE);
    m = (struct machine){0};
    pvh_take_memory(view_first(made(), w.n - 1), &m);
    CHECK(m.ram_n == MACHINE_RAM_MAX && m.ram[0].n == 0x9f000);
    CHECK(m.ram[1].at == (u64)4 << 30 && m.ram[2].at == 2 << 20);
}

static void put_tag(u32 type, struct view body)
{
    put_le32(&w, type);
    put_le32(&w, 8 + (u32)body.n);
    put_bytes(&w, body);
    put_zeroes(&w, align_up(w.n, 8) - w.n);
}

TEST(multiboot2_tells_it_in_tags)
{
    struct machine m;
    u8 map[8 + 2 * 24];
    w = writer_of(SPAN_OF(map));
    put_le32(&w, 24);
    put_le32(&w, 0);
    put_ram(0x100000, 0x1000, 1);
    put_ram(0x200000, 0x1000, 5);
    start();
    put_zeroes(&w, 8);
    put_tag(1, VIEW("a command line\0"));
    put_tag(14, VIEW("old"));
    put_tag(15, VIEW("new"));
    put_tag(14, VIEW("older"));
    put_tag(6, VIEW_OF(map));
    put_tag(0, VIEW_NONE);
    store_le32(SPAN_OF(bytes), 0, (u32)w.n);
    CHECK_EQ(multiboot2_size(view_first(made(), 8)), w.n);
    CHECK_EQ(multiboot2_decode(made(), &m), OK);
    CHECK(m.ram_n == 1 && m.ram[0].at == 0x100000 && view_eq(m.rsdp, VIEW("new")));
    for (size_t n = 0; n < w.n; n++)
        CHECK_EQ(multiboot2_decode(view_first(made(), n), &m), ERR_MALFORMED);
    store_le32(SPAN_OF(bytes), 12, 7); /* a tag shorter than its head */
    CHECK_EQ(multiboot2_decode(made(), &m), ERR_MALFORMED);
    CHECK(multiboot2_size(view_first(made(), 7)) == 0 && multiboot2_size(VIEW("\7\0\0\0\0\0\0\0")) == 0);
    CHECK_EQ(multiboot2_size(VIEW("\1\0\1\0\0\0\0\0")), 0);
}

TEST(a_command_line_names_devices)
{
    static const char line[] =
        "console=x virtio_mmio.device=4K@0xfeb00E00:5 virtio_mmio.device=512@4096:12 quiet "
        "virtio_mmio.device=@1:1 virtio_mmio.device=1@:2 virtio_mmio.device=1@2 "
        "virtio_mmio.device=1@2: virtio_mmio.device=1@2:256 virtio_mmio.device=0x@1:1 "
        "virtio_mmio.device=1@99999999999999999999:1 virtio_mmio.device=4k";
    struct view rest = view_z(line);
    u64 at;
    u32 irq;
    CHECK(machine_next_virtio(&rest, &at, &irq) && at == 0xfeb00e00 && irq == 5);
    CHECK(machine_next_virtio(&rest, &at, &irq) && at == 4096 && irq == 12);
    CHECK(!machine_next_virtio(&rest, &at, &irq));
}

TEST(acpi_tables_are_found)
{
    struct acpi_root root;
    start();
    put_bytes(&w, VIEW("RSD PTR "));
    put_zeroes(&w, 7);
    put_u8(&w, 2);
    put_le32(&w, 0x1000);
    put_le32(&w, 36);
    put_le64(&w, 0x2000);
    put_zeroes(&w, 4);
    CHECK_EQ(acpi_get_root(made(), &root), OK);
    CHECK(root.at == 0x2000 && root.entry_n == 8);
    CHECK_EQ(acpi_get_root(view_first(made(), 20), &root), OK);
    CHECK(root.at == 0x1000 && root.entry_n == 4);
    CHECK_EQ(acpi_get_root(view_first(made(), 19), &root), ERR_MALFORMED);
    store_le64(SPAN_OF(bytes), 24, 0);
    CHECK(acpi_get_root(made(), &root) == OK && root.entry_n == 4);
    store_le32(SPAN_OF(bytes), 16, 0);
    CHECK_EQ(acpi_get_root(made(), &root), ERR_MALFORMED);
    store_le64(SPAN_OF(bytes), 24, 9);
    bytes[15] = 0; /* of version 1, which has no second address */
    CHECK_EQ(acpi_get_root(made(), &root), ERR_MALFORMED);
    bytes[0] = 'X';
    CHECK_EQ(acpi_get_root(made(), &root), ERR_MALFORMED);

    start();
    put_bytes(&w, VIEW("XSDT"));
    put_le32(&w, 36 + 16);
    put_zeroes(&w, 28);
    put_le64(&w, 77);
    put_le64(&w, 88);
    CHECK(acpi_table_size(made()) == 52 && acpi_table_size(view_first(made(), 35)) == 0);
    CHECK(acpi_table_at(made(), 8, 0) == 77 && acpi_table_at(made(), 8, 1) == 88);
    CHECK(acpi_table_at(made(), 8, 2) == 0 && acpi_table_at(made(), 4, 2) == 88);
    store_le32(SPAN_OF(bytes), 4, 35);
    CHECK_EQ(acpi_table_size(made()), 0);
    store_le32(SPAN_OF(bytes), 4, ACPI_TABLE_MAX + 1);
    CHECK_EQ(acpi_table_size(made()), 0);
}

TEST(acpi_tells_of_interrupts_and_of_the_end)
{
    struct acpi_ioapics io;
    struct acpi_power power;
    start();
    put_zeroes(&w, 44);
    put_bytes(&w, VIEW("\0\x08"
                       "local "));
    put_bytes(&w, VIEW("\1\4ab")); /* too short to be one */
    for (u8 i = 0; i < 5; i++) {
        put_bytes(&w, VIEW("\1\x0c\0\0"));
        put_le32(&w, 0xfec00000u + i);
        put_le32(&w, i * 24u);
    }
    acpi_get_ioapics(made(), &io);
    CHECK(io.n == ACPI_IOAPICS_MAX && io.each[1].at == 0xfec00001 && io.each[1].first_irq == 24);
    acpi_get_ioapics(view_first(made(), 44 + 12 + 12 + 5), &io);
    CHECK_EQ(io.n, 1); /* the second is cut off */
    bytes[45] = 1;     /* one that would never end */
    acpi_get_ioapics(made(), &io);
    CHECK_EQ(io.n, 0);

    start();
    put_zeroes(&w, 268);
    store_le32(SPAN_OF(bytes), 40, 0xd0000);
    store_le16(SPAN_OF(bytes), 46, 9);
    store_le16(SPAN_OF(bytes), 56, 0x600);
    store_le16(SPAN_OF(bytes), 64, 0x604);
    store_le16(SPAN_OF(bytes), 76, 0x608);
    bytes[88] = 4;
    store_le64(SPAN_OF(bytes), 248, 0xfed0);
    CHECK_EQ(acpi_get_power(made(), &power), OK);
    CHECK(power.dsdt_at == 0xd0000 && power.sci == 9 && power.event_port == 0x600 && power.event_n == 4);
    CHECK(power.control_port == 0x604 && power.timer_port == 0x608);
    CHECK(power.sleep.is_memory && power.sleep.at == 0xfed0);
    CHECK(acpi_get_power(view_first(made(), 267), &power) == OK && power.sleep.at == 0);
    bytes[244] = 1; /* a port, as Cloud Hypervisor has it */
    CHECK(acpi_get_power(made(), &power) == OK && !power.sleep.is_memory && power.sleep.at == 0xfed0);
    bytes[244] = 3; /* a bus that nobody here drives */
    CHECK(acpi_get_power(made(), &power) == OK && power.sleep.at == 0);
    CHECK_EQ(acpi_get_power(view_first(made(), 115), &power), ERR_MALFORMED);

    CHECK_EQ(acpi_get_off_type(VIEW("xx_S5_\x12\6\4\5\5\0\0")), 5);
    CHECK_EQ(acpi_get_off_type(VIEW("xx_S5_\x12\x46\0\4\x0a\7\0\0")), 7);
    CHECK_EQ(acpi_get_off_type(VIEW("xx_S5_\x12\6\4")), 0);
    CHECK_EQ(acpi_get_off_type(VIEW("xx_S5_\x11\6\4\5\5\0\0")), 0);
    CHECK_EQ(acpi_get_off_type(VIEW("nothing of the kind")), 0);
}

/* ---- packs ----------------------------------------------------------------------- */

static const struct pack good = {
    .name = {(const u8 *)"web", 3},
    .pack_n = 9 * PACK_ALIGN,
    .image_at = PACK_ALIGN,
    .image_n = 5000,
    .bundle_at = 3 * PACK_ALIGN,
    .bundle_n = 100,
    .memory_n = 4 << 20,
    .devices_n = 1,
    .keys_n = 2,
    .devices = {{DEVICE_NET, 256 << 10, 64 << 10}},
    .keys = {{{(const u8 *)"port", 4}, {(const u8 *)"80", 2}}, {{(const u8 *)"ip", 2}, {NULL, 0}}},
};

static enum err through(struct pack p, struct pack *out)
{
    start();
    pack_put_head(&w, &p);
    return pack_get_head(made(), out);
}

TEST(a_pack_is_read_as_it_was_written)
{
    struct pack p;
    CHECK_EQ(through(good, &p), OK);
    CHECK_EQ(pack_head_size(view_first(made(), 16)), w.n);
    CHECK(view_eq(p.name, VIEW("web")) && p.image_at == PACK_ALIGN && p.bundle_n == 100 && p.keys_n == 2);
    CHECK(view_eq(p.keys[0].name, VIEW("port")) && view_eq(p.keys[0].value, VIEW("80")));
    CHECK(view_eq(p.keys[1].name, VIEW("ip")) && p.keys[1].value.n == 0);
    CHECK(p.devices[0].window_n == 256 << 10 && p.devices[0].queue_bytes == 64 << 10);
    size_t n = w.n;
    for (size_t i = 0; i < n; i++)
        CHECK_EQ(pack_get_head(view_first(made(), i), &p), ERR_MALFORMED);
    for (u32 shorter = 76; shorter < n; shorter++) { /* also when it says itself to be so short */
        store_le32(SPAN_OF(bytes), 12, shorter);
        CHECK_EQ(pack_get_head(view_first(made(), shorter), &p), ERR_MALFORMED);
    }
}

TEST(a_pack_that_makes_no_sense_is_refused)
{
    struct pack p, bad[11];
    for (size_t i = 0; i < COUNT(bad); i++)
        bad[i] = good;
    bad[0].image_at = 100;
    bad[1].image_at = 0;
    bad[2].image_n = 0;
    bad[3].image_n = good.pack_n;
    bad[4].image_n = UINT64_MAX;
    bad[5].bundle_at = 9 * PACK_ALIGN;
    bad[6].bundle_at = 1;
    bad[7].memory_n = 1000;
    bad[8].memory_n = UINT64_MAX;
    bad[9].pack_n = UINT64_MAX;
    bad[10].name = VIEW("a name of more than thirty-one bytes");
    for (size_t i = 0; i < COUNT(bad); i++)
        CHECK_EQ(through(AT(bad, i), &p), ERR_MALFORMED);
    struct pack without = good;
    without.bundle_at = without.bundle_n = 0;
    CHECK_EQ(through(without, &p), OK);
    static const struct {
        u8 at, x;
        enum err e;
    } wrong[] = {{0, 'p', ERR_MALFORMED},   {8, PACK_VERSION + 1, ERR_UNSUPPORTED},
                 {13, 0xff, ERR_MALFORMED}, {64, 5, ERR_MALFORMED},
                 {68, 65, ERR_MALFORMED},   {76, 9, ERR_MALFORMED},
                 {88, 200, ERR_MALFORMED}};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        CHECK_EQ(through(good, &p), OK);
        bytes[wrong[i].at] = wrong[i].x;
        CHECK_EQ(pack_get_head(made(), &p), wrong[i].e);
    }
}

TESTS(CASE(pvh_tells_of_memory), CASE(multiboot2_tells_it_in_tags), CASE(a_command_line_names_devices),
      CASE(acpi_tables_are_found), CASE(acpi_tells_of_interrupts_and_of_the_end),
      CASE(a_pack_is_read_as_it_was_written), CASE(a_pack_that_makes_no_sense_is_refused))
