"""run.py [--host NAME]… [--images FOLDER] [--write PATH] [BUG …]: what becomes of planted bugs.

Runs every bug of bugs.py (or those named) as an image on each host and as plain C
with Debian's hardening, and tries the attempts that must be refused. Prints a line
each, "ok planted: NAME" or "not ok planted: NAME"; with --write the table as
PATH.md and PATH.json. Ends with 1 if a bug was missed, or told as another one."""

import argparse
import concurrent.futures
import html
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
import time

from bugs import ANALYSER, BUGS, RULES

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PITH = os.path.join(ROOT, "build/pith")

# Options of `pith run` that choose the host, and what the host needs of this machine.
HOSTS = {
    "process": ([], lambda: True),
    "kvm": (["--host", "kvm"], lambda: os.access("/dev/kvm", os.R_OK | os.W_OK)),
    "qemu": (["--host", "qemu"], lambda: shutil.which("qemu-system-x86_64") is not None),
}

# What dpkg-buildflags gives with hardening=+all, and Debian 13's -fstack-clash-protection.
PLAIN = ("gcc -g -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -Wformat"
         " -Werror=format-security -fPIE -pie -Wl,-z,relro -Wl,-z,now -pthread").split()

SECONDS = 20
CRASHED = 134


def run(command, **more):
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=SECONDS, text=True, errors="replace", **more)


# ---- images --------------------------------------------------------------------------


def frame(length):
    """An Ethernet frame for everyone, whose 15th byte is a length; its own length in front."""
    whole = b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x88\xb5" + bytes([length]) + bytes(45)
    return struct.pack(">I", len(whole)) + whole


