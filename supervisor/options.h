/*
 * options.h - the command line, and the configuration it names
 */
#ifndef SUPERVISOR_OPTIONS_H
#define SUPERVISOR_OPTIONS_H

#include "supervisor/config.h"

struct options {
	const char *file;		/* as the operator named it */
	const char *trial;		/* descriptor of an estate: could we take it over, called like this? */
	unsigned cpus;			/* online now */
	struct config *config;		/* checked and resolved; owned by the caller; NULL for an heir */
};

/*
 * Read the command line, and do all that does not start a gateway: --help, --version, --check, --print-config and the
 * complaints about a wrong command line or file. An heir takes over a running gateway, so the file is not read. Returns -1
 * when the gateway shall start, or the exit status.
 */
int options_read(struct options *o, int argc, char **argv, bool heir);

#endif
