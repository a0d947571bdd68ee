/*
 * crew.h - the workers of a tenant: born as spares, given a slot, replaced when they die
 */
#ifndef SUPERVISOR_CREW_H
#define SUPERVISOR_CREW_H

#include <sys/types.h>
#include "shm/image.h"
#include "shm/status.h"
#include "supervisor/starve.h"

#define CREW_SOON 5000			/* ms: a death within this time of the assignment came too soon */
#define CREW_MAX_FORMERS 64
#define CREW_MAX_SPARES 17		/* the most that config.def allows, and one more while a worker is replaced */

/* A place at work. Times are milliseconds of CLOCK_MONOTONIC. */
struct crew_slot {
	pid_t pid;			/* 0: nobody */
	uint32_t knell;			/* of that birth (knell.h); 0: none */
	pid_t passing;			/* the one before, which runs no more and has not been reaped; 0: there is none */
	uint64_t passing_since;		/* when it was assigned */
	enum status_state state;
	bool leaving;			/* asked to stop */
	bool pushed;			/* and killed because it did not */
	bool stuck;			/* killed because it did nothing while packets waited */
	bool crashed;			/* the last one there did: the next one shall not try the packet it had in hand */
	unsigned quick;			/* deaths in a row that came too soon */
	uint64_t since;			/* when it was assigned, or asked to leave */
	uint64_t retry;			/* state backoff: when to try again */
	uint64_t progress;		/* layout_worker.progress when it was assigned, later when it moved last */
	uint64_t moved;			/* when that was */
	struct starve starve;		/* does it get a processor? */
	enum image_order order;		/* what a worker is told who takes the slot */
};

struct region;
struct publish;

/* What a worker is born onto. */
struct crew_ground {
	const struct config_tenant *config;
	const struct region *region;
	const struct publish *publish;
	const struct region *old;	/* bring the bindings over from here; NULL: there is nothing to bring */
};

struct crew_spare {
	pid_t pid;
	uint64_t word;			/* its name for a successor of ours (orphan.h) */
	uint32_t knell;			/* of its birth (knell.h); 0: none */
	int assign;			/* the pipe it waits at; -1: it has been sent home */
	int slot;			/* it is for; -1: for any */
	uint64_t since;
};

struct crew {
	struct crew_slot slot[CONFIG_MAX_WORKERS];
	struct crew_spare spare[CREW_MAX_SPARES];
	unsigned spares;
	struct crew_spare next[CONFIG_MAX_WORKERS];	/* born onto another table, for a shift (supervisor/shift.h) */
	unsigned nexts;
	pid_t former[CREW_MAX_FORMERS];	/* spares on their way home: of the nat64d or of the table before */
	unsigned formers;
	unsigned spare_quick;
	uint64_t spare_retry;
	bool stopping;
	bool halted;			/* for a shift: nobody is replaced for the moment */
	bool shifting;			/* no spares are raised, nothing is restarted */
	uint64_t looked;		/* when it was looked after last */
	unsigned restart;		/* slot + 1 that is next to be restarted; 0: no restart under way */
};

struct tenant;

void crew_init(struct crew *c);

struct estate_tenant;

/* Before an exec the crew was the one in e. Its spares cannot be used: their pipes did not live on. */
void crew_adopt(struct tenant *t, const struct estate_tenant *e);

/* Fill every slot, then raise the spares. */
void crew_start(struct tenant *t, uint64_t now);

/* A child ended: status as from waitid (code CLD_EXITED, ...; value). Returns false when it was none of this crew. */
bool crew_reaped(struct tenant *t, pid_t pid, int code, int value, uint64_t now);

/* Do what is due. Returns when to be called again at the latest. */
uint64_t crew_tick(struct tenant *t, uint64_t now);

/* What the slot is, for us and for those who look. */
void crew_state(struct tenant *t, unsigned w, enum status_state state);
/* Milliseconds to wait before the next try after so many deaths in a row that came too soon. */
uint64_t crew_delay(unsigned quick);
/* Let a spare fill slot w, a new one if none waits. Returns 0 or -errno, and the slot is tried again later. */
int crew_fill(struct tenant *t, unsigned w, uint64_t now);
/* Kill one of the children. */
void crew_signal(pid_t pid);
/* Slot w, which lost `quick` workers too soon in a row, is not to be filled before then. */
void crew_hold_off(struct tenant *t, unsigned w, unsigned quick, uint64_t until);
/* Ask the worker in slot w to leave. */
void crew_dismiss(struct tenant *t, unsigned w);
/* Tell the worker in slot w, and whoever follows it there, what to do. */
void crew_order(struct tenant *t, unsigned w, enum image_order order);
/* Give birth to one more worker for a shift. Returns 0 or -errno. */
int crew_raise(struct tenant *t, const struct crew_ground *ground, uint64_t now);
/* Those have become the spares; who was a spare goes home. */
void crew_take_next(struct tenant *t);
/* Those are not needed any more. */
void crew_drop_next(struct tenant *t);

/* Replace all workers, one after the other. */
void crew_restart(struct tenant *t);

/* Ask all to leave, and send the spares home. Then nobody is replaced. */
void crew_stop(struct tenant *t);
/* Make those leave that are still there. Should: hold CAP_KILL. */
void crew_kill(struct tenant *t);

/* Children that have not been reaped. */
unsigned crew_alive(const struct tenant *t);
/* Are all slots running that own shards? */
bool crew_running(const struct tenant *t);
/* The most deaths in a row that came too soon, over all slots that own shards. */
unsigned crew_troubles(const struct tenant *t);
/* Bindings on pool addresses that leave, as the workers say. */
uint64_t crew_leaving(const struct tenant *t);
/* Does every worker that lives use this generation of the configuration? */
bool crew_acknowledged(const struct tenant *t, uint32_t generation);

#endif
