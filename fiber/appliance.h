/* The first fiber of every image, and what it can ask of its start. */
#ifndef FIBER_APPLIANCE_H
#define FIBER_APPLIANCE_H

#include "base/arena.h"
#include "fiber/fiber.h"
#include "sig/boot.h"
#include "sig/manifest.h"

/* Written by the application. Its fibers belong to `root`. What it returns is the
 * exit: OK is 0; anything else is printed and becomes 1. */
enum err appliance_main(struct scope *root);

/* The arena of things that live as long as the image. */
struct arena *boot_arena(void);

struct view boot_bundle(void);

/* TCP connections at once: as many as the manifest says and, where the user gave more
 * memory than it asks for, more in proportion. */
u32 boot_connections(void);

/* The network device declared as DEVICE(name, DEVICE_NET): by its place among the
 * device names in order. NULL when there is none of that number. */
struct net_dev *boot_net(u32 number);

/* A key's value; a name that the manifest lacks traps (a bug of the appliance). */
struct view key_text(const char *name);
u64 key_number(const char *name);        /* KEY_NUMBER, KEY_SIZE (bytes) */
bool key_flag(const char *name);
u64 key_duration_ns(const char *name);

/* A line on the console, with a final newline: "web: listening on port 80". */
void say(const char *text);
void say_err(const char *what, enum err e);

#endif
