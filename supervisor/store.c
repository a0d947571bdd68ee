/*
 * store.c - queues in the keeping of the service manager
 *
 * systemd can hold descriptors for a service and hands them to its next process (FDSTORE=1). A TUN queue that is held so
 * lives when nat64d and all its workers are killed at once, and packets wait in it until the restart. Each queue has a
 * name, TENANT.qN, and TENANT.rN on the second leg of a device, so that the order is kept. FDPOLL=0: otherwise a queue
 * would be dropped for the POLLERR that it shows while its device is down. Only queues are kept. Bells carry nothing,
 * sockets are made again, and memory is in files.
 *
 * systemd gives a descriptor back and keeps its own; the same one sent again is noticed and not kept twice. So after every
 * start all are sent, whether they come from there or not.
 *
 * Must never: close one queue of several that are in use (tun.c); wait for the service manager.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "supervisor/notify.h"
#include "supervisor/store.h"

_Static_assert(STORE_MOST == CONFIG_MAX_TENANTS * DEVICE_LEGS * CONFIG_MAX_WORKERS, "room for all queues");

#define STORE_FIRST 3			/* the number of the first descriptor that is handed over */

static void
store_name(char out[CONFIG_NAME_MAX + 8], const char *tenant, unsigned leg, unsigned w)
{
	snprintf(out, CONFIG_NAME_MAX + 8, "%.31s.%c%u", tenant, leg == 0 ? 'q' : 'r', w % CONFIG_MAX_WORKERS);
}

/* Have it forget all it keeps under a name. */
static void
store_remove(const char *name)
{
	char text[128];

	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	notify_send(text);
}

void
store_open(struct store *s)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
	unsigned long given = fds ? strtoul(fds, NULL, 10) : 0;

	s->n = 0;
	if (!pid || strtoul(pid, NULL, 10) != (unsigned long)getpid())
		given = 0;
	if (given > STORE_MOST)
		given = STORE_MOST;
	for (unsigned long i = 0; i < given; i++) {
		struct store_item *item = &s->item[s->n];
		size_t n = names ? strcspn(names, ":") : 0;

		item->fd = STORE_FIRST + (int)i;
		snprintf(item->name, sizeof(item->name), "%.*s", (int)n, n ? names : "");
		if (names)
			names += n + (names[n] == ':');
		if (fcntl(item->fd, F_SETFD, FD_CLOEXEC) == 0)
			s->n++;
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}

static int
store_find(const struct store *s, const char *tenant, unsigned leg, unsigned w)
{
	char name[CONFIG_NAME_MAX + 8];

	store_name(name, tenant, leg, w);
	for (unsigned i = 0; i < s->n; i++)
		if (s->item[i].fd >= 0 && strcmp(s->item[i].name, name) == 0)
			return s->item[i].fd;
	return -1;
}

bool
store_look(const struct store *s, const char *tenant, unsigned leg, unsigned n, int *queue)
{
	for (unsigned w = 0; w < n; w++) {
		queue[w] = store_find(s, tenant, leg, w);
		if (queue[w] < 0)
			return false;
	}
	return true;
}

void
store_take(struct store *s, const int *queue, unsigned n)
{
	for (unsigned w = 0; w < n; w++)
		for (unsigned i = 0; i < s->n; i++)
			if (s->item[i].fd == queue[w])
				s->item[i].fd = -1;
}

void
store_close(struct store *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		if (s->item[i].fd < 0)
			continue;
		store_remove(s->item[i].name);
		close(s->item[i].fd);
	}
	s->n = 0;
}

bool
store_keep(const char *tenant, const struct device *d)
{
	char name[CONFIG_NAME_MAX + 8], text[128];

	for (unsigned i = 0; i < d->legs * d->queues && notify_heard(); i++) {
		unsigned leg = i / d->queues, w = i % d->queues;

		store_name(name, tenant, leg, w);
		snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
		if (!notify_send_fd(text, d->leg[leg].queue[w]))
			return false;
	}
	return true;
}

void
store_forget(const char *tenant, const struct device *d)
{
	char name[CONFIG_NAME_MAX + 8];

	for (unsigned i = 0; i < d->legs * d->queues && notify_heard(); i++) {
		store_name(name, tenant, i / d->queues, i % d->queues);
		store_remove(name);
	}
}
