/* The manifest: what an image says of itself before it runs. Each macro places
 * one ELF note (owner "Pith") in the image; `pith` reads the notes from the file,
 * checks them, and shows them (`pith inspect`, `pith run NAME --help`). A library
 * declares its own keys and devices where it uses them, so linking it brings
 * them. Layouts are fixed, little-endian, and change only with MANIFEST_ABI. */
#ifndef SIG_MANIFEST_H
#define SIG_MANIFEST_H

#include "base/types.h"

enum { MANIFEST_ABI = 2 };

enum manifest_note {
    NOTE_APPLIANCE = 1,
    NOTE_DEVICE = 2,
    NOTE_KEY = 3,
    NOTE_FIBER = 4, /* 8 bytes: from themselves to `fiber_current` (sig/report.h) */
};

/* 24 bytes, so that a body follows at once under the 8-byte alignment of these notes. */
struct note_head {
    u32 name_size, desc_size, type;
    char owner[12]; /* "Pith" */
};

/* NOTE_APPLIANCE: exactly one. */
struct manifest {
    u32 abi;
    u32 flags;          /* enum manifest_flags */
    char name[32];      /* zero-terminated, as every text here */
    char about[96];     /* one line */
    u32 mem_kib;        /* memory when the user names none: everything but the image itself */
    u32 mem_min_kib;    /* below this it does not boot */
    u32 stack_kib;      /* each fiber's stack, without its guard page */
    u32 fibers;         /* at once, besides the first */
    u32 connections;    /* TCP connections at once, in any state but TIME_WAIT */
    u32 reserved[3];
};

enum manifest_flags { MANIFEST_BUNDLE = 1 /* works on a bundle and does not boot without one */ };

enum device_kind { DEVICE_NET = 1, DEVICE_BLOCK = 2 };

/* NOTE_DEVICE: devices are numbered in the order of their names. */
struct manifest_device {
    u32 kind;
    u32 rx_kib;     /* network: receive window, counted in mem_kib; at least 144 for super-frames */
    char name[24];
};

enum key_type {
    KEY_TEXT = 1,
    KEY_NUMBER = 2,   /* decimal, with min and max */
    KEY_FLAG = 3,     /* true or false */
    KEY_IP = 4,       /* 192.0.2.1 */
    KEY_CIDR = 5,     /* 192.0.2.1/24, or the word "dhcp" */
    KEY_DURATION = 6, /* 500ms, 10s, 5m, 1h: bounds in milliseconds */
    KEY_SIZE = 7,     /* 512, 16k, 4m: bounds in bytes */
};

/* NOTE_KEY */
struct manifest_key {
    u32 type;
    u32 reserved;
    u64 min, max;      /* inclusive; both 0: any */
    char name[24];     /* as on the command line: --name value */
    char fallback[48]; /* the value when the user gives none; "" may mean "none" */
    char help[88];
};

#define MANIFEST_NOTE_(id, kind, type_, ...)                                              \
    static const struct {                                                                 \
        struct note_head head;                                                            \
        struct kind body;                                                                 \
    } id __attribute__((section(".note.pith"), used, retain, aligned(8))) = {             \
        {5, sizeof(struct kind), type_, "Pith"}, __VA_ARGS__}

/* APPLIANCE(.name = "web", .about = "…", .mem_kib = 4096, …); once, in main.c. */
#define APPLIANCE(...)                                                                    \
    const struct {                                                                        \
        struct note_head head;                                                            \
        struct manifest body;                                                             \
    } appliance_note __attribute__((section(".note.pith"), used, retain, aligned(8))) = { \
        {5, sizeof(struct manifest), NOTE_APPLIANCE, "Pith"}, {.abi = MANIFEST_ABI, __VA_ARGS__}}; \
    const struct manifest *const appliance_manifest = &appliance_note.body

/* Image code reads its own limits here. */
extern const struct manifest *const appliance_manifest;

/* DEVICE(service, DEVICE_NET, .rx_kib = 256); DEVICE(data, DEVICE_BLOCK); */
#define DEVICE(id, kind_, ...) \
    MANIFEST_NOTE_(device_note_##id, manifest_device, NOTE_DEVICE, {.kind = kind_, .name = #id, __VA_ARGS__})

/* KEY(port, KEY_NUMBER, "80", "TCP port to listen on", .min = 1, .max = 65535);
 * The value is read with boot_key (sig/boot.h). */
#define KEY(id, type_, fallback_, help_, ...)                                             \
    MANIFEST_NOTE_(key_note_##id, manifest_key, NOTE_KEY,                                 \
                   {.type = type_, .name = #id, .fallback = fallback_, .help = help_, __VA_ARGS__})

#endif
