/*
 * test_nat64.c - the corners of libnat64's own interface: wrong regions, tables that are left or come again, pieces of what is no
 * packet
 */
#include "tests/unit/unit.h"
#include "shm/pool.h"
#include "tests/world.h"
#include "worker/xlat/import.h"
#include "worker/xlat/pkt.h"

static struct world w;

static int
setup(void **state)
{
	(void)state;
	w.config = world_config();
	w.config.leaving_.n = 1;
	w.config.leaving_.item[0] = (struct config_pool) { world_ip4("192.0.2.9"), world_ip4("192.0.2.9"), 1024, 65535 };
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

static void
attach(void **state)
{
	struct layout other = w.layout;
	struct nat64 *n = malloc(sizeof(*n));

	(void)state;
	assert_non_null(n);
	assert_null(nat64_attach(n, w.region, &w.layout, 1));
	assert_string_equal(nat64_attach(n, w.region, &w.layout, 2), "no such worker slot");
	other.size += LAYOUT_PAGE;
	assert_non_null(nat64_attach(n, w.region, &other, 0));
	free(n);
}

/* A UDP packet from host number i, at the worker that it belongs to. */
static void
open_binding(uint8_t i)
{
	uint8_t room[LAYOUT_HEADROOM + 48] = { 0 }, *ip = room + LAYOUT_HEADROOM;
	const struct ip6 src = world_ip6("2001:db8::1"), dst = world_ip6("64:ff9b::203.0.113.5");
	struct nat64_packet packet = { .data = ip, .len = 48 };
	enum nat64_verdict v;

	ip[0] = 0x60;
	ip[5] = ip[45] = 8;		/* bytes of payload, and of the datagram */
	ip[6] = PKT_PROTO_UDP;
	ip[7] = 64;
	memcpy(ip + 8, &src, 16);
	memcpy(ip + 24, &dst, 16);
	ip[8 + 6] = i;			/* another subscriber */
	ip[41] = ip[43] = ip[46] = 53;
	v = nat64_translate(&w.worker[0], &packet, w.now);
	if (v == NAT64_handed_over)
		v = nat64_translate(&w.worker[1], &packet, w.now);
	assert_int_equal(v, NAT64_translated);
}

/* Bindings on an address that leaves are counted by the worker that has them, and only those. */
static void
leaving(void **state)
{
	struct layout_header *header = w.region;

	(void)state;
	for (uint8_t i = 0; i < 40; i++)
		open_binding(i);
	assert_int_equal(nat64_leaving(&w.worker[0]) + nat64_leaving(&w.worker[1]), 0);	/* the other address gets none */
	header->address[pool_address(header, world_ip4("192.0.2.1"))].leaving = 1;
	assert_true(nat64_leaving(&w.worker[0]) > 0 && nat64_leaving(&w.worker[1]) > 0);
	assert_int_equal(nat64_leaving(&w.worker[0]) + nat64_leaving(&w.worker[1]), 40);
}

static struct world heir;

static uint64_t
alive(const struct world *v)
{
	uint64_t n = 0;

	for (unsigned s = 0; s < v->layout.g.shards; s++)
		n += shard_alive(&v->worker[0].shard[s], SHARD_BINDINGS_CREATED, NAT64_UDP);
	return n;
}

/* All workers of the heir bring over what is theirs. */
static void
bring_over(const struct foreign *old)
{
	for (unsigned i = 0; i < heir.config.workers; i++)
		nat64_import(&heir.worker[i], old, false, heir.now);
}

/*
 * A table that is brought over, and again: a shard that is complete is left alone, and in one that is not what is there is
 * skipped, as after a death. Nothing comes from a table with another deal of shards. A worker without shards takes no counts.
 */
static void
brought_over_again(void **state)
{
	static const uint8_t seed[LAYOUT_SEED_SIZE] = { 99 };
	struct layout_owners *owners;
	struct foreign old;

	(void)state;
	for (uint8_t i = 0; i < 40; i++)
		open_binding(i);
	w.worker[0].row->counter[COUNTER_batches] = 7;
	w.worker[1].row->counter[COUNTER_batches] = 8;
	assert_null(foreign_check(&old, w.region, w.layout.size));
	heir.config = w.config;
	world_open(&heir);
	layout_init_heir(heir.region, &heir.layout, &heir.config, &old, seed);
	owners = layout_at(heir.region, heir.layout.owners);
	for (unsigned s = 0; s < heir.layout.g.shards; s++)
		owners->worker[s] = 1;
	old.shape.shards *= 2;
	bring_over(&old);
	assert_int_equal(alive(&heir), 0);
	old.shape.shards /= 2;
	for (unsigned round = 0; round < 3; round++) {
		bring_over(&old);
		assert_int_equal(alive(&heir), 40);
		assert_int_equal(heir.worker[0].row->counter[COUNTER_batches], 0);
		assert_int_equal(heir.worker[1].row->counter[COUNTER_batches], 15);
		for (unsigned s = 0; s < heir.layout.g.shards && round == 1; s++)
			heir.worker[1].shard[s].head->complete = 0;
	}
	world_close(&heir);
}

/* A table that is left: all that is kept comes back at once, and who waits for an answer gets none (RFC 5382 REQ-4). */
static void
all_of_them(void **state)
{
	static const uint8_t bytes[100] = { 0x45 };
	uint8_t room[2000];
	struct nat64_packet packet = { .data = room };
	struct kept what = { .until = w.now + 6, .len = sizeof(bytes), .about = 1, .kin.fate = NAT64_syn_unanswered };
	struct nat64 *n = &w.worker[0];

	(void)state;
	assert_true(kept_put_owner(&n->kept, &what, bytes));
	what.kin.fate = NAT64_fragment_timeout;
	assert_true(kept_put_owner(&n->kept, &what, bytes));
	assert_false(nat64_due(n, &packet, w.now));
	assert_true(nat64_due(n, &packet, UINT32_MAX));
	assert_int_equal(packet.meta.kin.fate, NAT64_syn_discarded);
	assert_int_equal(packet.len, sizeof(bytes));
	nat64_taken(n);
	assert_true(nat64_due(n, &packet, UINT32_MAX));
	assert_int_equal(packet.meta.kin.fate, NAT64_fragment_timeout);
	nat64_taken(n);
	assert_false(nat64_due(n, &packet, UINT32_MAX));
}

/* No piece of what has no header, of what is not to be cut, or behind the end; and never more than was asked for. */
static void
pieces(void **state)
{
	uint8_t packet[400] = { 0x45 }, six[400] = { 0x60 }, out[128];
	struct nat64_packet p = { .data = packet, .len = sizeof(packet) };
	uint32_t at = 0, sum = 0, size;

	(void)state;
	assert_int_equal(nat64_piece(&p, &at, out), 0);
	p.cut = 55;
	assert_int_equal(nat64_piece(&p, &at, out), 0);
	p.cut = sizeof(out);
	p.len = PKT_IP4_HEADER - 1;
	assert_int_equal(nat64_piece(&p, &at, out), 0);
	p.len = PKT_IP4_HEADER;
	assert_int_equal(nat64_piece(&p, &at, out), 0);
	p.data = six;
	p.len = PKT_IP6_HEADER + 7;
	assert_int_equal(nat64_piece(&p, &at, out), 0);
	for (p.len = sizeof(six); (size = nat64_piece(&p, &at, out)) > 0; sum += size - 48)
		assert_true(size <= sizeof(out));
	assert_int_equal(sum, sizeof(six) - 48);
	at = UINT32_MAX;
	assert_int_equal(nat64_piece(&p, &at, out), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(attach, setup, teardown), cmocka_unit_test_setup_teardown(leaving, setup, teardown),
		cmocka_unit_test_setup_teardown(brought_over_again, setup, teardown),
		cmocka_unit_test_setup_teardown(all_of_them, setup, teardown), cmocka_unit_test(pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
