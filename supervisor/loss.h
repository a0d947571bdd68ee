/*
 * loss.h - a worker is lost: find another one for its slot, and tell
 */
#ifndef SUPERVISOR_LOSS_H
#define SUPERVISOR_LOSS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct gateway;
struct tenant;

/* Fill the slots of workers whose knell has tolled, as far as they need not be reaped for that. now: ms of CLOCK_MONOTONIC. */
void loss_hear(struct gateway *g, uint64_t now);

/* A child ended, as crew_reaped has it. Returns false when it was no worker that had a slot. */
bool loss_reaped(struct tenant *t, pid_t pid, int code, int value, uint64_t now);

#endif
