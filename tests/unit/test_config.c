// links: supervisor/config.o supervisor/keys.o supervisor/value.o supervisor/address.o supervisor/problem.o supervisor/log.o supervisor/text.o -linih
/*
 * test_config.c - nat64.ini is read as it is meant, on the right lines, and printed as it is read
 *
 * The words of every refusal are in tests/bad-config; here it is what the parser makes of good and bad files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "supervisor/config.h"
#include "supervisor/text.h"
#include "tests/unit/unit.h"

#define TENANT "[tenant blue]\npool = 192.0.2.1\nsource = any\n"

static struct config config, other;
static struct problem_list problems;

/* Parse text; returns the number of problems. */
static unsigned
parse(const char *text)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	assert_non_null(in);
	problem_free(&problems);
	problem_init(&problems, "f");
	config_parse(&config, in, &problems);
	fclose(in);
	if (problems.n == 0)
		config_resolve(&config, 4, &problems);
	return problems.n;
}

/* Is there a problem on this line whose text holds words? */
static bool
problem(unsigned line, const char *words)
{
	for (unsigned i = 0; i < problems.n; i++)
		if (problems.item[i].line == line && strstr(problems.item[i].text, words))
			return true;
	problem_print(&problems, stderr);
	return false;
}

static void
defaults(void **state)
{
	const struct config_tenant *t = &config.tenant[0];

	(void)state;
	assert_int_equal(parse(TENANT), 0);
	assert_int_equal(config.tenants, 1);
	assert_string_equal(t->name_, "blue");
	assert_string_equal(t->device.s, "blue");
	assert_int_equal(t->workers, 4);
	assert_int_equal(t->mtu, 1500);
	assert_int_equal(t->mtu6, 1500);
	assert_int_equal(t->mtu4, 1500);
	assert_int_equal(t->prefix.n, 1);
	assert_int_equal(t->prefix.item[0].len, 96);
	assert_int_equal(t->router4, 0xc0000201);
	assert_memory_equal(t->router6.b, "\0\x64\xff\x9b\0\0\0\0\0\0\0\0\xc0\0\2\1", 16);
	assert_int_equal(t->allow.n, 0);
	assert_int_equal(t->max_sessions, 1 << 20);
	assert_int_equal(t->traffic_class, CONFIG_COPY_TOS);
	assert_string_equal(config.gateway.control.s, "/run/nat64/control.sock");
	assert_int_equal(config.gateway.metrics.n, 1);
	assert_int_equal(config.gateway.log_level, CONFIG_LOG_INFO);
}

static void
lists(void **state)
{
	(void)state;
	assert_int_equal(parse(TENANT "prefix = 2001:db8::/32\nprefix = 2001:db9::/32\nallow = 10.0.0.0/8\n"), 0);
	/* A list that stands has its own items only; the default is not the first of them. */
	assert_int_equal(config.tenant[0].prefix.n, 2);
	assert_int_equal(config.tenant[0].prefix.item[0].addr.b[3], 0xb8);
	assert_int_equal(config.lines.tenant[0].prefix[0], 4);
	assert_int_equal(config.lines.tenant[0].prefix[1], 5);
	assert_int_equal(config.lines.tenant[0].allow[0], 6);
	assert_int_equal(config.lines.tenant[0].deny[0], 0);
}

static void
derived(void **state)
{
	(void)state;
	assert_int_equal(parse("[gateway]\nrun-dir = /tmp/x\n" TENANT "mtu = 1400\nmtu4 = 1380\nworkers = 3\n"
			       "prefix = 2001:db8:122:344::/64\ndevice = d%d\n"), 0);
	assert_string_equal(config.gateway.control.s, "/tmp/x/control.sock");
	assert_int_equal(config.tenant[0].mtu6, 1400);
	assert_int_equal(config.tenant[0].mtu4, 1380);
	assert_int_equal(config.tenant[0].workers, 3);
	assert_int_equal(config.tenant[0].max_fragments, 1024);
	assert_string_equal(config.tenant[0].device.s, "d%d");
	/* RFC 6052 section 2.4: the u octet is stepped over */
	assert_memory_equal(config.tenant[0].router6.b, "\x20\1\xd\xb8\1\x22\3\x44\0\xc0\0\2\1\0\0\0", 16);
	assert_int_equal(parse(TENANT "workers = 16\n"), 0);
	assert_int_equal(config.tenant[0].max_fragments, 4096);
	assert_int_equal(parse(TENANT "workers = 16\nmax-fragments = 64\n"), 0);
	assert_int_equal(config.tenant[0].max_fragments, 64);
}

static void
lines(void **state)
{
	(void)state;
	/* Comments, blank lines, CR, a long comment and indentation do not move the count. */
	assert_int_equal(parse("# a\r\n\n;b\n[tenant blue]\r\n\tpool = 192.0.2.1\n\n  source = any ; why not\n  mtu = x\n"), 1);
	assert_true(problem(8, "mtu"));
	assert_int_equal(parse(TENANT "mtu = 1500\n\n\nmtu = 1501"), 1);
	assert_true(problem(7, "line 4 already"));
	assert_int_equal(config.tenant[0].mtu, 1500);
}

