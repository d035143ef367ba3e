#include "test/planted/plain.h"

struct sink {
    const struct sink_ops *ops;
};
struct sink_ops {
    int (*write)(struct sink *s, const char *text);
};
struct meter {
    const struct meter_ops *ops;
    unsigned long value;
};
struct meter_ops {
    unsigned long (*read)(const struct meter *m);
};

static unsigned long read_meter(const struct meter *m)
{
    return m->value;
}

static const struct meter_ops meter_ops = {read_meter};

elsewhere static int put(void *device)
{
    struct sink *s = device;
    return s->ops->write(s, "text");
}

int main(int argc, char **argv)
{
    (void)argc;
    struct meter m = {&meter_ops, chosen(argv)};
    printf("written: %d\n", put(&m));
    return 0;
}
