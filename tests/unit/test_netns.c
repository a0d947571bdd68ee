// links: supervisor/netns.o supervisor/caps.o -lcap-ng
/*
 * test_netns.c - namespaces are found by their names, entered and left; what is none is refused; who cannot come back ends
 *
 * Needs root. /run/netns is a tmpfs of the test's own, in a mount namespace that ends with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "supervisor/caps.h"
#include "supervisor/netns.h"
#include "tests/unit/unit.h"

static bool
be_alone(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNS | CLONE_NEWNET) == 0 && mount("", "/", "", MS_PRIVATE | MS_REC, NULL) == 0 &&
	       mount("", "/run", "tmpfs", 0, NULL) == 0 && mkdir(NETNS_DIRECTORY, 0755) == 0;
}

/* What `ip netns add` does: a new namespace of this kind, mounted on a file below /run/netns. */
static void
make(const char *name, const char *kind, int flag)
{
	char path[64], from[64];
	pid_t pid = fork();
	int status, fd;

	snprintf(path, sizeof(path), NETNS_DIRECTORY "/%s", name);
	snprintf(from, sizeof(from), "/proc/self/ns/%s", kind);
	if (pid == 0) {
		fd = open(path, O_CREAT | O_WRONLY, 0444);
		_exit(fd >= 0 && unshare(flag) == 0 && mount(from, path, "", MS_BIND, NULL) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
in_and_out(void **state)
{
	uint64_t own, here;
	int blue, green;

	(void)state;
	if (!be_alone())
		skip();
	make("blue", "net", CLONE_NEWNET);
	make("green", "net", CLONE_NEWNET);
	own = netns_number(NETNS_OWN);
	assert_int_equal(netns_open(&blue, "blue"), 0);
	assert_int_equal(netns_open(&green, "green"), 0);
	assert_true(netns_number(blue) != own && netns_number(green) != own && netns_number(blue) != netns_number(green));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(netns_enter(blue), 0);
		here = netns_number(NETNS_OWN);		/* that of the process */
		errno = 77;
		netns_leave(blue);
		assert_int_equal(errno, 77);
		assert_true(here == netns_number(blue));
		assert_true(netns_number(NETNS_OWN) == own);
	}
	assert_int_equal(netns_enter(NETNS_OWN), 0);
	assert_true(netns_number(NETNS_OWN) == own);
	netns_leave(NETNS_OWN);

	/* The name goes, and the namespace stays as long as it is open. */
	assert_int_equal(umount2(NETNS_DIRECTORY "/green", MNT_DETACH), 0);
	assert_int_equal(netns_enter(green), 0);
	netns_leave(green);
	netns_close(&green);
	assert_int_equal(green, NETNS_OWN);
	netns_close(&green);
	netns_close(&blue);
}

static void
is_none(void **state)
{
	char deep[300] = "";
	int netns = 7;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(netns_open(&netns, ""), 0);
	assert_int_equal(netns, NETNS_OWN);
	assert_int_equal(netns_open(&netns, "nowhere"), -ENOENT);
	close(open(NETNS_DIRECTORY "/file", O_CREAT | O_WRONLY, 0644));
	assert_int_equal(netns_open(&netns, "file"), -EINVAL);
	assert_int_equal(netns_open(&netns, "green"), -EINVAL);	/* what `ip netns` leaves when the mount is gone */
	assert_int_equal(mkfifo(NETNS_DIRECTORY "/fifo", 0644), 0);
	assert_int_equal(netns_open(&netns, "fifo"), -EINVAL);
	make("uts", "uts", CLONE_NEWUTS);
	assert_int_equal(netns_open(&netns, "uts"), -EINVAL);
	memset(deep, 'x', sizeof(deep) - 1);
	assert_int_equal(netns_open(&netns, deep), -ENAMETOOLONG);
	assert_int_equal(netns, NETNS_OWN);
}

/* With rights reduced as in nat64d: CAP_SYS_ADMIN comes and goes within, and what else was open stays open. */
static void
rights(void **state)
{
	int blue, status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(netns_open(&blue, "blue"), 0);
	pid = fork();
	if (pid == 0) {
		if (caps_init() != 0 || setns(blue, CLONE_NEWNET) == 0)
			_exit(1);			/* not without it */
		caps_raise(CAPS_NETWORK);
		if (netns_enter(blue) != 0 || sethostname("x", 1) == 0)
			_exit(2);			/* CAP_SYS_ADMIN is in effect in there */
		if (if_nametoindex("lo") != 1 || caps_also(0) != CAPS_NETWORK)
			_exit(3);
		netns_leave(blue);
		caps_drop();
		if (caps_settle() != 0 || netns_enter(blue) != 0)
			_exit(4);			/* also when the start is over */
		netns_leave(blue);
		_exit(caps_also(0) == 0 ? 0 : 5);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	netns_close(&blue);
}

/* Without the right to come back there is nothing to go on with. */
static void
stuck_outside(void **state)
{
	int blue, status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(netns_open(&blue, "blue"), 0);
	pid = fork();
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		if (netns_enter(blue) != 0 || setresuid(65534, 65534, 65534) != 0)
			_exit(1);
		netns_leave(blue);
		_exit(2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	netns_close(&blue);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_and_out), cmocka_unit_test(is_none), cmocka_unit_test(rights), cmocka_unit_test(stuck_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
