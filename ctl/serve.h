/*
 * serve.h - the connections of the control socket
 */
#ifndef CTL_SERVE_H
#define CTL_SERVE_H

#include "ctl/view.h"

#define SERVE_CONNECTIONS 32

/* What epoll hands back: a connection's number, or one of these. */
enum serve_event { SERVE_LISTENER = SERVE_CONNECTIONS, SERVE_OTHER, SERVE_PARENT };

/* Watch the listening socket with epoll. Returns 0 or -errno. */
int serve_init(int epoll, int listener, struct view *view);

/* An event with data.u32 below SERVE_OTHER came. */
void serve_event(uint32_t which, uint32_t events);

/* Close the connections that have been still for too long. Returns how many are open. */
unsigned serve_expire(void);

#endif
