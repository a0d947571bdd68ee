/*
 * test_tcpstate.c - every state, every side, every combination of flags, against RFC 6146 section 3.5.2.2 in words
 */
#include <string.h>
#include "tests/unit/unit.h"
#include "worker/xlat/pkt.h"
#include "worker/xlat/tcpstate.h"

static const char *const name[TCP_N_STATES] = {
#define STATE(id) [TCP_##id] = #id,
	TCPNAME_STATES
#undef STATE
};
/* What the RFC calls TCP_TRANS is two timers here (RFC 7857 section 2.1). */
static const char *const timer[] = {
	[TCPSTATE_KEEP] = "not refreshed", [TCPSTATE_OPENING] = "TCP_TRANS, opening", [TCPSTATE_CLOSING] = "TCP_TRANS, closing",
	[TCPSTATE_ESTABLISHED] = "TCP_EST",
};

/* "other" stands for every event of the state that has no row of its own. */
static const struct {
	const char *state, *event, *next, *timer;
} rfc[] = {
	{ "none", "V6 SYN", "v6_init", "TCP_TRANS, opening" },
	{ "none", "V4 SYN", "v4_init", "TCP_TRANS, opening" },			/* in the BIB, no address-dependent filtering */
	{ "none", "other", "none", "not refreshed" },
	{ "v4_init", "V6 SYN", "established", "TCP_EST" },
	{ "v4_init", "other", "v4_init", "not refreshed" },
	{ "v6_init", "V4 SYN", "established", "TCP_EST" },
	{ "v6_init", "V6 SYN", "v6_init", "TCP_TRANS, opening" },
	{ "v6_init", "other", "v6_init", "not refreshed" },
	{ "established", "V4 FIN", "v4_fin_rcv", "TCP_EST" },
	{ "established", "V6 FIN", "v6_fin_rcv", "TCP_EST" },
	{ "established", "V4 RST", "trans", "TCP_TRANS, closing" },
	{ "established", "V6 RST", "trans", "TCP_TRANS, closing" },
	{ "established", "other", "established", "TCP_EST" },
	{ "v4_fin_rcv", "V6 FIN", "v4_v6_fin_rcv", "TCP_TRANS, closing" },
	{ "v4_fin_rcv", "other", "v4_fin_rcv", "TCP_EST" },
	{ "v6_fin_rcv", "V4 FIN", "v4_v6_fin_rcv", "TCP_TRANS, closing" },
	{ "v6_fin_rcv", "other", "v6_fin_rcv", "TCP_EST" },
	{ "v4_v6_fin_rcv", "other", "v4_v6_fin_rcv", "not refreshed" },
	{ "trans", "V4 RST", "trans", "not refreshed" },
	{ "trans", "V6 RST", "trans", "not refreshed" },
	{ "trans", "other", "established", "TCP_EST" },
};
#define ROWS (sizeof(rfc) / sizeof(rfc[0]))

static unsigned
row_of(const char *state, const char *event)
{
	for (unsigned i = 0; i < ROWS; i++)
		if (strcmp(rfc[i].state, state) == 0 && strcmp(rfc[i].event, event) == 0)
			return i;
	assert_string_not_equal(event, "other");
	return row_of(state, "other");
}

/* A segment is one event: a reset whatever else it is, then a SYN, then a FIN. */
static const char *
event_of(enum nat64_side from, unsigned flags)
{
	bool six = from == NAT64_FROM_IP6;

	if (flags & PKT_RST)
		return six ? "V6 RST" : "V4 RST";
	if (flags & PKT_SYN)
		return six ? "V6 SYN" : "V4 SYN";
	if (flags & PKT_FIN)
		return six ? "V6 FIN" : "V4 FIN";
	return "data";
}

static void
every_cell(void **state)
{
	(void)state;
	for (unsigned s = 0; s < TCP_N_STATES; s++)
		for (unsigned from = 0; from < NAT64_N_SIDES; from++)
			for (unsigned flags = 0; flags < 256; flags++) {
				struct tcpstate_move got = tcpstate_next(s, from, (uint8_t)flags);
				unsigned i = row_of(name[s], event_of(from, flags));

				assert_in_range(got.state, 0, TCP_N_STATES - 1);
				assert_string_equal(name[got.state], rfc[i].next);
				assert_string_equal(timer[got.timer], rfc[i].timer);
			}
}

/* No segment from the IPv4 side alone may keep a session for longer than the transitory time. */
static void
one_side_alone(void **state)
{
	(void)state;
	for (unsigned a = 0; a < 256; a++)
		for (unsigned b = 0; b < 256; b++) {
			struct tcpstate_move m = tcpstate_next(TCP_none, NAT64_FROM_IP4, PKT_SYN);

			m = tcpstate_next(m.state, NAT64_FROM_IP4, (uint8_t)a);
			assert_int_equal(m.timer, TCPSTATE_KEEP);
			m = tcpstate_next(m.state, NAT64_FROM_IP4, (uint8_t)b);
			assert_int_equal(m.timer, TCPSTATE_KEEP);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_cell), cmocka_unit_test(one_side_alone) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
