/*
 * notify.h - tell the service manager
 */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

/*
 * Send a state, such as "READY=1", to the service manager that started us: the socket named in NOTIFY_SOCKET, if any.
 * Never fails in a way that matters.
 */
void notify_send(const char *state);

#endif
