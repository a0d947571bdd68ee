/*
 * caps.c - what nat64d may do, and when
 *
 * nat64d is root, but an error in it should find as little power in effect as possible. So the effective set is empty
 * except inside named brackets, which make it visible in the code where power is used, and the permitted and bounding
 * sets hold only what starting, and later replacing, children takes. securebits stay as they are: children are
 * executed as root and get the bounding set, which birth_isolate needs for a moment. So does a newer nat64d that is
 * executed in this one's place: the bounding set is what it needs, too, so an upgrade never has more than a start left.
 *
 * Must never: go on with more than asked for. If the kernel refuses to change the sets of a process that may reduce
 * its own, something is deeply wrong, and the process ends.
 */
#include <cap-ng.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "supervisor/caps.h"

static const struct {
	unsigned capability;
	unsigned bracket;		/* bits of enum caps_bracket */
	const char *name;
} caps_table[] = {
#define CAP(capability, bracket, why) { capability, bracket, #capability },
	CAPS_TABLE
#undef CAP
};
#define CAPS_MAY_MISS (CAPS_STEER | CAPS_TAKE | CAPS_SHARE | CAPS_FILES)
#define CAPS_N (sizeof(caps_table) / sizeof(caps_table[0]))

static unsigned caps_kept;		/* brackets whose capabilities are permitted; 0: caps_init was not called */
static unsigned caps_open;		/* brackets that are open */

bool
caps_complete(char *missing, size_t size)
{
	size_t at = 0;

	snprintf(missing, size, "%s", "");
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_get_caps_process() != 0)
		return false;
	for (size_t i = 0; i < CAPS_N; i++)
		if (!(caps_table[i].bracket & CAPS_MAY_MISS) && at < size &&
		    !capng_have_capability(CAPNG_PERMITTED, caps_table[i].capability))
			at += (size_t)snprintf(missing + at, size - at, "%s%s", at ? " " : "", caps_table[i].name);
	return at == 0;
}

/* Make the kernel's sets: those of caps_kept permitted, those of effective effective; select as in libcap-ng. */
static int
caps_apply(unsigned effective, capng_select_t select)
{
	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; i < CAPS_N; i++) {
		unsigned type = 0;

		if (caps_table[i].bracket & caps_kept)
			type = CAPNG_PERMITTED | CAPNG_BOUNDING_SET;
		if (caps_table[i].bracket & caps_kept & effective)
			type |= CAPNG_EFFECTIVE;
		if (type && capng_update(CAPNG_ADD, (capng_type_t)type, caps_table[i].capability) != 0)
			return -EPERM;
	}
	return capng_apply(select) == 0 ? 0 : -EPERM;
}

/* bracket if the process has the capability it takes, or 0. */
static unsigned
caps_if(unsigned capability, enum caps_bracket bracket)
{
	capng_clear(CAPNG_SELECT_BOTH);
	return capng_get_caps_process() == 0 && capng_have_capability(CAPNG_PERMITTED, capability) ? bracket : 0;
}

int
caps_init(void)
{
	int rc;

	caps_kept = CAPS_NETWORK | CAPS_START | CAPS_SIGNAL | CAPS_BIRTH | CAPS_ENTER | caps_if(CAP_BPF, CAPS_STEER) |
		    caps_if(CAP_DAC_READ_SEARCH, CAPS_FILES) | caps_if(CAP_SYS_PTRACE, CAPS_TAKE) |
		    caps_if(CAP_SYS_CHROOT, CAPS_SHARE);
	rc = caps_apply(CAPS_BIRTH, CAPNG_SELECT_BOTH);
	return rc == 0 ? caps_apply(0, CAPNG_SELECT_CAPS) : rc;
}

int
caps_inherit(void)
{
	caps_kept = CAPS_NETWORK | CAPS_SIGNAL | CAPS_BIRTH | CAPS_ENTER | caps_if(CAP_BPF, CAPS_STEER) |
		    caps_if(CAP_DAC_READ_SEARCH, CAPS_FILES) | caps_if(CAP_SYS_CHROOT, CAPS_SHARE);
	return caps_apply(0, CAPNG_SELECT_CAPS);
}

void
caps_raise(unsigned brackets)
{
	if (caps_kept && caps_apply(brackets, CAPNG_SELECT_CAPS) != 0)
		abort();
	caps_open = brackets;
}

unsigned
caps_also(unsigned brackets)
{
	unsigned open = caps_open;

	caps_raise(open | brackets);
	return open;
}

void
caps_drop(void)
{
	int saved = errno;

	if (caps_kept && caps_apply(0, CAPNG_SELECT_CAPS) != 0)
		abort();
	caps_open = 0;
	errno = saved;
}

int
caps_settle(void)
{
	int rc;

	caps_raise(CAPS_BIRTH);			/* dropping from the bounding set takes CAP_SETPCAP */
	caps_kept &= ~(unsigned)(CAPS_START | CAPS_TAKE);
	rc = caps_apply(CAPS_BIRTH, CAPNG_SELECT_BOTH);
	caps_drop();
	return rc;
}
