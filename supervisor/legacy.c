/*
 * legacy.c - what a nat64d that was killed has left
 *
 * After a SIGKILL of nat64d there may be: its estate, regions in files, workers that translate on, or none of them, devices
 * that stay, and queues in the keeping of the service manager. In two steps it is taken over. legacy_find() looks, decides
 * for each tenant (legacy_fate), and holds on to what will be needed; a start that fails after it has changed nothing,
 * and the workers go on. legacy_take() is the point of no return. The workers of the predecessor are replaced, not
 * adopted: they are nobody's children, so nobody would be told when one dies; their successors replay what they had in
 * hand, and packets wait in the queues.
 *
 * The queues come back from the service manager if it keeps them; or from the workers (pidfd_getfd), if each still has its
 * own; or they are opened anew on the device, which stayed, when nobody holds one any more. It is always all or none of
 * them: the kernel renumbers the queues that are left when one is closed.
 *
 * A table goes on as it is when it would be made in the same way today. If not, because nat64.ini was changed meanwhile or
 * this program lays out memory otherwise, the workers begin on a new one and bring the bindings over before they read a
 * packet (supervisor/shift.c). Until all have done so the estate names the old one, so that being killed on the way costs
 * nothing but the way.
 *
 * What nat64.ini has given to another tenant meanwhile is taken from the one that had it before any device gets its routes.
 * Where that was draining in a table, the table does not go on as it is.
 *
 * Nothing that is found is believed because of its name: files must be root's alone, sums right, processes and devices the
 * very ones that were noted. What cannot be taken over is named, and the gateway starts afresh without it.
 *
 * Must never: touch a process that may be somebody else's; let two workers write one region.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "supervisor/birth/heritage.h"
#include "supervisor/caps.h"
#include "supervisor/check.h"
#include "supervisor/gateway.h"
#include "supervisor/keys.h"
#include "supervisor/log.h"
#include "supervisor/memory.h"
#include "supervisor/netns.h"
#include "supervisor/orphan.h"
#include "supervisor/snapshot.h"
#include "supervisor/sweep.h"

#define LEGACY_PATIENCE 2000		/* ms a killed worker may take to be gone */
#define LEGACY_QUEUES 500		/* ms until nobody holds a queue any more, when all holders are gone */
#define LEGACY_LOOK 10

void
legacy_open(struct legacy *l)
{
	store_open(&l->store);
	for (unsigned t = 0; t < CONFIG_MAX_TENANTS; t++) {
		l->share[t].region = l->share[t].old = (struct region) { .fd = -1, .fd_ro = -1 };
		for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++)
			l->orphan[t][w] = -1;
	}
}

/* Why nothing in it means anything here and now, or NULL. */
static const char *
legacy_stale(const struct estate *e)
{
	char boot[sizeof(e->gateway.boot)] = "";
	struct stat st;
	FILE *in = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (in && fgets(boot, sizeof(boot), in))
		boot[strcspn(boot, "\n")] = '\0';
	if (in)
		fclose(in);
	if (!*boot || strcmp(boot, e->gateway.boot) != 0)
		return "it is from before a reboot";
	if (stat("/proc/self/ns/pid", &st) != 0 || st.st_ino != e->gateway.pid_space)
		return "it is from another pid namespace, whose processes cannot be seen from here";
	return NULL;
}

/* Read the estate of the predecessor, if it can be believed. */
static void
legacy_read(struct legacy *l, const char *run_dir)
{
	const char *wrong;
	char path[160];
	int fd;

	estate_path(path, run_dir);
	fd = memory_claim(path, &wrong);
	if (fd == -ENOENT)
		return;
	l->found = true;
	if (fd >= 0) {
		wrong = estate_read(fd, &l->estate);
		close(fd);
		if (wrong)
			l->estate = NULL;
	}
	if (!wrong)
		wrong = legacy_stale(l->estate);
	if (!wrong)
		return;
	log_line(CONFIG_LOG_WARNING, "%s, left by an earlier nat64d, is refused: %s; starting afresh, without its bindings",
		 path, wrong);
	estate_forget(l->estate);
	l->estate = NULL;
}

static void
legacy_end_ctld(const struct legacy *l)
{
	int pidfd = orphan_open(l->estate->child[ESTATE_CTLD], "nat64-ctld", l->estate->config.gateway.uid_base);

	if (pidfd < 0)
		return;
	caps_raise(CAPS_SIGNAL);
	orphan_kill(pidfd);
	caps_drop();
	orphan_gone(pidfd, LEGACY_PATIENCE);
	close(pidfd);
}

