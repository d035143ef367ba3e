"""tcp_many.py IP PORT N: N connections to the echo appliance, one after the other, each
asked one thing. Exit status 0 when all were answered."""

import socket
import sys
import time

where, n = (sys.argv[1], int(sys.argv[2])), int(sys.argv[3])
started, failed = time.monotonic(), 0
for i in range(n):
    try:
        with socket.create_connection(where, 5) as s:
            s.send(b"ping")
            failed += s.recv(16) != b"ping"
    except OSError as problem:
        failed += 1
        print(f"# connection {i}: {problem}")
print(f"# {n} connections in {time.monotonic() - started:.1f} s, {failed} failed")
sys.exit(failed > 0)
