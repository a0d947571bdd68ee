/*
 * reload.c - a new configuration for a running gateway
 *
 * All or nothing: the file is read and checked as at the start, then compared key by key with what is in force. If a
 * key differs that shaped something which lasts as long as nat64d (a device's name, an uid), the reload is refused and the
 * key named. Tenants that are new are made first (supervisor/tenants.h). What only workers look at is published to them as
 * the next generation of their image. What their table was made for takes a new table, to which they move with what they know
 * (supervisor/shift.h). When all of that is ready it is committed, and who is not named any more leaves; if one cannot, none
 * does.
 *
 * A pool address that is taken out of the configuration is no longer given out, but stays until its bindings are over or
 * drain-timeout is; then it goes in the same way.
 *
 * A worker acknowledges a generation in its line of the region. Until every worker that lives has done so, the image's
 * other slot may still be read, so the next reload waits; and the operator hears "done" only then. A worker that does
 * not acknowledge in time is named in the outcome, and no further reload is done before it does, or is replaced.
 *
 * Must never: apply a part of a file; make a worker's silence block the supervisor.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "supervisor/caps.h"
#include "supervisor/check.h"
#include "supervisor/gateway.h"
#include "supervisor/host.h"
#include "supervisor/keys.h"
#include "supervisor/log.h"
#include "supervisor/notify.h"
#include "supervisor/reader.h"

#define RELOAD_PATIENCE 5000		/* ms for all acknowledgements */
#define RELOAD_LOOK 5
#define RELOAD_STEP 1			/* ms between looks while tenants move to new tables */
#define RELOAD_QUIET 4000		/* ms without a binding on addresses that leave, before they are gone */

/* Say how it ended. */
static void
reload_end(struct gateway *g, bool ok, const char *message)
{
	log_line(ok ? CONFIG_LOG_INFO : CONFIG_LOG_ERROR, "reload: %s", message);
	bulletin_reload(&g->bulletin, ok, message);
	if (g->ready)
		notify_send("READY=1");
}

static void
reload_forget(struct gateway *g)
{
	free(g->other);
	g->other = NULL;
	g->reload.moving = 0;
	g->reload.pending = false;
}

/*
 * Read the file and check it, by itself and as what follows the configuration in force, whose tenants keep their numbers.
 * What is wrong is added to problems.
 */
static void
reload_judge(struct gateway *g, struct config *config, struct number_names *names, struct problem_list *problems)
{
	const char *none;

	reader_config(config, problems, g->config->gateway.uid_base);
	config_resolve(config, g->cpus, problems);
	check_config(config, problems);
	if (problems->n != 0)
		return;
	tenants_names(g, names);
	none = number_place(config, names, false);
	if (none) {
		problem_add(problems, 0, NULL, "[tenant %s] cannot be added: with those that this reload removes there are %u "
			    "tenants, and there is no room for more; remove some, reload, then add others", none,
			    CONFIG_MAX_TENANTS);
		return;
	}
	check_reload(config, g->config, problems);
	host_config(config, g->config, problems);
}

/* Returns the new configuration, owned by the caller, or NULL when it was refused. */
static struct config *
reload_read(struct gateway *g)
{
	struct config *config = malloc(sizeof(*config));
	struct number_names *names = malloc(sizeof(*names));
	struct problem_list *problems = malloc(sizeof(*problems));
	char message[400] = "no memory";
	bool good = false;

	if (config && names && problems) {
		problem_init(problems, g->file);
		reload_judge(g, config, names, problems);
		good = problems->n == 0;
		problem_log(problems);
		problem_summary(problems, message, sizeof(message));
		problem_free(problems);
	}
	free(problems);
	free(names);
	if (good)
		return config;
	free(config);
	reload_end(g, false, message);
	return NULL;
}

/* What was found to be other than before: keys and tenants by their names, for the operator. */
struct reload_found {
	char fixed[300], live[300], added[200], removed[200];
	bool differs, table;
};

/* Add to a list, whose room may end. */
static void
reload_note(char *list, size_t size, const char *where, const char *key)
{
	static const char more[] = ", ...";
	size_t n = strlen(list), need = strlen(where) + strlen(key) + 3;

	if (n >= sizeof(more) && strcmp(list + n - strlen(more), more) == 0)
		return;
	if (n + need + sizeof(more) > size)
		snprintf(list + n, size - n, "%s", more);
	else
		snprintf(list + n, size - n, "%s%s%s%s", n ? ", " : "", where, *key ? " " : "", key);
}

