/*
 * value.c - the types of config.def: text to value and back
 *
 * One pair of functions per type, all of one signature, so that the table of keys can name them by the type's name and
 * a new key of a known type needs no code. Strict on purpose: a value that has to be guessed at (a trailing word, bits
 * behind a prefix, a number out of range) is a problem to report now, not traffic to lose later. Every refusal quotes
 * the text and says what to write.
 *
 * Must never: read a part of the text and ignore the rest.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include "supervisor/address.h"
#include "supervisor/value.h"

#define VALUE_NETNS_MAX 63		/* characters; nat64-ctld has room for so many */
#define VALUE_PORT_MIN 1024		/* of a pool entry that names no ports */

/* Refuse text: "text" followed by the words. Always returns false. */
__attribute__((format(printf, 3, 4))) static bool
value_refuse(struct value_why *why, const char *text, const char *format, ...)
{
	va_list args;
	int n;

	n = snprintf(why->s, sizeof(why->s), "\"%.80s%s\" ", text, strlen(text) > 80 ? "..." : "");
	va_start(args, format);
	vsnprintf(why->s + n, sizeof(why->s) - (size_t)n, format, args);
	va_end(args);
	return false;
}

static bool
value_number(uint32_t *out, const char *text, const struct value_range *range, struct value_why *why, const char *what,
	     const char *example)
{
	if (*text == '\0' || text[strspn(text, "0123456789")] != '\0')
		return value_refuse(why, text, "is not %s; write for example %s", what, example);
	if (!address_parse_number(out, text, range->max) || *out < range->min)
		return value_refuse(why, text, "is out of range; write %u to %u", range->min, range->max);
	return true;
}

/* text is one of the n words: its index goes to *out. */
static bool
value_word(uint32_t *out, const char *text, const char *const *words, uint32_t n, struct value_why *why)
{
	char list[128] = "";
	size_t at = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (strcmp(text, words[i]) == 0) {
			*out = i;
			return true;
		}
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s",
				       i == 0 ? "" : i + 1 < n ? ", " : " or ", words[i]);
	}
	return value_refuse(why, text, "is not known here; write %s", list);
}

#define VALUE_PARSE(type) \
	bool value_parse_##type(void *field, const char *text, const struct value_range *range, struct value_why *why)
#define VALUE_PRINT(type) \
	void value_print_##type(struct value_text *out, const void *field)

