/*
 * carry.c - when a worker dies at every start, the others carry its shards
 *
 * Replacing does not help when whatever kills a worker is there as soon as it begins: something in its shards that our code
 * cannot take, or a host that has turned against that one process. Its subscribers would wait as long as it is retried. So
 * after some deaths in a row the tenant moves to a new table (supervisor/shift.h) in which the slot owns nothing: every
 * binding is brought over by checks and the functions that make bindings, the others get the shards, the kernel
 * steers packets to them. The slot goes on being retried, with nothing to do; when a worker has lived in it for a while it
 * gets shards again. If that ends badly, the tenant stays as it is, or moves once more, and the while doubles.
 *
 * Must never: take the shards of the last worker; move back and forth without an end to it.
 */
#include <stdio.h>
#include "supervisor/carry.h"
#include "supervisor/tenant.h"

#define CARRY_DEATHS 5			/* early ones in a row */
#define CARRY_TRIAL 10000		/* ms to live without shards, at first */
#define CARRY_TRIAL_MAX 640000

bool
carry_absent(const struct tenant *t, unsigned w)
{
	return t->absent >> w & 1;
}

bool
carry_look(struct tenant *t, uint64_t now, char said[200])
{
	uint32_t all = (UINT32_C(1) << t->config->workers) - 1, wanted = t->absent & all;
	struct carry *c = &t->carry;
	unsigned which = 0;

	if (c->trial == 0)
		c->trial = CARRY_TRIAL;
	if (now < c->retry || t->crew.stopping)
		return false;
	for (unsigned w = 0; w < t->config->workers; w++) {
		const struct crew_slot *slot = &t->crew.slot[w];

		if (slot->state == STATUS_backoff && slot->quick >= CARRY_DEATHS)
			wanted |= UINT32_C(1) << w;
		else if (carry_absent(t, w) && slot->state == STATUS_running && now - slot->since >= c->trial)
			wanted &= ~(UINT32_C(1) << w);
	}
	c->wanted = wanted == all ? t->absent : wanted;
	if (c->wanted == t->absent)
		return false;
	while (!((c->wanted ^ t->absent) >> which & 1))
		which++;
	if (c->wanted >> which & 1)
		snprintf(said, 200, "[tenant %s] worker %u dies at every start; the others carry its shards%s",
			 t->config->name_, which, t->steer.program >= 0 ? "" :
			 ", but packets in its queue wait, for the kernel does not steer them");
	else
		snprintf(said, 200, "[tenant %s] worker %u lives again and gets shards back", t->config->name_, which);
	return true;
}

void
carry_done(struct tenant *t, bool ok, uint64_t now)
{
	struct carry *c = &t->carry;

	if (!ok) {
		c->retry = now + 2 * c->trial;
		c->wanted = t->absent;
	}
	if ((!ok || t->absent == 0) && c->trial < CARRY_TRIAL_MAX)
		c->trial *= 2;		/* for the next time, if there is one */
}
