/*
 * show_bindings.c - a line per live binding (the BIB of RFC 6146)
 *
 * expires_seconds is the time its inline session has left; a binding with further sessions may live longer. A static
 * binding has none.
 *
 * Must never: show a row that does not agree with its place in the table; scan.c sees to it.
 */
#include "ctl/show.h"

static const struct output_field fields[] = {
	{ "tenant", OUTPUT_TENANT }, { "protocol", OUTPUT_PROTOCOL }, { "ip6", OUTPUT_IP6 }, { "port6", OUTPUT_PORT },
	{ "ip4", OUTPUT_IP4 }, { "port4", OUTPUT_PORT }, { "kind", OUTPUT_TEXT }, { "sessions", OUTPUT_NUMBER },
	{ "expires_seconds", OUTPUT_SECONDS },
};

static bool
rows(struct show *s, unsigned t)
{
	uint32_t now = view_now(s->view, t);
	struct scan_hit hit;

	while (show_room(s)) {
		enum scan_result found = scan_record(&s->scan, &hit);
		const struct record *r = &hit.record;

		if (found != SCAN_HIT)
			return found == SCAN_END;
		bool fixed = r->flags & RECORD_STATIC;
		const struct output_value row[] = {
			output_text(s->view->status.tenant[t].name), output_number(r->proto),
			output_ip6(&r->ip6), output_number(r->port6), output_number(r->ip4), output_number(r->port4),
			output_text(fixed ? "static" : "dynamic"), output_number(r->sessions),
			fixed ? output_null() : output_number(hit.expires > now ? hit.expires - now : 0),
		};
		show_row(s, row, sizeof(row) / sizeof(row[0]));
	}
	return false;
}

const struct show_verb show_bindings = {
	.table = { .list = "bindings", .fields = fields, .nfields = OUTPUT_COUNT(fields) },
	.rows = rows,
};
