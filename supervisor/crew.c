/*
 * crew.c - the workers of a tenant: born as spares, given a slot, replaced when they die
 *
 * A spare has gone through birth and waits at a pipe for the number of the slot it shall fill, so a death costs one
 * write to a pipe instead of a fork, an exec and a sandbox. Packets wait in the slot's queue meanwhile. Where there are as many
 * spares as workers each is told its slot long before, so that it has nothing left to do but to begin. With spares = 0
 * the same happens, only that the spare is born on demand.
 *
 *   starting   assigned; its progress word has not moved yet
 *   running    it has turned its loop
 *   backoff    died too soon too often; tried again later, while the other slots go on
 *   stopped    left because nat64d stops
 *
 * A worker that packets wait for and that does not turn its loop, be it stopped or in an endless one, is killed and
 * replaced. An idle one turns its loop once a second, so silence alone says nothing: its queue is asked too. One whose tenant's
 * cgroup somebody has frozen is left alone, for so would its successor be, and goes on when it is thawed.
 *
 * A worker that somebody kills while it runs has done nothing wrong and is replaced at once, however often. One that
 * crashes or gives up within seconds, again and again, is retried with a growing delay, so that a bad build
 * does not turn into a fork storm.
 *
 * What a worker says of itself (its line in the region) decides only what is displayed and when a stop or a restart
 * goes on, each with a time limit of its own: a lying worker gains nothing but its own delay.
 *
 * Must never: wait for a worker; assign a slot whose last worker may still run (loss.c).
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "supervisor/birth/heritage.h"
#include "supervisor/bulletin.h"
#include "supervisor/caps.h"
#include "supervisor/cause.h"
#include "supervisor/cgroup.h"
#include "supervisor/estate.h"
#include "supervisor/log.h"
#include "supervisor/loss.h"
#include "supervisor/orphan.h"
#include "supervisor/tenant.h"

#define CREW_FREE 3			/* deaths in a row that came too soon before there is a delay */
#define CREW_DELAY 250			/* ms, doubled with each further one */
#define CREW_DELAY_MAX 5000
#define CREW_HURRY 50			/* ms after an assignment in which no spare is born before it works */
#define CREW_LOOK 10			/* ms between looks at a worker that is starting */
#define CREW_WATCH 100			/* ms between looks at a worker that is running */
#define CREW_STUCK 400			/* ms without a turn of its loop while packets wait: it is stuck */
#define CREW_PATIENCE 2000		/* ms a worker may take to leave when asked to */

void
crew_init(struct crew *c)
{
	memset(c, 0, sizeof(*c));
}

void
crew_adopt(struct tenant *t, const struct estate_tenant *e)
{
	struct crew *c = &t->crew;

	crew_init(c);
	for (unsigned w = 0; w < e->queues; w++) {
		struct crew_slot *slot = &c->slot[w];

		slot->pid = (pid_t)e->slot[w].pid;
		slot->state = slot->pid ? STATUS_running : STATUS_backoff;
		slot->leaving = e->slot[w].flags & ESTATE_LEAVING;
		slot->pushed = e->slot[w].flags & ESTATE_PUSHED;
		slot->stuck = e->slot[w].flags & ESTATE_STUCK;
		slot->crashed = e->slot[w].flags & ESTATE_CRASHED;
	}
	for (unsigned i = 0; i < e->spares && c->formers < CREW_MAX_SPARES; i++)
		c->former[c->formers++] = (pid_t)e->spare[i];
}

uint64_t
crew_delay(unsigned quick)
{
	uint64_t delay = CREW_DELAY;

	if (quick <= CREW_FREE)
		return 0;
	for (unsigned i = CREW_FREE + 1; i < quick && delay < CREW_DELAY_MAX; i++)
		delay *= 2;
	return delay < CREW_DELAY_MAX ? delay : CREW_DELAY_MAX;
}

void
crew_state(struct tenant *t, unsigned w, enum status_state state)
{
	struct crew_slot *slot = &t->crew.slot[w];

	slot->state = state;
	bulletin_worker(t->bulletin, t->number, w, (uint32_t)slot->pid, state);
}

