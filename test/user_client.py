"""HTTP clients for test/user_test.sh: user_client.py PORT ACTION [N], on this machine's loopback."""
import socket
import struct
import sys
import time

PORT, ACTION = int(sys.argv[1]), sys.argv[2]
N = int(sys.argv[3]) if len(sys.argv) > 3 else 0
GET = b"GET /numbers.txt HTTP/1.1\r\nHost: h\r\n%s\r\n"


def connect(timeout=5):
    return socket.create_connection(("127.0.0.1", PORT), timeout)


def get(s):
    s.sendall(GET % b"Connection: close\r\n")
    data = b""
    while piece := s.recv(1 << 16):
        data += piece
    assert data.startswith(b"HTTP/1.1 200 ") and data.endswith(b"\n60000\n"), data[:80]


def early():
    """Connects the moment it can, for N seconds; whoever is connected is served within five."""
    limit = time.monotonic() + N
    while time.monotonic() < limit:
        try:
            s = connect()
        except ConnectionRefusedError:
            continue
        get(s)
        return
    raise AssertionError("nobody listens")


def resets():
    """N clients ask for more than they read, fill every window, and leave with a reset."""
    for pause in (0, 0.02):
        clients = [connect() for _ in range(N)]
        for s in clients:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.sendall(GET % b"")
            s.recv(1000)
        for s in clients:
            s.setblocking(False)
            try:
                while True:
                    s.send(GET % (b"X: " + b"x" * 1000 + b"\r\n"))
            except BlockingIOError:
                pass
        time.sleep(pause)
        for s in clients:
            s.close()


try:
    if ACTION == "get":
        get(connect())
    else:
        {"early": early, "resets": resets}[ACTION]()
except (AssertionError, OSError) as problem:
    print(f"# {ACTION}: {problem!r}")
    sys.exit(1)
