/*
 * gateway.h - the running nat64d: everything it holds
 */
#ifndef SUPERVISOR_GATEWAY_H
#define SUPERVISOR_GATEWAY_H

#include "supervisor/bulletin.h"
#include "supervisor/child.h"
#include "supervisor/config.h"
#include "supervisor/ctld.h"
#include "supervisor/estate.h"
#include "supervisor/legacy.h"
#include "supervisor/reload.h"
#include "supervisor/rundir.h"
#include "supervisor/tenants.h"
#include "supervisor/upgrade.h"

#define GATEWAY_LISTENERS 4		/* as many as config.def allows */

struct gateway {
	const char *file;		/* nat64.ini, as the operator named it */
	char **argv;			/* as the operator wrote it */
	char program[CHILD_PATH];	/* where he found nat64d */
	struct config *config;		/* in force; owned */
	struct config *other;		/* during a reload: the one to come, later the one before; owned */
	unsigned cpus;			/* what `workers = auto` means for the life of nat64d */
	char worker_program[CHILD_PATH], ctld_program[CHILD_PATH];
	struct rundir rundir;
	int control;			/* listening UNIX socket */
	unsigned listeners;
	int metrics[GATEWAY_LISTENERS];	/* listening TCP sockets */
	struct bulletin bulletin;
	struct tenant tenant[CONFIG_MAX_TENANTS];	/* by number; most of them TENANT_NONE: see gateway_next */
	struct ctld ctld;
	struct reload reload;
	struct upgrade upgrade;
	int signals;			/* signalfd */
	int knells;			/* can be read when a knell has tolled; -1: none will */
	int estate;			/* of the nat64d that executed this program; -1: none, this is a start */
	struct legacy legacy;		/* of one that was killed, during the start */
	struct estate_file left;	/* what we leave */
	uint32_t denied;		/* CALLS_VERSION of the system call filter in force; 0: there is none */
	bool ready;			/* said so */
};

/* The tenant with the lowest number from `number` on, whatever its stage, or NULL. */
static inline struct tenant *
gateway_next(struct gateway *g, uint32_t number)
{
	while (number < CONFIG_MAX_TENANTS && g->tenant[number].stage == TENANT_NONE)
		number++;
	return number < CONFIG_MAX_TENANTS ? &g->tenant[number] : NULL;
}

#endif
