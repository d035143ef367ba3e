"""The rules of the house, looked at in seconds: make check.

check.py [--text] [DIR]   looks at the tree DIR (default: this one), names every
breach as FILE:LINE: what, and exits 1 if there is one; with --text it asks no compiler
or formatter. What each rule is for stands in doc/testing.md. The rules are the tables below;
the code under them applies them.
"""

import os
import re
import subprocess
import sys

# ---- rules --------------------------------------------------------------------

# What a room may include: the rooms below it, or single headers. The longest
# name that fits a file is its room; a room may always include itself.
ROOMS = {
    "base": [],
    "sig": ["base"],
    "wire": ["base", "sig/manifest.h"],  # the notes' layout, which it decodes
    "host": ["base", "sig", "wire"],
    "host/sim": ["base", "sig", "wire", "fiber"],  # runs fibers on virtual time
    "fiber": ["base", "sig"],
    "net": ["base", "sig", "wire", "fiber"],
    "store": ["base", "sig", "wire", "fiber"],
    "lib": ["base", "sig", "wire", "fiber"],
    "appliance": ["base", "sig", "fiber", "net", "store", "lib"],
    "examples": ["base", "sig", "fiber", "net", "store", "lib"],
    "pith": ["base", "wire", "host", "sig/manifest.h"],
    "test": None,  # None: everything
    "bench": None,
}

# Rooms whose code is in images; the strict ones may not touch raw memory either. Their
# rules are pith/rules.h, which `pith build --strict` asks of users as well.
STRICT = ["wire", "net", "store", "lib", "appliance", "examples"]
IMAGE = ["base", "sig", "fiber", "host/guest", "host/host.h"] + STRICT

# Image code has no C library: the only headers that are not the house's.
FREESTANDING = ["base/types.h"]

UNSAFE = r"gets|strcat|v?sprintf|system|popen|tmpnam|mktemp"

# (rooms, pattern over code without comments and strings, what to say)
CALL = r"(?<![\w.>])(?:%s)\s*\("
BANNED = [
    (["host", "pith"], CALL % UNSAFE, "a call without a bound or through a shell"),
    (["wire", "net", "store", "lib"], r"^static (?!inline)(?!.*\bconst\b)[^()]*[;=]",
     "state in a file: it hangs off what owns it"),
    (list(ROOMS), r"\btypedef\s+(?:struct|union|enum)\b", "typedef of a struct: write the tag"),
    (list(ROOMS), r"\bgoto\s+(?!fail|out|done|undo|close|free|end)\w+", "goto other than to the way out"),
]

# Made by the build, in build/gen.
GENERATED = ["filter.h", "filter_kvm.h", "filter_block.h", "profile.h", "shim_bytes.h", "template.h"]

# Looked for in everything, comments included.
UNDONE = r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b"
LINE_COLUMNS = 110
FILE_LINES = 800
FUNCTION_LINES = 120

TEXT = (".c", ".h", ".S", ".sh", ".py", ".md", ".css", ".html", ".supp")
SCRIPTS = (".ci/run", "test/run", "test/fuzz/names", "test/fuzz/run", "pith/install-packages",
           "doc/site/render")
ALSO_TEXT = SCRIPTS + ("Makefile", "packages", "LICENSE", ".clang-format")
C_FLAGS = [
    "-std=gnu11", "-I.", "-Ibuild/gen", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
    "-Wno-unused-function", "-Wno-unknown-pragmas", "-Wno-missing-field-initializers", "-Wno-attributes",
]

HOUSE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# ---- files --------------------------------------------------------------------


def tree(root):
    """All files to look at, as paths from the root, sorted."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in ("build", ".git", "corpus", "__pycache__"))
        for name in files:
            path = os.path.relpath(os.path.join(folder, name), root)
            if path.endswith(TEXT) or path in ALSO_TEXT:
                found.append(path)
    return sorted(found)


def room_of(path):
    """The longest room name that holds the path; None outside of all rooms."""
    best = [room for room in ROOMS if path.startswith(room + "/")]
    return max(best, key=len, default=None)


def within(path, places):
    return any(path == place or path.startswith(place + "/") for place in places)


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def code_only(text):
    """C without comments and the insides of strings; every line keeps its place."""
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


# ---- looking at text ------------------------------------------------------------

complaints = []


def complain(path, line, what):
    complaints.append((path, line, what))


def look_at_text(path, text):
    if "\r" in text:
        complain(path, 1, "carriage return")
    if text and not text.endswith("\n"):
        complain(path, text.count("\n") + 1, "no newline at the end")
    if text.endswith("\n\n"):
        complain(path, text.count("\n"), "empty line at the end")
    lines = text.split("\n")
    prose = path.endswith(".md")
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_COLUMNS and not (prose and (line.startswith("|") or "](" in line)):
            complain(path, number, f"{len(line)} columns; {LINE_COLUMNS} is the limit")
        if line != line.rstrip():
            complain(path, number, "blank at the end of the line")
        if "\t" in line and path != "Makefile":
            complain(path, number, "tab")
        if re.search(UNDONE, line):
            complain(path, number, "work left undone belongs to the issues, not to the code")


def look_at_includes(path, text, root):
    room = room_of(path)
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not match:
            continue
        angle, name = match.group(1) == "<", match.group(2)
        if angle:
            if within(path, IMAGE) and path not in FREESTANDING:
                complain(path, number, f"<{name}> in image code: base/types.h brings what there is")
            continue
        if not os.path.exists(os.path.join(root, name)):
            if name in GENERATED:
                continue
            complain(path, number, f'"{name}": includes are written from the root')
            continue
        allowed = ROOMS[room]
        own = room.split("/")[0] == name.split("/")[0] and room_of(name) in (room, "host")
        if allowed is not None and not own and not within(name, allowed):
            complain(path, number, f"{room}/ may not include {name}: only {' '.join(allowed) or 'nothing'}")


def guard_of(path):
    return re.sub(r"[^A-Z0-9]", "_", path.upper())


def look_at_directives(path, text):
    """#if is for header guards and host/; base/ may ask which compiler it has."""
    if path.startswith(("host/", "test/", "bench/")):
        return
    guard = guard_of(path)
    if path.endswith(".h") and f"#ifndef {guard}\n#define {guard}\n" not in text:
        complain(path, 1, f"no header guard {guard}")
    for number, line in enumerate(text.split("\n"), 1):
        if re.match(r"\s*#\s*(?:if|ifdef|ifndef|elif)\b", line):
            if line == f"#ifndef {guard}" or (path.startswith("base/") and line == "#ifdef __clang__"):
                continue
            complain(path, number, "#if outside of header guards and host/: the build picks files")


