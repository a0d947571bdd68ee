/*
 * filter.h - which rows of a table are wanted
 */
#ifndef CTL_FILTER_H
#define CTL_FILTER_H

#include "ctl/output.h"

enum filter_id {
#define FILTER(name, value, help) FILTER_##name,
#include "ctl/filter.def"
	FILTER_N
};

struct filter {
	bool set[FILTER_N];
	char tenant[32];
	unsigned protocol, port;
	struct ip6 ip6;
	uint32_t ip4;
	uint64_t limit;			/* rows; UINT64_MAX: all */
};

void filter_init(struct filter *f);

/*
 * Take a word name=VALUE. allowed is a list of filters as in show.def. Returns true, or false with what is wrong in
 * error, a line without newline.
 */
bool filter_parse(struct filter *f, const char *word, const char *allowed, char *error, size_t size);

/* Does the row pass? The limit is not looked at. */
bool filter_match(const struct filter *f, const struct output_table *t, const struct output_value *row);

#endif
