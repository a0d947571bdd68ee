// links: supervisor/device.o supervisor/routes.o supervisor/netns.o supervisor/caps.o supervisor/guard.o supervisor/nft.o supervisor/tun.o supervisor/rtnl.o supervisor/sysctl.o supervisor/address.o supervisor/log.o -lmnl -lcap-ng
/*
 * test_device.c - ranges are cut into routes without gap or overlap; and, as root, a device comes and goes
 *
 * The part that makes devices lives in a network namespace of its own, which ends with the test.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "supervisor/device.h"
#include "supervisor/netns.h"
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

/* A new network namespace of this name, as `ip netns add` makes one. */
static void
namespace(const char *name)
{
	char path[64];
	pid_t pid = fork();
	int status, fd;

	snprintf(path, sizeof(path), NETNS_DIRECTORY "/%s", name);
	if (pid == 0) {
		fd = open(path, O_CREAT | O_WRONLY, 0444);
		_exit(fd >= 0 && unshare(CLONE_NEWNET) == 0 && mount("/proc/self/ns/net", path, "", MS_BIND, NULL) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* In this namespace: is there a device of this number and name, and are those the routes of it? */
static void
assert_there(const struct device *d, unsigned leg, bool prefix, bool pool)
{
	const struct rtnl_net to6 = { AF_INET6, 96, { 0, 0x64, 0xff, 0x9b } }, to4 = { AF_INET, 29, { 198, 51, 100, 8 } };
	struct rtnl *r;

	assert_int_equal(netns_enter(d->leg[leg].netns), 0);
	assert_int_equal(if_nametoindex(d->name), d->leg[leg].index);
	r = rtnl_open();
	assert_int_equal(rtnl_route_there(r, &to6, d->leg[leg].index), prefix);
	assert_int_equal(rtnl_route_there(r, &to4, d->leg[leg].index), pool);
	rtnl_close(r);
	netns_leave(d->leg[leg].netns);
}

/* Two namespaces: a device in each, of the same number, each with one family; what is done to the device is done to both. */
static void
two_legs(void **state)
{
	struct config_tenant config = {
		.device = { "lab" }, .netns6 = { "inside" }, .netns4 = { "outside" }, .workers = 2, .mtu = 1400, .queue_length = 100,
		.routes = 1, .prefix = { 1, { { { { 0, 0x64, 0xff, 0x9b } }, 96 } } },
		.pool = { 1, { { 0xc6336408, 0xc633640f, 1024, 65535 } } },
	};
	struct device_place keep[2];
	struct device d, again;
	uint64_t dropped[3];
	int outside;
	char why[256];

	(void)state;
	if (!own_namespace())
		skip();
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount("", "/", "", MS_PRIVATE | MS_REC, NULL), 0);
	assert_int_equal(mount("", "/run", "tmpfs", 0, NULL), 0);
	assert_int_equal(mkdir(NETNS_DIRECTORY, 0755), 0);
	namespace("inside");
	assert_int_equal(device_open(&d, &config, "/run/test", why, sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, "outside"));
	assert_int_equal(d.legs, 0);
	namespace("outside");
	assert_int_equal(device_open(&d, &config, "/run/test", why, sizeof(why)), 0);
	assert_int_equal(d.legs, 2);
	assert_int_equal(d.leg[0].index, d.leg[1].index);
	assert_int_equal(if_nametoindex("lab"), 0);		/* nothing here */
	assert_there(&d, 0, true, false);
	assert_there(&d, 1, false, true);

	/* The name is taken on one side: nothing is left on the other. */
	strcpy(config.netns6.s, "");
	assert_int_equal(device_open(&again, &config, "/run/test", why, sizeof(why)), -EBUSY);
	assert_int_equal(if_nametoindex("lab"), 0);
	strcpy(config.netns6.s, "inside");

	/* More queues and fewer, steering, a guard: on both. */
	assert_int_equal(device_widen(&d, 3), 0);
	assert_int_equal(d.queues, 3);
	assert_true(tun_is(d.leg[0].queue[2], "lab", TUN_VIRTIO) && tun_is(d.leg[1].queue[2], "lab", TUN_VIRTIO));
	device_narrow(&d, 1);
	assert_int_equal(d.leg[1].queue[1], -1);
	assert_int_equal(device_adjust(&d, &config), 0);
	assert_int_equal(device_steer(&d, -1), 0);
	assert_int_equal(device_persist(&d), 0);
	assert_int_equal(device_guarded(&d, dropped), -ENOENT);
	assert_int_equal(device_guard(&d, &config, NULL), 0);
	assert_int_equal(device_guarded(&d, dropped), 0);
	assert_true(dropped[0] == 0 && dropped[1] == 0 && dropped[2] == 0);
	assert_int_equal(device_unguard(&d), 0);
	assert_int_equal(device_guarded(&d, dropped), -ENOENT);

	/* Those that go on are kept, in their namespace and in no other. */
	keep[0] = (struct device_place) { netns_number(d.leg[0].netns), d.leg[0].index };
	keep[1] = (struct device_place) { netns_number(d.leg[1].netns), d.leg[1].index };
	assert_int_equal(device_sweep(d.leg[0].netns, "/run/test", keep, 2), 0);
	assert_int_equal(device_sweep(d.leg[1].netns, "/run/test", keep, 2), 0);
	assert_int_equal(device_sweep(d.leg[1].netns, "/run/other", NULL, 0), 0);
	assert_true(device_present(&d));
	assert_int_equal(device_sweep(d.leg[1].netns, "/run/test", keep, 1), 1);
	assert_false(device_present(&d));
	assert_there(&d, 0, true, false);
	device_close(&d);
	assert_int_equal(d.legs, 0);
	assert_int_equal(netns_open(&outside, "inside"), 0);
	assert_int_equal(netns_enter(outside), 0);
	assert_int_equal(if_nametoindex("lab"), 0);
	netns_leave(outside);
	netns_close(&outside);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks), cmocka_unit_test(comes_and_goes), cmocka_unit_test(two_legs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
