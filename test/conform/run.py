"""The conformance suite (conform.h) on every host that boots image files.

run.py [HOST …]   HOST: process, kvm, qemu, q35 (default: all that are here). Run as root in a
network namespace that has tap0 (test/conform_test.sh makes one): the peer plays on the
kernel's side of tap0, and for hosts that take descriptors on a socket pair as well. Each
scenario is a line "ok conform HOST NETWORK: NAME". The names of the hosts that a new one
is to be tried on go into HOSTS; what a host must do is in doc/host-interface.md."""

import errno
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PITH, IMAGE = os.path.join(ROOT, "build/pith"), os.path.join(ROOT, "build/test/conform.pith")
TYPE, CRASHED, MAC = 0x88B5, 134, b"\x02\x00\x00\x00\x00\x99"
ECHO, LATER, SUPER, DEAF, LAST, ANSWER = 1, 2, 3, 4, 5, 9
SOL_PACKET, PACKET_VNET_HDR, PACKET_OUTGOING = 263, 15, 4

# Options of `pith run`, and the networks that the suite is run on.
HOSTS = {
    "process": (["--host", "process"], ["tap", "pair", "stream"]),
    "kvm": (["--host", "kvm"], ["tap", "pair", "stream"]),
    "qemu": (["--host", "qemu", "--accel", "tcg"], ["tap"]),
    "q35": (["--host", "qemu", "--accel", "tcg", "--machine", "q35"], ["tap"]),
}

# How an image can end, and what must come of it.
ENDS = {"exit_0": 0, "exit_7": 7, "exit_256": 255, "write_boot_record": CRASHED, "write_table": CRASHED,
        "write_past_memory": CRASHED, "execute_memory": CRASHED, "write_guard": CRASHED,
        "read_guard": CRASHED, "write_touched_guard": CRASHED, "too_much_entropy": CRASHED}


def new_disk(folder):
    """An empty one, for the device `store`."""
    path = os.path.join(folder, "store.img")
    with open(path, "wb") as f:
        f.truncate(16 << 20)
    return ["--disk", path]


def missing(host, disk):
    """Why a host cannot be tried here; None where it can."""
    if host == "kvm" and not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "no access to /dev/kvm"
    if host in ("qemu", "q35") and not shutil.which("qemu-system-x86_64"):
        return "qemu-system-x86_64 is not installed"
    known = subprocess.run([PITH, "run", IMAGE, *HOSTS[host][0], *disk, "--how", "exit_0", "--net", "none"],
                           capture_output=True, text=True, check=False)
    return f"this pith has no host {host}" if "there is no host" in known.stderr else None


