/*
 * shift.c - the workers of a tenant move to a new table, with what they know
 *
 * Some changes do not fit the table they are made for: other pool addresses, prefixes, static bindings, more or fewer
 * workers, larger packets, another layout. There is one way for all of them. A new region is made beside the old one, and
 * workers are born for it that wait. Then
 *
 *   drain    the old workers stop reading their queues and pass on what is between them. Packets wait in the queues.
 *   halt     they leave.
 *   fill     the new ones bring the bindings over, each those of its own shards, and wait once more.
 *   full     all have done so. Nothing has been read from a queue by a new worker: until here the old table is as it was,
 *            and going back is to fill its slots again.
 *   settle   they work. The old region is given up when every one of them has turned its loop.
 *
 * So all of a change happens or nothing of it, a death of anybody on the way is a death like any other, and no packet is
 * lost as long as the queues can hold what comes meanwhile. Bindings, sessions and rests of ports whose address, prefix or
 * port is still there are kept, with their timers; every index and count is built anew.
 *
 * Must never: wait; let a worker of one table run beside one of the other; touch the old region after shift_commit.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include "supervisor/bulletin.h"
#include "supervisor/caps.h"
#include "supervisor/log.h"
#include "supervisor/store.h"
#include "supervisor/tenant.h"

#define SHIFT_DRAIN_TIME 3000		/* ms for the rings to become empty */
#define SHIFT_HALT_TIME 2000		/* ms to leave; then they are killed: they have nothing in hand */
#define SHIFT_FILL_TIME 60000		/* ms to bring the bindings over */
#define SHIFT_ABSENT 3000		/* ms until a worker that shall have no shards is tried again */
#define SHIFT_TROUBLES 3		/* early deaths of a new worker in a row that end the attempt */

const struct shift shift_none = {
	.region = { .fd = -1, .fd_ro = -1 }, .publish = { .fd_ro = -1 }, .steer = { -1, -1, -1, 0 },
};

const struct region *
shift_old(const struct tenant *t)
{
	return t->shift.swapped ? &t->shift.region : NULL;
}

/* Could workers of this build work on the old table again? */
static bool
has_way_back(const struct tenant *t)
{
	return t->shift.swapped ? t->shift.config && !t->shift.region.foreign : !t->region.foreign;
}

static void
swap(struct tenant *t)
{
	struct shift *s = &t->shift;
	const struct config_tenant *config = t->config;
	struct publish publish = t->publish;
	struct region region = t->region;
	struct steer steer = t->steer;
	uint32_t absent = t->absent;

	t->config = s->config;
	t->publish = s->publish;
	t->region = s->region;
	t->steer = s->steer;
	t->absent = s->absent;
	s->config = config;
	s->publish = publish;
	s->region = region;
	s->steer = steer;
	s->absent = absent;
	s->swapped = !s->swapped;
	if (t->publish.image && s->publish.image)	/* an audit that was asked for meanwhile is answered here */
		atomic_store_32(&t->publish.image->audit, atomic_load_32(&s->publish.image->audit));
}

/* Give up what was made for the configuration that is not to be. Nobody uses it any more. */
static void
discard(struct tenant *t)
{
	struct shift *s = &t->shift;

	crew_drop_next(t);
	device_steer(&t->device, t->steer.program);
	caps_raise(CAPS_NETWORK);
	if (s->config)
		device_unroute_extra(&t->device, s->config, t->config);
	tenant_guard(t, NULL);
	device_narrow(&t->device, t->config->workers);
	caps_drop();
	shift_close(t);
	t->crew.shifting = false;
	s->phase = SHIFT_NONE;
}

/*
 * The new steering, if it is wanted. Also when only one worker will be left: the queues of the others are to be read to
 * their ends, so nothing more may come into them.
 */
static void
prepare_steering(struct tenant *t, const struct crew_ground *ground)
{
	struct shift *s = &t->shift;

	s->steering = TENANT_STEER_OFF;
	if (ground->config->steering == CONFIG_SWITCH_OFF || (ground->config->workers == 1 && t->config->workers == 1))
		return;
	s->steering = tenant_steer_make(&s->steer, ground, s->steering_why, sizeof(s->steering_why));
}

