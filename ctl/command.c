/*
 * command.c - from the words of a request to something that makes its reply
 *
 * Nothing here changes anything: ctl only looks. What does change something is a signal that nat64ctl sends to nat64d
 * itself; `pulse` tells it the few words by which it sees what came of it.
 *
 * Must never: echo more of a request than fits a line; a request may hold anything.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "ctl/cell.h"
#include "ctl/command.h"

__attribute__((format(printf, 2, 3))) static void
say(struct output *o, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(o->buf + o->len, sizeof(o->buf) - o->len, format, ap);
	va_end(ap);
	if (n > 0)
		o->len += (size_t)n < sizeof(o->buf) - o->len ? (size_t)n : sizeof(o->buf) - o->len - 1;
}

static const char *
usage(struct show *s, const char *error)
{
	char text[COMMAND_LINE + 512];

	cell_clean(text, sizeof(text), error);
	s->out.len = 0;
	say(&s->out, "%s\n", text);
	s->ended = true;
	return "usage\n";
}

/*
 * What the supervisor did last, a fact a line:
 *   pid PID, version VERSION, generation N, reload COUNT OK MESSAGE, worker TENANT/NUMBER PID STATE
 */
static const char *
start_pulse(struct show *s, struct view *v, char *words)
{
	const struct status *st = &v->status;
	char message[sizeof(st->reload.message)];

	if (strtok_r(NULL, " ", &words))
		return usage(s, "pulse takes no words");
	cell_clean(message, sizeof(message), st->reload.message);
	say(&s->out, "pid %" PRIu32 "\nversion %s\ngeneration %" PRIu32 "\n", st->pid, st->version, st->generation);
	say(&s->out, "reload %" PRIu32 " %d %s\n", st->reload.count, st->reload.ok != 0, message);
	for (unsigned t = 0; t < v->tenants; t++) {
		const struct status_tenant *tenant = &st->tenant[t];

		for (unsigned w = 0; w < view_workers(v, t); w++)
			say(&s->out, "worker %s/%u %" PRIu32 " %s\n", tenant->name, w, tenant->worker[w].pid,
			    view_state_name(tenant->worker[w].state));
	}
	s->ended = true;
	return "ok\n";
}

/*
 * How far the audits are that were asked for, a tenant a line:
 *   audit TENANT REQUEST WAITING VIOLATIONS
 * WAITING is a bit mask, in hexadecimal, of the workers whose last audit began before that request.
 */
static const char *
start_audits(struct show *s, struct view *v, char *words)
{
	if (strtok_r(NULL, " ", &words))
		return usage(s, "audits takes no words");
	for (unsigned t = 0; t < v->tenants; t++) {
		uint32_t request = view_audit_request(v, t), waiting = 0;
		uint64_t violations = 0;

		for (unsigned w = 0; w < view_workers(v, t); w++) {
			struct layout_said audit;

			view_audit(v, t, w, &audit);
			waiting |= (uint32_t)(audit.finished == 0 || audit.answered != request) << w;
			violations += audit.violations;
		}
		say(&s->out, "audit %s %" PRIu32 " %" PRIx32 " %" PRIu64 "\n", v->status.tenant[t].name, request, waiting,
		    violations);
	}
	s->ended = true;
	return "ok\n";
}

static bool
tenant_exists(const struct view *v, const char *name)
{
	for (unsigned t = 0; t < v->tenants; t++)
		if (strcmp(v->status.tenant[t].name, name) == 0)
			return true;
	return false;
}

static const char *
start_show(struct show *s, struct view *v, char *words)
{
	char error[COMMAND_LINE + 256];
	const char *what = strtok_r(NULL, " ", &words), *filters;
	const struct show_verb *verb = what ? show_find(what, &filters) : NULL;

	if (!verb) {
		snprintf(error, sizeof(error), "%s: cannot be shown; there are: %s", what ? what : "nothing",
			 show_names());
		return usage(s, error);
	}
	show_start(s, v, verb, s->out.format);
	for (const char *word; (word = strtok_r(NULL, " ", &words)) != NULL;)
		if (!filter_parse(&s->filter, word, filters, error, sizeof(error)))
			return usage(s, error);
	if (s->filter.set[FILTER_tenant] && !tenant_exists(v, s->filter.tenant)) {
		snprintf(error, sizeof(error), "tenant=%s: there is no tenant of this name", s->filter.tenant);
		return usage(s, error);
	}
	return "ok\n";
}

static const struct {
	const char *name;
	const char *(*start)(struct show *s, struct view *v, char *words);
} commands[] = {
	{ "show", start_show },
	{ "pulse", start_pulse },
	{ "audits", start_audits },
};

static const char *const format_name[] = {
	[OUTPUT_PEOPLE] = "text", [OUTPUT_JSON] = "json", [OUTPUT_CSV] = "csv",
};

const char *
command_start(struct show *s, struct view *view, char *line)
{
	char *words = NULL, *format = strtok_r(line, " ", &words), *verb = format ? strtok_r(NULL, " ", &words) : NULL;
	unsigned f = 0;

	show_start(s, view, NULL, OUTPUT_PEOPLE);
	view_refresh(view);
	while (format && f < 3 && strcmp(format, format_name[f]) != 0)
		f++;
	if (!verb || f == 3)
		return usage(s, "a request is: text, json or csv, then a command");
	s->out.format = (enum output_format)f;
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(verb, commands[i].name) == 0)
			return commands[i].start(s, view, words);
	return usage(s, "no such command; there are: show, pulse, audits");
}
