/*
 * bulletin.c - what the supervisor tells the world
 *
 * The only writer is the supervisor's one thread. Numbers are single stores, so a reader sees the old or the new one.
 * Texts are rewritten between two steps of sequence, odd meanwhile, so that a reader can tell that it read half.
 *
 * Must never: wait for a reader; be read back for a decision.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "supervisor/bulletin.h"
#include "supervisor/memory.h"
#include "supervisor/text.h"

static void
bulletin_begin(struct bulletin *b)
{
	atomic_store_32(&b->status->sequence, b->status->sequence + 1);
	atomic_fence();			/* odd before the first byte; pairs with the reader's second look */
}

static void
bulletin_end(struct bulletin *b)
{
	atomic_store_32(&b->status->sequence, b->status->sequence + 1);
}

/* Tell a text of its own. */
static void
bulletin_text(struct bulletin *b, char *to, size_t size, const char *text)
{
	bulletin_begin(b);
	snprintf(to, size, "%s", text);
	bulletin_end(b);
}

static uint64_t
bulletin_seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec;
}

int
bulletin_open(struct bulletin *b, const struct config *config)
{
	int fd = memory_create("nat64-status", sizeof(struct status));

	if (fd < 0)
		return fd;
	b->fd_ro = memory_read_only(fd);
	b->status = memory_map(fd, sizeof(struct status));
	close(fd);
	if (b->fd_ro < 0 || !b->status) {
		bulletin_close(b);
		return -ENOMEM;
	}
	b->status->size = sizeof(struct status);
	snprintf(b->status->version, sizeof(b->status->version), "%s", NAT64_VERSION);
	b->status->pid = (uint32_t)getpid();
	b->status->started = bulletin_seconds(CLOCK_REALTIME);
	b->status->started_boottime = bulletin_seconds(CLOCK_BOOTTIME);
	bulletin_config(b, config, true);
	b->status->magic = STATUS_MAGIC;
	return 0;
}

void
bulletin_close(struct bulletin *b)
{
	if (b->status)
		munmap(b->status, sizeof(struct status));
	if (b->fd_ro >= 0)
		close(b->fd_ro);
	b->status = NULL;
	b->fd_ro = -1;
}

int
bulletin_adopt(struct bulletin *b, int fd_ro)
{
	struct status *status = memory_regain(fd_ro, sizeof(struct status));

	if (!status)
		return -errno;
	if (status->magic != STATUS_MAGIC || status->size != sizeof(struct status)) {
		munmap(status, sizeof(struct status));
		return -EPROTO;
	}
	*b = (struct bulletin) { .fd_ro = fd_ro, .status = status };
	return 0;
}

void
bulletin_resume(struct bulletin *b, uint32_t reloads, uint64_t started, uint64_t started_boottime)
{
	b->status->reload.count = reloads;
	b->status->started = started;
	b->status->started_boottime = started_boottime;
}

void
bulletin_heir(struct bulletin *b, const struct config *config)
{
	bulletin_text(b, b->status->version, sizeof(b->status->version), NAT64_VERSION);
	bulletin_config(b, config, false);	/* it may word them otherwise */
}

void
bulletin_config(struct bulletin *b, const struct config *config, bool next)
{
	struct status *s = b->status;
	FILE *out;

	bulletin_begin(b);
	memset(s->gateway_text, 0, sizeof(s->gateway_text));
	out = fmemopen(s->gateway_text, sizeof(s->gateway_text) - 1, "w");
	if (out) {
		text_gateway(out, &config->gateway);
		fclose(out);
	}
	for (uint32_t t = 0; t < config->tenants; t++) {
		if (!config_has(config, t))
			continue;
		snprintf(s->tenant[t].name, sizeof(s->tenant[t].name), "%s", config->tenant[t].name_);
		snprintf(s->tenant[t].netns6, STATUS_NETNS, "%.*s", STATUS_NETNS - 1, config->tenant[t].netns6.s);
		snprintf(s->tenant[t].netns4, STATUS_NETNS, "%.*s", STATUS_NETNS - 1, config->tenant[t].netns4.s);
		s->tenant[t].mode = config->tenant[t].mode;
		s->tenant[t].workers = config->tenant[t].workers;
	}
	bulletin_end(b);
	atomic_store_32(&s->tenants, config->tenants);
	if (next)
		atomic_store_32(&s->generation, s->generation + 1);
}

