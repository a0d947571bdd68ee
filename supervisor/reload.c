/*
 * reload.c - a new configuration for a running gateway
 *
 * All or nothing: the file is read and checked as at the start, then compared key by key with what is in force. If a
 * key differs that shaped something made at the start (a device, a region, an uid), the reload is refused and the key
 * named. Only then are the images of the tenants that changed published, as their next generation.
 *
 * A worker acknowledges a generation in its line of the region. Until every worker that lives has done so, the image's
 * other slot may still be read, so the next reload waits; and the operator hears "done" only then. A worker that does
 * not acknowledge in time is named in the outcome, and no further reload is done before it does, or is replaced.
 *
 * Must never: apply a part of a file; make a worker's silence block the supervisor.
 */
#include <stdio.h>
#include <stdlib.h>
#include "supervisor/caps.h"
#include "supervisor/check.h"
#include "supervisor/gateway.h"
#include "supervisor/keys.h"
#include "supervisor/log.h"
#include "supervisor/notify.h"

#define RELOAD_PATIENCE 5000		/* ms for all acknowledgements */
#define RELOAD_LOOK 5

/* Say how it ended. */
static void
reload_end(struct gateway *g, bool ok, const char *message)
{
	log_line(ok ? CONFIG_LOG_INFO : CONFIG_LOG_ERROR, "reload: %s", message);
	bulletin_reload(&g->bulletin, ok, message);
	if (g->ready)
		notify_send("READY=1");
}

/* Read and check the file. Returns the new configuration, owned by the caller, or NULL when it was refused. */
static struct config *
reload_read(struct gateway *g)
{
	struct config *config = malloc(sizeof(*config));
	struct problem_list *problems = malloc(sizeof(*problems));
	char message[400] = "no memory";

	if (config && problems) {
		problem_init(problems, g->file);
		caps_raise(CAPS_FILES);
		config_read(config, problems);
		caps_drop();
		config_resolve(config, g->cpus, problems);
		check_config(config, problems);
		if (problems->n == 0) {
			free(problems);
			return config;
		}
		problem_log(problems);
		problem_summary(problems, message, sizeof(message));
		problem_free(problems);
	}
	free(problems);
	free(config);
	reload_end(g, false, message);
	return NULL;
}

/* Bring the tenants into the order of those in force. Returns false when they are not the same. */
static bool
reload_align(const struct config *old, struct config *new)
{
	if (old->tenants != new->tenants)
		return false;
	for (uint32_t t = 0; t < old->tenants; t++) {
		struct config_lines_tenant lines = new->lines.tenant[t];
		struct config_tenant *swap;
		uint32_t at = t;

		while (at < new->tenants && strcmp(new->tenant[at].name_, old->tenant[t].name_) != 0)
			at++;
		if (at == new->tenants)
			return false;
		if (at == t)
			continue;
		swap = malloc(sizeof(*swap));
		if (!swap)
			return false;
		*swap = new->tenant[t];
		new->tenant[t] = new->tenant[at];
		new->tenant[at] = *swap;
		free(swap);
		new->lines.tenant[t] = new->lines.tenant[at];
		new->lines.tenant[at] = lines;
	}
	return true;
}

/* Compare a section; note the keys that may not change, or may. Returns whether any differs. */
static bool
reload_compare(const char *kind, const char *where, const void *old, const void *new, char *fixed, char *live,
	       size_t size)
{
	bool differs = false;

	for (unsigned i = 0; i < keys_n; i++) {
		char *list = keys_live(&keys_rows[i]) ? live : fixed, key[KEYS_SPELLED];
		size_t n = strlen(list);

		if (strcmp(keys_rows[i].section, kind) != 0 || keys_same(&keys_rows[i], old, new))
			continue;
		keys_spell(key, &keys_rows[i]);
		snprintf(list + n, size - n, "%s%s %s", n ? ", " : "", where, key);
		differs = true;
	}
	return differs;
}

/* new is in force from here on. */
static void
reload_apply(struct gateway *g, struct config *new, const bool *changed)
{
	int rc;

	for (uint32_t t = 0; t < g->tenants; t++) {
		struct tenant *tenant = &g->tenant[t];

		tenant->config = &new->tenant[t];
		tenant->gateway = &new->gateway;
		if (!changed[t])
			continue;
		publish_next(&tenant->publish, &new->tenant[t]);
		for (unsigned w = 0; w < tenant->config->workers; w++)
			tenant_ring(tenant, w);
	}
	log_level((enum config_log_level)new->gateway.log_level);
	bulletin_config(&g->bulletin, new, true);
	free(g->config);
	g->config = new;
	rc = estate_write(g);
	if (rc != 0)
		log_line(CONFIG_LOG_WARNING, "cannot write %s: %s; after a crash the configuration before this one is compared",
			 g->left.path, strerror(-rc));
}

static bool
reload_acknowledged(const struct gateway *g)
{
	for (uint32_t t = 0; t < g->tenants; t++)
		if (!crew_acknowledged(&g->tenant[t], g->tenant[t].publish.image->generation))
			return false;
	return true;
}

void
reload_begin(struct gateway *g, uint64_t now)
{
	char fixed[300] = "", live[300] = "", message[400], where[64];
	bool changed[CONFIG_MAX_TENANTS], any;
	struct config *new;

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
	new = reload_read(g);
	if (!new)
		return;
	if (!reload_align(g->config, new)) {
		free(new);
		reload_end(g, false, "adding, removing or renaming a tenant needs a restart of nat64d; nothing was changed");
		return;
	}
	any = reload_compare("gateway", "[gateway]", &g->config->gateway, &new->gateway, fixed, live, sizeof(fixed));
	for (uint32_t t = 0; t < g->tenants; t++) {
		snprintf(where, sizeof(where), "[tenant %s]", new->tenant[t].name_);
		changed[t] = reload_compare("tenant", where, &g->config->tenant[t], &new->tenant[t], fixed, live,
					    sizeof(fixed));
		any = any || changed[t];
	}
	if (*fixed) {
		free(new);
		snprintf(message, sizeof(message), "%s needs a restart of nat64d; nothing was changed", fixed);
		reload_end(g, false, message);
		return;
	}
	reload_apply(g, new, changed);
	snprintf(g->reload.message, sizeof(g->reload.message), "%s%s", any ? "changed " : "nothing has changed", live);
	g->reload.pending = true;
	g->reload.deadline = now + RELOAD_PATIENCE;
}

uint64_t
reload_tick(struct gateway *g, uint64_t now)
{
	if (!g->reload.pending)
		return UINT64_MAX;
	if (reload_acknowledged(g)) {
		reload_end(g, true, g->reload.message);
	} else if (now >= g->reload.deadline) {
		reload_end(g, false, "published, but a worker does not take the new configuration; restart the workers "
			   "(nat64ctl restart)");
	} else {
		return now + RELOAD_LOOK;
	}
	g->reload.pending = false;
	if (g->reload.again) {
		g->reload.again = false;
		reload_begin(g, now);
		return now;
	}
	return UINT64_MAX;
}
