/*
 * main.c - nat64-worker: born, harmless, at work
 *
 * The order below is the whole life of a worker. It isolates itself first, then waits as a spare for the number of the
 * slot it is to fill; only then does it map what belongs to that slot, and closes the last door before it reads its
 * first packet. There is nobody to tell when something goes wrong here: it exits 1 and the supervisor counts it.
 * Must never: read a packet before birth_close_doors.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "supervisor/birth/birth.h"
#include "worker/doors.h"
#include "worker/loop.h"

static void
say(const char *what, const char *why)
{
	fprintf(stderr, "nat64-worker: %s: %s\n", what, why);
}

int
main(int argc, char **argv)
{
	static struct heritage heritage;
	static struct heritage_maps maps;
	uint32_t missing = 0, slot;
	bool crashed;
	const char *step = "", *wrong;
	int err;

	if (argc == 3 && strcmp(argv[1], "--kin") == 0)
		return strtoull(argv[2], NULL, 10) != HERITAGE_KIN;
	if (heritage_take(&heritage, HERITAGE_WORKER)) {
		fprintf(stderr, "nat64-worker is started by nat64d only; run nat64d -c FILE\n");
		return 2;
	}
	err = birth_isolate(&heritage, &missing, &step);
	if (err) {
		say(step, strerror(-err));
		return 1;
	}
	if (read(HERITAGE_ASSIGN, &slot, sizeof(slot)) != sizeof(slot))
		return 0;		/* no slot for this spare: nat64d is gone or stops */
	crashed = slot & HERITAGE_CRASHED;
	slot &= ~HERITAGE_CRASHED;
	if (slot >= heritage.workers) {
		say("assignment", "no such worker slot");
		return 1;
	}
	wrong = heritage_map_worker(&maps, &heritage, slot);
	if (wrong) {
		say("region", wrong);
		return 1;
	}
	err = heritage_settle_worker(&heritage, slot);
	if (err) {
		say("descriptors", strerror(-err));
		return 1;
	}
	err = birth_close_doors(doors_open, doors_count, &missing);
	if (err)
		return 1;
	_exit(loop_run(&maps, slot, crashed, missing) ? 1 : 0);
}
