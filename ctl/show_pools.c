/*
 * show_pools.c - a line per pool address and protocol: its ports
 *
 * ports_held are those that rest after their binding ended (RFC 6888 REQ-8); they come back by themselves, or earlier
 * when the pool runs short.
 *
 * Must never: count free bits; the shards keep the sums.
 */
#include "ctl/show.h"

static const struct output_field fields[] = {
	{ "tenant", OUTPUT_TENANT }, { "protocol", OUTPUT_PROTOCOL }, { "address", OUTPUT_IP4 },
	{ "ports_total", OUTPUT_NUMBER }, { "ports_used", OUTPUT_NUMBER }, { "ports_held", OUTPUT_NUMBER },
};

static bool
rows(struct show *s, unsigned t)
{
	for (; s->at < (uint64_t)view_addresses(s->view, t) * NAT64_N_PROTOS; s->at++) {
		unsigned a = (unsigned)(s->at / NAT64_N_PROTOS), p = (unsigned)(s->at % NAT64_N_PROTOS);
		struct view_pool pool;

		if (!show_room(s))
			return false;
		view_pool(s->view, t, a, (enum nat64_proto)p, &pool);
		const struct output_value row[] = {
			output_text(s->view->status.tenant[t].name), output_number(p),
			output_number(view_address(s->view, t, a)),
			output_number(pool.total), output_number(pool.used), output_number(pool.held),
		};
		show_row(s, row, sizeof(row) / sizeof(row[0]));
	}
	return true;
}

const struct show_verb show_pools = {
	.table = { .list = "pools", .fields = fields, .nfields = OUTPUT_COUNT(fields) },
	.rows = rows,
};