static uint64_t
crew_progress(const struct tenant *t, unsigned w)
{
	return region_line(&t->region, w).progress;
}

static int
crew_bear(struct tenant *t, const struct crew_ground *ground, struct crew_spare *spare, uint64_t now)
{
	spare->since = now;
	spare->slot = -1;
	spare->pid = tenant_birth(t, ground, &spare->assign, &spare->knell);
	spare->word = orphan_word(spare->pid);
	if (spare->pid >= 0)
		return 0;
	log_line(CONFIG_LOG_ERROR, "tenant %s: cannot start %s: %s; trying again", t->config->name_, t->program,
		 strerror(-spare->pid));
	return spare->pid;
}

/* Give birth to a spare. Returns 0 or -errno. */
static int
crew_birth(struct tenant *t, uint64_t now)
{
	struct crew_ground ground = { t->config, &t->region, &t->publish, shift_old(t) };
	int rc = -ENOSPC;

	if (t->crew.spares < CREW_MAX_SPARES)
		rc = crew_bear(t, &ground, &t->crew.spare[t->crew.spares], now);
	if (rc == 0)
		bulletin_spares(t->bulletin, t->number, ++t->crew.spares);
	return rc;
}

int
crew_raise(struct tenant *t, const struct crew_ground *ground, uint64_t now)
{
	int rc = -ENOSPC;

	if (t->crew.nexts < CONFIG_MAX_WORKERS)
		rc = crew_bear(t, ground, &t->crew.next[t->crew.nexts], now);
	t->crew.nexts += rc == 0;
	return rc;
}

/* End of file at their pipes: they go. They are reaped as formers. */
static void
crew_send_home(struct crew *c, const struct crew_spare *spare, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (spare[i].assign >= 0)
			close(spare[i].assign);
		if (c->formers < CREW_MAX_FORMERS)
			c->former[c->formers++] = spare[i].pid;
	}
}

void
crew_drop_next(struct tenant *t)
{
	crew_send_home(&t->crew, t->crew.next, t->crew.nexts);
	t->crew.nexts = 0;
}

void
crew_take_next(struct tenant *t)
{
	struct crew *c = &t->crew;

	crew_send_home(c, c->spare, c->spares);
	memcpy(c->spare, c->next, sizeof(c->next));
	c->spares = c->nexts;
	c->nexts = 0;
	bulletin_spares(t->bulletin, t->number, c->spares);
}

/* Spare i is a spare no more. */
static void
crew_spare_gone(struct tenant *t, unsigned i)
{
	struct crew *c = &t->crew;

	if (c->spare[i].assign >= 0)
		close(c->spare[i].assign);
	memmove(&c->spare[i], &c->spare[i + 1], (c->spares - i - 1) * sizeof(c->spare[0]));
	c->spares--;
	bulletin_spares(t->bulletin, t->number, c->spares);
}

/* End of file at the pipe of spare i: it goes, if it has not gone already. */
static void
crew_spare_leaves(struct tenant *t, unsigned i)
{
	crew_send_home(&t->crew, &t->crew.spare[i], 1);
	t->crew.spare[i].assign = -1;
	crew_spare_gone(t, i);
}

/* Which spare is for slot w: one of its own, or else one for any? Returns c->spares when there is none. */
static unsigned
crew_spare_for(const struct crew *c, unsigned w)
{
	unsigned any = c->spares;

	for (unsigned i = 0; i < c->spares; i++) {
		if (c->spare[i].slot == (int)w)
			return i;
		if (c->spare[i].slot < 0 && any == c->spares)
			any = i;
	}
	return any;
}

/* Tell a spare which slot it is for, unless it knows, and with go set that it is free. Returns false when it is dead. */
static bool
crew_call(struct crew_spare *spare, unsigned w, bool go)
{
	const uint32_t words[2] = { w, HERITAGE_GO };
	unsigned from = spare->slot < 0 ? 0 : 1;
	size_t bytes = (1 + go - from) * sizeof(words[0]);

	spare->slot = (int)w;
	return write(spare->assign, words + from, bytes) == (ssize_t)bytes;
}

