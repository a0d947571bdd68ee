/*
 * align.c - rows for people: columns as wide as their widest cell
 *
 * The cells of a batch of rows are collected first and then written aligned. Columns only ever get wider from batch
 * to batch, and a batch is what one turn can send, so a table of a million rows is aligned nearly everywhere and
 * needs no more memory than one of ten. An address and the port after it become one column.
 *
 * Must never: write more than the buffer holds; batch() counts what align_flush will write before it takes a row.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "ctl/align.h"
#include "ctl/cell.h"

#define PADDED 48			/* a cell longer than this does not widen its column */
#define GAP 2

/* A line of cells is tab, cell, tab, cell, ..., newline; no cell holds either. */

/* Characters, not bytes. */
static unsigned
cell_width(const char *cell, size_t n)
{
	unsigned width = 0;

	for (size_t i = 0; i < n; i++)
		width += ((unsigned char)cell[i] & 0xc0) != 0x80;
	return width;
}

static bool
joins(const struct output_table *t, unsigned field)
{
	return field > 0 && t->fields[field].kind == OUTPUT_PORT &&
	       (t->fields[field - 1].kind == OUTPUT_IP6 || t->fields[field - 1].kind == OUTPUT_IP4);
}

static bool
right_aligned(const struct output_table *t, unsigned column)
{
	for (unsigned i = 0; i < t->nfields; i++)
		if (!joins(t, i) && column-- == 0)
			return t->fields[i].kind == OUTPUT_NUMBER;
	return false;
}

/* What the lines of the batch take when they are aligned, if each had n bytes more than its columns. */
static size_t
aligned_size(const struct output *o, const unsigned width[], unsigned rows)
{
	size_t line = 1;

	for (unsigned c = 0; c < o->columns; c++)
		line += width[c] + GAP;
	return line * rows + o->ncells;
}

void
align_flush(struct output *o)
{
	const char *p = o->cells, *end = o->cells + o->ncells;
	char *out = o->buf + o->len;

	while (p < end) {
		for (unsigned c = 0; c < o->columns; c++) {
			const char *cell = ++p;			/* behind the tab */
			size_t n = strcspn(cell, "\t\n");
			unsigned width = cell_width(cell, n);
			unsigned pad = width < o->width[c] ? o->width[c] - width : 0;
			bool right = right_aligned(o->table, c);

			for (unsigned i = 0; right && i < pad; i++)
				*out++ = ' ';
			memcpy(out, cell, n);
			out += n;
			for (unsigned i = 0; c + 1 < o->columns && i < (right ? 0 : pad) + GAP; i++)
				*out++ = ' ';
			p = cell + n;
		}
		*out++ = *p++;					/* the newline */
	}
	o->len = (size_t)(out - o->buf);
	o->ncells = 0;
	o->rows = 0;
	o->flushed = true;
}

/* Take a line of cells into the batch; when it no longer fits buf, align the batch before it. */
static void
batch(struct output *o, const char *line, size_t n)
{
	unsigned width[OUTPUT_FIELDS], c = 0;
	size_t size;

	memcpy(width, o->width, sizeof(width));
	for (const char *cell = line; *cell == '\t' && c < o->columns; c++) {
		size_t length = strcspn(++cell, "\t\n");
		unsigned w = cell_width(cell, length);

		if (w > width[c] && w <= PADDED)
			width[c] = w;
		cell += length;
	}
	size = aligned_size(o, width, o->rows + 1) + n;
	if (o->rows && (o->len + size > sizeof(o->buf) || o->ncells + n > sizeof(o->cells)))
		align_flush(o);
	memcpy(o->width, width, sizeof(width));
	memcpy(o->cells + o->ncells, line, n);
	o->ncells += n;
	o->rows++;
}

void
align_begin(struct output *o)
{
	const struct output_table *t = o->table;
	char line[OUTPUT_FIELDS * 64];
	size_t at = 0;

	for (unsigned i = 0; i < t->nfields; i++) {
		const char *name = t->fields[i].name;
		size_t n = strlen(name);

		if (joins(t, i))
			continue;
		o->columns++;
		if (t->fields[i].kind == OUTPUT_SECONDS && n > 8 && strcmp(name + n - 8, "_seconds") == 0)
			n -= 8;
		line[at++] = '\t';
		for (size_t k = 0; k < n && k < 60; k++)
			line[at++] = name[k] == '_' ? ' ' : (char)toupper((unsigned char)name[k]);
	}
	line[at++] = '\n';
	line[at] = '\0';
	batch(o, line, at);
}

void
align_row(struct output *o, const struct output_value *row)
{
	const struct output_table *t = o->table;
	char line[OUTPUT_ROW], cell[CELL_SIZE];
	size_t at = 0;

	for (unsigned i = 0; i < t->nfields && at < sizeof(line) - OUTPUT_ROW / 2; i++) {
		bool pair = i + 1 < t->nfields && joins(t, i + 1) && !row[i].null && !row[i + 1].null;
		bool brackets = pair && t->fields[i].kind == OUTPUT_IP6;

		if (joins(t, i)) {
			if (row[i].null || row[i - 1].null)
				continue;
			at += (size_t)snprintf(line + at, sizeof(line) - at, ":%" PRIu64, cell_number(&row[i]));
			continue;
		}
		cell_print(cell, &t->fields[i], &row[i], true);
		at += (size_t)snprintf(line + at, sizeof(line) - at, "\t%s%s%s", brackets ? "[" : "",
				       cell[0] ? cell : "-", brackets ? "]" : "");
	}
	line[at++] = '\n';
	line[at] = '\0';
	batch(o, line, at);
}
