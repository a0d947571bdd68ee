/*
 * upgrade.c - another nat64d goes on in this one's place, with its pid, its children and all it holds
 *
 * An exec keeps the pid, the children, blocked signals that wait, and every descriptor that is not marked to be closed.
 * So a package upgrade needs no gap: the supervisor writes its estate anew (supervisor/estate.h), executes what now lies at
 * the path it was started as, and that adopts what it finds. Workers notice nothing; then they are replaced one by one as
 * by SIGUSR1, and nat64-ctld at once. Spares of the old build go home, because their pipes do not live on.
 *
 * After an exec there is no way back, so the new program is tried first: started as a child, with an estate, the same
 * command line and descriptors, it does all that could fail, asks the programs beside it whether they are its kin, and says
 * so by its exit status. Whatever happens to it (missing, another estate, a crash, an endless loop), the running nat64d
 * goes on. Meanwhile the supervisor does its work: it never waits.
 *
 * When the new program lays out shared memory otherwise, it cannot give birth to workers for the tables it finds. It only
 * has to lead the old workers out: it reads their lines where the old region says that they are, gives orders through the
 * beginning of the old image, which is the same for ever, and has new workers bring the bindings over into new tables, all
 * at once (supervisor/shift.c). Packets wait meanwhile. The same goes for the way back to an older program.
 *
 * What cannot be taken over: an estate that is written in another way, or a region that does not say how it is laid out, or
 * whose states mean something else. That takes a restart. A program that fails after all, behind the exec, just ends: what
 * it was given is all still there, the workers forward, and the next start takes over as after a crash
 * (supervisor/legacy.c).
 *
 * Must never: execute a program that was not tried; lose a signal or a child; wait for the trial.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "supervisor/birth/heritage.h"
#include "supervisor/caps.h"
#include "supervisor/cgroup.h"
#include "supervisor/gateway.h"
#include "supervisor/log.h"

#define UPGRADE_VARIABLE "NAT64D_ESTATE"	/* the estate's descriptor, in the environment of the new program */
#define UPGRADE_TRIAL 10000		/* ms the trial may take */
#define UPGRADE_ROLL 50000		/* ms until the children should have been replaced; nat64ctl waits a minute */
#define UPGRADE_LOOK 50
#define UPGRADE_WORDS 64		/* of the command line, at most */

void
upgrade_remember(struct gateway *g, char **argv)
{
	struct stat named, running;
	ssize_t n = readlink("/proc/self/exe", g->program, sizeof(g->program) - 1);

	g->program[n < 0 ? 0 : n] = '\0';
	g->argv = argv;
	/* As it was called, if that says where it is: it may be a link, to be followed anew. */
	if (strchr(argv[0], '/') && strlen(argv[0]) < sizeof(g->program) && stat(argv[0], &named) == 0 &&
	    stat("/proc/self/exe", &running) == 0 && named.st_dev == running.st_dev && named.st_ino == running.st_ino)
		snprintf(g->program, sizeof(g->program), "%s", argv[0]);
}

/* Say how it ended. */
static void
upgrade_end(struct gateway *g, bool ok, const char *message)
{
	char text[512];

	snprintf(text, sizeof(text), "upgrade: %s", message);
	log_line(ok ? CONFIG_LOG_INFO : CONFIG_LOG_ERROR, "%s", text);
	bulletin_reload(&g->bulletin, ok, text);
}

static void
upgrade_refuse(struct gateway *g, const char *why)
{
	char text[480];

	snprintf(text, sizeof(text), "%.200s cannot take over, nat64d %s goes on: %s", g->program, NAT64_VERSION, why);
	upgrade_end(g, false, text);
}

/* Let the estate and all that is in it live on over an exec, or not. Returns false when something is missing. */
static bool
upgrade_keep(const struct gateway *g, bool keep)
{
	struct estate *e;
	bool all;

	if (estate_read(g->left.fd, &e))
		return false;
	all = estate_keep(e, keep) && fcntl(g->left.fd, F_SETFD, keep ? 0 : FD_CLOEXEC) == 0;
	estate_forget(e);
	return all;
}

