/*
 * echo.c - round trips of one datagram at a time
 *
 *     echo CLIENT SERVER ADDRESS LOCAL COUNT GAP
 *
 * CLIENT and SERVER are namespace files; the server echoes at LOCAL port 7000, the client sends to ADDRESS. There is one
 * datagram of 18 bytes under way, and GAP microseconds pass before the next, so every hop has gone to sleep meanwhile.
 * Prints one JSON object: how many came back, median and 99th percentile in microseconds.
 */
#include <netdb.h>
#include <pthread.h>
#include <sys/socket.h>
#include "tests/bench/measure.h"

static int served;

static int
udp_socket(const char *netns, const char *address, int (*use)(int, const struct sockaddr *, socklen_t))
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM }, *a;
	struct timeval patience = { .tv_usec = 200000 };
	int fd;

	measure_enter(netns);
	if (getaddrinfo(address, "7000", &hints, &a) != 0)
		measure_fail(address);
	fd = socket(a->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || use(fd, a->ai_addr, a->ai_addrlen) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0)
		measure_fail(address);
	freeaddrinfo(a);
	return fd;
}

static void *
serve(void *unused)
{
	struct sockaddr_storage from;
	char data[64];

	(void)unused;
	for (;;) {
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(served, data, sizeof(data), 0, (void *)&from, &len);

		if (n > 0 && sendto(served, data, (size_t)n, 0, (void *)&from, len) != n)
			measure_fail("answer");
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	unsigned count = argc == 7 ? (unsigned)atoi(argv[5]) : 0, back = 0;
	double *took = calloc(count ? count : 1, sizeof(*took));
	pthread_t server;
	char data[64] = { 0 };
	int fd;

	if (count == 0 || !took) {
		fprintf(stderr, "usage: echo CLIENT SERVER ADDRESS LOCAL COUNT GAP\n");
		return 2;
	}
	served = udp_socket(argv[2], argv[4], bind);
	if (pthread_create(&server, NULL, serve, NULL) != 0)
		measure_fail("server");
	fd = udp_socket(argv[1], argv[3], connect);
	for (unsigned i = 0; i < count + count / 10; i++) {
		double begun = measure_seconds(CLOCK_MONOTONIC);

		if (send(fd, data, 18, 0) == 18 && recv(fd, data, sizeof(data), 0) == 18 && i >= count / 10)
			took[back++] = (measure_seconds(CLOCK_MONOTONIC) - begun) * 1e6;
		usleep((useconds_t)atoi(argv[6]));
	}
	qsort(took, back, sizeof(*took), measure_order);
	printf("{\"sent\": %u, \"back\": %u, \"p50\": %.2f, \"p99\": %.2f}\n", count, back, back ? took[back / 2] : 0,
	       back ? took[back * 99 / 100] : 0);
	return 0;
}
