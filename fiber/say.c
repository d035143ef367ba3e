#include "base/fmt.h"
#include "fiber/appliance.h"
#include "sig/console.h"

/* In one piece where it fits, so that lines of several writers do not mix. */
static void say_line(struct view text, struct view after)
{
    u8 line[256];
    struct writer w = writer_of(SPAN_OF(line));
    put_bytes(&w, text);
    put_bytes(&w, after);
    put_u8(&w, '\n');
    if (!w.full) {
        console_write(written(&w));
        return;
    }
    console_write(text);
    console_write(after);
    console_write(VIEW("\n"));
}

void say(const char *text)
{
    say_line(view_z(text), VIEW_NONE);
}

void say_err(const char *what, enum err e)
{
    u8 after[64];
    struct writer w = writer_of(SPAN_OF(after));
    put_text(&w, ": ");
    put_text(&w, err_text(e));
    say_line(view_z(what), written(&w));
}
