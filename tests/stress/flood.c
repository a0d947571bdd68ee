/*
 * flood.c - numbered UDP datagrams from one network namespace to another, and which of them arrived
 *
 *     flood CLIENT SERVER ADDRESS PORT RATE SECONDS
 *
 * CLIENT and SERVER are namespace files (/run/netns/...); ADDRESS is what the client sends to. Both ends are threads of
 * one process on one clock. Prints one line: datagrams sent, lost, duplicated, and of the gaps between arrivals that are
 * longer than a millisecond the median, the 99th percentile and the longest. Exits 0; the caller judges.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_GAPS 100000

static uint8_t *seen;
static uint32_t total;
static double gaps[MAX_GAPS];
static unsigned n_gaps;
static volatile bool over;
static const char *server_ns;
static int server_socket = -1;
static unsigned port;

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void
fail(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void
enter(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
		fail(path);
	close(fd);
}

static void
server_open(void)
{
	struct sockaddr_in me = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct timeval tick = { .tv_usec = 100000 };
	int room = 256 << 20;

	enter(server_ns);
	server_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (server_socket < 0 || bind(server_socket, (void *)&me, sizeof(me)) != 0)
		fail("server");
	setsockopt(server_socket, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(server_socket, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof(tick));
}

static void *
receive(void *unused)
{
	double last = 0;

	(void)unused;
	while (!over) {
		uint32_t number[16];
		double now;

		if (recv(server_socket, number, sizeof(number), 0) < (ssize_t)sizeof(number[0]))
			continue;
		now = seconds();
		if (last > 0 && now - last > 0.001 && n_gaps < MAX_GAPS)
			gaps[n_gaps++] = (now - last) * 1000;
		last = now;
		if (number[0] < total && seen[number[0]] < 255)
			seen[number[0]]++;
	}
	return NULL;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
report(void)
{
	uint32_t lost = 0, again = 0;

	for (uint32_t i = 0; i < total; i++) {
		lost += seen[i] == 0;
		again += seen[i] > 1 ? seen[i] - 1u : 0;
	}
	qsort(gaps, n_gaps, sizeof(gaps[0]), by_value);
	printf("sent %u lost %u duplicated %u gaps %u median %.2f p99 %.2f longest %.2f ms\n", total, lost, again, n_gaps,
	       n_gaps ? gaps[n_gaps / 2] : 0, n_gaps ? gaps[n_gaps * 99 / 100] : 0, n_gaps ? gaps[n_gaps - 1] : 0);
}

int
main(int argc, char **argv)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };
	uint32_t number[16] = { 0 };
	double start, rate;
	pthread_t receiver;
	int fd;

	if (argc != 7 || inet_pton(AF_INET6, argv[3], &to.sin6_addr) != 1) {
		fprintf(stderr, "usage: flood CLIENT SERVER ADDRESS PORT RATE SECONDS\n");
		return 2;
	}
	server_ns = argv[2];
	port = (unsigned)atoi(argv[4]);
	rate = atof(argv[5]);
	total = (uint32_t)(rate * atof(argv[6]));
	to.sin6_port = htons((uint16_t)port);
	seen = calloc(total, 1);
	server_open();
	enter(argv[1]);
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (void *)&to, sizeof(to)) != 0 || !seen ||
	    pthread_create(&receiver, NULL, receive, NULL) != 0)
		fail("client");
	start = seconds();
	for (uint32_t i = 0; i < total; i++) {
		while (seconds() - start < i / rate)
			sched_yield();
		number[0] = i;
		while (send(fd, number, sizeof(number), 0) < 0 && errno == ENOBUFS)
			sched_yield();
	}
	sleep(2);
	over = true;
	pthread_join(receiver, NULL);
	report();
	return 0;
}
