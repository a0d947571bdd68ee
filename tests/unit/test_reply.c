/*
 * test_reply.c - whom an error of the gateway's own may go to, and which; also for packets that never get so far
 *
 * What translate.c lets come to reply_error has been looked at before. The contract holds without that.
 */
#include "tests/unit/unit.h"
#include "tests/world.h"
#include "worker/xlat/pkt.h"
#include "worker/xlat/reply.h"

static struct world w;
static uint8_t buffer[LAYOUT_HEADROOM + 2000];

static int
setup(void **state)
{
	(void)state;
	w.config = world_config();
	w.config.workers = 2;
	world_open(&w);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	world_close(&w);
	return 0;
}

/* A packet of 100 bytes; which bytes does not matter. */
static struct pkt
packet(enum nat64_side from, const char *src, const char *dst)
{
	struct pkt p = { .data = buffer + LAYOUT_HEADROOM, .len = 100, .from = (uint8_t)from };

	if (from == NAT64_FROM_IP6) {
		p.src.ip6 = world_ip6(src);
		p.dst.ip6 = world_ip6(dst);
	} else {
		p.src.ip4 = world_ip4(src);
		p.dst.ip4 = world_ip4(dst);
	}
	return p;
}

/* Type and code of the error, as type << 8 | code; 0: none. */
static unsigned
answer(const struct pkt *p, enum nat64_verdict why, uint32_t now)
{
	struct nat64_packet out = { .data = p->data, .len = p->len };

	reply_error(&w.worker[0], p, why, 1400, now, &out);
	if (out.len == 0)
		return 0;
	assert_int_equal(out.len, p->len + 8u + (p->from == NAT64_FROM_IP6 ? 40u : 20u));
	return (unsigned)p->data[-8] << 8 | p->data[-7];
}

static void
which(void **state)
{
	static const struct {
		enum nat64_verdict why;
		unsigned to6, to4;
	} row[] = {
		{ NAT64_hop_limit, 0x300, 0xb00 }, { NAT64_too_big, 0x200, 0x304 }, { NAT64_ports_exhausted, 0x103, 0x301 },
		{ NAT64_destination_denied, 0x101, 0x30d }, { NAT64_protocol_unsupported, 0x104, 0x302 },
		{ NAT64_routing_header, 0x400, 0 }, { NAT64_source_route, 0, 0x305 }, { NAT64_syn_unanswered, 0, 0x303 },
	};
	struct pkt six = packet(NAT64_FROM_IP6, "2001:db8::1", "64:ff9b::203.0.113.5");
	struct pkt four = packet(NAT64_FROM_IP4, "203.0.113.5", "192.0.2.1");

	(void)state;
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		if (row[i].to6)
			assert_int_equal(answer(&six, row[i].why, 1 + i), row[i].to6);
		if (row[i].to4)
			assert_int_equal(answer(&four, row[i].why, 1 + i), row[i].to4);
	}
}

/* RFC 4443 section 2.4 e, RFC 1122 section 3.2.2: never about these. */
static void
never(void **state)
{
	static const char *const no_host6[] = { "::", "::1", "ff02::1", "fe80::1" };
	static const char *const no_host4[] = { "0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255" };
	struct pkt p;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		p = packet(NAT64_FROM_IP6, no_host6[i], "64:ff9b::203.0.113.5");
		assert_int_equal(answer(&p, NAT64_hop_limit, 10), 0);
		p = packet(NAT64_FROM_IP4, no_host4[i], "192.0.2.1");
		assert_int_equal(answer(&p, NAT64_hop_limit, 10), 0);
	}
	p = packet(NAT64_FROM_IP6, "2001:db8::1", "ff0e::1");
	assert_int_equal(answer(&p, NAT64_hop_limit, 10), 0);
	p = packet(NAT64_FROM_IP4, "203.0.113.5", "233.252.0.1");
	assert_int_equal(answer(&p, NAT64_hop_limit, 10), 0);
	p = packet(NAT64_FROM_IP4, "203.0.113.5", "255.255.255.255");
	assert_int_equal(answer(&p, NAT64_hop_limit, 10), 0);
	p = packet(NAT64_FROM_IP4, "203.0.113.5", "192.0.2.1");
	p.icmp_error = true;
	assert_int_equal(answer(&p, NAT64_hop_limit, 10), 0);
	p.icmp_error = false;
	p.at = 8;
	assert_int_equal(answer(&p, NAT64_hop_limit, 10), 0);
	p.at = 0;
	assert_int_equal(answer(&p, NAT64_hop_limit, 10), 0xb00);
}

/* A total below the number of workers is one for each. */
static void
one_at_least(void **state)
{
	struct pkt p = packet(NAT64_FROM_IP4, "203.0.113.5", "192.0.2.1");

	(void)state;
	w.config.icmp_rate_total = 1;
	for (uint32_t now = 20; now < 40; now++) {
		assert_int_equal(answer(&p, NAT64_hop_limit, now), 0xb00);
		assert_int_equal(answer(&p, NAT64_hop_limit, now), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(which, setup, teardown),
		cmocka_unit_test_setup_teardown(never, setup, teardown),
		cmocka_unit_test_setup_teardown(one_at_least, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
