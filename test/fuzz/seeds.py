"""Writes a first input for each decoder into build/fuzz/seeds/NAME/, so that fuzzing
begins behind the checks that no mutation would pass, what earlier fuzzing found, and
scripts for whole images.
seeds.py [FOLDER [SITE]]   with SITE: also the files that web serves there, SITE/"""

import base64
import glob
import os
import struct
import sys

FOLDER = sys.argv[1] if len(sys.argv) > 1 else "build/fuzz/seeds"


def seed(decoder, name, data):
    folder = os.path.join(FOLDER, decoder)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


def text(string, size):
    return string.encode().ljust(size, b"\0")


# ---- what fuzzing found ---------------------------------------------------------
# corpus/NAME.txt: inputs that reach what the others do not, in base64, one a line.

for path in glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "*.txt")):
    with open(path, encoding="ascii") as f:
        for number, line in enumerate(f):
            seed(os.path.basename(path)[:-4], f"found{number}", base64.b64decode(line))

# ---- packets --------------------------------------------------------------------

ARP = struct.pack("!HHBBH6sI6sI", 1, 0x0800, 6, 4, 1, b"\2\0\0\0\0\1", 0x0A000001, b"\0" * 6, 0x0A000002)
seed("eth", "arp", b"\xff" * 6 + b"\2\0\0\0\0\1" + b"\x08\x06" + ARP)
IPV4 = struct.pack("!BBHHHBBHII", 0x45, 0, 28, 7, 0x4000, 64, 17, 0, 1, 2)
IPV4_OPTIONS = struct.pack("!BBHHHBBHIIBBBB", 0x46, 0, 32, 7, 0x2003, 64, 17, 0, 1, 2, 1, 1, 1, 0)
seed("ipv4", "plain", b"\1" + IPV4 + b"12345678")
IPV4_ZERO = struct.pack("!BBHHHBBHII", 0x45, 0, 20, 0x74, 0x2C, 44, 6, 0xFFFF, 0xFFFF1400, 0x74000645)
seed("ipv4", "other zero", b"\0" + IPV4_ZERO)
seed("ipv4", "options", b"\1" + IPV4_OPTIONS + b"12345678")
seed("icmp", "echo", struct.pack("!BBHHH", 8, 0, 0, 1, 2) + b"payload")
seed("icmp", "udp", struct.pack("!HHHH", 53, 5353, 12, 0) + b"data")
SYN_OPTIONS = struct.pack("!BBHBBBBIIBBB", 2, 4, 1460, 4, 2, 8, 10, 1, 2, 3, 3, 7) + b"\0"
seed("tcp", "syn", struct.pack("!HHIIBBHHH", 1024, 80, 1, 0, 10 << 4, 2, 65535, 0, 0) + SYN_OPTIONS)
SACK_OPTIONS = struct.pack("!BBBBIIBBBBIIII", 1, 1, 8, 10, 1, 2, 1, 1, 5, 18, 10, 20, 30, 40)
seed("tcp", "sack", struct.pack("!HHIIBBHHH", 1024, 80, 1, 9, 13 << 4, 16, 99, 0, 0) + SACK_OPTIONS + b"x")
DHCP = struct.pack("!BBBBIHHIIII", 2, 1, 6, 0, 0x1234, 0, 0, 0, 0x0A000002, 0x0A000001, 0)
DHCP += text("\2\0\0\0\0\1", 16 + 64 + 128) + b"\x63\x82\x53\x63"
DHCP += bytes([53, 1, 2, 54, 4, 10, 0, 0, 1, 51, 4, 0, 0, 14, 16, 1, 4, 255, 255, 255, 0])
seed("dhcp", "offer", DHCP + bytes([3, 4, 10, 0, 0, 1, 52, 1, 3, 255]))

