/*
 * output.c - one description of a row, three ways to write it
 *
 * A command says what its columns are (struct output_field) and hands over values. Nothing here knows a command, and
 * no command knows a format.
 *
 * JSON is made by libjansson, one row at a time; only the brackets around the rows are ours. CSV is RFC 4180: the
 * values of the head stand in front of each row, so that the file stays a rectangle. What people read is in align.c.
 *
 * Memory is what struct output holds, however many rows there are: a turn fills buf, the caller sends it, and the
 * next turn goes on.
 *
 * Must never: end a document as if it were whole when a row was lost.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "ctl/align.h"
#include "ctl/cell.h"

static void
append(struct output *o, const char *text)
{
	size_t n = strlen(text);

	if (n > sizeof(o->buf) - o->len) {
		o->failed = true;
		return;
	}
	memcpy(o->buf + o->len, text, n);
	o->len += n;
}

/* JSON */

static json_t *
json_value(const struct output_field *f, const struct output_value *v)
{
	char cell[CELL_SIZE];

	if (v->null)
		return json_null();
	switch (f->kind) {
	case OUTPUT_BOOL:
		return json_boolean(v->number);
	case OUTPUT_NUMBER:
	case OUTPUT_SECONDS:
	case OUTPUT_PORT:
		return json_integer((json_int_t)cell_number(v));
	default:
		cell_print(cell, f, v, false);
		return json_string(cell);
	}
}

/* Add the member that field and value say to object; a name with a dot goes one object deeper. */
static int
json_member(json_t *object, const struct output_field *f, const struct output_value *v)
{
	const char *dot = strchr(f->name, '.');
	char outer[64];
	json_t *inner;

	if (!dot)
		return json_object_set_new(object, f->name, json_value(f, v));
	snprintf(outer, sizeof(outer), "%.*s", (int)(dot - f->name), f->name);
	inner = json_object_get(object, outer);
	if (!inner) {
		inner = json_object();
		if (json_object_set_new(object, outer, inner) != 0)
			return -1;
	}
	return json_object_set_new(inner, dot + 1, json_value(f, v));
}

/* Append an object of these members without its closing brace. */
static void
json_append(struct output *o, const char *before, json_t *object, const struct output_field *fields, unsigned n,
	    const struct output_value *values)
{
	int bad = object == NULL;
	size_t size, room;

	for (unsigned i = 0; i < n && !bad; i++)
		bad = json_member(object, &fields[i], &values[i]);
	append(o, before);
	room = sizeof(o->buf) - o->len;
	size = bad ? 0 : json_dumpb(object, o->buf + o->len, room, JSON_COMPACT);
	if (size == 0 || size > room)
		o->failed = true;
	else
		o->len += size - 1;
	json_decref(object);
}

/* CSV */

static void
csv_cell(char *out, size_t size, const char *cell)
{
	size_t at = 0;

	if (!strpbrk(cell, ",\"\r\n")) {
		snprintf(out, size, "%s", cell);
		return;
	}
	out[at++] = '"';
	for (; *cell && at + 4 < size; cell++) {
		if (*cell == '"')
			out[at++] = '"';
		out[at++] = *cell;
	}
	out[at++] = '"';
	out[at] = '\0';
}

static void
csv_values(struct output *o, const struct output_field *fields, unsigned n, const struct output_value *values)
{
	char cell[CELL_SIZE], quoted[2 * CELL_SIZE];

	for (unsigned i = 0; i < n; i++) {
		cell_print(cell, &fields[i], &values[i], false);
		csv_cell(quoted, sizeof(quoted), cell);
		append(o, quoted);
		append(o, ",");
	}
}

static void
csv_names(struct output *o, const struct output_field *fields, unsigned n)
{
	char name[64];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s,", fields[i].name);
		for (char *p = name; *p; p++)
			if (*p == '.')
				*p = '_';
		append(o, name);
	}
}

static void
csv_end_line(struct output *o)
{
	if (o->len)
		o->buf[o->len - 1] = '\n';		/* instead of the last comma */
}

static void
csv_begin(struct output *o, const struct output_value *head)
{
	csv_values(o, o->table->head, o->table->nhead, head);
	o->nprefix = o->len < sizeof(o->prefix) ? o->len : 0;
	memcpy(o->prefix, o->buf, o->nprefix);
	o->prefix[o->nprefix] = '\0';
	o->len = 0;
	csv_names(o, o->table->head, o->table->nhead);
	csv_names(o, o->table->fields, o->table->nfields);
	csv_end_line(o);
}

void
output_begin(struct output *o, enum output_format format, const struct output_table *table,
	     const struct output_value *head, const char *headline)
{
	char list[64];

	memset(o, 0, offsetof(struct output, prefix));
	o->format = format;
	o->table = table;
	switch (format) {
	case OUTPUT_PEOPLE:
		if (headline)
			append(o, headline);
		align_begin(o);
		break;
	case OUTPUT_JSON:
		json_append(o, "", json_pack("{s:i}", "schema", 1), table->head, table->nhead, head);
		snprintf(list, sizeof(list), ",\"%s\":[", table->list);
		append(o, list);
		break;
	case OUTPUT_CSV:
		csv_begin(o, head);
		break;
	}
}

bool
output_room(const struct output *o)
{
	if (o->failed)
		return false;
	return o->format == OUTPUT_PEOPLE ? !o->flushed : sizeof(o->buf) - o->len > OUTPUT_ROW;
}

void
output_row(struct output *o, const struct output_value *row)
{
	switch (o->format) {
	case OUTPUT_PEOPLE:
		align_row(o, row);
		break;
	case OUTPUT_JSON:
		json_append(o, o->any ? ",\n" : "\n", json_object(), o->table->fields, o->table->nfields, row);
		append(o, "}");
		break;
	case OUTPUT_CSV:
		append(o, o->prefix);
		csv_values(o, o->table->fields, o->table->nfields, row);
		csv_end_line(o);
		break;
	}
	o->any = true;
}

bool
output_end(struct output *o, const char *note)
{
	if (o->rows && !o->flushed)
		align_flush(o);
	if (o->rows || sizeof(o->buf) - o->len < OUTPUT_ROW)
		return false;
	if (o->format == OUTPUT_JSON)
		append(o, o->any ? "\n]}\n" : "]}\n");
	if (o->format == OUTPUT_PEOPLE && note)
		append(o, note);
	return true;
}

void
output_sent(struct output *o)
{
	o->len = 0;
	o->flushed = false;
}
