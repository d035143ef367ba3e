"""What is left behind, for leaves_test.sh: after a kill at any moment, and after many starts.

leaves.py kill NAME TIMES WITHIN_MS COMMAND…   kills the command that often, at a random moment up to
                                               WITHIN_MS into its life, and looks for what is left
leaves.py starts NAME TIMES COMMAND…           runs it to its end that often, likewise

Left behind are processes (all that the command starts inherit a word of its environment) and files
(in the folder of temporary files); after many starts also files that the kernel keeps open, and memory
of the kernel's. Those two are the whole machine's, where others work as well."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

WORD = "PITH_LEAVES"
GRACE_S = 5        # whatever a parent's death ends may take so long; memory is freed late, too
MANY = 1000        # starts, after which a leak in each stands out
LEAK_FILES = 0.5   # open files a start, on the average
LEAK_KIB = 64      # memory a start


class Watch:
    """The state of the machine before, to compare with."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="pith-leaves-")
        self.word = f"{os.getpid()}-{random.getrandbits(32)}"
        self.env = {**os.environ, WORD: self.word, "TMPDIR": self.folder}
        self.files, self.kib = open_files(), kernel_kib()

    def start(self, command):
        return subprocess.Popen(command, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)

    def processes(self):
        mark = f"{WORD}={self.word}".encode()
        return [pid for pid in os.listdir("/proc") if pid.isdigit() and mark in environment(pid)]

    def wait_for_processes(self):
        """The names of those that stay."""
        deadline = time.monotonic() + GRACE_S
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.01)
        return [name_of(pid) for pid in self.processes()]

    def complaints(self, starts):
        found = [f"the process {name}" for name in self.wait_for_processes()]
        found += [f"the file {name}" for name in os.listdir(self.folder)]
        if starts >= MANY:
            found += self.leaks(starts)
        return found

    def leaks(self, starts):
        deadline = time.monotonic() + GRACE_S
        while True:
            files, kib = open_files() - self.files, kernel_kib() - self.kib
            found = [f"{files} open files"] if files > starts * LEAK_FILES else []
            found += [f"{kib} KiB of the kernel's memory"] if kib > starts * LEAK_KIB else []
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def end(self):
        for pid in self.processes():
            os.kill(int(pid), signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)


def environment(pid):
    try:
        with open(f"/proc/{pid}/environ", "rb") as f:
            return f.read()
    except OSError:
        return b""


def name_of(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii", errors="replace") as f:
            return f.read().strip()
    except OSError:
        return "that has just ended"


def open_files():
    with open("/proc/sys/fs/file-nr", encoding="ascii") as f:
        return int(f.read().split()[0])


def kernel_kib():
    with open("/proc/meminfo", encoding="ascii") as f:
        values = dict(line.split(":") for line in f)
    return sum(int(values[name].split()[0]) for name in ("SUnreclaim", "VmallocUsed", "PageTables", "Percpu"))


def kill(watch, times, within_ms, command):
    seed = int(os.environ.get("SEED", random.getrandbits(32)))
    print(f"# SEED={seed}")
    moments = random.Random(seed)
    for _ in range(times):
        process = watch.start(command)
        time.sleep(moments.random() * within_ms / 1000)
        process.kill()
        process.wait()
        left = watch.wait_for_processes()
        if left:
            return [f"the process {name}" for name in left]
    return []


def starts(watch, times, command):
    for number in range(times):
        code = watch.start(command).wait()
        if code != 0:
            return [f"start {number + 1} ended with {code}"]
    return []


def main():
    what, name, times = sys.argv[1], sys.argv[2], int(sys.argv[3])
    watch = Watch()
    try:
        if what == "kill":
            found = kill(watch, times, int(sys.argv[4]), sys.argv[5:])
        else:
            found = starts(watch, times, sys.argv[4:])
        found = found or watch.complaints(times)
    finally:
        watch.end()
    for text in found:
        print(f"# left behind: {text}")
    print(f"{'not ok' if found else 'ok'} {name}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