def run_with_device(command):
    """Sends one frame when it is ready, and another while it looks at the first."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    process = subprocess.Popen(command + ["--net", f"fd:{theirs.fileno()}"], cwd=ROOT, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               pass_fds=[theirs.fileno()])
    theirs.close()
    said = process.stdout.readline()
    if said == "ready\n":
        ours.send(frame(8))
        time.sleep(0.1)
        ours.send(frame(200))
    try:
        rest, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        rest, _ = process.communicate()
    ours.close()
    return subprocess.CompletedProcess(command, process.returncode, said + rest)


def run_image(bug, host, images, scratch):
    command = [PITH, "run", os.path.join(images, f"{bug.name}.pith")]
    if bug.bundle:
        data = os.path.join(scratch, bug.name + ".data")
        os.makedirs(data, exist_ok=True)
        with open(os.path.join(data, "index.html"), "w", encoding="ascii") as f:
            f.write("<p>a page\n")
        command.append(data)
    command += ["--n", str(bug.n)] + HOSTS[host][0]
    return run_with_device(command) if bug.device else run(command)


def judge_image(bug, done):
    """(outcome, what the table says, whether it is right)"""
    first = next((line for line in done.stdout.split("\n") if " crashed: " in line), "")
    if done.returncode == CRASHED:
        cause = re.sub(r"^pith: \S+ crashed: ", "", first)
        cause = re.sub(r"0x[0-9a-f]+", "…", cause)
        right = bool(bug.trapped and re.search(bug.trapped, first))
        return "trapped" if right else "wrong cause", cause, right
    said = " ".join(done.stdout.split())
    if bug.harmless and done.returncode == 0 and re.search(bug.harmless, done.stdout.strip(), re.S):
        return "harmless", bug.why, True
    return "missed", f"exit {done.returncode}: {said[:80]}", False


# ---- the same in plain C -----------------------------------------------------------------


def run_plain(bug, scratch):
    """(outcome, what the table says): stopped with a message, crashed without, or went on."""
    program = os.path.join(scratch, bug.name)
    made = run(PLAIN + ["-I.", f"test/planted/{bug.name}/plain.c", "-o", program])
    if made.returncode != 0:
        return "refused", re.search(r"error: (.*)", made.stdout).group(1)
    done = run([program, str(bug.n)])
    said = done.stdout.strip().split("\n")[-1]
    if done.returncode >= 0:
        return "goes on", said
    name = signal.Signals(-done.returncode).name
    if done.returncode == -signal.SIGABRT:
        return "stopped", said.replace("*** ", "").replace(" ***", "").split(": terminated")[0]
    return "crashes", f"{name}, no report"


# ---- what is refused -----------------------------------------------------------------------


def refused_by_build(bug, scratch, *strict):
    """As a user would see it."""
    folder = os.path.join(scratch, "attempt", bug.name)
    shutil.copytree(os.path.join(HERE, bug.name, "refused"), folder)
    done = run([PITH, "build", folder, *strict])
    return done.stdout if done.returncode != 0 else ""


def refused_by_analyser(bug):
    attempt = f"build/analyze/test/planted/{bug.name}/refused/main.ok"
    done = run(["make", "-s", "--no-print-directory", attempt], env={**os.environ, "MAKEFLAGS": ""})
    return done.stdout if done.returncode != 0 else ""


def broken_rules(bugs):
    """What the rules of images say of each main.c, by name."""
    headers = [os.path.join(room, name) for room in ("base", "sig", "fiber")
               for name in os.listdir(os.path.join(ROOT, room)) if name.endswith(".h")]
    mains = [f"test/planted/{bug.name}/main.c" for bug in bugs]
    said = run(["build/gen/rules", "declared", *headers, "strict", "test/planted/planted.h", *mains]).stdout
    broken = {}
    for name, what in re.findall(r"^test/planted/(\S+?)/main.c:\d+: (.*)$", said, re.M):
        broken.setdefault(name, []).append(what)
    return broken


def judge_refusal(bug, scratch):
    """(what the table says, whether it is right); nothing for what needs no refusal."""
    if not bug.refused:
        return None, True
    who, words = bug.refused
    if who == ANALYSER:
        said = refused_by_analyser(bug)
    else:
        said = refused_by_build(bug, scratch, *["--strict"] * (who == RULES))
    return who, bool(said and re.search(words, said))


# ---- all of it -----------------------------------------------------------------------------


def look_at(bug, hosts, images, broken, scratch):
    result = {"name": bug.name, "bug": bug.what, "hosts": {}}
    result["plain"] = dict(zip(("outcome", "says"), run_plain(bug, scratch)))
    right = bug.loose == (bug.name in broken)
    problems = [] if right else [f"main.c {broken.get(bug.name, 'breaks no rule')}"]
    who, fine = judge_refusal(bug, scratch)
    result["refused_by"] = who
    if not fine:
        problems.append(f"{who} does not refuse the attempt as it should")
    for host in hosts:
        try:
            outcome, says, right = judge_image(bug, run_image(bug, host, images, scratch))
        except subprocess.TimeoutExpired:
            outcome, says, right = "missed", f"still running after {SECONDS} s", False
        result["hosts"][host] = {"outcome": outcome, "says": says}
        if not right:
            problems.append(f"on {host}: {outcome}: {says}")
    result["problems"] = problems
    return result


def cell(text):
    text = re.sub(r"\b(?=[0-9a-f]*\d)[0-9a-f]{9,}\b", "…", text)  # addresses, and what lay there
    shown = "".join(c if c.isprintable() else "·" for c in text.replace("\ufffd", "·"))
    return html.escape(shown, quote=False).replace("|", "\\|")


def table(results, hosts):
    lines = ["| bug | plain C, Debian's hardening | refused by | " +
             " | ".join(f"Pith on {host}" for host in hosts) + " |", "|---|---|---|" + "---|" * len(hosts)]
    for r in results:
        cells = [r["bug"], f"{r['plain']['outcome']}: {r['plain']['says']}", r["refused_by"] or ""]
        cells += [f"{r['hosts'][h]['outcome']}: {r['hosts'][h]['says']}" for h in hosts]
        lines.append("| " + " | ".join(cell(c) for c in cells) + " |")
    return "\n".join(lines) + "\n"


def count(results, hosts):
    """One line that sums up."""
    plain = [r["plain"]["outcome"] for r in results]
    words = [f"{len(results)} bugs. Plain C: {plain.count('stopped')} stopped with a message, "
             f"{plain.count('crashes')} crash without one, {plain.count('goes on')} go on, "
             f"{plain.count('refused')} refused."]
    for host in hosts:
        ours = [r["hosts"][host]["outcome"] for r in results]
        words.append(f"Pith on {host}: " + ", ".join(f"{ours.count(o)} {o}" for o in
                     ("trapped", "harmless", "wrong cause", "missed")) + ".")
    return " ".join(words)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", action="append", choices=HOSTS)
    parser.add_argument("--images", default="build/planted", help="folder of NAME.pith")
    parser.add_argument("--write")
    parser.add_argument("bugs", nargs="*")
    options = parser.parse_args()
    hosts = [h for h in options.host or ["process"] if HOSTS[h][1]()]
    for host in set(options.host or []) - set(hosts):
        print(f"skip planted: this machine has nothing for the host {host}")
    bugs = [b for b in BUGS if not options.bugs or b.name in options.bugs]
    scratch = tempfile.mkdtemp(prefix="pith-planted-")
    try:
        broken = broken_rules(bugs)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda b: look_at(b, hosts, options.images, broken, scratch), bugs))
    finally:
        shutil.rmtree(scratch)
    for r in results:
        print(("not ok" if r["problems"] else "ok") + f" planted: {r['name']}" +
              "".join(f"\n# {p}" for p in r["problems"]))
    print("# " + count(results, hosts))
    if options.write:
        with open(options.write + ".md", "w", encoding="utf-8") as f:
            f.write(table(results, hosts) + "\n" +
                    textwrap.fill(count(results, hosts), 100) + "\n")
        with open(options.write + ".json", "w", encoding="utf-8") as f:
            json.dump(results, f, indent=1, ensure_ascii=False)
    return 1 if any(r["problems"] for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
