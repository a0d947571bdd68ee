/*
 * tenants.c - the set of tenants: how one comes to be, is in force, and goes
 *
 * A start makes all of them and a stop removes all of them. A reload may do so with some, while others translate. Who is added
 * is made in small steps, one a turn of nat64d's loop, so that a death elsewhere is seen to in between: first what needs no
 * workers, then a line in the estate, then what outlives nat64d (a device that stays, queues in the keeping of the service
 * manager, the guard), then workers. Its routes come last, in the moment of the commit, and those of who is removed go in the
 * same moment; so what one has a route to may go to the other in one reload, and up to there going back is to let who was
 * added leave again.
 *
 * Who leaves has no routes any more. Its workers are asked to leave, and killed if they do not; then the estate forgets it;
 * then everything of it goes, and its number is free.
 *
 * After a SIGKILL at any moment of that the estate names at least every tenant that has a process, a device that stays or a
 * queue that is kept, and the next start ends or takes over each of them as nat64.ini then says (legacy.c).
 *
 * Must never: free a number while a process of its tenant lives; let a worker be born that the estate does not know.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "supervisor/caps.h"
#include "supervisor/check.h"
#include "supervisor/gateway.h"
#include "supervisor/log.h"
#include "supervisor/memory.h"
#include "supervisor/snapshot.h"
#include "supervisor/tenants.h"

#define TENANTS_START 15000		/* ms the workers of all that are added may take to be at work */
#define TENANTS_TROUBLES 3		/* early deaths of a new worker in a row that end the attempt */
#define TENANTS_LEAVE 3000		/* ms workers may take to leave; then they are killed, and again each */
#define TENANTS_KILL 2000

void
tenants_names(struct gateway *g, struct number_names *names)
{
	memset(names, 0, sizeof(*names));
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		memcpy(names->name[t->number], t->config->name_, CONFIG_NAME_MAX);
}

/* Where new regions go: the run directory, if it is memory and has room for so many bytes; otherwise NULL. */
static const char *
tenants_directory(const struct gateway *g, uint64_t most)
{
	const char *directory = g->config->gateway.run_dir.s;
	uint64_t room;

	if (most == 0)
		return directory;
	if (!memory_tmpfs(directory, &room))
		log_line(CONFIG_LOG_WARNING, "the run directory %s is not on a tmpfs, so the bindings will not survive when "
			 "nat64d itself is killed; set run-dir to a directory that is, such as one below /run", directory);
	else if (most > room)
		log_line(CONFIG_LOG_WARNING, "the tmpfs of the run directory %s has %llu MB free and the tables may come to "
			 "need %llu, so they are kept elsewhere and will not survive when nat64d itself is killed; make it "
			 "larger, or lower max-sessions", directory, (unsigned long long)(room >> 20),
			 (unsigned long long)(most >> 20) + 1);
	else
		return directory;
	return NULL;
}

/* Make tenant `number` of config. Returns 0, or -errno with what was tried in why; then nothing is left. */
static int
tenants_make(struct gateway *g, const struct config *config, uint32_t number, struct legacy_share *share,
	     const char *directory, char *why, size_t size)
{
	struct tenant *t = &g->tenant[number];
	int rc;

	*t = (struct tenant) {
		.number = number, .config = &config->tenant[number], .gateway = &config->gateway,
		.bulletin = &g->bulletin, .left = &g->left, .program = g->worker_program,
	};
	rc = tenant_open(t, share, directory, why, size);
	if (rc == 0)
		t->stage = TENANT_MADE;
	return rc;
}

/* What is to outlive us of a tenant that the estate names now. Returns 0 or -errno. */
static int
tenants_keep(const struct tenant *t, bool kept)
{
	int rc = device_persist(&t->device);

	if (rc != 0)
		return rc;
	if (!kept)
		store_forget(t->config->name_, &t->device);
	if (!store_keep(t->config->name_, &t->device))
		log_line(CONFIG_LOG_WARNING, "tenant %s: the service manager does not keep its queues; what waits in them will "
			 "be lost when nat64d and all workers are killed", t->config->name_);
	return 0;
}

/* Say of which tenant, what was tried, and what the kernel said unless the words say it all. Returns rc. */
static int
tenants_failed(char *why, size_t size, const struct config_tenant *config, const char *what, int rc)
{
	snprintf(why, size, "[tenant %s] %s%s%s", config->name_, what, rc == -EEXIST ? "" : ": ",
		 rc == -EEXIST ? "" : strerror(-rc));
	return rc;
}

/* From here on a successor finds what we have made, whatever happens to us. */
static int
tenants_note(struct gateway *g, char *why, size_t size)
{
	int rc = estate_write(g);

	if (rc != 0)
		snprintf(why, size, "cannot write what the next nat64d needs into the run directory: %s", strerror(-rc));
	return rc;
}