int
crew_fill(struct tenant *t, unsigned w, uint64_t now)
{
	struct crew_slot *slot = &t->crew.slot[w];
	unsigned i = crew_spare_for(&t->crew, w);
	int rc = i < t->crew.spares ? 0 : crew_birth(t, now);

	publish_successor(&t->publish, w, slot->order, slot->crashed);
	while (rc == 0 && i < t->crew.spares) {
		struct crew_spare spare = t->crew.spare[i];

		estate_note(t->left, ESTATE_WORKER(t->number, w), spare.word);
		slot->progress = crew_progress(t, w);
		if (crew_call(&spare, w, true)) {
			crew_spare_gone(t, i);
			slot->pid = spare.pid;
			slot->knell = spare.knell;
			slot->leaving = slot->pushed = slot->stuck = slot->crashed = false;
			slot->moved = now;
			slot->since = now;
			crew_state(t, w, STATUS_starting);
			return 0;
		}
		/* It died and has not been reaped yet. Do not wait for it: the next one, or a new one. */
		crew_spare_leaves(t, i);
		i = crew_spare_for(&t->crew, w);
		if (i == t->crew.spares)
			rc = crew_birth(t, now);
	}
	slot->quick++;
	slot->retry = now + CREW_DELAY_MAX;
	crew_state(t, w, STATUS_backoff);
	return rc;
}

void
crew_start(struct tenant *t, uint64_t now)
{
	for (unsigned w = 0; w < t->config->workers; w++)
		crew_fill(t, w, now);
	while (!t->crew.shifting && t->crew.spares < t->gateway->spares && crew_birth(t, now) == 0)
		;
}

bool
crew_reaped(struct tenant *t, pid_t pid, int code, int value, uint64_t now)
{
	struct crew *c = &t->crew;
	char how[32];

	for (unsigned i = 0; i < c->formers; i++) {
		if (c->former[i] != pid)
			continue;
		c->former[i] = c->former[--c->formers];
		return true;
	}
	for (unsigned i = 0; i < c->nexts; i++) {
		if (c->next[i].pid != pid)
			continue;
		close(c->next[i].assign);
		c->next[i] = c->next[--c->nexts];	/* another one is born when it is needed */
		return true;
	}
	for (unsigned i = 0; i < c->spares; i++) {
		if (c->spare[i].pid != pid)
			continue;
		cause_of(code, value, NULL, how);
		c->spare_quick = now - c->spare[i].since < CREW_SOON ? c->spare_quick + 1 : 0;
		c->spare_retry = now + crew_delay(c->spare_quick);
		crew_spare_gone(t, i);
		if (!c->stopping)
			log_line(CONFIG_LOG_WARNING, "tenant %s: a spare (pid %d) died: %s%s", t->config->name_, (int)pid, how,
				 code == CLD_EXITED && value == 127 ? " (it could not be executed)" : "");
		return true;
	}
	return loss_reaped(t, pid, code, value, now);
}

void
crew_signal(pid_t pid)
{
	caps_raise(CAPS_SIGNAL);
	kill(pid, SIGKILL);
	caps_drop();
}

void
crew_hold_off(struct tenant *t, unsigned w, unsigned quick, uint64_t until)
{
	t->crew.slot[w].quick = quick;
	t->crew.slot[w].retry = until;
	crew_state(t, w, STATUS_backoff);
}

void
crew_dismiss(struct tenant *t, unsigned w)
{
	t->crew.slot[w].leaving = true;
	publish_order(&t->publish, w, IMAGE_STOP);
	tenant_ring(t, w);
}

void
crew_order(struct tenant *t, unsigned w, enum image_order order)
{
	t->crew.slot[w].order = order;
	publish_order(&t->publish, w, order);
	tenant_ring(t, w);
}

