/*
 * ask.c - a question to nat64-ctld
 *
 * One line out, one reply back, passed on as it comes; ctl/command.h has the protocol. A reply may be longer than
 * memory, so nothing is collected here.
 *
 * Must never: take a reply for whole without its end mark; wait for ever on a daemon that is silent.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include "ctl/ask.h"

#define SILENCE_SECONDS 20		/* of nat64-ctld in the middle of a reply */

const char *ask_socket = ASK_SOCKET, *ask_format = "text";

int
ask_fail(enum ask_status status, const char *why, ...)
{
	va_list ap;

	fputs("nat64ctl: ", stderr);
	va_start(ap, why);
	vfprintf(stderr, why, ap);
	va_end(ap);
	fputc('\n', stderr);
	return status;
}

int
ask_dial(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const struct timeval patience = { SILENCE_SECONDS, 0 };
	int fd, error;

	if ((size_t)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", ask_socket) >= sizeof(sa.sun_path)) {
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
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

int
ask_no_daemon(void)
{
	if (errno == ENOENT || errno == ECONNREFUSED)
		return ask_fail(ASK_NO_DAEMON, "nobody answers at %s (%s). Is nat64d running? -s names another socket.",
			    ask_socket, strerror(errno));
	if (errno == EACCES)
		return ask_fail(ASK_FAILED, "%s: %s. Root and the members of control-group may ask.", ask_socket,
			    strerror(errno));
	return ask_fail(ASK_FAILED, "%s: %s", ask_socket, strerror(errno));
}

/* Put the words of a request into line, with a newline. False when they do not fit or could not be told apart. */
static bool
build_request(char line[ASK_REQUEST], const char *verb, int argc, char **argv)
{
	size_t n = (size_t)snprintf(line, ASK_REQUEST, "%s %s", ask_format, verb);

	for (int i = 0; i < argc; i++) {
		for (const char *p = argv[i]; *p; p++)
			if ((unsigned char)*p <= ' ' || *p == 0x7f)
				return false;
		if (argv[i][0] == '\0' || n + strlen(argv[i]) + 3 > ASK_REQUEST)
			return false;
		n += (size_t)sprintf(line + n, " %s", argv[i]);
	}
	line[n] = '\n';
	line[n + 1] = '\0';
	return true;
}

bool
ask_send(int fd, const char *line)
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

/* A terminal obeys control characters. A reply has none but newlines; whoever sends others is not nat64-ctld. */
static void
disarm(char *p, const char *end)
{
	for (; p < end; p++)
		if (((unsigned char)*p < ' ' && *p != '\n') || *p == 0x7f)
			*p = '?';
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
		if (n < 0 && errno == EAGAIN)
			return ask_fail(ASK_FAILED, "nat64-ctld has been silent for %d s", SILENCE_SECONDS);
		if (n <= 0)
			return ask_fail(ASK_FAILED, "the reply broke off; nat64-ctld died or dropped the connection");
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
		n = (end ? end : buf + n) - p;
		disarm(p, p + n);
		if (to && fwrite(p, 1, (size_t)n, to) < (size_t)n)
			return errno == EPIPE ? ASK_FAILED : ask_fail(ASK_FAILED, "cannot write: %s", strerror(errno));
		if (end)
			break;
	}
	return to == out ? ASK_DONE : ASK_USAGE;
}

int
ask(FILE *out, const char *verb, int argc, char **argv)
{
	char line[ASK_REQUEST];
	int fd, status;

	if (!build_request(line, verb, argc, argv))
		return ask_fail(ASK_USAGE, "a word is empty, has a blank in it, or there are too many words");
	fd = ask_dial();
	if (fd < 0)
		return ask_no_daemon();
	if (ask_send(fd, line))
		status = read_reply(fd, out);
	else
		status = ask_fail(ASK_FAILED, "%s: %s", ask_socket, strerror(errno));
	close(fd);
	if (fflush(out) != 0 && status == ASK_DONE)
		status = errno == EPIPE ? ASK_FAILED : ask_fail(ASK_FAILED, "cannot write: %s", strerror(errno));
	return status;
}