int
tenants_open(struct gateway *g, char *why, size_t size)
{
	const char *directory;
	uint64_t most = 0;
	char what[256];
	int rc = 0;

	for (uint32_t n = 0; n < g->config->tenants; n++)
		if (config_has(g->config, n) && g->legacy.share[n].region.fd < 0)
			most += region_most(&g->config->tenant[n]);
	directory = tenants_directory(g, most);
	for (uint32_t n = 0; n < g->config->tenants; n++) {
		if (!config_has(g->config, n))
			continue;
		rc = tenants_make(g, g->config, n, &g->legacy.share[n], directory, what, sizeof(what));
		if (rc != 0)
			return tenants_failed(why, size, &g->config->tenant[n], what, rc);
		g->tenant[n].stage = TENANT_STAYS;
		tenant_recall(&g->tenant[n], &g->config->tenant[n]);
		tenant_guard(&g->tenant[n], NULL);
	}
	rc = tenants_note(g, why, size);
	for (struct tenant *t = gateway_next(g, 0); t && rc == 0; t = gateway_next(g, t->number + 1)) {
		rc = tenants_keep(t, g->legacy.share[t->number].kept);
		if (rc != 0)
			tenants_failed(why, size, t->config, "cannot make its device persistent", rc);
	}
	return rc;
}

uint64_t
tenants_start(struct gateway *g, uint64_t now)
{
	uint64_t moving = 0;

	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1)) {
		moving |= (uint64_t)(t->shift.phase != SHIFT_NONE) << t->number;
		crew_start(t, now);
	}
	return moving;
}

struct tenant *
tenants_adopt(struct gateway *g, uint32_t number)
{
	struct tenant *t = &g->tenant[number];

	*t = (struct tenant) {
		.number = number, .stage = TENANT_STAYS, .config = &g->config->tenant[number],
		.gateway = &g->config->gateway, .bulletin = &g->bulletin, .left = &g->left,
		.program = g->worker_program,
	};
	return t;
}

/* Somebody new, in g->other, of whom nothing is there. */
static bool
tenants_missing(const struct gateway *g, uint32_t n)
{
	return config_has(g->other, n) && g->tenant[n].stage == TENANT_NONE;
}

/* Make it, but for its routes. */
static int
tenants_join_make(struct gateway *g, uint32_t n, char *why, size_t size)
{
	struct legacy_share share = { .region = { .fd = -1, .fd_ro = -1 }, .old = { .fd = -1, .fd_ro = -1 }, .unrouted = true };
	const struct config_tenant *config = &g->other->tenant[n];
	char what[256];
	int rc;

	caps_raise(CAPS_NETWORK | CAPS_STEER);
	rc = tenants_make(g, g->other, n, &share, tenants_directory(g, region_most(config)), what, sizeof(what));
	caps_drop();
	if (rc != 0)
		return tenants_failed(why, size, config, what, rc);
	g->tenant[n].crew.halted = true;	/* nobody is there yet to be looked after */
	g->reload.noted = false;
	return 0;
}

/* Have it outlive us, and let its workers come. */
static int
tenants_join_start(struct tenant *t, uint64_t now, char *why, size_t size)
{
	int rc;

	caps_raise(CAPS_NETWORK);
	rc = tenants_keep(t, false);
	if (rc == 0)
		tenant_guard(t, NULL);
	caps_drop();
	if (rc != 0)
		return tenants_failed(why, size, t->config, "cannot make its device persistent", rc);
	t->stage = TENANT_JOINS;
	t->leave_by = now + TENANTS_START;
	t->crew.halted = false;
	crew_start(t, now);
	return 0;
}

/* Has somebody who is to leave a route that it is to have? */
static bool
tenants_inherits(struct gateway *g, const struct tenant *t)
{
	for (const struct tenant *o = gateway_next(g, 0); o; o = gateway_next(g, o->number + 1))
		if (o->stage == TENANT_STAYS && !config_has(g->other, o->number) && check_routes_meet(t->config, o->config))
			return true;
	return false;
}

/* Give it its routes. Returns 0, or -errno with what was tried in why. */
static int
tenants_join_route(struct tenant *t, char *why, size_t size)
{
	char what[256];
	int rc = device_route_extra(&t->device, t->config, NULL, what, sizeof(what));

	t->routed = rc == 0;
	return rc == 0 ? 0 : tenants_failed(why, size, t->config, what, rc);
}

/* All who join are at work: those that need not wait for the commit get their routes. Returns 0, or -1. */
static int
tenants_join_routes(struct gateway *g, char *why, size_t size)
{
	int rc = 0;

	caps_raise(CAPS_NETWORK);
	for (struct tenant *t = gateway_next(g, 0); t && rc == 0; t = gateway_next(g, t->number + 1))
		if (t->stage == TENANT_JOINS && !tenants_inherits(g, t))
			rc = tenants_join_route(t, why, size);
	caps_drop();
	return rc == 0 ? 0 : -1;
}

