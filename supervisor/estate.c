/*
 * estate.c - what a nat64d leaves to the next one
 *
 * nat64d may be killed between any two instructions, so there is no moment at which it could write its will: the file has to
 * be right all the time. What changes often, the children, is one word each, stored at once into the mapped file. The
 * rest changes with a start, a reload or an upgrade, and is written anew beside the old file, whole, and renamed. Between
 * the two there is no state a reader could find half.
 *
 * The configuration is kept as text, because nat64.ini is the one format of it that every version reads. Everything else
 * has a fixed size that the head names. The head carries a sum, and each child's word its own, so that a file that
 * somebody damaged is refused instead of believed; whether nobody but root can have written it is for the caller to see
 * (memory_claim). A file that passes is still read as if it were hostile: places and counts are compared with its size.
 *
 * Must never: be half written; be believed after a reboot; leave a descriptor open over an exec that is not in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "shm/atomic.h"
#include "shm/hash.h"
#include "supervisor/birth/heritage.h"
#include "supervisor/cgroup.h"
#include "supervisor/estate.h"
#include "supervisor/gateway.h"
#include "supervisor/memory.h"
#include "supervisor/netns.h"
#include "supervisor/orphan.h"
#include "supervisor/text.h"

_Static_assert(ESTATE_SPARES >= 2 * CREW_MAX_SPARES, "room for spares and former ones");
_Static_assert(ESTATE_LISTENERS == GATEWAY_LISTENERS, "as many as there can be");

static uint64_t
estate_sum(const void *file, size_t size)
{
	static const uint8_t key[16] = "nat64 estate sum";

	return hash_words(key, file, (unsigned)(size / sizeof(uint64_t)));
}

static void
estate_fill_gateway(struct estate_gateway *e, const struct gateway *g)
{
	struct stat st;
	ssize_t n = -1;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		n = read(fd, e->boot, sizeof(e->boot) - 1);
		close(fd);
	}
	e->boot[n > 0 ? n : 0] = '\0';
	e->boot[strcspn(e->boot, "\n")] = '\0';
	e->pid_space = stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
	e->pid = (uint32_t)getpid();
	e->cpus = g->cpus;
	e->lock = g->rundir.lock;
	e->control = g->control;
	e->bulletin = g->bulletin.fd_ro;
	e->listeners = g->listeners;
	for (uint32_t i = 0; i < g->listeners; i++)
		e->metrics[i] = g->metrics[i];
	e->ctld = (uint32_t)g->ctld.pid;
	e->ctld_up = g->ctld.up;
	e->denied = g->denied;
	e->cgroup = cgroup_held();
	if (g->bulletin.status) {
		e->reloads = g->bulletin.status->reload.count;
		e->started = g->bulletin.status->started;
		e->started_boottime = g->bulletin.status->started_boottime;
	}
}

/* Where the tenant's bindings are: in the old table until the new one has all of them. */
static const struct region *
estate_region(const struct gateway *g, const struct tenant *t)
{
	return t->shift.swapped && !g->reload.committed ? &t->shift.region : &t->region;
}

/* How the regions are laid out; 0 while one of them is only there to be brought over. */
static uint64_t
estate_kin(struct gateway *g)
{
	for (const struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		if (estate_region(g, t) != &t->region || t->region.foreign)
			return 0;
	return HERITAGE_KIN;
}

static void
estate_fill_device(struct estate_tenant *e, const struct device *d, uint32_t queues)
{
	memcpy(e->device, d->name, sizeof(e->device));
	e->index = d->leg[0].index;
	e->index4 = d->leg[1].index;
	e->queues = queues;		/* the device may have more, which are about to be closed */
	e->legs = d->legs;
	for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++) {
		e->queue[w] = w < queues && w < d->queues ? d->leg[0].queue[w] : -1;
		e->queue4[w] = w < queues && w < d->queues && d->legs == DEVICE_LEGS ? d->leg[1].queue[w] : -1;
	}
	for (unsigned leg = 0; leg < DEVICE_LEGS; leg++) {
		e->netns[leg] = leg < d->legs ? d->leg[leg].netns : NETNS_OWN;
		e->netns_number[leg] = netns_number(e->netns[leg]);
	}
}

