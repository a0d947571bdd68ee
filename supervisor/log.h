/*
 * log.h - one line per event on stderr
 */
#ifndef SUPERVISOR_LOG_H
#define SUPERVISOR_LOG_H

#include "shm/config.h"

/*
 * Look where stderr goes: when it is the journal's stream (JOURNAL_STREAM names it), every line begins with <N>, the
 * syslog priority. Call once, before the first log_line.
 */
void log_init(void);

/* Lines above this level are left out; info before the first call. */
void log_level(enum config_log_level level);

/* Write one line. text has no newline of its own; control characters in it are replaced. */
void log_line(enum config_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same at any level, without a word for it: for what scripts wait for. */
void log_always(const char *text);

#endif