static unsigned
legacy_find_workers(struct legacy *l)
{
	const struct estate *e = l->estate;
	unsigned n = 0;

	for (uint32_t t = 0; t < e->tenants; t++) {
		for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++) {
			l->orphan[t][w] = orphan_open(e->child[ESTATE_WORKER(t, w)], "nat64-worker",
						      e->config.gateway.uid_base + 1 + t);
			n += l->orphan[t][w] >= 0;
		}
	}
	return n;
}

/* What becomes of a table. */
enum legacy_fate {
	LEGACY_STAYS,			/* goes on as it is */
	LEGACY_MOVES,			/* its bindings are brought over into a new one */
	LEGACY_ENDS,			/* nothing of it can be used */
};

/*
 * What becomes of the table that a tenant had under the predecessor, which was configured so then; unless it stays, why in
 * *why. It stays when its memory is laid out as we would lay it out, and every key that shaped it is the same. Only what deals
 * the subscribers to the shards cannot be other: a shard's bindings would belong to several, whose owners do not see each
 * other's.
 */
static enum legacy_fate
legacy_fate(const struct estate *e, const struct config_tenant *then, const struct config_tenant *now, const char **why)
{
	static char words[120];
	char key[KEYS_SPELLED];

	*why = words;
	if (then->subscriber_prefix != now->subscriber_prefix) {
		snprintf(words, sizeof(words), "subscriber-prefix was changed meanwhile");
		return LEGACY_ENDS;
	}
	for (unsigned i = 0; i < keys_n; i++) {
		if (strcmp(keys_rows[i].section, "tenant") != 0 || keys_same(&keys_rows[i], then, now) ||
		    (keys_live(&keys_rows[i]) && !keys_table(&keys_rows[i])))
			continue;
		keys_spell(key, &keys_rows[i]);
		snprintf(words, sizeof(words), "%s was changed meanwhile", key);
		return LEGACY_MOVES;
	}
	if (e->head.kin == HERITAGE_KIN)
		return LEGACY_STAYS;
	if (e->head.kin == 0)
		snprintf(words, sizeof(words), "nat64d %s was bringing them over itself", e->head.program);
	else
		snprintf(words, sizeof(words), "nat64d %s lays out shared memory otherwise", e->head.program);
	return LEGACY_MOVES;
}

/* Hold on to the table in this file, as its fate wants. Returns NULL, or why that cannot be. */
static const char *
legacy_table(struct legacy_share *share, const struct gateway *g, const struct estate_tenant *e, uint32_t n, bool moves)
{
	const char *wrong = region_claim(moves ? &share->old : &share->region, g->config->gateway.run_dir.s, e->region,
					 e->region_sum, moves);

	if (wrong || !moves)
		return wrong;
	wrong = region_heir_wrong(&g->config->tenant[n], &share->old);
	if (wrong)
		region_close(&share->old);
	return wrong;
}

static void
legacy_close_queues(const int *queue, unsigned n)
{
	while (n > 0)
		close(queue[--n]);
}

/* All queues of all legs from the service manager, if it has them and they are the device's. Else it is told in the end. */
static bool
legacy_queues_kept(struct legacy *l, const char *tenant, struct device *d, enum tun_header header, unsigned n)
{
	for (unsigned leg = 0; leg < d->legs; leg++) {
		if (!store_look(&l->store, tenant, leg, n, d->leg[leg].queue))
			return false;
		for (unsigned w = 0; w < n; w++)
			if (!tun_is(d->leg[leg].queue[w], d->name, header))
				return false;
	}
	for (unsigned leg = 0; leg < d->legs; leg++)
		store_take(&l->store, d->leg[leg].queue, n);
	return true;
}

/* The queue that an orphan in slot w has, whatever it has done of its birth. Returns -errno when it has none. */
static int
legacy_queue_of(int pidfd, unsigned leg, unsigned w, const char *name, enum tun_header header)
{
	const int places[] = { leg == 0 ? HERITAGE_QUEUE : HERITAGE_QUEUE4, HERITAGE_QUEUES_OF(leg) + (int)w };
	int fd = -ESRCH;

	for (unsigned i = 0; i < 2 && pidfd >= 0; i++) {
		fd = orphan_take(pidfd, places[i]);
		if (fd < 0)
			continue;
		if (tun_is(fd, name, header))
			return fd;
		close(fd);
		fd = -ENODEV;
	}
	return fd;
}

