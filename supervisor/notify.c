/*
 * notify.c - tell the service manager
 *
 * The protocol is one datagram of VARIABLE=VALUE lines to the UNIX socket that NOTIFY_SOCKET names; a name that begins
 * with @ is in the abstract namespace. A descriptor travels with it as SCM_RIGHTS. That is all of libsystemd that is needed,
 * so it is not linked.
 *
 * Must never: wait long, or fail a start because nobody listens.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include "supervisor/notify.h"

/* Where to send to. Returns the length of the address, or 0: nowhere. */
static socklen_t
notify_address(struct sockaddr_un *address)
{
	const char *name = getenv("NOTIFY_SOCKET");
	size_t n = name ? strlen(name) : 0;

	if (n < 2 || n >= sizeof(address->sun_path) || (*name != '/' && *name != '@'))
		return 0;
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, name, n);
	if (*name == '@')
		address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

bool
notify_heard(void)
{
	struct sockaddr_un address = { 0 };

	return notify_address(&address) > 0;
}

/* Send it with fd, or with -1 alone. */
static bool
notify_message(const char *state, int fd)
{
	struct sockaddr_un address = { 0 };
	struct iovec text = { (void *)(uintptr_t)state, strlen(state) };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} rights = { 0 };
	struct msghdr m = {
		.msg_name = &address, .msg_namelen = notify_address(&address), .msg_iov = &text, .msg_iovlen = 1,
	};
	struct timeval patience = { .tv_usec = 200000 };	/* for descriptors, of which many may be sent at once */
	int channel;
	bool sent;

	if (m.msg_namelen == 0)
		return false;
	if (fd >= 0) {
		m.msg_control = &rights;
		m.msg_controllen = sizeof(rights.room);
		rights.header = (struct cmsghdr) {
			.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
		};
		memcpy(CMSG_DATA(&rights.header), &fd, sizeof(fd));
	}
	channel = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | (fd < 0 ? SOCK_NONBLOCK : 0), 0);
	if (channel < 0)
		return false;
	setsockopt(channel, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	sent = sendmsg(channel, &m, MSG_NOSIGNAL) >= 0;
	close(channel);
	return sent;
}

void
notify_send(const char *state)
{
	notify_message(state, -1);
}

bool
notify_send_fd(const char *state, int fd)
{
	return notify_message(state, fd);
}
