/*
 * main.c - nat64-ctld: the window
 *
 * It is born with listening sockets and read-only descriptors, maps what they stand for, gives up everything, and then
 * answers: `nat64ctl show` on the control socket, /metrics over HTTP. One thread, one epoll. It can look and it can
 * tell; it cannot change anything, which is why it may talk to anybody.
 *
 * It ends with the supervisor: a window of a house that is gone would show old things as if they were true. A signal on the
 * parent's death (PR_SET_PDEATHSIG) would not come: it is sent with the rights of the dying supervisor, which has none over
 * another uid. So a pidfd of the supervisor is among what is watched.
 *
 * Must never: serve before the doors are closed; write to shared memory (the kernel sees to it).
 */
#include <errno.h>
#include <jansson.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "ctl/doors.h"
#include "ctl/http.h"
#include "ctl/serve.h"
#include "supervisor/birth/birth.h"

#define EVENTS 64

static struct view view;

__attribute__((noreturn, format(printf, 1, 2))) static void
fail(const char *format, ...)
{
	va_list ap;

	fputs("nat64-ctld: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

/* What libraries do the first time they are used, while it can still be done. */
static void
warm_up(void)
{
	size_t seed = 0;

	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed) || seed == 0)
		seed = 1;
	json_object_seed(seed);		/* or it would read /dev/urandom */
	tzset();			/* or the first Date header would read /etc/localtime */
	mallopt(M_MMAP_MAX, 0);		/* or malloc would map what is large; brk is on the list */
}

static void
map(const struct heritage *h)
{
	const char *wrong;

	view.shared = heritage_map_status();
	if (!view.shared)
		fail("the status cannot be mapped");
	view.tenants = h->tenants;
	for (unsigned t = 0; t < view.tenants; t++) {
		if (h->number[t] >= CONFIG_MAX_TENANTS || (t > 0 && h->number[t] <= h->number[t - 1]))
			fail("tenant %u has the number %u", t, h->number[t]);
		view.number[t] = h->number[t];
		wrong = heritage_map_ctl(&view.tenant[t], h, t);
		if (wrong)
			fail("tenant %u: %s", t, wrong);
	}
}

/* Watch the supervisor. Returns 0, or -1 when it is gone already. */
static int
watch_parent(int epoll)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = SERVE_PARENT };
	pid_t parent = getppid();
	int fd = (int)syscall(SYS_pidfd_open, parent, 0);

	if (fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0)
		return -1;
	return getppid() == parent && (uint32_t)parent == view.shared->pid ? 0 : -1;
}

static int
listen_all(const struct heritage *h)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), rc;

	if (epoll < 0 || watch_parent(epoll) != 0)
		return -1;
	rc = serve_init(epoll, HERITAGE_CONTROL, &view);
	for (unsigned i = 0; i < h->listeners && rc == 0; i++)
		rc = http_init(epoll, SERVE_OTHER, HERITAGE_METRICS + (int)i, &view);
	return rc == 0 ? epoll : -1;
}

static int
serve(int epoll)
{
	struct epoll_event event[EVENTS];

	for (;;) {
		int timeout = http_timeout(), n;

		if (serve_expire() && (timeout < 0 || timeout > 1000))
			timeout = 1000;
		n = epoll_wait(epoll, event, EVENTS, timeout);
		if (n < 0 && errno != EINTR)
			return 1;
		for (int i = 0; i < n; i++)
			if (event[i].data.u32 == SERVE_PARENT)
				return 0;
		for (int i = 0; i < n; i++)
			if (event[i].data.u32 < SERVE_OTHER)
				serve_event(event[i].data.u32, event[i].events);
		http_run();
	}
}

int
main(int argc, char **argv)
{
	struct heritage h;
	uint32_t missing = 0;
	const char *step;
	int rc, epoll;

	if (argc == 3 && strcmp(argv[1], "--kin") == 0)
		return strtoull(argv[2], NULL, 10) != HERITAGE_KIN;
	if (heritage_take(&h, HERITAGE_CTL) != 0) {
		fputs("nat64-ctld: started by nat64d only; nat64ctl(1) is the command to use\n", stderr);
		return 2;
	}
	if (h.tenants > CONFIG_MAX_TENANTS || h.listeners > HTTP_LISTENERS)
		fail("a heritage of %u tenants and %u listeners is not nat64d's", h.tenants, h.listeners);
	warm_up();
	signal(SIGPIPE, SIG_IGN);
	rc = birth_isolate(&h, &missing, &step);
	if (rc != 0)
		fail("%s: %s", step, strerror(-rc));
	map(&h);
	for (uint32_t i = 0, bit; view_layer(i, &bit) != NULL; i++)
		if (missing & bit)
			fprintf(stderr, "nat64-ctld: runs without a layer of its sandbox: %s\n", view_layer(i, &bit));
	rc = heritage_settle_ctl(&h);
	if (rc != 0)
		fail("descriptors: %s", strerror(-rc));
	epoll = listen_all(&h);
	if (epoll < 0 || doors_close(&missing) != 0)
		return 1;
	return serve(epoll);
}
