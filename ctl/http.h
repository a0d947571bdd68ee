/*
 * http.h - /metrics for monitoring systems
 */
#ifndef CTL_HTTP_H
#define CTL_HTTP_H

#include <stdbool.h>
#include "ctl/view.h"

/* Serve on a listening socket; epoll is told of everything that happens there. Call once per listener, at most
 * HTTP_LISTENERS times. Returns 0 or -errno. */
#define HTTP_LISTENERS 4
int http_init(int epoll, uint32_t which, int listener, struct view *view);

/* Let all listeners and connections do what they can do now. */
void http_run(void);

/* How many milliseconds at most until http_run must be called again; -1: only when epoll says so. */
int http_timeout(void);

#endif
