/*
 * nat64ctl.c - the operator's command: its words, its options, its help
 *
 * What is to be shown is asked of nat64-ctld (ask.c); what changes something is a signal to nat64d (order.c). Help must
 * work without a daemon, so what can be shown is known here, too, from the same tables.
 *
 * Must never: need more than the C library; an operator's last tool works on a broken machine.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ctl/ask.h"
#include "ctl/order.h"

struct command {
	const char *name, *words, *help;
	int (*run)(int argc, char **argv);
};

static int help(int argc, char **argv);

/* What can be shown; nat64-ctld knows more of it, but help must work without it. */
static const struct {
	const char *name, *filters, *help;
} shows[] = {
#define SHOW(name, filters, help) { #name, filters, help },
#include "ctl/show.def"
};
#define SHOWS (sizeof(shows) / sizeof(shows[0]))

static const struct {
	const char *name, *value, *help;
} filters[] = {
#define FILTER(name, value, help) { #name, value, help },
#include "ctl/filter.def"
};

static bool
can_show(int argc, char **argv)
{
	for (size_t i = 0; i < SHOWS && argc > 0; i++)
		if (strcmp(argv[0], shows[i].name) == 0)
			return true;
	fprintf(stderr, "nat64ctl: %s: cannot be shown; there are:", argc > 0 ? argv[0] : "nothing");
	for (size_t i = 0; i < SHOWS; i++)
		fprintf(stderr, " %s", shows[i].name);
	fputc('\n', stderr);
	return false;
}

static int
show(int argc, char **argv)
{
	return can_show(argc, argv) ? ask(stdout, "show", argc, argv) : ASK_USAGE;
}

static int
watch(int argc, char **argv)
{
	long seconds = 2;
	char *text = NULL, *end;
	size_t size = 0;

	if (argc > 0 && argv[0][0] >= '0' && argv[0][0] <= '9') {
		seconds = strtol(argv[0], &end, 10);
		if (*end || seconds < 1 || seconds > 86400)
			return ask_fail(ASK_USAGE, "%s: not a number of seconds", argv[0]);
		argc--, argv++;
	}
	if (!can_show(argc, argv))
		return ASK_USAGE;
	for (;;) {
		FILE *whole = open_memstream(&text, &size);	/* first all of it: a screen must not flicker */
		int status = whole ? ask(whole, "show", argc, argv) : ask_fail(ASK_FAILED, "%s", strerror(errno));

		if (whole)
			fclose(whole);
		if (status != ASK_DONE) {
			free(text);
			return status;
		}
		if (isatty(STDOUT_FILENO))
			fputs("\033[H\033[2J", stdout);
		fwrite(text, 1, size, stdout);
		free(text);
		if (fflush(stdout) != 0)
			return ASK_FAILED;
		sleep((unsigned)seconds);
	}
}

static const struct command commands[] = {
	{ "show", "WHAT [FILTER...]", "print a table", show },
	{ "watch", "[SECONDS] WHAT [FILTER...]", "print it every 2 seconds until interrupted", watch },
	{ "audit", "[tenant=NAME]", "check every binding table now; traffic goes on", order_audit },
	{ "reload", "", "read the configuration again; traffic goes on", order_reload },
	{ "restart", "", "restart the workers one by one; no packet is lost", order_restart },
	{ "upgrade", "", "go over to the installed binaries; bindings stay", order_upgrade },
	{ "stop", "", "stop nat64d and remove what it made", order_stop },
	{ "help", "[COMMAND or WHAT]", "this, or more of one of them", help },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
help_filters(const char *allowed)
{
	puts("\nfilters:");
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		char name[32];

		snprintf(name, sizeof(name), "%s=%s", filters[i].name, filters[i].value);
		if (!allowed || strstr(allowed, filters[i].name))
			printf("  %-18s %s\n", name, filters[i].help);
	}
}

static void
help_shows(void)
{
	puts("\nWHAT can be shown:");
	for (size_t i = 0; i < SHOWS; i++)
		printf("  %-18s %s\n", shows[i].name, shows[i].help);
}

static int
help(int argc, char **argv)
{
	for (size_t i = 0; i < SHOWS && argc > 0; i++) {
		if (strcmp(argv[0], shows[i].name) != 0)
			continue;
		printf("usage: nat64ctl [-s SOCKET] [--json|--csv] show %s [FILTER...]\n\n%s\n", shows[i].name,
		       shows[i].help);
		help_filters(shows[i].filters);
		return ASK_DONE;
	}
	for (size_t i = 0; i < COMMANDS && argc > 0; i++) {
		if (strcmp(argv[0], commands[i].name) != 0)
			continue;
		printf("usage: nat64ctl [-s SOCKET] [--json|--csv] %s%s%s\n\n%s\n", commands[i].name,
		       commands[i].words[0] ? " " : "", commands[i].words, commands[i].help);
		if (strstr(commands[i].words, "WHAT"))
			help_shows();
		if (strstr(commands[i].words, "FILTER"))
			help_filters(NULL);
		return ASK_DONE;
	}
	if (argc > 0)
		return ask_fail(ASK_USAGE, "%s: neither a command nor something to show; see nat64ctl help", argv[0]);
	puts("usage: nat64ctl [-s SOCKET] [--json|--csv] COMMAND ...\n\n"
	     "  -s SOCKET          of nat64-ctld (default: " ASK_SOCKET ")\n"
	     "  --json, --csv      for programs\n"
	     "  --version, --help\n\ncommands:");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-7s %-26s %s\n", commands[i].name, commands[i].words, commands[i].help);
	help_shows();
	help_filters(NULL);
	puts("\nexit status: 0 done, 1 failed, 2 wrong usage, 3 no daemon");
	return ASK_DONE;
}

/* Take the options out of argv, wherever they stand. Returns how many words are left, or -1. */
static int
options(int argc, char **argv)
{
	int n = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0 || strcmp(argv[i], "--csv") == 0) {
			ask_format = argv[i] + 2;
		} else if (strcmp(argv[i], "-s") == 0) {
			if (++i == argc)
				return ask_fail(-1, "-s wants a socket");
			ask_socket = argv[i];
		} else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			exit(help(0, NULL));
		} else if (strcmp(argv[i], "--version") == 0) {
			puts("nat64ctl " NAT64_VERSION);
			exit(ASK_DONE);
		} else if (argv[i][0] == '-') {
			return ask_fail(-1, "%s: no such option; see nat64ctl help", argv[i]);
		} else {
			argv[n++] = argv[i];
		}
	}
	return n;
}

int
main(int argc, char **argv)
{
	int n = options(argc, argv);

	signal(SIGPIPE, SIG_IGN);
	if (n < 0)
		return ASK_USAGE;
	if (n == 0)
		return ask_fail(ASK_USAGE, "no command; see nat64ctl help");
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(argv[0], commands[i].name) == 0)
			return commands[i].run(n - 1, argv + 1);
	return ask_fail(ASK_USAGE, "%s: no such command; see nat64ctl help", argv[0]);
}
