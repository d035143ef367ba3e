"""UDP echo: datagrams answered a second, by the echo appliance on a tap and by a
socket echo that works in bursts, the most a Linux socket server can do."""

import json
import statistics

import servers
import world

PORT = 7
SECONDS_WARM = "0.3"
KEYS = ("answered_per_s", "server_us_per_packet")


class SocketEcho(servers.Epoll):
    name = "socket, in bursts"

    def command(self):
        return ["build/bench/udp", "server", str(PORT)]

    def wait(self):
        wait_for_echo(self)


class PithEcho(servers.Pith):
    image = "echo"

    def wait(self):
        wait_for_echo(self)


class PithEchoKvm(PithEcho):
    name, arguments = servers.PithKvm.name, servers.PithKvm.arguments


def ask(server, seconds, window):
    """The client's count of what came back, run beside the server."""
    return json.loads(server.world.on_client_cpu("build/bench/udp", "client", server.address, str(PORT),
                                                 str(seconds), str(window)))


def wait_for_echo(server):
    for _ in range(50):
        if ask(server, 0.05, 1)["answered"] > 0:
            return
    raise RuntimeError(f"{server.name} does not echo UDP")


def measure(the_world, kind, site, work, seconds, softirq_pid):
    with kind(the_world, site, work) as server:
        ask(server, SECONDS_WARM, 64)
        clock = world.Clock(server.pid, softirq_pid)
        sample = ask(server, seconds, 64)
        sample.update(clock.stop())
    return sample


def run(the_world, site, work, options, results, progress, failed):
    softirq_pid = world.ksoftirqd()
    who = [SocketEcho, *servers.hosts(PithEcho, PithEchoKvm)]
    for number in range(options.rounds):
        for kind in who[number % len(who):] + who[:number % len(who)]:
            try:
                sample = measure(the_world, kind, site, work, options.seconds, softirq_pid)
            except RuntimeError as error:
                failed(f"UDP echo: {kind.name}: {error}")
                continue
            sample["answered_per_s"] = sample["answered"] / sample["seconds"]
            sample["server_us_per_packet"] = sample["server_s"] * 1e6 / max(sample["answered"], 1)
            results.setdefault(kind.name, []).append(sample)
            progress(f"UDP echo: {kind.name}: {sample['answered_per_s']:.0f}/s, "
                     f"{sample['server_us_per_packet']:.2f} µs CPU")


def table(results):
    lines = ["| UDP echo, 64 bytes, 64 in flight | answered/s | server CPU µs/packet |", "|---|--:|--:|"]
    for name, samples in results.items():
        rate, cost = (statistics.median(s[key] for s in samples) for key in KEYS)
        lines.append(f"| {name} | {rate:,.0f} | {cost:.2f} |")
    return lines
