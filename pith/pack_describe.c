/* Descriptions of a machine for those who run it: libvirt's XML, firecracker's JSON. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fmt.h"
#include "pith/command.h"
#include "pith/output.h"
#include "pith/pack.h"
#include "sig/manifest.h"

enum { TEXT_MAX = 3 * PATH_MAX };

static void put_xml(struct writer *w, const char *text)
{
    for (; *text; text++) {
        const char *name = *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : *text == '\'' ? "&apos;" : NULL;
        if (name)
            put_text(w, name);
        else
            put_u8(w, (u8)*text);
    }
}

static int write_text(const struct packing *p, const struct writer *w)
{
    struct output o;
    if (w->full)
        return fail("%s: the path of %s is too long", p->out, p->elf);
    int code = output_open(&o, p->out, 0644);
    if (code != EXIT_OK)
        return code;
    struct view text = written(w);
    if (write(o.fd, text.p, text.n) == (ssize_t)text.n)
        return output_commit(&o);
    output_abandon(&o);
    return fail("%s: cannot be written: %s", p->out, strerror(errno));
}

/* Where it lies is the user's to say: the file is named after the disk, and is not made. */
static void put_disk(struct writer *w, unsigned n)
{
    put_text(w, "    <disk type='file' device='disk'>\n"
                "      <driver name='qemu' type='raw' discard='unmap'/>\n"
                "      <source file='/var/lib/libvirt/images/disk");
    put_dec(w, n);
    put_text(w, ".img'/>\n      <target dev='vd");
    put_u8(w, (u8)('a' + n));
    put_text(w, "' bus='virtio'/>\n    </disk>\n");
}

int pack_libvirt(const struct packing *p)
{
    unsigned disks = 0;
    static u8 text[TEXT_MAX];
    char elf[PATH_MAX];
    struct writer w = writer_of(SPAN_OF(text));
    if (!realpath(p->elf, elf))
        return fail("%s: %s", p->elf, strerror(errno));
    put_text(&w, "<domain type='kvm'>\n  <name>");
    put_xml(&w, p->plan->name);
    put_text(&w, "</name>\n  <memory unit='MiB'>");
    put_dec(&w, p->memory_mib);
    put_text(&w, "</memory>\n"
                 "  <vcpu>1</vcpu>\n"
                 "  <os>\n"
                 "    <type arch='x86_64' machine='q35'>hvm</type>\n"
                 "    <kernel>");
    put_xml(&w, elf);
    put_text(&w, "</kernel>\n"
                 "  </os>\n"
                 "  <features><acpi/><apic/></features>\n"
                 "  <cpu mode='host-passthrough'/>\n"
                 "  <clock offset='utc'/>\n"
                 "  <on_poweroff>destroy</on_poweroff>\n"
                 "  <on_reboot>destroy</on_reboot>\n"
                 "  <on_crash>destroy</on_crash>\n"
                 "  <devices>\n");
    for (size_t i = 0; i < p->plan->devices_n; i++)
        if (p->plan->devices[i].kind == DEVICE_NET)
            put_text(&w, "    <interface type='network'>\n"
                         "      <source network='default'/>\n"
                         "      <model type='virtio'/>\n"
                         "    </interface>\n");
        else
            put_disk(&w, disks++);
    put_text(&w, "    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>\n"
                 "    <serial type='pty'/>\n"
                 "    <console type='pty'><target type='serial' port='0'/></console>\n"
                 "    <memballoon model='none'/>\n"
                 "  </devices>\n"
                 "</domain>\n");
    return write_text(p, &w);
}

static void put_drive(struct writer *w, unsigned n)
{
    put_text(w, n > 0 ? ", {\"drive_id\": \"disk" : "{\"drive_id\": \"disk");
    put_dec(w, n);
    put_text(w, "\", \"path_on_host\": \"disk");
    put_dec(w, n);
    put_text(w, ".img\", \"is_root_device\": false, \"is_read_only\": false}");
}

/* It appends to boot_args where its devices are, which the drivers read there. */
int pack_firecracker(const struct packing *p)
{
    unsigned disks = 0, nets = 0;
    static u8 text[TEXT_MAX];
    char elf[PATH_MAX];
    struct writer w = writer_of(SPAN_OF(text));
    if (!realpath(p->elf, elf))
        return fail("%s: %s", p->elf, strerror(errno));
    put_text(&w, "{\n  \"boot-source\": {\"kernel_image_path\": ");
    put_json(&w, view_z(elf));
    put_text(&w, ", \"boot_args\": \"\"},\n"
                 "  \"drives\": [");
    for (size_t i = 0; i < p->plan->devices_n; i++)
        if (p->plan->devices[i].kind == DEVICE_BLOCK)
            put_drive(&w, disks++);
    put_text(&w, "],\n"
                 "  \"machine-config\": {\"vcpu_count\": 1, \"mem_size_mib\": ");
    put_dec(&w, p->memory_mib);
    put_text(&w, "},\n  \"network-interfaces\": [");
    for (size_t i = 0; i < p->plan->devices_n; i++) {
        if (p->plan->devices[i].kind != DEVICE_NET)
            continue;
        put_text(&w, nets > 0 ? ", {\"iface_id\": \"net" : "{\"iface_id\": \"net");
        put_dec(&w, nets);
        put_text(&w, "\", \"host_dev_name\": \"tap");
        put_dec(&w, nets);
        put_text(&w, "\"}");
        nets++;
    }
    put_text(&w, "],\n  \"entropy\": {}\n}\n");
    return write_text(p, &w);
}
