/*
 * atomic.h - the only door to words that two processes share
 *
 * In release builds these are Concurrency Kit's ck_pr primitives. ThreadSanitizer cannot see ck_pr (inline
 * assembly), so a build with -DATOMIC_C11 maps the same names to the compiler's C11 atomics. Nothing else in the
 * tree includes ck_pr.h or uses __atomic: a lint checks it.
 *
 * Order: load is an acquire, store is a release; what a thread wrote before a store is seen by whoever loads the
 * stored value. atomic_fence is the full fence (store before load) that the sleep/ring handshake needs.
 */
#ifndef SHM_ATOMIC_H
#define SHM_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#ifdef ATOMIC_C11

#define ATOMIC_WIDTH(bits) \
static inline uint##bits##_t atomic_load_##bits(const uint##bits##_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); } \
static inline void atomic_store_##bits(uint##bits##_t *p, uint##bits##_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }

static inline void
atomic_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
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

#endif

ATOMIC_WIDTH(8)
ATOMIC_WIDTH(16)
ATOMIC_WIDTH(32)
ATOMIC_WIDTH(64)
#undef ATOMIC_WIDTH

#endif
