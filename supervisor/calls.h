/*
 * calls.h - what nat64d may ask of the kernel
 */
#ifndef SUPERVISOR_CALLS_H
#define SUPERVISOR_CALLS_H

#include <stddef.h>
#include <stdint.h>

#define CALLS_VERSION 2			/* of the rows of syscalls.def that deny */

enum calls_kind { CALLS_ANY, CALLS_BITS, CALLS_IS, CALLS_ABOVE };

struct calls_row {
	const char *name;
	int nr;				/* negative: this machine has no such call */
	enum calls_kind kind;		/* which calls of that number are denied */
	unsigned arg;
	uint32_t value;
};

/* What syscalls.def denies. */
extern const struct calls_row calls_denied[];
extern const size_t calls_n;

/*
 * From here on a call that is denied kills this process, its children and whatever they execute, and none of them gains a
 * right by an exec. In a sanitizer build nothing happens, for it needs some of them. Returns 0 or -errno.
 */
int calls_deny(void);

/*
 * calls_deny, unless CALLS_VERSION or more is in force already (*version, 0: nothing is), which a nat64d inherits. Sets
 * *version; says so when the kernel refuses, and goes on.
 */
void calls_shut(uint32_t *version);

/* From here on any call but those of the reader's rows kills the process. Likewise. */
int calls_reader(void);

#endif
