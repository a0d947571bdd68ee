/*
 * show.c - one `show` from its first row to its last, a turn at a time
 *
 * A turn renders what one send can take and no more, and looks at a bounded number of places on its way there. Where
 * it stopped is kept as plain numbers, so a reader may be as slow as it likes and a table as long as it likes.
 *
 * Must never: know what a verb shows; keep anything of a region between two turns but numbers.
 */
#include <assert.h>
#include <string.h>
#include "ctl/show.h"

#define BUDGET 16384			/* places of a table that one turn looks at */

static const struct {
	const char *name, *filters;
	const struct show_verb *verb;
} verbs[] = {
#define SHOW(name, filters, help) { #name, filters, &show_##name },
#include "ctl/show.def"
};

const struct show_verb *
show_find(const char *name, const char **filters)
{
	for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, name) != 0)
			continue;
		*filters = verbs[i].filters;
		return verbs[i].verb;
	}
	return NULL;
}

const char *
show_names(void)
{
	static const char names[] =
#define SHOW(name, filters, help) " " #name
#include "ctl/show.def"
	;

	return names + 1;
}

void
show_start(struct show *s, struct view *view, const struct show_verb *verb, enum output_format format)
{
	memset(s, 0, offsetof(struct show, out));
	memset(&s->out, 0, offsetof(struct output, prefix));	/* the buffers behind need not be clean */
	s->view = view;
	s->verb = verb;
	s->out.format = format;
	filter_init(&s->filter);
}

bool
show_room(const struct show *s)
{
	return s->rows < s->filter.limit && output_room(&s->out);
}

void
show_row(struct show *s, const struct output_value *row, unsigned n)
{
	assert(n == s->verb->table.nfields);
	if (!filter_match(&s->filter, &s->verb->table, row))
		return;
	output_row(&s->out, row);
	s->rows++;
}

static void
begin(struct show *s)
{
	struct output_value head[OUTPUT_FIELDS];
	char text[SHOW_NOTE] = "";

	if (s->verb->head)
		s->verb->head(s->view, head);
	if (s->verb->above)
		s->verb->above(s->view, text);
	output_begin(&s->out, s->out.format, &s->verb->table, head, text);
	s->begun = true;
}

/* Add rows from the cursor on. Returns true when there are no more. */
static bool
rows(struct show *s)
{
	const struct view *v = s->view;

	for (; s->tenant < v->tenants; s->tenant++, s->placed = false) {
		if (s->filter.set[FILTER_tenant] && strcmp(s->filter.tenant, v->status.tenant[s->tenant].name) != 0)
			continue;
		if (s->rows >= s->filter.limit)
			return true;
		if (!s->placed) {
			s->at = 0;
			scan_start(&s->scan, v->tenant[s->tenant].region, &v->tenant[s->tenant].layout);
			s->scan.budget = BUDGET;
			s->placed = true;
		}
		if (!s->verb->rows(s, s->tenant))
			return s->rows >= s->filter.limit;
	}
	return true;
}

void
show_turn(struct show *s)
{
	char text[SHOW_NOTE] = "";

	s->scan.budget = BUDGET;
	view_refresh(s->view);
	if (!s->begun)
		begin(s);
	if (rows(s)) {
		if (s->verb->below)
			s->verb->below(s, text);
		s->ended = output_end(&s->out, text);
	}
}