/* Are the workers of all who join at work? Returns 0, 1 for not yet, or -1 with why not in why. */
static int
tenants_joined(struct gateway *g, uint64_t now, char *why, size_t size)
{
	int rc = 0;

	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1)) {
		if (t->stage != TENANT_JOINS || crew_running(t))
			continue;
		rc = 1;
		if (crew_troubles(t) < TENANTS_TROUBLES && now < t->leave_by)
			continue;
		snprintf(why, size, "[tenant %s] its workers do not come to work", t->config->name_);
		return -1;
	}
	return rc;
}

int
tenants_join(struct gateway *g, uint64_t now, char *why, size_t size)
{
	int rc;

	for (uint32_t n = 0; n < g->other->tenants; n++)
		if (tenants_missing(g, n))
			return tenants_join_make(g, n, why, size) == 0 ? 1 : -1;
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1)) {
		if (t->stage != TENANT_MADE)
			continue;
		if (!g->reload.noted && tenants_note(g, why, size) != 0)
			return -1;
		g->reload.noted = true;
		return tenants_join_start(t, now, why, size) == 0 ? 1 : -1;
	}
	rc = tenants_joined(g, now, why, size);
	return rc == 0 ? tenants_join_routes(g, why, size) : rc;
}

/* Undo tenants_route, however far it came. */
static void
tenants_unroute(struct gateway *g)
{
	char what[256];

	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		if (t->stage == TENANT_JOINS && tenants_inherits(g, t))
			device_unroute(&t->device, t->config);
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		if (t->stage == TENANT_STAYS && !config_has(g->other, t->number) &&
		    device_route_extra(&t->device, t->config, NULL, what, sizeof(what)) != 0)
			log_line(CONFIG_LOG_ERROR, "tenant %s: %s, after a reload that failed", t->config->name_, what);
}

int
tenants_route(struct gateway *g, char *why, size_t size)
{
	int rc = 0;

	caps_raise(CAPS_NETWORK);
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		if (t->stage == TENANT_STAYS && !config_has(g->other, t->number))
			device_unroute(&t->device, t->config);
	for (struct tenant *t = gateway_next(g, 0); t && rc == 0; t = gateway_next(g, t->number + 1))
		if (t->stage == TENANT_JOINS && !t->routed)
			rc = tenants_join_route(t, why, size);
	if (rc != 0)
		tenants_unroute(g);
	caps_drop();
	return rc == 0 ? 0 : -1;
}

static void
tenants_dismiss(struct tenant *t, uint64_t now)
{
	t->stage = TENANT_LEAVES;
	t->leave_by = now + TENANTS_LEAVE;
	crew_stop(t);
}

bool
tenants_commit(struct gateway *g, uint64_t now)
{
	const char *snapshots = g->config->gateway.snapshot_dir.s;
	bool any = false;

	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1)) {
		if (t->stage == TENANT_JOINS) {
			t->stage = TENANT_STAYS;
			any = true;
		} else if (!config_has(g->config, t->number)) {
			if (*snapshots)
				snapshot_forget(snapshots, t->config->name_);
			tenants_dismiss(t, now);
			any = true;
		}
	}
	return any;
}

void
tenants_revoke(struct gateway *g, uint64_t now)
{
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		if (t->stage == TENANT_MADE || t->stage == TENANT_JOINS)
			tenants_dismiss(t, now);
}

/* No process of it is left: everything else goes. */
static void
tenants_forget(struct gateway *g, struct tenant *t)
{
	store_forget(t->config->name_, &t->device);
	tenant_close(t);
	bulletin_forget(&g->bulletin, t->number);
	t->stage = TENANT_NONE;
}

/* Is somebody of it still there? Then he is pushed, when it is time. */
static bool
tenants_lives(struct tenant *t, uint64_t now)
{
	if (crew_alive(t) == 0)
		return false;
	if (now >= t->leave_by) {
		caps_raise(CAPS_SIGNAL);
		crew_kill(t);
		caps_drop();
		t->leave_by = now + TENANTS_KILL;
	}
	return true;
}

/* Nobody of it is left. The estate names it until it is gone, so that a successor would find what there still is of it. */
static void
tenants_remove(struct gateway *g, struct tenant *t)
{
	int rc;

	caps_raise(CAPS_NETWORK);
	tenants_forget(g, t);
	caps_drop();
	rc = estate_write(g);
	if (rc != 0)
		log_line(CONFIG_LOG_WARNING, "cannot write %s: %s; it names a tenant that is gone", g->left.path,
			 strerror(-rc));
}

bool
tenants_tick(struct gateway *g, uint64_t now)
{
	bool leaving = false;

	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1)) {
		if (t->stage != TENANT_LEAVES)
			continue;
		leaving = true;
		if (tenants_lives(t, now))
			continue;
		tenants_remove(g, t);	/* one a turn: the kernel takes its time for a device */
		break;
	}
	return leaving;
}

void
tenants_close(struct gateway *g)
{
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		tenants_forget(g, t);
}
