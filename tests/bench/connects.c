/*
 * connects.c - TCP connections that open, transfer and close, one after the other
 *
 *     connects CLIENT SERVER ADDRESS LOCAL SECONDS
 *
 * The client connects to ADDRESS port 7001, sends a byte, takes 1000 bytes and the end, and begins anew; the server, at
 * LOCAL, closes first. Prints one JSON object: connections that were whole, and seconds.
 */
#include <netdb.h>
#include <pthread.h>
#include <sys/socket.h>
#include "tests/bench/measure.h"

#define ANSWER 1000

static int listener;

static struct addrinfo *
resolve(const char *address)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM }, *a;

	if (getaddrinfo(address, "7001", &hints, &a) != 0)
		measure_fail(address);
	return a;
}

static void *
serve(void *unused)
{
	static char answer[ANSWER];

	(void)unused;
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		char byte;

		if (fd >= 0 && read(fd, &byte, 1) == 1 && write(fd, answer, ANSWER) != ANSWER)
			measure_fail("answer");
		close(fd);
	}
	return NULL;
}

/* One connection. Returns whether all of the answer came. */
static bool
talk(const struct addrinfo *to)
{
	struct timeval patience = { .tv_sec = 2 };
	int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char data[ANSWER];
	ssize_t n, all = 0;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, to->ai_addr, to->ai_addrlen) == 0 && write(fd, "?", 1) == 1)
		while ((n = read(fd, data, sizeof(data))) > 0)
			all += n;
	close(fd);
	return all == ANSWER;
}

int
main(int argc, char **argv)
{
	unsigned whole = 0, broken = 0;
	struct addrinfo *at, *to;
	pthread_t server;
	double begun, took;
	int one = 1;

	if (argc != 6) {
		fprintf(stderr, "usage: connects CLIENT SERVER ADDRESS LOCAL SECONDS\n");
		return 2;
	}
	at = resolve(argv[4]);
	to = resolve(argv[3]);
	measure_enter(argv[2]);
	listener = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (listener < 0 || bind(listener, at->ai_addr, at->ai_addrlen) != 0 || listen(listener, 128) != 0 ||
	    pthread_create(&server, NULL, serve, NULL) != 0)
		measure_fail("server");
	measure_enter(argv[1]);
	begun = measure_seconds(CLOCK_MONOTONIC);
	do {
		if (talk(to))
			whole++;
		else
			broken++;
		took = measure_seconds(CLOCK_MONOTONIC) - begun;
	} while (took < atof(argv[5]));
	printf("{\"whole\": %u, \"broken\": %u, \"seconds\": %.3f}\n", whole, broken, took);
	freeaddrinfo(at);
	freeaddrinfo(to);
	return 0;
}
