// links: supervisor/reader.o supervisor/calls.o supervisor/caps.o supervisor/memory.o supervisor/config.o supervisor/check.o supervisor/keys.o supervisor/value.o supervisor/address.o supervisor/text.o supervisor/problem.o supervisor/log.o -linih -lseccomp -lcap-ng
/*
 * test_reader.c - what nat64d makes of what its reader has left
 *
 * An honest image comes through as it is. Of a hostile one nothing comes in that no file could have said: whatever is accepted
 * prints as a file that reads back to the same.
 */
#include <stdlib.h>
#include <string.h>
#include "supervisor/check.h"
#include "supervisor/keys.h"
#include "supervisor/reader.h"
#include "supervisor/text.h"
#include "tests/unit/unit.h"

static const char ini[] =
	"[gateway]\nrun-dir = /tmp/x\nmetrics = [::1]:9640\nmetrics = 127.0.0.1:9640\nsnapshot-dir = /var/lib/nat64\n"
	"[tenant blue]\npool = 192.0.2.1-192.0.2.9 ports 2000-3000\npool = 198.51.100.0/29\nsource = 2001:db8::/32\n"
	"prefix = 2001:db8:64::/48\nallow = 203.0.113.0/24\ndeny = 8.8.8.8\nstatic = tcp 192.0.2.1:2080 [2001:db8::80]:8080\n"
	"filtering = address-dependent\ntraffic-class = 46\nworkers = 3\nmtu = 1400\n"
	"[tenant green]\npool = 192.0.2.77\nsource = any\ndevice = nat64-%d\nmtu4 = 1300\nicmp-errors = ip6\n";

static struct reader_image *honest, *image;
static struct config *config, *again;
static struct problem_list problems;

/* What a reader leaves of this text. */
static void
read_text(struct reader_image *out, const char *text)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	struct problem_list found;

	memset(out, 0, sizeof(*out));
	problem_init(&found, "f");
	config_parse(&out->config, in, &found);
	fclose(in);
	out->n = found.n;
	for (unsigned i = 0; i < found.n; i++) {
		out->problem[i].line = found.item[i].line;
		snprintf(out->problem[i].text, READER_TEXT, "%s", found.item[i].text);
	}
	out->done = READER_DONE;
	problem_free(&found);
}

