/*
 * main.c - nat64d: the order of birth, and then watching
 *
 * main_birth() is the whole start in order: look at the host, reduce rights, see what a nat64d that was killed has left,
 * make the things children inherit, as far as it has not, give up the rights only that took, start the children. From
 * before the first child is born until nothing is left, the estate says what a successor has to know. Everything
 * privileged happens before the first packet, except what replacing a child needs. Afterwards one thread sleeps in poll and
 * is woken by signals alone, which come through a descriptor, so nothing here is ever interrupted in the middle; timers
 * are the timeout of that poll.
 *
 * main_rebirth() takes the place of main_birth() in a process that has been a nat64d all the while and has just executed a
 * newer program (upgrade.c): everything is there, and is only taken over.
 *
 * Whatever was made is removed by main_death(), in the opposite order, after a stop as after a failed start.
 *
 * Must never: read a packet; do anything a child asks for (none can); leave something behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "supervisor/calls.h"
#include "supervisor/caps.h"
#include "supervisor/cgroup.h"
#include "supervisor/check.h"
#include "supervisor/gateway.h"
#include "supervisor/host.h"
#include "supervisor/knell.h"
#include "supervisor/log.h"
#include "supervisor/loss.h"
#include "supervisor/memory.h"
#include "supervisor/notify.h"
#include "supervisor/options.h"
#include "supervisor/reader.h"
#include "supervisor/snapshot.h"

#define MAIN_TROUBLES 6			/* early deaths in a row, before anything ran, that end the start */
#define MAIN_LEAVE 3000			/* ms children may take to leave; then they are killed */
#define MAIN_KILLED 2000		/* ms a killed one may take */
#define MAIN_TRIES 50			/* 20 ms apart, for addresses that a predecessor's child still holds */

static struct gateway main_gateway;

static uint64_t
main_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Log what was tried and why it failed. Returns false. */
static bool
main_failed(const char *why, int rc)
{
	if (rc == -EEXIST || rc == -EADDRINUSE)
		log_line(CONFIG_LOG_ERROR, "%s", why);	/* the words say it all */
	else
		log_line(CONFIG_LOG_ERROR, "%s: %s", why, strerror(-rc));
	return false;
}

/* Numbers 0 to 2 are taken, descriptors may be many, and signals wait to be read. */
static bool
main_process(struct gateway *g)
{
	static const int heard[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGURG, SIGCHLD };
	struct rlimit files;
	sigset_t signals;

	umask(022);
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	sigemptyset(&signals);
	for (size_t i = 0; i < sizeof(heard) / sizeof(heard[0]); i++) {
		signal(heard[i], SIG_DFL);	/* one that was ignored would never arrive */
		sigaddset(&signals, heard[i]);
	}
	sigprocmask(SIG_SETMASK, &signals, NULL);
	g->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	g->knells = knell_open();
	return g->signals >= 0 ? true : main_failed("cannot make a signalfd", -errno);
}

static bool
main_run_directory(struct gateway *g)
{
	char why[256];
	int rc = rundir_open(&g->rundir, &g->config->gateway, why, sizeof(why));

	return rc == 0 ? true : main_failed(why, rc);
}

/* Is an address taken by the nat64-ctld of a predecessor on its way out, perhaps? Then wait a moment. */
static bool
main_again(const struct gateway *g, int rc, unsigned *tries)
{
	const struct timespec moment = { .tv_nsec = 20000000 };

	if (rc != -EADDRINUSE || !g->legacy.found || *tries == MAIN_TRIES)
		return false;
	++*tries;
	nanosleep(&moment, NULL);
	return true;
}

static bool
main_sockets(struct gateway *g)
{
	const struct config_gateway *config = &g->config->gateway;
	unsigned tries = 0;
	char why[256];
	uint32_t gid;
	int rc = host_group(&gid, config->control_group.s);

	if (rc != 0)
		return main_failed("[gateway] control-group", rc);
	do
		g->control = rundir_control(&g->rundir, config->control.s, gid, why, sizeof(why));
	while (main_again(g, g->control, &tries));
	if (g->control < 0)
		return main_failed(why, g->control);
	for (uint32_t i = 0; i < config->metrics.n; i++) {
		if (config->metrics.item[i].family == 0)
			continue;
		do
			rc = rundir_metrics(&config->metrics.item[i], why, sizeof(why));
		while (main_again(g, rc, &tries));
		if (rc < 0) {
			log_line(CONFIG_LOG_ERROR, "%s: %s; set metrics to another address or off", why, strerror(-rc));
			return false;
		}
		g->metrics[g->listeners++] = rc;
	}
	return true;
}