/* One step of a restart: a worker leaves when the one before it has been replaced and somebody waits to replace it. */
static void
crew_restart_step(struct tenant *t, uint64_t now)
{
	struct crew *c = &t->crew;
	struct crew_slot *slot = &c->slot[c->restart - 1];

	if (c->restart > 1 && slot[-1].state == STATUS_starting && now - slot[-1].since < CREW_PATIENCE)
		return;
	while (c->restart <= t->config->workers && c->slot[c->restart - 1].pid == 0)
		c->restart++;
	if (c->restart > t->config->workers) {
		c->restart = 0;
		log_line(CONFIG_LOG_INFO, "tenant %s: all workers have been restarted", t->config->name_);
		return;
	}
	slot = &c->slot[c->restart - 1];
	if (!slot->leaving) {
		if (crew_spare_for(c, c->restart - 1) < c->spares || crew_birth(t, now) == 0) {
			slot->since = now;
			crew_dismiss(t, c->restart - 1);
		}
	} else if (now - slot->since > CREW_PATIENCE && !slot->pushed) {
		slot->pushed = true;
		crew_signal(slot->pid);
	}
}

/*
 * The worker of slot w has not moved since we looked last: do packets wait for it, and for how long? One that only waits for a
 * processor is left alone.
 */
static void
crew_watch(struct tenant *t, unsigned w, uint64_t now)
{
	struct crew_slot *slot = &t->crew.slot[w];
	const struct device *d = &t->device;
	struct pollfd queue[DEVICE_LEGS];
	uint64_t limit = slot->state == STATUS_starting ? CREW_PATIENCE : CREW_STUCK;

	if (slot->stuck || slot->order != IMAGE_WORK)
		return;
	for (unsigned leg = 0; leg < d->legs; leg++)
		queue[leg] = (struct pollfd) { .fd = d->leg[leg].queue[w], .events = POLLIN };
	if (poll(queue, d->legs, 0) <= 0 || !((queue[0].revents | queue[d->legs - 1].revents) & POLLIN))
		return;
	if (starve_look(&slot->starve, slot->pid, slot->progress) || now - slot->moved < limit)
		return;
	if (cgroup_frozen(t->config->name_)) {
		slot->moved = now;		/* and its successor would be */
		return;
	}
	slot->stuck = true;
	log_line(CONFIG_LOG_WARNING, "tenant %s: worker %u (pid %d) does nothing while packets wait; killing it",
		 t->config->name_, w, (int)slot->pid);
	crew_signal(slot->pid);
}

/* Look after slot w. Returns when to look again. */
static uint64_t
crew_tick_slot(struct tenant *t, unsigned w, uint64_t now)
{
	struct crew_slot *slot = &t->crew.slot[w];

	if (slot->state == STATUS_backoff) {
		if (now < slot->retry)
			return slot->retry;
		if (crew_fill(t, w, now) != 0)
			return slot->retry;
	}
	if (slot->state != STATUS_starting && slot->state != STATUS_running)
		return UINT64_MAX;
	if (crew_progress(t, w) == slot->progress) {
		crew_watch(t, w, now);
		return now + (slot->state == STATUS_starting ? CREW_LOOK : CREW_WATCH);
	}
	slot->progress = crew_progress(t, w);
	slot->moved = now;
	if (slot->state == STATUS_starting)
		crew_state(t, w, STATUS_running);
	return now + CREW_WATCH;
}

/* Who has not looked for long was stopped, or frozen, itself, perhaps with its workers: their silence begins now. */
static void
crew_awake(struct crew *c, uint64_t now)
{
	if (now - c->looked > CREW_STUCK)
		for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++)
			c->slot[w].moved = now;
	c->looked = now;
}

/* Are there to be as many spares as workers, so that each can be for a slot? */
static bool
crew_spares_suffice(const struct tenant *t)
{
	return t->gateway->spares >= t->config->workers;
}

/*
 * Send those home that are not needed any more, or that are for a slot while there are too few for that; but no more than can
 * be remembered until they are reaped.
 */
static void
crew_spares_trim(struct tenant *t)
{
	struct crew *c = &t->crew;

	for (unsigned i = c->spares; i-- > 0 && c->formers < CREW_MAX_FORMERS;) {
		pid_t pid = c->spare[i].pid;

		if (c->spares <= t->gateway->spares && (c->spare[i].slot < 0 || crew_spares_suffice(t)))
			continue;
		crew_spare_leaves(t, i);
		log_line(CONFIG_LOG_DEBUG, "tenant %s: spare %d is not needed any more", t->config->name_, (int)pid);
	}
}

