/*
 * output.h - rows of typed values, as text for people, JSON or CSV
 */
#ifndef CTL_OUTPUT_H
#define CTL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include "shm/addr.h"

#define OUTPUT_SIZE (64 * 1024)		/* what one turn renders at most */
#define OUTPUT_ROW 8192			/* what one row may take */
#define OUTPUT_FIELDS 24		/* of one table */
/* How many fields there are in an array of them, for a table; with more than a table may have it does not compile. */
#define OUTPUT_COUNT(array) \
	(sizeof(array) / sizeof((array)[0]) + 0 * sizeof(char[sizeof(array) / sizeof((array)[0]) <= OUTPUT_FIELDS ? 1 : -1]))

enum output_format { OUTPUT_PEOPLE, OUTPUT_JSON, OUTPUT_CSV };

enum output_kind {
	OUTPUT_TEXT,
	OUTPUT_NUMBER,
	OUTPUT_BOOL,
	OUTPUT_SECONDS,			/* people read 2 h 4 min */
	OUTPUT_TENANT,			/* a text; the filter tenant= looks here */
	OUTPUT_PROTOCOL,		/* enum nat64_proto; filter protocol= */
	OUTPUT_IP6,			/* filter ip6= */
	OUTPUT_PREFIX6,			/* an IPv6 prefix, number: its length; filter ip6=: an address in it */
	OUTPUT_IP4,			/* filter ip4= */
	OUTPUT_PORT,			/* filter port=; people read it together with the address before it */
};

/* A column. In JSON a name a.b is member b of object a; in CSV it is a_b. */
struct output_field {
	const char *name;
	enum output_kind kind;
};

/* What a command shows: some values at the top, then a list of rows. */
struct output_table {
	const char *list;		/* the list's name in JSON */
	const struct output_field *head, *fields;
	unsigned nhead, nfields;
};

struct output_value {
	bool null;			/* JSON null, CSV nothing, people - */
	const char *text;
	uint64_t number;		/* also an IPv4 address, a port, a protocol, a bool, a length */
	struct ip6 ip6;
};

static inline struct output_value
output_text(const char *text)
{
	return (struct output_value){ .text = text };
}

static inline struct output_value
output_number(uint64_t number)
{
	return (struct output_value){ .number = number };
}

static inline struct output_value
output_ip6(const struct ip6 *ip6)
{
	return (struct output_value){ .ip6 = *ip6 };
}

static inline struct output_value
output_null(void)
{
	return (struct output_value){ .null = true };
}

/*
 * One document being rendered. buf[0 .. len) is ready to be sent; whoever sends all of it calls output_sent, and
 * rendering goes on.
 */
struct output {
	enum output_format format;
	const struct output_table *table;
	bool failed;			/* no memory for a row: the document must not end as if it were whole */
	bool any;			/* a row has been rendered */
	bool flushed;			/* people: this turn's batch is in buf */
	unsigned columns, rows;		/* people: columns; rows in the batch */
	unsigned width[OUTPUT_FIELDS];
	size_t len, ncells, nprefix;
	char prefix[2048];		/* CSV: the head, before each row */
	char cells[OUTPUT_SIZE];	/* people: the batch, not aligned yet */
	char buf[OUTPUT_SIZE];
};

/* Begin a document. head has table->nhead values; headline is shown to people above the rows, or NULL. */
void output_begin(struct output *o, enum output_format format, const struct output_table *table,
		  const struct output_value *head, const char *headline);

/* Is there room for another row in this turn? */
bool output_room(const struct output *o);

/* Render a row of table->nfields values. Call it only when there is room. */
void output_row(struct output *o, const struct output_value *row);

/*
 * All rows are in: end the document, with a note for people or NULL. Returns false when buf must be sent first: then
 * call it again.
 */
bool output_end(struct output *o, const char *note);

/* All of buf was sent. */
void output_sent(struct output *o);

#endif
