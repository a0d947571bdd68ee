/*
 * show_config.c - the configuration in use, a line per key
 *
 * The supervisor prints the effective configuration as sections of nat64.ini into the status and into each tenant's
 * image; here it is only taken apart again, line by line. The cursor is the place in the text, and which of the
 * image's two slots it is in: a reload in the middle does not mix two configurations.
 *
 * Must never: read behind the text's array, even if its end is missing.
 */
#include <stdio.h>
#include <string.h>
#include "ctl/show.h"

#define AT_TENANT (UINT64_C(1) << 32)	/* the gateway's keys are through */
#define AT_SLOT (UINT64_C(1) << 33)	/* which slot of the image */
#define AT_PLACE UINT64_C(0xffffffff)

static const struct output_field fields[] = {
	{ "section", OUTPUT_TEXT }, { "tenant", OUTPUT_TENANT }, { "key", OUTPUT_TEXT }, { "value", OUTPUT_TEXT },
};

/* Copy the line at text[at], at most size - 1 bytes of it. Returns where the next begins; 0 at the end. */
static size_t
next_line(const char *text, size_t limit, size_t at, char *line, size_t size)
{
	size_t n = 0;

	line[0] = '\0';
	if (at >= limit || text[at] == '\0')
		return 0;
	for (; at < limit && text[at] != '\0' && text[at] != '\n'; at++)
		if (n + 1 < size)
			line[n++] = text[at];
	line[n] = '\0';
	return at < limit && text[at] == '\n' ? at + 1 : at;
}

/* Split "key = value" in place. False for anything else: a section's name, a comment, an empty line. */
static bool
split(char *line, char **key, char **value)
{
	char *equals = strchr(line, '='), *end;

	*key = line + strspn(line, " \t");
	if (!equals || strchr("[#;", **key))
		return false;
	*value = equals + 1 + strspn(equals + 1, " \t");
	for (end = equals; end > *key && strchr(" \t", end[-1]); end--)
		;
	*end = '\0';
	return end > *key;
}

/* Rows of one text from s->at on. Returns true at its end. */
static bool
text_rows(struct show *s, const char *section, const char *tenant, const char *text, size_t limit)
{
	char line[1024], *key, *value;
	size_t next;

	while (show_room(s)) {
		next = next_line(text, limit, (size_t)(s->at & AT_PLACE), line, sizeof(line));
		if (next == 0)
			return true;
		s->at = (s->at & ~AT_PLACE) | next;
		if (!split(line, &key, &value))
			continue;
		const struct output_value row[] = {
			output_text(section), output_text(tenant), output_text(key), output_text(value),
		};
		show_row(s, row, sizeof(row) / sizeof(row[0]));
	}
	return false;
}

static bool
rows(struct show *s, unsigned t)
{
	const struct status *st = &s->view->status;
	const struct image *image = s->view->tenant[t].image;
	const struct image_slot *slot;
	uint32_t generation;

	if (!(s->at & AT_TENANT)) {
		if (t == 0 && !text_rows(s, "gateway", "", st->gateway_text, sizeof(st->gateway_text)))
			return false;
		image_current(image, &generation);
		s->at = AT_TENANT | (generation % 2 ? AT_SLOT : 0);
	}
	slot = &image->slot[s->at & AT_SLOT ? 1 : 0];
	return text_rows(s, "tenant", st->tenant[t].name, slot->text, sizeof(slot->text));
}

const struct show_verb show_config = {
	.table = { .list = "config", .fields = fields, .nfields = OUTPUT_COUNT(fields) },
	.rows = rows,
};
