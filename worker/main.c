/*
 * main.c - nat64-worker: born, harmless, at work
 *
 * The order below is the whole life of a worker. It isolates itself first, then waits as a spare for the number of the
 * slot it is for; only then does it reduce its memory to what belongs to that slot, and closes the last door. It waits
 * once more, until that slot is free, before it reads its first packet. When the slot is free packets are waiting, so all that
 * takes time is done before, as far as the number is known by then: mappings, the filter, and a touch of every page that
 * will be needed at once.
 * There is nobody to tell when something goes wrong here: it exits 1 and the supervisor counts it.
 * Must never: read a packet before birth_shut_door.
 */
#include <poll.h>
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

/* Has more been said: first the number of the slot, then that it is free, so that packets wait? */
static bool
more_said(void)
{
	struct pollfd fd = { .fd = HERITAGE_ASSIGN, .events = POLLIN };

	return poll(&fd, 1, 0) > 0;
}

/* Wait behind the closed door until the slot is free. Returns false when there is no need for us. */
static bool
called(void)
{
	struct pollfd fds[2] = { { .fd = HERITAGE_CALLED, .events = POLLIN }, { .fd = -1 } };

	while (ppoll(fds, 2, NULL, NULL) <= 0)
		;			/* stopped and continued */
	return fds[0].revents & POLLIN;
}

int
main(int argc, char **argv)
{
	static struct heritage heritage;
	static struct heritage_maps maps;
	uint32_t missing = 0, slot;
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
	if (!more_said())
		heritage_warm_spare(&maps);
	if (read(HERITAGE_ASSIGN, &slot, sizeof(slot)) != sizeof(slot))
		return 0;		/* no slot for this spare: nat64d is gone or stops */
	if (slot >= heritage.workers) {
		say("assignment", "no such worker slot");
		return 1;
	}
	wrong = heritage_map_worker(&maps, &heritage, slot);
	if (wrong) {
		say("region", wrong);
		return 1;
	}
	if (!more_said())
		heritage_warm_worker(&maps, slot);
	err = heritage_settle_worker(&heritage, slot);
	if (err) {
		say("descriptors", strerror(-err));
		return 1;
	}
	err = birth_shut_door(door, &missing);
	if (err)
		return 1;
	if (!called())
		_exit(0);		/* likewise */
	_exit(loop_run(&maps, slot, missing) ? 1 : 0);
}
