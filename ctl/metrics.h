/*
 * metrics.h - the exposition that monitoring systems scrape
 */
#ifndef CTL_METRICS_H
#define CTL_METRICS_H

#include <stddef.h>
#include "ctl/view.h"

#define METRICS_SAMPLE 1024		/* the longest piece that is written at once; a buffer holds at least one */

enum metrics_format { METRICS_TEXT, METRICS_OPENMETRICS };

/* One exposition under way: a place in it, as plain numbers. */
struct metrics {
	struct view *view;
	enum metrics_format format;
	unsigned family, tenant, sample;
	bool described;			/* HELP and TYPE of the family are written */
	bool ended;
	struct view_pool pool;		/* of the tenant and protocol under way */
	char *buf;			/* of this metrics_render */
	size_t size, len;
};

void metrics_start(struct metrics *m, struct view *view, enum metrics_format format);

/* Write the next part into buf of size bytes, at least METRICS_SAMPLE. Returns its length; 0 at the end. */
size_t metrics_render(struct metrics *m, char *buf, size_t size);

#endif
