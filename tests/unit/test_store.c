// links: supervisor/store.o supervisor/notify.o
/*
 * test_store.c - queues in the keeping of a service manager: sent with their names, and only whole sets taken back
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "supervisor/store.h"
#include "tests/unit/unit.h"

static int manager;

static int
listening(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)state;
	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/n64-store-%d", (int)getpid());
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	return bind(manager, (struct sockaddr *)&address, sizeof(address));
}

static int
deaf(void **state)
{
	(void)state;
	unlink(getenv("NOTIFY_SOCKET"));
	unsetenv("NOTIFY_SOCKET");
	return close(manager);
}

/* The next message is text. Returns the descriptor that came with it, or -1. */
static int
hears(const char *text)
{
	char got[256] = "", room[CMSG_SPACE(4 * sizeof(int))];
	struct iovec part = { got, sizeof(got) - 1 };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
	struct cmsghdr *c;
	int fd = -1;

	assert_true(recvmsg(manager, &m, 0) >= 0);
	assert_string_equal(got, text);
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_type == SCM_RIGHTS) {
		assert_int_equal(c->cmsg_len, CMSG_LEN(sizeof(int)));
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	}
	return fd;
}

static bool
silent(void)
{
	char byte;

	return recv(manager, &byte, 1, 0) < 0;
}

static void
given(void **state)
{
	struct device d = { .queues = 2, .legs = 1 };
	struct stat sent, got;
	int ends[2], fd;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	d.leg[0].queue[0] = ends[0];
	d.leg[0].queue[1] = ends[1];
	assert_true(store_keep("blue", &d));
	fd = hears("FDSTORE=1\nFDPOLL=0\nFDNAME=blue.q0");
	assert_true(fd >= 0);
	fstat(fd, &got);
	fstat(ends[0], &sent);
	assert_int_equal(got.st_ino, sent.st_ino);
	close(fd);
	close(hears("FDSTORE=1\nFDPOLL=0\nFDNAME=blue.q1"));
	store_forget("blue", &d);
	assert_int_equal(hears("FDSTOREREMOVE=1\nFDNAME=blue.q0"), -1);
	assert_int_equal(hears("FDSTOREREMOVE=1\nFDNAME=blue.q1"), -1);
	assert_true(silent());

	/* Two devices: the queues of each by names of their own. */
	d.legs = 2;
	d.queues = 1;
	d.leg[1].queue[0] = ends[1];
	assert_true(store_keep("blue", &d));
	close(hears("FDSTORE=1\nFDPOLL=0\nFDNAME=blue.q0"));
	close(hears("FDSTORE=1\nFDPOLL=0\nFDNAME=blue.r0"));
	store_forget("blue", &d);
	assert_int_equal(hears("FDSTOREREMOVE=1\nFDNAME=blue.q0"), -1);
	assert_int_equal(hears("FDSTOREREMOVE=1\nFDNAME=blue.r0"), -1);
	assert_true(silent());
	close(ends[0]);
	close(ends[1]);
}

/* As a service manager starts a process: descriptors from 3 on, and three variables. The caller's own are put aside. */
static void
started(struct store *s, const char *pid, const char *names, unsigned n)
{
	char number[16];

	for (unsigned i = 0; i < n; i++) {
		int fd = open("/dev/null", O_RDONLY);

		if (fd != 3 + (int)i) {
			dup2(fd, 3 + (int)i);
			close(fd);
		}
	}
	snprintf(number, sizeof(number), "%u", n);
	setenv("LISTEN_FDS", number, 1);
	setenv("LISTEN_PID", pid, 1);
	if (names)
		setenv("LISTEN_FDNAMES", names, 1);
	store_open(s);
	assert_null(getenv("LISTEN_FDS"));
	assert_null(getenv("LISTEN_PID"));
	assert_null(getenv("LISTEN_FDNAMES"));
}

static void
taken_back(void **state)
{
	static struct store s;
	char me[16], other[16];
	int queue[CONFIG_MAX_WORKERS];

	(void)state;
	assert_true(manager < 30 && dup2(manager, 30) == 30);
	close(manager);
	manager = 30;
	snprintf(me, sizeof(me), "%d", (int)getpid());
	snprintf(other, sizeof(other), "%d", (int)getppid());

	started(&s, me, "red.q0:blue.q1:blue.q0:green.q0", 4);
	assert_int_equal(s.n, 4);
	assert_int_equal(fcntl(3, F_GETFD), FD_CLOEXEC);
	assert_false(store_look(&s, "green", 0, 2, queue));	/* one is missing */
	assert_true(store_look(&s, "green", 0, 1, queue));	/* looked at and left: it will be forgotten with the rest */
	assert_true(store_look(&s, "blue", 0, 2, queue));
	assert_int_equal(queue[0], 5);
	assert_int_equal(queue[1], 4);
	store_take(&s, queue, 2);
	assert_false(store_look(&s, "blue", 0, 2, queue));
	store_close(&s);
	assert_int_equal(hears("FDSTOREREMOVE=1\nFDNAME=red.q0"), -1);
	assert_int_equal(hears("FDSTOREREMOVE=1\nFDNAME=green.q0"), -1);
	assert_true(silent());
	assert_int_equal(fcntl(3, F_GETFD), -1);
	assert_int_equal(fcntl(4, F_GETFD), FD_CLOEXEC);
	close(4);
	close(5);

	started(&s, other, "blue.q0", 1);		/* meant for somebody else */
	assert_int_equal(s.n, 0);
	close(3);
	started(&s, me, NULL, 2);			/* without names they are nobody's */
	assert_false(store_look(&s, "blue", 0, 1, queue));
	store_close(&s);
	setenv("LISTEN_PID", me, 1);
	setenv("LISTEN_FDS", "99999999999999999999", 1);	/* and those that are not there, neither */
	store_open(&s);
	assert_false(store_look(&s, "blue", 0, 1, queue));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(given, listening, deaf),
		cmocka_unit_test_setup_teardown(taken_back, listening, deaf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
