/*
 * orphan.c - children of a nat64d that is no more
 *
 * Workers outlive the nat64d that made them and translate on. Its successor is not their parent: it cannot reap them, gets
 * no signal from them, and knows them only by what was noted. A pid alone is no name, for the kernel gives it again; with
 * the time its process started it is one, and both fit into a word that is stored at once. The pidfd is opened first and
 * looked at after, so what was looked at is what it stands for, and everything further goes through it.
 *
 * A pidfd can be read when its process has ended; by then the kernel has taken its memory and its descriptors away. So who
 * waits for that is as sure as a parent who has reaped.
 *
 * Must never: signal, or take anything from, a process that it is not sure of.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "supervisor/orphan.h"

/* The word, from the top: 8 bits of check, 34 of start time, 22 of pid, which the kernel keeps below 2^22. */
#define ORPHAN_PID_BITS 22
#define ORPHAN_START_BITS 34
#define ORPHAN_CHECK_SHIFT (ORPHAN_PID_BITS + ORPHAN_START_BITS)
#define ORPHAN_LOW(bits) ((UINT64_C(1) << (bits)) - 1)

#define ORPHAN_PARENT "nat64d"

struct orphan_stat {
	char program[16];
	uint64_t start;			/* ticks since the system started */
	uint32_t uid;
};

/* Read a small file of a process. Returns whether there was something. */
static bool
orphan_read(char *text, size_t size, pid_t pid, const char *file)
{
	char path[48];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, size - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* Look at a process. Returns 0 or -ESRCH. */
static int
orphan_look(struct orphan_stat *s, pid_t pid)
{
	char text[4096], *begin, *end;

	/* PID (NAME) STATE ... with the start time as the 22nd word; NAME may hold blanks and brackets. */
	if (!orphan_read(text, sizeof(text), pid, "stat"))
		return -ESRCH;
	begin = strchr(text, '(');
	end = strrchr(text, ')');
	if (!begin || !end)
		return -ESRCH;
	*end++ = '\0';
	snprintf(s->program, sizeof(s->program), "%s", begin + 1);
	for (unsigned word = 3; word < 22 && end; word++)
		end = strchr(end + 1, ' ');
	if (!end)
		return -ESRCH;
	s->start = strtoull(end, NULL, 10);

	if (!orphan_read(text, sizeof(text), pid, "status"))
		return -ESRCH;
	begin = strstr(text, "\nUid:");
	if (!begin)
		return -ESRCH;
	s->uid = (uint32_t)strtoul(begin + 5, NULL, 10);
	return 0;
}

/* The word without its check, and with it. */
static uint64_t
orphan_checked(uint64_t word)
{
	uint64_t sum = 0;

	word &= ORPHAN_LOW(ORPHAN_CHECK_SHIFT);
	for (unsigned at = 0; at < ORPHAN_CHECK_SHIFT; at += 8)
		sum += word >> at & 0xff;
	return word | sum << ORPHAN_CHECK_SHIFT;
}

uint64_t
orphan_word(pid_t pid)
{
	struct orphan_stat s;

	if (pid <= 0 || orphan_look(&s, pid) != 0)
		return 0;
	return orphan_checked((s.start & ORPHAN_LOW(ORPHAN_START_BITS)) << ORPHAN_PID_BITS |
			      ((uint64_t)pid & ORPHAN_LOW(ORPHAN_PID_BITS)));
}

bool
orphan_whole(uint64_t word)
{
	return word == orphan_checked(word);
}

/* Does it run the program, as that user or at its birth? Or is it about to execute it, and still called as nat64d is? */
static bool
orphan_is(const struct orphan_stat *s, const char *program, uint32_t uid)
{
	if (strcmp(s->program, program) == 0)
		return s->uid == uid || s->uid == 0;
	return strcmp(s->program, ORPHAN_PARENT) == 0 && s->uid == 0;
}

int
orphan_open(uint64_t word, const char *program, uint32_t uid)
{
	pid_t pid = (pid_t)(word & ORPHAN_LOW(ORPHAN_PID_BITS));
	struct orphan_stat s;
	int pidfd;

	if (pid == 0)
		return -ESRCH;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return -errno;
	if (!orphan_gone(pidfd, 0) && orphan_look(&s, pid) == 0 && orphan_word(pid) == word && orphan_is(&s, program, uid))
		return pidfd;
	close(pidfd);
	return -ESRCH;
}

int
orphan_take(int pidfd, int fd)
{
	int taken = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	return taken < 0 ? -errno : taken;
}

void
orphan_kill(int pidfd)
{
	syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

bool
orphan_gone(int pidfd, int patience)
{
	struct pollfd wait = { .fd = pidfd, .events = POLLIN };

	return poll(&wait, 1, patience) == 1 && (wait.revents & POLLIN);
}
