/*
 * order.c - what changes something: a signal to nat64d, and what came of it
 *
 * The signal is sent with the operator's own rights. Then nat64-ctld's `pulse` is watched, which tells reloads and
 * worker processes: what is reported is what happened, not what was asked for.
 *
 * Whom to signal is the kernel's word, not nat64-ctld's: SO_PEERCRED of the connection names the process that made the
 * socket listen, which is nat64d. A nat64-ctld in other hands cannot make root signal anybody else.
 *
 * Must never: signal a process that did not open the socket; wait for ever.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "ctl/ask.h"
#include "ctl/order.h"

#define PULSE (128 * 1024)		/* the longest pulse there can be, and more */
#define WORKERS 1024			/* of all tenants */
#define WAIT_SECONDS 60			/* for the outcome of a signal */
#define TENANTS 64
#define POLL_MS 100

/* What came of a signal so far, from a pulse. */
struct pulse {
	pid_t pid;			/* of nat64d; the kernel's word */
	char version[64], message[600];
	unsigned reloads, reload_ok, nworkers, running;
	struct {
		long pid;
	} worker[WORKERS];
};

static void
parse_pulse(struct pulse *p, char *text)
{
	char *rest = NULL, state[32];

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, "worker ", 7) == 0 && p->nworkers < WORKERS) {
			if (sscanf(line, "worker %*s %ld %31s", &p->worker[p->nworkers].pid, state) != 2)
				continue;
			p->running += strcmp(state, "running") == 0;
			p->nworkers++;
		} else if (strncmp(line, "reload ", 7) == 0) {
			sscanf(line, "reload %u %u %599[^\n]", &p->reloads, &p->reload_ok, p->message);
		} else if (strncmp(line, "version ", 8) == 0) {
			snprintf(p->version, sizeof(p->version), "%s", line + 8);
		}
	}
}

/*
 * Ask for facts, a line each. Returns an exit status; only the first time, when `say` is set, is a failure reported. *facts
 * is the reply, to be used before the next one; *pid that of nat64d.
 */
static int
take_facts(const char *request, char **facts, pid_t *pid, bool say)
{
	static char text[PULSE];
	struct ucred peer;
	socklen_t size = sizeof(peer);
	size_t n = 0;
	ssize_t got = 0;
	int fd = ask_dial();

	text[0] = '\0';
	*facts = text;
	if (fd < 0)
		return say ? ask_no_daemon() : ASK_NO_DAEMON;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 1)
		*pid = peer.pid;
	if (ask_send(fd, request))
		while (n + 1 < sizeof(text) && (got = recv(fd, text + n, sizeof(text) - 1 - n, 0)) > 0)
			n += (size_t)got;
	close(fd);
	if (n < 4 || text[n - 1] != '\0' || strncmp(text, "ok\n", 3) != 0)
		return say ? ask_fail(ASK_FAILED, "nat64-ctld does not say how nat64d is") : ASK_FAILED;
	*facts = text + 3;
	return ASK_DONE;
}

/* Ask for the pulse, in the same way. */
static int
take_pulse(struct pulse *p, bool say)
{
	char *facts;
	int status;

	memset(p, 0, sizeof(*p));
	status = take_facts("text pulse\n", &facts, &p->pid, say);
	if (status != ASK_DONE)
		return status;
	parse_pulse(p, facts);
	if (p->pid == 0)
		return say ? ask_fail(ASK_FAILED, "the kernel does not say who opened %s", ask_socket) : ASK_FAILED;
	return ASK_DONE;
}

/* Take a first pulse and send nat64d a signal. */
static int
signal_daemon(struct pulse *before, int number)
{
	int status = take_pulse(before, true);

	if (status != ASK_DONE)
		return status;
	if (kill(before->pid, number) == 0)
		return ASK_DONE;
	if (errno == EPERM)
		return ask_fail(ASK_FAILED, "not allowed to signal nat64d (pid %d); try as root", (int)before->pid);
	return ask_fail(ASK_FAILED, "cannot signal nat64d (pid %d): %s", (int)before->pid, strerror(errno));
}

