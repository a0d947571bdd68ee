/*
 * churn.c - traffic of every kind across a gateway, opening and closing all the time, beside flows that must stay
 *
 *     churn CLIENT OTHER SERVER
 *
 * The three are namespace files of tests/lib.sh's picture. The client has any address below 2001:db8:100::/40, a /64 each
 * being a subscriber. Everything is in one process:
 *
 *   keepers    UDP flows that say something four times a second. The server tells each which address and port it sees; that
 *              must never change, and each must have been answered within the last seconds when the end comes. Now and then
 *              each also says something to another address, so that a session and a peer come and go.
 *   fleeting   UDP flows of one datagram each, from ever new ports of ever new subscribers: bindings open and expire, and
 *              there are more of them than ports
 *   tcp        connections: opened, a line there and back, closed in order or by a reset
 *   pings      echo requests, each with an identifier of its own
 *   inbound    the server talks to a static binding of the client
 *   strangers  the server opens TCP connections to ports that nobody has bound; nobody answers
 *   hairpin    the client talks to the pool address of a static binding of the other host
 *
 * On SIGTERM it prints one line of what was answered, and exits 1 when a keeper has changed or fallen silent, or when one of
 * the kinds was never answered.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define KEEPERS 64
#define FLEETING 400
#define TCP 24
#define PINGS 64
#define SERVER "64:ff9b::203.0.113.2"
#define SERVICE "198.51.100.8"		/* the pool address of both static bindings */

enum kind { KEEPER, FLEET, STREAM, PING, HAIRPIN, INBOUND, ECHO, LISTENER, CONNECTION, KINDS };

static const char *const kind_name[] = { "keepers", "fleeting", "tcp", "pings", "hairpin", "inbound" };

static int space[3], events, inbound, hairpin, stranger = -1;
static unsigned long asked[KINDS], answered[KINDS];
static struct {
	int fd;
	uint8_t seen[6];		/* the address and port that the server sees */
	double heard;
} keeper[KEEPERS];
static int fleeting[FLEETING], stream[TCP], ping[PINGS];
static double stream_began[TCP];
static unsigned changed;
static volatile sig_atomic_t over;

static void
stop(int number)
{
	over = number;
}

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
	fprintf(stderr, "churn: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void
watch(int fd, enum kind kind, unsigned n, uint32_t what)
{
	struct epoll_event e = { .events = what, .data.u64 = (uint64_t)kind << 56 | (uint64_t)n << 32 | (uint32_t)fd };

	if (epoll_ctl(events, EPOLL_CTL_ADD, fd, &e) != 0)
		fail("epoll");
}

/* A socket in namespace number `where`. */
static int
sock(unsigned where, int family, int type, int proto)
{
	static unsigned here = UINT32_MAX;
	int fd;

	if (where != here && setns(space[where], CLONE_NEWNET) != 0)
		fail("setns");
	here = where;
	fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, proto);
	if (fd < 0)
		fail("socket");
	return fd;
}

static struct sockaddr_in6
to6(const char *address, unsigned port)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };

	if (inet_pton(AF_INET6, address, &to.sin6_addr) != 1)
		fail(address);
	return to;
}

static struct sockaddr_in
to4(const char *address, unsigned port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		fail(address);
	return to;
}

/* An IPv6 socket of the client, sent from a subscriber of its own; connected to the server. -1: no port, or no answer. */
static int
client(int type, int proto, unsigned subscriber, unsigned port)
{
	struct sockaddr_in6 from = to6("2001:db8:100::9", 0), to = to6(SERVER, port);
	int fd = sock(0, AF_INET6, type, proto), one = 1;

	from.sin6_addr.s6_addr[5] = (uint8_t)(subscriber >> 8);
	from.sin6_addr.s6_addr[6] = (uint8_t)subscriber;
	setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &one, sizeof(one));
	if (bind(fd, (void *)&from, sizeof(from)) == 0 &&
	    (connect(fd, (void *)&to, sizeof(to)) == 0 || errno == EINPROGRESS))
		return fd;
	close(fd);
	return -1;
}

static void
close_slot(int *slot)
{
	if (*slot >= 0)
		close(*slot);
	*slot = -1;
}

/* An IPv4 or IPv6 UDP service that sends back what comes, led by the six bytes of who an IPv4 peer is. */
static void
echo_open(unsigned where, const char *address, unsigned port)
{
	bool four = strchr(address, '.');
	struct sockaddr_in six_not = four ? to4(address, port) : (struct sockaddr_in) { 0 };
	struct sockaddr_in6 six = four ? (struct sockaddr_in6) { 0 } : to6(address, port);
	int fd = sock(where, four ? AF_INET : AF_INET6, SOCK_DGRAM, 0);

	if (bind(fd, four ? (void *)&six_not : (void *)&six, four ? sizeof(six_not) : sizeof(six)) != 0)
		fail(address);
	watch(fd, ECHO, four, EPOLLIN);
}

