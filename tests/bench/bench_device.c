/*
 * bench_device.c - what one packet costs at the device, in nanoseconds of processor time: guard, filters, other ways to read and write
 *
 *     bench_device [ROUNDS]
 *
 * Each way is a process in a network namespace of its own, with a TUN device as nat64d makes it; what it writes is routed to a device
 * that throws it away, what it reads was sent before. They do a slice in turns, one right after the other, and time is that of the
 * processor, so a busy machine says the same as an idle one. Needs root, ip and sysctl.
 */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include "shm/layout.h"
#include "supervisor/birth/birth.h"
#include "supervisor/calls.h"
#include "supervisor/nft.h"
#include "tests/bench/measure.h"
#include "tests/bench/packet.h"
#include "worker/doors.h"

#define SLICE 128			/* packets */
#define MOST_ROUNDS 1001
#define HEADER sizeof(struct layout_offload)
#define SIZE PACKET_IP4
#define START HERITAGE_BELL		/* where a way is told to go on, and tells its time: its filter knows these numbers */
#define TELL HERITAGE_BELLS

static const struct way {
	const char *what;
	enum { WRITE, WRITEV, READ, READV } call;
	short flags;			/* of the device */
	enum { OPEN, SOURCES, HOST } guard;	/* sources only, or destinations as well */
	unsigned filters;		/* 1: a worker's, 2: nat64d's, too, 3: and the one by which it hears of a death */
} ways[] = {
	{ "write", WRITE, 0, OPEN, 0 },
	{ "write, the source guard without the host's own addresses", WRITE, 0, SOURCES, 0 },
	{ "write, the source guard", WRITE, 0, HOST, 0 },
	{ "write, IFF_NAPI", WRITE, IFF_NAPI, OPEN, 0 },
	{ "write, the worker's filter", WRITE, 0, OPEN, 1 },
	{ "write, that and nat64d's", WRITE, 0, OPEN, 2 },
	{ "write, those and the knell's", WRITE, 0, OPEN, 3 },
	{ "writev of header and packet", WRITEV, 0, OPEN, 0 },
	{ "read", READ, 0, OPEN, 0 },
	{ "readv of header and packet", READV, 0, OPEN, 0 },
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static struct {
	pid_t pid;
	int start, tell;
	double took[MOST_ROUNDS];
} child[WAYS];

static void
must(bool fine, const char *what)
{
	if (!fine)
		measure_fail(what);
}

static void
guard(const struct way *w, unsigned index)
{
	struct nft_range range = { .first = { 192, 0, 2, 0 }, .last = { 192, 0, 2, 255 } }, none = { .first = { 240 }, .last = { 240 } };
	struct nft *n = nft_open();

	must(n, "nf_tables");
	nft_begin(n, "guard");
	nft_table(n);
	nft_chain(n, "source");
	for (unsigned s = 0; s < 2; s++) {
		nft_counter(n, s ? "spoofed6" : "spoofed4");
		nft_set(n, s ? "source6" : "source4", s ? AF_INET6 : AF_INET, &range, 1);
		nft_drop(n, "source", index, s ? AF_INET6 : AF_INET, s ? "source6" : "source4", s ? "spoofed6" : "spoofed4");
	}
	nft_counter(n, "to_host4");
	nft_set(n, "host4", AF_INET, &none, 1);
	if (w->guard == HOST)
		nft_drop_local4(n, "source", index, "host4", "to_host4");
	must(nft_commit(n) == 0, "the guard");
	nft_close(n);
}

/* A device of this name. Returns its queue. */
static int
tun(const char *name, short flags)
{
	struct ifreq request = { .ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE | IFF_VNET_HDR | flags) };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	must(fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0, "a TUN device");
	must(ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) == 0, "its offloads");
	return fd;
}

/* A device, its queue at HERITAGE_QUEUE, and where what is written to it goes: to one whose queue is full and that nobody reads. */
static void
device(const struct way *w)
{
	struct ifreq request = { .ifr_name = "pool" };
	int fd, s;

	must(unshare(CLONE_NEWNET) == 0, "a network namespace");
	fd = tun("pool", w->flags);
	must(fcntl(tun("sink", 0), F_DUPFD, 210) > 0, "dup");	/* where nothing else will be */
	must(system("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 && "
		    "ip addr add 203.0.113.1/24 dev sink && ip link set sink txqueuelen 64 up && "
		    "ip link set pool txqueuelen 1000 up && sysctl -qw net.ipv4.conf.pool.rp_filter=0 && "
		    "ip route add 192.0.2.0/24 dev pool") == 0, "ip and sysctl");
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	must(s >= 0 && ioctl(s, SIOCGIFINDEX, &request) == 0, "the device");
	if (w->guard != OPEN)
		guard(w, (unsigned)request.ifr_ifindex);
	close(s);
	must(fd == HERITAGE_QUEUE || dup2(fd, HERITAGE_QUEUE) == HERITAGE_QUEUE, "dup2");
}