/* Have cgroups for tenants, or say why not. */
static void
main_cgroup(void)
{
	char why[256];
	enum status_cgroup cgroup = cgroup_open(why, sizeof(why));

	if (cgroup == STATUS_cgroup_off)
		log_line(CONFIG_LOG_INFO, "tenants get no cgroups of their own and share processors worker by worker: %s", why);
	else
		log_line(CONFIG_LOG_INFO, "each tenant has a cgroup of its own: %s", why);
}

static bool
main_tenants(struct gateway *g)
{
	int rc = bulletin_open(&g->bulletin, g->config);
	char why[384];

	if (rc != 0)
		return main_failed("cannot make the status memory", rc);
	if (tenants_open(g, why, sizeof(why)) == 0)
		return true;
	log_line(CONFIG_LOG_ERROR, "%s", why);
	return false;
}

/* The order of birth. Returns false when something is in the way, which has been logged. */
static bool
main_birth(struct gateway *g)
{
	uint64_t now, moving;
	bool made;
	int rc;

	child_program(g->worker_program, "nat64-worker");
	child_program(g->ctld_program, "nat64-ctld");
	if (rundir_busy(&g->config->gateway)) {
		log_line(CONFIG_LOG_ERROR, "another nat64d runs with the run directory %s; stop it, or set run-dir",
			 g->config->gateway.run_dir.s);
		return false;
	}
	if (host_check(g->config, g->file, g->worker_program, g->ctld_program) != 0)
		return false;

	rc = caps_init();
	if (rc != 0)
		return main_failed("cannot reduce the capabilities of nat64d", rc);
	if (!main_process(g))
		return false;
	caps_raise(CAPS_START);
	made = main_run_directory(g);
	caps_drop();
	if (!made)
		return false;
	legacy_find(g);
	caps_raise(CAPS_START);
	made = main_sockets(g);
	caps_drop();
	if (!made)
		return false;
	legacy_take(g);
	main_cgroup();
	caps_raise(CAPS_NETWORK | CAPS_STEER);
	made = main_tenants(g);
	caps_drop();
	legacy_close(&g->legacy);
	if (!made)
		return false;
	rc = caps_settle();
	if (rc != 0)
		return main_failed("cannot reduce the capabilities of nat64d", rc);

	calls_shut(&g->denied);
	host_warn_forwarding(g->config);
	child_open();
	now = main_now();
	ctld_start(g, now);
	moving = tenants_start(g, now);
	if (moving)
		reload_carry(g, moving);
	return true;
}

/* Take notice of every child that ended. */
static void
main_reap(struct gateway *g, uint64_t now)
{
	siginfo_t info;

	for (;;) {
		bool known;

		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0)
			return;
		known = upgrade_reaped(g, info.si_pid, info.si_code, info.si_status) ||
			ctld_reaped(g, info.si_pid, info.si_code, info.si_status, now);
		for (struct tenant *t = gateway_next(g, 0); t && !known; t = gateway_next(g, t->number + 1))
			known = crew_reaped(t, info.si_pid, info.si_code, info.si_status, now);
	}
}

static void
main_gave_up(const char *wrong)
{
	log_line(CONFIG_LOG_ERROR, "cannot take over from the nat64d before: %s; its workers go on, and a start takes over "
		 "from them", wrong);
}

