/*
 * filter.c - which rows of a table are wanted
 *
 * A filter looks at columns by their kind, not by their name: ip4= passes a row when any of its IPv4 addresses is
 * the one asked for. So a new table has its filters for nothing.
 *
 * Must never: accept a value it does not understand in full; a filter that was misread shows the wrong rows.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ctl/filter.h"
#include "shm/counters.h"

void
filter_init(struct filter *f)
{
	*f = (struct filter){ .limit = UINT64_MAX };
}

static bool
parse_number(const char *text, uint64_t max, uint64_t *number)
{
	uint64_t n = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || n > (max - (uint64_t)(*text - '0')) / 10)
			return false;
		n = n * 10 + (uint64_t)(*text - '0');
	}
	*number = n;
	return true;
}

static bool
parse_tenant(struct filter *f, const char *value)
{
	return *value && (size_t)snprintf(f->tenant, sizeof(f->tenant), "%s", value) < sizeof(f->tenant);
}

static bool
parse_protocol(struct filter *f, const char *value)
{
	for (f->protocol = 0; f->protocol < NAT64_N_PROTOS; f->protocol++)
		if (strcmp(value, counters_proto_name[f->protocol]) == 0)
			return true;
	return false;
}

static bool
parse_ip6(struct filter *f, const char *value)
{
	char bare[INET6_ADDRSTRLEN + 2];
	size_t n = strlen(value);

	if (n > 2 && n < sizeof(bare) && value[0] == '[' && value[n - 1] == ']') {
		snprintf(bare, sizeof(bare), "%.*s", (int)(n - 2), value + 1);
		value = bare;
	}
	return inet_pton(AF_INET6, value, f->ip6.b) == 1;
}

static bool
parse_ip4(struct filter *f, const char *value)
{
	struct in_addr in;

	if (inet_pton(AF_INET, value, &in) != 1)
		return false;
	f->ip4 = ntohl(in.s_addr);
	return true;
}

static bool
parse_port(struct filter *f, const char *value)
{
	uint64_t n;

	if (!parse_number(value, 65535, &n))
		return false;
	f->port = (unsigned)n;
	return true;
}

static bool
parse_limit(struct filter *f, const char *value)
{
	return parse_number(value, UINT32_MAX, &f->limit) && f->limit > 0;
}

static const struct {
	const char *name, *help;
	bool (*parse)(struct filter *f, const char *value);
} filters[FILTER_N] = {
#define FILTER(name, value, help) [FILTER_##name] = { #name, help, parse_##name },
#include "ctl/filter.def"
};

/* Is name one of the words of list? */
static bool
word_in(const char *name, size_t n, const char *list)
{
	while (*list) {
		size_t length = strcspn(list, " ");

		if (length == n && strncmp(list, name, n) == 0)
			return true;
		list += length + strspn(list + length, " ");
	}
	return false;
}

bool
filter_parse(struct filter *f, const char *word, const char *allowed, char *error, size_t size)
{
	size_t n = strcspn(word, "=");

	for (unsigned i = 0; i < FILTER_N && word[n] == '='; i++) {
		if (strlen(filters[i].name) != n || strncmp(filters[i].name, word, n) != 0)
			continue;
		if (!word_in(word, n, allowed))
			break;
		if (!f->set[i] && filters[i].parse(f, word + n + 1)) {
			f->set[i] = true;
			return true;
		}
		if (f->set[i])
			snprintf(error, size, "%s: given twice", filters[i].name);
		else
			snprintf(error, size, "%s: not a value of this filter (%s)", word, filters[i].help);
		return false;
	}
	snprintf(error, size, "%s: no such filter here; there are: %s", word, allowed);
	return false;
}

bool
filter_match(const struct filter *f, const struct output_table *t, const struct output_value *row)
{
	bool tenant = !f->set[FILTER_tenant], protocol = !f->set[FILTER_protocol], ip6 = !f->set[FILTER_ip6];
	bool ip4 = !f->set[FILTER_ip4], port = !f->set[FILTER_port];

	for (unsigned i = 0; i < t->nfields; i++) {
		if (row[i].null)
			continue;
		switch (t->fields[i].kind) {
		case OUTPUT_TENANT:
			tenant |= strcmp(row[i].text, f->tenant) == 0;
			break;
		case OUTPUT_PROTOCOL:
			protocol |= row[i].number == f->protocol;
			break;
		case OUTPUT_IP6:
			ip6 |= addr_ip6_equal(&row[i].ip6, &f->ip6);
			break;
		case OUTPUT_PREFIX6:
			ip6 |= addr_in_net6(&f->ip6, &(struct net6){ row[i].ip6, (uint8_t)(row[i].number & 0xff) });
			break;
		case OUTPUT_IP4:
			ip4 |= row[i].number == f->ip4;
			break;
		case OUTPUT_PORT:
			port |= row[i].number == f->port;
			break;
		default:
			break;
		}
	}
	return tenant && protocol && ip6 && ip4 && port;
}
