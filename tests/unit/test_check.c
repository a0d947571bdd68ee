// links: supervisor/check.o supervisor/config.o supervisor/keys.o supervisor/value.o supervisor/address.o supervisor/problem.o supervisor/log.o -linih
/*
 * test_check.c - what a configuration may take over from the one before in a single reload
 *
 * What one file says wrong is in tests/bad-config.
 */
#include <stdlib.h>
#include <string.h>
#include "supervisor/check.h"
#include "tests/unit/unit.h"

static struct config *old, *new;
static struct problem_list problems;

static int
setup(void **state)
{
	(void)state;
	old = calloc(1, sizeof(*old));
	new = calloc(1, sizeof(*new));
	return old && new ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	free(old);
	free(new);
	return 0;
}

static void
read_text(struct config *config, const char *text)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	memset(config, 0, sizeof(*config));
	problem_init(&problems, "f");
	config_parse(config, in, &problems);
	config_resolve(config, 1, &problems);
	check_config(config, &problems);
	fclose(in);
	assert_int_equal(problems.n, 0);
}

/* Tenant n of the file, whose name is one letter, gets this number. */
static void
move(struct config *config, uint32_t n, uint32_t number)
{
	config->tenant[number] = config->tenant[n];
	config->lines.tenant[number] = config->lines.tenant[n];
	memset(&config->tenant[n], 0, sizeof(config->tenant[n]));
	config->tenants = number + 1;
}

/* What is said of the reload; empty: it can be. */
static const char *
said(void)
{
	static char text[400];

	problem_init(&problems, "f");
	check_reload(new, old, &problems);
	problem_summary(&problems, text, sizeof(text));
	if (problems.n == 0)
		text[0] = '\0';
	problem_free(&problems);
	return text;
}

#define A "[tenant a]\npool = 192.0.2.0/28\nprefix = 2001:db8:a::/96\nsource = any\nwkp-strict = no\n"
#define B "[tenant b]\npool = 192.0.2.16/28\nprefix = 2001:db8:b::/96\nsource = any\nwkp-strict = no\n"

static void
others(void **state)
{
	(void)state;
	read_text(old, A B);
	read_text(new, A B);
	assert_string_equal(said(), "");
	read_text(new, "[tenant a]\npool = 192.0.2.0/29\nprefix = 2001:db8:aa::/96\nsource = any\n" B);
	assert_string_equal(said(), "");
}

/* b stays, and a wants what b gives up. */
static void
from_one_that_stays(void **state)
{
	(void)state;
	read_text(old, A B);
	read_text(new, "[tenant a]\npool = 192.0.2.0/28\npool = 192.0.2.31\nprefix = 2001:db8:a::/96\nsource = any\n"
		  "[tenant b]\npool = 192.0.2.16/29\nprefix = 2001:db8:b::/96\nsource = any\n");
	assert_non_null(strstr(said(), "f:3: [tenant a] pool: [tenant b] has addresses of it"));
	read_text(new, "[tenant a]\npool = 192.0.2.0/28\nprefix = 2001:db8:a::/96\nprefix = 2001:db8:b::/96\nsource = any\n"
		  "[tenant b]\npool = 192.0.2.16/28\nprefix = 2001:db8:bb::/96\nsource = any\n");
	assert_non_null(strstr(said(), "f:4: [tenant a] prefix: [tenant b] has the route"));
	read_text(new, "[tenant a]\npool = 192.0.2.0/28\nprefix = 2001:db8:a::/96\nprefix = 2001:db8:b::/96\nsource = any\n"
		  "routes = no\n[tenant b]\npool = 192.0.2.16/28\nprefix = 2001:db8:bb::/96\nsource = any\n");
	assert_string_equal(said(), "");

	/* what b gave up earlier and still drains */
	read_text(new, "[tenant a]\npool = 192.0.2.0/28\npool = 192.0.2.65\nprefix = 2001:db8:a::/96\nsource = any\n" B);
	assert_string_equal(said(), "");
	old->tenant[1].leaving_.n = 1;
	old->tenant[1].leaving_.item[0] = (struct config_pool) { 0xc0000240, 0xc0000247, 1024, 65535 };
	assert_non_null(strstr(said(), "[tenant b] has addresses of it"));
}

/* b is removed: c, with a number of its own, can have all but the device. */
static void
from_one_that_leaves(void **state)
{
	(void)state;
	read_text(old, A B);
	read_text(new, A "[tenant c]\npool = 192.0.2.16/28\nprefix = 2001:db8:b::/96\nsource = any\n");
	move(new, 1, 2);
	assert_string_equal(said(), "");
	read_text(new, A "[tenant c]\npool = 192.0.2.16/28\nprefix = 2001:db8:b::/96\nsource = any\ndevice = b\n");
	move(new, 1, 2);
	assert_non_null(strstr(said(), "[tenant c] device: b is the device of [tenant b] until that is gone"));
	read_text(new, A "[tenant c]\npool = 192.0.2.16/28\nprefix = 2001:db8:b::/96\nsource = any\ndevice = b%d\n");
	move(new, 1, 2);
	assert_string_equal(said(), "");
}

static void
routes(void **state)
{
	(void)state;
	read_text(old, A B);
	assert_false(check_routes_meet(&old->tenant[0], &old->tenant[1]));
	read_text(new, "[tenant c]\npool = 192.0.2.31\nprefix = 2001:db8:c::/96\nsource = any\n");
	assert_true(check_routes_meet(&new->tenant[0], &old->tenant[1]));
	assert_false(check_routes_meet(&new->tenant[0], &old->tenant[0]));
	new->tenant[0].routes = false;
	assert_false(check_routes_meet(&new->tenant[0], &old->tenant[1]));
	read_text(new, "[tenant c]\npool = 192.0.2.77\nprefix = 2001:db8:b::/64\nsource = any\n");
	assert_true(check_routes_meet(&new->tenant[0], &old->tenant[1]));
	assert_false(check_routes_meet(&new->tenant[0], &old->tenant[0]));
	old->tenant[0].leaving_.n = 1;
	old->tenant[0].leaving_.item[0] = (struct config_pool) { 0xc000024d, 0xc000024d, 1024, 65535 };
	assert_true(check_routes_meet(&new->tenant[0], &old->tenant[0]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(others), cmocka_unit_test(from_one_that_stays), cmocka_unit_test(from_one_that_leaves),
		cmocka_unit_test(routes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
