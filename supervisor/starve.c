/*
 * starve.c - does a process do nothing, or is it given no processor?
 *
 * On a host with more to do than processors a worker may wait for one longer than a worker that is stuck is given. To kill it
 * would make that worse: its successor waits for the same processor, and has its memory yet to map. The kernel says of each
 * process whether it is runnable and how much processor time it has had.
 * Must never: take the word of the process itself.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "supervisor/starve.h"

/* State and processor time, in clock ticks, of a process. Returns false when there is none. */
static bool
starve_stat(pid_t pid, char *state, uint64_t *used)
{
	char path[32], text[1024], *at;
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	at = strrchr(text, ')');	/* PID (NAME) STATE ...; NAME may hold anything */
	if (!at || at[1] != ' ' || !at[2])
		return false;
	*state = at[2];
	at += 2;
	for (unsigned word = 3; word < 14 && at; word++)
		at = strchr(at + 1, ' ');
	if (!at)
		return false;
	*used = strtoull(at, &at, 10);	/* words 14 and 15: as a user, in the kernel */
	*used += strtoull(at, NULL, 10);
	return true;
}

bool
starve_look(struct starve *s, pid_t pid, uint64_t progress)
{
	uint64_t used = 0, fair = STARVE_FAIR * (uint64_t)sysconf(_SC_CLK_TCK) / 1000;
	char state = 0;

	if (!starve_stat(pid, &state, &used) || state != 'R')
		return false;
	if (!s->seen || s->progress != progress)
		*s = (struct starve) { .progress = progress, .used = used, .seen = true };
	return used - s->used < (fair ? fair : 1);
}
