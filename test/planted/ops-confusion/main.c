/* Two kinds of objects share their memory; one is used as the other, through its table. */
#include "test/planted/planted.h"

PLANTED("takes an object for one of another type, and calls through its table");

struct sink;
struct sink_ops {
    enum err (*write)(struct sink *s, struct view data);
};
struct sink {
    const struct sink_ops *ops;
};

struct meter;
struct meter_ops {
    u64 (*read)(const struct meter *m);
};
struct meter {
    const struct meter_ops *ops;
    u64 value;
};

union device {
    struct sink sink;
    struct meter meter;
};

static u64 read_meter(const struct meter *m)
{
    return m->value;
}

static const struct meter_ops meter_ops = {read_meter};

enum err appliance_main(struct scope *root)
{
    (void)root;
    union device *d = NEW(boot_arena(), union device);
    if (!d)
        return ERR_NO_MEMORY;
    d->meter = (struct meter){&meter_ops, key_number("n")};
    enum err e = d->sink.ops->write(&d->sink, VIEW("text"));
    say_err("it went on", e);
    return OK;
}
