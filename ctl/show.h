/*
 * show.h - `nat64ctl show`: a table of what it can show, and the run of one of them
 */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include "ctl/filter.h"
#include "ctl/output.h"
#include "ctl/rank.h"
#include "ctl/scan.h"
#include "ctl/view.h"

#define SHOW_NOTE 2048

struct show;

/* One thing that can be shown: its columns, and the function that makes its rows. */
struct show_verb {
	struct output_table table;

	/*
	 * Add rows of tenant t with show_row while show_room, from where s->at and s->scan say, and leave there where
	 * to go on. Both start at zero for each tenant. Returns true when the tenant has no more.
	 */
	bool (*rows)(struct show *s, unsigned t);

	/* The values of table.head, or NULL when it has none. */
	void (*head)(const struct view *v, struct output_value *head);
	/* For people, each may be NULL: what stands above the rows, and below them. SHOW_NOTE bytes, "" for nothing. */
	void (*above)(const struct view *v, char *text);
	void (*below)(const struct show *s, char *text);
};

#define SHOW(name, filters, help) extern const struct show_verb show_##name;
#include "ctl/show.def"

/* A show under way. It holds all it needs between two turns. */
struct show {
	struct view *view;
	const struct show_verb *verb;
	struct filter filter;
	unsigned tenant;
	uint64_t at;			/* the verb's place in the tenant */
	uint64_t rows, hidden;		/* shown; left out because people need not see them */
	bool placed;			/* at and scan are of this tenant */
	bool begun, ended;		/* ended: nothing comes after what is in out.buf */
	struct scan scan;
	struct output out;
	struct rank rank;		/* of show_subscribers */
};

/* The verb of that name and the filters it takes, or NULL. */
const struct show_verb *show_find(const char *name, const char **filters);
/* The names of all verbs, separated by blanks. */
const char *show_names(void);

/* Make ready to show verb in format; the caller sets s->filter. */
void show_start(struct show *s, struct view *view, const struct show_verb *verb, enum output_format format);

/*
 * Render the next part into s->out.buf; it may be nothing yet. When s->ended is set it was the last; when
 * s->out.failed is set it was a failure and nothing may be added.
 */
void show_turn(struct show *s);

/* For verbs: may another row be added now? Add one of n values, if the filters let it pass. */
bool show_room(const struct show *s);
void show_row(struct show *s, const struct output_value *row, unsigned n);

/* The columns and rows of `tenants`, which `status` shows too. */
#define SHOW_TENANTS_FIELDS 17
extern const struct output_field show_tenants_fields[SHOW_TENANTS_FIELDS];
bool show_tenants_rows(struct show *s, unsigned t);

#endif
