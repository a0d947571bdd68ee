/*
 * rundir.c - the run directory with its pid file, and the sockets nat64-ctld listens on
 *
 * Two daemons with one run directory would fight over everything, so the pid file is locked for the life of the
 * process: the lock, not the number in the file, says that a nat64d runs, and it ends with the process however that
 * ends. What a killed daemon left (pid file, socket) is replaced without asking; a socket that somebody answers is not.
 *
 * The sockets are made here because making them takes rights nat64-ctld shall not have, and because they must outlive
 * it: a client that connects while it is being replaced waits in the queue of the socket.
 *
 * Must never: remove a file that is not a socket, or one that is in use.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "supervisor/rundir.h"
#include "supervisor/value.h"

#define RUNDIR_BACKLOG 64
#define RUNDIR_PATIENCE 10		/* looks at a lock, 20 ms apart */

/*
 * Take the lock. A nat64d that was killed may have had a child that was just being born and holds a duplicate of the
 * descriptor until it executes its program, so it is asked for more than once. Returns 0 or -errno.
 */
static int
rundir_lock(int fd)
{
	const struct timespec pause = { .tv_nsec = 20000000 };

	for (unsigned i = 0;; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK || i == RUNDIR_PATIENCE)
			return -errno;
		nanosleep(&pause, NULL);
	}
}

static void
rundir_pid_file(struct rundir *r, const struct config_gateway *config)
{
	snprintf(r->pid_file, sizeof(r->pid_file), "%s/nat64d.pid", config->run_dir.s);
}

bool
rundir_busy(const struct config_gateway *config)
{
	char pid_file[128];
	bool busy;
	int fd;

	snprintf(pid_file, sizeof(pid_file), "%s/nat64d.pid", config->run_dir.s);
	fd = open(pid_file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	busy = rundir_lock(fd) == -EWOULDBLOCK;
	close(fd);
	return busy;
}

int
rundir_open(struct rundir *r, const struct config_gateway *config, char *why, size_t size)
{
	char pid[16];
	int rc, n;

	r->control[0] = '\0';
	rundir_pid_file(r, config);
	snprintf(why, size, "cannot create the run directory %s", config->run_dir.s);
	r->lock = -1;
	if (mkdir(config->run_dir.s, 0755) != 0 && errno != EEXIST)
		return -errno;
	snprintf(why, size, "cannot create the pid file %s", r->pid_file);
	r->lock = open(r->pid_file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (r->lock < 0)
		return -errno;
	rc = rundir_lock(r->lock);
	if (rc != 0) {
		rc = rc == -EWOULDBLOCK ? -EEXIST : rc;
		snprintf(why, size, "another nat64d runs with the run directory %s; stop it, or set run-dir",
			 config->run_dir.s);
		close(r->lock);
		r->lock = -1;
		return rc;
	}
	n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(r->lock, 0) != 0 || pwrite(r->lock, pid, (size_t)n, 0) != n) {
		rc = -errno;
		rundir_close(r);
		return rc;
	}
	return 0;
}

void
rundir_adopt(struct rundir *r, const struct config_gateway *config, int lock)
{
	rundir_pid_file(r, config);
	r->lock = lock;
	snprintf(r->control, sizeof(r->control), "%s", config->control.s);
}

/* Does somebody answer at this UNIX socket? */
static bool
rundir_answered(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool answered;

	if (fd < 0)
		return true;
	answered = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN;
	close(fd);
	return answered;
}

/* Make room at path: remove a socket nobody answers. Returns 0 or -errno. */
static int
rundir_make_room(const struct sockaddr_un *address)
{
	struct stat st;

	if (lstat(address->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode) || rundir_answered(address))
		return -EADDRINUSE;
	return unlink(address->sun_path) == 0 ? 0 : -errno;
}

/*
 * Give the socket to the group. Who is in a group may give a file of his own to it, and who may change his groups is in it for
 * a moment; so this takes no right to give files away.
 */
static int
rundir_give(const char *path, uint32_t gid)
{
	int file = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC), rc;
	const gid_t own = getegid();

	if (file < 0)
		return -errno;
	setfsgid(gid);
	rc = fchownat(file, "", (uid_t)-1, gid, AT_EMPTY_PATH) == 0 ? 0 : -errno;
	setfsgid(own);
	close(file);
	return rc;
}

int
rundir_control(struct rundir *r, const char *path, uint32_t gid, char *why, size_t size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, rc;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	rc = rundir_make_room(&address);
	if (rc != 0) {
		if (rc == -EADDRINUSE)
			snprintf(why, size, "%s is in use: another nat64d runs, or it is no socket; set control", path);
		else
			snprintf(why, size, "cannot replace the control socket %s", path);
		return rc;
	}
	snprintf(why, size, "cannot make the control socket %s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	mask = umask(0117);		/* 0660 from the first moment */
	rc = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : -errno;
	umask(mask);
	if (rc == 0) {
		snprintf(r->control, sizeof(r->control), "%s", path);
		rc = rundir_give(path, gid);
	}
	if (rc == 0 && listen(fd, RUNDIR_BACKLOG) != 0)
		rc = -errno;
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

int
rundir_metrics(const struct config_listen *listener, char *why, size_t size)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(listener->port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(listener->port) };
	bool ip6 = listener->family == 6;
	const struct sockaddr *address = ip6 ? (const struct sockaddr *)&in6 : (const struct sockaddr *)&in;
	socklen_t length = ip6 ? sizeof(in6) : sizeof(in);
	struct value_text text;
	int fd, rc, one = 1;

	in.sin_addr.s_addr = htonl(listener->ip4);
	memcpy(&in6.sin6_addr, listener->ip6.b, 16);
	value_print_LISTEN(&text, listener);
	snprintf(why, size, "cannot listen for metrics on %s", text.s);
	fd = socket(ip6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	    (!ip6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) == 0) &&
	    bind(fd, address, length) == 0 && listen(fd, RUNDIR_BACKLOG) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

void
rundir_close(struct rundir *r)
{
	if (r->control[0])
		unlink(r->control);
	r->control[0] = '\0';
	if (r->lock >= 0) {
		unlink(r->pid_file);
		close(r->lock);
	}
	r->lock = -1;
}