void
estate_device(struct device *d, const struct estate_tenant *e)
{
	*d = (struct device) {
		.queues = e->queues, .legs = e->legs,
		.leg = { { .netns = e->netns[0], .index = e->index }, { .netns = e->netns[1], .index = e->index4 } },
	};
	memcpy(d->name, e->device, sizeof(d->name));
	memcpy(d->leg[0].queue, e->queue, sizeof(e->queue));
	memcpy(d->leg[1].queue, e->queue4, sizeof(e->queue4));
}

/* The configuration in force of a tenant; of one that is not in force, the one it comes or goes with. */
static const struct config_tenant *
estate_config_of(const struct gateway *g, const struct tenant *t)
{
	return t->stage == TENANT_STAYS ? &g->config->tenant[t->number] : t->config;
}

static int
estate_fill_tenant(struct estate_tenant *e, const struct gateway *g, const struct tenant *t)
{
	const struct region *region = estate_region(g, t);
	const struct crew *c = &t->crew;

	memcpy(e->name, t->config->name_, sizeof(e->name));
	estate_fill_device(e, &t->device, estate_config_of(g, t)->workers);
	e->steer = t->steer;
	memcpy(e->region, region->file, sizeof(e->region));
	e->region_fd = region->fd;
	e->region_ro = region->fd_ro;
	e->image = t->publish.fd_ro;
	for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++) {
		const struct crew_slot *slot = &c->slot[w];

		e->bell[w] = t->bell[w];
		e->slot[w].pid = (uint32_t)slot->pid;
		e->slot[w].flags = (slot->leaving ? ESTATE_LEAVING : 0) | (slot->pushed ? ESTATE_PUSHED : 0) |
				   (slot->stuck ? ESTATE_STUCK : 0) | (slot->crashed ? ESTATE_CRASHED : 0);
	}
	for (unsigned i = 0; i < c->spares && e->spares < ESTATE_SPARES; i++)
		e->spare[e->spares++] = (uint32_t)c->spare[i].pid;
	for (unsigned i = 0; i < c->formers && e->spares < ESTATE_SPARES; i++)
		e->spare[e->spares++] = (uint32_t)c->former[i];
	return region_sum(region, &e->region_sum);
}

static void
estate_fill_children(uint64_t *child, struct gateway *g)
{
	child[ESTATE_CTLD] = orphan_word(g->ctld.pid);
	for (const struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		for (unsigned w = 0; w < t->config->workers; w++)
			child[ESTATE_WORKER(t->number, w)] = orphan_word(t->crew.slot[w].pid);
}

/* The tenants that are named, wherever they are in their lives. Returns how many pieces that takes. */
static uint32_t
estate_named(struct gateway *g, const struct tenant *named[CONFIG_MAX_TENANTS])
{
	uint32_t end = 0;

	for (uint32_t n = 0; n < CONFIG_MAX_TENANTS; n++)
		named[n] = NULL;
	for (const struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1)) {
		named[t->number] = t;
		end = t->number + 1;
	}
	return end;
}