/* Tell each slot's number to a spare that is for none yet. */
static void
crew_spares_share(struct tenant *t)
{
	struct crew *c = &t->crew;

	for (unsigned w = 0; w < t->config->workers; w++) {
		unsigned i = crew_spare_for(c, w);

		if (i < c->spares && c->spare[i].slot < 0 && !crew_call(&c->spare[i], w, false))
			c->spare[i].slot = -1;	/* it is dead, and will be reaped */
	}
}

uint64_t
crew_tick(struct tenant *t, uint64_t now)
{
	struct crew *c = &t->crew;
	uint64_t next = UINT64_MAX;
	bool hurry = false;		/* packets wait for a successor to get to work: a birth would slow it down */

	if (c->stopping || c->halted)
		return UINT64_MAX;
	crew_awake(c, now);
	for (unsigned w = 0; w < t->config->workers; w++) {
		uint64_t at = crew_tick_slot(t, w, now);

		next = at < next ? at : next;
		hurry = hurry || (c->slot[w].state == STATUS_starting && now - c->slot[w].since < CREW_HURRY);
	}
	if (c->shifting)
		return next;
	if (c->restart > 0)
		crew_restart_step(t, now);
	if (c->restart > 0 && now + CREW_LOOK < next)
		next = now + CREW_LOOK;

	if (c->restart == 0)
		crew_spares_trim(t);
	while (!hurry && c->spares < t->gateway->spares) {
		if (now < c->spare_retry)
			return c->spare_retry < next ? c->spare_retry : next;
		if (crew_birth(t, now) != 0)
			c->spare_retry = now + CREW_DELAY_MAX;
	}
	if (crew_spares_suffice(t))
		crew_spares_share(t);
	return next;
}

void
crew_restart(struct tenant *t)
{
	if (!t->crew.stopping && !t->crew.shifting)
		t->crew.restart = 1;
}

void
crew_stop(struct tenant *t)
{
	struct crew *c = &t->crew;

	c->stopping = true;
	for (unsigned i = 0; i < c->spares; i++) {
		close(c->spare[i].assign);	/* end of file at its pipe: it goes */
		c->spare[i].assign = -1;
	}
	crew_drop_next(t);
	for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++)
		if (c->slot[w].pid)
			crew_dismiss(t, w);
}

void
crew_kill(struct tenant *t)
{
	for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++) {
		struct crew_slot *slot = &t->crew.slot[w];

		if (!slot->pid)
			continue;
		log_line(CONFIG_LOG_WARNING, "tenant %s: worker %u (pid %d) does not leave; killing it", t->config->name_, w,
			 (int)slot->pid);
		slot->pushed = true;
		kill(slot->pid, SIGKILL);
	}
	for (unsigned i = 0; i < t->crew.spares; i++)
		kill(t->crew.spare[i].pid, SIGKILL);
	for (unsigned i = 0; i < t->crew.formers; i++)
		kill(t->crew.former[i], SIGKILL);
}

unsigned
crew_alive(const struct tenant *t)
{
	unsigned n = t->crew.spares + t->crew.formers;

	for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++)
		n += (t->crew.slot[w].pid != 0) + (t->crew.slot[w].passing != 0);
	return n;
}

bool
crew_running(const struct tenant *t)
{
	for (unsigned w = 0; w < t->config->workers; w++)
		if (t->crew.slot[w].state != STATUS_running && !carry_absent(t, w))
			return false;
	return true;
}

unsigned
crew_troubles(const struct tenant *t)
{
	unsigned most = 0;

	for (unsigned w = 0; w < t->config->workers; w++)
		if (t->crew.slot[w].quick > most && !carry_absent(t, w))
			most = t->crew.slot[w].quick;
	return most;
}

bool
crew_acknowledged(const struct tenant *t, uint32_t generation)
{
	for (unsigned w = 0; w < t->config->workers; w++)
		if (t->crew.slot[w].pid && region_line(&t->region, w).generation != generation)
			return false;
	return true;
}

uint64_t
crew_leaving(const struct tenant *t)
{
	uint64_t n = 0;

	for (unsigned w = 0; w < t->config->workers; w++)
		n += region_line(&t->region, w).leaving;
	return n;
}
