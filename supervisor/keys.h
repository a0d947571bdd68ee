/*
 * keys.h - config.def as a table that can be walked
 */
#ifndef SUPERVISOR_KEYS_H
#define SUPERVISOR_KEYS_H

#include <stddef.h>
#include "supervisor/value.h"

struct keys_row {
	const char *section;		/* "gateway" or "tenant" */
	const char *name;		/* as in C */
	const char *def;		/* "": derived, or an empty list; NULL: required */
	const char *doc;
	const char *when;		/* "LIVE", "TABLE" or "START" */
	bool list;
	bool (*parse)(void *field, const char *text, const struct value_range *range, struct value_why *why);
	void (*print)(struct value_text *out, const void *field);
	struct value_range range;
	uint32_t count;			/* of a list: at most that many items */
	size_t offset;			/* of the field, or of a list's n, in struct config_gateway or config_tenant */
	size_t items;			/* of a list: of item[0] */
	size_t size;			/* of the value, or of one item */
	size_t lines;			/* struct config_lines_... as an array: the index of its first line number */
};

extern const struct keys_row keys_rows[];
extern const unsigned keys_n;

#define KEYS_SPELLED 40
/* The key as nat64.ini spells it. */
void keys_spell(char out[KEYS_SPELLED], const struct keys_row *row);

/* The row of a key as nat64.ini spells it, or NULL. */
const struct keys_row *keys_find(const char *section, const char *spelled);

/* The spelling in that section that looks most like word; false when none does. */
bool keys_nearest(char out[KEYS_SPELLED], const char *section, const char *word);

/* How many single letters must be added, removed or changed to make a into b; big for long words. */
unsigned keys_distance(const char *a, const char *b);

/* May a reload change it? */
bool keys_live(const struct keys_row *row);
/* And if so, does the tenant need a new table for it? */
bool keys_table(const struct keys_row *row);

/* The number of values of a row in a section struct, and the i-th of them. */
uint32_t keys_count(const struct keys_row *row, const void *section);
const void *keys_value(const struct keys_row *row, const void *section, uint32_t i);

/* Do two section structs say the same for this row? */
bool keys_same(const struct keys_row *row, const void *a, const void *b);

#endif
