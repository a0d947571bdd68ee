/*
 * ctl_parent.c - a supervisor without a gateway, for ctl-standalone.sh
 *
 *   ctl_parent NAT64-CTLD DIRECTORY BINDINGS
 *
 * Makes status, regions and images of two tenants, listens on DIRECTORY/control.sock and on a free loopback port of
 * each family (their numbers go to DIRECTORY/ports), starts nat64-ctld with all that, writes its pid to
 * DIRECTORY/ctld, and then obeys signals as nat64d would: SIGHUP is a reload that succeeds and fails by turns, SIGUSR1
 * and SIGUSR2 give every worker another pid, SIGTERM ends all. It ends when nat64-ctld does.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "supervisor/birth/heritage.h"
#include "tests/unit/ctl_world.h"

#define TENANTS 2
#define ABOVE 200			/* descriptors are made above all that a heritage uses */

static int
high(int fd)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, ABOVE);

	if (fd < 0 || moved < 0)
		err(1, "descriptor");
	close(fd);
	return moved;
}

/* Memory that others may only read: *fd is opened so. */
static void *
share(size_t size, int *fd)
{
	int memfd = high(memfd_create("nat64", MFD_CLOEXEC));
	char path[64];
	void *map;

	if (ftruncate(memfd, (off_t)size) != 0)
		err(1, "ftruncate");
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	*fd = high(open(path, O_RDONLY | O_CLOEXEC));
	if (map == MAP_FAILED)
		err(1, "mmap");
	close(memfd);
	return map;
}

static int
listen_unix(const char *directory)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = high(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/control.sock", directory);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 || listen(fd, 64) != 0)
		err(1, "%s", sa.sun_path);
	return fd;
}

/* Returns the socket, and its port in *port. */
static int
listen_tcp(int family, unsigned *port)
{
	struct sockaddr_in6 sa6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in sa4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *sa = family == AF_INET6 ? (struct sockaddr *)&sa6 : (struct sockaddr *)&sa4;
	socklen_t size = family == AF_INET6 ? sizeof(sa6) : sizeof(sa4);
	int fd = high(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));

	if (bind(fd, sa, size) != 0 || listen(fd, 64) != 0 || getsockname(fd, sa, &size) != 0)
		err(1, "listen on loopback");
	*port = ntohs(family == AF_INET6 ? sa6.sin6_port : sa4.sin_port);
	return fd;
}

static void
place(int fd, int at)
{
	if (dup2(fd, at) < 0)
		err(1, "dup2");
}

static void
write_file(const char *directory, const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		err(1, "%s", path);
}

static void
obey(struct status *status, int number, pid_t child)
{
	atomic_store_32(&status->sequence, status->sequence + 1);
	if (number == SIGHUP) {
		status->reload.count++;
		status->reload.ok = status->reload.count % 2;
		status->reload.at = (uint64_t)time(NULL);
		status->generation += status->reload.ok;
		snprintf(status->reload.message, sizeof(status->reload.message), "%s", status->reload.ok ?
			 "blue: 1 key changed" : "nat64.ini:12: [tenant blue] udp-timeout: \"5m\" is no number");
	} else if (number == SIGTERM || number == SIGINT) {
		kill(child, SIGKILL);
	} else {
		if (number == SIGUSR2) {
			status->reload.count++;
			status->reload.ok = 1;
		}
		for (unsigned t = 0; t < TENANTS; t++)
			for (unsigned w = 0; w < 2; w++)
				status->tenant[t].worker[w].pid += 100;
	}
	atomic_store_32(&status->sequence, status->sequence + 1);
}

int
main(int argc, char **argv)
{
	static struct config_tenant config;
	struct heritage *paper;
	struct status *status;
	int paper_fd, status_fd, control, tcp[2], region_fd[TENANTS], image_fd[TENANTS], got;
	unsigned port[2];
	char text[128];
	sigset_t set;
	pid_t child;

	if (argc != 4)
		errx(2, "usage: ctl_parent NAT64-CTLD DIRECTORY BINDINGS");
	paper = share(sizeof(*paper), &paper_fd);
	status = share(sizeof(*status), &status_fd);
	world_status(status, TENANTS);
	status->pid = (uint32_t)getpid();
	status->tenant[1].worker[1].state = STATUS_backoff;
	snprintf(status->tenant[1].worker[1].last_death, 64, "sigsegv at 2026-11-22T03:33:01Z, pid 123");
	status->tenant[1].worker[1].restarts[STATUS_sigsegv] = 3;
	control = listen_unix(argv[2]);
	tcp[0] = listen_tcp(AF_INET, &port[0]);
	tcp[1] = listen_tcp(AF_INET6, &port[1]);
	*paper = (struct heritage){ .magic = HERITAGE_MAGIC, .size = sizeof(*paper), .kind = HERITAGE_CTL, .uid = 64640,
		.gid = 64640, .tenants = TENANTS, .listeners = 2, .name = "ctl" };
	for (unsigned t = 0; t < TENANTS; t++) {
		struct layout_geometry g;
		struct layout l;

		world_config(&config, t ? "green" : "blue");
		layout_geometry(&g, &config);
		if (!layout_plan(&l, &g))
			errx(1, "layout");
		paper->region_size[t] = l.size;
		paper->number[t] = t;
		world_region(share(l.size, &region_fd[t]), &l, &config, t ? 0 : (unsigned)atoi(argv[3]));
		world_image(share(sizeof(struct image), &image_fd[t]), &config);
	}
	sigemptyset(&set);
	for (int i = 0; i < 6; i++)
		sigaddset(&set, (const int[]){ SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGCHLD }[i]);
	child = fork();
	if (child == 0) {
		place(open("/dev/null", O_RDWR), 0);
		place(0, 1);
		place(control, HERITAGE_CONTROL);
		place(tcp[0], HERITAGE_METRICS);
		place(tcp[1], HERITAGE_METRICS + 1);
		place(paper_fd, HERITAGE_PAPER);
		place(status_fd, HERITAGE_STATUS);
		for (int t = 0; t < TENANTS; t++) {
			place(region_fd[t], HERITAGE_REGION + 2 * t);
			place(image_fd[t], HERITAGE_IMAGE + 2 * t);
		}
		execl(argv[1], "nat64-ctld", (char *)NULL);
		err(1, "%s", argv[1]);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	snprintf(text, sizeof(text), "%d\n", (int)child);
	write_file(argv[2], "ctld", text);
	snprintf(text, sizeof(text), "%u %u\n", port[0], port[1]);
	write_file(argv[2], "ports", text);
	while (sigwait(&set, &got) == 0 && got != SIGCHLD)
		obey(status, got, child);
	if (waitpid(child, &got, 0) == child && WIFSIGNALED(got))
		warnx("nat64-ctld: signal %d", WTERMSIG(got));
	return 0;
}
