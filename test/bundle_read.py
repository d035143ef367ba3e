"""Reads a bundle by the description in wire/bundle.h alone, and compares it with the
directory it was made from: bundle_read.py BUNDLE DIRECTORY."""
import gzip
import os
import struct
import sys

MASK = (1 << 64) - 1


def fold(h, word):
    h = ((h ^ word) * 0x9FB21C651E98DF25) & MASK
    return h ^ h >> 32


def checksum64(data):
    lanes = [0, MASK, 0x9E3779B97F4A7C15, MASK ^ 0x9E3779B97F4A7C15]
    n, at = len(data), 0
    while n - at >= 32:
        for i, word in enumerate(struct.unpack_from("<4Q", data, at)):
            lanes[i] = fold(lanes[i], word)
        at += 32
    while n - at >= 8:
        lanes[0] = fold(lanes[0], struct.unpack_from("<Q", data, at)[0])
        at += 8
    h = fold(lanes[0], int.from_bytes(data[at:], "little"))
    for lane in lanes[1:]:
        h = fold(h, lane)
    return fold(h, n)


class Bundle:
    def __init__(self, name):
        b = self.bytes = open(name, "rb").read()
        magic, version, self.files, self.buckets, texts_n, size, self.index_at, index_sum = (
            struct.unpack_from("<8s4I3Q", b))
        assert magic == b"PithBndl" and version == 1 and size == len(b)
        assert struct.unpack_from("<Q", b, 56)[0] == checksum64(b[:56])
        assert index_sum == checksum64(b[self.index_at:])
        self.records = self.index_at + 8 * self.buckets
        self.texts = self.records + 136 * self.files
        assert self.texts + texts_n == size

    def text(self, at, n):
        return self.bytes[self.texts + at:self.texts + at + n]

    def form(self, at, path, packed):
        body_at, body_n, body_sum, *refs = struct.unpack_from("<3Q6I", self.bytes, at)
        body = self.bytes[body_at:body_at + body_n]
        etag, head, unchanged = (self.text(*refs[k:k + 2]) for k in (0, 2, 4))
        assert body_at % 64 == 0 and checksum64(body) == body_sum, path
        lines = head.split(b"\r\n")
        assert lines[0] == b"HTTP/1.1 200 OK" and lines[-1] == b""
        fields = dict(line.split(b": ", 1) for line in lines[1:-1])
        assert int(fields[b"Content-Length"]) == body_n and fields[b"ETag"] == etag
        assert (fields.get(b"Content-Encoding") == b"gzip") == packed
        assert unchanged.startswith(b"HTTP/1.1 304 Not Modified\r\nETag: " + etag + b"\r\n")
        return body, etag, fields

    def find(self, path):
        want = slot = checksum64(path) >> 32
        while True:
            h, number = struct.unpack_from("<2I", self.bytes, self.index_at + 8 * (slot % self.buckets))
            assert number != 0, path
            if h == want:
                return number - 1
            slot += 1


def main(name, directory):
    b = Bundle(name)
    etags = {}
    for i in range(b.files):
        at = b.records + 136 * i
        path, mime, date = (b.text(*struct.unpack_from("<2I", b.bytes, at + 8 * k)) for k in range(3))
        modified, flags = struct.unpack_from("<2Q", b.bytes, at + 24)
        body, etag, fields = b.form(at + 40, path, False)
        source = directory + path.decode()
        assert body == open(source, "rb").read(), path
        assert modified == int(os.stat(source).st_mtime) and fields[b"Last-Modified"] == date
        assert fields[b"Content-Type"] == mime
        assert etags.setdefault(etag, body) == body
        if flags & 1:
            packed, other, fields = b.form(at + 88, path, True)
            assert gzip.decompress(packed) == body and len(packed) <= 0.9 * len(body) + 1
            assert other != etag and fields[b"Vary"] == b"Accept-Encoding"
        assert b.find(path) == i
    print(b.files, "files read back")


main(*sys.argv[1:])