/* Instead of main_birth, when this process has been a nat64d all the while. Returns false when it cannot go on. */
static bool
main_rebirth(struct gateway *g)
{
	const char *wrong = NULL;
	int rc = caps_inherit();

	if (rc != 0)
		wrong = "the capabilities cannot be reduced";
	child_program(g->worker_program, "nat64-worker");
	child_program(g->ctld_program, "nat64-ctld");
	child_open();
	if (!wrong)
		wrong = upgrade_adopt(g, g->estate, getpid());
	calls_shut(&g->denied);
	if (!wrong && (!main_process(g) || estate_write(g) != 0))
		wrong = "there is no room";
	if (wrong) {
		main_gave_up(wrong);
		return false;
	}
	close(g->estate);
	log_level((enum config_log_level)g->config->gateway.log_level);
	wrong = upgrade_roll(g, main_now());
	if (wrong) {
		main_gave_up(wrong);
		return false;
	}
	main_reap(g, main_now());		/* children that ended meanwhile: their signal may have got lost */
	return true;
}

static unsigned
main_children(struct gateway *g)
{
	unsigned n = (g->ctld.pid != 0) + (g->upgrade.trial != 0);

	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		n += crew_alive(t);
	return n;
}

static void
main_wait_for_children(struct gateway *g, uint64_t patience)
{
	struct pollfd wait = { .fd = g->signals, .events = POLLIN };
	uint64_t deadline = main_now() + patience;
	struct signalfd_siginfo info;

	main_reap(g, main_now());
	while (main_children(g) > 0 && main_now() < deadline) {
		if (poll(&wait, 1, 50) > 0 && read(g->signals, &info, sizeof(info)) < 0)
			return;
		main_reap(g, main_now());
	}
}

/* Write down for the time after a reboot what the tenants have. Nobody changes it any more. */
static void
main_snapshots(struct gateway *g)
{
	const char *directory = g->config->gateway.snapshot_dir.s;

	if (!*directory || !g->ready)
		return;
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1)) {
		int64_t n = t->shift.swapped || t->region.foreign ? -EBUSY : 0;

		if (t->stage != TENANT_STAYS)
			continue;
		if (n == 0)
			n = snapshot_save(t->region.fd_ro, t->region.size, directory, t->config->name_);
		if (n < 0)
			log_line(CONFIG_LOG_WARNING, "tenant %s: its bindings cannot be written to %s/%s.snapshot: %s",
				 t->config->name_, directory, t->config->name_, strerror((int)-n));
		else
			log_line(CONFIG_LOG_INFO, "tenant %s: its bindings are in %s/%s.snapshot, %lld bytes",
				 t->config->name_, directory, t->config->name_, (long long)n);
	}
}

/* Undo main_birth, however far it came. */
static void
main_death(struct gateway *g)
{
	caps_raise(CAPS_NETWORK);
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		device_unroute(&t->device, t->config);
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		crew_stop(t);
	caps_raise(CAPS_SIGNAL);
	ctld_stop(g, false);
	upgrade_stop(g);
	if (main_children(g) > 0)
		main_wait_for_children(g, MAIN_LEAVE);
	if (main_children(g) > 0) {
		for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
			crew_kill(t);
		ctld_stop(g, true);
		main_wait_for_children(g, MAIN_KILLED);
	}
	if (main_children(g) == 0)
		main_snapshots(g);
	caps_raise(CAPS_NETWORK);
	tenants_close(g);
	caps_drop();
	cgroup_close();
	legacy_close(&g->legacy);
	estate_remove(&g->left);
	bulletin_close(&g->bulletin);
	while (g->listeners > 0)
		close(g->metrics[--g->listeners]);
	if (g->control >= 0)
		close(g->control);
	rundir_close(&g->rundir);
	if (g->signals >= 0)
		close(g->signals);
}

/* Say it once, when every worker translates and nat64-ctld serves. */
static void
main_look_ready(struct gateway *g)
{
	if (g->ready || !g->ctld.up)
		return;
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		if (t->stage == TENANT_STAYS && !crew_running(t))
			return;
	g->ready = true;
	for (uint32_t n = 0; n < g->config->tenants && *g->config->gateway.snapshot_dir.s; n++)
		if (config_has(g->config, n))
			snapshot_forget(g->config->gateway.snapshot_dir.s, g->config->tenant[n].name_);
	log_always("ready");
	notify_send("READY=1");
}

