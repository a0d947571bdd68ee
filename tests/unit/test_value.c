// links: supervisor/value.o supervisor/address.o
/*
 * test_value.c - every type of config.def: what is read, what it becomes, what is refused and in which words
 */
#include <stdio.h>
#include <string.h>
#include "shm/addr.h"
#include "supervisor/value.h"
#include "tests/unit/unit.h"

typedef bool parse_fn(void *field, const char *text, const struct value_range *range, struct value_why *why);
typedef void print_fn(struct value_text *out, const void *field);

static const struct type {
	const char *name;
	parse_fn *parse;
	print_fn *print;
} types[] = {
#define CONFIG_TYPE(name, ctype) { #name, value_parse_##name, value_print_##name },
	CONFIG_TYPES
#undef CONFIG_TYPE
};

static const struct type *
type_named(const char *name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	fail_msg("no type %s", name);
	return NULL;
}

/* What is written is read, and printed as `printed` (NULL: as written), which reads back to the same. */
static const struct {
	const char *type, *text, *printed;
	struct value_range range;
} good[] = {
	{ "PATH", "/run/nat64", NULL, { 0, 0 } },
	{ "PATH", "/with a blank", NULL, { 0, 0 } },
	{ "NAME", "net-admin_1.x", NULL, { 0, 0 } },
	{ "NETNS", "own", NULL, { 0, 0 } },
	{ "NETNS", "blue", NULL, { 0, 0 } },
	{ "NETNS", "cni-0b5f1c9e-7c1d-4a6e-9b0a-3f6b7f7f0a11", NULL, { 0, 0 } },
	{ "NETNS", "sixty-three-letters-0123456789012345678901234567890123456789012", NULL, { 0, 0 } },
	{ "DEVICE", "nat64", NULL, { 0, 0 } },
	{ "DEVICE", "nat64-%d", NULL, { 0, 0 } },
	{ "DEVICE", "fifteen-letters", NULL, { 0, 0 } },
	{ "LISTEN", "off", NULL, { 0, 0 } },
	{ "LISTEN", "127.0.0.1:9640", NULL, { 0, 0 } },
	{ "LISTEN", "[::1]:1", NULL, { 0, 0 } },
	{ "LISTEN", "[::]:65535", NULL, { 0, 0 } },
	{ "LOG_LEVEL", "error", NULL, { 0, 0 } },
	{ "LOG_LEVEL", "debug", NULL, { 0, 0 } },
	{ "MODE", "nat64", NULL, { 0, 0 } },
	{ "BOOL", "yes", NULL, { 0, 0 } },
	{ "BOOL", "no", NULL, { 0, 0 } },
	{ "U32", "0", NULL, { 0, 5 } },
	{ "U32", "4294967295", NULL, { 0, UINT32_MAX } },
	{ "U32", "0005", "5", { 5, 5 } },
	{ "SIZE", "1", NULL, { 1, UINT32_MAX } },
	{ "SIZE", "1000", NULL, { 1, UINT32_MAX } },
	{ "SIZE", "1024", "1k", { 1, UINT32_MAX } },
	{ "SIZE", "64k", NULL, { 1, UINT32_MAX } },
	{ "SIZE", "1536k", NULL, { 1, UINT32_MAX } },
	{ "SIZE", "1024k", "1M", { 1, UINT32_MAX } },
	{ "SIZE", "3G", NULL, { 1, UINT32_MAX } },
	{ "SIZE", "0", NULL, { 0, 1 } },
	{ "SECONDS", "300", NULL, { 120, 86400 } },
	{ "WORKERS", "auto", NULL, { 1, 16 } },
	{ "WORKERS", "16", NULL, { 1, 16 } },
	{ "TRAFFIC_CLASS", "copy", NULL, { 0, 255 } },
	{ "TRAFFIC_CLASS", "255", NULL, { 0, 255 } },
	{ "ZERO_CSUM", "compute", NULL, { 0, 0 } },
	{ "ZERO_CSUM", "drop", NULL, { 0, 0 } },
	{ "ICMP_ERRORS", "both", NULL, { 0, 0 } },
	{ "ICMP_ERRORS", "ip6", NULL, { 0, 0 } },
	{ "ICMP_ERRORS", "ip4", NULL, { 0, 0 } },
	{ "ICMP_ERRORS", "none", NULL, { 0, 0 } },
	{ "SWITCH", "auto", NULL, { 0, 0 } },
	{ "SWITCH", "off", NULL, { 0, 0 } },
	{ "PREFIX6", "64:ff9b::/96", NULL, { 0, 0 } },
	{ "PREFIX6", "2001:DB8:0:0::/32", "2001:db8::/32", { 0, 0 } },
	{ "NET6", "any", NULL, { 0, 0 } },
	{ "NET6", "::/0", "any", { 0, 0 } },
	{ "NET6", "2001:db8::1", "2001:db8::1/128", { 0, 0 } },
	{ "NET6", "2001:db8:8000::/33", NULL, { 0, 0 } },
	{ "NET4", "10.0.0.0/8", NULL, { 0, 0 } },
	{ "NET4", "10.0.0.1", "10.0.0.1/32", { 0, 0 } },
	{ "NET4", "0.0.0.0/0", NULL, { 0, 0 } },
	{ "IP6", "2001:db8::1", NULL, { 0, 0 } },
	{ "IP6", "64:ff9b::192.0.2.1", "64:ff9b::c000:201", { 0, 0 } },
	{ "IP4", "192.0.2.255", NULL, { 0, 0 } },
	{ "POOL", "192.0.2.1", NULL, { 0, 0 } },
	{ "POOL", "192.0.2.1-192.0.2.1", "192.0.2.1", { 0, 0 } },
	{ "POOL", "192.0.2.0/24", "192.0.2.0-192.0.2.255", { 0, 0 } },
	{ "POOL", "192.0.2.1/32", "192.0.2.1", { 0, 0 } },
	{ "POOL", "0.0.0.0/0", "0.0.0.0-255.255.255.255", { 0, 0 } },
	{ "POOL", "192.0.2.1 ports 1024-65535", "192.0.2.1", { 0, 0 } },
	{ "POOL", "192.0.2.1-192.0.2.9  ports\t1-1", "192.0.2.1-192.0.2.9 ports 1-1", { 0, 0 } },
	{ "STATIC", "tcp 192.0.2.1:80 [2001:db8::80]:8080", NULL, { 0, 0 } },
	{ "STATIC", "udp  192.0.2.1:53\t[2001:db8::53]:53", "udp 192.0.2.1:53 [2001:db8::53]:53", { 0, 0 } },
	{ "STATIC", "icmp 192.0.2.1:0 [2001:db8::80]:65535", NULL, { 0, 0 } },
};

