/*
 * kill.c - SIGKILL to random workers at random moments, as fast as they are replaced
 *
 *     kill SOCKET N SEED
 *
 * SOCKET is nat64-ctld's. Each of N times: wait until every worker runs, wait up to some milliseconds more, and kill one
 * by its pid. Prints one line: how many were killed, and how long the gateway took to have a new one running: median,
 * 99th percentile, longest. Exits 1 when a worker is not replaced within ten seconds.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define WORKERS 16
#define PATIENCE 10.0			/* seconds */

static struct sockaddr_un ctld = { .sun_family = AF_UNIX };
static uint32_t seed;

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void
sleep_us(unsigned us)
{
	nanosleep(&(struct timespec) { .tv_nsec = (long)us * 1000 }, NULL);
}

static uint32_t
random_below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * n >> 32);
}

/* The pids of all workers. Returns how many there are, or 0 when not all run, or nobody says. */
static unsigned
running(pid_t pid[WORKERS])
{
	static const char question[] = "text pulse\n";
	static char text[65536];
	char *rest = NULL, state[32];
	size_t n = 0;
	ssize_t got;
	unsigned workers = 0;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (void *)&ctld, sizeof(ctld)) == 0 && send(fd, question, strlen(question), MSG_NOSIGNAL) > 0)
		while (n + 1 < sizeof(text) && (got = recv(fd, text + n, sizeof(text) - 1 - n, 0)) > 0)
			n += (size_t)got;
	close(fd);
	text[n] = '\0';
	for (char *line = strtok_r(text, "\n", &rest); line && workers < WORKERS; line = strtok_r(NULL, "\n", &rest)) {
		if (sscanf(line, "worker %*s %d %31s", &pid[workers], state) != 2)
			continue;
		if (strcmp(state, "running") != 0)
			return 0;
		workers++;
	}
	return workers;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Has somebody else than `dead` taken its place? */
static bool
replaced(const pid_t *pid, unsigned n, pid_t dead)
{
	for (unsigned i = 0; i < n; i++)
		if (pid[i] == dead)
			return false;
	return n > 0;
}

int
main(int argc, char **argv)
{
	unsigned times = argc == 4 ? (unsigned)atoi(argv[2]) : 0, n;
	double *took = calloc(times + 1, sizeof(*took)), begun = seconds();
	pid_t pid[WORKERS], dead = 0;

	if (times == 0 || !took || strlen(argv[1]) >= sizeof(ctld.sun_path)) {
		fprintf(stderr, "usage: kill SOCKET N SEED\n");
		return 2;
	}
	strcpy(ctld.sun_path, argv[1]);
	seed = (uint32_t)atoi(argv[3]);
	for (unsigned i = 0; i <= times; i++) {
		double since = seconds();

		while (!replaced(pid, n = running(pid), dead)) {
			if (seconds() - since > PATIENCE) {
				printf("killed %u; pid %d was not replaced in %.0f s\n", i, (int)dead, PATIENCE);
				return 1;
			}
			sleep_us(500);
		}
		if (dead)
			took[i - 1] = (seconds() - since) * 1000;
		if (i == times)
			break;
		sleep_us(random_below(random_below(4) ? 3000 : 20000));
		dead = pid[random_below(n)];
		if (dead <= 1 || kill(dead, SIGKILL) != 0) {
			printf("killed %u; pid %d cannot be killed\n", i, (int)dead);
			return 1;
		}
	}
	qsort(took, times, sizeof(*took), by_value);
	printf("killed %u in %.0f s; a new one runs after: median %.1f p99 %.1f longest %.1f ms\n", times, seconds() - begun,
	       took[times / 2], took[times * 99 / 100], took[times - 1]);
	free(took);
	return 0;
}
