/*
 * calls.c - syscalls.def as filters
 *
 * A filter for a supervisor cannot be a list of what is allowed, as a worker's is. It outlives the program: a newer nat64d
 * that is executed in its place inherits it, cannot shed it, and may need a call that nobody thought of. So do the children,
 * which are born with namespaces, mounts, uids and filters of their own. What is denied is what turns root into the kernel
 * or into other processes, and what exploits are built from; rights that root has by capabilities are bounded by those.
 *
 * Must never: deny what a birth, a reload or an upgrade needs; be installed twice for one list (the estate knows of it).
 */
#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include "supervisor/calls.h"
#include "supervisor/log.h"

/* Calls that are younger than the libseccomp there is: it takes their numbers, and a kernel without them never sees one. */
#ifndef __SNR_open_tree_attr
#define __SNR_open_tree_attr 467
#endif

const struct calls_row calls_denied[] = {
#define DENY(name_, why) { #name_, SCMP_SYS(name_), CALLS_ANY, 0, 0 },
#define DENY_BITS(name_, arg_, bits, why) { #name_, SCMP_SYS(name_), CALLS_BITS, arg_, bits },
#define DENY_IS(name_, arg_, value_, why) { #name_, SCMP_SYS(name_), CALLS_IS, arg_, value_ },
#define DENY_ABOVE(name_, arg_, value_, why) { #name_, SCMP_SYS(name_), CALLS_ABOVE, arg_, value_ },
#include "supervisor/syscalls.def"
};
const size_t calls_n = sizeof(calls_denied) / sizeof(calls_denied[0]);

#ifdef SANITIZED
int
calls_deny(void)
{
	return 0;
}

int
calls_reader(void)
{
	return 0;
}
#else
static const int calls_read[] = {
#define READER(name, why) SCMP_SYS(name),
#include "supervisor/syscalls.def"
};

/* A filter that does this with what no rule names, and kills who calls in another machine's way. Returns 0 or -errno. */
static int
calls_filter(scmp_filter_ctx *filter, uint32_t otherwise)
{
	*filter = seccomp_init(otherwise);
	return *filter ? seccomp_attr_set(*filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) : -ENOMEM;
}

static int
calls_load(scmp_filter_ctx filter, int rc)
{
	if (rc == 0)
		rc = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return rc;
}

static int
calls_rule(scmp_filter_ctx filter, const struct calls_row *row)
{
	struct scmp_arg_cmp arg = { .arg = row->arg, .op = SCMP_CMP_MASKED_EQ, .datum_b = row->value };

	if (row->nr < 0)
		return 0;
	arg.datum_a = row->kind == CALLS_IS ? UINT32_MAX : row->value;
	if (row->kind == CALLS_ABOVE)
		arg.op = SCMP_CMP_GT;
	return seccomp_rule_add_array(filter, SCMP_ACT_KILL_PROCESS, row->nr, row->kind == CALLS_ANY ? 0 : 1, &arg);
}

int
calls_deny(void)
{
	scmp_filter_ctx filter;
	int rc = calls_filter(&filter, SCMP_ACT_ALLOW);

	for (size_t i = 0; i < calls_n && rc == 0; i++)
		rc = calls_rule(filter, &calls_denied[i]);
	return calls_load(filter, rc);
}

int
calls_reader(void)
{
	scmp_filter_ctx filter;
	int rc = calls_filter(&filter, SCMP_ACT_KILL_PROCESS);

	for (size_t i = 0; i < sizeof(calls_read) / sizeof(calls_read[0]) && rc == 0; i++)
		if (calls_read[i] >= 0)
			rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, calls_read[i], 0, NULL);
	return calls_load(filter, rc);
}
#endif

void
calls_shut(uint32_t *version)
{
	int rc;

	if (*version >= CALLS_VERSION)
		return;
	rc = calls_deny();
	if (rc == 0)
		*version = CALLS_VERSION;
	else
		log_line(CONFIG_LOG_WARNING, "nat64d runs without a system call filter: %s", strerror(-rc));
}
