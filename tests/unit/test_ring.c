/*
 * test_ring.c - order, wrap, full, a hostile other side, successors; two threads for ThreadSanitizer
 */
#include <pthread.h>
#include "tests/unit/unit.h"
#include "shm/ring.h"
#include "tests/world.h"

#define SIZE 1500

static struct layout l;
static void *base;
static struct ring in, out;
static uint8_t packet[65536];
static struct layout_meta meta;

static int
open_ring(void **state)
{
	struct layout_geometry g = { .addresses = 1, .shards = 1, .workers = 2, .shard_sessions = 1, .packet_size = SIZE };

	(void)state;
	assert_true(layout_plan(&l, &g));
	base = aligned_alloc(LAYOUT_PAGE, l.ring_size);
	memset(base, 0, l.ring_size);
	ring_open_producer(&in, base, &l);
	ring_open_consumer(&out, base, &l);
	return 0;
}

static int
close_ring(void **state)
{
	(void)state;
	free(base);
	return 0;
}

static bool
put(uint32_t number, uint32_t len)
{
	uint8_t data[SIZE];

	memset(data, (int)(number & 0xff), sizeof(data));
	memcpy(data, &number, sizeof(number));
	return ring_put(&in, data, len, &(struct layout_meta) { .kin = { .src_port = (uint16_t)number, .known = 1 } });
}

static void
take(uint32_t number, uint32_t len)
{
	uint32_t got;

	assert_int_equal(ring_take(&out, packet, &meta), len);
	assert_int_equal(meta.kin.src_port, number & 0xffff);
	assert_int_equal(meta.kin.known, 1);
	memcpy(&got, packet, sizeof(got));
	assert_int_equal(got, number);
	for (uint32_t i = 4; i < len; i++)
		assert_int_equal(packet[i], number & 0xff);
}

static void
order_and_wrap(void **state)
{
	uint32_t taken = 0, n = 0;

	(void)state;
	assert_false(ring_waiting(&out));
	assert_int_equal(ring_take(&out, packet, &meta), 0);
	for (unsigned round = 0; round < 2000; round++) {
		for (unsigned i = 0; i < round % LAYOUT_RING_SLOTS + 1; i++, n++)
			assert_true(put(n, 4 + n % (SIZE - 3)));
		assert_true(ring_waiting(&out));
		for (; taken < n; taken++)
			take(taken, 4 + taken % (SIZE - 3));
		assert_false(ring_waiting(&out));
		assert_int_equal(ring_take(&out, packet, &meta), 0);
	}
}

static void
full(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < LAYOUT_RING_SLOTS; n++)
		assert_true(put(n, 100));
	assert_false(put(999, 100));
	assert_false(put(999, 100));
	take(0, 100);
	assert_true(put(LAYOUT_RING_SLOTS, 100));
	assert_false(put(999, 100));
	for (uint32_t n = 1; n <= LAYOUT_RING_SLOTS; n++)
		take(n, 100);
	assert_int_equal(ring_take(&out, packet, &meta), 0);
}

static void
too_large(void **state)
{
	(void)state;
	assert_true(put(1, SIZE));
	assert_false(ring_put(&in, packet, SIZE + 1, &meta));
	assert_false(ring_put(&in, packet, UINT32_MAX, &meta));
	take(1, SIZE);
	assert_int_equal(ring_take(&out, packet, &meta), 0);
}

/* The indices are 32 bits and wrap; 128 divides their number. */
static void
indices_wrap(void **state)
{
	(void)state;
	atomic_store_32(in.head, UINT32_MAX - 5);
	atomic_store_32(in.tail, UINT32_MAX - 5);
	ring_open_producer(&in, base, &l);
	ring_open_consumer(&out, base, &l);
	for (uint32_t n = 0; n < LAYOUT_RING_SLOTS; n++)
		assert_true(put(n, 50));
	assert_false(put(999, 50));
	for (uint32_t n = 0; n < LAYOUT_RING_SLOTS; n++)
		take(n, 50);
	assert_false(ring_waiting(&out));
}

/* A successor of either side goes on where the dead one stopped. */
static void
successors(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 300; n++) {
		assert_true(put(2 * n, 60));
		ring_open_producer(&in, base, &l);
		assert_true(put(2 * n + 1, 60));
		take(2 * n, 60);
		ring_open_consumer(&out, base, &l);
		take(2 * n + 1, 60);
	}
}

/* Whatever the producer writes: at most a packet's room is written, and at most a ring's worth is taken at a time. */
static void
hostile_producer(void **state)
{
	static const uint32_t jump[] = { 0, 1, 127, 128, 129, 1000, 1u << 31, UINT32_MAX };
	uint32_t x = 3;

	(void)state;
	for (unsigned round = 0; round < 4000; round++) {
		unsigned n = 0;
		uint32_t len;

		for (unsigned s = 0; s < LAYOUT_RING_SLOTS; s++) {
			x = x * 1664525 + 1013904223;
			len = round % 2 ? x : x >> 20;
			memcpy((uint8_t *)base + 256 + (size_t)s * l.buffer_stride, &len, 4);
		}
		atomic_store_32(in.head, *out.tail + jump[round % 8]);
		memset(packet, 0x77, sizeof(packet));
		while (n <= 2 * LAYOUT_RING_SLOTS && ring_waiting(&out)) {
			len = ring_take(&out, packet, &meta);
			assert_true(len <= SIZE);
			n++;
		}
		assert_true(n <= LAYOUT_RING_SLOTS);
		for (unsigned i = SIZE; i < SIZE + 300; i++)
			assert_int_equal(packet[i], 0x77);
		assert_int_equal(*out.tail, *in.head);
	}
}

/* Whatever the consumer writes: a put ends, and writes only into slots. */
static void
hostile_consumer(void **state)
{
	uint32_t x = 3;

	(void)state;
	for (unsigned round = 0; round < 100000; round++) {
		atomic_store_32(in.tail, x = x * 1664525 + 1013904223);
		put(round, 4 + round % 100);
	}
	atomic_store_32(in.tail, in.mine);
	assert_true(put(1, 10));
}

#define MANY 200000

static void *
produce(void *unused)
{
	(void)unused;
	for (uint32_t n = 0; n < MANY;)
		n += put(n, 4 + n % 200);
	return NULL;
}

static void
two_threads(void **state)
{
	pthread_t producer;
	uint32_t n = 0;

	(void)state;
	assert_int_equal(pthread_create(&producer, NULL, produce, NULL), 0);
	while (n < MANY)
		if (ring_waiting(&out)) {
			take(n, 4 + n % 200);
			n++;
		}
	pthread_join(producer, NULL);
	assert_int_equal(ring_take(&out, packet, &meta), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(order_and_wrap, open_ring, close_ring),
		cmocka_unit_test_setup_teardown(full, open_ring, close_ring),
		cmocka_unit_test_setup_teardown(too_large, open_ring, close_ring),
		cmocka_unit_test_setup_teardown(indices_wrap, open_ring, close_ring),
		cmocka_unit_test_setup_teardown(successors, open_ring, close_ring),
		cmocka_unit_test_setup_teardown(hostile_producer, open_ring, close_ring),
		cmocka_unit_test_setup_teardown(hostile_consumer, open_ring, close_ring),
		cmocka_unit_test_setup_teardown(two_threads, open_ring, close_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
