"""fd_peer.py KIND COMMAND …: starts `COMMAND … --net fd:N` with an inherited device of a
kind, and plays its other side: asks for 10.9.0.2 by ARP, then pings it.

  stream, seqpacket, dgram   one end of a socket pair; frames are written and read here
  tap, tap-plain             a tap interface tap1 of this network namespace, with and
                             without virtio headers; the kernel is the other side"""

import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

KIND, COMMAND = sys.argv[1], sys.argv[2:]
OWN_MAC, OWN_IP, IP = b"\x02\x00\x00\x00\x00\x01", bytes([10, 9, 0, 1]), bytes([10, 9, 0, 2])


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Pair:
    """Frames over a socket."""

    def __init__(self):
        kinds = {"stream": socket.SOCK_STREAM, "seqpacket": socket.SOCK_SEQPACKET, "dgram": socket.SOCK_DGRAM}
        self.socket, self.other = socket.socketpair(socket.AF_UNIX, kinds[KIND])
        self.fd = self.other.fileno()
        self.socket.settimeout(2)
        self.pending = b""

    def send(self, frame):
        self.socket.sendall((struct.pack(">I", len(frame)) if KIND == "stream" else b"") + frame)

    def receive(self):
        if KIND != "stream":
            return self.socket.recv(70000)
        while len(self.pending) < 4 or len(self.pending) < 4 + struct.unpack(">I", self.pending[:4])[0]:
            piece = self.socket.recv(70000)
            assert piece, "pith closed its end"
            self.pending += piece
        end = 4 + struct.unpack(">I", self.pending[:4])[0]
        frame, self.pending = self.pending[4:end], self.pending[end:]
        return frame

    def answer(self, frame, wanted):
        for _ in range(5):
            self.send(frame)
            limit = time.monotonic() + 1
            while time.monotonic() < limit and select.select([self.socket], [], [], 1)[0]:
                got = self.receive()
                if wanted(got):
                    return got
        raise AssertionError("no answer")

    def play(self):
        arp = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + OWN_MAC + OWN_IP + bytes(6) + IP
        reply = self.answer(b"\xff" * 6 + OWN_MAC + b"\x08\x06" + arp,
                            lambda f: f[12:14] == b"\x08\x06" and f[21] == 2 and f[28:32] == IP)
        icmp = struct.pack(">BBHHH", 8, 0, 0, 7, 1) + b"frames in pieces"
        icmp = icmp[:2] + struct.pack(">H", checksum(icmp)) + icmp[4:]
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(icmp), 1, 0, 64, 1, 0) + OWN_IP + IP
        ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
        pong = self.answer(reply[6:12] + OWN_MAC + b"\x08\x00" + ip + icmp,
                           lambda f: f[12:14] == b"\x08\x00" and f[23] == 1 and f[34] == 0)
        assert pong[42:58] == b"frames in pieces" and checksum(pong[34:58]) == 0


class Tap:
    """The kernel plays; this only opens the interface."""

    def __init__(self):
        flags = 0x0002 | 0x1000 | (0x4000 if KIND == "tap" else 0)  # IFF_TAP, IFF_NO_PI, IFF_VNET_HDR
        self.fd = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self.fd, 0x400454CA, struct.pack("16sH22x", b"tap1", flags))  # TUNSETIFF
        for command in ("flush dev tap0", "add 10.9.0.1/24 dev tap1"):
            subprocess.run(["ip", "address", *command.split()], check=True)
        subprocess.run(["ip", "link", "set", "tap1", "up"], check=True)

    def play(self):
        for _ in range(30):
            ping = [sys.executable, "test/echo_client.py", "ping", "10.9.0.2", "0", "56"]
            if subprocess.run(ping, stdout=subprocess.DEVNULL, check=False).returncode == 0:
                return
            time.sleep(0.1)
        raise AssertionError("no answer")


peer = Tap() if KIND.startswith("tap") else Pair()
pith = subprocess.Popen(COMMAND + ["--net", f"fd:{peer.fd}", "--ip", "10.9.0.2/24"], pass_fds=[peer.fd],
                        stdout=subprocess.DEVNULL)
try:
    peer.play()
    pith.send_signal(signal.SIGTERM)
    assert pith.wait(5) == 0, "pith did not end well"
except (AssertionError, OSError) as problem:
    print(f"# {KIND}: {problem}")
    sys.exit(1)
finally:
    pith.kill()