void
bulletin_reload(struct bulletin *b, bool ok, const char *message)
{
	bulletin_begin(b);
	snprintf(b->status->reload.message, sizeof(b->status->reload.message), "%s", message);
	b->status->reload.ok = ok;
	b->status->reload.at = bulletin_seconds(CLOCK_REALTIME);
	bulletin_end(b);
	atomic_store_32(&b->status->reload.count, b->status->reload.count + 1);
}

void
bulletin_forget(struct bulletin *b, uint32_t tenant)
{
	bulletin_begin(b);
	memset(&b->status->tenant[tenant], 0, sizeof(b->status->tenant[tenant]));
	bulletin_end(b);
}

void
bulletin_tenant(struct bulletin *b, uint32_t tenant, const struct config_tenant *config)
{
	atomic_store_32(&b->status->tenant[tenant].workers, config->workers);
}

void
bulletin_device(struct bulletin *b, uint32_t tenant, const char *device, enum status_offload offload)
{
	struct status_tenant *s = &b->status->tenant[tenant];

	bulletin_text(b, s->device, sizeof(s->device), device);
	atomic_store_32(&s->offload, offload);
}

void
bulletin_steering(struct bulletin *b, uint32_t tenant, enum status_steering steering, const char *why)
{
	struct status_tenant *s = &b->status->tenant[tenant];

	bulletin_text(b, s->steering_why, sizeof(s->steering_why), why);
	atomic_store_32(&s->steering, steering);
}

void
bulletin_guard(struct bulletin *b, uint32_t tenant, enum status_guard guard, const char *why)
{
	struct status_tenant *s = &b->status->tenant[tenant];

	bulletin_text(b, s->guard_why, sizeof(s->guard_why), why);
	atomic_store_32(&s->guard, guard);
}

void
bulletin_cgroup(struct bulletin *b, uint32_t tenant, enum status_cgroup cgroup, const char *why)
{
	struct status_tenant *s = &b->status->tenant[tenant];

	bulletin_text(b, s->cgroup_why, sizeof(s->cgroup_why), why);
	atomic_store_32(&s->cgroup, cgroup);
}

void
bulletin_guarded(struct bulletin *b, uint32_t tenant, const uint64_t dropped[3])
{
	for (unsigned s = 0; s < 2; s++)
		atomic_store_64(&b->status->tenant[tenant].spoofed[s], dropped[s]);
	atomic_store_64(&b->status->tenant[tenant].to_host, dropped[2]);
}

void
bulletin_worker(struct bulletin *b, uint32_t tenant, unsigned w, uint32_t pid, enum status_state state)
{
	struct status_worker *worker = &b->status->tenant[tenant].worker[w];

	atomic_store_32(&worker->pid, pid);
	atomic_store_32(&worker->state, state);
}

void
bulletin_death(struct bulletin *b, uint32_t tenant, unsigned w, uint32_t pid, enum status_cause cause, const char *how)
{
	struct status_worker *worker = &b->status->tenant[tenant].worker[w];
	time_t now = time(NULL);
	struct tm utc;
	char when[32];

	gmtime_r(&now, &utc);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
	bulletin_begin(b);
	snprintf(worker->last_death, sizeof(worker->last_death), "%s at %s, pid %u", how, when, pid);
	bulletin_end(b);
	atomic_store_64(&worker->died_at, (uint64_t)now);
	atomic_store_32(&worker->restarts[cause], worker->restarts[cause] + 1);
}

void
bulletin_spares(struct bulletin *b, uint32_t tenant, uint32_t spares)
{
	atomic_store_32(&b->status->tenant[tenant].spares, spares);
}
