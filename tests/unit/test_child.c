// links: supervisor/child.o supervisor/birth/nowhere.o supervisor/caps.o supervisor/knell.o supervisor/memory.o supervisor/birth/heritage.o -lcap-ng
/*
 * test_child.c - a child has its heritage at the agreed numbers, and nothing else
 *
 * The child is this very program, executed under another name: it looks at what it has and tells by its exit status.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "supervisor/child.h"
#include "tests/unit/unit.h"

#define MARK(n) (UINT64_C(1000) + (n))

/* The child: returns 0, or the number of what is wrong. */
static int
child(void)
{
	static const int mine[] = { 0, 1, 2, 3, 4, HERITAGE_BELLS, HERITAGE_ASSIGN, HERITAGE_QUEUES + 3, HERITAGE_IMAGE };
	struct dirent *entry;
	struct heritage h;
	uint64_t value;
	sigset_t mask;
	DIR *fds;

	if (heritage_take(&h, HERITAGE_CTL) != -EPROTO)
		return 10;
	if (heritage_take(&h, HERITAGE_WORKER) != 0 || strcmp(h.name, "blue") != 0 || h.uid != 4711)
		return 11;
	if (heritage_take(&h, HERITAGE_WORKER) != -EBADF)
		return 12;
	for (size_t i = 3; i < sizeof(mine) / sizeof(mine[0]); i++)
		if (read(mine[i], &value, sizeof(value)) != 8 || value != MARK((uint64_t)mine[i]))
			return 13;
	fds = opendir("/proc/self/fd");
	while ((entry = readdir(fds))) {
		bool known = entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(fds);

		for (size_t i = 0; i < sizeof(mine) / sizeof(mine[0]); i++)
			known = known || atoi(entry->d_name) == mine[i];
		if (!known)
			return 14;
	}
	closedir(fds);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int s = 1; s < 32; s++) {
		struct sigaction action;

		if (sigismember(&mask, s) == 1)
			return 15;
#ifdef SANITIZED
		continue;		/* the sanitizer has handlers */
#endif
		if (sigaction(s, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
			return 16;
	}
#ifndef SANITIZED
	if (getenv("SECRET"))
		return 17;
#endif
	if (write(2, "heard", 5) != 5)
		return 18;
	return 0;
}

static int
status_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void
has_its_heritage(void **state)
{
	static const int to[] = { 3, 4, HERITAGE_BELLS, HERITAGE_ASSIGN, HERITAGE_QUEUES + 3, HERITAGE_IMAGE };
	struct heritage h = { .kind = HERITAGE_WORKER, .uid = 4711, .gid = 4711, .workers = 4, .name = "blue" };
	struct child_door doors[6];
	char self[4096] = "", text[16] = "";
	int ends[2], saved, holder;
	sigset_t all;
	pid_t pid;

	(void)state;
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	/* The sources lie where other doors lead, in reverse order, so every careless dup2 would show. */
	for (int i = 0; i < 6; i++) {
		int fd = eventfd((unsigned)MARK(to[5 - i]), 0);

		doors[5 - i] = (struct child_door) { fcntl(fd, F_DUPFD, 3), to[5 - i] };
		close(fd);
	}
	for (int i = 0; i < 6; i++) {
		int parked = fcntl(doors[i].from, F_DUPFD, 300);

		close(doors[i].from);
		doors[i].from = parked;
	}
	for (int i = 0; i < 6; i++) {
		if (dup2(doors[i].from, to[(i + 1) % 6]) >= 0 && to[(i + 1) % 6] != doors[i].from) {
			close(doors[i].from);
			doors[i].from = to[(i + 1) % 6];
		}
	}
	holder = open("/dev/null", O_RDONLY);	/* without FD_CLOEXEC */
	setenv("SECRET", "1", 1);
	signal(SIGINT, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	saved = fcntl(2, F_DUPFD_CLOEXEC, 100);
	dup2(ends[1], 2);
	close(ends[1]);
	pid = child_start(self, "the child", &h, doors, 6, true, NULL);
	dup2(saved, 2);
	assert_true(pid > 0);
	assert_int_equal(status_of(pid), 0);
	assert_int_equal(read(ends[0], text, sizeof(text)), 5);
	assert_string_equal(text, "heard");
	assert_true(fcntl(holder, F_GETFD) >= 0);
	for (int i = 0; i < 6; i++)
		close(doors[i].from);
	sigemptyset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

static void
cannot_be_executed(void **state)
{
	struct heritage h = { .kind = HERITAGE_WORKER };
	pid_t pid = child_start("/no/such/program", "x", &h, NULL, 0, false, NULL);

	(void)state;
	assert_true(pid > 0);
	assert_int_equal(status_of(pid), 127);
}

static void
programs(void **state)
{
	char path[CHILD_PATH], self[CHILD_PATH] = "";

	(void)state;
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	child_program(path, "test_child");
	assert_string_equal(path, self);
	child_program(path, "nat64-nothing");
	assert_string_equal(path, "/usr/libexec/nat64/nat64-nothing");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_its_heritage), cmocka_unit_test(cannot_be_executed), cmocka_unit_test(programs),
	};

	if (argc == 1 && strcmp(argv[0], "the child") == 0)
		return child();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
