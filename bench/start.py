"""Starting: from exec to the first HTTP 200, server after server; and from start to exit
of a program that says a line, which bench/start.c measures in alternating pairs."""

import os
import re
import shutil
import statistics

import servers
import world

FIRST = "exec to first 200, µs"
HELLO = "start to exit of hello, µs"
METAL = "start to exit in QEMU, µs"
QEMU = ["qemu-system-x86_64", "-M", "microvm,acpi=off,pit=off,pic=off,rtc=on,x-option-roms=off",
        "-accel", "tcg", "-cpu", "max", "-m", "4", "-nodefaults", "-no-user-config", "-display", "none",
        "-no-reboot", "-global", "virtio-mmio.force-legacy=off", "-device", "virtio-rng-device",
        "-serial", "stdio"]


def to_first_200(the_world, kind, site, work):
    server = kind(the_world, site, work)
    where = [the_world.client, server.namespace, str(world.SERVER_CPU), server.address, "80"]
    first = ["taskset", "-c", str(world.CLIENT_CPU), "build/bench/first", *where]
    return float(world.run(*first, *server.command(), timeout=20))


def measure_hello(rounds):
    """Medians of the appliance on its hosts and of a static program, and the ratio in the sandbox."""
    appliance = [os.path.abspath("build/pith"), "run", os.path.abspath("build/hello.pith")]
    floor = [os.path.abspath("build/bench/hello")]
    pith_us, floor_us, ratio = measure_pair(rounds, appliance, floor)
    measured = {"pith": pith_us, "static musl program": floor_us, "ratio": ratio}
    for kind in servers.hosts(servers.Pith, servers.PithKvm)[1:]:
        measured[kind.name] = measure_pair(rounds, [*appliance, *kind.arguments], floor)[0]
    return measured


def measure_pair(rounds, first, second):
    """Medians of two commands in turn, and the median ratio of the pairs."""
    said = world.run("build/bench/start", str(rounds), *first, "--", *second)
    return [float(x) for x in re.search(r": (\d+) us, .*: (\d+) us, .*pairs ([\d.]+)", said).groups()]


def measure_metal(rounds, work):
    """hello above keel and drivers, and the least that boots, in the same translated machine."""
    packed = os.path.join(work, "hello.elf")
    world.run("build/pith", "pack", os.path.abspath("build/hello.pith"), "-o", packed)
    qemu = [shutil.which(QEMU[0]) or "", *QEMU[1:], "-kernel"]
    metal_us, floor_us, ratio = measure_pair(rounds, [*qemu, packed], [*qemu, "build/bench/pvh"])
    return {"hello on metal": metal_us, "a bare PVH program": floor_us, "ratio": ratio}


def run(the_world, work, options, results, progress, failed):
    """The site is one small page: making a bundle of it is part of pith's start."""
    site = os.path.join(work, "page")
    os.makedirs(site)
    with open(os.path.join(site, "index.html"), "w", encoding="ascii") as f:
        f.write("<!doctype html>\n<title>first</title>\n")
    times = {}
    for _ in range(3 if options.short else 4 * options.rounds):
        for kind in (servers.NginxWrite, servers.Epoll, *servers.hosts(servers.Pith, servers.PithKvm)):
            try:
                times.setdefault(kind.name, []).append(to_first_200(the_world, kind, site, work))
            except RuntimeError as error:
                failed(f"start: {kind.name}: {error}")
    results[FIRST] = {name: samples for name, samples in times.items() if samples}
    for name, samples in results[FIRST].items():
        progress(f"exec to first 200: {name}: {statistics.median(samples):.0f} µs")
    try:
        results[HELLO] = measure_hello(20 if options.short else 300)
        progress(f"start to exit: {results[HELLO]}")
    except (RuntimeError, AttributeError, OSError) as error:
        failed(f"start to exit: {error}")
    try:
        results[METAL] = measure_metal(10 if options.short else 50, work)
        progress(f"start to exit in QEMU: {results[METAL]}")
    except (RuntimeError, AttributeError, OSError) as error:
        failed(f"start to exit in QEMU: {error}")


def table(results):
    lines = ["| exec to first 200 | median µs | best µs |", "|---|--:|--:|"]
    for name, samples in results[FIRST].items():
        lines.append(f"| {name} | {statistics.median(samples):,.0f} | {min(samples):,.0f} |")
    if HELLO in results:
        hello = results[HELLO]
        lines += ["", "| start to exit | median µs |", "|---|--:|"]
        lines += [f"| {name} | {hello[name]:,.0f} |" for name in hello if name != "ratio"]
        lines += ["", f"Median ratio of the pairs: {hello['ratio']:.2f}."]
    if METAL in results:
        metal = results[METAL]
        lines += ["", "| start to exit in QEMU, microvm, TCG | median µs |", "|---|--:|"]
        lines += [f"| {name} | {metal[name]:,.0f} |" for name in metal if name != "ratio"]
        lines += ["", f"Median ratio of the pairs: {metal['ratio']:.2f}."]
    return lines