/* All queues of a leg from the workers that hold them. */
static bool
legacy_queues_of(const int *orphan, struct device *d, unsigned leg, enum tun_header header, unsigned n)
{
	int *queue = d->leg[leg].queue;
	unsigned w;

	caps_raise(CAPS_TAKE);
	for (w = 0; w < n; w++) {
		queue[w] = legacy_queue_of(orphan[w], leg, w, d->name, header);
		if (queue[w] < 0)
			break;
	}
	caps_drop();
	if (w == n)
		return true;
	legacy_close_queues(queue, w);
	return false;
}

/* All queues of all legs, from those who hold them; or none. */
static bool
legacy_queues(struct legacy *l, uint32_t n, struct legacy_share *share, enum tun_header header)
{
	const struct estate_tenant *e = &l->estate->tenant[n];
	struct device *d = &share->device;
	unsigned leg = 0;

	share->kept = legacy_queues_kept(l, e->name, d, header, e->queues);
	while (!share->kept && leg < d->legs && legacy_queues_of(l->orphan[n], d, leg, header, e->queues))
		leg++;
	if (share->kept || leg == d->legs) {
		d->queues = e->queues;
		return true;
	}
	while (leg > 0)
		legacy_close_queues(d->leg[--leg].queue, e->queues);
	return false;
}

/* Is the predecessor's device there still, in the namespaces that now have the names of those? */
static bool
legacy_device_is(struct device *d, const struct estate_tenant *e, const struct config_tenant *config)
{
	char why[256];

	memcpy(d->name, e->device, sizeof(d->name));
	if (!*d->name || device_place(d, config, why, sizeof(why)) != 0)
		return false;
	d->leg[0].index = e->index;
	d->leg[1].index = e->index4;
	for (unsigned leg = 0; leg < d->legs; leg++)
		if (e->netns_number[leg] != 0 && e->netns_number[leg] != netns_number(d->leg[leg].netns))
			return false;
	return device_present(d);
}

/* Hold on to the device that tenant n of the predecessor had. */
static void
legacy_device(struct legacy *l, uint32_t n, const struct config_tenant *config)
{
	const struct estate_tenant *e = &l->estate->tenant[n];
	struct legacy_share *share = &l->share[n];
	struct device *d = &share->device;

	if (!legacy_device_is(d, e, config)) {
		device_leave(d);
		log_line(CONFIG_LOG_WARNING, "tenant %s: device %s, left by an earlier nat64d, is gone; making a new one",
			 e->name, d->name);
		return;
	}
	share->attach = !legacy_queues(l, n, share, device_header(config));
}

/* The tenant that has been given an address meanwhile which was draining at tenant n, as then says; or NULL. */
static const char *
legacy_taken(const struct config *config, uint32_t n, const struct config_tenant *then)
{
	for (uint32_t o = 0; o < config->tenants; o++) {
		const struct config_tenant *other = &config->tenant[o];

		if (o == n || !config_has(config, o) || strcmp(other->netns4.s, then->netns4.s) != 0)
			continue;
		for (uint32_t i = 0; i < then->leaving_.n; i++)
			for (uint32_t j = 0; j < other->pool.n; j++)
				if (then->leaving_.item[i].first <= other->pool.item[j].last &&
				    other->pool.item[j].first <= then->leaving_.item[i].last)
					return other->name_;
	}
	return NULL;
}

/* Note in then what was draining at tenant n of the predecessor, as far as its table can be read. */
static void
legacy_recall(const struct gateway *g, uint32_t n, struct config_tenant *then)
{
	const struct estate_tenant *e = &g->legacy.estate->tenant[n];
	struct region region;

	if (g->legacy.estate->head.kin != HERITAGE_KIN ||
	    region_claim(&region, g->config->gateway.run_dir.s, e->region, e->region_sum, false))
		return;
	tenant_recall_leaving(&region, then);
	region_close(&region);
}

/* Would the device be made with the same name in the same places? */
static bool
legacy_same_device(const struct config_tenant *then, const struct config_tenant *now)
{
	return strcmp(then->device.s, now->device.s) == 0 && strcmp(then->netns6.s, now->netns6.s) == 0 &&
	       strcmp(then->netns4.s, now->netns4.s) == 0;
}

/* Is tenant n of the predecessor one of ours? Then it has its number still. */
static bool
legacy_ours(const struct gateway *g, uint32_t n)
{
	return estate_has(g->legacy.estate, n) && config_has(g->config, n) &&
	       strcmp(g->legacy.estate->tenant[n].name, g->config->tenant[n].name_) == 0;
}

