/*
 * nat64ctl.c - the operator's command
 *
 * What is to be shown is asked of nat64-ctld over its UNIX socket and passed on as it comes; see ctl/command.h for the
 * protocol. What changes something is a signal to nat64d, sent from here with the operator's own rights, and then
 * watched: nat64-ctld's `pulse` tells reloads and worker processes, so the outcome is what happened, not what was
 * asked for.
 *
 * Whom to signal is the kernel's word, not nat64-ctld's: SO_PEERCRED of the connection names the process that made
 * the socket listen, which is nat64d. A nat64-ctld in other hands cannot make root signal anybody else.
 *
 * Must never: take a reply for whole without its end mark; signal a process that did not open the socket; wait for
 * ever.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SOCKET "/run/nat64/control.sock"
#define REQUEST 1024			/* bytes of a request, its newline included */
#define PULSE (128 * 1024)		/* the longest pulse there can be, and more */
#define WORKERS 1024			/* of all tenants */
#define WAIT_SECONDS 60			/* for the outcome of a signal */
#define POLL_MS 100

enum status { DONE, FAILED, USAGE, NO_DAEMON };

static const char *socket_path = SOCKET, *format = "text";

struct command {
	const char *name, *words, *help;
	int (*run)(int argc, char **argv);
};

static int help(int argc, char **argv);

__attribute__((format(printf, 2, 3))) static int
fail(enum status status, const char *why, ...)
{
	va_list ap;

	fputs("nat64ctl: ", stderr);
	va_start(ap, why);
	vfprintf(stderr, why, ap);
	va_end(ap);
	fputc('\n', stderr);
	return status;
}

/* Connect to nat64-ctld. Returns the socket, or -1 with errno set. */
static int
dial(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, error;

	if ((size_t)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", socket_path) >= sizeof(sa.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/* Say why dial failed. */
static int
no_daemon(void)
{
	if (errno == ENOENT || errno == ECONNREFUSED)
		return fail(NO_DAEMON, "nobody answers at %s (%s). Is nat64d running? -s names another socket.",
			    socket_path, strerror(errno));
	if (errno == EACCES)
		return fail(FAILED, "%s: %s. Root and the members of control-group may ask.", socket_path,
			    strerror(errno));
	return fail(FAILED, "%s: %s", socket_path, strerror(errno));
}

/* Put the words of a request into line, with a newline. False when they do not fit or could not be told apart. */
static bool
build_request(char line[REQUEST], const char *verb, int argc, char **argv)
{
	size_t n = (size_t)snprintf(line, REQUEST, "%s %s", format, verb);

	for (int i = 0; i < argc; i++) {
		for (const char *p = argv[i]; *p; p++)
			if ((unsigned char)*p <= ' ' || *p == 0x7f)
				return false;
		if (argv[i][0] == '\0' || n + strlen(argv[i]) + 3 > REQUEST)
			return false;
		n += (size_t)sprintf(line + n, " %s", argv[i]);
	}
	line[n] = '\n';
	line[n + 1] = '\0';
	return true;
}

static bool
send_all(int fd, const char *line)
{
	size_t left = strlen(line);

	while (left) {
		ssize_t n = send(fd, line, left, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		line += n;
		left -= (size_t)n;
	}
	return true;
}

/*
 * Read the reply: its first line decides whether it goes to out or is somebody's usage error, the NUL at its end
 * whether it is whole.
 */
static int
read_reply(int fd, FILE *out)
{
	char buf[65536], first[16];
	size_t nfirst = 0;
	FILE *to = NULL;
	ssize_t n;

	for (;;) {
		char *p = buf, *end;

		n = recv(fd, buf, sizeof(buf), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(FAILED, "the reply broke off; nat64-ctld died or dropped the connection");
		while (!to && p < buf + n) {
			if (*p == '\n') {
				first[nfirst] = '\0';
				to = strcmp(first, "ok") == 0 ? out : stderr;
				if (to == stderr)
					fputs("nat64ctl: ", stderr);
			} else if (nfirst + 1 < sizeof(first)) {
				first[nfirst++] = *p;
			}
			p++;
		}
		end = memchr(p, '\0', (size_t)(buf + n - p));
		if (to && fwrite(p, 1, (size_t)((end ? end : buf + n) - p), to) < (size_t)((end ? end : buf + n) - p))
			return errno == EPIPE ? FAILED : fail(FAILED, "cannot write: %s", strerror(errno));
		if (end)
			break;
	}
	return to == out ? DONE : USAGE;
}

/* Ask one question and pass the answer to out. */
static int
ask(FILE *out, const char *verb, int argc, char **argv)
{
	char line[REQUEST];
	int fd, status;

	if (!build_request(line, verb, argc, argv))
		return fail(USAGE, "a word is empty, has a blank in it, or there are too many words");
	fd = dial();
	if (fd < 0)
		return no_daemon();
	if (send_all(fd, line))
		status = read_reply(fd, out);
	else
		status = fail(FAILED, "%s: %s", socket_path, strerror(errno));
	close(fd);
	if (fflush(out) != 0 && status == DONE)
		status = errno == EPIPE ? FAILED : fail(FAILED, "cannot write: %s", strerror(errno));
	return status;
}

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
	return can_show(argc, argv) ? ask(stdout, "show", argc, argv) : USAGE;
}

static void
sleep_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
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
			return fail(USAGE, "%s: not a number of seconds", argv[0]);
		argc--, argv++;
	}
	if (!can_show(argc, argv))
		return USAGE;
	for (;;) {
		FILE *whole = open_memstream(&text, &size);	/* first all of it: a screen must not flicker */
		int status = whole ? ask(whole, "show", argc, argv) : fail(FAILED, "%s", strerror(errno));

		if (whole)
			fclose(whole);
		if (status != DONE) {
			free(text);
			return status;
		}
		if (isatty(STDOUT_FILENO))
			fputs("\033[H\033[2J", stdout);
		fwrite(text, 1, size, stdout);
		free(text);
		if (fflush(stdout) != 0)
			return FAILED;
		sleep_ms(seconds * 1000);
	}
}

/* What came of a signal so far, from a pulse. */
struct pulse {
	pid_t pid;			/* of nat64d; the kernel's word */
	char version[64], message[600];
	unsigned reloads, reload_ok, nworkers, running;
	struct {
		long pid;
	} worker[WORKERS];
};

static void
parse_pulse(struct pulse *p, char *text)
{
	char *rest = NULL, state[32];

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, "worker ", 7) == 0 && p->nworkers < WORKERS) {
			if (sscanf(line, "worker %*s %ld %31s", &p->worker[p->nworkers].pid, state) != 2)
				continue;
			p->running += strcmp(state, "running") == 0;
			p->nworkers++;
		} else if (strncmp(line, "reload ", 7) == 0) {
			sscanf(line, "reload %u %u %599[^\n]", &p->reloads, &p->reload_ok, p->message);
		} else if (strncmp(line, "version ", 8) == 0) {
			snprintf(p->version, sizeof(p->version), "%s", line + 8);
		}
	}
}

