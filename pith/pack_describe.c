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

int pack_libvirt(const struct packing *p)
{
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
        put_text(&w, "    <interface type='network'>\n"
                     "      <source network='default'/>\n"
                     "      <model type='virtio'/>\n"
                     "    </interface>\n");
    put_text(&w, "    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>\n"
                 "    <serial type='pty'/>\n"
                 "    <console type='pty'><target type='serial' port='0'/></console>\n"
                 "    <memballoon model='none'/>\n"
                 "  </devices>\n"
                 "</domain>\n");
    return write_text(p, &w);
}

/* It appends to boot_args where its devices are, which the drivers read there. */
int pack_firecracker(const struct packing *p)
{
    static u8 text[TEXT_MAX];
    char elf[PATH_MAX];
    struct writer w = writer_of(SPAN_OF(text));
    if (!realpath(p->elf, elf))
        return fail("%s: %s", p->elf, strerror(errno));
    put_text(&w, "{\n  \"boot-source\": {\"kernel_image_path\": ");
    put_json(&w, view_z(elf));
    put_text(&w, ", \"boot_args\": \"\"},\n"
                 "  \"drives\": [],\n"
                 "  \"machine-config\": {\"vcpu_count\": 1, \"mem_size_mib\": ");
    put_dec(&w, p->memory_mib);
    put_text(&w, "},\n  \"network-interfaces\": [");
    for (size_t i = 0; i < p->plan->devices_n; i++) {
        put_text(&w, i > 0 ? ", {\"iface_id\": \"net" : "{\"iface_id\": \"net");
        put_dec(&w, i);
        put_text(&w, "\", \"host_dev_name\": \"tap");
        put_dec(&w, i);
        put_text(&w, "\"}");
    }
    put_text(&w, "],\n  \"entropy\": {}\n}\n");
    return write_text(p, &w);
}