int
shift_prepare(struct tenant *t, const struct config_tenant *config, uint64_t now, char *why, size_t size)
{
	struct shift *s = &t->shift;
	const struct crew_ground ground = { config, &s->region, &s->publish, &t->region };
	int rc;

	*s = shift_none;
	snprintf(why, size, "cannot make the new table's shared memory");
	rc = region_open_heir(&s->region, config, &t->region, *t->region.file ? t->gateway->run_dir.s : NULL);
	s->absent = t->carry.wanted & ((UINT32_C(1) << config->workers) - 1);
	if (s->absent == (UINT32_C(1) << config->workers) - 1)
		s->absent = 0;
	if (rc == 0)
		rc = region_deal(&s->region, s->absent);
	if (rc == 0) {
		snprintf(why, size, "cannot make the configuration's shared memory");
		rc = publish_open(&s->publish, config, t->publish.image->generation + 1);
	}
	if (rc == 0)
		s->publish.image->audit = t->publish.image->audit;	/* a request is answered on the new table */
	for (uint32_t w = 0; rc == 0 && w < config->workers; w++) {
		publish_order(&s->publish, w, IMAGE_WAIT);
		if (t->bell[w] < 0)
			t->bell[w] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (t->bell[w] < 0) {
			snprintf(why, size, "cannot make an eventfd for each worker");
			rc = -errno;
		}
	}
	if (rc == 0) {
		snprintf(why, size, "cannot add queues to device %s", t->device.name);
		rc = device_widen(&t->device, config->workers);
	}
	if (rc == 0) {
		prepare_steering(t, &ground);
		rc = device_route_extra(&t->device, config, t->config, why, size);
	}
	if (rc == 0)
		s->config = config;	/* from here on its routes are there */
	if (rc == 0 && t->guarded) {
		snprintf(why, size, "cannot let pass what the new configuration sends from device %s", t->device.name);
		rc = tenant_guard(t, config);
	}
	for (uint32_t w = 0; rc == 0 && w < config->workers; w++) {
		snprintf(why, size, "cannot start workers");
		rc = crew_raise(t, &ground, now);
	}
	s->phase = SHIFT_READY;
	if (rc != 0)
		discard(t);
	return rc;
}

void
shift_inherit(struct tenant *t, struct region *old)
{
	t->shift.region = *old;
	*old = (struct region) { .fd = -1, .fd_ro = -1 };
	t->shift.swapped = true;
	t->shift.phase = SHIFT_FILL;
	t->crew.shifting = true;
	for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++)
		t->crew.slot[w].order = IMAGE_WAIT;
}

void
shift_begin(struct tenant *t, uint64_t now)
{
	t->crew.shifting = true;
	t->crew.halted = t->region.foreign;	/* who dies there can have no successor */
	t->crew.restart = 0;
	if (t->shift.steer.program >= 0)	/* to where a packet will belong; if that is not so yet, it is handed over */
		device_steer(&t->device, t->shift.steer.program);
	for (unsigned w = 0; w < t->config->workers; w++)
		crew_order(t, w, w < t->shift.config->workers ? IMAGE_DRAIN : IMAGE_EMPTY);
	t->shift.looked = false;
	t->shift.deadline = now + SHIFT_DRAIN_TIME;
	t->shift.phase = SHIFT_DRAIN;
}

/*
 * Is no packet in a worker's hand or between two of them? Yes when each has turned its loop twice since we looked first, and
 * none has had one in hand since: a packet between two of them would have been taken by the second turn.
 */
static bool
drained(struct tenant *t)
{
	struct shift *s = &t->shift;
	bool quiet = s->looked;

	for (unsigned w = 0; w < t->config->workers; w++) {
		const struct region_line line = region_line(&t->region, w);

		if (t->crew.slot[w].pid == 0 && (t->crew.halted || carry_absent(t, w) || s->absent >> w & 1))
			continue;		/* nobody there who could have a packet in hand */
		if (!line.draining || t->crew.slot[w].pid == 0) {
			s->looked = false;
			return false;
		}
		if (s->looked && line.busy >= s->progress[w]) {
			s->looked = false;	/* it had one meanwhile: begin again */
			return false;
		}
		quiet = quiet && line.progress >= s->progress[w] + 2;
	}
	for (unsigned w = 0; w < t->config->workers && !s->looked; w++)
		s->progress[w] = region_line(&t->region, w).progress + 1;
	s->looked = true;
	return quiet;
}

static void
halt(struct tenant *t, enum shift_phase phase, uint64_t now)
{
	t->crew.halted = true;
	for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++)
		if (t->crew.slot[w].pid)
			crew_dismiss(t, w);
	t->shift.phase = phase;
	t->shift.deadline = now + SHIFT_HALT_TIME;
}

static bool
halted(struct tenant *t, uint64_t now)
{
	unsigned n = 0;

	for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++) {
		struct crew_slot *slot = &t->crew.slot[w];

		n += slot->pid != 0 || slot->passing != 0;	/* it runs no more, but is not in the books yet */
		if (slot->pid && now > t->shift.deadline && !slot->pushed) {
			slot->pushed = true;
			crew_signal(slot->pid);
		}
	}
	return n == 0;
}

