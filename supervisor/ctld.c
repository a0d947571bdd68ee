/*
 * ctld.c - the one nat64-ctld: started, watched, started again
 *
 * It gets the listening sockets, which the supervisor made and keeps, and read-only descriptors of every region. When
 * it dies, connections break but the sockets stay, so a client that tries again reaches the next one. It cannot tell
 * us that it is ready, having no channel to us; that it has gone through birth is seen in /proc: the filter is on, or,
 * in builds without one, the uid is its own.
 *
 * Must never: give it a descriptor that can write; let its troubles reach the workers.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include "supervisor/caps.h"
#include "supervisor/child.h"
#include "supervisor/gateway.h"
#include "supervisor/log.h"
#include "supervisor/orphan.h"

#define CTLD_SOON 5000			/* ms: a death within this time came too soon */
#define CTLD_DELAY 250			/* ms, doubled with each further one */
#define CTLD_DELAY_MAX 5000
#define CTLD_LOOK 10			/* ms between looks while it starts */
#define CTLD_BLIND 1000			/* ms after which it counts as up where /proc shows nothing */

int
ctld_start(struct gateway *g, uint64_t now)
{
	struct child_door doors[CHILD_MAX_DOORS];
	struct heritage h = {
		.kind = HERITAGE_CTL,
		.uid = g->config->gateway.uid_base,
		.gid = g->config->gateway.uid_base,
		.listeners = g->listeners,
		.log_level = g->config->gateway.log_level,
	};
	unsigned n = 0;
	pid_t pid;

	doors[n++] = (struct child_door) { g->control, HERITAGE_CONTROL };
	for (int i = 0; i < (int)g->listeners; i++)
		doors[n++] = (struct child_door) { g->metrics[i], HERITAGE_METRICS + i };
	doors[n++] = (struct child_door) { g->bulletin.fd_ro, HERITAGE_STATUS };
	for (const struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1)) {
		int place = 2 * (int)h.tenants;

		if (t->stage != TENANT_STAYS)
			continue;
		h.region_size[h.tenants] = t->region.size;
		h.number[h.tenants++] = t->number;
		doors[n++] = (struct child_door) { t->region.fd_ro, HERITAGE_REGION + place };
		doors[n++] = (struct child_door) { t->publish.fd_ro, HERITAGE_IMAGE + place };
	}
	pid = child_start(g->ctld_program, "nat64-ctld", &h, doors, n, true, NULL);
	g->ctld.up = false;
	g->ctld.since = now;
	if (pid < 0) {
		g->ctld.retry = now + CTLD_DELAY_MAX;
		log_line(CONFIG_LOG_ERROR, "cannot start %s: %s; trying again", g->ctld_program, strerror(-pid));
		return pid;
	}
	g->ctld.pid = pid;
	estate_note(&g->left, ESTATE_CTLD, orphan_word(pid));
	return 0;
}

bool
ctld_reaped(struct gateway *g, pid_t pid, int code, int value, uint64_t now)
{
	struct ctld *c = &g->ctld;
	uint64_t delay = 0;

	if (pid != c->pid)
		return false;
	c->pid = 0;
	c->up = false;
	if (c->stopping)
		return true;
	if (c->renew) {
		c->renew = false;
		c->retry = now;
		return true;
	}
	c->quick = now - c->since < CTLD_SOON ? c->quick + 1 : 0;
	for (unsigned i = 1; i < c->quick && delay < CTLD_DELAY_MAX; i++)
		delay = delay ? 2 * delay : CTLD_DELAY;
	if (delay > CTLD_DELAY_MAX)
		delay = CTLD_DELAY_MAX;
	c->retry = now + delay;
	log_line(CONFIG_LOG_WARNING, "nat64-ctld (pid %d) died: %s %d%s; starting another one in %llu ms", (int)pid,
		 code == CLD_EXITED ? "exit status" : "signal", value,
		 code == CLD_EXITED && value == 127 ? " (it could not be executed)" : "", (unsigned long long)delay);
	return true;
}

/* The number that follows word in a status file of /proc, or -1. */
static long
ctld_field(const char *text, const char *word)
{
	const char *at = strstr(text, word);

	return at ? strtol(at + strlen(word), NULL, 10) : -1;
}

/* Has it gone through birth? */
static bool
ctld_looks_up(const struct gateway *g, uint64_t now)
{
	char path[32], text[4096];
	FILE *in;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)g->ctld.pid);
	in = fopen(path, "re");
	if (!in)
		return now - g->ctld.since > CTLD_BLIND;
	n = fread(text, 1, sizeof(text) - 1, in);
	fclose(in);
	text[n] = '\0';
#ifdef SANITIZED
	return ctld_field(text, "\nUid:") == (long)g->config->gateway.uid_base;
#else
	return ctld_field(text, "\nSeccomp:") == 2;
#endif
}

uint64_t
ctld_tick(struct gateway *g, uint64_t now)
{
	struct ctld *c = &g->ctld;

	if (c->stopping)
		return UINT64_MAX;
	if (c->pid == 0) {
		if (now < c->retry)
			return c->retry;
		if (ctld_start(g, now) != 0)
			return c->retry;
	}
	if (c->up)
		return UINT64_MAX;
	c->up = ctld_looks_up(g, now);
	return c->up ? UINT64_MAX : now + CTLD_LOOK;
}

void
ctld_renew(struct gateway *g)
{
	if (g->ctld.pid == 0)
		return;
	g->ctld.renew = true;
	caps_raise(CAPS_SIGNAL);
	kill(g->ctld.pid, SIGKILL);
	caps_drop();
}

void
ctld_stop(struct gateway *g, bool kill_it)
{
	g->ctld.stopping = true;
	if (g->ctld.pid)
		kill(g->ctld.pid, kill_it ? SIGKILL : SIGTERM);
}
