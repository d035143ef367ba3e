"""Starting: from exec to the first HTTP 200, server after server, and from start to
exit of a program that says a line (bench/start.c measures that, pair by pair)."""

import os
import statistics

import servers
import world


def to_first_200(the_world, kind, site, work):
    server = kind(the_world, site, work)
    command = ["build/bench/first", the_world.client, server.namespace, str(world.SERVER_CPU), server.address, "80"]
    return float(world.run("taskset", "-c", str(world.CLIENT_CPU), *command, *server.command(), timeout=20))


def run(the_world, site, work, options, results, progress):
    who = [servers.NginxWrite]
    if os.path.exists("build/bench/epoll"):
        who.append(servers.Epoll)
    if os.path.exists("build/web.pith"):
        who.append(servers.Pith)
    times = {kind.name: [] for kind in who}
    for _ in range(3 if options.short else 4 * options.rounds):
        for kind in who:
            times[kind.name].append(to_first_200(the_world, kind, site, work))
    for name, samples in times.items():
        progress(f"exec to first 200: {name}: {statistics.median(samples):.0f} µs")
    results["exec to first 200, µs"] = times
    if os.path.exists("build/bench/start") and os.path.exists("build/hello.pith"):
        pair = ["build/bench/start", "build/pith run build/hello.pith", "build/bench/hello"]
        results["start to exit"] = world.run(*pair, timeout=120).strip()
        progress(results["start to exit"])


def table(results):
    lines = ["| exec to first 200 | median µs | best µs |", "|---|--:|--:|"]
    for name, samples in results["exec to first 200, µs"].items():
        lines.append(f"| {name} | {statistics.median(samples):,.0f} | {min(samples):,.0f} |")
    return lines
