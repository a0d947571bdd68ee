/*
 * show_workers.c - a line per worker
 *
 * Process, state and deaths are what the supervisor saw. received and sandbox are what the worker says of itself.
 *
 * Must never: take a worker's word for being alive.
 */
#include <stdio.h>
#include <string.h>
#include "ctl/show.h"

static const struct output_field fields[] = {
	{ "tenant", OUTPUT_TENANT }, { "worker", OUTPUT_NUMBER }, { "pid", OUTPUT_NUMBER }, { "state", OUTPUT_TEXT },
	{ "restarts", OUTPUT_NUMBER }, { "last_death", OUTPUT_TEXT }, { "received", OUTPUT_NUMBER },
	{ "sandbox", OUTPUT_TEXT },
};

/* The names of the missing layers with commas between, or "full". */
static void
sandbox(char *text, size_t size, uint32_t missing)
{
	const char *layer;
	uint32_t bit;
	size_t n = 0;

	text[0] = '\0';
	for (unsigned i = 0; (layer = view_layer(i, &bit)) != NULL; i++)
		if ((missing & bit) && n < size)
			n += (size_t)snprintf(text + n, size - n, "%s%s", n ? "," : "", layer);
	if (n == 0)
		snprintf(text, size, "full");
}

static bool
rows(struct show *s, unsigned t)
{
	const struct status_tenant *tenant = &s->view->status.tenant[t];

	for (; s->at < view_workers(s->view, t); s->at++) {
		unsigned w = (unsigned)s->at;
		const struct status_worker *worker = &tenant->worker[w];
		char layers[256];

		if (!show_room(s))
			return false;
		sandbox(layers, sizeof(layers), view_missing(s->view, t, w));
		const struct output_value row[] = {
			output_text(tenant->name), output_number(w),
			worker->pid ? output_number(worker->pid) : output_null(),
			output_text(view_state_name(worker->state)), output_number(view_restarts(worker)),
			worker->last_death[0] ? output_text(worker->last_death) : output_null(),
			output_number(view_worker_received(s->view, t, w)), output_text(layers),
		};
		show_row(s, row, sizeof(row) / sizeof(row[0]));
	}
	return true;
}

const struct show_verb show_workers = {
	.table = { .list = "workers", .fields = fields, .nfields = OUTPUT_COUNT(fields) },
	.rows = rows,
};