static void
echo(int fd, bool four)
{
	struct sockaddr_storage who;
	socklen_t size = sizeof(who);
	uint8_t buf[64] = { 0 };
	ssize_t n;

	while ((n = recvfrom(fd, buf + 6, sizeof(buf) - 6, 0, (void *)&who, &size)) > 0) {
		if (four) {
			memcpy(buf, &((struct sockaddr_in *)&who)->sin_addr, 4);
			memcpy(buf + 4, &((struct sockaddr_in *)&who)->sin_port, 2);
		}
		sendto(fd, buf, (size_t)n + 6, 0, (void *)&who, size);
		size = sizeof(who);
	}
}

static void
services(void)
{
	struct sockaddr_in at = to4("203.0.113.2", 7), service = to4(SERVICE, 80);
	struct sockaddr_in6 from = to6("2001:db8:1::2", 0), pin = to6("64:ff9b::" SERVICE, 81);
	int fd = sock(2, AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (void *)&at, sizeof(at)) != 0 || listen(fd, 256) != 0)
		fail("listen");
	watch(fd, LISTENER, 0, EPOLLIN);
	echo_open(2, "203.0.113.2", 7);
	echo_open(0, "2001:db8:1::2", 8080);
	echo_open(1, "2001:db8:2::2", 8081);
	inbound = sock(2, AF_INET, SOCK_DGRAM, 0);
	hairpin = sock(0, AF_INET6, SOCK_DGRAM, 0);
	if (connect(inbound, (void *)&service, sizeof(service)) != 0 || bind(hairpin, (void *)&from, sizeof(from)) != 0 ||
	    connect(hairpin, (void *)&pin, sizeof(pin)) != 0)
		fail("static bindings");
	watch(inbound, INBOUND, 0, EPOLLIN);
	watch(hairpin, HAIRPIN, 0, EPOLLIN);
	for (unsigned i = 0; i < KEEPERS; i++) {
		keeper[i].fd = client(SOCK_DGRAM, 0, i, 7);
		if (keeper[i].fd < 0)
			fail("keeper");
		watch(keeper[i].fd, KEEPER, i, EPOLLIN);
	}
	for (unsigned i = 0; i < FLEETING; i++)
		fleeting[i] = -1;
	for (unsigned i = 0; i < TCP; i++)
		stream[i] = -1;
	for (unsigned i = 0; i < PINGS; i++)
		ping[i] = -1;
}

static void
ask(int fd, enum kind kind, const void *what, size_t size)
{
	asked[kind]++;
	while (send(fd, what, size, MSG_NOSIGNAL) < 0 && errno == ECONNREFUSED)
		;			/* that was an error about an earlier one */
}

/* Open what is due: called a hundred times a second. */
static void
tick(unsigned n)
{
	static const struct icmp6_hdr request = { .icmp6_type = ICMP6_ECHO_REQUEST };
	struct sockaddr_in6 aside = to6("64:ff9b::203.0.113.3", 9);
	struct sockaddr_in unbound = to4(SERVICE, 20000 + n % 1000);
	double now = seconds();

	for (unsigned i = n % 25; i < KEEPERS; i += 25)
		ask(keeper[i].fd, KEEPER, "keep", 4);
	if (n % 800 < KEEPERS)
		sendto(keeper[n % 800].fd, "aside", 5, MSG_NOSIGNAL, (void *)&aside, sizeof(aside));
	if (n % 8 == 0) {
		close_slot(&stranger);
		stranger = sock(2, AF_INET, SOCK_STREAM, 0);
		if (connect(stranger, (void *)&unbound, sizeof(unbound)) != 0 && errno != EINPROGRESS)
			close_slot(&stranger);
	}
	for (unsigned i = 0; i < 6; i++) {
		int *slot = &fleeting[(n * 6 + i) % FLEETING];

		close_slot(slot);
		*slot = client(SOCK_DGRAM, 0, 100 + (n * 6 + i) % 1000, 7);
		if (*slot < 0)
			continue;
		watch(*slot, FLEET, (n * 6 + i) % FLEETING, EPOLLIN);
		ask(*slot, FLEET, "fleet", 5);
	}
	for (unsigned i = 0; i < TCP; i++) {
		if (stream[i] >= 0 && now - stream_began[i] < 3)
			continue;
		close_slot(&stream[i]);
		if (i % 8 != n % 8)
			continue;
		stream[i] = client(SOCK_STREAM, 0, i, 7);
		stream_began[i] = now;
		asked[STREAM]++;
		if (stream[i] >= 0)
			watch(stream[i], STREAM, i, EPOLLOUT);
	}
	close_slot(&ping[n % PINGS]);
	ping[n % PINGS] = client(SOCK_DGRAM, IPPROTO_ICMPV6, n % 50, 0);
	if (ping[n % PINGS] >= 0) {
		watch(ping[n % PINGS], PING, n % PINGS, EPOLLIN);
		ask(ping[n % PINGS], PING, &request, sizeof(request));
	}
	ask(inbound, INBOUND, "in", 2);
	ask(hairpin, HAIRPIN, "pin", 3);
}

