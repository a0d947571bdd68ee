/*
 * reader.h - nat64.ini is parsed by a process that has nothing to lose
 */
#ifndef SUPERVISOR_READER_H
#define SUPERVISOR_READER_H

#include <stdbool.h>
#include "supervisor/config.h"

#define READER_OPTION "--read-config"	/* nat64d, as the reader */

/*
 * Read the file of problems->file into *config, as config_read does, but in a process of its own, which becomes uid, if this
 * one is root. uid 0: the one that uid-base has by default. What comes back is believed as far as a line of nat64.ini could
 * have said it. A reader that dies is a problem like any other.
 */
void reader_config(struct config *config, struct problem_list *problems, uint32_t uid);

/* That process: takes what it finds in its descriptors. Returns its exit status. */
int reader_main(const char *uid);

/* What is handed over: one of these, in memory of its own. */
#define READER_TEXT 800
struct reader_image {
	uint32_t done;			/* READER_DONE: all of it is there */
	uint32_t n;			/* problems found; those kept: */
	struct {
		uint32_t line;
		char text[READER_TEXT];
	} problem[PROBLEM_MAX];
	struct config config;
};
#define READER_DONE UINT32_C(0x52656164)

/*
 * Take what a reader, which may be hostile, has left: every number bounded, every text ended, every value as its key allows.
 * Returns false when it is nothing that nat64d's own reader could have written.
 */
bool reader_take(struct config *config, struct problem_list *problems, const struct reader_image *image);

#endif
