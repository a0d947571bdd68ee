/*
 * main.c - nat64-worker: born, harmless, at work
 *
 * The order below is the whole life of a worker. It isolates itself first, then waits as a spare for the number of the
 * slot it is to fill; only then does it reduce its memory to what belongs to that slot, and closes the last door before it
 * reads its first packet. When the number comes packets are waiting, so all that takes time and does not depend
 * on the number is done before: mappings, the filter's program, and a touch of every page that will be needed at once.
 * There is nobody to tell when something goes wrong here: it exits 1 and the supervisor counts it.
 * Must never: read a packet before birth_shut_door.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "supervisor/birth/birth.h"
#include "worker/doors.h"
#include "worker/loop.h"

static void
say(const char *what, const char *why)
{
	fprintf(stderr, "nat64-worker: %s: %s\n", what, why);
}

extern char image_begin[] __asm__("__executable_start"), image_variables[] __asm__("__bss_start"), image_end[] __asm__("_end");

/* Bring in the pages of program and variables, and the clock's. A mere wish, which kernels before 5.14 do not know. */
static void
warm_up(void)
{
	uintptr_t page = ~(uintptr_t)(LAYOUT_PAGE - 1), from = (uintptr_t)image_variables & page;
	struct timespec now;

	if (madvise(image_begin, (size_t)(image_end - image_begin), MADV_POPULATE_READ) == 0 &&
	    madvise((void *)from, (uintptr_t)image_end - from, MADV_POPULATE_WRITE) == 0)
		for (const volatile char *at = image_begin; at < image_end; at += LAYOUT_PAGE)
			(void)*at;
	clock_gettime(CLOCK_BOOTTIME, &now);
}

int
main(int argc, char **argv)
{
	static struct heritage heritage;
	static struct heritage_maps maps;
	uint32_t missing = 0, slot;
	bool crashed;
	const char *step = "", *wrong;
	void *door;
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
	wrong = heritage_map_spare(&maps, &heritage);
	if (wrong) {
		say("region", wrong);
		return 1;
	}
	err = heritage.legs == 2 ? birth_make_door(&door, doors_apart, doors_apart_count) :
				   birth_make_door(&door, doors_open, doors_count);
	if (err) {
		say("filter", strerror(-err));
		return 1;
	}
	warm_up();
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
	err = birth_shut_door(door, &missing);
	if (err)
		return 1;
	_exit(loop_run(&maps, slot, crashed, missing) ? 1 : 0);
}
