"""What tests and fuzz inputs reach of the code of images, in lines and branches.

coverage.py BUILD   runs every program in BUILD/test (scenarios) and BUILD/fuzz (targets
over their seeds and what fuzzing here has found), prints a line per file
and room, writes build/coverage.json and the lines that nobody reached to
build/coverage.txt, and exits 1 where a room is below its bar. Tests that run real
images (test/*_test.sh) do not count.

A broken `must` ends the program that would count it, so its conditions are no branches
here; TRY's early return is one, of the file that tries.
"""

import glob
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

ROOMS = ["base", "fiber", "wire", "net", "store", "lib", "appliance", "examples"]
BARS = {"wire": (98, 95), "net": (90, 0), "lib": (90, 0)}  # percent of lines and of branches
CORPORA = ["build/fuzz/seeds", "build/fuzz/corpus"]
PATIENCE_S = 600

# ---- running -------------------------------------------------------------------


def run(program, arguments, raw):
    """One program; what it counted goes to raw/NAME-PID.profraw."""
    name = os.path.basename(program)
    env = dict(os.environ, LLVM_PROFILE_FILE=f"{raw}/{name}-%p.profraw")
    done = subprocess.run([program, *arguments], env=env, stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=PATIENCE_S)
    if done.returncode:
        sys.stdout.write(done.stdout.decode(errors="replace")[-2000:])
        sys.stdout.write(done.stderr.decode(errors="replace")[-2000:])
        sys.exit(f"coverage: {name} ended with {done.returncode}")


def fuzz_arguments(program):
    name = os.path.basename(program)
    folders = [f"{c}/{name}" for c in CORPORA if os.path.isdir(f"{c}/{name}")]
    return ["-runs=0", "-rss_limit_mb=0", *folders]


def run_all(build, raw):
    programs = [(p, []) for p in sorted(glob.glob(f"{build}/test/*_test"))]
    targets = [p for p in sorted(glob.glob(f"{build}/fuzz/*")) if "." not in os.path.basename(p)]
    programs += [(p, fuzz_arguments(p)) for p in targets]
    for old in glob.glob(f"{raw}/*.profraw"):
        os.remove(old)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in [pool.submit(run, program, arguments, raw) for program, arguments in programs]:
            done.result()
    return [program for program, _ in programs]


def export(build, raw, programs):
    merged = f"{build}/merged.profdata"
    subprocess.run(["llvm-profdata-19", "merge", "-o", merged, *glob.glob(f"{raw}/*.profraw")], check=True)
    objects = [part for program in programs for part in ("-object", program)]
    out = subprocess.run(["llvm-cov-19", "export", "-skip-functions", "-instr-profile", merged, *objects],
                         check=True, stdout=subprocess.PIPE).stdout
    return json.loads(out)["data"][0]["files"]


# ---- counting ------------------------------------------------------------------


def must_spans(text):
    """Where the arguments of must…( ) lie, as pairs of (line, column)."""
    spans = []
    lines = [0] + [m.end() for m in re.finditer("\n", text)]

    def place(at):
        line = next(i for i in range(len(lines), 0, -1) if lines[i - 1] <= at)
        return line, at - lines[line - 1] + 1

    for match in re.finditer(r"\bmust(?:_in_bounds|_fit)?\(", text):
        depth, at = 1, match.end()
        while depth and at < len(text):
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
        spans.append((place(match.start()), place(at)))
    return spans


def branches_of(found, text):
    """{place: (taken, not taken)} of the file's own conditions and of its TRYs."""
    out = {}
    spans = must_spans(text)

    def add(key, counts):
        before = out.get(key, (0, 0))
        out[key] = before[0] + counts[0], before[1] + counts[1]

    for branch in found["branches"]:
        start = (branch[0], branch[1])
        if not any(a <= start < b for a, b in spans):
            add(start, (branch[4], branch[5]))
    for expansion in found["expansions"]:
        start = tuple(expansion["source_region"][:2])
        for branch in expansion["branches"]:
            if expansion["filenames"][branch[6]].endswith("/base/err.h"):
                add(start, (branch[4], branch[5]))
    return out


