"""Proofs that no input makes a decoder fail at run time: make prove.

prove.py [--mutants] [--jobs N] [--seconds N] [UNIT …]
    runs Frama-C's WP over the units below, or those named, as many at a time as there
    are processors; prints a line as each ends and a table at the end. Exits 1 when a
    goal is left, and when a function of a unit's files is neither proved nor listed
    here with the reason. --mutants: applies each line of test/prove/mutants to a copy
    of the tree and demands that the proof fails there.

What is proved, and on what assumptions, stands in doc/proofs.md.
"""

import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build", "prove")

# ---- tables ---------------------------------------------------------------------

# A unit is a C file, and the headers whose inline functions are proved with it.
UNITS = {
    "views": ["base/view.c", "base/view.h"],
    "codec": ["base/codec.c", "base/codec.h"],
    "hash": ["base/hash.c"],
    "eth": ["wire/eth.c", "wire/eth.h"],
    "arp": ["wire/arp.c"],
    "ip_sum": ["wire/ip_sum.c"],
    "ipv4": ["wire/ipv4.c"],
    "icmp": ["wire/icmp.c"],
    "udp": ["wire/udp.c"],
    "dhcp": ["wire/dhcp.c"],
    "http": ["wire/http.c", "wire/http.h"],
    "chunked": ["wire/http_chunked.c"],
    "http_value": ["wire/http_value.c"],
    "uri": ["wire/uri.c"],
    "seal": ["wire/seal.c"],
    "bundle": ["wire/bundle.c"],
    "elf": ["wire/elf.c"],
    "elf_bundle": ["wire/elf_bundle.c"],
    "tcp": ["wire/tcp.c", "wire/tcp.h"],
}

# Functions of these files that are not proved, and why.
RAW = "one memcpy of constant size: the prover's memory is typed"
TEXT = "reads a zero-terminated string of our own as bytes"
OBJECT = "fills or copies a struct as bytes: the prover's memory is typed"
UNUSED = "no decoder calls it"
FRAME = "the provers do not find that writes of a note leave the array of notes alone, round after round"
ENCODER = "encodes our own data, decodes none: round-trip tests"
LEFT_OUT = {
    "peek_u16": RAW, "peek_u32": RAW, "peek_u64": RAW, "poke_u16": RAW, "poke_u32": RAW, "poke_u64": RAW,
    "view_z": TEXT, "elf_build_id": FRAME, "start": OBJECT, "http_head_move": OBJECT,
    "rotate": UNUSED, "sip_round": UNUSED, "siphash": UNUSED, "siphash24": UNUSED, "siphash13": UNUSED,
    **dict.fromkeys(["encode_options", "tcp_encode", "put_option_u32", "put_resolvers", "put_client",
                     "put_options", "dhcp_encode", "put_chunk_head", "seal_make", "bundle_put_header",
                     "bundle_put_slot", "bundle_put_record", "put_text_ref", "put_form"], ENCODER),
}

# Sums and shifts that wrap on purpose: proved without the checks of unsigned overflow.
WRAPPING = {"view_to_ip4", "fold", "checksum64", "size_byte"}

# What WP says when it cannot follow the code and goes on with less.
DOUBTS = r"(?:Missing assigns|Cast with incompatible|degenerated|not implemented)"

FLAGS = [
    "-machdep", "gcc_x86_64", "-c11", "-wp", "-wp-rte", "-wp-prover", "z3,cvc4", "-wp-par", "1",
    "-rte-verbose", "0", "-wp-warn-key", "pedantic-assigns=inactive", "-wp-cache", "update",
]

# ---- reading C ------------------------------------------------------------------

DEFINITION = re.compile(r"^(?:[a-z][^\n;={}#]*?\b)(\w+)\([^;{}]*?\)\n\{\n(.*?)^\}", re.M | re.S)
MADE = re.compile(r"^BASE_(LOAD|STORE|GET|PUT|PEEK)\((\w+)", re.M)


