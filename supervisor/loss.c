/*
 * loss.c - a worker is lost: find another one for its slot, and tell
 *
 * A death is heard of twice. First the knell tolls (knell.h): the worker will never run again, and nobody can tell yet what it
 * died of. Then it can be reaped, when its memory has been unmapped, which takes milliseconds, and the longer the larger the
 * table is. Packets wait for a successor, so it gets the slot at the first of the two, where what the worker died of makes no
 * difference to it:
 *
 *   no packet was being translated    so none has crashed it, and the successor goes on with all that it had in hand
 *   it ran, and no death came early   so there would be no delay before the next try
 *   nobody has asked it to leave, nor killed it for being stuck, and nothing is being moved: who does that waits for the second
 *
 * Everything else, and every death on a kernel whose knell comes late, waits until it can be reaped. Counting and telling is
 * done then for all.
 *
 * That no packet was being translated is the worker's own word (layout_worker.current). One that lies gets its packet to its
 * successor, as it would by handing it over.
 *
 * Must never: fill a slot whose worker may still run; take what a worker says for more than that.
 */
#include <errno.h>
#include <string.h>
#include "supervisor/bulletin.h"
#include "supervisor/cause.h"
#include "supervisor/evidence.h"
#include "supervisor/gateway.h"
#include "supervisor/knell.h"
#include "supervisor/log.h"
#include "supervisor/loss.h"

/* Would whoever comes next be told the same, whatever the worker of slot w died of? */
static bool
loss_plain(const struct tenant *t, unsigned w)
{
	const struct crew_slot *slot = &t->crew.slot[w];

	if (t->crew.stopping || t->crew.halted || t->crew.shifting || slot->order != IMAGE_WORK)
		return false;
	if (slot->state != STATUS_running || slot->quick > 0 || slot->passing)
		return false;
	return !slot->leaving && !slot->pushed && !slot->stuck && region_line(&t->region, w).current == 0;
}

static void
loss_tolled(struct tenant *t, uint32_t knell, uint64_t now)
{
	for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++) {
		struct crew_slot *slot = &t->crew.slot[w];

		if (!slot->pid || slot->knell != knell || !loss_plain(t, w))
			continue;
		slot->passing = slot->pid;
		slot->passing_since = slot->since;
		slot->pid = 0;
		if (crew_fill(t, w, now) == 0)
			log_line(CONFIG_LOG_DEBUG, "tenant %s: worker %u (pid %d) runs no more; pid %d has its place",
				 t->config->name_, w, (int)slot->passing, (int)slot->pid);
	}
}

void
loss_hear(struct gateway *g, uint64_t now)
{
	uint32_t knell;

	while ((knell = knell_tolled()) != 0)
		for (struct tenant *t = gateway_next(g, 0); t; t = gateway_next(g, t->number + 1))
			loss_tolled(t, knell, now);
}

/* Slot w has lost its worker: find another one, now or, when this happens too often, later. */
static void
loss_replace(struct tenant *t, unsigned w, pid_t dead, enum status_cause cause, const char *how, uint64_t now)
{
	struct crew_slot *slot = &t->crew.slot[w];
	bool ran = slot->state == STATUS_running;
	enum config_log_level level = cause == STATUS_requested ? CONFIG_LOG_INFO : CONFIG_LOG_WARNING;
	uint64_t delay;

	if (cause != STATUS_requested && now - slot->since < CREW_SOON &&
	    !(ran && (cause == STATUS_sigkill || cause == STATUS_stuck)))
		slot->quick++;
	else
		slot->quick = 0;
	delay = crew_delay(slot->quick);
	if (delay > 0) {
		slot->retry = now + delay;
		crew_state(t, w, STATUS_backoff);
		log_line(CONFIG_LOG_ERROR, "tenant %s: worker %u (pid %d) died: %s; early death number %u in a row, next "
			 "try in %llu ms", t->config->name_, w, (int)dead, how, slot->quick, (unsigned long long)delay);
		return;
	}
	crew_state(t, w, STATUS_dead);
	if (crew_fill(t, w, now) == 0)
		log_line(level, "tenant %s: worker %u (pid %d) %s: %s; pid %d takes over", t->config->name_, w, (int)dead,
			 cause == STATUS_requested ? "left" : "died", how, (int)slot->pid);
}

/* The worker of slot w crashed: keep the packet it was translating, which its successor will drop. */
static void
loss_crashed(struct tenant *t, unsigned w)
{
	char path[256];
	int rc = evidence_keep(t->gateway->run_dir.s, t->config->name_, &t->region, w, path, sizeof(path));

	t->crew.slot[w].crashed = true;
	if (rc > 0)
		log_line(CONFIG_LOG_WARNING, "tenant %s: worker %u crashed on a packet of %d bytes, kept in %s",
			 t->config->name_, w, rc, path);
	else if (rc < 0)
		log_line(CONFIG_LOG_WARNING, "tenant %s: worker %u crashed on a packet that could not be kept: %s",
			 t->config->name_, w, rc == -ENOSPC ? "there are too many; remove some" : strerror(-rc));
}

/* A worker gives up by itself when its device is gone. */
static void
loss_device(const struct tenant *t, enum status_cause cause)
{
	if (cause == STATUS_exit && !device_present(&t->device))
		log_line(CONFIG_LOG_ERROR, "tenant %s: device %s was deleted, so nothing is translated; restart nat64d",
			 t->config->name_, t->device.name);
}

/* The worker of slot w can be reaped: what did it die of, and who takes its place? */
static void
loss_slot(struct tenant *t, unsigned w, int code, int value, uint64_t now)
{
	struct crew_slot *slot = &t->crew.slot[w];
	pid_t pid = slot->pid;
	char how[32];
	enum status_cause cause = cause_of(code, value, slot, how);

	if (cause >= STATUS_sigsegv && cause <= STATUS_sigsys)
		loss_crashed(t, w);
	loss_device(t, cause);
	slot->pid = 0;
	if (slot->leaving && t->crew.restart == w + 1)
		t->crew.restart++;
	if (t->crew.stopping || t->crew.halted)
		crew_state(t, w, STATUS_stopped);
	else
		loss_replace(t, w, pid, cause, how, now);
	bulletin_death(t->bulletin, t->number, w, (uint32_t)pid, cause, how);
}

/* The worker that slot w had before can be reaped; its place was taken when its knell tolled. */
static void
loss_passed(struct tenant *t, unsigned w, int code, int value, uint64_t now)
{
	struct crew_slot *slot = &t->crew.slot[w];
	char how[32];
	enum status_cause cause = cause_of(code, value, NULL, how);

	if (cause != STATUS_sigkill && now - slot->passing_since < CREW_SOON)
		slot->quick++;
	log_line(CONFIG_LOG_WARNING, "tenant %s: worker %u (pid %d) died: %s; pid %d takes over", t->config->name_, w,
		 (int)slot->passing, how, (int)slot->pid);
	bulletin_death(t->bulletin, t->number, w, (uint32_t)slot->passing, cause, how);
	slot->passing = 0;
	loss_device(t, cause);
}

bool
loss_reaped(struct tenant *t, pid_t pid, int code, int value, uint64_t now)
{
	for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++) {
		if (t->crew.slot[w].passing == pid)
			loss_passed(t, w, code, value, now);
		else if (t->crew.slot[w].pid == pid)
			loss_slot(t, w, code, value, now);
		else
			continue;
		return true;
	}
	return false;
}
