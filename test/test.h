/* Unit scenarios: TEST(name) { … CHECK(x) … }, and TESTS(name, …) at the end makes
 * main. A failed check says where and ends its scenario. One line a scenario:
 * "ok NAME" or "not ok NAME". An argument runs only the scenarios it names. */
#ifndef TEST_TEST_H
#define TEST_TEST_H

#include <stdio.h>
#include <string.h>

#include "base/types.h"

static bool test_failed, test_skipped;

/* Of host/sim, where a test runs on it: the seed that replays a failure. */
__attribute__((weak)) void sim_print_seed(void);

static inline void test_fail(void)
{
    test_failed = true;
    if (sim_print_seed)
        sim_print_seed();
}

#define TEST(name) static void name(void)

#define CHECK(x)                                                            \
    do {                                                                    \
        if (!(x)) {                                                         \
            printf("# %s:%d: %s: false: %s\n", __FILE__, __LINE__, __func__, #x); \
            test_fail();                                                    \
            return;                                                         \
        }                                                                   \
    } while (0)

#define CHECK_EQ(a, b)                                                      \
    do {                                                                    \
        unsigned long long a_ = (unsigned long long)(a), b_ = (unsigned long long)(b); \
        if (a_ != b_) {                                                     \
            printf("# %s:%d: %s: %s is %llu, not %s, %llu\n", __FILE__, __LINE__, __func__, \
                   #a, a_, #b, b_);                                         \
            test_fail();                                                    \
            return;                                                         \
        }                                                                   \
    } while (0)

/* Ends a scenario that this machine cannot play, and says so. */
#define SKIP(reason)                                                        \
    do {                                                                    \
        printf("skip %s: %s\n", __func__, reason);                          \
        test_skipped = true;                                                \
        return;                                                             \
    } while (0)

struct test_case {
    const char *name;
    void (*run)(void);
};

static int test_main(const char *file, const struct test_case *cases, size_t n, int argc, char **argv)
{
    int failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < n; i++) {
        if (argc > 1 && strcmp(argv[1], cases[i].name) != 0)
            continue;
        test_failed = test_skipped = false;
        cases[i].run();
        if (!test_skipped)
            printf("%s %s: %s\n", test_failed ? "not ok" : "ok", file, cases[i].name);
        failed += test_failed;
    }
    return failed > 0;
}

#define CASE(name) {#name, name}
#define TESTS(...)                                                          \
    int main(int argc, char **argv)                                         \
    {                                                                       \
        static const struct test_case cases[] = {__VA_ARGS__};              \
        return test_main(__FILE__, cases, COUNT(cases), argc, argv);        \
    }

#endif
