/*
 * show_subscribers.c - a line per subscriber that has a binding, those with the most bindings first
 *
 * quota_drops are the packets that a quota or its fair share refused, since it last had no binding. The counters of the
 * verdicts say which, for all subscribers together.
 * A subscriber whose counts change while its table is walked may be missed, or shown twice.
 *
 * Must never: hold more than one round of the rank, or go on for more rounds than there can be subscribers, for a hostile
 * worker could go on changing its counts.
 */
#include "ctl/show.h"

static const struct output_field fields[] = {
	{ "tenant", OUTPUT_TENANT }, { "prefix", OUTPUT_PREFIX6 }, { "bindings", OUTPUT_NUMBER }, { "sessions", OUTPUT_NUMBER },
	{ "quota_drops", OUTPUT_NUMBER },
};
#define FIELDS OUTPUT_COUNT(fields)

static void
values(struct output_value row[FIELDS], const struct show *s, unsigned t, const struct subscriber *e)
{
	row[0] = output_text(s->view->status.tenant[t].name);
	row[1] = output_ip6(&e->prefix);
	row[1].number = s->view->tenant[t].layout.g.subscriber_prefix;
	row[2] = output_number(subscriber_bindings(e->state));
	row[3] = output_number(subscriber_sessions(e->state));
	row[4] = output_number(e->drops);
}

/* Offer all that the filters let pass to the rank. Returns true when the walk is at its end. */
static bool
collect(struct show *s, unsigned t)
{
	struct output_value row[FIELDS];
	struct subscriber e;
	enum scan_result found;

	while ((found = scan_subscriber(&s->scan, &e)) == SCAN_HIT) {
		values(row, s, t, &e);
		if (filter_match(&s->filter, &s->verb->table, row))
			rank_offer(&s->rank, &e);
	}
	return found == SCAN_END;
}

/* at is 0 when the tenant begins, 1 while a round is collected, and from 2 on 2 + the next row of it to show. */
static bool
rows(struct show *s, unsigned t)
{
	const struct layout *l = &s->view->tenant[t].layout;
	struct output_value row[FIELDS];

	if (s->at == 0) {
		rank_start(&s->rank);
		s->at = 1;
	}
	for (;;) {
		if (s->at == 1) {
			if (!collect(s, t))
				return false;
			rank_close(&s->rank);
			s->at = 2;
		}
		for (; s->at - 2 < s->rank.n; s->at++) {
			if (!show_room(s))
				return false;
			values(row, s, t, &s->rank.row[s->at - 2]);
			show_row(s, row, FIELDS);
		}
		if (!rank_again(&s->rank, (uint64_t)l->g.shards * l->shard_subscribers / RANK_ROWS + 1))
			return true;
		s->at = 1;
		s->scan.shard = s->scan.word = 0;
	}
}

const struct show_verb show_subscribers = {
	.table = { .list = "subscribers", .fields = fields, .nfields = FIELDS },
	.rows = rows,
};
