// links: ctl/output.o ctl/align.o ctl/cell.o -ljansson
/*
 * test_ctl_output.c - one row, three formats
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/unit/unit.h"
#include "ctl/cell.h"
#include "ctl/output.h"

static const struct output_field fields[] = {
	{ "tenant", OUTPUT_TENANT }, { "protocol", OUTPUT_PROTOCOL }, { "ip6", OUTPUT_IP6 }, { "port6", OUTPUT_PORT },
	{ "ip4", OUTPUT_IP4 }, { "count", OUTPUT_NUMBER }, { "left_seconds", OUTPUT_SECONDS },
};
static const struct output_field head[] = {
	{ "version", OUTPUT_TEXT }, { "last.ok", OUTPUT_BOOL }, { "last.at", OUTPUT_NUMBER },
};
static const struct output_table table = {
	.list = "things", .head = head, .nhead = 3, .fields = fields, .nfields = 7,
};
static struct output o;
static char *text;

static void
collect(void)
{
	size_t n = strlen(text);

	assert_true(o.len <= sizeof(o.buf));
	text = realloc(text, n + o.len + 1);
	memcpy(text + n, o.buf, o.len);
	text[n + o.len] = '\0';
	output_sent(&o);
}

/* Render n rows in turns; the tenant's name is given. */
static const char *
document(enum output_format format, unsigned n, const char *tenant)
{
	struct output_value top[] = { output_text("1,\"2\""), output_number(1), output_null() };
	struct output_value row[] = {
		output_text(tenant), output_number(NAT64_UDP), output_ip6(&(struct ip6){ { 0x20, 1, 0xd, 0xb8 } }),
		output_number(80), output_number(0xc0000201), output_number(0), output_number(7440),
	};
	unsigned i = 0;

	free(text);
	text = calloc(1, 1);
	output_begin(&o, format, &table, top, "headline\n");
	for (;;) {
		while (i < n && output_room(&o)) {
			row[5].number = i++;
			if (i == 3)
				row[6] = output_null();
			output_row(&o, row);
		}
		assert_false(o.failed);
		if (i == n)
			break;
		collect();
	}
	while (!output_end(&o, "note\n"))
		collect();
	collect();
	return text;
}

static void
json(void **state)
{
	json_t *j;

	(void)state;
	assert_string_equal(document(OUTPUT_JSON, 1, "blue"),
		"{\"schema\":1,\"version\":\"1,\\\"2\\\"\",\"last\":{\"ok\":true,\"at\":null},\"things\":[\n"
		"{\"tenant\":\"blue\",\"protocol\":\"udp\",\"ip6\":\"2001:db8::\",\"port6\":80,\"ip4\":\"192.0.2.1\","
		"\"count\":0,\"left_seconds\":7440}\n]}\n");
	for (unsigned n = 0; n < 5000; n += 1 + n * 3) {
		j = json_loads(document(OUTPUT_JSON, n, "a\xff\xc3\xa9\n\xed\xa0\x80 \xc2\x9b"), 0, NULL);
		assert_non_null(j);
		assert_int_equal(json_array_size(json_object_get(j, "things")), n);
		json_decref(j);
	}
}

static void
csv(void **state)
{
	(void)state;
	assert_string_equal(document(OUTPUT_CSV, 1, "a,b\"c"),
		"version,last_ok,last_at,tenant,protocol,ip6,port6,ip4,count,left_seconds\n"
		"\"1,\"\"2\"\"\",true,,\"a,b\"\"c\",udp,2001:db8::,80,192.0.2.1,0,7440\n");
	assert_string_equal(document(OUTPUT_CSV, 0, ""),
		"version,last_ok,last_at,tenant,protocol,ip6,port6,ip4,count,left_seconds\n");
}

static void
people(void **state)
{
	(void)state;
	assert_string_equal(document(OUTPUT_PEOPLE, 3, "blue"),
		"headline\n"
		"TENANT  PROTOCOL  IP6              IP4        COUNT  LEFT\n"
		"blue    udp       [2001:db8::]:80  192.0.2.1      0  2 h 4 min\n"
		"blue    udp       [2001:db8::]:80  192.0.2.1      1  2 h 4 min\n"
		"blue    udp       [2001:db8::]:80  192.0.2.1      2  -\n"
		"note\n");
}

static void
many_rows_stay_aligned(void **state)
{
	unsigned lines = 0;
	const char *p;

	(void)state;
	p = strstr(document(OUTPUT_PEOPLE, 20000, "blue"), "\nblue") + 1;
	for (; strncmp(p, "blue", 4) == 0; p = strchr(p, '\n') + 1) {
		assert_int_equal(strncmp(p + 35, "192.0.2.1", 9), 0);
		lines++;
	}
	assert_int_equal(lines, 20000);
	assert_string_equal(p, "note\n");
}

static void
a_long_cell_overflows_nothing(void **state)
{
	char *name = malloc(5000);

	(void)state;
	memset(name, 'x', 4999);
	name[4999] = '\0';
	for (int f = 0; f < 3; f++)
		assert_true(strlen(document((enum output_format)f, 300, name)) > 300 * 2000);
	memset(name, '"', 4999);
	for (int f = 0; f < 3; f++)
		document((enum output_format)f, 300, name);
	free(name);
}

static void
duration(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} row[] = {
		{ 0, "0 s" }, { 59, "59 s" }, { 60, "1 min" }, { 299, "4 min 59 s" }, { 7440, "2 h 4 min" },
		{ 93784, "1 d 2 h" }, { 86400, "1 d" },
	};
	char buf[64];

	(void)state;
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_string_equal(cell_duration(buf, sizeof(buf), row[i].seconds), row[i].text);
	assert_true(strlen(cell_duration(buf, sizeof(buf), UINT64_MAX)) > 0);
}

static void
clean(void **state)
{
	char buf[32];

	(void)state;
	cell_clean(buf, sizeof(buf), "a\033[31m\xc3\xa9\tb\xe2\x82");
	assert_string_equal(buf, "a?[31m\xc3\xa9 b??");
	cell_clean(buf, 4, "ab\xe2\x82\xac");
	assert_string_equal(buf, "ab");
	cell_clean(buf, sizeof(buf), "\xc0\x80\xf4\x90\x80\x80\xc2\x85");
	assert_string_equal(buf, "????????");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json), cmocka_unit_test(csv), cmocka_unit_test(people),
		cmocka_unit_test(many_rows_stay_aligned), cmocka_unit_test(a_long_cell_overflows_nothing),
		cmocka_unit_test(duration), cmocka_unit_test(clean),
	};

	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	free(text);
	return rc;
}