static int
setup(void **state)
{
	(void)state;
	honest = calloc(1, sizeof(*honest));
	image = calloc(1, sizeof(*image));
	config = calloc(1, sizeof(*config));
	again = calloc(1, sizeof(*again));
	assert_true(honest && image && config && again);
	read_text(honest, ini);
	assert_int_equal(honest->n, 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	free(honest);
	free(image);
	free(config);
	free(again);
	return 0;
}

static bool
take(void)
{
	problem_init(&problems, "f");
	return reader_take(config, &problems, image);
}

static void
comes_through(void **state)
{
	(void)state;
	memcpy(image, honest, sizeof(*image));
	assert_true(take());
	assert_int_equal(problems.n, 0);
	assert_memory_equal(&config->gateway, &honest->config.gateway, sizeof(config->gateway));
	assert_int_equal(config->tenants, 2);
	assert_memory_equal(config->tenant, honest->config.tenant, sizeof(config->tenant));
	assert_memory_equal(&config->lines, &honest->config.lines, sizeof(config->lines));
}

static void
problems_come_through(void **state)
{
	(void)state;
	read_text(image, "[tenant blue]\nmtu = 7\ncolour = red\npool = 192.0.2.1\n");
	assert_int_equal(image->n, 3);
	assert_true(take());
	assert_int_equal(problems.n, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(problems.item[i].line, image->problem[i].line);
		assert_string_equal(problems.item[i].text, image->problem[i].text);
	}
	assert_true(config->broken[0]);
	problem_free(&problems);
	/* More than are kept, without an end, with something for the terminal in it. */
	image->n = UINT32_MAX;
	for (unsigned i = 0; i < PROBLEM_MAX; i++)
		memset(image->problem[i].text, '\033', READER_TEXT);
	assert_true(take());
	assert_int_equal(problems.n, UINT32_MAX);
	assert_int_equal(strlen(problems.item[0].text), READER_TEXT - 1);
	assert_null(strchr(problems.item[PROBLEM_MAX - 1].text, '\033'));
	problem_free(&problems);
}

/* One field that no file can set so. */
#define REFUSED(field, value) do { \
	memcpy(image, honest, sizeof(*image)); \
	image->field = value; \
	if (take()) \
		fail_msg("%s = %s was taken", #field, #value); \
	problem_free(&problems); \
} while (0)

static void
refused(void **state)
{
	(void)state;
	REFUSED(done, 0);
	REFUSED(config.tenants, CONFIG_MAX_TENANTS + 1);
	REFUSED(config.tenants, UINT32_MAX);
	REFUSED(config.tenants, 0);
	REFUSED(config.tenant[0].pool.n, 65);
	REFUSED(config.tenant[0].pool.n, 0);
	REFUSED(config.tenant[0].static_.n, UINT32_MAX);
	REFUSED(config.gateway.metrics.n, 5);
	REFUSED(config.tenant[0].workers, 17);
	REFUSED(config.tenant[0].mtu, 0);
	REFUSED(config.tenant[0].mtu, 65536);
	REFUSED(config.tenant[0].mtu6, 1);		/* to be derived: it is on no line */
	REFUSED(config.tenant[0].hairpin, 2);
	REFUSED(config.tenant[0].filtering, UINT32_MAX);
	REFUSED(config.tenant[0].mode, 1);
	REFUSED(config.tenant[0].traffic_class, 257);
	REFUSED(config.tenant[0].prefix.item[0].len, 129);
	REFUSED(config.tenant[0].pool.item[0].last, 0);
	REFUSED(config.tenant[0].pool.item[0].port_min, 0);
	REFUSED(config.tenant[0].static_.item[0].proto, 3);
	REFUSED(config.gateway.run_dir.s[0], 'x');
	REFUSED(config.gateway.run_dir.s[1], '\n');
	REFUSED(config.tenant[1].device.s[0], '/');
	REFUSED(config.tenant[1].name_[0], '/');
	REFUSED(config.tenant[1].name_[0], '\0');
	memcpy(image, honest, sizeof(*image));
	memcpy(image->config.tenant[1].name_, "blue", 5);
	assert_false(take());
	memcpy(image, honest, sizeof(*image));
	memset(&image->config.gateway.run_dir, '/', sizeof(struct config_text));
	assert_false(take());
	memcpy(image, honest, sizeof(*image));
	memset(image->config.tenant[0].name_, 'a', CONFIG_NAME_MAX);
	assert_false(take());
}

/* Every value of a section reads back to itself. */
static void
sound(const char *kind, const void *section, const uint32_t *lines)
{
	for (unsigned k = 0; k < keys_n; k++) {
		const struct keys_row *row = &keys_rows[k];
		uint32_t n = strcmp(row->section, kind) == 0 ? keys_count(row, section) : 0;

		if (n > 0 && !row->list && lines[row->lines] == 0 && !*row->def)
			continue;
		assert_true(n <= row->count);
		for (uint32_t i = 0; i < n; i++) {
			uint64_t value[32] = { 0 };
			struct value_text text;
			struct value_why why;

			row->print(&text, keys_value(row, section, i));
			assert_true(row->parse(value, text.s, &row->range, &why));
			assert_memory_equal(value, keys_value(row, section, i), row->size);
		}
	}
}

/* Random bytes over an honest image: refused, or sound; deriving and checking go through in any case. */
static void
spoilt(void **state)
{
	uint64_t seed = 88172645463325252u;
	unsigned taken = 0;

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		size_t size = sizeof(image->config.gateway) + sizeof(uint32_t) + 2 * sizeof(struct config_tenant);
		uint8_t *bytes = (uint8_t *)&image->config;

		if (round % 4 == 3) {
			bytes = (uint8_t *)&image->config.lines;
			size = sizeof(image->config.lines);
		}
		memcpy(image, honest, sizeof(*image));
		for (unsigned i = 0; i <= round % 5; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			bytes[(seed >> 20) % size] = (uint8_t)(seed >> 56);
		}
		if (take()) {
			taken++;
			sound("gateway", &config->gateway, &config->lines.gateway.section);
			for (uint32_t t = 0; t < config->tenants; t++)
				sound("tenant", &config->tenant[t], &config->lines.tenant[t].section);
			config_resolve(config, 2, &problems);
			check_config(config, &problems);
		}
		problem_free(&problems);
	}
	assert_true(taken > 300 && taken < 3000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_through), cmocka_unit_test(problems_come_through), cmocka_unit_test(refused),
		cmocka_unit_test(spoilt),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
