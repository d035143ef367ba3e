/* What the prover reads before every file (frama-c … -include): gcc's builtins as
 * contracts, and two macros of base/ said so that its typed memory, in which a char
 * is no u8 and no object is bytes, can follow. Not a line of what it proves differs
 * from what is compiled but for these; doc/proofs.md argues why they are fair. */
#ifndef TEST_PROVE_MODEL_H
#define TEST_PROVE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define __builtin_expect(x, c) (x)
#define __builtin_bswap16 prove_swap16
#define __builtin_bswap32 prove_swap32
#define __builtin_bswap64 prove_swap64
#define __builtin_ctz prove_ctz
#define __builtin_ctzll prove_ctzll
#define __builtin_add_overflow prove_add
#define __builtin_mul_overflow prove_mul
#define __builtin_unreachable prove_unreachable

/*@ requires never: \false; assigns \nothing; ensures \false; */
__attribute__((noreturn)) void prove_unreachable(void);

/*@ assigns \nothing; ensures \result == (x % 256) * 256 + x / 256; */
uint16_t prove_swap16(uint16_t x);
/*@ assigns \nothing; */
uint32_t prove_swap32(uint32_t x);
/*@ assigns \nothing; */
uint64_t prove_swap64(uint64_t x);

/*@ requires x != 0; assigns \nothing; ensures 0 <= \result < 32 && (x < 0x10000 ==> \result < 16); */
int prove_ctz(unsigned x);
/*@ requires x != 0; assigns \nothing; ensures 0 <= \result < 64; */
int prove_ctzll(uint64_t x);

/* Decoders check sums and products of u64 only. */
/*@ requires \valid(out); assigns *out; ensures \result <==> a + b > UINT64_MAX;
    ensures !\result ==> *out == a + b; */
bool prove_add(uint64_t a, uint64_t b, uint64_t *out);
/*@ requires \valid(out); assigns *out; ensures \result <==> a * b > UINT64_MAX;
    ensures !\result ==> *out == a * b; */
bool prove_mul(uint64_t a, uint64_t b, uint64_t *out);

/* Arithmetic of bits that the provers do not find by themselves. */
/*@ axiomatic bits {
      axiom and_mask: \forall integer x, m; 0 <= x && 0 <= m ==> 0 <= (x & m) <= m && (x & m) <= x;
      axiom and_8: \forall integer x; 0 <= x ==> (x & 0xff) == x % 0x100;
      axiom and_16: \forall integer x; 0 <= x ==> (x & 0xffff) == x % 0x10000;
      axiom and_32: \forall integer x; 0 <= x ==> (x & 0xffffffff) == x % 0x100000000;
      axiom or_sum: \forall integer x, y; 0 <= x && 0 <= y ==> x <= (x | y) <= x + y;
      axiom shl_4: \forall integer x; 0 <= x ==> (x << 4) == x * 0x10;
      axiom shl_8: \forall integer x; 0 <= x ==> (x << 8) == x * 0x100;
      axiom shl_10: \forall integer x; 0 <= x ==> (x << 10) == x * 0x400;
      axiom shl_16: \forall integer x; 0 <= x ==> (x << 16) == x * 0x10000;
      axiom shl_24: \forall integer x; 0 <= x ==> (x << 24) == x * 0x1000000;
      axiom shr_4: \forall integer x; 0 <= x ==> (x >> 4) == x / 0x10;
      axiom shr_12: \forall integer x; 0 <= x ==> (x >> 12) == x / 0x1000;
      axiom shr_16: \forall integer x; 0 <= x ==> (x >> 16) == x / 0x10000;
      axiom shr_32: \forall integer x; 0 <= x ==> (x >> 32) == x / 0x100000000;
    } */

#include "base/mem.h"

/* The C library's, over bytes. */
#define memcpy prove_copy
#define memmove prove_move
#define memset prove_fill
#define memcmp prove_compare
/*@ requires \valid(to + (0 .. n - 1)) && \valid_read(from + (0 .. n - 1));
    requires \separated(to + (0 .. n - 1), from + (0 .. n - 1)); assigns to[0 .. n - 1]; */
void prove_copy(u8 *to, const u8 *from, size_t n);
/*@ requires \valid(to + (0 .. n - 1)) && \valid_read(from + (0 .. n - 1)); assigns to[0 .. n - 1]; */
void prove_move(u8 *to, const u8 *from, size_t n);
/*@ requires \valid(to + (0 .. n - 1)); assigns to[0 .. n - 1]; */
void prove_fill(u8 *to, u8 byte, size_t n);
/*@ requires \valid_read(a + (0 .. n - 1)) && \valid_read(b + (0 .. n - 1)); assigns \nothing; */
int prove_compare(const u8 *a, const u8 *b, size_t n);

#include "base/view.h"

/* base/block.h: vectors, which the prover has not. */
#define BASE_BLOCK_H
enum { BLOCK = 16 };
/*@ requires at + BLOCK <= v.n && readable(v); assigns \nothing; ensures \result < 0x10000; */
u32 block_is(struct view v, size_t at, u8 byte);
/*@ requires at + BLOCK <= v.n && readable(v); assigns \nothing; ensures \result < 0x10000; */
u32 block_is_control(struct view v, size_t at);
/*@ requires at + BLOCK <= v.n && readable(v); assigns \nothing; ensures \result < 0x10000; */
u32 block_is_word(struct view v, size_t at);

/* An index out of range is a trap in an image, and here a goal that fails. */
#undef AT
#define AT(array, index) ((array)[index])

/* A view of so many bytes, whatever they are. */
/*@ assigns \nothing; ensures \result.n == n && readable(\result); */
struct view prove_literal(size_t n);

#undef VIEW
#define VIEW(literal) prove_literal(sizeof("" literal "") - 1)

#endif
