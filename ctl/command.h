/*
 * command.h - a request on the control socket
 *
 *   request   one line of words: FORMAT show WHAT [FILTER...], or FORMAT pulse. FORMAT: text, json or csv
 *   reply     "ok\n" or "usage\n", then the document or what is wrong, then one NUL byte. A reply without the NUL at
 *             its end is not whole.
 */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include "ctl/show.h"

#define COMMAND_LINE 1024		/* bytes of a request, its newline included */

/*
 * Understand the request and make s ready: for a show, show_turn brings the document; everything else is complete in
 * s->out.buf at once, with s->ended set. line, without its newline, is taken apart. Returns the reply's first line.
 */
const char *command_start(struct show *s, struct view *view, char *line);

#endif