static void
indented_key_is_a_key(void **state)
{
	(void)state;
	assert_int_equal(parse("[tenant blue]\nsource = any\n pool = 192.0.2.1\n  mtu = 1400\n"), 0);
	assert_int_equal(config.tenant[0].mtu, 1400);
	assert_int_equal(config.tenant[0].source.n, 1);
}

static void
all_at_once(void **state)
{
	(void)state;
	assert_int_equal(parse("x = 1\n[gateway]\nspares = 99\nsparse = 1\n[tenant]\n[tenant a]\npool = 1\nmtu = 1\n"
			       "what\n[tenant a]\nhairpin = 7\n[nat64]\nmtu = 1\n"), 11);
	assert_true(problem(1, "before any section"));
	assert_true(problem(3, "spares"));
	assert_true(problem(4, "did you mean spares?"));
	assert_true(problem(5, "needs a name"));
	assert_true(problem(6, "[tenant a] source: is missing"));
	assert_true(problem(7, "[tenant a] pool"));
	assert_true(problem(8, "[tenant a] mtu"));
	assert_true(problem(9, "neither"));
	assert_true(problem(10, "line 6 already"));
	assert_true(problem(11, "hairpin"));
	assert_true(problem(12, "no such section"));
}

/* What cannot be read leaves a gap or the default, so that the rest can be judged. */
static void
gaps(void **state)
{
	(void)state;
	assert_int_equal(parse("[tenant blue]\npool = 192.0.2.1\npool = nonsense\npool = 192.0.2.3\nsource = any\nmtu = q\n"), 2);
	assert_int_equal(config.tenant[0].pool.n, 2);
	assert_int_equal(config.tenant[0].pool.item[1].first, 0xc0000203);
	assert_int_equal(config.lines.tenant[0].pool[1], 4);
	assert_int_equal(config.tenant[0].mtu, 1500);
	assert_true(config.broken[0]);
}

static void
limits(void **state)
{
	size_t room = 1 << 20;
	char *text = malloc(room);
	int at = 0;

	(void)state;
	for (int t = 0; t < CONFIG_MAX_TENANTS + 2; t++)
		at += snprintf(text + at, room - (size_t)at, "[tenant t%d]\npool = 192.0.2.%d\nsource = any\n", t, t);
	assert_int_equal(parse(text), 2);
	assert_int_equal(config.tenants, CONFIG_MAX_TENANTS);

	at = snprintf(text, room, TENANT);
	for (int i = 0; i < 65; i++)
		at += snprintf(text + at, room - (size_t)at, "allow = 10.0.%d.0/24\n", i);
	assert_int_equal(parse(text), 1);
	assert_true(problem(68, "more than 64 times"));

	/* A line as long as libinih's buffer allows, and one longer. */
	memset(text, 0, 1000);
	at = snprintf(text, room, TENANT "device = ");
	memset(text + at, 'x', 188);
	assert_int_equal(parse(text), 1);
	assert_true(problem(4, "device"));
	text[at + 188] = 'x';
	assert_int_equal(parse(text), 1);
	assert_true(problem(4, "longer than 197"));
	free(text);
}

static void
round_trip(void **state)
{
	char *text = NULL, *again = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(parse("[gateway]\nmetrics = off\n" TENANT "static = tcp 192.0.2.1:80 [2001:db8::80]:8080\nmtu = 1400\n"
			       "[tenant green]\npool = 198.51.100.0/24 ports 1-1023\nsource = 2001:db8::/32\n"
			       "prefix = 2001:db8:64::/96\n"), 0);
	text_config(out, &config);
	fclose(out);
	memcpy(&other, &config, sizeof(config));
	assert_int_equal(parse(text), 0);
	out = open_memstream(&again, &size);
	text_config(out, &config);
	fclose(out);
	assert_string_equal(text, again);
	assert_memory_equal(&other.tenant[1].pool.item[0], &config.tenant[1].pool.item[0], sizeof(struct config_pool));
	free(text);
	free(again);
}

static void
reference_is_accepted(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	text_reference(out);
	fclose(out);
	assert_int_equal(parse(text), 0);
	free(text);
}

static int
give_back(void **state)
{
	(void)state;
	problem_free(&problems);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(defaults, give_back), cmocka_unit_test_teardown(lists, give_back),
		cmocka_unit_test_teardown(derived, give_back), cmocka_unit_test_teardown(lines, give_back),
		cmocka_unit_test_teardown(indented_key_is_a_key, give_back),
		cmocka_unit_test_teardown(all_at_once, give_back), cmocka_unit_test_teardown(gaps, give_back),
		cmocka_unit_test_teardown(limits, give_back), cmocka_unit_test_teardown(round_trip, give_back),
		cmocka_unit_test_teardown(reference_is_accepted, give_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
