/*
 * rank.h - subscribers in order, those with the most bindings first, in bounded memory
 */
#ifndef CTL_RANK_H
#define CTL_RANK_H

#include "shm/subscriber.h"

#define RANK_ROWS 512

/*
 * The greatest of all that are offered, RANK_ROWS at most; in the next round the greatest of those behind them. A round:
 * rank_offer for each, rank_close, then row[0 .. n) is in order.
 */
struct rank {
	struct subscriber row[RANK_ROWS];	/* while offers come: a heap, the least of all at its root */
	struct subscriber last;		/* of the round before */
	unsigned n;
	unsigned rounds;		/* that were before */
};

/* No round was before the next one. */
void rank_start(struct rank *r);
void rank_offer(struct rank *r, const struct subscriber *subscriber);
void rank_close(struct rank *r);
/* Begin the next round. Returns false when there can be nothing behind the rows of this one, or after rows of `most` rounds. */
bool rank_again(struct rank *r, uint64_t most);

#endif
