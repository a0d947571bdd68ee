/*
 * show_status.c - the page an operator reads first
 *
 * Programs get the supervisor's facts and the list of tenants. People get the same in three lines and a table, and
 * below it what is not as it should be, in words: a worker that does not run, a sandbox that lacks a layer, packets
 * that are not steered, a table that is not whole.
 *
 * Must never: be long. What needs more room has a `show` of its own.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "ctl/cell.h"
#include "ctl/show.h"

static const struct output_field head_fields[] = {
	{ "version", OUTPUT_TEXT }, { "pid", OUTPUT_NUMBER }, { "uptime_seconds", OUTPUT_SECONDS },
	{ "generation", OUTPUT_NUMBER }, { "last_reload.ok", OUTPUT_BOOL }, { "last_reload.message", OUTPUT_TEXT },
};

static void
head(const struct view *v, struct output_value *value)
{
	const struct status *st = &v->status;

	value[0] = output_text(st->version);
	value[1] = output_number(st->pid);
	value[2] = output_number(view_uptime(v));
	value[3] = output_number(st->generation);
	value[4] = st->reload.count ? output_number(st->reload.ok) : output_null();
	value[5] = st->reload.count ? output_text(st->reload.message) : output_null();
}

__attribute__((format(printf, 2, 3))) static void
add(char *text, const char *format, ...)
{
	size_t n = strlen(text);
	va_list ap;

	va_start(ap, format);
	vsnprintf(text + n, SHOW_NOTE - n, format, ap);
	va_end(ap);
}

static void
above(const struct view *v, char *text)
{
	const struct status *st = &v->status;
	char up[64], ago[64], message[sizeof(st->reload.message)];
	uint64_t now = (uint64_t)time(NULL);

	cell_duration(up, sizeof(up), view_uptime(v));
	add(text, "nat64d %s, pid %" PRIu32 ", up %s\n", st->version, st->pid, up);
	add(text, "configuration %" PRIu32 ", ", st->generation);
	if (st->reload.count) {
		cell_clean(message, sizeof(message), st->reload.message);
		cell_duration(ago, sizeof(ago), now > st->reload.at ? now - st->reload.at : 0);
		add(text, "last reload %s %s ago%s%s\n\n", st->reload.ok ? "succeeded" : "FAILED", ago,
		    message[0] ? ": " : "", message);
	} else {
		add(text, "not reloaded since the start\n\n");
	}
}

/* Say what worker w of tenant t lacks, if anything. */
static void
worker_note(const struct view *v, unsigned t, unsigned w, char *text)
{
	const struct status_tenant *tenant = &v->status.tenant[t];
	const struct status_worker *worker = &tenant->worker[w];
	uint32_t missing = view_missing(v, t, w), bit;
	const char *layer, *before = " lacks ";
	char death[sizeof(worker->last_death)];

	if (worker->state != STATUS_running) {
		cell_clean(death, sizeof(death), worker->last_death);
		add(text, "attention: %s, worker %u is %s%s%s\n", tenant->name, w, view_state_name(worker->state),
		    death[0] ? "; last death: " : "", death);
		return;
	}
	for (unsigned i = 0; (layer = view_layer(i, &bit)) != NULL; i++) {
		if (!(missing & bit))
			continue;
		if (before[0] == ' ')
			add(text, "attention: the sandbox of %s, worker %u", tenant->name, w);
		add(text, "%s%s", before, layer);
		before = ", ";
	}
	if (before[0] != ' ')
		add(text, "\n");
}

/* Say what the audit found in the table of tenant t, if anything. */
static void
table_note(const struct view *v, unsigned t, char *text)
{
	uint64_t found = view_counter(v, t, COUNTER_audit_violations);

	if (found)
		add(text, "attention: the audit of %s has found %" PRIu64 " violations; see nat64ctl show audit\n",
		    v->status.tenant[t].name, found);
}

static void
tenant_note(const struct view *v, unsigned t, char *text)
{
	const struct status_tenant *tenant = &v->status.tenant[t];
	char why[STATUS_WHY];

	if (tenant->guard == STATUS_guard_refused) {
		cell_clean(why, sizeof(why), tenant->guard_why);
		add(text, "attention: %s, the kernel does not look at the sources of what its workers send: %s\n", tenant->name,
		    why);
	}
	if (tenant->spoofed[0] + tenant->spoofed[1] > 0)
		add(text, "attention: %s, a worker has sent %" PRIu64 " packets from addresses that are not its tenant's; the "
		    "kernel dropped them\n", tenant->name, tenant->spoofed[0] + tenant->spoofed[1]);
	if (tenant->steering == STATUS_steering_refused) {
		cell_clean(why, sizeof(why), tenant->steering_why);
		add(text, "attention: %s, packets are handed over between workers, not steered: %s\n", tenant->name, why);
	}
	if (tenant->cgroup == STATUS_cgroup_partial || tenant->cgroup == STATUS_cgroup_refused) {
		cell_clean(why, sizeof(why), tenant->cgroup_why);
		add(text, "attention: %s, %s: %s\n", tenant->name, tenant->cgroup == STATUS_cgroup_partial ?
		    "its cgroup does not hold all that it should" : "its workers have no cgroup of their own", why);
	}
}

/* Add a note to the text. Returns false when it does not fit, which is said instead. */
static bool
note_fits(char *text, const char *note)
{
	if (strlen(text) + strlen(note) + 64 > SHOW_NOTE) {
		add(text, "and more: nat64ctl show workers\n");
		return false;
	}
	add(text, "%s%s", note[0] && !text[0] ? "\n" : "", note);
	return true;
}

static void
below(const struct show *s, char *text)
{
	const struct view *v = s->view;

	for (unsigned t = 0; t < v->tenants; t++) {
		char note[SHOW_NOTE] = "";

		tenant_note(v, t, note);
		table_note(v, t, note);
		if (!note_fits(text, note))
			return;
		for (unsigned w = 0; w < view_workers(v, t); w++) {
			note[0] = '\0';
			worker_note(v, t, w, note);
			if (!note_fits(text, note))
				return;
		}
	}
}

const struct show_verb show_status = {
	.table = {
		.list = "tenants",
		.head = head_fields, .nhead = OUTPUT_COUNT(head_fields),
		.fields = show_tenants_fields, .nfields = OUTPUT_COUNT(show_tenants_fields),
	},
	.rows = show_tenants_rows, .head = head, .above = above, .below = below,
};
