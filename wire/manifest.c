#include "wire/manifest.h"

#include "base/fmt.h"
#include "base/num.h"
#include "base/quantity.h"

/* Control characters would be orders to the terminal that shows the text: ASCII's, and
 * U+0080 to U+009F in UTF-8. */
static bool has_control(struct view text)
{
    for (u8 before = 0; text.n > 0; text = view_from(text, 1)) {
        u8 c = view_at(text, 0);
        if (c < ' ' || c == 0x7f || (before == 0xc2 && c >= 0x80 && c < 0xa0))
            return true;
        before = c;
    }
    return false;
}

/* A text field: zero-terminated within it. */
static void take_text(struct reader *r, struct span field)
{
    struct view raw = get_bytes(r, field.n), rest;
    if (view_find(raw, 0) == raw.n || has_control(view_cut(raw, 0, &rest)))
        r->bad = true;
    else
        copy(field, raw);
}

static bool name_ok(struct view name)
{
    for (size_t i = 0; i < name.n; i++) {
        u8 c = view_at(name, i);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    return name.n > 0;
}

static bool about_decode(struct reader *r, struct manifest *m)
{
    m->abi = get_le32(r);
    m->flags = get_le32(r);
    take_text(r, SPAN_OF(m->name));
    take_text(r, SPAN_OF(m->about));
    m->mem_kib = get_le32(r);
    m->mem_min_kib = get_le32(r);
    m->stack_kib = get_le32(r);
    m->fibers = get_le32(r);
    m->connections = get_le32(r);
    get_skip(r, sizeof m->reserved);
    return !r->bad && name_ok(view_z(m->name)) && m->mem_min_kib <= m->mem_kib;
}

static bool device_decode(struct reader *r, struct manifest_device *d)
{
    d->kind = get_le32(r);
    d->rx_kib = get_le32(r);
    take_text(r, SPAN_OF(d->name));
    return !r->bad && name_ok(view_z(d->name)) && d->rx_kib <= ELF_IMAGE_MAX / 1024;
}

static bool key_decode(struct reader *r, struct manifest_key *k)
{
    k->type = get_le32(r);
    get_skip(r, 4);
    k->min = get_le64(r);
    k->max = get_le64(r);
    take_text(r, SPAN_OF(k->name));
    take_text(r, SPAN_OF(k->fallback));
    take_text(r, SPAN_OF(k->help));
    return !r->bad && name_ok(view_z(k->name)) && k->min <= k->max;
}

/* Insertion by name; false when the name is there already. */
static bool add_device(struct manifest_whole *m, const struct manifest_device *d)
{
    u32 at = m->devices_n;
    for (; at > 0; at--) {
        int order = view_cmp(view_z(AT(m->devices, at - 1).name), view_z(d->name));
        if (order == 0)
            return false;
        if (order < 0)
            break;
        AT(m->devices, at) = AT(m->devices, at - 1);
    }
    AT(m->devices, at) = *d;
    m->devices_n++;
    return true;
}

static bool add_key(struct manifest_whole *m, const struct manifest_key *k)
{
    u32 at = m->keys_n;
    for (; at > 0; at--) {
        int order = view_cmp(view_z(AT(m->keys, at - 1).name), view_z(k->name));
        if (order == 0)
            return false;
        if (order < 0)
            break;
        AT(m->keys, at) = AT(m->keys, at - 1);
    }
    AT(m->keys, at) = *k;
    m->keys_n++;
    return true;
}

static const char *const damaged = "has a damaged manifest; build it again";

static enum err take_note(struct manifest_whole *m, const struct elf_note *note, bool *found,
                          const char **wrong)
{
    struct reader r = reader_of(note->desc);
    *wrong = damaged;
    switch (note->type) {
    case NOTE_APPLIANCE:
        if (*found)
            return ERR_MALFORMED;
        *found = true;
        if (note->desc.n >= 4 && load_le32(note->desc, 0) != MANIFEST_ABI) {
            *wrong = "has a manifest of another version; build it again with this pith";
            return ERR_UNSUPPORTED;
        }
        return about_decode(&r, &m->about) ? OK : ERR_MALFORMED;
    case NOTE_DEVICE: {
        struct manifest_device d;
        if (!device_decode(&r, &d) || m->devices_n == MANIFEST_DEVICES_MAX || !add_device(m, &d))
            return ERR_MALFORMED;
        if (d.kind == DEVICE_NET || d.kind == DEVICE_BLOCK)
            return OK;
        *wrong = "needs a kind of device that this pith does not know; use a newer pith";
        return ERR_UNSUPPORTED;
    }
    case NOTE_KEY: {
        struct manifest_key k;
        if (!key_decode(&r, &k) || m->keys_n == MANIFEST_KEYS_MAX || !add_key(m, &k))
            return ERR_MALFORMED;
        if (k.type >= KEY_TEXT && k.type <= KEY_SIZE)
            return OK;
        *wrong = "has a key of a type that this pith does not know; use a newer pith";
        return ERR_UNSUPPORTED;
    }
    case NOTE_FIBER:
        return note->desc.n == sizeof(u64) ? OK : ERR_MALFORMED;
    default:
        return ERR_MALFORMED;
    }
}

enum err manifest_decode(const struct elf *e, struct manifest_whole *out, const char **wrong)
{
    struct elf_notes it = elf_notes_of(e);
    struct elf_note note;
    bool found = false;
    out->devices_n = out->keys_n = 0;
    while (elf_note_next(&it, &note))
        if (view_eq(note.owner, VIEW("Pith")))
            TRY(take_note(out, &note, &found, wrong));
    if (it.bad) {
        *wrong = damaged;
        return ERR_MALFORMED;
    }
    if (!found) {
        *wrong = "is not a Pith image (it has no manifest)";
        return ERR_NOT_FOUND;
    }
    const struct manifest *m = &out->about;
    if (m->mem_kib == 0 || m->stack_kib == 0 || m->stack_kib % 4 != 0 || m->mem_min_kib > m->mem_kib) {
        *wrong = "asks for no memory or stacks: give APPLIANCE a .mem_kib, and a .stack_kib in steps of 4";
        return ERR_INVALID;
    }
    return OK;
}

/* "192.0.2.1": four decimal numbers, no leading zeroes (RFC 6943 §3.1.1). */
static bool ip_ok(struct view text)
{
    for (int parts = 1;; parts++) { /* Bound: each turn takes a part off the text. */
        struct view rest, part = view_cut(text, '.', &rest);
        u64 x;
        bool last = part.n == text.n;
        if (part.n == 0 || part.n > 3 || (part.n > 1 && view_at(part, 0) == '0') ||
            view_to_u64(part, &x) != OK || x > 255 || last != (parts == 4))
            return false;
        if (last)
            return true;
        text = rest;
    }
}

static bool cidr_ok(struct view text)
{
    struct view rest, ip = view_cut(text, '/', &rest);
    u64 prefix;
    return view_eq(text, VIEW("dhcp")) ||
           (ip_ok(ip) && view_to_u64(rest, &prefix) == OK && prefix >= 1 && prefix <= 32);
}

static bool in_bounds(const struct manifest_key *key, u64 x)
{
    return (key->min == 0 && key->max == 0) || (x >= key->min && x <= key->max);
}

static bool value_ok(const struct manifest_key *key, struct view value)
{
    u64 x;
    switch (key->type) {
    case KEY_NUMBER:
        return view_to_u64(value, &x) == OK && in_bounds(key, x);
    case KEY_FLAG:
        return view_eq(value, VIEW("true")) || view_eq(value, VIEW("false"));
    case KEY_IP:
        return ip_ok(value);
    case KEY_CIDR:
        return cidr_ok(value);
    case KEY_DURATION:
        return view_to_duration_ms(value, &x) == OK && in_bounds(key, x);
    case KEY_SIZE:
        return view_to_size(value, &x) == OK && in_bounds(key, x);
    default:
        return true;
    }
}

static void put_bound(struct writer *w, const struct manifest_key *key, u64 x)
{
    put_dec(w, x);
    if (key->type == KEY_DURATION)
        put_text(w, "ms");
}

enum err key_check(const struct manifest_key *key, struct view value, struct writer *expected)
{
    static const char *const forms[] = {
        [KEY_NUMBER] = "a number",
        [KEY_FLAG] = "true or false",
        [KEY_IP] = "an address such as 192.0.2.1",
        [KEY_CIDR] = "an address with its prefix such as 192.0.2.1/24, or dhcp",
        [KEY_DURATION] = "a duration such as 500ms, 10s, 5m or 1h",
        [KEY_SIZE] = "a size such as 512, 16k or 4m",
    };
    if (view_eq(value, view_z(key->fallback)) || value_ok(key, value))
        return OK;
    put_text(expected, AT(forms, key->type));
    if (key->min != 0 || key->max != 0) {
        put_text(expected, key->type == KEY_NUMBER ? " from " : ", from ");
        put_bound(expected, key, key->min);
        put_text(expected, " to ");
        put_bound(expected, key, key->max);
    }
    return ERR_INVALID;
}

const char *key_type_name(u32 type)
{
    static const char *const names[] = {
        [KEY_TEXT] = "text", [KEY_NUMBER] = "number",     [KEY_FLAG] = "true|false", [KEY_IP] = "ip",
        [KEY_CIDR] = "cidr", [KEY_DURATION] = "duration", [KEY_SIZE] = "size",
    };
    return type >= KEY_TEXT && type <= KEY_SIZE ? AT(names, type) : "unknown";
}