/* Ask for the pulse. Returns an exit status; only the first time, when `say` is set, is a failure reported. */
static int
take_pulse(struct pulse *p, bool say)
{
	static char text[PULSE];
	struct ucred peer;
	socklen_t size = sizeof(peer);
	size_t n = 0;
	ssize_t got = 0;
	int fd = dial();

	memset(p, 0, sizeof(*p));
	if (fd < 0)
		return say ? no_daemon() : NO_DAEMON;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 1)
		p->pid = peer.pid;
	if (send_all(fd, "text pulse\n"))
		while (n + 1 < sizeof(text) && (got = recv(fd, text + n, sizeof(text) - 1 - n, 0)) > 0)
			n += (size_t)got;
	close(fd);
	if (n < 4 || text[n - 1] != '\0' || strncmp(text, "ok\n", 3) != 0)
		return say ? fail(FAILED, "nat64-ctld does not say how nat64d is") : FAILED;
	parse_pulse(p, text + 3);
	if (p->pid == 0)
		return say ? fail(FAILED, "the kernel does not say who opened %s", socket_path) : FAILED;
	return DONE;
}

/* Take a first pulse and send nat64d a signal. */
static int
signal_daemon(struct pulse *before, int number)
{
	int status = take_pulse(before, true);

	if (status != DONE)
		return status;
	if (kill(before->pid, number) == 0)
		return DONE;
	if (errno == EPERM)
		return fail(FAILED, "not allowed to signal nat64d (pid %d); try as root", (int)before->pid);
	return fail(FAILED, "cannot signal nat64d (pid %d): %s", (int)before->pid, strerror(errno));
}

/* Pulse until outcome() returns something else than -1, at most WAIT_SECONDS. */
static int
await(const struct pulse *before, const char *what, int (*outcome)(const struct pulse *before, const struct pulse *now))
{
	static struct pulse now;

	for (int i = 0; i < WAIT_SECONDS * 1000 / POLL_MS; i++) {
		int status = take_pulse(&now, false), end;

		if (status == DONE) {
			end = outcome(before, &now);
			if (end >= 0)
				return end;
		} else if (kill(before->pid, 0) != 0 && errno == ESRCH) {
			return fail(FAILED, "nat64d (pid %d) is gone; its log says why", (int)before->pid);
		}
		sleep_ms(POLL_MS);
	}
	return fail(FAILED, "%s has not come to an end in %d s; nat64d goes on, see nat64ctl show workers", what,
		    WAIT_SECONDS);
}

static int
reloaded(const struct pulse *before, const struct pulse *now)
{
	if (now->reloads == before->reloads)
		return -1;
	if (!now->reload_ok)
		return fail(FAILED, "reload failed, the old configuration stays: %s", now->message);
	printf("reloaded%s%s\n", now->message[0] ? ": " : "", now->message);
	return DONE;
}