/* Decide what becomes of tenant n of the predecessor, which is ours. */
static void
legacy_decide(struct gateway *g, uint32_t n)
{
	struct legacy *l = &g->legacy;
	const struct estate_tenant *e = &l->estate->tenant[n];
	struct config_tenant *config = &l->estate->config.tenant[n];
	struct legacy_share *share = &l->share[n];
	const char *why, *wrong, *other;
	enum legacy_fate fate = legacy_fate(l->estate, config, &g->config->tenant[n], &why);
	char words[96];

	legacy_recall(g, n, config);
	other = legacy_taken(g->config, n, config);
	if (fate == LEGACY_STAYS && other) {
		snprintf(words, sizeof(words), "[tenant %s] has an address that was draining here", other);
		why = words;
		fate = LEGACY_MOVES;
	}
	wrong = fate == LEGACY_ENDS ? why : legacy_table(share, g, e, n, fate == LEGACY_MOVES);
	if (wrong) {
		log_line(CONFIG_LOG_WARNING, "tenant %s: the table of an earlier nat64d, %s/%s, is refused: %s; starting "
			 "afresh, without its bindings", e->name, g->config->gateway.run_dir.s, e->region, wrong);
		return;
	}
	if (fate == LEGACY_MOVES)
		log_line(CONFIG_LOG_INFO, "tenant %s: %s, so the bindings of an earlier nat64d are brought over into a new "
			 "table", e->name, why);
	if (fate == LEGACY_STAYS)
		g->config->tenant[n].leaving_ = config->leaving_;
	share->then = config;
	if (legacy_same_device(config, &g->config->tenant[n]))
		legacy_device(l, n, &g->config->tenant[n]);
}

/* What tenant t had when the host went down, if nothing else of it is there. */
static void
legacy_snapshot(struct gateway *g, uint32_t t)
{
	const char *directory = g->config->gateway.snapshot_dir.s, *name = g->config->tenant[t].name_, *wrong = NULL;
	struct legacy_share *share = &g->legacy.share[t];
	int fd = snapshot_load(directory, name, &wrong), ro;

	if (fd == -ENOENT)
		return;
	ro = fd < 0 ? fd : memory_read_only(fd);
	if (fd >= 0 && (ro < 0 || region_adopt(&share->old, fd, ro, true) != 0))
		wrong = "it does not say how it is laid out";
	if (!wrong)
		wrong = region_heir_wrong(&g->config->tenant[t], &share->old);
	if (!wrong) {
		share->lasting = !g->config->tenant[t].snapshot_all;
		log_line(CONFIG_LOG_INFO, "tenant %s: bringing back %s from %s", name,
			 share->lasting ? "established TCP sessions" : "all sessions", directory);
		return;
	}
	log_line(CONFIG_LOG_WARNING, "tenant %s: %s/%s.snapshot is refused: %s; starting afresh, without its bindings", name,
		 directory, name, wrong);
	region_close(&share->old);
}

/* Tables that wait on a disk, for tenants of which nothing is in memory. */
static void
legacy_snapshots(struct gateway *g)
{
	for (uint32_t t = 0; t < g->config->tenants && *g->config->gateway.snapshot_dir.s; t++)
		if (config_has(g->config, t) && g->legacy.share[t].region.fd < 0 && g->legacy.share[t].old.fd < 0)
			legacy_snapshot(g, t);
}

/* Give our tenants the numbers they had. There is one for everybody, for numbers of those that are no more are given away. */
static bool
legacy_number(struct gateway *g)
{
	struct number_names *names = calloc(1, sizeof(*names));

	for (uint32_t n = 0; n < g->legacy.estate->tenants && names; n++)
		memcpy(names->name[n], g->legacy.estate->tenant[n].name, sizeof(names->name[n]));
	if (names)
		number_place(g->config, names, true);
	free(names);
	return names != NULL;
}

static void
legacy_estate(struct gateway *g)
{
	struct legacy *l = &g->legacy;
	unsigned workers;

	legacy_read(l, g->config->gateway.run_dir.s);
	if (!l->estate)
		return;
	legacy_end_ctld(l);
	workers = legacy_find_workers(l);
	log_line(CONFIG_LOG_INFO, "nat64d %s (pid %u) has left its estate and %u worker%s; taking over",
		 l->estate->head.program, l->estate->gateway.pid, workers, workers == 1 ? "" : "s");
	if (!legacy_number(g))
		return;
	for (uint32_t n = 0; n < l->estate->tenants; n++)
		if (legacy_ours(g, n))
			legacy_decide(g, n);
}

