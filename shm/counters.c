/*
 * counters.c - the names of the cells, and their sums
 *
 * The tables below are counters.def included once more. Nothing here knows a single verdict by name.
 * Must never: hand out a cell that a reader could write; sum without an atomic load.
 */
#include "shm/addr.h"
#include "shm/counters.h"

const struct counters_info counters_verdict_info[NAT64_N_VERDICTS] = {
#define VERDICT(id, action_, help_) { .name = #id, .help = help_, .action = NAT64_##action_ },
#include "shm/counters.def"
};

const struct counters_info counters_info[N_COUNTERS] = {
#define COUNTER(id, help_) { .name = #id, .help = help_ },
#include "shm/counters.def"
};

const char *const counters_action_name[NAT64_N_ACTIONS] = {
	[NAT64_TRANSLATE] = "translate", [NAT64_DROP] = "drop", [NAT64_REPLY] = "reply",
	[NAT64_HAND_OVER] = "hand_over", [NAT64_KEEP] = "keep",
};

const char *const counters_side_name[NAT64_N_SIDES] = { [NAT64_FROM_IP6] = "ip6", [NAT64_FROM_IP4] = "ip4" };

const char *const counters_proto_name[NAT64_N_PROTOS] = {
	[NAT64_TCP] = "tcp", [NAT64_UDP] = "udp", [NAT64_ICMP] = "icmp",
};

const uint8_t counters_icmp_type[NAT64_N_SIDES][COUNTERS_ICMP_TYPES - 1] = {
	[NAT64_FROM_IP6] = { 1, 2, 3, 4, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 143, 151, 160, 161 },
	[NAT64_FROM_IP4] = { 0, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 40, 42, 43 },
};

void
counters_icmp_owner(struct counters_row *row, enum nat64_side from, uint8_t type, uint8_t code)
{
	unsigned t = 0, c = code < COUNTERS_ICMP_CODES - 1 ? code : COUNTERS_ICMP_CODES - 1;

	while (t < COUNTERS_ICMP_TYPES - 1 && counters_icmp_type[from][t] != type)
		t++;
	counters_add_owner(&row->icmp[from][t][c], 1);
}

static uint64_t
sum(const uint64_t *cell, unsigned nrows)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < nrows; i++)
		total += atomic_load_64(cell + i * (sizeof(struct counters_row) / sizeof(*cell)));
	return total;
}

uint64_t
counters_sum(const struct counters_row *rows, unsigned nrows, enum counters_id c)
{
	return sum(&rows->counter[c], nrows);
}

uint64_t
counters_sum_verdict(const struct counters_row *rows, unsigned nrows, enum nat64_side from, enum nat64_verdict v)
{
	return sum(&rows->verdict[from][v], nrows);
}

uint64_t
counters_sum_icmp(const struct counters_row *rows, unsigned nrows, enum nat64_side from, unsigned type_row,
		  unsigned code)
{
	return sum(&rows->icmp[from][type_row][code], nrows);
}
