"""The planted bugs, and what must become of each.

Every folder NAME here holds main.c, an appliance that goes wrong in one way when it is
run with --n N, and plain.c, the same in C as everybody writes it. Where the rules have
no way to write the bug, refused/main.c is the attempt, and main.c what one writes
instead, or what only base/, fiber/ and host/ may write (loose)."""


class Bug:
    """trapped: words of the report's first line. harmless: words of what it says, and
    why (a line for the table). refused: who refuses the attempt, and with what words."""

    def __init__(self, name, what, n=0, trapped=None, harmless=None, why=None, refused=None, loose=False,
                 bundle=False, device=False):
        self.name, self.what, self.n = name, what, n
        self.trapped, self.harmless, self.why = trapped, harmless, why
        self.refused, self.loose, self.bundle, self.device = refused, loose, bundle, device


# What a report says: base/trap.c, host/report/report.c.
VIEW = "outside of a view, span or array"
STALE = "stale handle"
RELEASED = "a pointer found in memory that was released"
CFI = "control flow integrity"
NULL = "null pointer"
STACK = "the guard page of this fiber's stack"

# Who refuses: the compiler under the profile, the rules of pith/rules.h, gcc's analyser.
COMPILER, RULES, ANALYSER = "the compiler", "`pith build --strict`", "`make analyze`"

BUGS = [
    Bug("stack-write", "write past an array on the stack", 48, trapped=VIEW),
    Bug("stack-read", "read past an array on the stack", 9, trapped=VIEW),
    Bug("heap-write", "write past a buffer of the heap (arena)", 96, trapped=VIEW),
    Bug("heap-read", "Heartbleed: read as far as a stranger says", 48, trapped=VIEW),
    Bug("pool-neighbour", "write from one object into the next (pool)", 64, trapped=VIEW),
    Bug("global-write", "write past a global array", 40, trapped=VIEW),
    Bug("global-read", "read past a global array", 5, trapped=VIEW),
    Bug("intra-object-write", "write from one field into the next", 24, trapped=VIEW),
    Bug("intra-object-read", "read from one field into the next", 14, trapped=VIEW),
    Bug("off-by-one-high", "one element too far up", 8, trapped=VIEW),
    Bug("off-by-one-low", "one element too far down", 4, trapped="subtraction overflow"),
    Bug("wrong-length", "pointer joined with a length not its own", 24, trapped=VIEW,
        refused=(RULES, "joined")),
    Bug("unterminated", "text without an end", harmless="^GREP$", refused=(RULES, "array of char"),
        why="texts of strangers are views, which need no end"),
    Bug("stale-handle", "handle of a released object, slot in use again", trapped=STALE),
    Bug("use-after-free", "read of a released object through a pointer (pool)", trapped=RELEASED),
    Bug("write-after-free", "write to a released object (pool)",
        trapped="object written to after its release"),
    Bug("double-free", "released twice", trapped="object released twice"),
    Bug("freed-in-list", "released while in a list", trapped=RELEASED),
    Bug("after-reset", "use of a struct after its arena's reset", trapped=RELEASED),
    Bug("leak-after-reset", "read of bytes after their arena's reset", harmless="^0000ede7",
        why="released memory holds a mark, nothing of what was there"),
    Bug("after-scope", "use of a frame that has ended", 7, trapped=RELEASED,
        refused=(ANALYSER, "dangling|local variable")),
    Bug("fiber-outlives-scope", "return while a fiber works on the frame", 1,
        harmless="the fiber has ended.*then the function returned", refused=(RULES, "SCOPE"),
        why="a scope is left with its block, and waits for its fibers"),
    Bug("fiber-argument", "fiber given a variable that ends before it", 99,
        trapped="fiber given what may end before it does"),
    Bug("ops-confusion", "object taken for another type, through its table", 4096, trapped=CFI),
    Bug("wrong-signature", "call through a pointer of another type", 4096, trapped=CFI,
        refused=(COMPILER, "cast-function-type|cast from")),
    Bug("data-as-code", "call of an address that a stranger sent", 0x41414141, trapped=CFI),
    Bug("return-address", "return address overwritten", 96, trapped="stack overwritten", loose=True,
        refused=(COMPILER, "unsafe")),
    Bug("overflow-allocation", "product too large, for an allocation", 0x10000000,
        trapped="multiplication overflow"),
    Bug("array-allocation", "size of an array that fits no number", 0x20000000, harmless="^refused$",
        why="the product is checked: ERR_NO_MEMORY"),
    Bug("overflow-check", "sum wraps in the check of a range", 0xfffffff0,
        trapped="integer overflow in addition"),
    Bug("narrowing", "length that loses its upper bits", 65530,
        trapped="number changed by an implicit conversion"),
    Bug("sign", "negative number as a length", 20, trapped="number changed by an implicit conversion"),
    Bug("division", "division by zero", 0, trapped="division by zero"),
    Bug("shift", "shift by too many bits", 33, trapped="shift out of bounds"),
    Bug("bool", "truth value that is none", 5, trapped="value that its bool or enum type cannot have"),
    Bug("uninitialised", "memory sent that was never set", harmless="^01(00){23}$",
        why="locals begin as zeroes, with their padding"),
    Bug("reused-object", "what the last owner of memory left", harmless="^(00){16}$",
        why="objects of pools and arenas come zeroed"),
    Bug("null", "null pointer", 3, trapped=NULL),
    Bug("near-null", "null pointer, 4 MiB into a large object", 0x101000, trapped=NULL),
    Bug("recursion", "stack used up by recursion", 10000000, trapped=STACK,
        refused=(RULES, "recursion of parse")),
    Bug("big-frame", "stack used up by one frame, beyond its guard", 64, trapped=STACK),
    Bug("variable-array", "frame as large as a stranger says", 9000000, harmless="^refused$",
        refused=(COMPILER, "variable length array"), why="memory comes from arenas, which have a limit"),
    Bug("format", "a stranger's text as a format", harmless="^%s%s%n SECRET[?] no$",
        refused=(COMPILER, "printf|undefined symbol"), why="there are no formats"),
    Bug("misaligned", "misaligned number", 1, harmless="^258$",
        refused=(RULES, "cast to a pointer"),
        why="numbers are taken out of bytes wherever they lie"),
    Bug("bundle-write", "write to the bundle", 0, trapped="the bundle, which is read-only", loose=True,
        bundle=True, refused=(COMPILER, "discards qualifiers")),
    Bug("constant-write", "write to a constant", 0, trapped="read-only data", loose=True,
        refused=(RULES, "cast to a pointer")),
    Bug("device-race", "received frame changes between check and use", device=True,
        harmless="the frame is as it was", why="a device writes only while the image asks it to receive"),
    Bug("unchecked-error", "result used after an error", harmless="^0$",
        refused=(COMPILER, "ignoring return value|unused"), why="and what was never set is zero"),
]