/* Sleep a little, unless WAIT_SECONDS are over since *start; that is set when it is 0. */
static bool
patient(time_t *start)
{
	const struct timespec pause = { 0, POLL_MS * 1000000L };
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (*start == 0)
		*start = now.tv_sec;
	else
		nanosleep(&pause, NULL);
	return now.tv_sec - *start < WAIT_SECONDS;
}

/* Pulse until outcome() returns something else than -1, at most WAIT_SECONDS. */
static int
await(const struct pulse *before, const char *what, int (*outcome)(const struct pulse *before, const struct pulse *now))
{
	static struct pulse now;
	time_t start = 0;

	while (patient(&start)) {
		int status = take_pulse(&now, false), end;

		if (status == ASK_DONE) {
			end = outcome(before, &now);
			if (end >= 0)
				return end;
		} else if (kill(before->pid, 0) != 0 && errno == ESRCH) {
			return ask_fail(ASK_FAILED, "nat64d (pid %d) is gone; its log says why", (int)before->pid);
		}
	}
	return ask_fail(ASK_FAILED, "%s has not come to an end in %d s; nat64d goes on, see nat64ctl show workers", what,
		    WAIT_SECONDS);
}

static int
reloaded(const struct pulse *before, const struct pulse *now)
{
	if (now->reloads == before->reloads)
		return -1;
	if (!now->reload_ok)
		return ask_fail(ASK_FAILED, "reload failed, the old configuration stays: %s", now->message);
	printf("reloaded%s%s\n", now->message[0] ? ": " : "", now->message);
	return ASK_DONE;
}

static bool
had(const struct pulse *p, long pid)
{
	for (unsigned i = 0; i < p->nworkers; i++)
		if (p->worker[i].pid == pid)
			return true;
	return false;
}

/* Are all workers running, and all of them others than before? */
static bool
all_new(const struct pulse *before, const struct pulse *now)
{
	if (now->nworkers == 0 || now->running < now->nworkers)
		return false;
	for (unsigned i = 0; i < now->nworkers; i++)
		if (had(before, now->worker[i].pid))
			return false;
	return true;
}

static int
restarted(const struct pulse *before, const struct pulse *now)
{
	if (!all_new(before, now))
		return -1;
	printf("restarted %u workers\n", now->nworkers);
	return ASK_DONE;
}

static int
upgraded(const struct pulse *before, const struct pulse *now)
{
	if (now->reloads == before->reloads)
		return -1;
	if (!now->reload_ok)
		return ask_fail(ASK_FAILED, "%s", now->message);
	printf("upgraded from %s to %s, %u workers\n", before->version, now->version, now->nworkers);
	return ASK_DONE;
}

static struct pulse first;

int
order_reload(int argc, char **argv)
{
	int status;

	(void)argv;
	if (argc > 0)
		return ask_fail(ASK_USAGE, "reload takes no words");
	status = signal_daemon(&first, SIGHUP);
	return status == ASK_DONE ? await(&first, "the reload", reloaded) : status;
}

int
order_restart(int argc, char **argv)
{
	int status;

	if (argc > 0)
		return ask_fail(ASK_USAGE, "%s: one tenant cannot be restarted alone; without a name all are, in turn",
			    argv[0]);
	status = signal_daemon(&first, SIGUSR1);
	return status == ASK_DONE ? await(&first, "the restart", restarted) : status;
}

int
order_upgrade(int argc, char **argv)
{
	int status;

	(void)argv;
	if (argc > 0)
		return ask_fail(ASK_USAGE, "upgrade takes no words");
	status = signal_daemon(&first, SIGUSR2);
	return status == ASK_DONE ? await(&first, "the upgrade", upgraded) : status;
}

/* How far the audits are of the tenant called `only`, or of all. */
struct audits {
	unsigned tenants, began, waiting;	/* of them: a new request is known; a worker has not answered it */
	unsigned request[TENANTS];
	unsigned long long violations;
	char worker[64];		/* one that has not answered */
};

