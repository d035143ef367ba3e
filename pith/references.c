/* Why is a symbol in an image? Because these refer to it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pith/command.h"
#include "pith/common.h"
#include "pith/spawn.h"
#include "pith/symbols.h"

/* Is `<name>` or `<name+0x…>` in the line? */
static bool names(struct view line, struct view name)
{
    while (line.n > 0) {
        (void)view_cut(line, '<', &line);
        if (view_starts(line, name) && line.n > name.n &&
            (view_at(line, name.n) == '>' || view_at(line, name.n) == '+'))
            return true;
    }
    return false;
}

/* "<say_line>:" begins a function. */
static struct view function_begun(struct view line)
{
    bool begins = line.n > 3 && view_starts(line, VIEW("<")) && view_ends(line, VIEW(">:"));
    return begins ? view_sub(line, 1, line.n - 3) : VIEW_NONE;
}

/* Direct calls, jumps and addresses taken, from the disassembly. */
static int print_code(struct view text, const struct sized_symbol *of)
{
    struct view function = VIEW_NONE, told = VIEW_NONE;
    int n = 0;
    while (text.n > 0) {
        struct view line = view_cut(text, '\n', &text), begun = function_begun(line);
        if (begun.n > 0)
            function = begun;
        else if (names(line, of->name) && !view_eq(function, of->name) && told.p != function.p) {
            printf("  %s\n", visible(function));
            told = function;
            n++;
        }
    }
    return n;
}

static const struct sized_symbol *symbol_of(const struct symbols *s, u64 address)
{
    for (size_t i = 0; i < s->s.n; i++)
        if (address >= s->s.p[i].address && address - s->s.p[i].address < s->s.p[i].size)
            return &s->s.p[i];
    return NULL;
}

/* Addresses that the loader puts into tables. */
static int print_tables(const struct image *i, const struct symbols *s, const struct sized_symbol *of)
{
    struct elf_relocations it = elf_relocations_of(&i->elf);
    struct elf_relocation r;
    const struct sized_symbol *told = NULL;
    int n = 0;
    while (elf_relocation_next(&it, &r)) {
        const struct sized_symbol *holder = symbol_of(s, r.at);
        if (r.value < of->address || r.value - of->address >= of->size || !holder || holder == told)
            continue;
        printf("  %s (a table)\n", visible(holder->name));
        told = holder;
        n++;
    }
    return n;
}

int symbols_print_references(const struct image *i, const struct symbols *s, const struct sized_symbol *of)
{
    const char *const words[] = {"llvm-objdump-19",   "-d",    "--no-show-raw-insn",
                                 "--no-leading-addr", i->path, NULL};
    int out = memory_file("disassembly");
    pid_t pid = spawn(words, -1, out, -1);
    if (pid < 0 || spawn_wait(pid) != 0) {
        close(out);
        return -1;
    }
    struct view text = memory_file_map(out);
    int n = print_code(text, of) + print_tables(i, s, of);
    memory_file_unmap(text);
    close(out);
    return n;
}