static void
keeper_heard(unsigned i, const uint8_t *answer)
{
	static const uint8_t nobody[6];

	if (memcmp(keeper[i].seen, nobody, 6) == 0)
		memcpy(keeper[i].seen, answer, 6);
	if (memcmp(keeper[i].seen, answer, 6) != 0) {
		changed++;
		fprintf(stderr, "churn: keeper %u was port %u and is now %u\n", i, keeper[i].seen[4] << 8 | keeper[i].seen[5],
			answer[4] << 8 | answer[5]);
		memcpy(keeper[i].seen, answer, 6);
	}
	keeper[i].heard = seconds();
}

/* A connection of the client: when it stands, talk; when the answer is there, close it in one way or the other. */
static void
streaming(unsigned i, int fd, uint32_t what)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = (uint64_t)STREAM << 56 | (uint64_t)i << 32 | (uint32_t)fd };
	struct linger reset = { .l_onoff = 1 };
	char buf[64];

	if (what & (EPOLLERR | EPOLLHUP)) {
		close_slot(&stream[i]);
	} else if (what & EPOLLOUT) {
		if (send(fd, "line", 4, MSG_NOSIGNAL) < 0 || epoll_ctl(events, EPOLL_CTL_MOD, fd, &e) != 0)
			close_slot(&stream[i]);
	} else {
		answered[STREAM] += recv(fd, buf, sizeof(buf), 0) > 0;
		if (answered[STREAM] % 3 == 0)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close_slot(&stream[i]);
	}
}

static void
event(const struct epoll_event *e)
{
	enum kind kind = (enum kind)(e->data.u64 >> 56);
	unsigned i = (unsigned)(e->data.u64 >> 32) & 0xffffff;
	int fd = (int)(uint32_t)e->data.u64, peer;
	uint8_t buf[64];
	ssize_t n;

	switch (kind) {
	case ECHO:
		echo(fd, i);
		break;
	case LISTENER:
		while ((peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
			watch(peer, CONNECTION, 0, EPOLLIN);
		break;
	case CONNECTION:
		n = recv(fd, buf, sizeof(buf), 0);
		if (n <= 0 || send(fd, buf, (size_t)n, MSG_NOSIGNAL) < 0)
			close(fd);
		break;
	case STREAM:
		if (stream[i] == fd)
			streaming(i, fd, e->events);
		break;
	default:
		while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
			answered[kind]++;
			if (kind == KEEPER && n == 10)
				keeper_heard(i, buf);
		}
	}
}

static int
report(void)
{
	double now = seconds();
	unsigned silent = 0;
	int status;

	for (unsigned i = 0; i < KEEPERS; i++)
		silent += now - keeper[i].heard > 3;
	status = changed > 0 || silent > 0;
	printf("%d keepers, %u changed, %u silent", KEEPERS, changed, silent);
	for (unsigned k = KEEPER; k <= INBOUND; k++) {
		printf("; %s %lu of %lu", kind_name[k], answered[k], asked[k]);
		status |= answered[k] == 0;
	}
	printf("\n");
	return status;
}

int
main(int argc, char **argv)
{
	double begun = seconds();
	unsigned n = 0;

	if (argc != 4) {
		fprintf(stderr, "usage: churn CLIENT OTHER SERVER\n");
		return 2;
	}
	signal(SIGTERM, stop);
	events = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < 3; i++) {
		space[i] = open(argv[i + 1], O_RDONLY | O_CLOEXEC);
		if (space[i] < 0)
			fail(argv[i + 1]);
	}
	services();
	while (!over) {
		struct epoll_event e[64];
		int got = epoll_wait(events, e, 64, 2);

		for (int i = 0; i < got; i++)
			event(&e[i]);
		if (seconds() - begun > n * 0.01)
			tick(n++);
	}
	return report();
}
