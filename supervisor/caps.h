/*
 * caps.h - what nat64d may do, and when
 *
 * Between caps_init and the end, nat64d holds the capabilities below as permitted and none as effective, except
 * between a caps_raise and the next caps_drop. The bounding set is the same, so no child and no later exec ever has
 * more.
 */
#ifndef SUPERVISOR_CAPS_H
#define SUPERVISOR_CAPS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * CAP(capability, bracket, why). The capabilities of CAPS_BIRTH and CAPS_SHARE are for children: exec gives a root
 * process its bounding set, birth_isolate uses them once and gives them up. nat64d itself raises them only in
 * child_open, and to reduce its own; and the one of CAPS_ENTER in netns.c.
 */
#define CAPS_TABLE \
	CAP(CAP_NET_ADMIN, CAPS_NETWORK, "create TUN devices, set links and routes") \
	CAP(CAP_BPF, CAPS_STEER, "load the program that steers packets to their worker; may be missing") \
	CAP(CAP_NET_BIND_SERVICE, CAPS_START, "listen for /metrics on a port below 1024") \
	CAP(CAP_DAC_READ_SEARCH, CAPS_FILES, "read files and run programs where root has no right to them; may be missing") \
	CAP(CAP_SYS_PTRACE, CAPS_TAKE, "take the queues back from workers that a killed nat64d left") \
	CAP(CAP_KILL, CAPS_SIGNAL, "signal children, which have uids of their own") \
	CAP(CAP_SYS_ADMIN, CAPS_BIRTH | CAPS_ENTER, "children: leave the namespaces; nat64d: enter those of tenants") \
	CAP(CAP_SYS_CHROOT, CAPS_SHARE, "children: enter the mount namespace they share; may be missing") \
	CAP(CAP_SETUID, CAPS_BIRTH, "children: take their own uid") \
	CAP(CAP_SETGID, CAPS_BIRTH | CAPS_START, "children: take their own gid, no other group; the control socket's group") \
	CAP(CAP_SETPCAP, CAPS_BIRTH, "children: empty their bounding set and lock it; nat64d: reduce its own")

enum caps_bracket {
	CAPS_NETWORK = 1, CAPS_START = 2, CAPS_FILES = 4, CAPS_SIGNAL = 8, CAPS_BIRTH = 16, CAPS_STEER = 32,
	/* CAPS_FILES may be missing: then root reads what is root's */
	CAPS_TAKE = 64,			/* may be missing (containers): then those queues are opened anew */
	CAPS_SHARE = 128,		/* may be missing: then each child makes a mount namespace of its own */
	CAPS_ENTER = 256		/* only around setns() into the network namespace of a tenant, and back */
};

/*
 * Write the names of the capabilities that the process does not have and cannot do without. Returns true when there
 * is none missing.
 */
bool caps_complete(char *missing, size_t size);

/* Keep the capabilities of the table, permitted only. Returns 0 or -errno. */
int caps_init(void);

/*
 * Instead of caps_init and caps_settle, for a nat64d that a nat64d executed: the kernel gave it, being root, the
 * whole bounding set, which is what that one had after caps_settle, as permitted and effective. Returns 0 or
 * -errno.
 */
int caps_inherit(void);

/* Open a bracket (one or more bits) and close whatever is open. Brackets do not nest. Exits when the kernel refuses. */
void caps_raise(unsigned brackets);
void caps_drop(void);

/* Open a bracket beside what is open. Returns what was open, to be given to caps_raise when it is over. */
unsigned caps_also(unsigned brackets);

/* Start-up is over: give up those of CAPS_START and CAPS_TAKE for ever. Returns 0 or -errno. */
int caps_settle(void);

#endif
