"""Clients of the echo appliance: echo_client.py ACTION IP PORT [N]. Exit status 0 when
every byte came back as it was sent; otherwise one line that says what went wrong."""

import hashlib
import os
import random
import select
import socket
import struct
import sys
import time

ACTION, IP, PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])
N = int(sys.argv[4]) if len(sys.argv) > 4 else 0


def connect():
    return socket.create_connection((IP, PORT), 5)


def exchange(s, data, chunk=1 << 16):
    """Sends data while reading it back; the SHA-256 of both must agree."""
    s.setblocking(False)
    sent, got, back = 0, 0, hashlib.sha256()
    view, limit = memoryview(data), time.monotonic() + 60
    while got < len(data):
        assert time.monotonic() < limit, f"{got} of {len(data)} bytes came back in a minute"
        readable, writable, _ = select.select([s], [s] if sent < len(data) else [], [], 5)
        assert readable or writable, f"stalled after {got} of {len(data)} bytes"
        if writable:
            sent += s.send(view[sent:sent + chunk])
        if readable:
            piece = s.recv(1 << 20)
            assert piece, f"closed after {got} bytes"
            back.update(piece)
            got += len(piece)
    assert got == len(data), f"{got} bytes came back, not {len(data)}"
    assert back.digest() == hashlib.sha256(data).digest(), "other bytes came back"


def tcp():
    data = os.urandom(N)
    with connect() as s:
        at = time.monotonic()
        exchange(s, data)
        print(f"# {N} bytes there and back at {N * 8 / 1e9 / (time.monotonic() - at):.2f} Gb/s each way")


def small_pieces():
    """Segments of a few bytes, with and without pauses."""
    rng = random.Random(N)
    with connect() as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(200):
            exchange(s, os.urandom(rng.randrange(1, 40)), chunk=rng.randrange(1, 8))


def half_close():
    """All comes back after our FIN, then the other side's."""
    data = os.urandom(200000)
    with connect() as s:
        s.settimeout(10)
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        back = b""
        while piece := s.recv(1 << 16):
            back += piece
        assert back == data, f"{len(back)} bytes came back before the end, not {len(data)}"


def many():
    """N connections at once, each with its own bytes."""
    streams = [connect() for _ in range(N)]
    for i, s in enumerate(streams):
        s.sendall(bytes([i % 251]) * 3000)
    for i, s in enumerate(streams):
        s.settimeout(10)
        back = b""
        while len(back) < 3000:
            piece = s.recv(4096)
            assert piece, f"connection {i} was closed"
            back += piece
        assert back == bytes([i % 251]) * 3000, f"connection {i} got another's bytes"
    for s in streams:
        s.close()


def beyond_limit():
    """More connections than the manifest declares: those that are taken work, and so does
    a new one once the others are gone."""
    streams, served = [], 0
    for _ in range(N):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex((IP, PORT))
        streams.append(s)
    time.sleep(0.5)
    for s in streams:
        try:
            s.send(b"x")
        except OSError:
            continue
    time.sleep(0.5)
    for s in streams:
        try:
            served += s.recv(1) == b"x"
        except OSError:
            pass
        s.close()
    print(f"# {served} of {N} were served")
    assert 0 < served < N
    for _ in range(50):
        try:
            with socket.create_connection((IP, PORT), 1) as s:
                s.settimeout(1)
                s.sendall(b"again")
                assert s.recv(5) == b"again"
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("nobody is served after the rush")


def udp():
    """Datagrams of all lengths up to N, those beyond the MTU in fragments. (Empty ones passt
    does not carry: a negative N leaves them out.)"""
    sizes = [0, 1, 2, 3, 17, 64, 512, 1471, 1472, 1473, 2000, 2952, 2960, 2961, 8000, 16384, 32768, 65000,
             65506, 65507]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        s.connect((IP, PORT))
        s.settimeout(1)
        for size in (n for n in sizes if n <= abs(N) and (n > 0 or N > 0)):
            data = os.urandom(size)
            for attempt in range(3):
                s.send(data)
                try:
                    back = s.recv(65536)
                except TimeoutError:
                    continue
                assert back == data, f"{len(back)} bytes came back, not the {size} sent"
                break
            else:
                raise AssertionError(f"a datagram of {size} bytes never came back")


def closed_port():
    """TCP to a port nobody listens on is refused, UDP reported unreachable."""
    try:
        socket.create_connection((IP, PORT), 5)
        raise AssertionError("connected")
    except ConnectionRefusedError:
        pass
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.connect((IP, PORT))
        try:
            s.send(b"x")
            s.recv(1)
            raise AssertionError("answered")
        except ConnectionRefusedError:
            pass


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ping():
    """ICMP echo of N bytes."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
        s.settimeout(1)
        s.connect((IP, 0))
        for sequence in range(3):
            body = struct.pack(">HH", os.getpid() & 0xFFFF, sequence) + bytes(N + N % 2)
            s.send(struct.pack(">BBH", 8, 0, checksum(b"\x08\0\0\0" + body)) + body)
            limit = time.monotonic() + 1
            while time.monotonic() < limit:
                packet = s.recv(65536)
                if packet[20] == 0 and packet[24:] == body:
                    return
        raise AssertionError("no echo reply")


try:
    actions = (tcp, small_pieces, half_close, many, beyond_limit, udp, closed_port, ping)
    {f.__name__: f for f in actions}[ACTION]()
except (AssertionError, OSError) as problem:
    print(f"# {ACTION}: {problem}")
    sys.exit(1)
