/* A frame's length field is read twice, and the device might have changed it in between:
 * the other side sends a second frame meanwhile. */
#include "sig/clock.h"
#include "sig/idle.h"
#include "test/planted/planted.h"

PLANTED("reads a field of a received frame twice");
DEVICE(service, DEVICE_NET, .rx_kib = 256);

enum { LENGTH_AT = 14, WAIT_MS = 300 };

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct net_dev *dev = boot_net(0);
    struct net_rx frames[1];
    if (!dev)
        return ERR_NOT_FOUND;
    say("ready");
    while (net_rx(dev, SLICE_OF(net_rx_burst, frames)) == 0)
        (void)idle_until(1, 0, FOREVER);
    struct view frame = AT(frames, 0).frame;
    u8 checked = view_at(frame, LENGTH_AT);
    for (u64 end = clock_mono_ns() + WAIT_MS * NS_PER_MS; clock_mono_ns() < end;)
        continue;
    u8 used = view_at(frame, LENGTH_AT);
    show(checked == used ? VIEW("the frame is as it was") : VIEW("the frame has changed"));
    return OK;
}