def functions_in(text):
    """Name and body of each function that is defined in a file, in its order."""
    found = dict(DEFINITION.findall(text))
    for kind, name in MADE.findall(text):
        for prefix in ["peek", "poke"] if kind == "PEEK" else [kind.lower()]:
            found[f"{prefix}_{name}"] = ""
    return found


def may_not_end(bodies):
    """Functions with a loop that has no variant, or that reach themselves."""
    calls = {f: set(re.findall(r"\b(\w+)\(", body)) & bodies.keys() for f, body in bodies.items()}
    bad = []
    for name, body in bodies.items():
        reached, todo = set(), [name]
        while todo:
            more = calls[todo.pop()] - reached
            reached |= more
            todo += more
        code = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
        if name in reached or len(re.findall(r"\b(?:for|while) \(", code)) != body.count("loop variant"):
            bad.append(name)
    return bad


# ---- running the prover -----------------------------------------------------------


def find_provers():
    """Why3 keeps a list of provers; this one is ours, so that nobody's is needed or changed."""
    config = os.path.join(BUILD, "why3.conf")
    os.environ["WHY3CONFIG"] = config
    if not os.path.exists(config):
        os.makedirs(BUILD, exist_ok=True)
        subprocess.run(["why3", "config", "detect"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       check=False)


def frama_c(root, source, functions, seconds, wrapping):
    """Goals proved, goals in all, and what is to be complained of."""
    os.makedirs(os.path.join(BUILD, "cache"), exist_ok=True)
    command = ["frama-c", "-cpp-extra-args=-I. -include test/prove/model.h", source, *FLAGS,
               "-wp-cache-dir", os.path.join(BUILD, "cache"), "-wp-timeout", str(seconds),
               "-wp-fct", ",".join(functions)] + ([] if wrapping else ["-warn-unsigned-overflow"])
    here = dict(os.environ, PWD=root)  # Frama-C looks there, not where it was started
    run = subprocess.run(command, cwd=root, env=here, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True)
    said = run.stdout
    goals = re.search(r"Proved goals:\s+(\d+) / (\d+)", said)
    if run.returncode or not goals:
        return 0, 1, said.splitlines()[-6:]
    bad = re.findall(r"\[wp\] \[(?:Failed|Timeout|Unknown|Stepout)\] Goal typed_(\S+)", said)
    bad += [" ".join(w.split()) for w in re.findall(rf"\[wp\] (\S+:\d+: Warning:\s+{DOUBTS}.*)", said)]
    return int(goals.group(1)), int(goals.group(2)), bad


def narrowings(root, path):
    """Implicit conversions that could change a number: the prover does not look at them, clang does."""
    warnings = ["-Wimplicit-int-conversion", "-Wshorten-64-to-32", "-Wsign-conversion"]
    run = subprocess.run(["clang-19", "-std=gnu11", "-I.", "-fsyntax-only", *warnings, path], cwd=root,
                         stderr=subprocess.PIPE, text=True)
    return re.findall(r"^\S+: (?:warning|error): .*", run.stderr, flags=re.M)


class Result:
    def __init__(self, unit):
        self.unit, self.seconds, self.bad = unit, 0.0, []
        self.functions = self.proved = self.goals = 0

    def ok(self):
        return self.proved == self.goals and self.goals > 0 and not self.bad


def prove(unit, seconds, root=ROOT, only=None):
    result, start = Result(unit), time.time()
    bodies = {}
    for path in UNITS[unit]:
        with open(os.path.join(root, path), encoding="utf-8") as f:
            bodies.update(functions_in(f.read()))
    names = [f for f in bodies if f not in LEFT_OUT and only in (None, f)]
    result.functions = len(names)
    result.bad = [f"{f}: a loop without a variant, or recursion" for f in may_not_end(bodies) if f in names]
    result.bad += narrowings(root, UNITS[unit][0])
    for wrapping in (False, True):
        chosen = [f for f in names if (f in WRAPPING) == wrapping]
        if chosen:
            proved, goals, bad = frama_c(root, UNITS[unit][0], chosen, seconds, wrapping)
            result.proved, result.goals = result.proved + proved, result.goals + goals
            result.bad += bad
    result.seconds = time.time() - start
    return result


# ---- mutants ----------------------------------------------------------------------


def mutants():
    """Unit, function, old text and new text of each line of test/prove/mutants."""
    with open(os.path.join(ROOT, "test/prove/mutants"), encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                unit, function, change = line.strip().split(None, 2)
                old, new = change.split(" => ")
                yield unit, function, old.strip(), new.strip()


def prove_mutant(number, mutant, seconds):
    """Whether the proof of the changed function fails, and in how many goals."""
    unit, function, old, new = mutant
    tree = os.path.join(BUILD, f"mutant{number}")
    shutil.rmtree(tree, ignore_errors=True)
    for folder in ("base", "sig", "wire", "test/prove"):
        shutil.copytree(os.path.join(ROOT, folder), os.path.join(tree, folder))
    path = os.path.join(tree, UNITS[unit][0])
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if text.count(old) != 1:
        return mutant, None
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace(old, new))
    result = prove(unit, seconds, tree, function)
    shutil.rmtree(tree)
    return mutant, result.goals - result.proved


# ---- what is printed ----------------------------------------------------------------


def print_table(results, took):
    print(f"\n{'decoder':<12} {'functions':>9} {'proved':>7} {'goals':>7} {'seconds':>8}  tool")
    for r in results:
        print(f"{r.unit:<12} {r.functions:>9} {r.proved:>7} {r.goals:>7} {r.seconds:>8.0f}  "
              f"{'Frama-C WP, Z3, CVC4' if r.ok() else 'NOT PROVED'}")
    proved, goals = sum(r.proved for r in results), sum(r.goals for r in results)
    print(f"{'all':<12} {sum(r.functions for r in results):>9} {proved:>7} {goals:>7} {took:>8.0f}")


def print_left_out(units):
    print("\nnot proved, and why:")
    for path in sorted({path for unit in units for path in UNITS[unit]}):
        with open(os.path.join(ROOT, path), encoding="utf-8") as f:
            by_reason = {}
            for name in functions_in(f.read()):
                if name in LEFT_OUT:
                    by_reason.setdefault(LEFT_OUT[name], []).append(name)
        for reason, names in by_reason.items():
            print(f"  {path}: {', '.join(names)}: {reason}")


def run_units(units, jobs, seconds):
    start, results = time.time(), []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(prove, unit, seconds) for unit in units]):
            r = done.result()
            results.append(r)
            verdict = "ok" if r.ok() else "not ok"
            print(f"{verdict} prove/{r.unit} ({r.proved}/{r.goals} goals, {r.seconds:.0f} s)", flush=True)
            for complaint in r.bad:
                print(f"    {complaint}", flush=True)
    results.sort(key=lambda r: units.index(r.unit))
    print_table(results, time.time() - start)
    print_left_out(units)
    return all(r.ok() for r in results)


