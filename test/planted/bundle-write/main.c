/* As in base/, where casts are allowed: a served file is patched in place. */
#include "test/planted/planted.h"

APPLIANCE(.name = "planted", .about = "writes to its bundle", .flags = MANIFEST_BUNDLE, .mem_kib = 512,
          .mem_min_kib = 128, .stack_kib = 16, .fibers = 4);
KEY(n, KEY_NUMBER, "0", "what a stranger chose");

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct view bundle = boot_bundle();
    struct span s = {(u8 *)(uintptr_t)bundle.p, bundle.n};
    span_set(s, key_number("n"), 'x');
    show_number(view_at(bundle, key_number("n")));
    return OK;
}
