/* Capture files: the classic format with nanosecond times, as tshark reads it
 * (draft-ietf-opsawg-pcap). */
#include <fcntl.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/num.h"
#include "host/sim/internal.h"

enum { LINK_ETHERNET = 1, SNAP_BYTES = 262144 };

static void put(int fd, struct view v)
{
    if (write(fd, v.p, v.n) != (ssize_t)v.n)
        sim_fail("the capture file cannot be written");
}

int sim_pcap_open(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        sim_fail("the capture file cannot be created");
    u8 head[24];
    struct writer w = writer_of(SPAN_OF(head));
    put_le32(&w, 0xa1b23c4d);
    put_le16(&w, 2);
    put_le16(&w, 4);
    put_zeroes(&w, 8);
    put_le32(&w, SNAP_BYTES);
    put_le32(&w, LINK_ETHERNET);
    put(fd, written(&w));
    return fd;
}

void sim_pcap_frame(int fd, struct view frame, u64 unix_ns)
{
    u8 head[16];
    struct writer w = writer_of(SPAN_OF(head));
    put_le32(&w, to_u32(unix_ns / NS_PER_S));
    put_le32(&w, to_u32(unix_ns % NS_PER_S));
    put_le32(&w, to_u32(frame.n));
    put_le32(&w, to_u32(frame.n));
    put(fd, written(&w));
    put(fd, frame);
}
