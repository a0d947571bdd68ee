/*
 * test_counters.c - names, actions, sums over rows, the cells of ICMP
 */
#include <ctype.h>
#include <string.h>
#include "tests/unit/unit.h"
#include "shm/addr.h"
#include "shm/counters.h"

static struct counters_row row[3];

static void
one_name(const struct counters_info *info)
{
	assert_non_null(info->name);
	assert_true(strlen(info->name) > 2 && strlen(info->help) > 10);
	for (const char *c = info->name; *c; c++)
		assert_true(islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '_');
}

static void
names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NAT64_N_VERDICTS; i++) {
		one_name(&counters_verdict_info[i]);
		assert_true(counters_verdict_info[i].action < NAT64_N_ACTIONS);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(counters_verdict_info[i].name, counters_verdict_info[j].name);
	}
	for (unsigned i = 0; i < N_COUNTERS; i++) {
		one_name(&counters_info[i]);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(counters_info[i].name, counters_info[j].name);
	}
	for (unsigned i = 0; i < NAT64_N_ACTIONS; i++)
		assert_non_null(counters_action_name[i]);
	assert_string_equal(counters_side_name[NAT64_FROM_IP6], "ip6");
	assert_string_equal(counters_side_name[NAT64_FROM_IP4], "ip4");
	assert_string_equal(counters_proto_name[NAT64_TCP], "tcp");
	assert_string_equal(counters_proto_name[NAT64_UDP], "udp");
	assert_string_equal(counters_proto_name[NAT64_ICMP], "icmp");
	assert_int_equal(counters_verdict_info[NAT64_translated].action, NAT64_TRANSLATE);
	assert_int_equal(counters_verdict_info[NAT64_handed_over].action, NAT64_HAND_OVER);
	assert_int_equal(counters_verdict_info[NAT64_no_binding].action, NAT64_DROP);
	assert_int_equal(counters_verdict_info[NAT64_hop_limit].action, NAT64_REPLY);
}

/* Each cell gets a number of its own in each row; each sum must be that of its cell. */
static void
sums(void **state)
{
	uint64_t n = 1;

	(void)state;
	for (unsigned r = 0; r < 3; r++) {
		for (unsigned c = 0; c < N_COUNTERS; c++)
			counters_add_owner(&row[r].counter[c], n++ << 20);
		for (unsigned side = 0; side < NAT64_N_SIDES; side++) {
			for (unsigned v = 0; v < NAT64_N_VERDICTS; v++)
				counters_add_owner(&row[r].verdict[side][v], n++ << 20);
			for (unsigned t = 0; t < COUNTERS_ICMP_TYPES; t++)
				for (unsigned c = 0; c < COUNTERS_ICMP_CODES; c++)
					counters_add_owner(&row[r].icmp[side][t][c], n++ << 20);
		}
	}
	for (unsigned nrows = 0; nrows <= 3; nrows++) {
		for (unsigned c = 0; c < N_COUNTERS; c++) {
			uint64_t want = 0;

			for (unsigned r = 0; r < nrows; r++)
				want += row[r].counter[c];
			assert_true(counters_sum(row, nrows, c) == want);
		}
		for (unsigned side = 0; side < NAT64_N_SIDES; side++)
			for (unsigned v = 0; v < NAT64_N_VERDICTS; v++) {
				uint64_t want = 0, icmp = 0;

				for (unsigned r = 0; r < nrows; r++) {
					want += row[r].verdict[side][v];
					icmp += row[r].icmp[side][v % COUNTERS_ICMP_TYPES][v % COUNTERS_ICMP_CODES];
				}
				assert_true(counters_sum_verdict(row, nrows, side, v) == want);
				assert_true(counters_sum_icmp(row, nrows, side, v % COUNTERS_ICMP_TYPES,
							      v % COUNTERS_ICMP_CODES) == icmp);
			}
	}
}

/* Every type and code counts in exactly one cell: its own, or that of the others. */
static void
icmp_cells(void **state)
{
	static struct counters_row before, now;

	(void)state;
	for (unsigned side = 0; side < NAT64_N_SIDES; side++)
		for (unsigned type = 0; type < 256; type++)
			for (unsigned code = 0; code < 256; code++) {
				unsigned t = 0, c = code < 16 ? code : 16;

				while (t < COUNTERS_ICMP_TYPES - 1 && counters_icmp_type[side][t] != type)
					t++;
				before = now;
				counters_icmp_owner(&now, side, (uint8_t)type, (uint8_t)code);
				before.icmp[side][t][c]++;
				assert_memory_equal(&before, &now, sizeof(now));
			}
}

static void
icmp_types_are_known_once(void **state)
{
	(void)state;
	for (unsigned side = 0; side < NAT64_N_SIDES; side++)
		for (unsigned i = 0; i < COUNTERS_ICMP_TYPES - 1; i++)
			for (unsigned j = 0; j < i; j++)
				assert_int_not_equal(counters_icmp_type[side][i], counters_icmp_type[side][j]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names), cmocka_unit_test(sums), cmocka_unit_test(icmp_cells),
		cmocka_unit_test(icmp_types_are_known_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
