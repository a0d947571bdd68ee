/*
 * cell.c - one value as text
 *
 * The texts come from the configuration, from the kernel and from the supervisor; they end on terminals and in
 * parsers. So what is not valid UTF-8, and every control character, is replaced here, once, for all formats.
 *
 * Must never: let a byte through that a terminal or a parser would take for something else than text.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "ctl/cell.h"
#include "shm/counters.h"

char *
cell_duration(char *buf, size_t size, uint64_t seconds)
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} unit[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	unsigned i = 0;
	uint64_t big, small;

	while (i < 3 && seconds < unit[i].seconds)
		i++;
	big = seconds / unit[i].seconds;
	small = i < 3 ? seconds % unit[i].seconds / unit[i + 1].seconds : 0;
	if (small)
		snprintf(buf, size, "%" PRIu64 " %s %" PRIu64 " %s", big, unit[i].name, small, unit[i + 1].name);
	else
		snprintf(buf, size, "%" PRIu64 " %s", big, unit[i].name);
	return buf;
}

/* The length of the UTF-8 sequence at p that is neither a control character nor malformed; 0: there is none. */
static size_t
utf8(const unsigned char *p)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 :
		   p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;

	if (n == 1)
		return p[0] >= 0x20 && p[0] != 0x7f;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if (p[0] == 0xc2 && p[1] < 0xa0)
		return 0;				/* C1 control characters */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90))
		return 0;				/* overlong, surrogate, too large */
	return n;
}

void
cell_clean(char *buf, size_t size, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t at = 0;

	while (*p) {
		size_t n = utf8(p);

		if (at + (n ? n : 1) >= size)
			break;
		if (n)
			memcpy(buf + at, p, n);
		else
			buf[at] = *p == '\t' || *p == '\n' ? ' ' : '?';
		at += n ? n : 1;
		p += n ? n : 1;
	}
	buf[at] = '\0';
}

uint64_t
cell_number(const struct output_value *v)
{
	return v->number <= INT64_MAX ? v->number : INT64_MAX;
}

static const char *
protocol(const struct output_value *v)
{
	return v->number < NAT64_N_PROTOS ? counters_proto_name[v->number] : "unknown";
}

void
cell_print(char cell[CELL_SIZE], const struct output_field *f, const struct output_value *v, bool people)
{
	uint32_t ip4 = htonl((uint32_t)v->number);

	cell[0] = '\0';
	if (v->null)
		return;
	switch (f->kind) {
	case OUTPUT_TEXT:
	case OUTPUT_TENANT:
		cell_clean(cell, CELL_SIZE, v->text);
		break;
	case OUTPUT_PROTOCOL:
		snprintf(cell, CELL_SIZE, "%s", protocol(v));
		break;
	case OUTPUT_BOOL:
		snprintf(cell, CELL_SIZE, "%s", people ? v->number ? "yes" : "no" : v->number ? "true" : "false");
		break;
	case OUTPUT_IP6:
		inet_ntop(AF_INET6, v->ip6.b, cell, CELL_SIZE);
		break;
	case OUTPUT_PREFIX6:
		inet_ntop(AF_INET6, v->ip6.b, cell, INET6_ADDRSTRLEN);
		snprintf(cell + strlen(cell), 8, "/%u", (unsigned)(v->number & 0xff));
		break;
	case OUTPUT_IP4:
		inet_ntop(AF_INET, &ip4, cell, CELL_SIZE);
		break;
	case OUTPUT_SECONDS:
		if (people) {
			cell_duration(cell, CELL_SIZE, cell_number(v));
			break;
		}
		/* fall through */
	case OUTPUT_NUMBER:
	case OUTPUT_PORT:
		snprintf(cell, CELL_SIZE, "%" PRIu64, cell_number(v));
		break;
	}
}