def look_at_size(path, lines):
    if len(lines) > FILE_LINES:
        complain(path, len(lines), f"{len(lines)} lines; {FILE_LINES} is the limit of a file")
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line.startswith("}") and start:
            if number - start > FUNCTION_LINES:
                complain(path, start, f"a function of {number - start} lines; {FUNCTION_LINES} is the limit")
            start = None


def look_at_code(path, text):
    code = code_only(text)
    for rooms, pattern, what in BANNED:
        if not within(path, rooms):
            continue
        for match in re.finditer(pattern, code, flags=re.M):
            complain(path, code.count("\n", 0, match.start()) + 1, f"{what}: {match.group(0).strip()}")
    look_at_size(path, code.split("\n"))


def look_at_rules(root, files):
    """The rules that users' code is held to as well, by the same program."""
    command = [os.path.join(HOUSE, "build/gen/rules")]
    sources = [f for f in files if f.endswith((".c", ".h"))]
    command += ["image", *(f for f in sources if within(f, IMAGE) and not within(f, STRICT))]
    command += ["strict", *(f for f in sources if within(f, STRICT))]
    try:
        done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=False)
    except OSError as error:
        sys.exit(f"check: {error}; make check builds it")
    if done.returncode not in (0, 1):
        complain("pith/tool/rules.c", 1, f"ended with {done.returncode}")
    for path, line, what in re.findall(r"^(.*?):(\d+): (.*)$", done.stdout, flags=re.M):
        complain(path, int(line), what)


# ---- asking other tools -----------------------------------------------------------


def start(root, *command):
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            stdin=subprocess.DEVNULL)


def compile_headers(root, files):
    """Each header as a program of its own: it must bring what it needs."""
    headers = [f for f in files if f.endswith(".h")]
    return start(root, "clang-19", *C_FLAGS, "-Wno-pragma-once-outside-header", "-x", "c", *headers)


def compile_with_gcc(root, files):
    """A second compiler's opinion on every C file that needs nothing generated and should compile."""
    sources = [f for f in files
               if f.endswith(".c") and not f.startswith("test/fuzz/") and "/refused/" not in f]
    return start(root, "gcc", *C_FLAGS, *sources)


def formatting(root, files):
    sources = [f for f in files if f.endswith((".c", ".h"))]
    return start(root, "clang-format-19", "--dry-run", "--Werror", *sources)


def shell_syntax(root, files):
    scripts = [f for f in files if f.endswith(".sh") or f in SCRIPTS]
    return start(root, "sh", "-c", 'for f; do sh -n "$f" || bad=1; done; exit ${bad-0}', "sh", *scripts)


TOOLS = [("headers compile alone", compile_headers), ("gcc", compile_with_gcc),
         ("clang-format (make format)", formatting), ("sh -n", shell_syntax)]


def shortened(output):
    """What clang-format says, by file; anything else as it is."""
    if "clang-format-violations" not in output:
        return output
    files = sorted(set(re.findall(r"^([^\s:]+):\d+:\d+:", output, flags=re.M)))
    return "".join(f"{path}: clang-format lays it out otherwise\n" for path in files)


def main():
    arguments = [a for a in sys.argv[1:] if a != "--text"]
    root = arguments[0] if arguments else HOUSE
    files = tree(root)
    running = [(name, tool(root, files)) for name, tool in TOOLS if "--text" not in sys.argv]
    for path in files:
        with open(os.path.join(root, path), encoding="utf-8") as f:
            text = f.read()
        look_at_text(path, text)
        if path.endswith((".c", ".h")) and room_of(path):
            look_at_includes(path, text, root)
            look_at_directives(path, text)
            look_at_code(path, text)
    look_at_rules(root, files)
    for path, line, what in sorted(complaints):
        print(f"{path}:{line}: {what}")
    failed = len(complaints)
    for name, tool in running:
        output, _ = tool.communicate()
        if tool.returncode:
            failed += 1
            print(f"{name}:\n{shortened(output)}", end="")
    print(f"check: {len(files)} files, {failed} complaints")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