/* In the child: become the new program, which looks at the estate. It ends with us: it holds the lock of the run directory. */
__attribute__((noreturn)) static void
upgrade_become(const struct gateway *g, int words)
{
	char number[32], *argv[UPGRADE_WORDS + 2] = { g->argv[0], number };
	sigset_t none;

	snprintf(number, sizeof(number), "--can-adopt=%d", g->left.fd);
	for (unsigned i = 1; i < UPGRADE_WORDS && g->argv[i]; i++)
		argv[i + 1] = g->argv[i];
	sigemptyset(&none);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(words, STDERR_FILENO) >= 0 && upgrade_keep(g, true) && sigprocmask(SIG_SETMASK, &none, NULL) == 0) {
		caps_raise(CAPS_FILES);
		execve(g->program, argv, environ);
	}
	dprintf(STDERR_FILENO, "it cannot be executed: %s\n", strerror(errno));
	_exit(127);
}

void
upgrade_begin(struct gateway *g, uint64_t now)
{
	struct upgrade *u = &g->upgrade;
	int rc, ends[2];

	if (u->trial || u->fit || u->rolling) {
		log_line(CONFIG_LOG_INFO, "an upgrade is under way already");
		return;
	}
	if (g->reload.pending) {
		upgrade_refuse(g, "a reload is under way; ask again when it is done");
		return;
	}
	if (!g->ready) {
		upgrade_refuse(g, "nat64d is still starting; ask again when it is ready");
		return;
	}
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
		upgrade_refuse(g, strerror(errno));
		return;
	}
	rc = estate_write(g);
	u->trial = rc < 0 ? -1 : fork();
	if (u->trial == 0)
		upgrade_become(g, ends[1]);
	if (rc == 0 && u->trial < 0)
		rc = -errno;
	close(ends[1]);
	if (u->trial < 0) {
		close(ends[0]);
		u->trial = 0;
		upgrade_refuse(g, strerror(-rc));
		return;
	}
	u->words = ends[0];
	u->deadline = now + UPGRADE_TRIAL;
}

/* Of what the trial has said, leave the first line that is no warning: on its way it may have passed over a thing or two. */
static void
upgrade_reason(char *words)
{
	static const char warning[] = "nat64d: warning: ";
	const char *line = words, *end;

	while (strncmp(line, warning, strlen(warning)) == 0 && (end = strchr(line, '\n')))
		line = end + 1;
	memmove(words, line, strlen(line) + 1);
	words[strcspn(words, "\n")] = '\0';
}

bool
upgrade_reaped(struct gateway *g, pid_t pid, int code, int value)
{
	struct upgrade *u = &g->upgrade;
	char words[1024];
	ssize_t n;

	if (pid != u->trial)
		return false;
	u->trial = 0;
	n = read(u->words, words, sizeof(words) - 1);
	words[n > 0 ? n : 0] = '\0';
	upgrade_reason(words);
	close(u->words);
	u->fit = code == CLD_EXITED && value == 0;
	if (!u->fit && code != CLD_EXITED && value == SIGKILL)
		snprintf(words, sizeof(words), "when tried, it was killed, or did not answer within %d s",
			 UPGRADE_TRIAL / 1000);
	else if (!u->fit && code != CLD_EXITED)
		snprintf(words, sizeof(words), "when tried, it died of signal %d (%s)", value, strsignal(value));
	else if (!u->fit && !words[0])
		snprintf(words, sizeof(words), "when tried, it ended with exit status %d", value);
	if (!u->fit && !u->stopping)
		upgrade_refuse(g, words);
	return true;
}

/* The point of no return. Returns only when the kernel refuses. */
static void
upgrade_execute(struct gateway *g)
{
	int rc = estate_write(g);
	char number[16];

	if (rc == 0) {
		log_line(CONFIG_LOG_INFO, "nat64d %s gives over to %s", NAT64_VERSION, g->program);
		snprintf(number, sizeof(number), "%d", g->left.fd);
		if (setenv(UPGRADE_VARIABLE, number, 1) == 0 && upgrade_keep(g, true)) {
			caps_raise(CAPS_FILES);
			execve(g->program, g->argv, environ);
		}
		rc = -errno;
		caps_drop();
		unsetenv(UPGRADE_VARIABLE);
		upgrade_keep(g, false);
	}
	upgrade_refuse(g, strerror(-rc));
}