/* Fill the slots of the table that the tenant now has. */
static void
man(struct tenant *t, enum image_order order, uint64_t now)
{
	struct crew *c = &t->crew;
	int rc;

	caps_raise(CAPS_NETWORK);
	rc = device_adjust(&t->device, t->config);
	caps_drop();
	if (rc != 0)
		log_line(CONFIG_LOG_WARNING, "tenant %s: cannot set mtu and queue-length of %s: %s", t->config->name_,
			 t->device.name, strerror(-rc));
	c->halted = false;
	bulletin_tenant(t->bulletin, t->number, t->config);
	for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++) {
		unsigned quick = c->slot[w].quick;

		c->slot[w] = (struct crew_slot) { .order = order };
		if (w < t->config->workers && carry_absent(t, w))
			crew_hold_off(t, w, quick, now + SHIFT_ABSENT);
		else if (w < t->config->workers)
			crew_fill(t, w, now);
		else
			bulletin_worker(t->bulletin, t->number, w, 0, STATUS_stopped);
	}
}

static bool
filled(const struct tenant *t)
{
	for (unsigned w = 0; w < t->config->workers; w++)
		if (!carry_absent(t, w) && (!region_line(&t->region, w).ready || t->crew.slot[w].pid == 0))
			return false;
	return true;
}

void
shift_commit(struct tenant *t)
{
	for (unsigned w = 0; w < t->config->workers; w++)
		crew_order(t, w, IMAGE_WORK);
	if (t->steer.program < 0)
		device_steer(&t->device, t->steer.program);
	if (t->shift.config)		/* else the start has said so */
		tenant_steer_tell(t, t->config->workers == 1 ? TENANT_STEER_OFF : t->shift.steering,
				  t->shift.steering_why);
	t->shift.phase = SHIFT_SETTLE;
}

void
shift_abort(struct tenant *t, const char *wrong, uint64_t now)
{
	struct shift *s = &t->shift;

	if (s->phase == SHIFT_NONE || s->phase == SHIFT_SETTLE || s->phase == SHIFT_RETREAT)
		return;
	if (s->phase != SHIFT_READY && !has_way_back(t))
		return;
	s->wrong = wrong;
	if (s->phase == SHIFT_READY) {
		discard(t);
	} else if (s->phase == SHIFT_DRAIN) {
		for (unsigned w = 0; w < t->config->workers; w++)
			crew_order(t, w, IMAGE_WORK);
		discard(t);
	} else {
		halt(t, SHIFT_RETREAT, now);
	}
}

/* The new workers are at work: what was there for the old ones goes. */
static void
settle(struct tenant *t)
{
	struct shift *s = &t->shift;

	caps_raise(CAPS_NETWORK);
	if (s->config)
		device_unroute_extra(&t->device, s->config, t->config);
	tenant_guard(t, NULL);
	if (s->config && s->config->workers != t->config->workers) {
		store_forget(t->config->name_, &t->device);
		device_narrow(&t->device, t->config->workers);
		store_keep(t->config->name_, &t->device);
	}
	caps_drop();
	shift_close(t);
	s->swapped = false;
	s->config = NULL;
	t->crew.shifting = false;
	s->phase = SHIFT_NONE;
}

enum shift_phase
shift_tick(struct tenant *t, uint64_t now)
{
	struct shift *s = &t->shift;

	switch (s->phase) {
	case SHIFT_DRAIN:
		if (drained(t))
			halt(t, SHIFT_HALT, now);
		else if (now > s->deadline && !has_way_back(t))
			halt(t, SHIFT_HALT, now);
		else if (now > s->deadline)
			shift_abort(t, "the workers do not come to rest", now);
		break;
	case SHIFT_HALT:
		if (!halted(t, now))
			break;
		swap(t);
		crew_take_next(t);
		man(t, IMAGE_WAIT, now);
		s->deadline = now + SHIFT_FILL_TIME;
		s->phase = SHIFT_FILL;
		break;
	case SHIFT_FILL:
		if (filled(t))
			s->phase = SHIFT_FULL;
		else if (has_way_back(t) && (now > s->deadline || crew_troubles(t) >= SHIFT_TROUBLES))
			shift_abort(t, "the new workers do not bring the bindings over", now);
		break;
	case SHIFT_SETTLE:
		if (crew_running(t))
			settle(t);
		break;
	case SHIFT_RETREAT:
		if (!halted(t, now))
			break;
		if (s->swapped)
			swap(t);
		crew_drop_next(t);
		crew_take_next(t);	/* none: the spares that wait belong to the other table */
		man(t, IMAGE_WORK, now);
		discard(t);
		break;
	default:
		break;
	}
	return s->phase;
}

void
shift_close(struct tenant *t)
{
	publish_close(&t->shift.publish);
	region_remove(&t->shift.region, t->gateway->run_dir.s);
	steer_close(&t->shift.steer);
}
