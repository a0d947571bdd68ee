/*
 * serve.c - the control socket: one line in, one document out
 *
 * Each connection is in one place of a fixed table, with the buffers it will ever need. It first reads a line, then is
 * only written to: when all that was rendered has been taken by the socket, the next turn is rendered, and so on until
 * the document ends. epoll says who can go on; nobody else waits, and a reader that does not read costs its place.
 *
 * When all places are taken the listening socket is not looked at; newcomers wait in its backlog. A request must come
 * within REQUEST_SECONDS. A reply may rest for REPLY_SECONDS, because people page through tables.
 *
 * Must never: block; allocate; keep a place for a peer that is silent for ever.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "ctl/command.h"
#include "ctl/serve.h"

#define REQUEST_SECONDS 5
#define REPLY_SECONDS 600

enum state { CLOSED, READING, WRITING };

struct connection {
	enum state state;
	int fd;
	time_t deadline;
	size_t nline;
	const char *pending;		/* what is to be sent now */
	size_t left;
	bool body, end_mark;		/* what is pending, or was: rendered text; the NUL at the end */
	char line[COMMAND_LINE];
	struct show show;
};

static struct connection connections[SERVE_CONNECTIONS];
static struct view *view;
static int epoll_fd, listener_fd;
static bool listening;

static time_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static int
watch(int fd, int op, uint32_t events, uint32_t which)
{
	struct epoll_event e = { .events = events, .data.u32 = which };

	return epoll_ctl(epoll_fd, op, fd, &e) == 0 ? 0 : -errno;
}

static void
listen_again(bool on)
{
	if (on != listening && watch(listener_fd, EPOLL_CTL_MOD, on ? EPOLLIN : 0, SERVE_LISTENER) == 0)
		listening = on;
}

static void
close_connection(struct connection *c)
{
	close(c->fd);			/* which takes it out of the epoll, too */
	c->state = CLOSED;
	listen_again(true);
}

static void
accept_one(void)
{
	unsigned i = 0;
	int fd;

	while (i < SERVE_CONNECTIONS && connections[i].state != CLOSED)
		i++;
	if (i == SERVE_CONNECTIONS) {
		listen_again(false);
		return;
	}
	fd = accept4(listener_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	if (watch(fd, EPOLL_CTL_ADD, EPOLLIN, i) != 0) {
		close(fd);
		return;
	}
	connections[i].state = READING;
	connections[i].fd = fd;
	connections[i].nline = 0;
	connections[i].deadline = now() + REQUEST_SECONDS;
}

/* A whole line is there, without its newline. */
static void
start_reply(struct connection *c, uint32_t which)
{
	c->pending = command_start(&c->show, view, c->line);
	c->left = strlen(c->pending);
	c->body = c->end_mark = false;
	c->state = WRITING;
	c->deadline = now() + REPLY_SECONDS;
	if (watch(c->fd, EPOLL_CTL_MOD, EPOLLOUT, which) != 0)
		close_connection(c);
}

static void
read_request(struct connection *c, uint32_t which)
{
	ssize_t n = recv(c->fd, c->line + c->nline, sizeof(c->line) - c->nline, 0);
	char *newline;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close_connection(c);
		return;
	}
	newline = memchr(c->line + c->nline, '\n', (size_t)n);
	c->nline += (size_t)n;
	if (newline) {
		*newline = '\0';
		start_reply(c, which);
	} else if (c->nline == sizeof(c->line)) {
		close_connection(c);
	}
}

/* All that was pending is sent: get more. Returns false when the reply is complete, or must break off. */
static bool
next_part(struct connection *c)
{
	struct output *o = &c->show.out;

	if (c->end_mark)
		return false;
	if (c->body)
		output_sent(o);
	c->body = true;
	if (!c->show.ended)
		show_turn(&c->show);
	if (o->failed)
		return false;
	c->pending = o->buf;
	c->left = o->len;
	if (c->left == 0 && c->show.ended) {
		c->pending = "";
		c->left = 1;
		c->end_mark = true;
	}
	return true;
}

static void
write_reply(struct connection *c)
{
	ssize_t n;

	if (c->left == 0 && !next_part(c)) {
		close_connection(c);
		return;
	}
	if (c->left == 0)
		return;				/* a turn that found nothing to show: others first, then on */
	n = send(c->fd, c->pending, c->left, MSG_NOSIGNAL);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			close_connection(c);
		return;
	}
	c->pending += n;
	c->left -= (size_t)n;
	c->deadline = now() + REPLY_SECONDS;
}

int
serve_init(int epoll, int listener, struct view *v)
{
	epoll_fd = epoll;
	listener_fd = listener;
	view = v;
	listening = true;
	return watch(listener, EPOLL_CTL_ADD, EPOLLIN, SERVE_LISTENER);
}

void
serve_event(uint32_t which, uint32_t events)
{
	struct connection *c;

	if (which == SERVE_LISTENER) {
		accept_one();
		return;
	}
	c = &connections[which];
	if (c->state == READING)
		read_request(c, which);
	else if (c->state == WRITING && (events & (EPOLLHUP | EPOLLERR)))
		close_connection(c);
	else if (c->state == WRITING)
		write_reply(c);
}

unsigned
serve_expire(void)
{
	time_t t = now();
	unsigned open = 0;

	for (unsigned i = 0; i < SERVE_CONNECTIONS; i++) {
		if (connections[i].state == CLOSED)
			continue;
		if (connections[i].deadline < t)
			close_connection(&connections[i]);
		else
			open++;
	}
	return open;
}
