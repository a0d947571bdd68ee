/*
 * show_counters.c - every verdict, per side, and every other counter
 *
 * The names are those of shm/counters.def; a line added there appears here. Programs get all rows; people get those
 * that ever counted, and are told how many did not.
 *
 * Must never: name a verdict.
 */
#include <inttypes.h>
#include <stdio.h>
#include "ctl/show.h"

#define VERDICTS (NAT64_N_SIDES * NAT64_N_VERDICTS)

static const struct output_field fields[] = {
	{ "tenant", OUTPUT_TENANT }, { "name", OUTPUT_TEXT }, { "from", OUTPUT_TEXT }, { "action", OUTPUT_TEXT },
	{ "value", OUTPUT_NUMBER },
};

static void
verdict_or_counter(struct show *s, unsigned t, unsigned n)
{
	unsigned from = n / NAT64_N_VERDICTS, v = n % NAT64_N_VERDICTS;
	const char *name, *side = "", *action = "";
	uint64_t value;

	if (n < VERDICTS) {
		name = counters_verdict_info[v].name;
		side = counters_side_name[from];
		action = counters_action_name[counters_verdict_info[v].action];
		value = view_verdict(s->view, t, (enum nat64_side)from, (enum nat64_verdict)v);
	} else {
		name = counters_info[n - VERDICTS].name;
		value = view_counter(s->view, t, (enum counters_id)(n - VERDICTS));
	}
	if (value == 0 && s->out.format == OUTPUT_PEOPLE) {
		s->hidden++;
		return;
	}
	const struct output_value row[] = {
		output_text(s->view->status.tenant[t].name), output_text(name), output_text(side), output_text(action),
		output_number(value),
	};
	show_row(s, row, sizeof(row) / sizeof(row[0]));
}

static bool
rows(struct show *s, unsigned t)
{
	for (; s->at < VERDICTS + N_COUNTERS; s->at++) {
		if (!show_room(s))
			return false;
		verdict_or_counter(s, t, (unsigned)s->at);
	}
	return true;
}

static void
below(const struct show *s, char *text)
{
	if (s->hidden)
		snprintf(text, SHOW_NOTE, "\n%" PRIu64 " counters are zero and not shown; see --json.\n", s->hidden);
}

const struct show_verb show_counters = {
	.table = { .list = "counters", .fields = fields, .nfields = OUTPUT_COUNT(fields) },
	.rows = rows, .below = below,
};