/* Compare a section; note the keys that may not change, or may. */
static void
reload_compare(struct reload_found *found, const char *kind, const char *where, const void *old, const void *new)
{
	for (unsigned i = 0; i < keys_n; i++) {
		char key[KEYS_SPELLED];

		if (strcmp(keys_rows[i].section, kind) != 0 || keys_same(&keys_rows[i], old, new))
			continue;
		keys_spell(key, &keys_rows[i]);
		if (keys_live(&keys_rows[i]))
			reload_note(found->live, sizeof(found->live), where, key);
		else
			reload_note(found->fixed, sizeof(found->fixed), where, key);
		found->differs = true;
		found->table = found->table || keys_table(&keys_rows[i]);
	}
}

static bool
reload_leaving_same(const struct config_tenant *a, const struct config_tenant *b)
{
	return a->leaving_.n == b->leaving_.n &&
	       memcmp(a->leaving_.item, b->leaving_.item, a->leaving_.n * sizeof(a->leaving_.item[0])) == 0;
}

/* Note the part of pool that is not in the new one, from its range number `from` on: an address that leaves. */
static void
reload_leave_range(struct config_tenant *new, struct config_pool pool, uint32_t from)
{
	for (uint32_t i = from; i < new->pool.n; i++) {
		const struct config_pool *stays = &new->pool.item[i];

		if (stays->last < pool.first || stays->first > pool.last)
			continue;
		if (pool.last > stays->last) {
			struct config_pool above = pool;

			above.first = stays->last + 1;
			reload_leave_range(new, above, i + 1);
		}
		if (pool.first >= stays->first)
			return;
		pool.last = stays->first - 1;
	}
	if (new->leaving_.n < sizeof(new->leaving_.item) / sizeof(new->leaving_.item[0]))
		new->leaving_.item[new->leaving_.n++] = pool;	/* one that does not fit any more is cut */
}

/* Pool addresses that are not in the new configuration, but were in the old one or leave since an earlier reload. */
static void
reload_leave(struct config_tenant *new, const struct config_tenant *old)
{
	new->leaving_.n = 0;
	for (uint32_t i = 0; i < old->pool.n && new->drain_timeout > 0; i++)
		reload_leave_range(new, old->pool.item[i], 0);
	for (uint32_t i = 0; i < old->leaving_.n && new->drain_timeout > 0; i++)
		reload_leave_range(new, old->leaving_.item[i], 0);
}

/* g->other is in force from here on. The old one lives on for those that leave a table behind. */
static void
reload_exchange(struct gateway *g, uint64_t now)
{
	struct config *new = g->other;

	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1)) {
		const uint32_t n = t->number;

		t->gateway = &new->gateway;
		if (!config_has(new, n))
			continue;
		t->config = &new->tenant[n];
		if (config_has(g->config, n) && !reload_leaving_same(&g->config->tenant[n], &new->tenant[n]))
			t->leave_at = now + new->tenant[n].drain_timeout * UINT64_C(1000);
	}
	log_level((enum config_log_level)new->gateway.log_level);
	bulletin_config(&g->bulletin, new, true);
	g->other = g->config;
	g->config = new;
}

/* What is to be is in force from here on: a new configuration, if there is one, and the new tables. */
static void
reload_apply(struct gateway *g, uint64_t now)
{
	bool others = false;
	int rc;

	if (g->other) {
		reload_exchange(g, now);
		others = tenants_commit(g, now);
		if (others)
			host_warn_forwarding(g->config);	/* of namespaces that nobody used before, too */
	}
	g->reload.committed = true;
	g->reload.deadline = now + RELOAD_PATIENCE;
	rc = estate_write(g);		/* before the first packet meets what is new */
	if (rc != 0)
		log_line(CONFIG_LOG_WARNING, "cannot write %s: %s; after a crash the configuration before this one is compared",
			 g->left.path, strerror(-rc));
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1)) {
		if (g->reload.moving & UINT64_C(1) << t->number) {
			shift_commit(t);
		} else if (g->reload.changed & UINT64_C(1) << t->number) {
			publish_next(&t->publish, &g->config->tenant[t->number]);
			for (unsigned w = 0; w < t->config->workers; w++)
				tenant_ring(t, w);
			caps_raise(CAPS_NETWORK);
			tenant_guard(t, NULL);
			caps_drop();
		}
	}
	if (others || (g->reload.moving && g->ready))
		ctld_renew(g);		/* it looks at tables that are no more */
}

void
reload_carry(struct gateway *g, uint64_t moving)
{
	g->reload = (struct reload) { .pending = true, .moving = moving, .again = g->reload.again };
}

static bool
reload_acknowledged(struct gateway *g)
{
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		if (t->stage == TENANT_STAYS && !crew_acknowledged(t, t->publish.image->generation))
			return false;
	return true;
}