/* Before it was ever ready: do children die as fast as they are born? */
static bool
main_hopeless(struct gateway *g)
{
	unsigned most = g->ctld.quick;

	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		if (t->stage == TENANT_STAYS && crew_troubles(t) > most)
			most = crew_troubles(t);
	if (g->ready || most < MAIN_TROUBLES)
		return false;
	log_line(CONFIG_LOG_ERROR, "giving up the start: its processes do not stay alive");
	return true;
}

static void
main_restart(struct gateway *g, const struct signalfd_siginfo *info)
{
	uint32_t only = info->ssi_code == SI_QUEUE ? (uint32_t)info->ssi_int : 0;

	log_line(CONFIG_LOG_INFO, "restarting the workers one by one");
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		if (only == 0 || only == t->number + 1)
			crew_restart(t);
}

/* Have every table audited at once. SIGURG, because a nat64d that does not know of it ignores it. */
static void
main_audit(struct gateway *g)
{
	log_line(CONFIG_LOG_INFO, "auditing the binding tables");
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1)) {
		publish_audit(&t->publish);
		for (unsigned w = 0; w < t->config->workers; w++)
			tenant_ring(t, w);
	}
}

/* Act on every signal that waits. Returns false when nat64d shall stop. */
static bool
main_signals(struct gateway *g)
{
	struct signalfd_siginfo info;

	while (read(g->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGTERM:
		case SIGINT:
			return false;
		case SIGHUP:
			reload_begin(g, main_now());
			break;
		case SIGUSR1:
			main_restart(g, &info);
			break;
		case SIGUSR2:
			upgrade_begin(g, main_now());
			break;
		case SIGURG:
			main_audit(g);
			break;
		case SIGCHLD:
			main_reap(g, main_now());
			break;
		}
	}
	return true;
}

/* Do what is due everywhere. Returns the milliseconds until something is due again, or -1: nothing is. */
static int
main_tick(struct gateway *g, uint64_t now)
{
	uint64_t next = ctld_tick(g, now), at = reload_tick(g, now);

	next = at < next ? at : next;
	at = upgrade_tick(g, now);
	next = at < next ? at : next;
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1)) {
		at = crew_tick(t, now);
		next = at < next ? at : next;
		at = tenant_guard_look(t, now);
		next = at < next ? at : next;
		at = shortage_look(&t->shortage, t->config->name_, &t->region, now);
		next = at < next ? at : next;
	}
	if (next == UINT64_MAX)
		return -1;
	return next <= now ? 1 : (int)(next - now);
}

static int
main_run(struct gateway *g)
{
	int status = 0, timeout;

	g->control = g->signals = g->knells = g->rundir.lock = g->bulletin.fd_ro = g->left.fd = -1;
	if (g->estate >= 0) {
		if (!main_rebirth(g))
			return 1;
	} else if (!main_birth(g)) {
		main_death(g);
		return 1;
	}
	while (main_signals(g)) {
		loss_hear(g, main_now());
		timeout = main_tick(g, main_now());
		main_look_ready(g);
		if (main_hopeless(g)) {
			status = 1;
			break;
		}
		poll((struct pollfd[]) { { g->signals, POLLIN, 0 }, { g->knells, POLLIN, 0 } }, 2, timeout);
	}
	notify_send("STOPPING=1");
	log_line(CONFIG_LOG_INFO, "stopping");
	main_death(g);
	log_line(CONFIG_LOG_INFO, "stopped");
	return status;
}

int
main(int argc, char **argv)
{
	struct gateway *g = &main_gateway;
	struct options options;
	int status;

	if (argc == 3 && strcmp(argv[1], READER_OPTION) == 0)
		return reader_main(argv[2]);
	for (int fd = open("/dev/null", O_RDWR); fd >= 0; fd = open("/dev/null", O_RDWR)) {
		if (fd > 2) {
			close(fd);
			break;
		}
	}
	log_init();
	legacy_open(&g->legacy);
	g->estate = upgrade_heir();
	status = options_read(&options, argc, argv, g->estate >= 0);
	if (status >= 0)
		return status;
	g->file = options.file;
	g->cpus = options.cpus;
	g->config = options.config;
	upgrade_remember(g, argv);
	if (g->config)
		log_level((enum config_log_level)g->config->gateway.log_level);
	status = main_run(g);
	free(g->config);
	free(g->other);
	return status;
}