static bool
had(const struct pulse *p, long pid)
{
	for (unsigned i = 0; i < p->nworkers; i++)
		if (p->worker[i].pid == pid)
			return true;
	return false;
}

/* Are all workers running, and all of them others than before? */
static bool
all_new(const struct pulse *before, const struct pulse *now)
{
	if (now->nworkers == 0 || now->running < now->nworkers)
		return false;
	for (unsigned i = 0; i < now->nworkers; i++)
		if (had(before, now->worker[i].pid))
			return false;
	return true;
}

static int
restarted(const struct pulse *before, const struct pulse *now)
{
	if (!all_new(before, now))
		return -1;
	printf("restarted %u workers\n", now->nworkers);
	return DONE;
}

static int
upgraded(const struct pulse *before, const struct pulse *now)
{
	if (!all_new(before, now))
		return -1;
	printf("upgraded from %s to %s, %u workers\n", before->version, now->version, now->nworkers);
	return DONE;
}

static struct pulse first;

static int
reload(int argc, char **argv)
{
	int status;

	(void)argv;
	if (argc > 0)
		return fail(USAGE, "reload takes no words");
	status = signal_daemon(&first, SIGHUP);
	return status == DONE ? await(&first, "the reload", reloaded) : status;
}

static int
restart(int argc, char **argv)
{
	int status;

	if (argc > 0)
		return fail(USAGE, "%s: one tenant cannot be restarted alone; without a name all are, in turn",
			    argv[0]);
	status = signal_daemon(&first, SIGUSR1);
	return status == DONE ? await(&first, "the restart", restarted) : status;
}

static int
upgrade(int argc, char **argv)
{
	int status;

	(void)argv;
	if (argc > 0)
		return fail(USAGE, "upgrade takes no words");
	status = signal_daemon(&first, SIGUSR2);
	return status == DONE ? await(&first, "the upgrade", upgraded) : status;
}

static int
stop(int argc, char **argv)
{
	int status;

	(void)argv;
	if (argc > 0)
		return fail(USAGE, "stop takes no words");
	status = signal_daemon(&first, SIGTERM);
	for (int i = 0; i < WAIT_SECONDS * 1000 / POLL_MS && status == DONE; i++) {
		if (kill(first.pid, 0) != 0 && errno == ESRCH) {
			puts("stopped");
			return DONE;
		}
		sleep_ms(POLL_MS);
	}
	if (status == DONE)
		status = fail(FAILED, "nat64d (pid %d) has not ended in %d s", (int)first.pid, WAIT_SECONDS);
	return status;
}

static const struct command commands[] = {
	{ "show", "WHAT [FILTER...]", "print a table", show },
	{ "watch", "[SECONDS] WHAT [FILTER...]", "print it every 2 seconds until interrupted", watch },
	{ "reload", "", "read the configuration again; traffic goes on", reload },
	{ "restart", "", "restart the workers one by one; no packet is lost", restart },
	{ "upgrade", "", "go over to the installed binaries; bindings stay", upgrade },
	{ "stop", "", "stop nat64d and remove what it made", stop },
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
		return DONE;
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
		return DONE;
	}
	if (argc > 0)
		return fail(USAGE, "%s: neither a command nor something to show; see nat64ctl help", argv[0]);
	puts("usage: nat64ctl [-s SOCKET] [--json|--csv] COMMAND ...\n\n"
	     "  -s SOCKET          of nat64-ctld (default: " SOCKET ")\n"
	     "  --json, --csv      for programs\n"
	     "  --version, --help\n\ncommands:");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-7s %-26s %s\n", commands[i].name, commands[i].words, commands[i].help);
	help_shows();
	help_filters(NULL);
	puts("\nexit status: 0 done, 1 failed, 2 wrong usage, 3 no daemon");
	return DONE;
}

/* Take the options out of argv, wherever they stand. Returns how many words are left, or -1. */
static int
options(int argc, char **argv)
{
	int n = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0 || strcmp(argv[i], "--csv") == 0) {
			format = argv[i] + 2;
		} else if (strcmp(argv[i], "-s") == 0) {
			if (++i == argc)
				return fail(-1, "-s wants a socket");
			socket_path = argv[i];
		} else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			exit(help(0, NULL));
		} else if (strcmp(argv[i], "--version") == 0) {
			puts("nat64ctl " NAT64_VERSION);
			exit(DONE);
		} else if (argv[i][0] == '-') {
			return fail(-1, "%s: no such option; see nat64ctl help", argv[i]);
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
		return USAGE;
	if (n == 0)
		return fail(USAGE, "no command; see nat64ctl help");
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(argv[0], commands[i].name) == 0)
			return commands[i].run(n - 1, argv + 1);
	return fail(USAGE, "%s: no such command; see nat64ctl help", argv[0]);
}
