/*
 * accept.h - which exposition format an HTTP client prefers
 */
#ifndef CTL_ACCEPT_H
#define CTL_ACCEPT_H

#include "ctl/metrics.h"

/* The format that an Accept header asks for; NULL: there was none. Text unless OpenMetrics ranks higher. */
enum metrics_format accept_format(const char *accept);

/* The value of Content-Type. */
const char *accept_content_type(enum metrics_format format);

#endif