static void
reads_and_prints(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const struct type *type = type_named(good[i].type);
		uint8_t field[256] = { 0 }, again[256] = { 0 };
		struct value_text text, twice;
		struct value_why why = { "" };

		if (!type->parse(field, good[i].text, &good[i].range, &why))
			fail_msg("%s: %s", good[i].type, why.s);
		type->print(&text, field);
		assert_string_equal(text.s, good[i].printed ? good[i].printed : good[i].text);
		assert_true(type->parse(again, text.s, &good[i].range, &why));
		type->print(&twice, again);
		assert_string_equal(text.s, twice.s);
	}
}

/* Refused, and why holds these words. */
static const struct {
	const char *type, *text, *words;
	struct value_range range;
} bad[] = {
	{ "PATH", "run/nat64", "absolute", { 0, 0 } },
	{ "PATH", "/a\nb", "control characters", { 0, 0 } },
	{ "NAME", "two words", "not a name", { 0, 0 } },
	{ "NAME", "a2345678901234567890123456789012", "at most 31", { 0, 0 } },
	{ "NETNS", "", "network namespace", { 0, 0 } },
	{ "NETNS", ".", "network namespace", { 0, 0 } },
	{ "NETNS", "..", "network namespace", { 0, 0 } },
	{ "NETNS", "../../proc/1/ns/net", "without /", { 0, 0 } },
	{ "NETNS", "/run/netns/blue", "without /", { 0, 0 } },
	{ "NETNS", "blue green", "spaces", { 0, 0 } },
	{ "NETNS", "sixty-four-letters-01234567890123456789012345678901234567890123.", "at most 63", { 0, 0 } },
	{ "DEVICE", "sixteen-letters-", "at most 15", { 0, 0 } },
	{ "DEVICE", "%s", "%d", { 0, 0 } },
	{ "DEVICE", "a%d%d", "%d", { 0, 0 } },
	{ "DEVICE", "..", "device name", { 0, 0 } },
	{ "LISTEN", "127.0.0.1", "not a listener", { 0, 0 } },
	{ "LISTEN", "::1:9640", "[::1]:9640", { 0, 0 } },
	{ "LISTEN", "[::1]:65536", "not a listener", { 0, 0 } },
	{ "LISTEN", "[127.0.0.1]:80", "not a listener", { 0, 0 } },
	{ "LOG_LEVEL", "Info", "error, warning, info or debug", { 0, 0 } },
	{ "MODE", "siit", "write nat64", { 0, 0 } },
	{ "BOOL", "true", "no or yes", { 0, 0 } },
	{ "U32", "12 ", "not a number", { 0, 100 } },
	{ "U32", "+1", "not a number", { 0, 100 } },
	{ "U32", "0x10", "not a number", { 0, 100 } },
	{ "U32", "", "not a number", { 0, 100 } },
	{ "U32", "4294967296", "out of range; write 0 to 4294967295", { 0, UINT32_MAX } },
	{ "SIZE", "k", "not a size", { 1, 100 } },
	{ "SIZE", "1K", "not a size", { 1, 100 } },
	{ "SIZE", "4G", "out of range", { 1, UINT32_MAX } },
	{ "SIZE", "4294967297", "not a size", { 1, UINT32_MAX } },
	{ "SIZE", "99999999999999999999", "too large", { 1, UINT32_MAX } },
	{ "SECONDS", "5m", "\"5m\" is not a number of seconds; write for example 300", { 0, 600 } },
	{ "SECONDS", "119", "write 120 to 86400", { 120, 86400 } },
	{ "WORKERS", "0", "write 1 to 16", { 1, 16 } },
	{ "WORKERS", "all", "auto", { 1, 16 } },
	{ "TRAFFIC_CLASS", "256", "write 0 to 255", { 0, 255 } },
	{ "ICMP_ERRORS", "off", "both, ip6, ip4 or none", { 0, 0 } },
	{ "ZERO_CSUM", "keep", "compute or drop", { 0, 0 } },
	{ "SWITCH", "on", "auto or off", { 0, 0 } },
	{ "PREFIX6", "64:ff9b::", "no prefix length", { 0, 0 } },
	{ "PREFIX6", "64:ff9b::1/96", "write 64:ff9b::/96", { 0, 0 } },
	{ "PREFIX6", "64:ff9b::/129", "0 to 128", { 0, 0 } },
	{ "PREFIX6", "64:ff9b::/96x", "prefix length", { 0, 0 } },
	{ "NET6", "2001:db8::1/33", "write 2001:db8::/33", { 0, 0 } },
	{ "NET6", "10.0.0.0/8", "not an IPv6 prefix", { 0, 0 } },
	{ "NET4", "10.0.0.1/8", "write 10.0.0.0/8", { 0, 0 } },
	{ "NET4", "10.0.0.0/33", "0 to 32", { 0, 0 } },
	{ "NET4", "2001:db8::/32", "not an IPv4 prefix", { 0, 0 } },
	{ "IP6", "2001:db8::1%eth0", "not an IPv6 address", { 0, 0 } },
	{ "IP4", "192.0.2.010", "not an IPv4 address", { 0, 0 } },
	{ "IP4", "192.0.2", "not an IPv4 address", { 0, 0 } },
	{ "POOL", "", "not a pool", { 0, 0 } },
	{ "POOL", "192.0.2.1/24", "write 192.0.2.0/24", { 0, 0 } },
	{ "POOL", "192.0.2.2-192.0.2.1", "ends before it begins", { 0, 0 } },
	{ "POOL", "192.0.2.1 -192.0.2.2", "not a pool", { 0, 0 } },
	{ "POOL", "192.0.2.1 ports 1-2 3", "not a pool", { 0, 0 } },
	{ "POOL", "192.0.2.1 ports 0-2", "wrong ports", { 0, 0 } },
	{ "POOL", "192.0.2.1 ports 2-1", "wrong ports", { 0, 0 } },
	{ "POOL", "192.0.2.1 ports 80", "wrong ports", { 0, 0 } },
	{ "STATIC", "tcp 192.0.2.1:80", "not a static binding", { 0, 0 } },
	{ "STATIC", "sctp 192.0.2.1:80 [2001:db8::80]:80", "tcp, udp or icmp", { 0, 0 } },
	{ "STATIC", "tcp 192.0.2.1:0 [2001:db8::80]:80", "IPv4 address and port", { 0, 0 } },
	{ "STATIC", "tcp 192.0.2.1:80 2001:db8::80:80", "IPv6 address and port", { 0, 0 } },
	{ "STATIC", "tcp 192.0.2.1:80 [2001:db8::80]:80 x", "not a static binding", { 0, 0 } },
};

static void
refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct type *type = type_named(bad[i].type);
		uint8_t field[256] = { 0 };
		struct value_why why = { "" };

		if (type->parse(field, bad[i].text, &bad[i].range, &why))
			fail_msg("%s accepts \"%s\"", bad[i].type, bad[i].text);
		if (!strstr(why.s, bad[i].words))
			fail_msg("%s: \"%s\": %s", bad[i].type, bad[i].text, why.s);
	}
}

/* No type accepts, or is upset by, very long text and bytes that are no text. */
static void
garbage(void **state)
{
	char text[4096];

	(void)state;
	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
		for (unsigned byte = 1; byte < 256; byte++) {
			uint8_t field[256];
			struct value_why why;
			struct value_range range = { 0, UINT32_MAX };

			memset(text, (int)byte, sizeof(text));
			text[sizeof(text) - 1] = '\0';
			/* many zeros are a zero, to those who take numbers */
			if (byte != '0')
				assert_false(types[t].parse(field, text, &range, &why));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_prints), cmocka_unit_test(refuses), cmocka_unit_test(garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
