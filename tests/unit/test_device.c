// links: supervisor/device.o supervisor/routes.o supervisor/netns.o supervisor/caps.o supervisor/guard.o supervisor/nft.o supervisor/tun.o supervisor/rtnl.o supervisor/sysctl.o supervisor/address.o supervisor/log.o -lmnl -lcap-ng
/*
 * test_device.c - ranges are cut into routes without gap or overlap; and, as root, a device comes and goes
 *
 * The part that makes devices lives in a network namespace of its own, which ends with the test.
 */
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "supervisor/device.h"
#include "supervisor/routes.h"
#include "tests/unit/unit.h"

static void
covers(uint32_t first, uint32_t last, unsigned most)
{
	uint64_t next = first;
	unsigned n = 0;

	while (next <= last) {
		struct net4 block = routes_block((uint32_t)next, last);

		assert_int_equal(block.addr, next);
		assert_true(block.len <= 32);
		if (block.len < 32)
			assert_int_equal(block.addr & (UINT32_MAX >> block.len), 0);
		next += UINT64_C(1) << (32 - block.len);
		n++;
	}
	assert_int_equal(next, (uint64_t)last + 1);
	assert_true(n <= most);
}

static void
blocks(void **state)
{
	(void)state;
	covers(0xc0000201, 0xc0000201, 1);
	covers(0xc0000200, 0xc00002ff, 1);
	covers(0xc0000201, 0xc00002fe, 14);
	covers(0, UINT32_MAX, 1);
	covers(1, UINT32_MAX, 32);
	covers(0, UINT32_MAX - 1, 32);
	covers(UINT32_MAX, UINT32_MAX, 1);
	srandom(64);
	for (int i = 0; i < 10000; i++) {
		uint32_t a = (uint32_t)random() << 1, b = a + (uint32_t)(random() % 5000);

		if (a <= b)
			covers(a, b, 26);
	}
}

struct seen {
	unsigned n;
	bool loopback;
};

static void
see(const struct rtnl_net *address, unsigned index, void *user)
{
	struct seen *seen = user;

	(void)index;
	seen->n++;
	if (address->family == AF_INET && memcmp(address->addr, "\x7f\0\0\1", 4) == 0 && address->len == 8)
		seen->loopback = true;
}

static bool
own_namespace(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNET) == 0 && access("/dev/net/tun", R_OK | W_OK) == 0;
}

static void
comes_and_goes(void **state)
{
	struct config_tenant config = {
		.device = { "n64%d" }, .workers = 3, .mtu = 1400, .queue_length = 100, .routes = 1,
		.prefix = { 1, { { { { 0, 0x64, 0xff, 0x9b } }, 96 } } },
		.pool = { 1, { { 0xc6336408, 0xc633640f, 1024, 65535 } } },
	};
	struct seen seen = { 0 };
	struct device d, again;
	struct pollfd wait;
	struct rtnl *r;
	char why[256];

	(void)state;
	if (!own_namespace())
		skip();
	assert_int_equal(device_open(&d, &config, "/run/test", why, sizeof(why)), 0);
	assert_string_equal(d.name, "n640");
	assert_int_equal(d.queues, 3);
	assert_int_equal(if_nametoindex("n640"), d.leg[0].index);

	/* The name is taken now, and nobody is attached to a device that exists. */
	strcpy(config.device.s, "n640");
	assert_int_equal(device_open(&again, &config, "/run/test", why, sizeof(why)), -EBUSY);
	assert_non_null(strstr(why, "n640"));

	/* So are the destinations; what was made on the way is gone again. */
	strcpy(config.device.s, "other");
	assert_int_equal(device_open(&again, &config, "/run/test", why, sizeof(why)), -EEXIST);
	assert_non_null(strstr(why, "64:ff9b::/96"));
	assert_int_equal(if_nametoindex("other"), 0);

	/* The kernel says nothing of its own into a new device. */
	for (unsigned q = 0; q < 3; q++) {
		wait = (struct pollfd) { .fd = d.leg[0].queue[q], .events = POLLIN };
		assert_int_equal(poll(&wait, 1, q == 0 ? 1500 : 0), 0);
	}

	r = rtnl_open();
	assert_non_null(r);
	assert_int_equal(rtnl_link_up(r, if_nametoindex("lo"), 65536, 1000), 0);
	assert_int_equal(rtnl_addresses(r, see, &seen), 0);
	assert_true(seen.loopback);
	device_unroute(&d, &config);
	assert_int_equal(rtnl_route_remove(r, &(struct rtnl_net) { AF_INET, 29, { 198, 51, 100, 8 } }, d.leg[0].index), -ESRCH);
	assert_int_equal(rtnl_link_up(r, 9999, 1500, 100), -ENODEV);
	rtnl_close(r);
	device_close(&d);
	assert_int_equal(if_nametoindex("n640"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(blocks), cmocka_unit_test(comes_and_goes) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
