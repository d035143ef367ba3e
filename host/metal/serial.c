/* The first serial port (16550) as the console; and QEMU's debugging port, where `pith
 * run` listens: first what goes to its standard error, at last a zero and the exit code.
 * ^C on the console asks the appliance to stop. */
#include "host/metal/metal.h"

enum { COM1 = 0x3f8, COM1_IRQ = 4, COM1_PORTS = 8, CONTROL = 0xe9 };

enum { DATA = 0, INTERRUPTS = 1, FIFO = 2, LINE = 3, MODEM = 4, STATUS = 5 };

enum {
    INTERRUPT_RECEIVED = 1,
    FIFO_ON = 7,      /* and cleared */
    LINE_8N1 = 3,
    LINE_DIVISOR = 0x80,
    MODEM_ON = 0x0b,  /* DTR, RTS, and OUT2, which lets interrupts through */
    STATUS_RECEIVED = 1,
    STATUS_ROOM = 0x20,
    FIFO_BYTES = 16,
    ROOM_TRIES = 1000000, /* a tenth of a second and more; then the rest is lost */
    STOP = 3,         /* ^C */
};

static struct {
    bool console, control;
} has;

void serial_start(void)
{
    open_ports(COM1, COM1_PORTS);
    open_ports(CONTROL, 1);
    has.control = in8(CONTROL) == CONTROL;
    has.console = in8(COM1 + STATUS) != 0xff;
    if (!has.console)
        return;
    out8(COM1 + LINE, LINE_DIVISOR);
    out8(COM1 + DATA, 1); /* 115,200 bits a second */
    out8(COM1 + INTERRUPTS, 0);
    out8(COM1 + LINE, LINE_8N1);
    out8(COM1 + FIFO, FIFO_ON);
    out8(COM1 + MODEM, MODEM_ON);
}

void serial_listen(void)
{
    if (!has.console)
        return;
    out8(COM1 + INTERRUPTS, INTERRUPT_RECEIVED);
    machine_route(COM1_IRQ);
}

static bool has_room(void)
{
    for (u32 i = 0; i < ROOM_TRIES; i++)
        if (in8(COM1 + STATUS) & STATUS_ROOM)
            return true;
    return false;
}

void serial_write(struct view text)
{
    for (size_t i = 0; has.console && i < text.n; i++) {
        if (i % FIFO_BYTES == 0 && !has_room())
            return;
        out8(COM1 + DATA, view_at(text, i));
    }
}

bool serial_asked_to_stop(void)
{
    bool stop = false;
    for (u32 i = 0; has.console && i < FIFO_BYTES && (in8(COM1 + STATUS) & STATUS_RECEIVED); i++)
        stop |= in8(COM1 + DATA) == STOP;
    return stop;
}

void control_write(struct view text)
{
    if (!has.control) {
        serial_write(text);
        return;
    }
    for (size_t i = 0; i < text.n; i++)
        out8(CONTROL, view_at(text, i));
}

void control_exit(u8 code)
{
    if (!has.control)
        return;
    out8(CONTROL, 0);
    out8(CONTROL, code);
}
