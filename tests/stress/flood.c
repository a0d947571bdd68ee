/*
 * flood.c - numbered UDP datagrams from one network namespace to another, and which of them arrived
 *
 *     flood CLIENT SERVER ADDRESS PORT RATE SECONDS [FLOWS]
 *
 * CLIENT and SERVER are namespace files (/run/netns/...); ADDRESS is what the client sends to. With FLOWS the
 * datagrams come in turn from so many addresses 2001:db8:100:N::9, each a subscriber of its own, which need not be
 * the client's but have a route back to nowhere: nothing is answered. Both ends are threads of one process on one
 * clock, and both take many datagrams with a system call, so that the gateway is slower than they are.
 *
 * SIGTERM ends it before its time; what was sent until then counts.
 *
 * Whoever kills a worker sends SIGUSR1 just before: then the gap is measured that this made, and what of it came after the kill.
 * SIGUSR2 marks a moment at which nobody was killed, to compare with.
 *
 * Prints one line: datagrams sent, lost, duplicated; if all flows stood still for more than a millisecond, how
 * often, the median, the 99th percentile and the longest; and of the signals of either kind their number and, of the longest gap
 * of any flow around each of them, the same, once whole and once without what was before the signal; and the longest gap of any
 * flow at all, with when it ended, in seconds from the start. Exits 0; the caller judges.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define MAX_FLOWS 256
#define MAX_GAPS 1000000
#define MAX_SIGNALS 10000
#define SHORTEST 0.0003			/* s: a flow that pauses less has no gap */
#define AROUND 0.005			/* s before and after a signal in which its gap is open */

static uint8_t *seen;
static uint32_t total, flows = 1;
static struct gap {
	double from, to;
} gaps[MAX_GAPS];			/* of single flows, in the order in which they ended */
static double pauses[MAX_GAPS];		/* ms: of all flows */
static struct moments {
	double at[MAX_SIGNALS];
	double around[MAX_SIGNALS];	/* ms: the longest gap of any flow around it */
	double after[MAX_SIGNALS];	/* ms: and of them, what came after it */
	volatile sig_atomic_t n;
} kills, calms;				/* SIGUSR1, SIGUSR2 */
static unsigned n_gaps, n_pauses;
static double began;
static volatile sig_atomic_t enough;
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
on_signal(int number)
{
	struct moments *m = number == SIGUSR1 ? &kills : &calms;

	if (m->n < MAX_SIGNALS) {
		m->at[m->n] = seconds();
		m->n++;
	}
}

static void
on_enough(int unused)
{
	(void)unused;
	enough = 1;
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

/* Datagram `number` arrived. */
static void
arrived(uint32_t number, double now)
{
	static double last[MAX_FLOWS], last_of_all;
	double *before = &last[number % flows];

	if (*before > 0 && now - *before > SHORTEST && n_gaps < MAX_GAPS)
		gaps[n_gaps++] = (struct gap) { *before, now };
	if (last_of_all > 0 && now - last_of_all > 0.001 && n_pauses < MAX_GAPS)
		pauses[n_pauses++] = (now - last_of_all) * 1000;
	*before = last_of_all = now;
	if (number < total && seen[number] < 255)
		seen[number]++;
}

static void *
receive(void *unused)
{
	static uint32_t data[BATCH][16];
	static struct mmsghdr message[BATCH];
	static struct iovec part[BATCH];
	sigset_t others;

	(void)unused;
	sigemptyset(&others);
	sigaddset(&others, SIGUSR1);
	sigaddset(&others, SIGUSR2);
	sigaddset(&others, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &others, NULL);
	for (unsigned i = 0; i < BATCH; i++) {
		part[i] = (struct iovec) { data[i], sizeof(data[i]) };
		message[i].msg_hdr = (struct msghdr) { .msg_iov = &part[i], .msg_iovlen = 1 };
	}
	while (!over) {
		int n = recvmmsg(server_socket, message, BATCH, MSG_WAITFORONE, NULL);
		double now = seconds();

		for (int i = 0; i < n; i++)
			if (message[i].msg_len >= sizeof(data[0][0]))
				arrived(data[i][0], now);
	}
	return NULL;
}

/* A socket that may send from any address, if there are to be several. */
static int
client_open(const char *address, const char *ns)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	int one = 1, fd;

	if (inet_pton(AF_INET6, address, &to.sin6_addr) != 1)
		fail(address);
	enter(ns);
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || (flows > 1 && setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &one, sizeof(one)) != 0) ||
	    connect(fd, (void *)&to, sizeof(to)) != 0)
		fail("client");
	return fd;
}

