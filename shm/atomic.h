/*
 * atomic.h - the only door to words that two processes share
 *
 * In release builds these are Concurrency Kit's ck_pr primitives. ThreadSanitizer cannot see ck_pr (inline
 * assembly), so a build with -DATOMIC_C11 maps the same names to the compiler's C11 atomics. Nothing else in the
 * tree includes ck_pr.h or uses __atomic: a lint checks it.
 *
 * Order: load is an acquire, store is a release; what a thread wrote before a store is seen by whoever loads the
 * stored value. atomic_fence is the full fence (store before load) that the sleep/ring handshake needs.
 * atomic_read_words and atomic_write_words copy 8 bytes at a time, each of them whole, in no order: for what a reader
 * copies while it may change, and judges by another word before and after.
 */
#ifndef SHM_ATOMIC_H
#define SHM_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

typedef uint64_t __attribute__((may_alias)) atomic_word;	/* of a struct */

#ifdef ATOMIC_C11

#define ATOMIC_WIDTH(bits) \
static inline uint##bits##_t atomic_load_##bits(const uint##bits##_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); } \
static inline void atomic_store_##bits(uint##bits##_t *p, uint##bits##_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }

static inline void
atomic_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline uint64_t
atomic_load_word(const atomic_word *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline void
atomic_store_word(atomic_word *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

#else

#include <ck_pr.h>

#define ATOMIC_WIDTH(bits) \
static inline uint##bits##_t atomic_load_##bits(const uint##bits##_t *p) \
{ \
	uint##bits##_t v = ck_pr_load_##bits(p); \
	ck_pr_fence_acquire(); \
	return v; \
} \
static inline void atomic_store_##bits(uint##bits##_t *p, uint##bits##_t v) \
{ \
	ck_pr_fence_release(); \
	ck_pr_store_##bits(p, v); \
}

static inline void
atomic_fence(void)
{
	ck_pr_fence_memory();
}

static inline uint64_t
atomic_load_word(const atomic_word *p)
{
	return ck_pr_load_64((const uint64_t *)p);
}

static inline void
atomic_store_word(atomic_word *p, uint64_t v)
{
	ck_pr_store_64((uint64_t *)p, v);
}

#endif

ATOMIC_WIDTH(8)
ATOMIC_WIDTH(16)
ATOMIC_WIDTH(32)
ATOMIC_WIDTH(64)
#undef ATOMIC_WIDTH

/* Copy n words from shared memory into private memory. Both are aligned to 8 bytes. */
static inline void
atomic_read_words(void *copy, const void *shared, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		((atomic_word *)copy)[i] = atomic_load_word((const atomic_word *)shared + i);
}

/* Copy n words from private memory into shared memory. */
static inline void
atomic_write_words(void *shared, const void *copy, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		atomic_store_word((atomic_word *)shared + i, ((const atomic_word *)copy)[i]);
}

#endif
