/*
 * show_sessions.c - a line per session, joined with its binding
 *
 * state is the TCP state of RFC 6146 section 3.5.2; UDP and ICMP sessions have none.
 *
 * Must never: show a session whose binding is gone; scan.c compares the generations.
 */
#include "ctl/show.h"
#include "shm/tcpname.h"

static const struct output_field fields[] = {
	{ "tenant", OUTPUT_TENANT }, { "protocol", OUTPUT_PROTOCOL }, { "ip6", OUTPUT_IP6 }, { "port6", OUTPUT_PORT },
	{ "ip4", OUTPUT_IP4 }, { "port4", OUTPUT_PORT }, { "remote_ip4", OUTPUT_IP4 }, { "remote_port4", OUTPUT_PORT },
	{ "state", OUTPUT_TEXT }, { "expires_seconds", OUTPUT_SECONDS },
};

static const char *const state_name[TCP_N_STATES] = {
#define STATE(name) [TCP_##name] = #name,
	TCPNAME_STATES
#undef STATE
};

static bool
rows(struct show *s, unsigned t)
{
	uint32_t now = view_now(s->view, t);
	struct scan_hit hit;

	while (show_room(s)) {
		enum scan_result found = scan_session(&s->scan, &hit);
		const struct record *r = &hit.record;
		const struct session *e = &hit.session;

		if (found != SCAN_HIT)
			return found == SCAN_END;
		const struct output_value row[] = {
			output_text(s->view->status.tenant[t].name), output_number(r->proto),
			output_ip6(&r->ip6), output_number(r->port6), output_number(r->ip4), output_number(r->port4),
			output_number(e->remote4),
			r->proto == NAT64_ICMP ? output_null() : output_number(e->remote_port),
			output_text(e->tcp < TCP_N_STATES ? state_name[e->tcp] : "unknown"),
			output_number(e->expires > now ? e->expires - now : 0),
		};
		show_row(s, row, sizeof(row) / sizeof(row[0]));
	}
	return false;
}

const struct show_verb show_sessions = {
	.table = { .list = "sessions", .fields = fields, .nfields = OUTPUT_COUNT(fields) },
	.rows = rows,
};
