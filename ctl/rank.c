/*
 * rank.c - subscribers in order, those with the most bindings first, in bounded memory
 *
 * A table may have a million subscribers, and whoever asks may be slow. So not all of them are copied and sorted: each
 * round over the table keeps the 512 greatest behind those of the round before, in a heap. Who asks for the top users is
 * served by one round; who asks for all waits for as many as it takes.
 * The order is total (bindings, sessions, prefix), so nobody is left out between two rounds whose counts stay as they are.
 * Must never: do more than log(512) steps for an offer, whatever the order in which they come; call qsort, which asks the
 * kernel for the size of its memory, and nat64-ctld may not.
 */
#include <string.h>
#include "ctl/rank.h"

/* Negative when a comes before b. */
static int
order(const struct subscriber *a, const struct subscriber *b)
{
	uint32_t more[2] = { subscriber_bindings(a->state), subscriber_bindings(b->state) };

	if (more[0] == more[1]) {
		more[0] = subscriber_sessions(a->state);
		more[1] = subscriber_sessions(b->state);
	}
	if (more[0] != more[1])
		return more[0] > more[1] ? -1 : 1;
	return memcmp(a->prefix.b, b->prefix.b, sizeof(a->prefix.b));
}

void
rank_start(struct rank *r)
{
	r->n = 0;
	r->rounds = 0;
}

/* Put the subscriber where the heap has a hole at its root. */
static void
sink(struct rank *r, const struct subscriber *subscriber)
{
	unsigned at = 0, child;

	while ((child = 2 * at + 1) < r->n) {
		if (child + 1 < r->n && order(&r->row[child + 1], &r->row[child]) > 0)
			child++;
		if (order(&r->row[child], subscriber) <= 0)
			break;
		r->row[at] = r->row[child];
		at = child;
	}
	r->row[at] = *subscriber;
}

/* Put it where the heap grows by a place. */
static void
rise(struct rank *r, const struct subscriber *subscriber)
{
	unsigned at = r->n++;

	for (; at > 0 && order(&r->row[(at - 1) / 2], subscriber) < 0; at = (at - 1) / 2)
		r->row[at] = r->row[(at - 1) / 2];
	r->row[at] = *subscriber;
}

void
rank_offer(struct rank *r, const struct subscriber *subscriber)
{
	if (r->rounds > 0 && order(subscriber, &r->last) <= 0)
		return;
	if (r->n < RANK_ROWS)
		rise(r, subscriber);
	else if (order(subscriber, &r->row[0]) < 0)
		sink(r, subscriber);
}

void
rank_close(struct rank *r)
{
	unsigned n = r->n;

	while (r->n > 0) {
		struct subscriber least = r->row[0], end = r->row[--r->n];

		sink(r, &end);
		r->row[r->n] = least;
	}
	r->n = n;
}

bool
rank_again(struct rank *r, uint64_t most)
{
	if (r->n < RANK_ROWS || r->rounds + UINT64_C(1) >= most)
		return false;
	r->last = r->row[r->n - 1];
	r->rounds++;
	r->n = 0;
	return true;
}