def super_frame(n):
    """A TCP segment of n bytes payload, its checksum to be completed, and its virtio-net header."""
    addresses = bytes([192, 0, 2, 2, 192, 0, 2, 1])
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + n, 1, 0x4000, 64, 6, 0) + addresses
    total = sum(struct.unpack(">10H", ip))
    ip = ip[:10] + struct.pack(">H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF) + ip[12:]
    pseudo = sum(struct.unpack(">4H", addresses)) + 6 + 20 + n
    pseudo = (pseudo & 0xFFFF) + (pseudo >> 16)
    tcp = struct.pack(">HHIIHHHH", 80, 0x1234, 1, 1, 0x5010, 4096, pseudo, 0)
    words = struct.pack("<BBHHHH", 1, 1, 54, 1448, 34, 16)
    return words, b"\xff" * 6 + MAC + b"\x08\x00" + ip + tcp + b"B" * n


class Tap:
    """The kernel's side of tap0, with offload words."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind(("tap0", 3))  # ETH_P_ALL

    options, inherited = ["--net", "tap:tap0"], []
    up = False

    def wait_until_up(self):
        """For some milliseconds after a host has opened the device Linux drops what it is to send there."""
        while not self.up:
            with open("/sys/class/net/tap0/operstate", encoding="ascii") as f:
                self.up = f.read().strip() == "up"

    def receive(self):
        data, about = self.socket.recvfrom(70000)
        return b"" if about[2] == PACKET_OUTGOING else data[10:]

    def send(self, frame, words=bytes(10)):
        self.wait_until_up()
        try:
            self.socket.send(words + frame)
        except OSError as error:  # a device that nobody reads loses frames
            if error.errno != errno.ENOBUFS:
                raise


class Pair:
    """One end of a socket pair that keeps frames apart."""

    def __init__(self):
        self.socket, self.other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.inherited = [self.other.fileno()]
        self.options = ["--net", f"fd:{self.other.fileno()}"]

    def receive(self):
        return self.socket.recv(70000)

    def send(self, frame, _words=None):
        self.socket.send(frame)


class Stream:
    """One end of a stream, which takes little at a time: frames of more than 2 KiB in parts."""

    def __init__(self):
        self.socket, self.other = socket.socketpair()
        self.other.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.inherited = [self.other.fileno()]
        self.options = ["--net", f"fd:{self.other.fileno()}"]

    def take(self, n):
        data = self.socket.recv(n, socket.MSG_WAITALL)
        if len(data) < n:
            raise OSError("the other end is closed")
        return data

    def receive(self):
        return self.take(struct.unpack(">I", self.take(4))[0])

    def send(self, frame, _words=None):
        self.socket.sendall(struct.pack(">I", len(frame)) + frame)


class Peer(threading.Thread):
    """Answers until it is told to end."""

    def __init__(self, network):
        super().__init__(daemon=True)
        self.network, self.longest, self.done = network, 0, False

    def run(self):
        while not self.done:
            if not select.select([self.network.socket], [], [], 0.05)[0]:
                continue
            try:
                frame = self.network.receive()
                if frame[12:14] == b"\x08\x00" and frame[23:24] == b"\x06":
                    self.longest = max(self.longest, len(frame))
                elif frame[12:14] == struct.pack(">H", TYPE) and len(frame) >= 22:
                    self.answer(*struct.unpack(">BxHI", frame[14:22]), frame[22:], frame[6:12])
            except OSError:
                return

    def answer(self, verb, count, token, payload, whom):
        def say(number, what):
            self.network.send(whom + MAC + struct.pack(">HBxHI", TYPE, ANSWER, number, token) + what)
        if verb == ECHO:
            for number in range(count):
                say(number, payload)
        elif verb == LATER:
            time.sleep(count / 1000)
            say(0, b"")
        elif verb == SUPER:
            words, frame = super_frame(count)
            self.network.send(frame, words)
        elif verb == DEAF:
            time.sleep(count / 1000)
        elif verb == LAST:
            say(0, struct.pack(">I", self.longest))


def suite(host, kind, disk):
    """Runs the suite once; False when something was not ok."""
    network = {"tap": Tap, "pair": Pair, "stream": Stream}[kind]()
    peer = Peer(network)
    peer.start()
    child = subprocess.Popen([PITH, "run", IMAGE, *network.options, *disk, *HOSTS[host][0]], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=network.inherited)
    guard = threading.Timer(100, child.kill)
    guard.start()
    good, seen = True, 0
    for line in child.stdout:
        if line.strip() == "conform: stop me":
            child.send_signal(signal.SIGTERM)
            continue
        result = re.match(r"(ok|not ok|skip) (\S.*)", line)
        name = f"conform {host} {kind}"
        applies = result and result.group(1) != "skip"
        print(f"{result.group(1)} {name}: {result.group(2)}" if applies else f"# {name}: {line.rstrip()}")
        good = good and not (result and result.group(1) == "not ok")
        seen += bool(result)
    code = child.wait()
    guard.cancel()
    peer.done = True
    peer.join()
    ended = good and code == 0 and seen > 20
    print(f"{'ok' if ended else 'not ok'} conform {host} {kind}: the suite ends")
    if not ended:
        print(f"# {seen} lines, exit code {code}")
    return ended


def ends(host, disk):
    """Every way to end; False when one was another."""
    good = True
    for how, wanted in ENDS.items():
        network = Tap()
        done = subprocess.run([PITH, "run", IMAGE, *network.options, *disk, *HOSTS[host][0], "--how", how],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                              check=False)
        network.socket.close()
        report = "conform crashed:" in done.stdout
        right = done.returncode == wanted and report == (wanted == CRASHED)
        good = good and right
        print(f"{'ok' if right else 'not ok'} conform {host}: {how}")
        if not right:
            print(f"# exit code {done.returncode}: {done.stdout.strip()[:300]}")
    return good


def main():
    good = True
    with tempfile.TemporaryDirectory() as folder:
        disk = new_disk(folder)
        for host in sys.argv[1:] or HOSTS:
            why = missing(host, disk)
            if why:
                print(f"skip conform {host}: {why}")
                continue
            for kind in HOSTS[host][1]:
                good = suite(host, kind, disk) and good
            good = ends(host, disk) and good
            sys.stdout.flush()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