static void
legacy_refuse(struct legacy_share *share)
{
	region_close(&share->region);
	region_close(&share->old);
	device_leave(&share->device);
	share->attach = false;
	share->then = NULL;
}

/* This one of the predecessor's workers, which was killed, is gone; or else what it could still write is given up. */
static void
legacy_bury(struct gateway *g, unsigned n, unsigned w)
{
	struct legacy *l = &g->legacy;

	if (!orphan_gone(l->orphan[n][w], LEGACY_PATIENCE)) {
		log_line(CONFIG_LOG_ERROR, "tenant %s: worker %u of an earlier nat64d does not end; starting afresh, without "
			 "its bindings", l->estate->tenant[n].name, w);
		if (legacy_ours(g, n))
			legacy_refuse(&l->share[n]);
	}
	close(l->orphan[n][w]);
	l->orphan[n][w] = -1;
}

static void
legacy_end_workers(struct gateway *g)
{
	struct legacy *l = &g->legacy;

	caps_raise(CAPS_SIGNAL);
	for (unsigned n = 0; n < l->estate->tenants; n++)
		for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++)
			if (l->orphan[n][w] >= 0)
				orphan_kill(l->orphan[n][w]);
	caps_drop();
	for (unsigned n = 0; n < l->estate->tenants; n++)
		for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++)
			if (l->orphan[n][w] >= 0)
				legacy_bury(g, n, w);
}

/* Open the queues of a device that nobody holds one of any more. */
static void
legacy_attach(struct legacy_share *share, const struct config_tenant *config)
{
	const struct timespec look = { .tv_nsec = LEGACY_LOOK * 1000000L };
	struct device *d = &share->device;
	bool held = device_held(d);

	for (unsigned waited = 0; held && waited < LEGACY_QUEUES; waited += LEGACY_LOOK) {
		nanosleep(&look, NULL);			/* a spare on its way out */
		held = device_held(d);
	}
	if (!held && device_attach(d, device_header(config), config->workers) == 0 && device_present(d))
		return;
	device_leave(d);
	log_line(CONFIG_LOG_WARNING, "tenant %s: device %s, left by an earlier nat64d, cannot be attached to; making a new one",
		 config->name_, d->name);
}

void
legacy_find(struct gateway *g)
{
	legacy_estate(g);
	legacy_snapshots(g);
}

/* Has another tenant been given what tenant n of the predecessor had routes to? */
static bool
legacy_in_the_way(const struct gateway *g, uint32_t n, const struct config_tenant *then)
{
	for (uint32_t o = 0; o < g->config->tenants; o++)
		if (o != n && config_has(g->config, o) && check_routes_meet(&g->config->tenant[o], then))
			return true;
	return false;
}

void
legacy_take(struct gateway *g)
{
	struct legacy *l = &g->legacy;
	unsigned swept;

	if (l->estate)
		legacy_end_workers(g);
	store_close(&l->store);
	caps_raise(CAPS_NETWORK);
	for (uint32_t t = 0; t < g->config->tenants; t++) {
		if (l->share[t].kept && l->share[t].device.queues != g->config->tenant[t].workers) {
			store_forget(g->config->tenant[t].name_, &l->share[t].device);
			l->share[t].kept = false;
		}
		if (l->share[t].attach)
			legacy_attach(&l->share[t], &g->config->tenant[t]);
		if (l->share[t].then && legacy_in_the_way(g, t, l->share[t].then))
			device_unroute_extra(&l->share[t].device, l->share[t].then, &g->config->tenant[t]);
	}
	swept = sweep_devices(g);
	caps_drop();
	if (swept > 0)
		log_line(CONFIG_LOG_INFO, "removed %u device%s that an earlier nat64d left", swept, swept == 1 ? "" : "s");
	sweep_files(g);
	estate_path(g->left.path, g->config->gateway.run_dir.s);
}

void
legacy_close(struct legacy *l)
{
	for (unsigned t = 0; t < CONFIG_MAX_TENANTS; t++) {
		legacy_refuse(&l->share[t]);
		for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++) {
			if (l->orphan[t][w] >= 0)
				close(l->orphan[t][w]);
			l->orphan[t][w] = -1;
		}
	}
	estate_forget(l->estate);
	l->estate = NULL;
}
