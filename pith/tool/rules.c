/* The rules of image code over the house's own rooms, for make check: the same that
 * `pith build --strict` looks at. rules SET FILE… [SET FILE…]…, where SET is declared,
 * image or strict (pith/rules.h). Prints the breaches; exits with 1 if there is one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pith/rules.h"

static bool read_whole(const char *path, struct view *out)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0)
        return false;
    long n = ftell(f);
    u8 *bytes = malloc(n > 0 ? (size_t)n : 1);
    rewind(f);
    bool all = n >= 0 && bytes && fread(bytes, 1, (size_t)n, f) == (size_t)n;
    fclose(f);
    *out = (struct view){bytes, all ? (size_t)n : 0};
    return all;
}

int main(int argc, char **argv)
{
    static const char *const sets[] = {"declared", "image", "strict"};
    struct rules r = {0};
    enum rule_set set = RULES_STRICT;
    for (int i = 1; i < argc; i++) {
        struct view bytes;
        bool named = false;
        for (size_t k = 0; k < COUNT(sets); k++)
            if (strcmp(argv[i], sets[k]) == 0) {
                set = (enum rule_set)k;
                named = true;
            }
        if (named)
            continue;
        if (!read_whole(argv[i], &bytes) || !rules_add(&r, argv[i], bytes, set)) {
            fprintf(stderr, "rules: %s cannot be read\n", argv[i]);
            return 2;
        }
    }
    if (!rules_check(&r))
        return 2;
    for (size_t i = 0; i < r.breaches_n; i++)
        printf("%s:%u: %s\n", r.breaches[i].path, r.breaches[i].line, r.breaches[i].what);
    return r.breaches_n > 0;
}
