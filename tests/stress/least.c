/*
 * least.c - the least that can stand where a gateway stands: one kind of packet, no table, no sandbox, no memory, and a spare
 *
 *     least DEVICE WORKERS PIDS
 *
 * How long packets wait when a process is killed is for the greater part the machine's: the kernel takes the process apart, its
 * parent hears of it, one that waits is told, and must get a processor. This program does nothing else, so what a flow
 * waits for it is what it would wait for any gateway on this machine under this load (tests/stress/gap.sh).
 *
 * It opens the queues of DEVICE. Each worker reads from one, and writes each IPv6 packet with UDP in it back as an IPv4 one, to the
 * last four bytes of its destination. The pids of the workers, in the order of the queues, are in the file PIDS. SIGTERM
 * ends it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 8				/* workers */
#define SOURCE "198.51.100.8"
#define OFF 20				/* the IPv4 header ends where the IPv6 header did */

static int queue[MOST], assign;
static pid_t worker[MOST], spare;
static unsigned workers;
static volatile sig_atomic_t over;

static void
fail(const char *what)
{
	fprintf(stderr, "least: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
stop(int unused)
{
	(void)unused;
	over = 1;
}

static int
queue_open(const char *device)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", device);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) != 0)
		fail(device);
	return fd;
}

/* Make the header of an IPv4 packet of len bytes. */
static void
header4(uint8_t *p, uint16_t len, const uint8_t *to)
{
	uint16_t word[10];
	uint32_t sum = 0;

	memset(p, 0, 20);
	p[0] = 0x45;
	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
	p[8] = 64;
	p[9] = IPPROTO_UDP;
	if (inet_pton(AF_INET, SOURCE, p + 12) != 1)
		fail(SOURCE);
	memcpy(p + 16, to, 4);
	memcpy(word, p, sizeof(word));
	for (unsigned i = 0; i < 10; i++)
		sum += word[i];
	sum = (sum & 0xffff) + (sum >> 16);
	word[5] = (uint16_t)~(sum + (sum >> 16));
	memcpy(p + 10, &word[5], 2);
}

static void
work(int fd)
{
	uint8_t p[2048], to[4];

	for (;;) {
		ssize_t n = read(fd, p, sizeof(p));

		if (n < 0)
			_exit(1);
		if (n < 48 || p[0] >> 4 != 6 || p[6] != IPPROTO_UDP)
			continue;
		memcpy(to, p + 36, sizeof(to));
		p[46] = p[47] = 0;			/* IPv4 allows a UDP datagram without a checksum */
		header4(p + OFF, (uint16_t)(n - OFF), to);
		if (write(fd, p + OFF, (size_t)(n - OFF)) < 0)
			continue;			/* the stack does not want it; flood counts it as lost */
	}
}

static void
spare_born(void)
{
	int ends[2];
	unsigned slot;

	if (pipe(ends) != 0)
		fail("pipe");
	spare = fork();
	if (spare < 0)
		fail("fork");
	if (spare == 0) {
		signal(SIGTERM, SIG_DFL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[1]);
		if (read(ends[0], &slot, sizeof(slot)) != sizeof(slot) || slot >= workers)
			_exit(0);
		work(queue[slot]);
	}
	close(ends[0]);
	assign = ends[1];
}

/* The spare is to read from this queue. */
static void
fill(unsigned slot)
{
	if (write(assign, &slot, sizeof(slot)) != sizeof(slot))
		fail("assign");
	close(assign);
	worker[slot] = spare;
	spare_born();
}

static void
tell(const char *path)
{
	char next[200];
	FILE *out;

	snprintf(next, sizeof(next), "%s.next", path);
	out = fopen(next, "we");
	if (!out)
		fail(next);
	for (unsigned w = 0; w < workers; w++)
		fprintf(out, "%d\n", (int)worker[w]);
	if (fclose(out) != 0 || rename(next, path) != 0)
		fail(path);
}

int
main(int argc, char **argv)
{
	struct sigaction ends = { .sa_handler = stop };
	pid_t dead;

	workers = argc == 4 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	if (workers < 1 || workers > MOST) {
		fprintf(stderr, "usage: least DEVICE WORKERS PIDS (1 to %d workers)\n", MOST);
		return 2;
	}
	sigaction(SIGTERM, &ends, NULL);
	for (unsigned w = 0; w < workers; w++)
		queue[w] = queue_open(argv[1]);
	spare_born();
	for (unsigned w = 0; w < workers; w++)
		fill(w);
	tell(argv[3]);
	while (!over) {
		dead = waitpid(-1, NULL, 0);
		for (unsigned w = 0; w < workers && dead > 0; w++) {
			if (worker[w] != dead)
				continue;
			fill(w);
			tell(argv[3]);
			break;
		}
	}
	return 0;	/* all children end with their parent */
}
