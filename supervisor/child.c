/*
 * child.c - fork and exec a child that has its heritage and nothing else
 *
 * The numbers a child finds its descriptors at may be in use in the supervisor for something else. So between fork and
 * exec every descriptor is first duplicated out of the way, above all agreed numbers, then put in its place, and then
 * every number that was not agreed on is closed. Exec gives the child a memory of its own; it keeps nothing of the
 * supervisor's heap, configuration or secrets. Its environment is empty, except in sanitizer builds, which are told by it
 * how to report.
 *
 * A child is not tied to the supervisor's life: when nat64d is killed, workers go on translating.
 *
 * Must never: leave a descriptor open that is not in the list; return in the child.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "supervisor/birth/nowhere.h"
#include "supervisor/caps.h"
#include "supervisor/child.h"
#include "supervisor/knell.h"
#include "supervisor/memory.h"

#ifndef NAT64_LIBEXEC
#define NAT64_LIBEXEC "/usr/libexec/nat64"
#endif

#define CHILD_ASIDE 256			/* above every agreed number */
#define CHILD_PLACES (CHILD_MAX_DOORS + 5)

_Static_assert(HERITAGE_IMAGE + 2 * CONFIG_MAX_TENANTS < CHILD_ASIDE, "out of the way is out of the way");

static int child_nowhere = -1;

void
child_open(void)
{
	caps_raise(CAPS_BIRTH);
	child_nowhere = nowhere_open();
	caps_drop();
}

void
child_program(char out[CHILD_PATH], const char *name)
{
	char self[CHILD_PATH], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n < 0 ? 0 : n] = '\0';
	slash = strrchr(self, '/');
	if (slash && (size_t)(slash - self) + strlen(name) + 2 < CHILD_PATH) {
		*slash = '\0';
		snprintf(out, CHILD_PATH, "%.3800s/%s", self, name);
		if (access(out, X_OK) == 0)
			return;
	}
	snprintf(out, CHILD_PATH, "%s/%s", NAT64_LIBEXEC, name);
}

/* A memfd with the paper in it. Returns it, or -errno. */
static int
child_paper(struct heritage *h)
{
	int fd = memory_create("nat64-heritage", sizeof(*h));

	h->magic = HERITAGE_MAGIC;
	h->size = sizeof(*h);
	if (fd >= 0 && pwrite(fd, h, sizeof(*h), 0) != (ssize_t)sizeof(*h)) {
		close(fd);
		return -EIO;
	}
	return fd;
}

/* In the child: everything at its place, nothing else open. places[n] is free to use. */
static bool
child_arrange(struct child_door *places, unsigned n)
{
	unsigned from = 0;

	for (unsigned i = 0; i < n; i++) {
		places[i].from = fcntl(places[i].from, F_DUPFD_CLOEXEC, CHILD_ASIDE);
		if (places[i].from < 0)
			return false;
	}
	for (unsigned i = 0; i < n; i++)
		if (dup2(places[i].from, places[i].to) < 0)
			return false;
	for (unsigned i = 0; i < n; i++) {
		unsigned next = ~0U;		/* the lowest place not below from */

		for (unsigned j = 0; j < n; j++)
			if ((unsigned)places[j].to >= from && (unsigned)places[j].to < next)
				next = (unsigned)places[j].to;
		if (next > from && close_range(from, next - 1, 0) != 0)
			return false;
		from = next + 1;
	}
	return close_range(from, ~0U, 0) == 0;
}

__attribute__((noreturn)) static void
child_become(const char *program, const char *title, struct child_door *places, unsigned n, int rope)
{
	char *const argv[] = { (char *)(uintptr_t)title, NULL };
	char *const nothing[] = { NULL };
	sigset_t none;

	sigemptyset(&none);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	caps_raise(CAPS_BIRTH);
	knell_tie(rope);
	caps_drop();
	if (child_arrange(places, n) && sigprocmask(SIG_SETMASK, &none, NULL) == 0) {
		caps_raise(CAPS_FILES);
#ifdef SANITIZED
		(void)nothing;
		execve(program, argv, environ);
#else
		execve(program, argv, nothing);
#endif
	}
	_exit(127);
}

pid_t
child_start(const char *program, const char *title, struct heritage *h, const struct child_door *doors, unsigned n,
	    bool with_stderr, uint32_t *knell)
{
	struct child_door places[CHILD_PLACES];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), rope = -1, paper;
	pid_t pid;

	if (null < 0)
		return -errno;
	paper = child_paper(h);
	if (paper < 0) {
		close(null);
		return paper;
	}
#ifdef SANITIZED
	with_stderr = true;
#endif
	for (unsigned i = 0; i < n; i++)
		places[i] = doors[i];
	places[n++] = (struct child_door) { null, 0 };
	places[n++] = (struct child_door) { null, 1 };
	places[n++] = (struct child_door) { with_stderr ? 2 : null, 2 };
	places[n++] = (struct child_door) { paper, HERITAGE_PAPER };
	if (child_nowhere >= 0)
		places[n++] = (struct child_door) { child_nowhere, HERITAGE_NOWHERE };
	if (knell)
		*knell = knell_hang(&rope);
	pid = fork();
	if (pid == 0)
		child_become(program, title, places, n, rope);
	if (pid < 0)
		pid = -errno;
	if (rope >= 0)
		close(rope);
	close(paper);
	close(null);
	return pid;
}
