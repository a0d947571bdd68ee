/*
 * cause.c - why a worker ended, by what the kernel says of it
 *
 * A worker that leaves because it was asked to, or is killed because it did not, ended as requested; who was killed for doing
 * nothing was stuck. Everything else is what waitid says.
 *
 * Must never: call a death requested that was not.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include "supervisor/cause.h"

static const char *const cause_name[] = {
#define CAUSE(name) #name,
	STATUS_CAUSES
#undef CAUSE
};

enum status_cause
cause_of(int code, int value, const struct crew_slot *slot, char how[32])
{
	static const struct {
		int signal;
		enum status_cause cause;
	} causes[] = {
		{ SIGKILL, STATUS_sigkill }, { SIGSEGV, STATUS_sigsegv }, { SIGBUS, STATUS_sigbus }, { SIGILL, STATUS_sigill },
		{ SIGFPE, STATUS_sigfpe }, { SIGABRT, STATUS_sigabrt }, { SIGSYS, STATUS_sigsys },
	};

	bool killed = code != CLD_EXITED && value == SIGKILL;

	if (slot && ((slot->leaving && code == CLD_EXITED && value == 0) || (slot->pushed && killed))) {
		snprintf(how, 32, "%s", cause_name[STATUS_requested]);
		return STATUS_requested;
	}
	if (slot && slot->stuck && killed) {
		snprintf(how, 32, "%s", cause_name[STATUS_stuck]);
		return STATUS_stuck;
	}
	if (code == CLD_EXITED) {
		snprintf(how, 32, "exit status %d", value);
		return STATUS_exit;
	}
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		if (causes[i].signal == value) {
			snprintf(how, 32, "%s", cause_name[causes[i].cause]);
			return causes[i].cause;
		}
	}
	snprintf(how, 32, "signal %d", value);
	return STATUS_other_signal;
}
