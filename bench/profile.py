"""make bench-profile: what the profile costs, and each part of it.

profile.py [--short] [--build] [--rounds N] [--seconds S] [--parts] [--bugs] [--out FOLDER]

Builds the appliances web and echo with the profile, without any of it, and without one
part at a time, below build/profile, and measures of each:

  bytes of code, constants and variables of the image
  instructions a request, of the image alone, in valgrind's callgrind: the same in every run
  processor time a request of the image alone, on a host of memory (bench/replay.c)
  the server's processor time a request on a tap, kernel included, against wrk and the UDP
  client of make bench: the profile and nothing of it in turn (with --parts each part too)

HTTP is 1 KiB over 64 connections, UDP an echo of 64 bytes, 64 in flight. "Without" is
the same code without the flags, and without the checks that base/ writes out: of views
and spans, of numbers, of released memory. --bugs also runs planted bugs without the part
that should catch them: is it the only one? Medians go to table.md, all samples to results.json.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import bench
import servers
import udp
import world

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HERE = "build/profile"
SOURCES = ["Makefile", "packages", "pith", "base", "sig", "wire", "host", "fiber", "net", "store", "lib",
           "appliance", "examples", "test"]

# What base/ writes out: (file, pattern, what stands there instead).
VIEWS = [("base/trap.h", r"#define (must_in_bounds|must_fit)\(x\)(?:.*\\\n)+.*\n",
          r"#define \1(x) ((void)sizeof(x))\n")]
RELEASED = [("base/arena.c", r"\n    mark_released\(.*\);", ""),
            ("base/pool.c", r"\n    mark_released\(.*\);", ""),
            ("base/pool.c", r"released && !still_released\(.*\)\)", "false)"),
            ("base/pool.c", r"\n    bool released = .*;", ""),
            ("base/pool.c", r"if \(released\)", "if (i != NONE)"),
            ("fiber/fiber.c", r"\n    release_frames\(self\);", ""),
            ("fiber/fiber.c", r"static inline __attribute__\(\(always_inline\)\) void release_frames",
             "static inline __attribute__((always_inline, unused)) void release_frames"),
            ("fiber/fiber.c", r"\n    if \(!outlives\(arg, s\)\)\n        trap_with\(TRAP_LIVES\);", ""),
            ("fiber/fiber.c", r"static bool outlives", "__attribute__((unused)) static bool outlives")]

# Parts of the profile: name, what make is told without it, what is edited, and the planted
# bugs that it may be the only one to catch (--bugs looks whether it is).
PARTS = [
    ("bounds of arrays and objects", {"BOUNDS": ""}, [], ["null", "near-null"]),
    ("bounds of views and spans", {}, VIEWS,
     ["stack-write", "stack-read", "heap-write", "heap-read", "pool-neighbour", "global-write", "global-read",
      "intra-object-write", "intra-object-read", "off-by-one-high", "wrong-length"]),
    ("overflow, narrowing, shifts, division", {"NUMBERS": ""}, [],
     ["off-by-one-low", "overflow-allocation", "overflow-check", "narrowing", "sign", "division", "shift"]),
    ("values and ends", {"VALUES": ""}, [], ["bool"]),
    ("control flow integrity", {"CFI": ""}, [], ["ops-confusion", "wrong-signature", "data-as-code"]),
    ("stack protector", {"PROTECTOR": "-fno-stack-protector"}, [], ["return-address"]),
    ("zeroed locals", {"ZEROED": ""}, [], ["uninitialised", "unchecked-error"]),
    ("stack clash", {"CLASH": ""}, [], ["big-frame", "recursion"]),
    ("released memory", {}, RELEASED,
     ["use-after-free", "write-after-free", "freed-in-list", "after-reset", "leak-after-reset", "after-scope",
      "fiber-argument"]),
    ("defined behaviour", {"DEFINED": ""}, [], ["null", "constant-write"]),
    ("frame pointers", {"FRAMES": ""}, [], ["recursion"]),
]
WHOLE, NOTHING = "the whole profile", "nothing of it"
EVERYTHING = {name: value for _, flags, _, _ in PARTS for name, value in flags.items()}
VARIANTS = [(WHOLE, {}, []), (NOTHING, EVERYTHING, VIEWS + RELEASED)] + [part[:3] for part in PARTS]
LOADS = {"http": "web", "udp": "echo"}


def progress(text):
    print(f"{time.monotonic() - BEGAN:5.0f} s  {text}", file=sys.stderr, flush=True)


BEGAN = time.monotonic()


def folder_of(name):
    return os.path.join(HERE, re.sub(r"\W+", "-", name))


# ---- building --------------------------------------------------------------------------------


def copy_of_sources(folder, edits):
    """The house with its checks taken out. Files that are as they were keep their times."""
    source = os.path.join(folder, "source")
    fresh = source + ".new"
    shutil.rmtree(fresh, ignore_errors=True)
    for name in SOURCES:
        copy = shutil.copytree if os.path.isdir(name) else shutil.copy2
        os.makedirs(fresh, exist_ok=True)
        copy(name, os.path.join(fresh, name))
    for path, pattern, instead in edits:
        path = os.path.join(fresh, path)
        with open(path, encoding="utf-8") as f:
            text, n = re.subn(pattern, instead, f.read())
        if n == 0:
            raise RuntimeError(f"{path}: there is no {pattern}")
        stat = os.stat(path)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    shutil.rmtree(source, ignore_errors=True)
    os.rename(fresh, source)
    return source


def build(variant, targets, jobs):
    name, flags, edits = variant
    folder = os.path.abspath(folder_of(name))
    os.makedirs(folder, exist_ok=True)
    source = copy_of_sources(folder, edits) if edits else ROOT
    words = [f"{key}={value}" for key, value in {**flags, "B": folder}.items()]
    environment = {**os.environ, "MAKEFLAGS": ""}
    done = subprocess.run(["make", "-s", f"-j{jobs}", "-C", source, *words,
                           *(f"{folder}/{target}" for target in targets)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{name} does not build:\n{done.stdout[-2000:]}")


# ---- measuring ---------------------------------------------------------------------------------


def size(name, image):
    """Code, constants and variables with a value; the file is these in whole pages, and notes."""
    sizes = world.run("llvm-size-19", os.path.join(folder_of(name), image + ".pith")).split("\n")[1].split()
    return int(sizes[0]) + int(sizes[1])


def replayed(name, image):
    """The image that bench/replay runs: web with its site in it."""
    return os.path.join(folder_of(name), "web-with-site.pith" if image == "web" else f"{image}.pith")


def replay_ns(name, image, requests):
    return float(world.run("build/bench/replay", replayed(name, image), str(requests), "16").split()[-1])


def counted(name, image, requests, work):
    """Instructions of the image, which valgrind has no name for, in so many requests."""
    out = os.path.join(work, f"callgrind.{os.path.basename(folder_of(name))}.{image}.{requests}")
    world.run("valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "build/bench/replay",
              replayed(name, image), str(requests), "16")
    total, ours, called, objects = 0, False, False, {}
    with open(out, encoding="utf-8", errors="replace") as f:
        for line in f:
            match = re.match(r"(c?ob)=\((\d+)\)(?: (.*))?", line)
            if match:
                kind, number, its_name = match.groups()
                objects.setdefault(number, its_name)
                ours = objects[number] == "???" if kind == "ob" else ours
            elif line.startswith("calls="):
                called = True  # the next line is what was called, which counts itself
            elif re.match(r"[+\-*\d]\S* \d+$", line):
                total += 0 if called or not ours else int(line.split()[1])
                called = False
    if total == 0:
        raise RuntimeError(f"{out}: no instructions of {image}")
    return total


def instructions(name, image, work):
    few, many = 500, 1500
    return (counted(name, image, many, work) - counted(name, image, few, work)) / (many - few)


class Variant(servers.Pith):
    """An image of a variant, on a tap."""

    def command(self):
        data = [self.site] if self.image == "web" else []
        return ["build/pith", "run", os.path.join(folder_of(self.name), self.image + ".pith"), *data,
                "--net", f"tap:{self.world.tap}", "--ip", f"{self.address}/24"]

    def wait(self):
        if self.image == "echo":
            udp.wait_for_echo(self)
        else:
            super().wait()


def kind_of(name, image):
    return type("Kind", (Variant,), {"name": name, "image": image})


def on_tap(the_world, site, work, name, load, seconds, softirq_pid):
    """Microseconds of the server's processor time a request."""
    kind = kind_of(name, LOADS[load])
    if load == "udp":
        sample = udp.measure(the_world, kind, site, work, seconds, softirq_pid)
        return sample["server_s"] * 1e6 / max(sample["answered"], 1)
    with kind(the_world, site, work) as server:
        return bench.measure(the_world, server, "1k.txt", 64, seconds, softirq_pid)["server_us_per_request"]