/* Send the datagrams from `first` on. Returns how many went, 0 when there is no room just now. */
static uint32_t
deliver(int fd, uint32_t first, uint32_t n)
{
	static uint32_t data[BATCH][16];
	static struct mmsghdr message[BATCH];
	static struct iovec part[BATCH];
	static _Alignas(struct cmsghdr) char source[BATCH][CMSG_SPACE(sizeof(struct in6_pktinfo))];
	int sent;

	for (uint32_t i = 0; i < n; i++) {
		struct cmsghdr *head;
		struct in6_pktinfo from = { .ipi6_addr.s6_addr = { 0x20, 0x01, 0x0d, 0xb8, 0x01, 0x00, 0, 0, [15] = 9 } };

		data[i][0] = first + i;
		part[i] = (struct iovec) { data[i], sizeof(data[i]) };
		message[i].msg_hdr = (struct msghdr) { .msg_iov = &part[i], .msg_iovlen = 1 };
		if (flows == 1)
			continue;
		from.ipi6_addr.s6_addr[7] = (uint8_t)((first + i) % flows);
		message[i].msg_hdr.msg_control = source[i];
		message[i].msg_hdr.msg_controllen = sizeof(source[i]);
		head = CMSG_FIRSTHDR(&message[i].msg_hdr);
		head->cmsg_level = IPPROTO_IPV6;
		head->cmsg_type = IPV6_PKTINFO;
		head->cmsg_len = CMSG_LEN(sizeof(from));
		memcpy(CMSG_DATA(head), &from, sizeof(from));
	}
	sent = sendmmsg(fd, message, n, 0);
	if (sent < 0 && errno != ENOBUFS && errno != EINTR)
		fail("send");
	return sent < 0 ? 0 : (uint32_t)sent;
}

/* Send what is due, at most a batch at once, and sleep when nothing is. */
static void
send_all(int fd, double rate)
{
	struct timespec nap = { .tv_nsec = 50000 };
	uint32_t i = 0;

	began = seconds();
	while (i < total && !enough) {
		double due = (seconds() - began) * rate - i;
		uint32_t n = due > BATCH ? BATCH : (uint32_t)(due > 0 ? due : 0);

		if (n > total - i)
			n = total - i;
		if (n == 0)
			nanosleep(&nap, NULL);
		else
			i += deliver(fd, i, n);
	}
	total = i;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
spread(const char *name, unsigned n, double *ms)
{
	qsort(ms, n, sizeof(*ms), by_value);
	printf(" %s %u median %.2f p99 %.2f longest %.2f ms", name, n, n ? ms[n / 2] : 0, n ? ms[n * 99 / 100] : 0,
	       n ? ms[n - 1] : 0);
}

static double
later(double a, double b)
{
	return a > b ? a : b;
}

/* Print the longest gaps of any flow around these moments; with after, their part behind it as well. */
static void
report_moments(const char *name, struct moments *m, const char *after)
{
	unsigned first = 0;

	for (int s = 0; s < m->n; s++) {
		while (first < n_gaps && gaps[first].to < m->at[s] - AROUND)
			first++;
		for (unsigned i = first; i < n_gaps && gaps[i].to < m->at[s] + 1; i++) {
			if (gaps[i].from >= m->at[s] + AROUND)
				continue;
			m->around[s] = later(m->around[s], (gaps[i].to - gaps[i].from) * 1000);
			m->after[s] = later(m->after[s], (gaps[i].to - later(gaps[i].from, m->at[s])) * 1000);
		}
	}
	if (m->n > 0)
		spread(name, (unsigned)m->n, m->around);
	if (m->n > 0 && after)
		spread(after, (unsigned)m->n, m->after);
}

static void
report(void)
{
	uint32_t lost = 0, again = 0;
	struct gap worst = { 0, 0 };

	for (unsigned i = 0; i < n_gaps; i++)
		if (gaps[i].to - gaps[i].from > worst.to - worst.from)
			worst = gaps[i];
	for (uint32_t i = 0; i < total; i++) {
		lost += seen[i] == 0;
		again += seen[i] > 1 ? seen[i] - 1u : 0;
	}
	printf("sent %u lost %u duplicated %u", total, lost, again);
	spread("gaps", n_pauses, pauses);
	report_moments("signals", &kills, "after");
	report_moments("calm", &calms, NULL);
	printf(" worst %.2f ms until %.2f s\n", (worst.to - worst.from) * 1000, later(worst.to - began, 0));
}

int
main(int argc, char **argv)
{
	struct sigaction heard = { .sa_handler = on_signal, .sa_flags = SA_RESTART }, stop = { .sa_handler = on_enough };
	pthread_t receiver;
	double rate;
	int fd;

	if (argc != 7 && argc != 8) {
		fprintf(stderr, "usage: flood CLIENT SERVER ADDRESS PORT RATE SECONDS [FLOWS]\n");
		return 2;
	}
	sigaction(SIGUSR1, &heard, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGUSR2, &heard, NULL);
	server_ns = argv[2];
	port = (unsigned)atoi(argv[4]);
	rate = atof(argv[5]);
	total = (uint32_t)(rate * atof(argv[6]));
	if (argc == 8)
		flows = (uint32_t)atoi(argv[7]);
	seen = calloc(total, 1);
	if (!seen || flows < 1 || flows > MAX_FLOWS)
		fail("arguments");
	server_open();
	fd = client_open(argv[3], argv[1]);
	if (pthread_create(&receiver, NULL, receive, NULL) != 0)
		fail("receiver");
	send_all(fd, rate);
	sleep(2);
	over = true;
	pthread_join(receiver, NULL);
	report();
	return 0;
}
