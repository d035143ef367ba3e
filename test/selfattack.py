"""Runs every attack of appliance/selfattack on every host, and keeps doc/security.md's
table true.

selfattack.py [--write] [HOST …]   HOST: of those below; default: all that are here.
Each attack is a scenario "selfattack HOST: NAME"; it is good when the attack ended in a
report of pith's, with its exit code and the place, or when the host refused it and the
image went on, and when this is what doc/security.md says. --write puts what was seen
into the page instead."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PITH = os.path.join(ROOT, "build/pith")
IMAGE = os.path.join(ROOT, "build/selfattack.pith")
PAGE = os.path.join(ROOT, "doc/security.md")
BEGIN, END = "<!-- attacks -->\n", "<!-- end of attacks -->\n"
CRASHED = 134
HOSTS = {
    "process": [],
    "kvm": ["--host", "kvm"],
    "qemu": ["--host", "qemu", "--accel", "tcg"],
}


def missing(host):
    """Why the host cannot be tried here; None where it can."""
    if host == "kvm" and not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "no access to /dev/kvm"
    if host == "qemu" and not shutil.which("qemu-system-x86_64"):
        return "no qemu-system-x86_64"
    return None


def run(host, site, attack):
    """The exit code and all that was said. Some frames wait to be received."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        for _ in range(4):
            ours.send(b"\xff" * 6 + b"\x02\0\0\0\0\x01\x08\x00" + bytes(50))
        disk = ["--disk", os.path.join(site, "store.img")]
        net = ["--net", f"fd:{theirs.fileno()}"] if host != "qemu" else []
        done = subprocess.run([PITH, "run", IMAGE, site, *net, *disk, "--attack", attack, *HOSTS[host]],
                              pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=60, check=False)
    return done.returncode, done.stdout


def outcome(code, said):
    """What happened, as the table has it, and whether that is good."""
    report = re.search(r"pith: selfattack crashed: (.*)$", said, flags=re.M)
    if report:
        what = re.sub(r" (of|to) 0x[0-9a-f]+", "", report.group(1))
        what = re.sub(r":? \w+\+0x\w+ \(image\+0x\w+\)", "", what)
        placed = re.search(r"^  at +\S", said, flags=re.M)
        return what, code == CRASHED and placed is not None
    answer = re.search(r"^(refused|answered)", said, flags=re.M)
    if answer and code == 0:
        return {"refused": "refused", "answered": "nothing happens"}[answer.group(1)], True
    if code == 255:
        return "ends with exit code 255", True
    return f"exit code {code}: {said.strip()[:80]}", False


def told():
    """The page's table: {attack: {host: outcome}}."""
    with open(PAGE, encoding="utf-8") as f:
        text = f.read()
    rows = [[cell.strip() for cell in line.strip("|\n ").split("|")]
            for line in text[text.index(BEGIN) + len(BEGIN):text.index(END)].strip().split("\n")]
    return {row[0].strip("`"): dict(zip(rows[0][1:], row[1:])) for row in rows[2:]}


def write(seen, hosts):
    with open(PAGE, encoding="utf-8") as f:
        text = f.read()
    lines = ["| attack | " + " | ".join(hosts) + " |", "|---|" + "---|" * len(hosts)]
    for attack, outcomes in seen.items():
        lines.append(f"| `{attack}` | " + " | ".join(outcomes[h] for h in hosts) + " |")
    head, tail = text[:text.index(BEGIN) + len(BEGIN)], text[text.index(END):]
    with open(PAGE, "w", encoding="utf-8") as f:
        f.write(head + "\n".join(lines) + "\n" + tail)


def main():
    writing = "--write" in sys.argv
    hosts = [h for h in sys.argv[1:] if h != "--write"] or list(HOSTS)
    bad = False
    seen = {}
    expected = told() if not writing else {}
    with tempfile.TemporaryDirectory() as site:
        with open(os.path.join(site, "index.html"), "w", encoding="utf-8") as f:
            f.write("a page\n")
        with open(os.path.join(site, "store.img"), "wb") as f:
            f.truncate(1 << 20)
        attacks = run("process", site, "list")[1].split()
        for host in hosts:
            why = missing(host)
            if why:
                print(f"skip selfattack {host}: {why}")
                continue
            for attack in attacks:
                code, said = run(host, site, attack)
                what, good = outcome(code, said)
                seen.setdefault(attack, {})[host] = what
                same = writing or expected.get(attack, {}).get(host) == what
                print(f"{'ok' if good and same else 'not ok'} selfattack {host}: {attack}: {what}")
                bad = bad or not good or not same
    if writing:
        write(seen, hosts)
    return bad


if __name__ == "__main__":
    sys.exit(main())
