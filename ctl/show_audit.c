/*
 * show_audit.c - a line per tenant: what the last audit of its table found
 *
 * Workers audit their shards, since only they have the keys and hold still meanwhile. What they tell is numbers; the
 * words for them are here. shards says how many were looked at from end to end: when it is less than the table has, a
 * worker has not finished its first audit.
 *
 * Must never: print a text that a worker wrote.
 */
#include <stdio.h>
#include "ctl/show.h"
#include "shm/audit.h"

static const struct output_field fields[] = {
	{ "tenant", OUTPUT_TENANT }, { "shards", OUTPUT_NUMBER }, { "records", OUTPUT_NUMBER },
	{ "violations", OUTPUT_NUMBER }, { "age_seconds", OUTPUT_SECONDS }, { "first", OUTPUT_TEXT },
};

/* What the first violation of a worker's audit is, and where. */
static void
describe(char *text, size_t size, const struct layout_said *audit)
{
	if (audit->slot == AUDIT_NO_SLOT)
		snprintf(text, size, "%s (shard %u)", audit_words(audit->rule), audit->shard);
	else
		snprintf(text, size, "%s (shard %u, slot %u)", audit_words(audit->rule), audit->shard, audit->slot);
}

static bool
rows(struct show *s, unsigned t)
{
	uint32_t now = view_now(s->view, t), oldest = 0;
	struct layout_said sum = { 0 }, audit;
	unsigned workers = view_workers(s->view, t), finished = 0;
	char first[160] = "";

	if (!show_room(s))
		return false;
	for (unsigned w = 0; w < workers; w++) {
		view_audit(s->view, t, w, &audit);
		if (audit.finished == 0)
			continue;
		finished++;
		sum.shards += audit.shards;
		sum.records += audit.records;
		sum.violations += audit.violations;
		if (audit.finished < now && now - audit.finished > oldest)
			oldest = now - audit.finished;
		if (audit.violations && !first[0])
			describe(first, sizeof(first), &audit);
	}
	const struct output_value row[] = {
		output_text(s->view->status.tenant[t].name), output_number(sum.shards), output_number(sum.records),
		output_number(sum.violations), finished == workers ? output_number(oldest) : output_null(),
		first[0] ? output_text(first) : output_null(),
	};
	show_row(s, row, sizeof(row) / sizeof(row[0]));
	return true;
}

const struct show_verb show_audit = {
	.table = { .list = "audit", .fields = fields, .nfields = OUTPUT_COUNT(fields) },
	.rows = rows,
};