def missed_lines(found):
    """Lines whose every region was counted zero times."""
    counts, wrapped, at = {}, None, 1
    for line, _, count, has_count, entry, gap in found["segments"]:
        for between in range(at, line):
            if wrapped is not None:
                counts[between] = max(counts.get(between, 0), wrapped)
        at = line
        if has_count and entry and not gap:
            counts[line] = max(counts.get(line, 0), count)
        wrapped = count if has_count and not gap else None
    return sorted(line for line, count in counts.items() if count == 0)


class Sum:
    def __init__(self):
        self.lines, self.lines_hit, self.branches, self.branches_hit = 0, 0, 0, 0

    def add(self, other):
        self.lines += other.lines
        self.lines_hit += other.lines_hit
        self.branches += other.branches
        self.branches_hit += other.branches_hit

    def percents(self):
        part = lambda hit, of: 100 * hit / of if of else 100.0
        return part(self.lines_hit, self.lines), part(self.branches_hit, self.branches)

    def as_json(self):
        return dict(vars(self), lines_percent=round(self.percents()[0], 2),
                    branches_percent=round(self.percents()[1], 2))

    def line(self, name):
        lines, branches = self.percents()
        return (f"{name:28} {self.lines_hit:6} of {self.lines:6} lines {lines:6.2f} %  "
                f"{self.branches_hit:6} of {self.branches:6} branches {branches:6.2f} %")


def count(found, text):
    total, notes = Sum(), []
    total.lines, total.lines_hit = found["summary"]["lines"]["count"], found["summary"]["lines"]["covered"]
    for (line, column), (taken, passed) in sorted(branches_of(found, text).items()):
        total.branches += 2
        total.branches_hit += (taken > 0) + (passed > 0)
        if not (taken and passed):
            which = "always true" if taken else "never true" if passed else "never asked"
            notes.append((line, f"{line}:{column}: {which}"))
    notes += [(line, f"{line}: not reached") for line in missed_lines(found)]
    return total, [note for _, note in sorted(notes)]


# ---- telling -------------------------------------------------------------------


def unlinked(files):
    """Files of the rooms that no program links: all of theirs is missed."""
    sources = [p for room in ROOMS for p in glob.glob(f"{room}/**/*.c", recursive=True)]
    return [p for p in sources if p not in files and p != "base/mem.c"]


def report(found):
    root = os.getcwd() + "/"
    files = {f["filename"].removeprefix(root): f for f in found}
    rooms, out, missed = {}, {}, []
    for path in sorted(files):
        room = path.split("/")[0]
        if room not in ROOMS:
            continue
        with open(path, encoding="utf-8") as f:
            total, notes = count(files[path], f.read())
        if total.lines == 0:
            continue
        out[path] = total
        rooms.setdefault(room, Sum()).add(total)
        missed += [f"{path}:{note}" for note in notes]
        print(total.line(path))
    print()
    for room in ROOMS:
        if room in rooms:
            print(rooms[room].line(room + "/"))
    for path in unlinked(files):
        print(f"{path}: in no program")
    with open("build/coverage.txt", "w", encoding="utf-8") as f:
        f.writelines(line + "\n" for line in missed)
    with open("build/coverage.json", "w", encoding="utf-8") as f:
        json.dump({"rooms": {r: s.as_json() for r, s in rooms.items()},
                   "files": {p: s.as_json() for p, s in out.items()}}, f, indent=1)
    return rooms


def main():
    build = sys.argv[1]
    raw = f"{build}/raw"
    os.makedirs(raw, exist_ok=True)
    rooms = report(export(build, raw, run_all(build, raw)))
    low = 0
    for room, bars in BARS.items():
        for what, has, bar in zip(("lines", "branches"), rooms[room].percents(), bars):
            if has < bar:
                print(f"coverage: {room}/ has {has:.2f} % of {what}; the bar is {bar} %")
                low = 1
    print("build/coverage.txt names what was not reached, build/coverage.json has the numbers")
    return low


if __name__ == "__main__":
    sys.exit(main())
