/*
 * options.h - the command line, and the configuration it names
 */
#ifndef SUPERVISOR_OPTIONS_H
#define SUPERVISOR_OPTIONS_H

#include "supervisor/config.h"

struct options {
	const char *file;		/* as the operator named it */
	unsigned cpus;			/* online now */
	struct config *config;		/* checked and resolved; owned by the caller */
};

/*
 * Read the command line, and do all that does not start a gateway: --help, --version, --check, --print-config and the
 * complaints about a wrong command line or file. Returns -1 when the gateway shall start, or the exit status.
 */
int options_read(struct options *o, int argc, char **argv);

#endif
