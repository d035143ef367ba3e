/* Two who both think that an object is theirs to give back. */
#include "test/planted/planted.h"

PLANTED("releases an object twice");

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct pool numbers;
    TRY(PLANTED_POOL(&numbers, 4, u64));
    u64 *x = pool_new(&numbers), *y = pool_new(&numbers);
    pool_free(&numbers, x);
    pool_free(&numbers, y);
    pool_free(&numbers, x);
    const u64 *one = pool_new(&numbers), *two = pool_new(&numbers), *three = pool_new(&numbers);
    show_number(one == three && two != three);
    return OK;
}
