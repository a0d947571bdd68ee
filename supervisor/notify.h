/*
 * notify.h - tell the service manager
 */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

#include <stdbool.h>

/*
 * Send a state, such as "READY=1", to the service manager that started us: the socket named in NOTIFY_SOCKET, if any.
 * Never fails in a way that matters.
 */
void notify_send(const char *state);

/* The same, and a duplicate of fd with it. Returns whether it was sent. */
bool notify_send_fd(const char *state, int fd);

/* Is there a service manager that listens? */
bool notify_heard(void);

#endif