# A peer's steps, as test/fuzz/whole/stack.c reads them: handshake, data, its echo, end.
SYN, ACK, DATA, WAIT = b"\2\0\0\0\0", b"\x40\0\0\0\0", b"\x40\x80\0\0\0\x10", b"\x94"
TALK = SYN + WAIT + ACK + DATA + WAIT + ACK
seed("stack", "talk", b"\1\0" + TALK + DATA + DATA + WAIT + ACK + b"\x11\0\0\0\0" + WAIT + ACK)
seed("stack", "silent", b"\0\0" + TALK + DATA + DATA + b"\x9f\x9f")
seed("stack", "reset", b"\1\0" + TALK + b"\4\0\0\0\0" + SYN + WAIT)
seed("stack", "others", b"\1\0" + b"".join(bytes([0xC0 + i]) + bytes([1, 1, 16]) for i in range(10)))
OFFER, GRANT, RENEW = b"\xc5\1\0", b"\xc5\4\0", b"\x9f"
seed("stack", "dhcp", b"\7\0" + WAIT + OFFER + WAIT + GRANT + WAIT + TALK + RENEW * 30 + GRANT + RENEW * 30)
SYN_ALL = b"\2\1\0\0\x0f\7\5\xb4" + struct.pack("!II", 9, 0)
SACK = b"\x40\1\0\x80\x9c\x18" + struct.pack("!II", 10, 9) + b"\x80\x32\x80\x32"
seed("stack", "options", b"\0\0" + SYN_ALL + WAIT + ACK + DATA * 9 + WAIT + SACK * 4 + WAIT + ACK)

# ---- debug information: test/dwarf_test.c has more of its kind --------------------

ABBREV = bytes([1, 0x11, 1, 0x11, 1, 0x12, 6, 0x10, 0x17, 0x72, 0x17, 0x73, 0x17, 0, 0])
ABBREV += bytes([2, 0x2E, 1, 3, 0x25, 0x11, 0x29, 0x12, 0x0B, 0, 0])
ABBREV += bytes([3, 0x1D, 0, 0x31, 0x13, 0x55, 0x17, 0x58, 0x0B, 0x59, 0x21, 5, 0, 0])
DIES = b"\1" + struct.pack("<QIIII", 0x1000, 0x10, 0, 0, 0) + bytes([2, 0, 0, 16])
DIES += b"\3" + struct.pack("<IIB", 34, 0, 1) + b"\0\0"
INFO = struct.pack("<HBBI", 5, 1, 8, 0) + DIES
LINES = b"\1\1\1\xfb\x0e\x0d\0\1\1\1\1\0\0\0\1\0\0\1" + b"\1\1\x08\2/src\0sub\0"
LINES += b"\2\1\x08\2\x0b\2a.c\0\0b.c\0\1"
ROWS = b"\0\x09\2" + struct.pack("<Q", 0x1000) + b"\4\1\3\x09\1\x4c\2\x0c\0\1\1"
LINE = struct.pack("<HBBI", 5, 8, 0, len(LINES)) + LINES + ROWS
PARTS = [struct.pack("<I", len(INFO)) + INFO, ABBREV, struct.pack("<I", len(LINE)) + LINE, b"", b"name\0"]
PARTS += [struct.pack("<I", 0), struct.pack("<Q", 0x1000), b"\4\0\x08\0"]
SECTIONS = b"".join(struct.pack("<H", len(p)) + p for p in PARTS)
seed("dwarf", "inlined", SECTIONS + struct.pack("<HH", 0x1002, 0x100C))

# ---- HTTP -----------------------------------------------------------------------

