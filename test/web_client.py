"""HTTP clients for test/web_test.sh: hostile bytes, slow clients, many connections."""
import http.client
import resource
import socket
import sys
import time

ADDRESS = ("10.9.0.2", 80)
GET = b"GET %s HTTP/1.1\r\nHost: h\r\n\r\n"


def allow_files(n):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (n, max(n, hard)))


def connect():
    s = socket.create_connection(ADDRESS, timeout=10)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def read_all(s):
    data = b""
    while True:
        piece = s.recv(65536)
        if not piece:
            return data
        data += piece


def get(s, path):
    """A GET on an open connection: its body."""
    s.sendall(GET % path)
    data = b""
    while b"\r\n\r\n" not in data:
        piece = s.recv(65536)
        assert piece, "closed after %r" % data
        data += piece
    head, body = data.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200 "), head
    length = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while len(body) < int(length[0].split(b":")[1]):
        body += s.recv(65536)
    return body


HOSTILE = [
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400),
    (b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /%2e%2e%2fetc/passwd%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET http://u@h/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", 413),
    (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 65 + b"\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 9000 + b"\r\n\r\n", 431),
    (b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 1\r\n\r\n", 417),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    (b"DELETE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 405),
]


def hostile():
    """Each gets its code and the end of its connection, whole or byte by byte."""
    for text, status in HOSTILE:
        for pieces in (1, min(len(text), 50)):
            s = connect()
            step = -(-len(text) // pieces)
            try:
                for at in range(0, len(text), step):
                    s.sendall(text[at:at + step])
                answer = read_all(s)
            except ConnectionError as e:
                answer = str(e).encode()
            assert answer.startswith(b"HTTP/1.1 %d " % status), (text[:80], pieces, answer[:80])
            assert answer.count(b"HTTP/1.1 ") == 1, answer
            s.close()


def keep_alive(path):
    """The standard library's client: one connection, many requests."""
    c = http.client.HTTPConnection(*ADDRESS, timeout=10)
    first = None
    for method in ["GET", "HEAD", "GET"] * 20:
        c.request(method, path)
        r = c.getresponse()
        body = r.read()
        assert r.status == 200, r.status
        assert int(r.getheader("Content-Length")) == (len(body) if method == "GET" else len(first))
        first = first or body
        assert method == "HEAD" or body == first


def pipeline(path):
    """A thousand requests written at once; the answers in order and whole."""
    s = connect()
    body = get(s, path.encode())
    s.sendall(GET % path.encode() * 999 + b"GET /nowhere HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    data = read_all(s)
    assert data.count(b"HTTP/1.1 200 OK\r\n") == 999 and data.count(body) == 999, len(data)
    assert data.rindex(b"HTTP/1.1 404 ") > data.rindex(b"HTTP/1.1 200 ")


def many(n, path):
    """n connections open at once, each asked three times."""
    allow_files(n + 100)
    open_ones = []
    for _ in range(n):
        s = connect()
        open_ones.append(s)
        get(s, path)
    for _ in range(2):
        for s in open_ones:
            get(s, path)


def slow(n, seconds):
    """n clients that send a head at one byte a second."""
    allow_files(n + 100)
    clients = [connect() for _ in range(n)]
    text = b"GET /slow-client HTTP/1.1\r\nHost: h\r\nX: " + b"y" * 1000
    print("connected", flush=True)
    end = time.monotonic() + seconds
    for byte in text:
        start = time.monotonic()
        for s in clients:
            s.send(bytes([byte]))
            time.sleep(0.9 / n)
        if time.monotonic() > end:
            return
        time.sleep(max(0, 1 - (time.monotonic() - start)))


def at_limit(n):
    """More unfinished heads than there is room for: those in excess are told, or wait."""
    clients = []
    for _ in range(n):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(ADDRESS)
        clients.append(s)
    time.sleep(1)
    told = 0
    for s in clients:
        try:
            s.send(b"GET / HTTP/1.1\r\n")
        except OSError:
            pass
    time.sleep(0.5)
    for s in clients:
        try:
            answer = s.recv(1000)
            told += answer == b"" or b" 503 " in answer
        except OSError:
            told += 1
        s.close()
    assert told >= 1, told
    time.sleep(0.5)
    get(connect(), b"/")


def kept_out(n):
    """More idle connections than there may be: the longest idle make room for newcomers."""
    clients = []
    for _ in range(n):
        clients.append(connect())
        get(clients[-1], b"/")
    get(connect(), b"/")
    get(clients[-1], b"/")


def reads_slowly(path, expected):
    """Reads an answer so slowly that it is still on its way when the server is told to stop."""
    s = connect()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    s.sendall(GET % path)
    print("asked", flush=True)
    n = 0
    while True:
        piece = s.recv(65536)
        if not piece:
            break
        n += len(piece)
        time.sleep(0.005)
    assert n > expected, n


def main():
    what, args = sys.argv[1], sys.argv[2:]
    if what == "hostile":
        hostile()
    elif what == "keep_alive":
        keep_alive(args[0])
    elif what == "pipeline":
        pipeline(args[0])
    elif what == "many":
        many(int(args[0]), args[1].encode())
    elif what == "slow":
        slow(int(args[0]), int(args[1]))
    elif what == "at_limit":
        at_limit(int(args[0]))
    elif what == "kept_out":
        kept_out(int(args[0]))
    elif what == "reads_slowly":
        reads_slowly(args[0].encode(), int(args[1]))
    else:
        sys.exit("what is %s?" % what)


main()
