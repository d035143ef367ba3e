"""The rules of the house, looked at in seconds: make check.

check.py [--text] [DIR]   looks at the tree DIR (default: this one), names every
breach as FILE:LINE: what, and exits 1 if there is one; with --text it asks no other
tool. What each rule is for stands in doc/testing.md. The rules are the tables below;
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

# Rooms whose code is in images. The strict ones may not touch raw memory either.
STRICT = ["wire", "net", "store", "lib", "appliance", "examples"]
IMAGE = ["base", "sig", "fiber", "host/guest", "host/host.h"] + STRICT

# Image code has no C library: the only headers that are not the house's.
FREESTANDING = ["base/types.h"]

RAW_MEMORY = (
    r"(?:__builtin_)?(?:mem(?:cpy|move|set|cmp|chr|mem|ccpy)|bcopy|bzero"
    r"|st(?:r|p)n?(?:len|cpy|cat|cmp|chr|rchr|str|dup|tok|spn|cspn|casecmp|lcat|lcpy))"
)
C_LIBRARY = (
    r"malloc|calloc|realloc|free|alloca|aligned_alloc|v?s?n?printf|f(?:printf|puts|write|open)|puts|putchar"
    r"|abort|exit|assert|qsort|atoi|strto(?:l|ul|ll|ull|d)|setjmp|longjmp|rand|time"
)
UNSAFE = r"gets|strcat|v?sprintf|system|popen|tmpnam|mktemp"

OBJECT = r"(?:(?:struct|union|enum) \w+|void|char|[ui](?:8|16|32|64)|size_t|uintptr_t)"

# (rooms, pattern over code without comments and strings, what to say)
CALL = r"(?<![\w.>])(?:%s)\s*\("
BANNED = [
    (STRICT, CALL % RAW_MEMORY, "raw memory: use views and spans (base/view.h)"),
    (IMAGE, CALL % C_LIBRARY, "C library in image code"),
    (["host", "pith"], CALL % UNSAFE, "a call without a bound or through a shell"),
    (STRICT, r"\((?:const |volatile )*%s(?: const)? ?\*+\)\s*[\w&(*]" % OBJECT,
     "cast between object pointers: CONTAINER goes down, views carry bytes"),
    (STRICT, r"\b(?:__asm__|asm)\b", "assembly in a strict room"),
    (STRICT, r"\b(?:no_sanitize|unsafe_buffer_usage)\b", "the profile has no exemption here"),
    (STRICT, r"\bscope_open\s*\(|^\s*(?:static )?struct scope \w+\s*[;=\[]",
     "a scope that no block ends: SCOPE(id, name), and pointers to it"),
    (STRICT, r"\bchar \w+\[", "array of char: text is a literal of our own, or a view of bytes (u8)"),
    (["wire", "net", "store", "lib"], r"^static (?!inline)(?!.*\bconst\b)[^()]*[;=]",
     "state in a file: it hangs off what owns it"),
    (list(ROOMS), r"\btypedef\s+(?:struct|union|enum)\b", "typedef of a struct: write the tag"),
    (list(ROOMS), r"\bgoto\s+(?!fail|out|done|undo|close|free|end)\w+", "goto other than to the way out"),
]

# A pointer and a length, or what SLICE declares of them, joined by hand; {0} is nothing.
JOINED = r"\bstruct (?:view|span|%s)(?:\)|\s+\w+\s*=)\s*\{(?!0?\})"

# Made by the build, in build/gen.
GENERATED = ["filter.h", "filter_kvm.h", "profile.h", "shim_bytes.h", "template.h"]

# Looked for in everything, comments included.
UNDONE = r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b"
LINE_COLUMNS = 110
FILE_LINES = 800
FUNCTION_LINES = 120

TEXT = (".c", ".h", ".S", ".sh", ".py", ".md", ".css", ".html", ".supp")
SCRIPTS = (".ci/run", "test/run", "test/fuzz/run", "pith/install-packages", "doc/site/render")
ALSO_TEXT = SCRIPTS + ("Makefile", "packages", "LICENSE", ".clang-format")
C_FLAGS = [
    "-std=gnu11", "-I.", "-Ibuild/gen", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
    "-Wno-unused-function", "-Wno-unknown-pragmas", "-Wno-missing-field-initializers", "-Wno-attributes",
]

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


def look_at_joints(path, code, slices):
    """A length is what belongs to its pointer because only base/ puts the two together."""
    if within(path, STRICT):
        for match in re.finditer(JOINED % "|".join(slices), code):
            complain(path, code.count("\n", 0, match.start()) + 1,
                     "pointer and length joined: VIEW_OF, SPAN_OF, SLICE_OF, or parts of these")


def look_at_code(path, text, slices):
    code = code_only(text)
    look_at_joints(path, code, slices)
    for rooms, pattern, what in BANNED:
        if not within(path, rooms):
            continue
        for match in re.finditer(pattern, code, flags=re.M):
            complain(path, code.count("\n", 0, match.start()) + 1, f"{what}: {match.group(0).strip()}")
    look_at_size(path, code.split("\n"))


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
    root = arguments[0] if arguments else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    files = tree(root)
    running = [(name, tool(root, files)) for name, tool in TOOLS if "--text" not in sys.argv]
    texts = {}
    for path in files:
        with open(os.path.join(root, path), encoding="utf-8") as f:
            texts[path] = f.read()
    slices = sorted({name for text in texts.values() for name in re.findall(r"^SLICE\((\w+)", text, re.M)})
    for path, text in texts.items():
        look_at_text(path, text)
        if path.endswith((".c", ".h")) and room_of(path):
            look_at_includes(path, text, root)
            look_at_directives(path, text)
            look_at_code(path, text, slices)
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