seed("http", "get", b"GET /a?b=c HTTP/1.1\r\nHost: example.org\r\nAccept-Encoding: gzip\r\n\r\n")
seed("http", "post", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
seed("http", "chunked", b"PUT / HTTP/1.1\r\nHost: a:80\r\nTransfer-Encoding: chunked\r\n\r\n")
seed("http", "absolute", b"GET http://example.org:80/x HTTP/1.1\r\nHost: example.org:80\r\n\r\n")
seed("http", "old", b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
seed("http", "answer", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: x\r\n\r\nok")
seed("chunked", "two", b"\2" + b"5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nT: v\r\n\r\n")
for name, first, value in (
    ("date", 0, b"Sun, 06 Nov 1994 08:49:37 GMT"),
    ("date850", 0, b"Sunday, 06-Nov-94 08:49:37 GMT"),
    ("asctime", 0, b"Sun Nov  6 08:49:37 1994"),
    ("ranges", 1, b"bytes=0-1,5-,-3"),
    ("etags", 2, b'W/"a", "b" , "a"'),
    ("codings", 3, b"gzip;q=0.5, identity;q=0, *;q=1"),
):
    seed("http_value", name, bytes([first, 20]) + value)
seed("uri", "path", b"/a/./b/../%41%2e%2e/c?x=1&y=%20+z")

# Connections, as test/fuzz/whole/http_server.c reads them: pieces by length, pauses.


def said(how, *pieces):
    return bytes([how]) + b"".join(bytes([len(piece)]) + piece for piece in pieces)


HOST = b" HTTP/1.1\r\nHost: a\r\n"
GETS = b"GET /" + HOST + b"\r\nGET /hello/x" + HOST + b"\r\n"
seed("http_server", "gets", said(0, GETS, b"GET /big" + HOST + b"\r\n"))
CHUNKED = b"POST /echo" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
seed("http_server", "echo", said(8, CHUNKED, b"5\r\nhello\r\n0\r\n\r\n"))
EXPECT = b"PUT /whole" + HOST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n"
seed("http_server", "whole", said(1, EXPECT, b"abc"))
RANGE = b'Range: bytes=1-2,5-\r\nIf-Range: "v1"\r\n\r\n'
seed("http_server", "range", said(16, b"GET /tree/x" + HOST + RANGE))
MATCH = b'If-None-Match: "v1"\r\n\r\n'
seed("http_server", "query", said(64, b"GET /query?q=%41+b" + HOST + MATCH, b"GET /" + HOST + MATCH))

OK_HEAD = b"HTTP/1.1 200 OK\r\n"
LENGTH, INTERIM = OK_HEAD + b"Content-Length: 3\r\n\r\nabc", b"HTTP/1.1 100 Continue\r\n\r\n"
CODED = OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
seed("http_client", "length", said(0, LENGTH, LENGTH, LENGTH))
seed("http_client", "chunked", said(1, CODED, INTERIM + CODED, CODED))
seed("http_client", "until-close", said(64, b"HTTP/1.0 200 OK\r\n\r\nall", b"") + said(0, LENGTH)[1:])

# ---- images ---------------------------------------------------------------------


def note(kind, body):
    return struct.pack("<III8s", 5, len(body), kind, b"Pith") + body + b"\0" * (-(20 + len(body)) % 4)


def manifest_notes():
    appliance = struct.pack("<II32s96sIIIII12s", 1, 0, b"tiny", b"does nothing", 1024, 256, 16, 4, 4, b"")
    device = struct.pack("<II24s", 1, 256, b"net")
    key = struct.pack("<IIQQ24s48s88s", 2, 0, 1, 65535, b"port", b"80", b"TCP port")
    notes = (note(1, appliance), note(2, device), note(3, key))
    return b"".join(n + b"\0" * (-len(n) % 8) for n in notes)


def image():
    """A whole image: code, writable data with a relocation, notes, one symbol."""
    notes = manifest_notes()
    headers_n, code_at = 5, 64 + 5 * 56
    notes_at = code_at + 8
    dynamic_at = notes_at + len(notes) + (-(notes_at + len(notes)) % 8)
    relr_at = dynamic_at + 4 * 16
    data_at = relr_at + 8
    strings_at = data_at + 8
    symbols_at = strings_at + 24
    sections_at = symbols_at + 48
    data_address = 0x1000 + data_at

    def program(kind, flags, offset, address, size, align):
        return struct.pack("<IIQQQQQQ", kind, flags, offset, address, address, size, size, align)

    head = b"\x7fELF\2\1\1" + b"\0" * 9
    head += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, code_at, 64, sections_at, 0, 64, 56, headers_n, 64, 3, 0)
    head += program(1, 5, 0, 0, data_at, 4096) + program(1, 6, data_at, data_address, 8, 4096)
    head += program(4, 4, notes_at, notes_at, len(notes), 8)
    head += program(2, 4, dynamic_at, dynamic_at, 64, 8)
    head += program(0x6474E551, 6, 0, 0, 0, 16)
    body = b"\x0f\x0b" + b"\0" * 6 + notes
    body += b"\0" * (dynamic_at - code_at - len(body))
    body += struct.pack("<8Q", 36, relr_at, 35, 8, 37, 8, 0, 0)
    body += struct.pack("<QQ", data_address, 16)
    body += text("\0guest_entry", 24) + b"\0" * 24 + struct.pack("<IBBHQQ", 1, 18, 0, 1, code_at, 2)
    body += b"\0" * 64
    body += struct.pack("<IIQQQQIIQQ", 0, 2, 0, 0, symbols_at, 48, 2, 1, 8, 24)
    body += struct.pack("<IIQQQQIIQQ", 0, 3, 0, 0, strings_at, 24, 0, 0, 1, 0)
    return head + body


seed("elf", "tiny", image())

STOP = struct.pack("<BBQQQQ6x", 0, 0, 8, 0x100, 0x80, 0x80)
FRAMES = b"".join(struct.pack("<QQ", 0x7F0000000000 + 16 * i, 0x7F0000000100 + i) for i in range(1, 33))
seed("report", "tiny", STOP + FRAMES + image())
seed("seal", "bytes", b"whatever was sealed")
VALUES = (b"text", b"80", b"true", b"192.0.2.1", b"192.0.2.1/24", b"500ms", b"16k")
for kind, value in enumerate(VALUES, 1):
    seed("key", str(kind), struct.pack("<BQQ", kind, 0, 1 << 40) + value)


def bundle():
    """One file with both forms; its checksums are put right by the target."""
    head, unchanged = b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 304 Not Modified\r\n"
    texts, places = b"", []
    for piece in (b"/index.html", b"text/html", b"Sun, 06 Nov 1994 08:49:37 GMT", b'"1"', head, unchanged):
        places.append((len(texts), len(piece)))
        texts += piece
    body = b"<p>hello"
    index_at = 64 + 64

    def form(at):
        slots = b"".join(struct.pack("<II", *places[i]) for i in (3, 4, 5))
        return struct.pack("<QQQ", at, len(body), 0) + slots

    record = b"".join(struct.pack("<II", *places[i]) for i in (0, 1, 2))
    record += struct.pack("<QII", 784111777, 0, 0)
    record += form(64) + form(64)
    table = b"".join(struct.pack("<II", 0, n) for n in (1, 0))
    size = index_at + len(table) + len(record) + len(texts)
    header = b"PithBndl" + struct.pack("<IIIIQQQ8sQ", 1, 1, 2, len(texts), size, index_at, 0, b"", 0)
    return b"\1" + header + body.ljust(64, b"\0") + table + record + texts


seed("bundle", "one", bundle())
seed("number", "max", b"18446744073709551615")
seed("number", "over", b"18446744073709551616")

# ---- whole images ---------------------------------------------------------------
# Scripts as host/fuzz/script.c reads them: what the device and the keys are, then steps.

(CONNECT, SAY, BYTES, BULK, SEGMENT, FLOW, UDP, PING, ARPS, DHCPS, RAW, SPOIL, OFFLOAD, DEVICE, PAUSE,
 STOP) = range(16)
IMAGES = ("web", "echo", "hello", "greeter", "proxy")
BY_DHCP, OFFLOADS, PROBE = 1, 2, 32


def step(kind, *arguments):
    bytes_of = b"".join(a if isinstance(a, bytes) else bytes([a]) for a in arguments)
    return bytes([kind, len(bytes_of)]) + bytes_of


def say(flow, text, piece=0):
    return step(SAY, flow, piece, text)


def script(image, name, how, *steps, log=0, edits=b"", times=1):
    config = bytes([how, log, 0, 0, 1 if edits else 0, 7, 0xC0 | times - 1 if times > 1 else 0, 0])
    both = config + (step(0, edits) if edits else b"") + b"".join(steps)
    for program in ("image_", "release_"):
        seed(program + image, name, both)


def request(path, more=b"", method=b"GET"):
    return method + b" " + path + b" HTTP/1.1\r\nHost: a\r\n" + more


GET = request(b"/") + b"\r\n"
OPEN, FAR, PLAIN = step(CONNECT, 0, 15), step(CONNECT, 0x42, 7), step(CONNECT, 1, 1)
AGAIN = step(CONNECT, 0x80, 15)
MS, SECONDS, MINUTE = step(PAUSE, 9), step(PAUSE, 20), step(PAUSE, 25)
FIN, RESET, DEAF = step(FLOW, 0, 16), step(FLOW, 0, 32), step(FLOW, 0, 1)
CLOSED, OPENED = step(FLOW, 0, 3), step(FLOW, 0, 8)
LATE, TWICE, TURNED = step(SPOIL, 2), step(SPOIL, 1), step(SPOIL, 0x10, 2, 1)
POST = request(b"/echo", b"Content-Length: 5\r\n\r\nhello", b"POST")
PIECES = request(b"/echo", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"POST")
LARGE = request(b"/echo", b"Content-Length: 40000\r\n\r\n", b"POST")
FIVE = OK_HEAD + b"Content-Length: 5\r\n\r\nhello"
for image in IMAGES:
    script(image, "nothing", PROBE)
    script(image, "leased", PROBE | BY_DHCP | OFFLOADS, SECONDS, OPEN, MS)
    script(image, "stopped", 0, OPEN, step(STOP), SECONDS)
for image in ("web", "greeter", "proxy"):
    script(image, "get", PROBE | OFFLOADS, OPEN, say(0, GET), MS, say(0, GET), FIN, MS, log=1)
    script(image, "plain", 0, PLAIN, say(1, GET), MS, step(FLOW, 1, 16), log=2)
    script(image, "far", 0, FAR, say(2, GET), MS, step(FLOW, 2, 32))
    script(image, "torn", PROBE, OPEN, say(0, GET, 1), say(0, request(b"/", b"X: y\r\n\r\n"), 7), MS)
    script(image, "slow", PROBE, OPEN, say(0, request(b"/")), MINUTE, MINUTE)
    script(image, "silent", PROBE, OPEN)
    big = say(0, request(b"/big.txt") + b"\r\n")
    script(image, "deaf", OFFLOADS, OPEN, DEAF, big, SECONDS, OPENED, SECONDS, CLOSED, MINUTE)
    script(image, "late", 0, OPEN, LATE, say(0, GET), TWICE, say(0, GET), MS, RESET, AGAIN, say(0, GET), MS)
    script(image, "post", PROBE, OPEN, say(0, POST), MS)
    script(image, "often", PROBE, OPEN, say(0, GET), MS, say(4, FIVE), MS, FIN, MS, times=40)
    script(image, "crowd", PROBE | OFFLOADS, OPEN, say(0, request(b"/")), step(FLOW, 0, 64), times=60)
    script(image, "coded", PROBE, OPEN, say(0, PIECES, 9), MS, FIN)
    script(image, "large", OFFLOADS, OPEN, say(0, LARGE), step(BULK, 0, 0x80, 0, 1, b"abc"), MS,
           step(BULK, 0, 0x1C, 0x40, 1, b"abc"), MS)
    script(image, "answers", PROBE, OPEN, say(0, GET), MS, say(4, FIVE), MS, say(0, GET), MS, say(4, CODED),
           MS, say(0, GET), say(4, b"HTTP/1.0 200 OK\r\n\r\nall"), step(FLOW, 4, 16), MS)
CONDITIONS = b'If-None-Match: "x"\r\nRange: bytes=0-1,5-,-2\r\nAccept-Encoding: gzip\r\n\r\n'
script("web", "conditions", PROBE, OPEN, say(0, request(b"/", CONDITIONS)), MS, log=2)
for number, path in enumerate((b"/dir", b"/dir/", b"/nothing", b"/a.txt?x=1", b"/%2e%2e/a.txt")):
    part = request(path, b"Range: bytes=1-2\r\n\r\n")
    script("web", f"path{number}", OFFLOADS, OPEN, say(0, part), MS)
for at in (8, 12, 16, 20, 32, 0xFFFF, 0xFF00, 0xFE00, 0xFD00):
    script("web", f"bundle{at}", 0, OPEN, say(0, GET), MS, edits=struct.pack("!HB", at, 0x11))

BULKY, TALKED = step(BULK, 0, 0x40, 0, 1, b"abc"), say(0, b"hello")
script("echo", "often", PROBE, OPEN, TALKED, FIN, MS, times=60)
script("echo", "talk", PROBE | OFFLOADS, OPEN, TALKED, MS, BULKY, MS, FIN)
LONG_UDP = step(UDP, 4, 20, b"longer")
script("echo", "udp", 0, step(UDP, 0, b"hello"), LONG_UDP, TURNED, LONG_UDP, MS)
TOO_BIG = step(PING, 0x83, 0, 2, 100)
script("echo", "icmp", PROBE, step(PING, 8, 0, 0, 1, b"ping"), OPEN, TALKED, TOO_BIG, MS)
NEAR = step(SEGMENT, 0, 16, 6, 0, 0, 0, 0, b"data")
OLD_RESET, NEW_SYN = step(SEGMENT, 0, 4, 0, 200, 4, 0), step(SEGMENT, 0, 2, 8, 0, 0)
script("echo", "near", PROBE, OPEN, NEAR, OLD_RESET, NEW_SYN, MS, DEAF)
ONE_HOLE = step(SEGMENT, 0, 16, 2, 0, 0, 16, 0, 0, 1, 0, 1, 0)
TWO_HOLES = step(SEGMENT, 0, 16, 2, 0, 0, 48, 4, 0, 1, 0, 9, 0, 1, 0)
script("echo", "sack", OFFLOADS, OPEN, DEAF, BULKY, MS, ONE_HOLE, SECONDS, TWO_HOLES, SECONDS)
script("echo", "arp", PROBE, step(ARPS, 1, 3), step(ARPS, 3, 1), step(ARPS, 5, 2), OPEN, SECONDS)
SHORT_LEASE = step(DHCPS, 4, 7, struct.pack("!III", 60, 2, 4))
script("echo", "dhcp", BY_DHCP, step(DHCPS, 1, 0), SECONDS, SHORT_LEASE, OPEN, MINUTE)
FULL, LYING = step(DEVICE, 3, 0, 0), step(DEVICE, 0, 9, 0)
script("echo", "device", OFFLOADS, OPEN, FULL, TALKED, MS, LYING, MS)
WORDS, NONSENSE = step(OFFLOAD, 1, 0, 0, 0, 0), step(OFFLOAD, 0x67, b"\xff" * 8)
# A full device that gave back a reset behind a SYN-ACK: the connection was stuck half open.
REFUSED = bytes.fromhex(
    "b90000d7000000000e0114040e001000000000000000000900010005021e0606060068656c6c6f060804140300000a65"
    "72050200200204793b788405020020060a96911a6fb6ecdc58b915060a96911a6fb6ecdc58b915060a96911a6fb6ecdc"
    "587ab9060804140300000a65720d0b1e7039d2d7484c2e9451f60606109c3a2f3087000200100d052d429c92dd030500"
    "100000780b03100201")
seed("image_echo", "refused", REFUSED)
seed("release_echo", "refused", REFUSED)
script("echo", "words", OFFLOADS, OPEN, WORDS, TALKED, NONSENSE, OPEN)
script("echo", "clocks", PROBE, OPEN, step(PAUSE, 0xA5), step(PAUSE, 0xC0, 0, 1, 0, 0), TALKED, MS)
RAW_IP = b"\2\0\0\0\0\1\2\0\0\0\1\2\x08\0" + IPV4 + b"12345678"
script("echo", "raw", PROBE, step(RAW, RAW_IP), OPEN)

if len(sys.argv) > 2:
    SITE = {
        "index.html": "<p>hello, this is the front page of a site that is made for tests\n" * 9,
        "a.txt": "abcdefghijklmnopqrstuvwxyz\n",
        "big.txt": "a line that is repeated very often, number by number\n" * 400,
        "dir/index.html": "<p>a directory",
        "404.html": "<p>not here",
        "empty": "",
    }
    for path, content in SITE.items():
        os.makedirs(os.path.join(sys.argv[2], os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(sys.argv[2], path), "w", encoding="ascii") as f:
            f.write(content)
        os.utime(os.path.join(sys.argv[2], path), (784111777, 784111777))

# ---- machines ---------------------------------------------------------------------

PACK_BODY = struct.pack("<IIIIII", 262144, 65536, 4, 2, 2, 0) + b"hello" + b"port80" + b"ip"
PACK = struct.pack("<IIQQQQQQIII", 1, 76 + len(PACK_BODY), 16384, 4096, 9000, 0, 0, 1 << 20, 1, 2, 5)
seed("pack", "hello", b"PithPack" + PACK + PACK_BODY)
seed("machine", "pvh", struct.pack("<IIIIQQQQII", 0x336EC578, 1, 0, 0, 0, 0x1000, 0xF5000, 0x2000, 1, 0)
     + struct.pack("<QQII", 1 << 20, 1 << 24, 1, 0))
TAGS = struct.pack("<IIIIQQII", 6, 40, 24, 0, 1 << 20, 1 << 24, 1, 0) + struct.pack("<II", 15, 44)
TAGS += b"RSD PTR " + bytes(7) + b"\2" + struct.pack("<IIQII", 0xF6000, 36, 0xF7000, 0, 0)
TAGS += bytes(4) + struct.pack("<II", 0, 8)
seed("machine", "multiboot2", struct.pack("<II", 8 + len(TAGS), 0) + TAGS)
seed("machine", "line", b"quiet virtio_mmio.device=512@0xfeb00e00:12 virtio_mmio.device=4K@0xd0000000:5")
seed("machine", "rsdp", TAGS[48:84])
MADT = b"APIC" + struct.pack("<I", 64) + bytes(36) + bytes([0, 8, 0, 0, 1, 0, 0, 0])
seed("machine", "madt", MADT + struct.pack("<BBBBII", 1, 12, 0, 0, 0xFEC00000, 0))
seed("machine", "fadt", b"FACP" + struct.pack("<I", 276) + bytes(270) + b"_S5_\x12\x06\x04\x0a\x05\x00")
OFFER = struct.pack("<Q", (1 << 32) | (1 << 29) | 0x9981)
seed("virtio", "net", b"\4" + OFFER + b"\2\0\0\0\0\1" + b"\x20\x20"
     + b"\1\xdc\x05\6\7\1\xff\xff\6\7\x08\1\5abcde\4\4\x08\2\x40" + bytes(range(64)) + b"\4\x09" * 40)
seed("virtio", "full", b"\4" + OFFER + b"\xff\0\x08\0" + b"\x08\x07" + b"\1\1" * 8 + b"\x08\0\1\1\4\x09\0")
seed("virtio", "registers", b"\0" + struct.pack("<IIIII", 4, 0x74726976, 2, 1, 0) + bytes(492) + b"\0")