/* The filters that a worker inherits, and its own, which here lets it ask for its time. */
static void
filters(unsigned n)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog all = { .len = 1, .filter = &allow };
	struct birth_call rows[64] = { { .nr = SCMP_SYS(clock_gettime), .arg = -1 } };
	uint32_t missing = 0;

	must(n < 2 || calls_deny() == 0, "nat64d's filter");
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no new privileges");
	must(n < 3 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &all) == 0, "the knell's filter");
	memcpy(rows + 1, doors_open, doors_count * sizeof(rows[0]));
	must(n < 1 || birth_close_doors(rows, doors_count + 1, &missing) == 0, "the worker's filter");
}

/* As many packets as fill a slice wait in the queue. */
static void
send_all(int s)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0xc0000209) };
	char data[SIZE - 28] = { 0 };

	for (unsigned i = 0; i < SLICE; i++)
		must(sendto(s, data, sizeof(data), 0, (void *)&to, sizeof(to)) == sizeof(data), "send");
}

/* Returns how many of a slice's calls did what they were to. */
static unsigned
slice(const struct way *w, uint8_t *frame)
{
	struct layout_offload header = { 0 };
	struct iovec part[2] = { { &header, HEADER }, { frame + HEADER, SIZE } };
	static uint8_t room[65536];
	unsigned fine = 0;

	for (unsigned i = 0; i < SLICE; i++) {
		ssize_t n;

		if (w->call == WRITE)
			n = write(HERITAGE_QUEUE, frame, HEADER + SIZE);
		else if (w->call == WRITEV)
			n = writev(HERITAGE_QUEUE, part, 2);
		else if (w->call == READ)
			n = read(HERITAGE_QUEUE, room, sizeof(room));
		else
			n = readv(HERITAGE_QUEUE, part, 2);
		fine += n == (ssize_t)(HEADER + SIZE);
	}
	return fine;
}

/* A UDP packet from the pool to where everything is thrown away, its headers right. */
static void
make(uint8_t *p)
{
	const uint8_t head[] = { 0x45, 0, 0, SIZE, 0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 203, 0, 113, 9, 4, 0, 0, 9, 0, SIZE - 20 };
	uint32_t sum = 0;

	memset(p, 0, SIZE);
	memcpy(p, head, sizeof(head));
	for (unsigned i = 0; i < 20; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	p[10] = (uint8_t)~(sum >> 8);
	p[11] = (uint8_t)~sum;
}

/* Packets that the device with this name had no room for, of all times. */
static unsigned long
dropped_by(const char *name)
{
	unsigned long dropped = 0;
	char line[512], *at;
	FILE *f = fopen("/proc/self/net/dev", "re");

	must(f, "/proc/self/net/dev");
	while (fgets(line, sizeof(line), f)) {
		at = strstr(line, name);
		if (at && sscanf(at + strlen(name), ": %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %lu", &dropped) == 1)
			break;
	}
	fclose(f);
	return dropped;
}

/* In a process of its own, which ends with this one. */
static void
run(const struct way *w, int start, int tell)
{
	bool reads = w->call == READ || w->call == READV;
	uint8_t frame[HEADER + SIZE] = { 0 };
	int s, tries = 100;
	char go;

	must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "prctl");
	must(dup2(start, 200) == 200 && dup2(tell, 201) == 201, "dup2");	/* out of the way */
	device(w);
	must(dup2(200, START) == START && dup2(201, TELL) == TELL, "dup2");
	close_range(200, 201, 0);
	make(frame + HEADER);
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (; !reads && dropped_by("sink") < SLICE; tries--) {		/* a new device takes a moment to come up */
		must(tries > 0 && slice(w, frame) == SLICE, w->what);
		usleep(10000);
	}
	if (w->filters > 0)
		filters(w->filters);
	while (read(START, &go, 1) == 1) {
		double took;

		if (reads)
			send_all(s);
		took = measure_seconds(CLOCK_PROCESS_CPUTIME_ID);
		must(slice(w, frame) == SLICE, w->what);
		took = (measure_seconds(CLOCK_PROCESS_CPUTIME_ID) - took) * 1e9 / SLICE;
		must(write(TELL, &took, sizeof(took)) == sizeof(took), "tell");
	}
	_exit(0);
}

static void
begin(unsigned i)
{
	int start[2], tell[2];

	must(pipe2(start, O_CLOEXEC) == 0 && pipe2(tell, O_CLOEXEC) == 0, "pipe");
	child[i].pid = fork();
	if (child[i].pid == 0) {
		close(start[1]);
		run(&ways[i], start[0], tell[1]);
	}
	must(child[i].pid > 0, "fork");
	close(start[0]);
	close(tell[1]);
	child[i].start = start[1];
	child[i].tell = tell[0];
}

int
main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 201;

	if (rounds < 1 || rounds > MOST_ROUNDS) {
		fprintf(stderr, "usage: bench_device [ROUNDS], at most %d\n", MOST_ROUNDS);
		return 2;
	}
	for (unsigned i = 0; i < WAYS; i++)
		begin(i);
	for (unsigned r = 0; r < rounds; r++)
		for (unsigned i = 0; i < WAYS; i++)
			must(write(child[i].start, "", 1) == 1 &&
			     read(child[i].tell, &child[i].took[r], sizeof(double)) == sizeof(double), ways[i].what);
	for (unsigned i = 0; i < WAYS; i++) {
		kill(child[i].pid, SIGKILL);
		waitpid(child[i].pid, NULL, 0);
		measure_report(ways[i].what, child[i].took, rounds, "ns");
	}
	return 0;
}
