/* Bugs trap. `must(x)` states what the code around it relies on, in every build.
 * A trap is one `ud1` instruction whose operand names the broken rule, as
 * clang's own checks do (UBSan's numbers), so a host can report it by name. */
#ifndef BASE_TRAP_H
#define BASE_TRAP_H

enum trap_code {
    /* 0 to 0x3f are clang's: 2 CFI, 18 bounds, 20 shift … (see trap_name) */
    TRAP_MUST = 0x40,    /* a stated fact was false */
    TRAP_BOUNDS = 0x41,  /* outside of a view, span or array */
    TRAP_STALE = 0x42,   /* a handle to an object that was released */
    TRAP_NARROW = 0x43,  /* a number that does not fit */
    TRAP_STACK = 0x44,   /* stack protector */
    TRAP_LIMIT = 0x45,   /* a limit of the manifest that cannot be shed */
    TRAP_TWICE = 0x46,   /* an object was released that is not in use */
    TRAP_WRITTEN = 0x47, /* an object was written to after its release */
    TRAP_LIVES = 0x48,   /* what a fiber is given may end before the fiber */
};

/* The rule's name for a report: "bounds", "control flow integrity", … Never NULL. */
const char *trap_name(unsigned code);

#define trap_with(code)                                             \
    do {                                                            \
        __asm__ volatile("ud1 %c0(%%eax), %%eax" ::"i"(code));      \
        trap_ended();                                               \
    } while (0)

/* Without clang's own check for unreachable code, which would put a second trap
 * after every trap. `make prove` shows that it is not reached. */
/*@ requires never: \false; assigns \nothing; ensures \false; */
__attribute__((gnu_inline, always_inline, noreturn, no_sanitize("unreachable"))) extern inline void
trap_ended(void)
{
    __builtin_unreachable();
}

#define must(x)                         \
    do {                                \
        if (__builtin_expect(!(x), 0))  \
            trap_with(TRAP_MUST);       \
    } while (0)

#define must_in_bounds(x)               \
    do {                                \
        if (__builtin_expect(!(x), 0))  \
            trap_with(TRAP_BOUNDS);     \
    } while (0)

#define must_fit(x)                     \
    do {                                \
        if (__builtin_expect(!(x), 0))  \
            trap_with(TRAP_NARROW);     \
    } while (0)

#endif
