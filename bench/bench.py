"""make bench: what Pith costs beside nginx at its best and beside the bare epoll loop.

bench.py [--short] [--rounds N] [--seconds S] [--only "LOAD;udp;start"] [--out FOLDER]

Every round measures every server once, in an order that moves by one each round, so
that a slow minute of the machine hits all of them. Servers run alone, pinned to CPU 0;
the client to CPU 1. Medians over rounds go to build/bench/table.md, every sample to
build/bench/results.json. Nothing here judges: no figure makes it fail.
"""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import sys
import tempfile

sys.dont_write_bytecode = True
import servers
import start
import udp
import world

UNITS = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}
TIMES = {"us": 1, "ms": 1e3, "s": 1e6}

PITH = servers.hosts(servers.Pith, servers.PithKvm)
SMALL, LARGE = [servers.NginxWrite, servers.Epoll, *PITH], [servers.NginxWrite, servers.NginxSendfile, *PITH]

# name, file, connections, who serves it
LOADS = [
    ("1 KiB, 64 connections", "1k.txt", 64, SMALL),
    ("1 KiB, 1 connection", "1k.txt", 1, SMALL),
    ("100 KiB, 64 connections", "100k.bin", 64, LARGE),
    ("10 MiB, 8 connections", "10m.bin", 8, LARGE),
]


