/*
 * scrub.c - the audit of a worker's own shards, for ever, and at once when asked
 *
 * A round is an audit of every shard that the worker owns, in steps, one a turn of the loop, so packets wait for a step
 * at most. The pieces of an audit are true each at its own moment (shm/audit.h), and between two of them the only writer
 * of the shard translates packets; so a round needs no quiet moment and cannot mistake a change for damage.
 *
 * In the background a round begins ROUND seconds after the one before, and takes about one hundredth of the time. A
 * request is answered by a round that began after it; the round is not limited then, but packets are still served
 * between two steps. A worker that dies leaves the request unanswered, so its successor begins at once.
 *
 * The outcome goes into the worker's line. What is said there is numbers; the words are with who reads them.
 *
 * Must never: audit a shard that somebody else owns; repair anything, for nobody knows then which half was right.
 */
#include "worker/scrub.h"

#define ROUND 10			/* seconds from the beginning of a round to that of the next, when not asked */
#define SHARE 250000			/* looks a second in the background, at about 40 ns each */
#define STEP 4096			/* looks in one step, or one pool area of a shard when that is more */

void
scrub_open(struct scrub *s, const struct nat64 *nat64, struct layout_audit *line)
{
	*s = (struct scrub) { .nat64 = nat64, .line = line, .answering = line->said.answered, .answered = line->said.answered };
}

static void
begin(struct scrub *s, uint32_t request, uint32_t now)
{
	s->audit = (struct audit) { 0 };
	s->under_way = true;
	s->shard = 0;
	s->began = now;
	s->answering = request;
}

/* Tell the outcome of the round. Readers copy it between two equal, even sequence numbers. */
static void
tell(struct scrub *s, uint32_t now)
{
	const struct layout_said said = {
		.answered = s->answering, .finished = now, .shards = s->audit.shards, .rule = s->audit.rule,
		.shard = s->audit.shard, .slot = s->audit.slot, .records = s->audit.records, .violations = s->audit.violations,
	};
	uint32_t sequence = s->line->sequence | 1;

	atomic_store_32(&s->line->sequence, sequence);
	atomic_fence();			/* pairs with the one in view_audit */
	atomic_write_words(&s->line->said, &said, sizeof(said) / 8);
	atomic_store_32(&s->line->sequence, sequence + 1);
	s->answered = s->answering;
	s->under_way = false;
}

/* A step in the next shard that is ours; tell when there is none any more. */
static void
step(struct scrub *s, uint32_t now)
{
	const struct nat64 *n = s->nat64;
	uint64_t violations = s->audit.violations;

	while (s->shard < n->layout.g.shards && atomic_load_8(&n->owners->worker[s->shard]) != n->worker) {
		s->audit.phase = s->audit.at = 0;
		s->shard++;
	}
	if (s->shard == n->layout.g.shards) {
		tell(s, now);
		return;
	}
	if (audit_step(&s->audit, &n->shard[s->shard], n->header, n->secret, STEP))
		s->shard++;
	if (s->audit.violations != violations)
		counters_add_owner(&n->row->counter[COUNTER_audit_violations], s->audit.violations - violations);
}

bool
scrub_turn(struct scrub *s, uint32_t request, uint32_t now)
{
	uint64_t looked;

	if (request != s->answered && s->answering == s->answered)
		begin(s, request, now);		/* also when one nobody asked for is under way */
	if (!s->under_way && now - s->began >= ROUND)
		begin(s, request, now);
	if (!s->under_way)
		return false;
	if (s->second != now) {
		s->second = now;
		s->spent = 0;
	}
	if (s->answering == s->answered && s->spent >= SHARE)
		return false;
	looked = s->audit.looked;
	step(s, now);
	s->spent += s->audit.looked - looked;
	return s->under_way || request != s->answered;
}