/* Have all children of the old nat64d been replaced, and do the new ones work? */
static bool
upgrade_rolled(struct gateway *g)
{
	if (g->upgrade.moving && g->reload.pending)
		return false;
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		if (t->crew.restart > 0 || !crew_running(t))
			return false;
	return g->ctld.up && !g->ctld.renew;
}

uint64_t
upgrade_tick(struct gateway *g, uint64_t now)
{
	struct upgrade *u = &g->upgrade;
	char text[160];

	if (u->fit && g->reload.pending)
		return now + UPGRADE_LOOK;	/* which ends by itself */
	if (u->fit) {
		u->fit = false;
		upgrade_execute(g);
	}
	if (u->trial) {
		if (now < u->deadline)
			return u->deadline;
		kill(u->trial, SIGKILL);
		return now + UPGRADE_LOOK;
	}
	if (!u->rolling)
		return UINT64_MAX;
	if (upgrade_rolled(g)) {
		snprintf(text, sizeof(text), "from %s to %s, all processes are new", u->from, NAT64_VERSION);
		upgrade_end(g, true, text);
	} else if (now >= u->deadline) {
		snprintf(text, sizeof(text), "from %s to %s, but not all processes could be replaced; see show workers",
			 u->from, NAT64_VERSION);
		upgrade_end(g, false, text);
	} else {
		return now + UPGRADE_LOOK;
	}
	u->rolling = false;
	return UINT64_MAX;
}

void
upgrade_stop(struct gateway *g)
{
	g->upgrade.stopping = true;
	if (g->upgrade.trial)
		kill(g->upgrade.trial, SIGKILL);
}

/* A descriptor as digits, or -1. */
static int
upgrade_number(const char *text)
{
	char *end = NULL;
	long n = text ? strtol(text, &end, 10) : -1;

	return text && end != text && !*end && n >= 0 && n <= 0xffff ? (int)n : -1;
}

int
upgrade_heir(void)
{
	int fd = upgrade_number(getenv(UPGRADE_VARIABLE));

	unsetenv(UPGRADE_VARIABLE);
	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

/* The status memory: the one there is, or a new one when that is laid out otherwise. Returns 0 or -errno. */
static int
upgrade_bulletin(struct gateway *g, const struct estate_gateway *e, bool foreign)
{
	int rc = bulletin_adopt(&g->bulletin, e->bulletin);

	if (rc == 0 || !foreign)
		return rc;
	rc = bulletin_open(&g->bulletin, g->config);
	if (rc != 0)
		return rc;
	bulletin_resume(&g->bulletin, e->reloads, e->started, e->started_boottime);
	close(e->bulletin);
	return 0;
}

/* Everything in e becomes *g's. Returns NULL, or what is wrong. */
static const char *
upgrade_take(struct gateway *g, const struct estate *e)
{
	const bool foreign = e->head.kin != HERITAGE_KIN;

	g->upgrade.moving = foreign;
	g->config = malloc(sizeof(*g->config));
	if (!g->config || !estate_keep(e, false))
		return g->config ? "a descriptor of the running nat64d is missing" : "there is no memory";
	*g->config = e->config;
	g->cpus = e->gateway.cpus;
	g->denied = e->gateway.denied;
	g->upgrade.cgroup = e->gateway.cgroup != 0;
	rundir_adopt(&g->rundir, &g->config->gateway, e->gateway.lock);
	g->control = e->gateway.control;
	g->listeners = e->gateway.listeners;
	for (uint32_t i = 0; i < g->listeners; i++)
		g->metrics[i] = e->gateway.metrics[i];
	g->ctld = (struct ctld) { .pid = (pid_t)e->gateway.ctld, .up = e->gateway.ctld_up };
	memcpy(g->upgrade.from, e->head.program, sizeof(g->upgrade.from) - 1);
	if (upgrade_bulletin(g, &e->gateway, foreign) != 0)
		return "the status memory cannot be taken over";
	for (uint32_t t = 0; t < e->tenants; t++) {
		struct tenant *tenant;

		if (!estate_has(e, t))
			continue;
		tenant = tenants_adopt(g, t);
		if (tenant_adopt(tenant, &e->tenant[t], foreign) != 0)
			return foreign ? "a tenant's memory is laid out otherwise, and does not say how" :
					 "a tenant's memory cannot be taken over";
		if (foreign && region_heir_wrong(tenant->config, &tenant->region))
			return "a tenant's bindings cannot be brought over into a new table";
		if (foreign)
			bulletin_device(&g->bulletin, t, tenant->device.name, tenant->device.offload);
		tenant_recall(tenant, &g->config->tenant[t]);
	}
	g->ready = true;
	return NULL;
}

const char *
upgrade_adopt(struct gateway *g, int fd, pid_t pid)
{
	struct estate *e;
	const char *wrong = estate_read(fd, &e);

	if (wrong)
		return wrong;
	wrong = (pid_t)e->gateway.pid == pid ? upgrade_take(g, e) : "it is the state of another process";
	estate_forget(e);
	return wrong;
}

/* Begin to lead all tenants from tables that another build has laid out to our own. Returns NULL, or what is in the way. */
static const char *
upgrade_move(struct gateway *g, uint64_t now)
{
	static char wrong[400];
	char why[256];
	uint64_t all = 0;
	int rc = 0;

	caps_raise(CAPS_NETWORK | CAPS_STEER);
	for (struct tenant *t = gateway_next(g, 0); t && rc == 0; t = gateway_next(g, t->number + 1))
		rc = shift_prepare(t, t->config, now, why, sizeof(why));
	caps_drop();
	if (rc != 0) {
		for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
			shift_abort(t, "", now);
		snprintf(wrong, sizeof(wrong), "%s: %s", why, strerror(-rc));
		return wrong;
	}
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1)) {
		shift_begin(t, now);
		all |= UINT64_C(1) << t->number;
	}
	reload_carry(g, all);
	return NULL;
}

