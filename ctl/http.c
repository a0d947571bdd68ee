/*
 * http.c - GET /metrics, by libmicrohttpd in our own loop
 *
 * Each listener is an MHD daemon without a thread. MHD watches its sockets with an epoll of its own, and that epoll's
 * descriptor is one more event source of ours. The exposition is written piece by piece into the room MHD has, so
 * a slow reader costs its connection's buffer and no more.
 *
 * MHD reads once for each event. Of a peer that sent a part of a request and closed before it was let in, it learns the
 * end only when the connection's time is over, so that time is short.
 *
 * Must never: start a thread; hold a whole exposition in memory; read a request's body.
 */
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include "ctl/accept.h"
#include "ctl/http.h"

#define CONNECTIONS 32			/* per listener */
#define TIMEOUT_SECONDS 5		/* without a byte in either direction */
#define MEMORY (16 * 1024)		/* per connection: headers and what is being sent */
#define BLOCK 8192			/* of an exposition, rendered at once */

static struct MHD_Daemon *daemons[HTTP_LISTENERS];
static unsigned ndaemons;

static ssize_t
read_metrics(void *metrics, uint64_t pos, char *buf, size_t size)
{
	size_t n = size < METRICS_SAMPLE ? 0 : metrics_render(metrics, buf, size);

	(void)pos;
	return n ? (ssize_t)n : MHD_CONTENT_READER_END_OF_STREAM;
}

static struct MHD_Response *
metrics_response(struct MHD_Connection *c, struct view *view)
{
	const char *accept = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	enum metrics_format format = accept_format(accept);
	struct metrics *m = malloc(sizeof(*m));
	struct MHD_Response *r;

	if (!m)
		return NULL;
	metrics_start(m, view, format);
	r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_metrics, m, free);
	if (!r)
		free(m);
	else
		MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, accept_content_type(format));
	return r;
}

static struct MHD_Response *
text_response(const char *text)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
								 MHD_RESPMEM_PERSISTENT);

	if (r)
		MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; charset=utf-8");
	return r;
}

static enum MHD_Result
answer(void *view, struct MHD_Connection *c, const char *url, const char *method,
	const char *version, const char *upload, size_t *upload_size, void **request)
{
	enum MHD_Result done;
	struct MHD_Response *r;
	unsigned status = MHD_HTTP_OK;

	(void)version;
	(void)upload;
	(void)upload_size;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
		status = MHD_HTTP_METHOD_NOT_ALLOWED;
		r = text_response("only GET and HEAD\n");
		if (r)
			MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	} else if (*request == NULL) {
		*request = daemons;	/* only the headers are here; an answer now would close the connection */
		return MHD_YES;
	} else if (strcmp(url, "/metrics") == 0) {
		r = metrics_response(c, view);
	} else if (strcmp(url, "/") == 0) {
		r = text_response("nat64\n\n/metrics  counters and gauges, Prometheus text or OpenMetrics\n");
	} else {
		status = MHD_HTTP_NOT_FOUND;
		r = text_response("not found; there is /metrics\n");
	}
	if (!r)
		return MHD_NO;
	done = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return done;
}

int
http_init(int epoll, uint32_t which, int listener, struct view *view)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = which };
	const union MHD_DaemonInfo *info;
	struct MHD_Daemon *d;

	if (ndaemons == HTTP_LISTENERS)
		return -ENOSPC;
	d = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer, view, MHD_OPTION_LISTEN_SOCKET, listener,
			     MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_SECONDS,
			     MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY, MHD_OPTION_END);
	if (!d)
		return errno ? -errno : -ENOMEM;
	info = MHD_get_daemon_info(d, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info || epoll_ctl(epoll, EPOLL_CTL_ADD, info->epoll_fd, &e) != 0) {
		MHD_stop_daemon(d);
		return -EIO;
	}
	daemons[ndaemons++] = d;
	return 0;
}

static unsigned
connections(struct MHD_Daemon *d)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(d, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

	return info ? info->num_connections : 0;
}

/*
 * At its limit MHD stops looking at the listening socket, and looks again only when it is run after a connection ended.
 * Nothing else may happen then, so whenever one ended it is run once more.
 */
void
http_run(void)
{
	for (unsigned i = 0; i < ndaemons; i++) {
		unsigned before;

		do {
			before = connections(daemons[i]);
			MHD_run(daemons[i]);
		} while (connections(daemons[i]) < before);
	}
}

int
http_timeout(void)
{
	int least = -1;

	for (unsigned i = 0; i < ndaemons; i++) {
		MHD_UNSIGNED_LONG_LONG ms;

		if (MHD_get_timeout(daemons[i], &ms) == MHD_YES && (least < 0 || ms < (unsigned)least))
			least = ms < 60000 ? (int)ms : 60000;
	}
	return least;
}
