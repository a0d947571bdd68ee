/*
 * counters.h - one row of cells per worker, written by it alone
 *
 * A row has a single writer, so a plain load, an add and an atomic store are enough: no locked instruction on the
 * packet path. Readers (ctl) load each cell atomically and sum the rows. Rows belong to worker slots, not to
 * processes: a restarted worker goes on counting where the dead one stopped, so totals never step back.
 *
 * Law 1, per worker: queue_packets + handover_packets + replayed_packets + released_packets = sum of all verdicts; and
 * over the tenant, once the rings are empty: handover_packets = verdict handed_over, and what is kept at the moment is verdict
 * kept - released_packets.
 */
#ifndef SHM_COUNTERS_H
#define SHM_COUNTERS_H

#include <stdint.h>
#include "shm/atomic.h"

enum nat64_action { NAT64_TRANSLATE, NAT64_DROP, NAT64_REPLY, NAT64_HAND_OVER, NAT64_KEEP, NAT64_N_ACTIONS };

enum nat64_verdict {
#define VERDICT(id, action, help) NAT64_##id,
#include "shm/counters.def"
	NAT64_N_VERDICTS
};

enum counters_id {
#define COUNTER(id, help) COUNTER_##id,
#include "shm/counters.def"
	N_COUNTERS
};

/* Where a packet came from. A packet whose version is neither 4 nor 6 counts as from ip4. */
enum nat64_side { NAT64_FROM_IP6, NAT64_FROM_IP4, NAT64_N_SIDES };

/* ICMP packets read, by type and code: types as counters_icmp_type, codes 0 to 15 and everything above. */
#define COUNTERS_ICMP_TYPES 20
#define COUNTERS_ICMP_CODES 17

struct counters_row {
	uint64_t verdict[NAT64_N_SIDES][NAT64_N_VERDICTS];
	uint64_t counter[N_COUNTERS];
	uint64_t icmp[NAT64_N_SIDES][COUNTERS_ICMP_TYPES][COUNTERS_ICMP_CODES];
} __attribute__((aligned(128)));	/* rows never share a pair of cache lines */
_Static_assert(sizeof(struct counters_row) % 128 == 0, "rows must not overlap lines");

struct counters_info {
	const char *name, *help;
	enum nat64_action action;	/* of a verdict; unused for a counter */
};
extern const struct counters_info counters_verdict_info[NAT64_N_VERDICTS];
extern const struct counters_info counters_info[N_COUNTERS];
extern const char *const counters_action_name[NAT64_N_ACTIONS];	/* "translate", "drop", ... */
extern const char *const counters_side_name[NAT64_N_SIDES];		/* "ip6", "ip4" */
extern const char *const counters_proto_name[];			/* by enum nat64_proto: "tcp", "udp", "icmp" */

/* The ICMP type that row stands for; row < COUNTERS_ICMP_TYPES - 1. The last row is every other type. */
extern const uint8_t counters_icmp_type[NAT64_N_SIDES][COUNTERS_ICMP_TYPES - 1];

/* Add n to a cell of one's own row. */
static inline void
counters_add_owner(uint64_t *cell, uint64_t n)
{
	atomic_store_64(cell, *cell + n);
}

/* Count one ICMP packet in one's own row. */
void counters_icmp_owner(struct counters_row *row, enum nat64_side from, uint8_t type, uint8_t code);

/* The sum of one cell over nrows rows that may be written meanwhile. */
uint64_t counters_sum(const struct counters_row *rows, unsigned nrows, enum counters_id c);
uint64_t counters_sum_verdict(const struct counters_row *rows, unsigned nrows, enum nat64_side from,
			      enum nat64_verdict v);
uint64_t counters_sum_icmp(const struct counters_row *rows, unsigned nrows, enum nat64_side from, unsigned type_row,
			   unsigned code);

#endif