def measure_images(results, options, work):
    for name, _, _ in VARIANTS:
        results[name] = {"bytes": {image: size(name, image) for image in LOADS.values()},
                         "instructions": {}, "ns": {load: [] for load in LOADS},
                         "us": {load: [] for load in LOADS}}
    for name, _, _ in VARIANTS:
        for load, image in LOADS.items():
            results[name]["instructions"][load] = instructions(name, image, work)
        progress(f"{name}: {results[name]['bytes']['web']:,} bytes, "
                 f"{results[name]['instructions']['http']:,.0f} and "
                 f"{results[name]['instructions']['udp']:,.0f} instructions")
    for number in range(options.rounds):
        for name, _, _ in VARIANTS[number % len(VARIANTS):] + VARIANTS[:number % len(VARIANTS)]:
            for load, requests in (("http", 100_000), ("udp", 400_000)):
                ns = replay_ns(name, LOADS[load], requests // (20 if options.short else 1))
                results[name]["ns"][load].append(ns)
        progress(f"on a host of memory, round {number + 1} of {options.rounds}")


def measure_on_tap(results, options, work, site):
    names = [name for name, _, _ in VARIANTS] if options.parts else [WHOLE, NOTHING]
    softirq_pid = world.ksoftirqd()
    with world.World() as the_world:
        for number in range(options.rounds):
            for load in LOADS:
                for name in names[number % len(names):] + names[:number % len(names)]:
                    us = on_tap(the_world, site, work, name, load, options.seconds, softirq_pid)
                    results[name]["us"][load].append(us)
            said = ", ".join(f"{load} {results[WHOLE]['us'][load][-1]:.2f} with, "
                             f"{results[NOTHING]['us'][load][-1]:.2f} µs without" for load in LOADS)
            progress(f"on a tap, round {number + 1} of {options.rounds}: {said}")


# ---- planted bugs --------------------------------------------------------------------------------


def missed_without(variant, bugs, jobs):
    """Which of the bugs are missed, or told as another one, without a part."""
    build(variant, [f"planted/{bug}.pith" for bug in bugs], jobs)
    images = os.path.join(folder_of(variant[0]), "planted")
    said = subprocess.run([sys.executable, "test/planted/run.py", "--images", images, *bugs],
                          stdout=subprocess.PIPE, text=True, check=False).stdout
    return re.findall(r"^not ok planted: (\S+)", said, re.M)


# ---- tables ----------------------------------------------------------------------------------------


def ratio(results, name, key, load, of=NOTHING):
    """Medians of the ratios within rounds."""
    pairs = zip(results[name][key][load], results[of][key][load])
    return statistics.median(a / b for a, b in pairs)


def more(x):
    return f"{(x - 1) * 100:+.1f} %"


def whole_table(results):
    lines = ["| the whole profile against nothing of it | HTTP 1 KiB | UDP echo |", "|---|--:|--:|"]
    rows = []
    whole, nothing = results[WHOLE], results[NOTHING]
    rows.append(["bytes of code and data, of web and of echo"] + [
        f"{whole['bytes'][i]:,} / {nothing['bytes'][i]:,} = {whole['bytes'][i] / nothing['bytes'][i]:.2f}"
        for i in LOADS.values()])
    rows.append(["instructions of the image a request"] + [
        f"{whole['instructions'][load]:,.0f} / {nothing['instructions'][load]:,.0f}: "
        f"{more(whole['instructions'][load] / nothing['instructions'][load])}" for load in LOADS])
    for key, unit, what in (("ns", "ns", "the image's own processor time a request"),
                            ("us", "µs", "server's processor time a request, kernel included")):
        if whole[key]["http"]:
            rows.append([what] + [
                f"{statistics.median(whole[key][load]):,.2f} / {statistics.median(nothing[key][load]):,.2f} "
                f"{unit}: {more(ratio(results, WHOLE, key, load))}" for load in LOADS])
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def parts_table(results):
    """What each part adds: the whole profile against the profile without it."""
    lines = ["| part | bytes of web | instructions, HTTP | instructions, UDP | image's time, HTTP "
             "| image's time, UDP |", "|---|--:|--:|--:|--:|--:|"]
    for name, *_ in PARTS:
        r, whole = results[name], results[WHOLE]
        cells = [f"{whole['bytes']['web'] - r['bytes']['web']:+,}"]
        cells += [f"{whole['instructions'][load] - r['instructions'][load]:+,.0f}" for load in LOADS]
        cells += [more(ratio(results, WHOLE, "ns", load, name)) for load in LOADS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def write_out(results, options):
    os.makedirs(options.out, exist_ok=True)
    with open(f"{options.out}/results.json", "w", encoding="ascii") as f:
        json.dump(results, f, indent=1)
    lines = whole_table(results) + [""] + parts_table(results)
    caught = {name: r["bugs"] for name, r in results.items() if "bugs" in r}
    if caught:
        lines += ["", "| without | planted bugs that are missed, or told as another |", "|---|---|"]
        lines += [f"| {name} | {', '.join(bugs) or 'none'} |" for name, bugs in caught.items()]
    with open(f"{options.out}/table.md", "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    print("\n".join(lines))


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--short", action="store_true", help="one quick round: does it all run?")
    parse.add_argument("--rounds", type=int, default=9)
    parse.add_argument("--seconds", type=int, default=1)
    parse.add_argument("--parts", action="store_true", help="each part on the tap as well")
    parse.add_argument("--build", action="store_true", help="build, and measure nothing")
    parse.add_argument("--bugs", action="store_true", help="the planted bugs without each part")
    parse.add_argument("--out", default=HERE, help="folder for results.json and table.md")
    options = parse.parse_args()
    if options.short:
        options.rounds = 1
    os.chdir(ROOT)
    results = {}
    with tempfile.TemporaryDirectory(prefix="pith-profile-") as work:
        os.chmod(work, 0o755)
        site = bench.make_site(os.path.join(work, "site"))
        small = os.path.join(work, "small")
        os.makedirs(small)
        shutil.copy(os.path.join(site, "1k.txt"), small)
        for variant in VARIANTS:
            progress(f"builds {variant[0]}")
            build(variant, ["web.pith", "echo.pith"], os.cpu_count())
            world.run("build/pith", "bundle", os.path.join(folder_of(variant[0]), "web.pith"), small, "-q",
                      "-o", replayed(variant[0], "web"))
        if options.build:
            return 0
        measure_images(results, options, work)
        try:
            measure_on_tap(results, options, work, site)
        except world.Missing as missing:
            progress(f"nothing on a tap: {missing}")
    if options.bugs:
        for *variant, bugs in PARTS:
            results[variant[0]]["bugs"] = missed_without(variant, bugs, os.cpu_count())
            progress(f"without {variant[0]}, missed: {' '.join(results[variant[0]]['bugs'])}")
    write_out(results, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
