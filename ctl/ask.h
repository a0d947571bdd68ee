/*
 * ask.h - a question to nat64-ctld
 */
#ifndef CTL_ASK_H
#define CTL_ASK_H

#include <stdbool.h>
#include <stdio.h>

#define ASK_SOCKET "/run/nat64/control.sock"
#define ASK_REQUEST 1024		/* bytes of a request, its newline included */

/* Exit statuses of nat64ctl. */
enum ask_status { ASK_DONE, ASK_FAILED, ASK_USAGE, ASK_NO_DAEMON };

/* From the options: the socket, and text, json or csv. */
extern const char *ask_socket, *ask_format;

/* Say on stderr what went wrong. Returns status. */
int ask_fail(enum ask_status status, const char *why, ...) __attribute__((format(printf, 2, 3)));

/* Connect to nat64-ctld. Returns the socket, or -1 with errno set. */
int ask_dial(void);

/* Say why ask_dial failed. Returns an exit status. */
int ask_no_daemon(void);

/* Send all of line. */
bool ask_send(int fd, const char *line);

/* Ask one question and pass the answer on to out. Returns an exit status, and has said why when it is not ASK_DONE. */
int ask(FILE *out, const char *verb, int argc, char **argv);

#endif
