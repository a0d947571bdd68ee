/*
 * upgrade.h - another nat64d goes on in this one's place, with its pid, its children and all it holds
 */
#ifndef SUPERVISOR_UPGRADE_H
#define SUPERVISOR_UPGRADE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct gateway;

struct upgrade {
	pid_t trial;			/* the new program, asked whether it could; 0: none */
	int words;			/* pipe: why it cannot */
	bool stopping;
	bool fit;			/* it can: to be executed by the next upgrade_tick */
	bool rolling;			/* this one is the new one, and children of the old one are being replaced */
	bool moving;			/* and the old one laid out memory otherwise */
	bool cgroup;			/* and the old one was in a leaf of the cgroup that it was given */
	uint64_t deadline;		/* ms of CLOCK_MONOTONIC: of the trial, of the rolling */
	char from[32];			/* version of the old one */
};

/* Remember the path that nat64d was started as: a later upgrade executes what is there then. */
void upgrade_remember(struct gateway *g, char **argv);

/*
 * Go over to the program at that path: try it, then execute it. The outcome goes to the log and to the status region;
 * when it is bad, everything stays as it is.
 */
void upgrade_begin(struct gateway *g, uint64_t now);

/* A child ended. Returns false when it was not the trial. */
bool upgrade_reaped(struct gateway *g, pid_t pid, int code, int value);

/* Do what is due; when the trial went well, this does not return. Returns when to be called again at the latest. */
uint64_t upgrade_tick(struct gateway *g, uint64_t now);

/* nat64d stops: end the trial, if there is one. It is to be reaped like other children. */
void upgrade_stop(struct gateway *g);

/* Was this process a nat64d before it executed this program? Returns the descriptor of the estate, or -1. Call once. */
int upgrade_heir(void);

/*
 * Take over the estate in fd into *g: the parts that main_birth makes. Changes nothing of what others see. pid is whose
 * estate it must be. Returns NULL, or what is wrong.
 */
const char *upgrade_adopt(struct gateway *g, int fd, pid_t pid);

/*
 * After upgrade_adopt: replace all children of the old nat64d, one by one; or, when it laid out memory otherwise, together, by
 * new ones on new tables. Returns NULL; or what is in the way, and nothing has changed.
 */
const char *upgrade_roll(struct gateway *g, uint64_t now);

/* The trial itself: nat64d --can-adopt FD. Returns its exit status; says on stderr why it cannot. */
int upgrade_trial(const char *fd);

#endif