static int
take_audits(struct audits *a, const struct audits *before, const char *only, bool say)
{
	char *facts, *rest = NULL, name[32];
	unsigned long long violations;
	unsigned request, waiting;
	pid_t pid = 0;
	int status = take_facts("text audits\n", &facts, &pid, say);

	*a = (struct audits) { 0 };
	if (status != ASK_DONE)
		return status;
	for (char *line = strtok_r(facts, "\n", &rest); line && a->tenants < TENANTS; line = strtok_r(NULL, "\n", &rest)) {
		if (sscanf(line, "audit %31s %u %x %llu", name, &request, &waiting, &violations) != 4 ||
		    (only && strcmp(name, only) != 0))
			continue;
		a->began += before && request != before->request[a->tenants];
		a->request[a->tenants++] = request;
		a->violations += violations;
		a->waiting += waiting != 0;
		if (waiting)
			snprintf(a->worker, sizeof(a->worker), "%s/%d", name, __builtin_ctz(waiting));
	}
	return ASK_DONE;
}

/* Wait until every worker has answered. Returns an exit status; when a worker has not, its name is in a->worker. */
static int
await_audits(struct audits *a, const struct audits *before, const char *only)
{
	time_t start = 0;

	while (patient(&start)) {
		if (take_audits(a, before, only, false) != ASK_DONE) {
			if (kill(first.pid, 0) != 0 && errno == ESRCH)
				return ask_fail(ASK_FAILED, "nat64d (pid %d) is gone; its log says why", (int)first.pid);
		} else if (a->tenants == before->tenants && a->began == a->tenants && a->waiting == 0) {
			return ASK_DONE;
		}
	}
	if (a->began < a->tenants || a->tenants == 0)
		return ask_fail(ASK_FAILED, "nat64d (pid %d) has not asked its workers in %d s", (int)first.pid, WAIT_SECONDS);
	return ASK_DONE;
}

int
order_audit(int argc, char **argv)
{
	static struct audits before, now;
	const char *only = NULL;
	int status;

	if (argc > 1 || (argc > 0 && strncmp(argv[0], "tenant=", strlen("tenant=")) != 0))
		return ask_fail(ASK_USAGE, "audit takes no words but tenant=NAME");
	if (argc > 0)
		only = argv[0] + strlen("tenant=");
	status = take_audits(&before, NULL, only, true);
	if (status == ASK_DONE && before.tenants == 0)
		return ask_fail(ASK_USAGE, "%s: there is no tenant of this name", only ? only : "");
	if (status == ASK_DONE)
		status = signal_daemon(&first, SIGURG);
	if (status == ASK_DONE)
		status = await_audits(&now, &before, only);
	if (status == ASK_DONE)
		status = ask(stdout, "show audit", argc, argv);
	if (status != ASK_DONE)
		return status;
	if (now.waiting)
		return ask_fail(ASK_FAILED, "worker %s has not audited its shards in %d s; see nat64ctl show workers",
				now.worker, WAIT_SECONDS);
	if (now.violations)
		return ask_fail(ASK_FAILED, "%llu violations: a bug, or broken memory; please report what FIRST says",
				now.violations);
	return ASK_DONE;
}

int
order_stop(int argc, char **argv)
{
	time_t start = 0;
	int status;

	(void)argv;
	if (argc > 0)
		return ask_fail(ASK_USAGE, "stop takes no words");
	status = signal_daemon(&first, SIGTERM);
	while (status == ASK_DONE && patient(&start)) {
		if (kill(first.pid, 0) != 0 && errno == ESRCH) {
			puts("stopped");
			return ASK_DONE;
		}
	}
	if (status == ASK_DONE)
		status = ask_fail(ASK_FAILED, "nat64d (pid %d) has not ended in %d s", (int)first.pid, WAIT_SECONDS);
	return status;
}