/* The configuration as text, owned by the caller. Returns NULL with errno set. */
static char *
estate_text(const struct gateway *g, const struct tenant *const *named, uint32_t tenants, size_t *length)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, length);

	if (!out)
		return NULL;
	text_gateway(out, &g->config->gateway);
	for (uint32_t n = 0; n < tenants; n++)
		if (named[n])
			text_tenant(out, estate_config_of(g, named[n]));
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static uint32_t
estate_version(struct gateway *g)
{
	for (const struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
		if (*t->config->netns6.s || *t->config->netns4.s)
			return ESTATE_APART;
	return ESTATE_VERSION;
}

/* The whole file in memory, owned by the caller, with its children still 0. Returns NULL with errno set. */
static struct estate_head *
estate_compose(struct gateway *g)
{
	const struct tenant *named[CONFIG_MAX_TENANTS];
	uint32_t tenants = estate_named(g, named), at = sizeof(struct estate_head);
	size_t length = 0;
	char *text = estate_text(g, named, tenants, &length);
	struct estate_head *head = NULL;
	struct estate_tenant *piece;
	int rc = 0;

	if (text)
		head = calloc(1, sizeof(*head) + ESTATE_CHILDREN * sizeof(uint64_t) + sizeof(struct estate_gateway) +
				 tenants * sizeof(struct estate_tenant) + length + sizeof(uint64_t));
	if (!head) {
		free(text);
		return NULL;
	}
	*head = (struct estate_head) {
		.magic = ESTATE_MAGIC, .version = estate_version(g), .kin = estate_kin(g), .program = NAT64_VERSION,
		.children = { at, sizeof(uint64_t), ESTATE_CHILDREN },
	};
	at += ESTATE_CHILDREN * (uint32_t)sizeof(uint64_t);
	head->gateway = (struct estate_part) { at, sizeof(struct estate_gateway), 1 };
	estate_fill_gateway((void *)((char *)head + at), g);
	at += (uint32_t)sizeof(struct estate_gateway);
	head->tenants = (struct estate_part) { at, sizeof(struct estate_tenant), tenants };
	piece = (void *)((char *)head + at);
	for (uint32_t n = 0; n < tenants && rc == 0; n++)
		rc = named[n] ? estate_fill_tenant(&piece[n], g, named[n]) : 0;
	at += tenants * (uint32_t)sizeof(struct estate_tenant);
	head->text = (struct estate_part) { at, (uint32_t)length, 1 };
	memcpy((char *)head + at, text, length);
	head->size = (uint32_t)((at + length + 7) / 8 * 8);
	head->sum = estate_sum(head, head->size);
	free(text);
	if (rc == 0)
		return head;
	free(head);
	errno = -rc;
	return NULL;
}

void
estate_path(char out[160], const char *run_dir)
{
	snprintf(out, 160, "%s/estate", run_dir);
}

int
estate_write(struct gateway *g)
{
	struct estate_file f = { .fd = -1 };
	struct estate_head *head = estate_compose(g);
	int rc = 0;

	if (!head)
		return -errno;
	estate_path(f.path, g->config->gateway.run_dir.s);
	f.size = head->size;
	f.fd = memory_file(f.path, f.size);
	if (f.fd < 0) {
		rc = f.fd;
		free(head);
		return rc;
	}
	estate_fill_children((void *)((char *)head + head->children.at), g);
	if (pwrite(f.fd, head, f.size, 0) != (ssize_t)f.size)
		rc = -ENOSPC;
	f.map = rc == 0 ? memory_map(f.fd, f.size) : NULL;
	f.child = f.map ? (void *)((char *)f.map + head->children.at) : NULL;
	free(head);
	if (rc == 0)
		rc = f.map ? memory_settle(f.path) : -ENOMEM;
	if (rc == 0) {
		if (g->left.fd >= 0) {
			munmap(g->left.map, g->left.size);
			close(g->left.fd);
		}
		g->left = f;
		return 0;
	}
	if (f.map)
		munmap(f.map, f.size);
	close(f.fd);
	memory_discard(f.path);
	return rc;
}

void
estate_note(struct estate_file *f, unsigned child, uint64_t word)
{
	if (f->fd >= 0 && child < ESTATE_CHILDREN)
		atomic_store_64(&f->child[child], word);
}

void
estate_remove(struct estate_file *f)
{
	if (*f->path)
		unlink(f->path);
	f->path[0] = '\0';
	if (f->fd < 0)
		return;
	munmap(f->map, f->size);
	close(f->fd);
	f->fd = -1;
}

/* Copy piece i of a part, as much as both sides know of it; the rest is zero. */
static void
estate_piece(void *out, size_t room, const char *file, const struct estate_part *part, uint32_t i)
{
	memset(out, 0, room);
	memcpy(out, file + part->at + (size_t)i * part->size, part->size < room ? part->size : room);
}

static bool
estate_part_fits(const struct estate_part *part, size_t size, uint32_t most)
{
	return part->at >= sizeof(struct estate_head) && part->at % 8 == 0 && part->n <= most && part->at <= size &&
	       (uint64_t)part->n * part->size <= size - part->at;
}

/* Has it as many legs as its configuration asks for? One of a build that knew none has one, in its own namespace. */
static bool
estate_legs(struct estate_tenant *e, const struct config_tenant *config)
{
	if (e->legs == 0) {
		e->legs = 1;
		e->netns[0] = e->netns[1] = NETNS_OWN;
	}
	return e->legs == (config_apart(config) ? DEVICE_LEGS : 1);
}

/* Is every count in its bounds? Terminates the texts. */
static bool
estate_sane(struct estate *e)
{
	e->gateway.boot[sizeof(e->gateway.boot) - 1] = '\0';
	if (e->tenants == 0 || e->tenants != e->config.tenants || e->gateway.listeners > ESTATE_LISTENERS)
		return false;
	for (uint32_t t = 0; t < e->tenants; t++) {
		struct estate_tenant *tenant = &e->tenant[t];

		if (!estate_has(e, t) && !config_has(&e->config, t))
			continue;
		tenant->device[sizeof(tenant->device) - 1] = '\0';
		tenant->region[sizeof(tenant->region) - 1] = '\0';
		if (strcmp(tenant->name, e->config.tenant[t].name_) != 0 || tenant->spares > ESTATE_SPARES ||
		    tenant->queues != e->config.tenant[t].workers || tenant->queues > CONFIG_MAX_WORKERS ||
		    !estate_legs(tenant, &e->config.tenant[t]))
			return false;
	}
	return true;
}

/* Give the tenants of the text their numbers. */
static bool
estate_number(struct estate *e)
{
	struct number_names *names = calloc(1, sizeof(*names));
	bool placed;

	for (uint32_t t = 0; t < e->tenants; t++) {
		e->tenant[t].name[sizeof(e->tenant[t].name) - 1] = '\0';
		if (names)
			memcpy(names->name[t], e->tenant[t].name, sizeof(names->name[t]));
	}
	placed = names && !number_place(&e->config, names, false);
	free(names);
	return placed;
}

/* Understand the configuration. Returns NULL, or the first thing that is wrong with it. */
static const char *
estate_config(struct estate *e, char *text, size_t length)
{
	struct problem_list *problems = malloc(sizeof(*problems));
	FILE *in = length ? fmemopen(text, length, "r") : NULL;
	static char why[240];

	snprintf(why, sizeof(why), "the configuration in it cannot be read");
	if (problems && in) {
		problem_init(problems, "estate");
		config_recall(&e->config, in, problems);
		config_resolve(&e->config, e->gateway.cpus, problems);
		problem_summary(problems, why + strlen(why), sizeof(why) - strlen(why));
		if (problems->n == 0 && estate_number(e))
			why[0] = '\0';
		problem_free(problems);
	}
	if (in)
		fclose(in);
	free(problems);
	return *why ? why : NULL;
}

/* Take apart a file whose sum is right. Returns NULL or what is wrong. */
static const char *
estate_parse(struct estate *e, char *file, size_t size)
{
	const struct estate_head *h = &e->head;

	if (!estate_part_fits(&h->gateway, size, 1) || h->gateway.n != 1 ||
	    !estate_part_fits(&h->tenants, size, CONFIG_MAX_TENANTS) || !estate_part_fits(&h->text, size, 1))
		return "its parts do not fit into it";
	estate_piece(&e->gateway, sizeof(e->gateway), file, &h->gateway, 0);
	e->tenants = h->tenants.n;
	for (uint32_t t = 0; t < e->tenants; t++)
		estate_piece(&e->tenant[t], sizeof(e->tenant[t]), file, &h->tenants, t);
	return estate_config(e, file + h->text.at, (size_t)h->text.n * h->text.size);
}

/* The whole file in memory, or NULL. */
static char *
estate_load(int fd, size_t *size)
{
	struct stat st;
	char *file;

	if (fstat(fd, &st) != 0 || st.st_size < (off_t)sizeof(struct estate_head) || st.st_size > (off_t)ESTATE_MOST)
		return NULL;
	*size = (size_t)st.st_size;
	file = malloc(*size);
	if (file && pread(fd, file, *size, 0) == (ssize_t)*size)
		return file;
	free(file);
	return NULL;
}

/* Is this a file that a nat64d wrote, every bit of it? Blanks out the children. Returns NULL or what is wrong. */
static const char *
estate_whole(struct estate_head *h, uint64_t *child, char *file, size_t size)
{
	memcpy(h, file, sizeof(*h));
	h->program[sizeof(h->program) - 1] = '\0';
	if (h->magic != ESTATE_MAGIC)
		return "there is no state of a nat64d to take over";
	if (h->version != ESTATE_VERSION && h->version != ESTATE_APART)
		return "the nat64d before keeps its state otherwise than this one";
	if (h->size != size || size % 8 != 0 || !estate_part_fits(&h->children, size, ESTATE_CHILDREN) ||
	    h->children.size != sizeof(uint64_t))
		return "the state of the nat64d before has another size than it says";
	memcpy(child, file + h->children.at, h->children.n * sizeof(uint64_t));
	memset(file + h->children.at, 0, h->children.n * sizeof(uint64_t));
	memset(file + offsetof(struct estate_head, sum), 0, sizeof(h->sum));
	if (estate_sum(file, size) != h->sum)
		return "the state of the nat64d before is damaged";
	for (unsigned c = 0; c < ESTATE_CHILDREN; c++)
		if (!orphan_whole(child[c]))
			return "a process in the state of the nat64d before is damaged";
	return NULL;
}

const char *
estate_read(int fd, struct estate **e)
{
	uint64_t child[ESTATE_CHILDREN] = { 0 };
	struct estate_head head;
	const char *wrong;
	size_t size;
	char *file = estate_load(fd, &size);

	if (!file)
		return "there is no state of a nat64d to take over";
	wrong = estate_whole(&head, child, file, size);
	*e = wrong ? NULL : calloc(1, sizeof(**e));
	if (*e) {
		(*e)->head = head;
		memcpy((*e)->child, child, sizeof(child));
		wrong = estate_parse(*e, file, size);
		if (!wrong && !estate_sane(*e))
			wrong = "the state of the nat64d before contradicts itself";
		if (wrong)
			free(*e);
	} else if (!wrong) {
		wrong = "there is no memory";
	}
	free(file);
	return wrong;
}

void
estate_forget(struct estate *e)
{
	free(e);
}

static bool
estate_keep_one(int fd, bool keep)
{
	return fcntl(fd, F_SETFD, keep ? 0 : FD_CLOEXEC) == 0;
}

/* All of them, or none was ever open. */
static bool
estate_keep_steer(const struct steer *s, bool keep)
{
	return s->program < 0 || (estate_keep_one(s->program, keep) && estate_keep_one(s->table, keep) &&
				  estate_keep_one(s->blocks, keep));
}

bool
estate_keep(const struct estate *e, bool keep)
{
	bool all = estate_keep_one(e->gateway.lock, keep);

	all = estate_keep_one(e->gateway.control, keep) && all;
	all = estate_keep_one(e->gateway.bulletin, keep) && all;
	for (uint32_t i = 0; i < e->gateway.listeners; i++)
		all = estate_keep_one(e->gateway.metrics[i], keep) && all;
	for (uint32_t t = 0; t < e->tenants; t++) {
		const struct estate_tenant *tenant = &e->tenant[t];

		if (!estate_has(e, t))
			continue;
		all = estate_keep_one(tenant->region_fd, keep) && all;
		all = estate_keep_one(tenant->region_ro, keep) && all;
		all = estate_keep_one(tenant->image, keep) && all;
		all = estate_keep_steer(&tenant->steer, keep) && all;
		for (unsigned w = 0; w < tenant->queues; w++) {
			all = estate_keep_one(tenant->queue[w], keep) && all;
			all = (tenant->legs == 1 || estate_keep_one(tenant->queue4[w], keep)) && all;
			all = estate_keep_one(tenant->bell[w], keep) && all;
		}
		for (unsigned leg = 0; leg < tenant->legs; leg++)
			all = (tenant->netns[leg] == NETNS_OWN || estate_keep_one(tenant->netns[leg], keep)) && all;
	}
	return all;
}