/* It is over. */
static void
reload_finish(struct gateway *g, bool ok, const char *message, uint64_t now)
{
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		if (g->reload.moving & UINT64_C(1) << t->number)
			carry_done(t, ok, now);
	reload_forget(g);
	reload_end(g, ok, message);
}

/* It will not be. What was made for it goes, which takes until a later reload_tick. */
static void
reload_give_up(struct gateway *g, uint64_t now)
{
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		shift_abort(t, g->reload.wrong, now);
	tenants_revoke(g, now);
}

/* Make all that tenants need who get a new table. Returns false, with g->reload.why, when something is in the way. */
static bool
reload_prepare(struct gateway *g, uint64_t now)
{
	char why[256];
	int rc = 0;

	caps_raise(CAPS_NETWORK | CAPS_STEER);
	for (struct tenant *t = gateway_next(g, 0); t && rc == 0; t = gateway_next(g, t->number + 1)) {
		if (!(g->reload.moving & UINT64_C(1) << t->number))
			continue;
		rc = shift_prepare(t, &g->other->tenant[t->number], now, why, sizeof(why));
		if (rc != 0)
			snprintf(g->reload.why, sizeof(g->reload.why), "[tenant %s] %s%s%s", t->config->name_, why,
				 rc == -EEXIST ? "" : ": ", rc == -EEXIST ? "" : strerror(-rc));
	}
	caps_drop();
	return rc == 0;
}

/* New tenants come first; when they are at work, the others move. Returns whether that stage is over. */
static bool
reload_joined(struct gateway *g, uint64_t now)
{
	int rc = tenants_join(g, now, g->reload.why, sizeof(g->reload.why));

	if (rc > 0)
		return false;
	g->reload.joining = false;
	if (rc < 0 || !reload_prepare(g, now)) {
		g->reload.wrong = g->reload.why;
		reload_give_up(g, now);
		return true;
	}
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		if (g->reload.moving & UINT64_C(1) << t->number)
			shift_begin(t, now);
	return true;
}

/* Compare tenant n of g->other with what is in force. */
static void
reload_compare_tenant(struct gateway *g, uint32_t n, struct reload_found *found)
{
	const struct config_tenant *old = &g->config->tenant[n], *new = &g->other->tenant[n];
	const bool was = config_has(g->config, n), is = config_has(g->other, n), any = found->differs;
	char where[64];

	snprintf(where, sizeof(where), "[tenant %s]", is ? new->name_ : old->name_);
	if (was != is) {
		reload_note(is ? found->added : found->removed, sizeof(found->added), where, "");
		found->differs = true;
	}
	if (!was || !is)
		return;
	found->differs = found->table = false;
	reload_compare(found, "tenant", where, old, new);
	if (found->differs)
		g->reload.changed |= UINT64_C(1) << n;
	if (found->table || !reload_leaving_same(old, new) || g->tenant[n].carry.wanted != g->tenant[n].absent)
		g->reload.moving |= UINT64_C(1) << n;
	found->differs = found->differs || any;
}

/* One part of what is said when it is done. */
static void
reload_say(struct gateway *g, const char *what, const char *list)
{
	char *message = g->reload.message;
	size_t n = strlen(message);

	if (*list)
		snprintf(message + n, sizeof(g->reload.message) - n, "%s%s %s", n ? "; " : "", what, list);
}

/* Compare g->other with what is in force, and begin to make it so. */
static void
reload_go(struct gateway *g, uint64_t now)
{
	struct reload_found found = { .differs = false };
	char message[400];

	reload_compare(&found, "gateway", "[gateway]", &g->config->gateway, &g->other->gateway);
	g->reload.changed = g->reload.moving = 0;
	for (uint32_t n = 0; n < CONFIG_MAX_TENANTS; n++)
		reload_compare_tenant(g, n, &found);
	if (*found.fixed) {
		reload_forget(g);
		snprintf(message, sizeof(message), "%s needs a restart of nat64d; nothing was changed", found.fixed);
		reload_end(g, false, message);
		return;
	}
	if (!*g->reload.message) {
		reload_say(g, "added", found.added);
		reload_say(g, "removed", found.removed);
		reload_say(g, "changed", found.live);
	}
	if (!*g->reload.message)
		snprintf(g->reload.message, sizeof(g->reload.message), "nothing has changed");
	g->reload.pending = g->reload.joining = true;
	g->reload.committed = g->reload.noted = false;
	g->reload.wrong = NULL;
	if (!*found.added)
		reload_joined(g, now);
}

