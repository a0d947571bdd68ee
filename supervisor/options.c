/*
 * options.c - the command line, and the configuration it names
 *
 * Everything nat64d does without becoming a daemon. None of it needs a right or looks at the host, so a configuration
 * can be checked where it is written.
 *
 * Must never: start anything, or print a part of a configuration that has problems.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "supervisor/check.h"
#include "supervisor/options.h"
#include "supervisor/reader.h"
#include "supervisor/text.h"
#include "supervisor/upgrade.h"

#define OPTIONS_USAGE 2			/* exit status: wrong usage, wrong configuration */

enum { OPTIONS_RUN, OPTIONS_CHECK, OPTIONS_PRINT };

static int
options_help(FILE *out, int status)
{
	fprintf(out, "Usage: nat64d -c FILE [--check | --print-config]\n"
		     "       nat64d --version | --help\n"
		     "\n"
		     "The NAT64 gateway, in the foreground.\n"
		     "\n"
		     "  -c, --config FILE  the configuration, nat64.ini\n"
		     "      --check        read it, report every problem, and exit with 0 or 2\n"
		     "      --print-config print it as it takes effect, every key, and exit\n"
		     "      --version      print the version and exit\n"
		     "      --help         print this and exit\n"
		     "\n"
		     "Signals: TERM, INT stop; HUP reload; USR1 restart the workers one by one; USR2 upgrade.\n"
		     "Exit status: 0 stopped on request, 1 could not start or run, 2 bad configuration or usage.\n");
	return fflush(out) == 0 ? status : 1;
}

/* Read, resolve and check the file. Returns -1 when it is good, or the exit status. */
static int
options_load(struct options *o)
{
	struct problem_list *problems = malloc(sizeof(*problems));
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int status = -1;

	o->cpus = cpus < 1 ? 1 : (unsigned)cpus;
	o->config = malloc(sizeof(*o->config));
	if (!o->config || !problems) {
		fprintf(stderr, "nat64d: no memory for the configuration\n");
		free(problems);
		return 1;
	}
	problem_init(problems, o->file);
	reader_config(o->config, problems, 0);
	config_resolve(o->config, o->cpus, problems);
	check_config(o->config, problems);
	if (problems->n != 0) {
		problem_print(problems, stderr);
		status = OPTIONS_USAGE;
	}
	problem_free(problems);
	free(problems);
	return status;
}

/* The command line itself. Returns -1 when a file is to be read, or the exit status. */
static int
options_parse(struct options *o, int *what, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'k' },
		{ "print-config", no_argument, NULL, 'p' },
		{ "can-adopt", required_argument, NULL, 'a' },
		{ "print-reference", no_argument, NULL, 'r' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->file = optarg;
			break;
		case 'a':
			o->trial = optarg;
			break;
		case 'k':
			*what = OPTIONS_CHECK;
			break;
		case 'p':
			*what = OPTIONS_PRINT;
			break;
		case 'r':
			text_reference(stdout);
			return fflush(stdout) == 0 ? 0 : 1;
		case 'v':
			printf("nat64d %s\n", NAT64_VERSION);
			return fflush(stdout) == 0 ? 0 : 1;
		case 'h':
			return options_help(stdout, 0);
		default:
			return options_help(stderr, OPTIONS_USAGE);
		}
	}
	if (optind < argc)
		fprintf(stderr, "nat64d: %s: there are no arguments besides options\n", argv[optind]);
	else if (!o->file)
		fprintf(stderr, "nat64d: no configuration; name one with -c FILE\n");
	else
		return -1;
	return options_help(stderr, OPTIONS_USAGE);
}

int
options_read(struct options *o, int argc, char **argv, bool heir)
{
	int what = OPTIONS_RUN, status;

	memset(o, 0, sizeof(*o));
	status = options_parse(o, &what, argc, argv);
	if (status < 0 && o->trial)
		return upgrade_trial(o->trial);
	if (status < 0 && heir)
		return status;
	if (status < 0)
		status = options_load(o);
	if (status < 0 && what == OPTIONS_CHECK) {
		printf("%s: ok, %u tenant%s\n", o->file, o->config->tenants, o->config->tenants == 1 ? "" : "s");
		status = fflush(stdout) == 0 ? 0 : 1;
	} else if (status < 0 && what == OPTIONS_PRINT) {
		text_config(stdout, o->config);
		status = fflush(stdout) == 0 ? 0 : 1;
	}
	if (status >= 0)
		free(o->config);
	return status;
}
