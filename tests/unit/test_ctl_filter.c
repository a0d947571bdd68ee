// links: ctl/filter.o
/*
 * test_ctl_filter.c - filters: what they accept, and what they let pass
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include "tests/unit/unit.h"
#include "ctl/filter.h"

#define ALL "tenant protocol ip6 ip4 port limit"

static void
values(void **state)
{
	static const struct {
		const char *word;
		bool good;
	} row[] = {
		{ "tenant=blue", true }, { "tenant=", false },
		{ "tenant=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
		{ "protocol=tcp", true }, { "protocol=icmp", true }, { "protocol=TCP", false },
		{ "protocol=6", false }, { "ip6=2001:db8::1", true }, { "ip6=[2001:db8::1]", true },
		{ "ip6=[]", false }, { "ip6=192.0.2.1", false }, { "ip4=192.0.2.1", true },
		{ "ip4=192.0.2", false }, { "ip4=192.0.2.1 ", false }, { "port=0", true },
		{ "port=65535", true }, { "port=65536", false }, { "port=-1", false }, { "port=", false },
		{ "port=1x", false }, { "limit=1", true }, { "limit=0", false },
		{ "limit=99999999999999999999", false },
		{ "tenant", false }, { "=", false }, { "", false }, { "nonsense=1", false }, { "tenan=1", false },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char error[256] = "";
		struct filter f;

		filter_init(&f);
		if (filter_parse(&f, row[i].word, ALL, error, sizeof(error)) != row[i].good)
			fail_msg("%s: %s", row[i].word, error);
		assert_int_equal(error[0] == '\0', row[i].good);
	}
}

static void
not_allowed_here(void **state)
{
	char error[256];
	struct filter f;

	(void)state;
	filter_init(&f);
	assert_false(filter_parse(&f, "port=80", "tenant limit", error, sizeof(error)));
	assert_string_equal(error, "port=80: no such filter here; there are: tenant limit");
	assert_true(filter_parse(&f, "limit=2", "tenant limit", error, sizeof(error)));
	assert_false(filter_parse(&f, "limit=2", "tenant limit", error, sizeof(error)));
	assert_string_equal(error, "limit: given twice");
}

static bool
passes(const char *words)
{
	static const struct output_field fields[] = {
		{ "tenant", OUTPUT_TENANT }, { "protocol", OUTPUT_PROTOCOL }, { "ip6", OUTPUT_IP6 },
		{ "port6", OUTPUT_PORT }, { "ip4", OUTPUT_IP4 }, { "remote_ip4", OUTPUT_IP4 },
		{ "remote_port4", OUTPUT_PORT }, { "number", OUTPUT_NUMBER },
	};
	static const struct output_table table = { .fields = fields, .nfields = 8 };
	struct output_value row[8] = {
		output_text("blue"), output_number(NAT64_UDP), output_null(), output_number(5000),
		output_number(0xc0000201), output_number(0xc0000202), output_null(), output_number(7),
	};
	char copy[128], error[256], *rest = NULL;
	struct filter f;

	row[2].null = false;
	inet_pton(AF_INET6, "2001:db8::1", row[2].ip6.b);
	filter_init(&f);
	snprintf(copy, sizeof(copy), "%s", words);
	for (char *w = strtok_r(copy, " ", &rest); w; w = strtok_r(NULL, " ", &rest))
		assert_true(filter_parse(&f, w, ALL, error, sizeof(error)));
	return filter_match(&f, &table, row);
}

static void
match(void **state)
{
	(void)state;
	assert_true(passes(""));
	assert_true(passes("tenant=blue protocol=udp ip6=2001:db8::1 ip4=192.0.2.1 port=5000"));
	assert_true(passes("ip4=192.0.2.2"));
	assert_true(passes("limit=1"));
	assert_false(passes("tenant=green"));
	assert_false(passes("protocol=tcp"));
	assert_false(passes("ip6=2001:db8::2"));
	assert_false(passes("ip4=192.0.2.3"));
	assert_false(passes("port=0"));
	assert_false(passes("port=7"));
	assert_false(passes("tenant=blue protocol=udp ip4=192.0.2.3"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values), cmocka_unit_test(not_allowed_here), cmocka_unit_test(match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