void
reload_begin(struct gateway *g, uint64_t now)
{
	char message[100];

	if (g->reload.pending) {
		g->reload.again = true;
		return;
	}
	if (!reload_acknowledged(g)) {
		reload_end(g, false, "a worker still does not use the configuration before this one, which nat64d will not "
			   "write over; restart the workers (nat64ctl restart), then reload");
		return;
	}
	snprintf(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)now * 1000);
	notify_send(message);
	g->other = reload_read(g);
	if (!g->other)
		return;
	for (uint32_t n = 0; n < g->other->tenants; n++)
		if (config_has(g->other, n) && config_has(g->config, n))
			reload_leave(&g->other->tenant[n], &g->config->tenant[n]);
	g->reload.message[0] = '\0';
	reload_go(g, now);
}

/* Move the tenants on that get a new table. Returns true when none is on the way any more. */
static bool
reload_move(struct gateway *g, uint64_t now)
{
	unsigned moving = 0, full = 0;

	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1)) {
		enum shift_phase phase;

		if (!(g->reload.moving & UINT64_C(1) << t->number))
			continue;
		phase = shift_tick(t, now);
		if (t->shift.wrong && !g->reload.wrong)
			g->reload.wrong = t->shift.wrong;
		moving += t->shift.phase != SHIFT_NONE;
		full += phase == SHIFT_FULL;
	}
	if (g->reload.committed)
		return moving == 0;
	if (!g->reload.wrong && full == moving) {
		if (g->other && tenants_route(g, g->reload.why, sizeof(g->reload.why)) != 0)
			g->reload.wrong = g->reload.why;
		else
			reload_apply(g, now);
	}
	if (g->reload.wrong)
		reload_give_up(g, now);
	return moving == 0 && (g->reload.committed || g->reload.wrong);
}

/*
 * Is it time for addresses of this tenant that leave to be gone? Then said is what to tell. Otherwise *next is when to look
 * again.
 */
static bool
reload_left(struct tenant *tenant, uint64_t now, uint64_t *next, char said[200])
{
	bool over;

	if (tenant->config->leaving_.n == 0)
		return false;
	if (tenant->leave_at == 0)
		tenant->leave_at = now + tenant->config->drain_timeout * UINT64_C(1000);
	over = now >= tenant->leave_at;
	if (!over && crew_leaving(tenant) > 0)
		tenant->leave_quiet = now;
	if (!over && now - tenant->leave_quiet < RELOAD_QUIET) {
		*next = now + RELOAD_QUIET / 4;
		return false;
	}
	snprintf(said, 200, "[tenant %s] pool addresses that were taken out %s", tenant->config->name_,
		 over ? "are gone: drain-timeout is over" : "are empty and gone");
	return true;
}

/* Does a tenant need a new table although nobody has changed the configuration? Begins that, for one at a time. */
static uint64_t
reload_look(struct gateway *g, uint64_t now)
{
	uint64_t next = UINT64_MAX;
	char said[200];

	for (struct tenant *t = gateway_next(g, 0); t && !g->reload.pending && g->ready; t = gateway_next(g, t->number + 1)) {
		bool left = reload_left(t, now, &next, said);

		if (!left && !carry_look(t, now, said))
			continue;
		g->other = malloc(sizeof(*g->other));
		if (!g->other)
			return now + RELOAD_QUIET;
		*g->other = *g->config;
		if (left)
			g->other->tenant[t->number].leaving_.n = 0;
		snprintf(g->reload.message, sizeof(g->reload.message), "%s", said);
		reload_go(g, now);
	}
	return next;
}

/* Nothing is on the way any more: say how it ended. Returns when to look again, or 0: it is over. */
static uint64_t
reload_over(struct gateway *g, uint64_t now)
{
	char message[400];

	if (g->reload.wrong) {
		snprintf(message, sizeof(message), "%s; nothing was changed", g->reload.wrong);
		reload_finish(g, false, message, now);
	} else if (reload_acknowledged(g)) {
		if (*g->reload.message) {
			reload_finish(g, true, g->reload.message, now);
		} else {
			reload_forget(g);
			log_line(CONFIG_LOG_INFO, "the bindings have been brought over");
		}
	} else if (now >= g->reload.deadline && !g->reload.moving) {
		reload_finish(g, false, "published, but a worker does not take the new configuration; restart the workers "
			      "(nat64ctl restart)", now);
	} else {
		return now + RELOAD_LOOK;
	}
	return 0;
}

uint64_t
reload_tick(struct gateway *g, uint64_t now)
{
	uint64_t next;

	if (!g->reload.pending)
		return reload_look(g, now);
	if (g->reload.joining && !reload_joined(g, now))
		return now + RELOAD_STEP;
	if (!reload_move(g, now) || tenants_tick(g, now))
		return now + RELOAD_STEP;
	next = reload_over(g, now);
	if (next > 0)
		return next;
	for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		t->leave_quiet = now;
	if (g->reload.again) {
		g->reload.again = false;
		reload_begin(g, now);
	}
	return now;
}
