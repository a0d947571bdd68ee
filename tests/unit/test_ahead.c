/*
 * test_ahead.c - looking ahead changes nothing: not the table, and no packet's fate
 *
 * Two worlds alike get the same packets, usual ones and strange ones, established and new. One looks ahead.
 */
#include "tests/unit/unit.h"
#include "shm/record.h"
#include "tests/world.h"
#include "worker/xlat/pkt.h"
#include "worker/xlat/policy.h"

#define ROUNDS 1500
#define ANSWERS 200
#define MOST 128			/* bytes of a packet */

static struct world plain, looks;
static uint8_t answer[ANSWERS][48];	/* to what came out last */
static uint64_t state;

static uint32_t
draw(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 32) * below >> 32);
}

static int
setup(void **unused)
{
	(void)unused;
	state = UINT64_C(0x9e3779b97f4a7c15);
	plain.config = world_config();
	plain.config.pool.item[0].last++;
	plain.config.workers = 2;
	looks.config = plain.config;
	world_open(&plain);
	world_open(&looks);
	return 0;
}

static int
teardown(void **unused)
{
	(void)unused;
	world_close(&plain);
	world_close(&looks);
	return 0;
}

static void
put16(uint8_t *b, unsigned value)
{
	b[0] = (uint8_t)(value >> 8);
	b[1] = (uint8_t)value;
}

/* A query from one of some hosts, or what came out for one of them turned round; now and then with a few bytes changed. */
static uint32_t
make(uint8_t b[MOST])
{
	static const uint8_t protocol[] = { 17, 17, 6, 58, 0, 44 };
	const struct ip6 host = world_ip6("2001:db8::1"), remote = world_ip6("64:ff9b::203.0.113.1");
	uint32_t len = 68, at = 40;

	memset(b, 0, MOST);
	if (draw(3)) {
		b[0] = 0x60;
		put16(b + 4, 28);
		b[6] = protocol[draw(6)];
		b[7] = 64;
		memcpy(b + 8, &host, 16);
		memcpy(b + 24, &remote, 16);
		b[13] = (uint8_t)draw(12);	/* the subscriber */
		b[39] = (uint8_t)draw(3);
	} else {
		memcpy(b, answer[draw(ANSWERS)], 48);
		if (draw(4))
			return 48;
		len = 48;
		at = 20;
	}
	put16(b + at, 1024 + draw(40));
	put16(b + at + 2, 1024 + draw(len == 68 ? 20 : 60000));
	put16(b + at + 4, 28);
	put16(b + at + 6, 1 + draw(0xfffe));
	b[at + 12] = 0x50;
	b[at + 13] = draw(2) ? PKT_SYN : PKT_ACK;
	if (b[6] == 58 && len == 68)
		put16(b + at, 128 << 8);
	for (uint32_t n = draw(4) ? 0 : draw(4); n > 0; n--)
		b[draw(len)] = (uint8_t)draw(256);
	return draw(20) ? len : draw(len + 1);
}

/* What came out as IPv4 may be answered. */
static void
remember(const struct nat64_packet *p)
{
	uint8_t *b = answer[draw(ANSWERS)];

	if (p->len != 48 || p->data[0] != 0x45)
		return;
	memcpy(b, p->data, 48);
	memcpy(b + 12, p->data + 16, 4);
	memcpy(b + 16, p->data + 12, 4);
	if (b[9] != 1) {
		memcpy(b + 20, p->data + 22, 2);
		memcpy(b + 22, p->data + 20, 2);
	}
}

static enum nat64_verdict
through(struct world *w, unsigned worker, uint8_t *room, const uint8_t *in, uint32_t len, struct nat64_packet *p,
	const struct nat64_hint *hint)
{
	*p = (struct nat64_packet) { .data = room + LAYOUT_HEADROOM, .len = len, .hint = hint };
	memcpy(p->data, in, len);
	return nat64_translate(&w->worker[worker], p, w->now);
}

static void
same_fate(void **unused)
{
	static uint8_t in[NAT64_AHEAD][MOST], one[LAYOUT_HEADROOM + 2 * MOST + 1300], two[LAYOUT_HEADROOM + 2 * MOST + 1300];
	uint8_t *before = malloc(looks.layout.size);
	uint32_t len[NAT64_AHEAD], known = 0, translated = 0, hinted = 0;
	struct nat64_hint hint[NAT64_AHEAD];
	const uint8_t *data[NAT64_AHEAD];
	struct nat64_packet a, b;

	(void)unused;
	assert_non_null(before);
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned count = 1 + draw(NAT64_AHEAD), worker = draw(2);

		for (unsigned i = 0; i < count; i++) {
			len[i] = make(in[i]);
			data[i] = in[i] + MOST - len[i];	/* it ends where its memory does */
			memmove(in[i] + MOST - len[i], in[i], len[i]);
		}
		if (round % 100 == 0)
			memcpy(before, looks.region, looks.layout.size);
		nat64_look_ahead(&looks.worker[worker], data, len, hint, count);
		if (round % 100 == 0)
			assert_memory_equal(before, looks.region, looks.layout.size);
		for (unsigned i = 0; i < count; i++) {
			/* Some are not what they were any more, when it is their turn: in shared memory that may be. */
			const struct nat64_hint *h = draw(3) ? &hint[i] : &hint[draw(count)];
			enum nat64_verdict v = through(&plain, worker, one, data[i], len[i], &a, NULL);

			assert_int_equal(through(&looks, worker, two, data[i], len[i], &b, h), v);
			assert_int_equal(a.len, b.len);
			assert_memory_equal(a.data, b.data, a.len);
			remember(&a);
			known += v == NAT64_translated && data[i][0] >> 4 == 6;
			hinted += v == NAT64_translated && data[i][0] >> 4 == 6 && hint[i].hash;
			translated += v == NAT64_translated;
		}
	}
	free(before);
	print_message("%u translated, %u of %u from IPv6 with a hint\n", translated, hinted, known);
	assert_true(known > 3000 && translated > known + 1000 && hinted > known / 10 * 9);
}

static void
hints_are_right(void **unused)
{
	uint8_t in[MOST] = { 0x60, [5] = 28, [6] = 17, [7] = 64, [40] = 0x12, 0x34, 0, 53, 0, 28, 1, 1 };
	const struct ip6 host = world_ip6("2001:db8::1"), remote = world_ip6("64:ff9b::203.0.113.1");
	const struct record_key key = { host, 0x1234, NAT64_UDP };
	unsigned shard = policy_shard(&looks.worker[0], &host), owner = looks.worker[0].owners->worker[shard];
	const uint8_t *data[] = { in };
	struct nat64_hint hint;
	uint32_t len = 68;

	(void)unused;
	memcpy(in + 8, &host, 16);
	memcpy(in + 24, &remote, 16);
	nat64_look_ahead(&looks.worker[owner], data, &len, &hint, 1);
	assert_int_equal(hint.hash, record_hash(looks.worker[0].secret->index_key, &key));
	assert_int_equal(hint.shard, shard);
	nat64_look_ahead(&looks.worker[!owner], data, &len, &hint, 1);
	assert_int_equal(hint.hash, 0);
	len = 47;
	nat64_look_ahead(&looks.worker[owner], data, &len, &hint, 1);
	assert_int_equal(hint.hash, 0);
	len = 0;
	nat64_look_ahead(&looks.worker[owner], data, &len, &hint, 1);
	assert_int_equal(hint.hash, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(same_fate, setup, teardown),
		cmocka_unit_test_setup_teardown(hints_are_right, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