def make_site(folder):
    """Files that do not compress, as large as their names say."""
    os.makedirs(folder)
    for name, size in (("1k.txt", 1024), ("100k.bin", 100 << 10), ("10m.bin", 10 << 20), ("index.html", 100)):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(os.urandom(size // 2).hex().encode() if size < 2048 else os.urandom(size))
    return folder


def parse_wrk(text):
    """wrk's report as numbers: requests and bytes a second, latencies in µs, errors."""
    def number(pattern, default=None):
        match = re.search(pattern, text)
        if not match and default is None:
            raise RuntimeError(f"wrk said: {text.strip()[-400:]}")
        return match.groups() if match else default

    value, unit = number(r"(?:^|\n)\s*50%\s+([\d.]+)(us|ms|s)")
    value99, unit99 = number(r"(?:^|\n)\s*99%\s+([\d.]+)(us|ms|s)")
    count, _ = number(r"(\d+) requests in ([\d.]+)")
    errors = sum(int(n) for n in re.findall(r"(?:connect|read|write|timeout) (\d+)", text))
    errors += int(number(r"Non-2xx or 3xx responses: (\d+)", ("0",))[0])
    return {"requests": int(count), "requests_per_s": float(number(r"Requests/sec:\s+([\d.]+)")[0]),
            "p50_us": float(value) * TIMES[unit], "p99_us": float(value99) * TIMES[unit99], "errors": errors}


def measure(the_world, server, path, connections, seconds, softirq_pid):
    """One sample: warm up, then wrk for so long, and the CPU it took."""
    url = f"http://{server.address}/{path}"
    wrk = ["wrk", "-t1", f"-c{connections}", "--latency"]
    the_world.on_client_cpu(*wrk, "-d1s" if seconds >= 2 else "-d0.3s", url, check=False)
    clock = world.Clock(server.pid, softirq_pid)
    text = the_world.on_client_cpu(*wrk, f"-d{seconds}s", url)
    used = clock.stop()
    sample = parse_wrk(text)
    sample.update(used)
    sample["server_us_per_request"] = used["server_s"] * 1e6 / max(sample["requests"], 1)
    size = os.path.getsize(os.path.join(server.site, path))
    sample["mb_per_s"] = sample["requests_per_s"] * size / 1e6
    sample["mb_per_cpu_s"] = sample["requests"] * size / 1e6 / max(used["server_s"], 1e-9)
    sample.update(server.memory_kib())
    return sample


def progress(text):
    print(text, file=sys.stderr, flush=True)


failures = []


def failed(text):
    """A measurement that did not come about is said, and left out of the tables."""
    failures.append(text)
    progress(f"failed: {text}")


def run_loads(the_world, site, work, options, results):
    softirq_pid = world.ksoftirqd()
    for name, path, connections, who in LOADS:
        if options.only and not any(part in name for part in options.only):
            continue
        for number in range(options.rounds):
            for kind in who[number % len(who):] + who[:number % len(who)]:
                try:
                    with kind(the_world, site, work) as server:
                        seconds = options.seconds
                        sample = measure(the_world, server, path, connections, seconds, softirq_pid)
                except RuntimeError as error:
                    failed(f"{name}: {kind.name}: {error}")
                    continue
                results.setdefault(name, {}).setdefault(kind.name, []).append(sample)
                progress(
                    f"{name}: {kind.name}: {sample['requests_per_s']:.0f}/s, "
                    f"{sample['server_us_per_request']:.2f} µs CPU, p50 {sample['p50_us']:.0f} µs, "
                    f"{sample['errors']} errors"
                )


def median(samples, key):
    return statistics.median(sample[key] for sample in samples)


def load_table(results):
    """Rows of medians; nginx is the better of its two configurations for the file."""
    lines = [
        "| load | server | requests/s (best) | MB/s | server CPU µs/request (least) | MB per CPU-second "
        "| p50 µs | p99 µs | errors |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, by_server in results.items():
        rows = {}
        for who, samples in by_server.items():
            rows[who] = {key: median(samples, key) for key in samples[0]}
            rows[who]["most_per_s"] = max(sample["requests_per_s"] for sample in samples)
            rows[who]["least_us"] = min(sample["server_us_per_request"] for sample in samples)
        nginx = [who for who in rows if who.startswith("nginx")]
        best = max(nginx, key=lambda who: rows[who]["mb_per_cpu_s"], default=None)
        for who, row in rows.items():
            if who in nginx and who != best:
                continue
            lines.append(f"| {name} | {who} | {row['requests_per_s']:,.0f} ({row['most_per_s']:,.0f}) |"
                         f" {row['mb_per_s']:,.0f} |"
                         f" {row['server_us_per_request']:,.2f} ({row['least_us']:,.2f}) |"
                         f" {row['mb_per_cpu_s']:,.0f} |"
                         f" {row['p50_us']:,.0f} | {row['p99_us']:,.0f} | {row['errors']:,.0f} |")
    return lines


def sizes():
    """Bytes of what is installed to serve."""
    names = [n for n in ("pith", "hello.pith", "echo.pith", "web.pith") if os.path.exists(f"build/{n}")]
    found = {name: os.path.getsize(f"build/{name}") for name in names}
    nginx = shutil.which("nginx")
    if nginx:
        libraries = re.findall(r"=> (/\S+)", world.run("ldd", nginx))
        found["nginx with libraries"] = sum(os.path.getsize(p) for p in [nginx] + libraries)
    return found


def write_out(results, options):
    os.makedirs(options.out, exist_ok=True)
    about = {"kernel": platform.release(), "rounds": options.rounds, "seconds": options.seconds}
    with open("/proc/cpuinfo", encoding="ascii") as f:
        about["cpu"] = re.search(r"model name\s*: (.*)", f.read()).group(1)
    everything = {"about": about, "sizes_bytes": sizes(), **results}
    with open(f"{options.out}/results.json", "w", encoding="ascii") as f:
        json.dump(everything, f, indent=1)
    lines = [f"{about['cpu']}, Linux {about['kernel']}; medians of {about['rounds']} rounds of "
             f"{about['seconds']} s, servers alternating.", ""]
    if results["http"]:
        lines += load_table(results["http"]) + [""]
    if results["udp"]:
        lines += udp.table(results["udp"]) + [""]
    if results["start"]:
        lines += start.table(results["start"]) + [""]
    lines += ["| file | bytes |", "|---|--:|"]
    lines += [f"| {name} | {size:,} |" for name, size in everything["sizes_bytes"].items()]
    with open(f"{options.out}/table.md", "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    print("\n".join(lines))


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--short", action="store_true", help="one quick round: does it all run?")
    parse.add_argument("--rounds", type=int, default=5)
    parse.add_argument("--seconds", type=int, default=3)
    parse.add_argument("--only", type=lambda text: text.split(";"), default=[], help="parts of loads' names")
    parse.add_argument("--out", default="build/bench", help="folder for results.json and table.md")
    options = parse.parse_args()
    if options.short:
        options.rounds, options.seconds = 1, 1
    results = {"http": {}, "udp": {}, "start": {}}
    try:
        with world.World() as the_world, tempfile.TemporaryDirectory(prefix="pith-bench-") as work:
            site = make_site(os.path.join(work, "site"))
            os.chmod(work, 0o755)
            run_loads(the_world, site, work, options, results["http"])
            if not options.only or "udp" in options.only:
                udp.run(the_world, site, work, options, results["udp"], progress, failed)
            if not options.only or "start" in options.only:
                start.run(the_world, work, options, results["start"], progress, failed)
    except world.Missing as missing:
        print(f"bench: {missing}", file=sys.stderr)
        return 1
    write_out(results, options)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
