/*
 * knell.c - hear that a child will never run again, before the kernel has taken it apart
 *
 * The kernel tells a parent of a death at its very end, when the memory of the dead has been unmapped: milliseconds for a
 * worker, and the more the larger its table is, in which packets wait for a successor. But it says earlier, when a task begins
 * to end, that a system call filter has lost its last user: whoever holds the filter's listener sees it hang up. So each child
 * gets, between fork and exec, a filter that allows everything and has a listener, which goes to nat64d through a socket.
 * Nothing is ever asked through it.
 *
 * Why that can be relied on: a filter is inherited by every thread and child and cannot be shed, so its users are all that can
 * run in the name of this birth; each is let go only where a task ends, when it has its last instruction and its last
 * system call behind it and never comes back. The child has no hand in it: the listener is closed in it by its exec, and the
 * most a child that was taken over can do is to leave somebody behind, which delays the knell until that one ends as well.
 * This is not a suspicion, such as a silent worker gives; it is the same knowledge that waitid gives, of the same kernel.
 *
 * Each descriptor lives in the epoll set and takes itself out: a socket when the listener came or never will, a
 * listener when it has hung up.
 *
 * Must never: tell a number of a child that may still run; wait for a child.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "supervisor/knell.h"

#ifndef SECCOMP_FILTER_FLAG_NEW_LISTENER
#define SECCOMP_FILTER_FLAG_NEW_LISTENER 8
#endif

/* What epoll keeps for us: the descriptor, above it whether it is a listener and not a socket, and above that the number. */
#define KNELL_TIED (UINT64_C(1) << 31)

static int knell_set = -1;

int
knell_open(void)
{
	knell_set = epoll_create1(EPOLL_CLOEXEC);
	return knell_set < 0 ? -errno : knell_set;
}

/* Hear of fd from now on. Closes it when that is not possible. */
static bool
knell_add(int fd, uint64_t what, uint32_t number)
{
	struct epoll_event event = {
		.events = what == KNELL_TIED ? 0 : EPOLLIN, .data.u64 = (uint64_t)number << 32 | what | (uint32_t)fd,
	};

	if (epoll_ctl(knell_set, EPOLL_CTL_ADD, fd, &event) == 0)
		return true;
	close(fd);
	return false;
}

/* Hear no more of fd, also where a child that was just forked still has it, and close it. */
static void
knell_remove(int fd)
{
	epoll_ctl(knell_set, EPOLL_CTL_DEL, fd, NULL);
	close(fd);
}

uint32_t
knell_hang(int *rope)
{
	static uint32_t last;
	int ends[2];

	*rope = -1;
	if (knell_set < 0 || last == UINT32_MAX || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return 0;
	if (!knell_add(ends[0], 0, last + 1)) {
		close(ends[1]);
		return 0;
	}
	*rope = ends[1];
	return ++last;
}

/* A message that carries one descriptor. */
struct knell_letter {
	struct msghdr head;
	struct iovec part;
	char byte;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
};

static void
knell_letter(struct knell_letter *l)
{
	memset(l, 0, sizeof(*l));
	l->part = (struct iovec) { &l->byte, 1 };
	l->head = (struct msghdr) {
		.msg_iov = &l->part, .msg_iovlen = 1, .msg_control = l->control, .msg_controllen = sizeof(l->control),
	};
}

void
knell_tie(int rope)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog filter = { .len = 1, .filter = &allow };
	struct knell_letter l;
	struct cmsghdr *c;
	int listener;

	if (rope < 0)
		return;
	listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
	if (listener < 0)
		return;			/* the other end sees end of file */
	knell_letter(&l);
	c = CMSG_FIRSTHDR(&l.head);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &listener, sizeof(int));
	if (sendmsg(rope, &l.head, MSG_NOSIGNAL) < 0)
		errno = 0;		/* nat64d is gone, and nobody wants to hear */
	close(listener);
}

/* The listener that came through a socket, or -1. */
static int
knell_receive(int socket)
{
	struct knell_letter l;
	struct cmsghdr *c;
	int listener = -1;

	knell_letter(&l);
	if (recvmsg(socket, &l.head, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
		return -1;
	c = CMSG_FIRSTHDR(&l.head);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&listener, CMSG_DATA(c), sizeof(int));
	return listener;
}

uint32_t
knell_tolled(void)
{
	struct epoll_event event;
	int listener;

	while (knell_set >= 0 && epoll_wait(knell_set, &event, 1, 0) == 1) {
		int fd = (int)(event.data.u64 & (KNELL_TIED - 1));
		uint32_t number = (uint32_t)(event.data.u64 >> 32);

		if (event.data.u64 & KNELL_TIED) {
			if (!(event.events & EPOLLHUP))
				return 0;	/* the kernel could not look just now */
			knell_remove(fd);
			return number;
		}
		listener = knell_receive(fd);
		knell_remove(fd);
		if (listener >= 0)
			knell_add(listener, KNELL_TIED, number);
	}
	return 0;
}
