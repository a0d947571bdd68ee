// links: worker/inflight.o
/*
 * test_inflight.c - what each moment of a worker's life leaves for its successor
 */
#include "tests/unit/unit.h"
#include "tests/world.h"
#include "worker/inflight.h"
#include "worker/tunio.h"

static struct world w;
static struct inflight worker, successor;
static uint8_t packet[1500];

static int
open_world(void **state)
{
	(void)state;
	w.config = world_config();
	w.config.offload = CONFIG_SWITCH_OFF;
	world_open(&w);
	inflight_open(&worker, w.region, &w.layout, 0, false);
	memset(packet, 0xab, sizeof(packet));
	packet[0] = 0x60;
	packet[4] = (sizeof(packet) - 40) >> 8;
	packet[5] = (sizeof(packet) - 40) & 0xff;
	return 0;
}

static int
close_world(void **state)
{
	(void)state;
	world_close(&w);
	return 0;
}

static void
read_packet(unsigned i)
{
	memcpy(inflight_buffer(&worker, i), packet, sizeof(packet));
}

static void
assert_left(unsigned i, uint32_t len)
{
	inflight_open(&successor, w.region, &w.layout, 0, false);
	for (unsigned other = 0; other < LAYOUT_BUFFERS; other++)
		if (other != i)
			assert_int_equal(inflight_left(&successor, other), 0);
	assert_int_equal(inflight_left(&successor, i), len);
	if (len)
		assert_memory_equal(inflight_buffer(&successor, i), packet, len);
}

static void
nothing_in_hand(void **state)
{
	(void)state;
	assert_left(0, 0);
}

static void
died_after_the_read(void **state)
{
	(void)state;
	read_packet(7);
	assert_left(7, sizeof(packet));
}

static void
died_while_translating(void **state)
{
	(void)state;
	read_packet(LAYOUT_BATCH);
	inflight_hold(&worker, LAYOUT_BATCH, sizeof(packet));
	assert_int_equal(*worker.current, LAYOUT_BATCH + 1);
	memset(inflight_buffer(&worker, LAYOUT_BATCH) - LAYOUT_HEADROOM, 0x11, LAYOUT_HEADROOM + LAYOUT_SAVED);
	assert_left(LAYOUT_BATCH, sizeof(packet));
}

static void
done_is_done(void **state)
{
	(void)state;
	read_packet(3);
	inflight_hold(&worker, 3, sizeof(packet));
	inflight_done(&worker, 3);
	assert_int_equal(*worker.current, 0);
	assert_left(3, 0);
}

/* What a packet brought along is there as long as the packet, and no longer. */
static void
kin_comes_along(void **state)
{
	const struct layout_meta kin = { .kin = { .src_port = 1, .dst_port = 2, .known = 1 } }, none = { 0 };

	(void)state;
	*inflight_meta(&worker, 3) = kin;
	assert_left(3, 0);			/* died before the packet was there */
	assert_memory_equal(inflight_meta(&successor, 3), &none, sizeof(none));
	*inflight_meta(&worker, 3) = kin;
	read_packet(3);
	assert_left(3, sizeof(packet));
	assert_memory_equal(inflight_meta(&successor, 3), &kin, sizeof(kin));
	inflight_hold(&worker, 3, sizeof(packet));
	assert_left(3, sizeof(packet));
	assert_memory_equal(inflight_meta(&successor, 3), &kin, sizeof(kin));
	inflight_done(&worker, 3);
	assert_memory_equal(inflight_meta(&worker, 3), &none, sizeof(none));
}

/* What the device said of a packet stands before it until it is held, and is not asked for afterwards: it may be written over. */
static void
what_the_device_said(void **state)
{
	const struct layout_offload said = { .flags = LAYOUT_PARTIAL, .start = 40, .check = 6 }, none = { 0 };

	(void)state;
	inflight_open(&worker, w.region, &w.layout, 0, true);
	inflight_open(&successor, w.region, &w.layout, 0, true);
	read_packet(3);
	memcpy(inflight_buffer(&worker, 3) - TUNIO_HEADER, &said, sizeof(said));
	assert_int_equal(inflight_left(&successor, 3), sizeof(packet));		/* died at once */
	assert_memory_equal(&inflight_meta(&successor, 3)->offload, &said, sizeof(said));

	inflight_hold(&worker, 3, sizeof(packet));
	memset(inflight_buffer(&worker, 3) - TUNIO_HEADER, 0xcc, TUNIO_HEADER);	/* translation was there */
	assert_int_equal(inflight_left(&successor, 3), sizeof(packet));
	assert_memory_equal(&inflight_meta(&successor, 3)->offload, &said, sizeof(said));
	inflight_done(&worker, 3);
	assert_int_equal(inflight_left(&successor, 3), 0);
	assert_memory_equal(&inflight_meta(&successor, 3)->offload, &none, sizeof(none));

	read_packet(LAYOUT_BATCH);	/* of what came through a ring the device has said nothing here */
	memset(inflight_buffer(&worker, LAYOUT_BATCH) - TUNIO_HEADER, 0xcc, TUNIO_HEADER);
	inflight_meta(&worker, LAYOUT_BATCH)->offload = said;
	assert_int_equal(inflight_left(&successor, LAYOUT_BATCH), sizeof(packet));
	assert_memory_equal(&inflight_meta(&successor, LAYOUT_BATCH)->offload, &said, sizeof(said));
}

/* Whoever dies between decision and fate is not to blame the packet, which comes again. */
static void
decided(void **state)
{
	(void)state;
	read_packet(3);
	inflight_hold(&worker, 3, sizeof(packet));
	inflight_decided(&worker);
	assert_int_equal(*worker.current, 0);
	assert_left(3, sizeof(packet));
}

/* Between the two stores of inflight_done: the packet comes again rather than garbage. */
static void
died_while_putting_away(void **state)
{
	(void)state;
	read_packet(3);
	inflight_hold(&worker, 3, sizeof(packet));
	inflight_buffer(&worker, 3)[0] = 0;
	assert_left(3, sizeof(packet));
}

static void
hostile_predecessor(void **state)
{
	(void)state;
	inflight_open(&successor, w.region, &w.layout, 0, false);
	worker.slot[1].len = UINT32_MAX;
	worker.slot[2].len = w.layout.buffer_size + 1;
	memset(inflight_buffer(&worker, 4), 0xff, 64);
	memset(inflight_buffer(&worker, 5), 0x4f, 64);		/* IPv4, 20 KiB long */
	assert_int_equal(inflight_left(&successor, 1), 0);
	assert_int_equal(inflight_left(&successor, 2), 0);
	assert_int_equal(inflight_left(&successor, 4), 0);
	assert_int_equal(inflight_left(&successor, 5), w.layout.buffer_size);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_in_hand, open_world, close_world),
		cmocka_unit_test_setup_teardown(died_after_the_read, open_world, close_world),
		cmocka_unit_test_setup_teardown(died_while_translating, open_world, close_world),
		cmocka_unit_test_setup_teardown(done_is_done, open_world, close_world),
		cmocka_unit_test_setup_teardown(kin_comes_along, open_world, close_world),
		cmocka_unit_test_setup_teardown(what_the_device_said, open_world, close_world),
		cmocka_unit_test_setup_teardown(decided, open_world, close_world),
		cmocka_unit_test_setup_teardown(died_while_putting_away, open_world, close_world),
		cmocka_unit_test_setup_teardown(hostile_predecessor, open_world, close_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
