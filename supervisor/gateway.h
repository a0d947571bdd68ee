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
#include "supervisor/tenant.h"
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
	uint32_t tenants;		/* tenant[0 .. tenants) are open */
	struct tenant tenant[CONFIG_MAX_TENANTS];
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

#endif
