/*
 * keys.c - config.def as a table that can be walked
 *
 * The parser, the printer, the reference file and the reload rule all walk these rows, and none of them names a key:
 * a line in config.def is a key everywhere. A section's struct is handled as bytes at the row's offset, which is safe
 * because the row and the struct come from the same line.
 *
 * Must never: know a particular key.
 */
#include <stdio.h>
#include "supervisor/config.h"
#include "supervisor/keys.h"

const struct keys_row keys_rows[] = {
#define KEY(sec, id, type, low, high, dflt, time, text) { \
	.section = #sec, .name = #id, .def = dflt, .doc = text, .when = #time, .parse = value_parse_##type, \
	.print = value_print_##type, .range = { low, high }, .count = 1, .offset = offsetof(struct config_##sec, id), \
	.items = offsetof(struct config_##sec, id), .size = sizeof(config_##type##_t), \
	.lines = offsetof(struct config_lines_##sec, id) / sizeof(uint32_t) },
#define LIST(sec, id, type, most, dflt, time, text) { \
	.section = #sec, .name = #id, .def = dflt, .doc = text, .when = #time, .list = true, \
	.parse = value_parse_##type, .print = value_print_##type, .count = most, \
	.offset = offsetof(struct config_##sec, id.n), .items = offsetof(struct config_##sec, id.item), \
	.size = sizeof(config_##type##_t), .lines = offsetof(struct config_lines_##sec, id) / sizeof(uint32_t) },
#include "shm/config.def"
};
const unsigned keys_n = sizeof(keys_rows) / sizeof(keys_rows[0]);

void
keys_spell(char out[KEYS_SPELLED], const struct keys_row *row)
{
	size_t n;

	snprintf(out, KEYS_SPELLED, "%s", row->name);
	n = strlen(out);
	if (n > 0 && out[n - 1] == '_')
		out[n - 1] = '\0';
	for (; *out; out++)
		if (*out == '_')
			*out = '-';
}

const struct keys_row *
keys_find(const char *section, const char *spelled)
{
	char name[KEYS_SPELLED];

	for (unsigned i = 0; i < keys_n; i++) {
		keys_spell(name, &keys_rows[i]);
		if (strcmp(keys_rows[i].section, section) == 0 && strcmp(name, spelled) == 0)
			return &keys_rows[i];
	}
	return NULL;
}

unsigned
keys_distance(const char *a, const char *b)
{
	unsigned row[KEYS_SPELLED + 1];
	size_t n = strlen(b);

	if (n > KEYS_SPELLED || strlen(a) > KEYS_SPELLED)
		return KEYS_SPELLED;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 0; a[i]; i++) {
		unsigned corner = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < n; j++) {
			unsigned change = corner + (a[i] != b[j]);

			corner = row[j + 1];
			row[j + 1] = (row[j] < corner ? row[j] : corner) + 1;
			if (change < row[j + 1])
				row[j + 1] = change;
		}
	}
	return row[n];
}

bool
keys_nearest(char out[KEYS_SPELLED], const char *section, const char *word)
{
	unsigned best = (unsigned)strlen(word) / 3 + 2;	/* a third may be wrong */
	char name[KEYS_SPELLED];
	bool found = false;

	for (unsigned i = 0; i < keys_n; i++) {
		unsigned distance;

		if (strcmp(keys_rows[i].section, section) != 0)
			continue;
		keys_spell(name, &keys_rows[i]);
		distance = keys_distance(word, name);
		if (distance < best) {
			best = distance;
			found = true;
			memcpy(out, name, KEYS_SPELLED);
		}
	}
	return found;
}

bool
keys_live(const struct keys_row *row)
{
	return strcmp(row->when, "START") != 0;
}

bool
keys_table(const struct keys_row *row)
{
	return strcmp(row->when, "TABLE") == 0;
}

uint32_t
keys_count(const struct keys_row *row, const void *section)
{
	uint32_t n;

	if (!row->list)
		return 1;
	memcpy(&n, (const uint8_t *)section + row->offset, sizeof(n));
	return n;
}

const void *
keys_value(const struct keys_row *row, const void *section, uint32_t i)
{
	return (const uint8_t *)section + row->items + i * row->size;
}

bool
keys_same(const struct keys_row *row, const void *a, const void *b)
{
	struct value_text left, right;
	uint32_t n = keys_count(row, a);

	if (n != keys_count(row, b))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		row->print(&left, keys_value(row, a, i));
		row->print(&right, keys_value(row, b, i));
		if (strcmp(left.s, right.s) != 0)
			return false;
	}
	return true;
}