/* A type whose values are words, numbered by an enum in the same order. */
#define VALUE_WORDS(type, ...) \
static const char *const value_words_##type[] = { __VA_ARGS__ }; \
VALUE_PARSE(type) \
{ \
	(void)range; \
	return value_word(field, text, value_words_##type, sizeof(value_words_##type) / sizeof(char *), why); \
} \
VALUE_PRINT(type) \
{ \
	uint32_t word = *(const uint32_t *)field, n = sizeof(value_words_##type) / sizeof(char *); \
\
	snprintf(out->s, sizeof(out->s), "%s", word < n ? value_words_##type[word] : "?"); \
}
VALUE_WORDS(BOOL, "no", "yes")
VALUE_WORDS(LOG_LEVEL, "error", "warning", "info", "debug")
VALUE_WORDS(MODE, "nat64")
VALUE_WORDS(ZERO_CSUM, "compute", "drop")
VALUE_WORDS(INCOMING_SYN, "keep", "drop")
VALUE_WORDS(ICMP_ERRORS, "both", "ip6", "ip4", "none")
VALUE_WORDS(FILTERING, "endpoint-independent", "address-dependent")
VALUE_WORDS(SWITCH, "auto", "off")

static void
value_print_number(struct value_text *out, const void *field)
{
	snprintf(out->s, sizeof(out->s), "%u", *(const uint32_t *)field);
}

VALUE_PARSE(U32)
{
	char least[16];

	snprintf(least, sizeof(least), "%u", range->min);
	return value_number(field, text, range, why, "a number", least);
}

VALUE_PRINT(U32)
{
	value_print_number(out, field);
}

VALUE_PARSE(SECONDS)
{
	return value_number(field, text, range, why, "a number of seconds", "300");
}

VALUE_PRINT(SECONDS)
{
	value_print_number(out, field);
}

VALUE_PARSE(SIZE)
{
	size_t n = strlen(text);
	unsigned shift = 0;
	char digits[16];
	uint32_t number;
	uint64_t size;

	if (n > 0)
		shift = text[n - 1] == 'k' ? 10 : text[n - 1] == 'M' ? 20 : text[n - 1] == 'G' ? 30 : 0;
	if (shift > 0)
		n--;
	if (n >= sizeof(digits))
		return value_refuse(why, text, "is too large; write at most %u", range->max);
	memcpy(digits, text, n);
	digits[n] = '\0';
	if (!address_parse_number(&number, digits, UINT32_MAX))
		return value_refuse(why, text, "is not a size; write a number, then k, M or G or nothing, for example 1M");
	size = (uint64_t)number << shift;
	if (size < range->min || size > range->max)
		return value_refuse(why, text, "is out of range; write %u to %u", range->min, range->max);
	*(uint32_t *)field = (uint32_t)size;
	return true;
}

VALUE_PRINT(SIZE)
{
	uint32_t size = *(const uint32_t *)field;
	unsigned unit = 0;

	while (unit < 3 && size > 0 && size % 1024 == 0) {
		size /= 1024;
		unit++;
	}
	snprintf(out->s, sizeof(out->s), "%u%.*s", size, unit > 0, &"kMG"[unit > 0 ? unit - 1 : 0]);
}

VALUE_PARSE(WORKERS)
{
	if (strcmp(text, "auto") == 0) {
		*(uint32_t *)field = CONFIG_AUTO;
		return true;
	}
	return value_number(field, text, range, why, "a number of workers", "2, or auto");
}

VALUE_PRINT(WORKERS)
{
	if (*(const uint32_t *)field == CONFIG_AUTO)
		snprintf(out->s, sizeof(out->s), "auto");
	else
		value_print_number(out, field);
}

VALUE_PARSE(TRAFFIC_CLASS)
{
	if (strcmp(text, "copy") == 0) {
		*(uint32_t *)field = CONFIG_COPY_TOS;
		return true;
	}
	return value_number(field, text, range, why, "a traffic class", "0, or copy");
}

VALUE_PRINT(TRAFFIC_CLASS)
{
	if (*(const uint32_t *)field == CONFIG_COPY_TOS)
		snprintf(out->s, sizeof(out->s), "copy");
	else
		value_print_number(out, field);
}

/* Copy text if it fits and has no character that allowed() refuses. */
static bool
value_copy(struct config_text *out, const char *text, size_t max, bool (*allowed)(char))
{
	size_t n = strlen(text);

	if (n == 0 || n > max || n >= sizeof(out->s))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!allowed(text[i]))
			return false;
	memset(out, 0, sizeof(*out));
	memcpy(out->s, text, n);
	return true;
}

static bool
value_printable(char c)
{
	return !iscntrl((unsigned char)c);
}

static bool
value_name_character(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

static bool
value_device_character(char c)
{
	return isgraph((unsigned char)c) && c != '/' && c != ':';
}

VALUE_PARSE(PATH)
{
	(void)range;
	if (*text != '/')
		return value_refuse(why, text, "is not an absolute path; write one that begins with /");
	if (!value_copy(field, text, sizeof(struct config_text) - 1, value_printable))
		return value_refuse(why, text, "is longer than %zu bytes or has control characters; write a shorter path",
				    sizeof(struct config_text) - 1);
	return true;
}

VALUE_PRINT(PATH)
{
	const struct config_text *text = field;

	snprintf(out->s, sizeof(out->s), "%.*s", (int)sizeof(text->s), text->s);
}

VALUE_PARSE(DIRECTORY)
{
	if (strcmp(text, "off") == 0) {
		((struct config_text *)field)->s[0] = '\0';
		return true;
	}
	if (*text != '/')
		return value_refuse(why, text, "is neither off nor an absolute path; write one that begins with /");
	return value_parse_PATH(field, text, range, why);
}

VALUE_PRINT(DIRECTORY)
{
	if (*((const struct config_text *)field)->s)
		value_print_PATH(out, field);
	else
		snprintf(out->s, sizeof(out->s), "off");
}

VALUE_PARSE(NAME)
{
	(void)range;
	if (!value_copy(field, text, 31, value_name_character))
		return value_refuse(why, text, "is not a name; write at most 31 letters, digits, -, _ and .");
	return true;
}

VALUE_PRINT(NAME)
{
	value_print_PATH(out, field);
}

/* As the kernel takes it: at most 15 characters, one %d at most, which the kernel turns into a number. */
VALUE_PARSE(DEVICE)
{
	const char *percent = strchr(text, '%');

	(void)range;
	if (percent && (percent[1] != 'd' || strchr(percent + 1, '%')))
		return value_refuse(why, text, "is not a device name; only one %%d may stand in it, for example nat64-%%d");
	if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0 || strcmp(text, "all") == 0 || strcmp(text, "default") == 0 ||
	    !value_copy(field, text, 15, value_device_character))
		return value_refuse(why, text, "is not a device name; write at most 15 characters without /, : and spaces");
	return true;
}

VALUE_PRINT(DEVICE)
{
	value_print_PATH(out, field);
}

/* A file right below /run/netns, as `ip netns add` takes it; "" is nat64d's own, which is called own here. */
VALUE_PARSE(NETNS)
{
	(void)range;
	if (strcmp(text, "own") == 0) {
		((struct config_text *)field)->s[0] = '\0';
		return true;
	}
	if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0 ||
	    !value_copy(field, text, VALUE_NETNS_MAX, value_device_character))
		return value_refuse(why, text, "is no name of a network namespace; write own, or one that ip netns list "
				    "shows: at most %u characters without /, : and spaces", VALUE_NETNS_MAX);
	return true;
}

VALUE_PRINT(NETNS)
{
	if (*((const struct config_text *)field)->s)
		value_print_PATH(out, field);
	else
		snprintf(out->s, sizeof(out->s), "own");
}

VALUE_PARSE(LISTEN)
{
	struct config_listen *l = field;

	(void)range;
	memset(l, 0, sizeof(*l));
	if (strcmp(text, "off") == 0)
		return true;
	if (!address_parse_endpoint4(&l->ip4, &l->port, text, false))
		l->family = 4;
	else if (!address_parse_endpoint6(&l->ip6, &l->port, text, false))
		l->family = 6;
	else
		return value_refuse(why, text, "is not a listener; write 127.0.0.1:9640, [::1]:9640 or off");
	return true;
}

VALUE_PRINT(LISTEN)
{
	const struct config_listen *l = field;
	char addr[ADDRESS_TEXT];

	if (l->family == 0) {
		snprintf(out->s, sizeof(out->s), "off");
	} else if (l->family == 4) {
		address_print_ip4(addr, l->ip4);
		snprintf(out->s, sizeof(out->s), "%s:%u", addr, l->port);
	} else {
		address_print_ip6(addr, &l->ip6);
		snprintf(out->s, sizeof(out->s), "[%s]:%u", addr, l->port);
	}
}

VALUE_PARSE(IP4)
{
	const char *wrong = address_parse_ip4(field, text);

	(void)range;
	return wrong ? value_refuse(why, text, "%s", wrong) : true;
}

VALUE_PRINT(IP4)
{
	address_print_ip4(out->s, *(const uint32_t *)field);
}

VALUE_PARSE(IP6)
{
	const char *wrong = address_parse_ip6(field, text);

	(void)range;
	return wrong ? value_refuse(why, text, "%s", wrong) : true;
}

VALUE_PRINT(IP6)
{
	address_print_ip6(out->s, field);
}

VALUE_PARSE(NET4)
{
	const char *wrong = address_parse_net4(field, text, true);

	(void)range;
	return wrong ? value_refuse(why, text, "%s", wrong) : true;
}

VALUE_PRINT(NET4)
{
	address_print_net4(out->s, field);
}

VALUE_PARSE(NET6)
{
	const char *wrong;

	(void)range;
	if (strcmp(text, "any") == 0) {
		memset(field, 0, sizeof(struct net6));
		return true;
	}
	wrong = address_parse_net6(field, text, true);
	return wrong ? value_refuse(why, text, "%s", wrong) : true;
}

VALUE_PRINT(NET6)
{
	const struct net6 *net = field;

	if (net->len == 0)
		snprintf(out->s, sizeof(out->s), "any");
	else
		address_print_net6(out->s, net);
}

VALUE_PARSE(PREFIX6)
{
	const char *wrong = address_parse_net6(field, text, false);

	(void)range;
	return wrong ? value_refuse(why, text, "%s", wrong) : true;
}

VALUE_PRINT(PREFIX6)
{
	address_print_net6(out->s, field);
}

/* ADDR, ADDR-ADDR or ADDR/LEN. Returns NULL or what is wrong. */
static const char *
value_pool_addresses(struct config_pool *pool, char *text)
{
	char *dash = strchr(text, '-');
	const char *wrong;
	struct net4 net;

	if (strchr(text, '/')) {
		wrong = address_parse_net4(&net, text, false);
		if (wrong)
			return wrong;
		pool->first = net.addr;
		pool->last = net.len == 0 ? UINT32_MAX : net.addr | (uint32_t)(UINT64_C(0xffffffff) >> net.len);
		return NULL;
	}
	if (dash)
		*dash = '\0';
	wrong = address_parse_ip4(&pool->first, text);
	pool->last = pool->first;
	if (!wrong && dash)
		wrong = address_parse_ip4(&pool->last, dash + 1);
	if (wrong)
		return "is not ADDRESS, ADDRESS-ADDRESS or ADDRESS/LENGTH; write for example 192.0.2.1-192.0.2.8";
	return pool->last < pool->first ? "ends before it begins; write the lower address first" : NULL;
}

VALUE_PARSE(POOL)
{
	static const char shape[] =
		"is not a pool; write ADDRESS, ADDRESS-ADDRESS or ADDRESS/LENGTH, then optionally: ports A-B";
	struct config_pool *pool = field;
	char copy[128], *word[4], *save = NULL, *dash;
	uint32_t low = VALUE_PORT_MIN, high = UINT16_MAX;
	const char *wrong;
	int n = 0;

	(void)range;
	if (strlen(text) >= sizeof(copy))
		return value_refuse(why, text, "%s", shape);
	strcpy(copy, text);
	for (char *w = strtok_r(copy, " \t", &save); w && n < 4; w = strtok_r(NULL, " \t", &save))
		word[n++] = w;
	if ((n != 1 && n != 3) || (n == 3 && strcmp(word[1], "ports") != 0))
		return value_refuse(why, text, "%s", shape);
	memset(pool, 0, sizeof(*pool));
	wrong = value_pool_addresses(pool, word[0]);
	if (wrong)
		return value_refuse(why, text, "%s", wrong);
	if (n == 3) {
		dash = strchr(word[2], '-');
		if (dash)
			*dash = '\0';
		if (!dash || !address_parse_number(&low, word[2], UINT16_MAX) ||
		    !address_parse_number(&high, dash + 1, UINT16_MAX) || low == 0 || high < low)
			return value_refuse(why, text, "has wrong ports; write ports A-B with 1 <= A <= B <= 65535");
	}
	pool->port_min = (uint16_t)low;
	pool->port_max = (uint16_t)high;
	return true;
}

VALUE_PRINT(POOL)
{
	const struct config_pool *pool = field;
	char first[ADDRESS_TEXT], last[ADDRESS_TEXT];
	int n;

	address_print_ip4(first, pool->first);
	address_print_ip4(last, pool->last);
	n = snprintf(out->s, sizeof(out->s), "%s", first);
	if (pool->last != pool->first)
		n += snprintf(out->s + n, sizeof(out->s) - (size_t)n, "-%s", last);
	if (pool->port_min != VALUE_PORT_MIN || pool->port_max != UINT16_MAX)
		snprintf(out->s + n, sizeof(out->s) - (size_t)n, " ports %u-%u", pool->port_min, pool->port_max);
}

static const char *const value_protocols[NAT64_N_PROTOS] = { "tcp", "udp", "icmp" };

VALUE_PARSE(STATIC)
{
	static const char shape[] = "is not a static binding; write for example tcp 192.0.2.1:80 [2001:db8::80]:8080";
	struct config_static *s = field;
	char copy[160], *word[4], *save = NULL;
	const char *wrong;
	uint32_t proto;
	bool icmp;
	int n = 0;

	(void)range;
	if (strlen(text) >= sizeof(copy))
		return value_refuse(why, text, "%s", shape);
	strcpy(copy, text);
	for (char *w = strtok_r(copy, " \t", &save); w && n < 4; w = strtok_r(NULL, " \t", &save))
		word[n++] = w;
	if (n != 3)
		return value_refuse(why, text, "%s", shape);
	memset(s, 0, sizeof(*s));
	if (!value_word(&proto, word[0], value_protocols, NAT64_N_PROTOS, why))
		return false;
	s->proto = (uint8_t)proto;
	icmp = proto == NAT64_ICMP;
	wrong = address_parse_endpoint4(&s->ip4, &s->port4, word[1], icmp);
	if (wrong)
		return value_refuse(why, word[1], "%s", wrong);
	wrong = address_parse_endpoint6(&s->ip6, &s->port6, word[2], icmp);
	return wrong ? value_refuse(why, word[2], "%s", wrong) : true;
}

VALUE_PRINT(STATIC)
{
	const struct config_static *s = field;
	const char *proto = s->proto < NAT64_N_PROTOS ? value_protocols[s->proto] : "?";
	char ip4[ADDRESS_TEXT], ip6[ADDRESS_TEXT];

	address_print_ip4(ip4, s->ip4);
	address_print_ip6(ip6, &s->ip6);
	snprintf(out->s, sizeof(out->s), "%s %s:%u [%s]:%u", proto, ip4, s->port4, ip6, s->port6);
}