const char *
upgrade_roll(struct gateway *g, uint64_t now)
{
	const char *wrong;

	log_line(CONFIG_LOG_INFO, "nat64d %s has taken over from %s; replacing all processes%s", NAT64_VERSION, g->upgrade.from,
		 g->upgrade.moving ? ", and all tables, for they are laid out otherwise" : "");
	if (g->upgrade.cgroup && !cgroup_adopt())
		log_line(CONFIG_LOG_WARNING, "the cgroups of the nat64d before cannot be found; tenants come into some again "
			 "with the next start");
	caps_raise(CAPS_NETWORK);
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1)) {
		tenant_guard(t, NULL);	/* the one before may not have known of it */
		tenant_cgroup(t);
	}
	caps_drop();
	wrong = g->upgrade.moving ? upgrade_move(g, now) : NULL;
	if (wrong)
		return wrong;
	bulletin_heir(&g->bulletin, g->config);
	g->upgrade.rolling = true;
	g->upgrade.deadline = now + UPGRADE_ROLL;
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		bulletin_spares(&g->bulletin, t->number, 0);
	if (g->upgrade.moving)
		return NULL;		/* then nat64-ctld is replaced when there are tables that a new one can read */
	ctld_renew(g);
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		crew_restart(t);
	return NULL;
}

/* Does the program beside us share our idea of shared memory? */
static bool
upgrade_kin(const char *name)
{
	char path[CHILD_PATH], kin[32];
	int status = -1;
	pid_t pid;

	child_program(path, name);
	snprintf(kin, sizeof(kin), "%" PRIu64, (uint64_t)HERITAGE_KIN);
	pid = fork();
	if (pid == 0) {
		close(STDERR_FILENO);
		execl(path, name, "--kin", kin, (char *)NULL);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int
upgrade_trial(const char *fd)
{
	struct gateway *g = calloc(1, sizeof(*g));
	const char *wrong;

	if (!g)
		return 1;
	wrong = upgrade_adopt(g, upgrade_number(fd), getppid());
	free(g->config);
	free(g);
	if (!wrong && !upgrade_kin("nat64-worker"))
		wrong = "the nat64-worker beside it is missing, or of another build";
	if (!wrong && !upgrade_kin("nat64-ctld"))
		wrong = "the nat64-ctld beside it is missing, or of another build";
	if (wrong)
		fprintf(stderr, "%s\n", wrong);
	return wrong ? 1 : 0;
}
