"""The kernel's TCP against the echo appliance over a bad path: run in a network namespace
of its own. A tap device for the kernel, a socket pair for the appliance (--net fd:N), and
between them frames are lost, delayed and reordered by chance.

  tcp_relay.py PITH LOSS_PERCENT REORDER_PERCENT DELAY_MS BYTES SEED [PCAP]

One line of figures; exit status 0 when every byte came back in order."""

import fcntl
import hashlib
import heapq
import os
import random
import selectors
import socket
import struct
import subprocess
import sys
import threading
import time

PITH, LOSS, REORDER, DELAY_MS, BYTES, SEED = sys.argv[1], *map(float, sys.argv[2:4]), *map(int, sys.argv[4:7])
PCAP = ["--pcap", sys.argv[7]] if len(sys.argv) > 7 else []
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000


def tap():
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"relay0", IFF_TAP | IFF_NO_PI))
    for command in ("address add 10.9.1.1/24 dev relay0", "link set relay0 up"):
        subprocess.run(["ip", *command.split()], check=True)
    return fd


def relay(tap_fd, sock, stop, counts):
    rng, waiting, order, sel = random.Random(SEED), [], 0, selectors.DefaultSelector()
    sel.register(tap_fd, selectors.EVENT_READ)
    sel.register(sock, selectors.EVENT_READ)
    while not stop.is_set():
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, to_tap, frame = heapq.heappop(waiting)
            try:
                os.write(tap_fd, frame) if to_tap else sock.send(frame)
            except BlockingIOError:
                counts["full"] += 1
            except ConnectionError:
                return  # the appliance has ended
        for key, _ in sel.select(min(0.05, max(0.0, waiting[0][0] - now)) if waiting else 0.05):
            for _ in range(64):
                try:
                    frame = os.read(tap_fd, 2048) if key.fileobj == tap_fd else sock.recv(2048)
                except BlockingIOError:
                    break
                except ConnectionError:
                    return
                is_tcp = len(frame) > 34 and frame[12:14] == b"\x08\x00" and frame[23] == 6
                counts["frames"] += 1
                if is_tcp and rng.random() * 100 < LOSS:
                    counts["lost"] += 1
                    continue
                late = DELAY_MS / 2000 + (0.004 if is_tcp and rng.random() * 100 < REORDER else 0)
                order += 1
                heapq.heappush(waiting, (time.monotonic() + late, order, key.fileobj != tap_fd, frame))


def exchange():
    data, back, got, sent = random.Random(SEED).randbytes(BYTES), hashlib.sha256(), 0, 0
    s = socket.create_connection(("10.9.1.2", 7), 20)
    s.setblocking(False)
    sel, until = selectors.DefaultSelector(), time.monotonic() + 120
    sel.register(s, selectors.EVENT_READ | selectors.EVENT_WRITE)
    finished = False
    while time.monotonic() < until:
        for _, events in sel.select(1):
            if events & selectors.EVENT_READ:
                piece = s.recv(1 << 16)
                if not piece:
                    return got == BYTES and back.digest() == hashlib.sha256(data).digest()
                back.update(piece)
                got += len(piece)
            if events & selectors.EVENT_WRITE and sent < BYTES:
                sent += s.send(data[sent:sent + (1 << 16)])
        if sent == BYTES and not finished:
            finished = True
            s.shutdown(socket.SHUT_WR)
            sel.modify(s, selectors.EVENT_READ)
    print(f"# {got} of {BYTES} bytes came back")
    return False


def main():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    tap_fd, stop, counts = tap(), threading.Event(), {"frames": 0, "lost": 0, "full": 0}
    command = [PITH, "run", "echo", "--net", f"fd:{theirs.fileno()}", "--ip", "10.9.1.2/24", *PCAP]
    guest = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
    theirs.close()
    thread = threading.Thread(target=relay, args=(tap_fd, ours, stop, counts))
    thread.start()
    guest.stdout.readline()
    started = time.monotonic()
    right = exchange()
    took = time.monotonic() - started
    guest.terminate()
    guest.wait(10)
    stop.set()
    thread.join()
    print(f"# {BYTES} bytes each way in {took:.1f} s, {counts['lost']} of {counts['frames']} frames lost, "
          f"{counts['full']} times full")
    return 0 if right and guest.returncode == 0 else 1


sys.exit(main())