def run_mutants(units, jobs, seconds):
    chosen, good = [m for m in mutants() if m[0] in units], True
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        runs = [pool.submit(prove_mutant, n, m, seconds) for n, m in enumerate(chosen)]
        for done in concurrent.futures.as_completed(runs):
            (unit, function, old, new), failed = done.result()
            good = good and bool(failed)
            verdict = "was not applied" if failed is None else f"{failed} goals fail"
            print(f"{'ok' if failed else 'not ok'} mutant/{unit}/{function}: {old} => {new}: {verdict}",
                  flush=True)
    return good and bool(chosen)


def main():
    arguments = sys.argv[1:]

    def option(name, otherwise):
        if name not in arguments:
            return otherwise
        at = arguments.index(name)
        value = int(arguments[at + 1])
        del arguments[at:at + 2]
        return value

    jobs, seconds = option("--jobs", os.cpu_count() or 1), option("--seconds", 20)
    run = run_mutants if "--mutants" in arguments else run_units
    units = [a for a in arguments if a != "--mutants"] or list(UNITS)
    for unit in units:
        if unit not in UNITS:
            sys.exit(f"prove: no unit {unit}; there are {' '.join(UNITS)}")
    find_provers()
    return 0 if run(units, jobs, seconds) else 1


if __name__ == "__main__":
    sys.exit(main())
