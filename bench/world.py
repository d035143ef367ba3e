"""The world a measurement runs in: two network namespaces joined by a veth pair and,
in the client's, a tap for an appliance; and the CPU clock of whom we measure.

    client namespace, CPU 1              server namespace, CPU 0
      veth 10.88.0.1/24  ------------------  veth 10.88.0.2/24   nginx, epoll
      tap  10.88.1.1/24  ---- pith, its stack at 10.88.1.2, CPU 0

Everything is named after the process id and removed on the way out.
"""

import os
import subprocess
import time

SERVER_CPU, CLIENT_CPU = 0, 1
VETH_CLIENT, VETH_SERVER = "10.88.0.1", "10.88.0.2"
TAP_CLIENT, TAP_SERVER = "10.88.1.1", "10.88.1.2"


class Missing(Exception):
    """What a measurement needs is not there; the text says what to do."""


def run(*command, check=True, timeout=120):
    """A command's output; an exception with its message when it fails."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout
    )
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout.strip()}")
    return done.stdout


class World:
    def __init__(self):
        if os.geteuid() != 0:
            raise Missing("the benchmarks make network namespaces: run them as root")
        if not os.path.exists("/dev/net/tun"):
            raise Missing("there is no /dev/net/tun: load the kernel's tun module")
        self.client, self.server = f"pith-bench-{os.getpid()}-c", f"pith-bench-{os.getpid()}-s"
        self.tap = "tap0"

    def __enter__(self):
        try:
            self.build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def build(self):
        for name in (self.client, self.server):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        peer = ["peer", "name", "veth0", "netns", self.server]
        run("ip", "-n", self.client, "link", "add", "veth0", "type", "veth", *peer)
        run("ip", "-n", self.client, "tuntap", "add", self.tap, "mode", "tap")
        for name, device, address in (
            (self.client, "veth0", VETH_CLIENT),
            (self.server, "veth0", VETH_SERVER),
            (self.client, self.tap, TAP_CLIENT),
        ):
            run("ip", "-n", name, "address", "add", f"{address}/24", "dev", device)
            run("ip", "-n", name, "link", "set", device, "up")
        # A neighbour that announces itself is known at once (start-up is measured).
        self.in_client("sysctl", "-qw", f"net.ipv4.conf.{self.tap}.arp_accept=1")
        self.in_client("sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535")

    def __exit__(self, *_):
        for name in (self.client, self.server):
            run("ip", "netns", "delete", name, check=False)

    def in_client(self, *command, **more):
        return run("ip", "netns", "exec", self.client, *command, **more)

    def on_client_cpu(self, *command, **more):
        return self.in_client("taskset", "-c", str(CLIENT_CPU), *command, **more)

    def prefix(self, namespace):
        """The words that run a server in a namespace on its CPU."""
        return ["ip", "netns", "exec", namespace, "taskset", "-c", str(SERVER_CPU)]


def ksoftirqd():
    """The kernel thread that does network work the server's CPU could not do in place."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as f:
                if f.read().strip() == f"ksoftirqd/{SERVER_CPU}":
                    return int(pid)
        except OSError:
            continue
    return None


def run_ns(pid):
    """Nanoseconds that a process's threads have run, kernel and soft interrupts included."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total


def cpu_ticks():
    """(busy, stolen) ticks of the server's CPU since boot: everybody's, so it shows noise."""
    with open("/proc/stat", encoding="ascii") as f:
        for line in f:
            words = line.split()
            if words[0] == f"cpu{SERVER_CPU}":
                user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, words[1:9])
                return user + nice + system + irq + softirq, steal
    raise RuntimeError("no such CPU in /proc/stat")


class Clock:
    """CPU used between start and stop: by the server with its soft interrupts
    (`server_s`, exact), and by everyone on its CPU (`cpu_s`, in ticks of 10 ms)."""

    def __init__(self, pid, softirq_pid):
        self.pids = [pid] + ([softirq_pid] if softirq_pid else [])
        self.at = time.monotonic()
        self.ran = [run_ns(p) for p in self.pids]
        self.busy, self.stolen = cpu_ticks()

    def stop(self):
        tick = os.sysconf("SC_CLK_TCK")
        busy, stolen = cpu_ticks()
        server_ns = sum(run_ns(p) - before for p, before in zip(self.pids, self.ran))
        return {"wall_s": time.monotonic() - self.at, "server_s": server_ns / 1e9,
                "cpu_s": (busy - self.busy) / tick, "steal_s": (stolen - self.stolen) / tick}
