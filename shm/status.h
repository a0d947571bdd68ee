/*
 * status.h - what the supervisor tells the world: processes, deaths, the last reload
 *
 * One memfd, written by nat64d alone, mapped read-only by nat64-ctld. Words are single stores. A text may be torn
 * while it is rewritten; sequence is odd meanwhile, and a reader that cares copies, compares and retries a bounded
 * number of times.
 */
#ifndef SHM_STATUS_H
#define SHM_STATUS_H

#include "shm/atomic.h"
#include "shm/config.h"

#define STATUS_WHY 132
#define STATUS_NETNS 64			/* a network namespace's name with its NUL */
#define STATUS_MAGIC UINT64_C(0x5554415434364e53)

/* Why a worker ended, as `cause` in nat64_worker_restarts_total. */
#define STATUS_CAUSES \
	CAUSE(requested)	/* the supervisor asked it to */ \
	CAUSE(exit)		/* left by itself: could not start, or a bug */ \
	CAUSE(stuck)		/* the supervisor killed it: packets waited and it did nothing */ \
	CAUSE(sigkill) CAUSE(sigsegv) CAUSE(sigbus) CAUSE(sigill) CAUSE(sigfpe) CAUSE(sigabrt) CAUSE(sigsys) \
	CAUSE(other_signal)

enum status_cause {
#define CAUSE(name) STATUS_##name,
	STATUS_CAUSES
#undef CAUSE
	STATUS_N_CAUSES
};

/* The life of a worker slot, as `state` in `show workers`. */
#define STATUS_STATES STATE(starting) STATE(running) STATE(dead) STATE(backoff) STATE(stopped)
enum status_state {
#define STATE(name) STATUS_##name,
	STATUS_STATES
#undef STATE
	STATUS_N_STATES
};

/* Does the kernel put packets into the queue of their worker? As `steering` in `show tenants`. */
#define STATUS_STEERINGS STEERING(off) STEERING(on) STEERING(refused)
enum status_steering {
#define STEERING(name) STATUS_steering_##name,
	STATUS_STEERINGS
#undef STEERING
	STATUS_N_STEERINGS
};

/* May a packet of the device stand for several: none, segments of TCP, datagrams of UDP too? As `offload` in `show tenants`. */
#define STATUS_OFFLOADS OFFLOAD(off) OFFLOAD(tso) OFFLOAD(tso_uso)
enum status_offload {
#define OFFLOAD(name) STATUS_offload_##name,
	STATUS_OFFLOADS
#undef OFFLOAD
	STATUS_N_OFFLOADS
};

/* Does the kernel drop what a worker sends with a source that is not its tenant's? As `guard` in `show tenants`. */
#define STATUS_GUARDS GUARD(off) GUARD(on) GUARD(refused)
enum status_guard {
#define GUARD(name) STATUS_guard_##name,
	STATUS_GUARDS
#undef GUARD
	STATUS_N_GUARDS
};

/* Is the tenant in a cgroup of its own? partial: in one without all controllers. As `cgroup` in `show tenants`. */
#define STATUS_CGROUPS CGROUP(off) CGROUP(on) CGROUP(partial) CGROUP(refused)
enum status_cgroup {
#define CGROUP(name) STATUS_cgroup_##name,
	STATUS_CGROUPS
#undef CGROUP
	STATUS_N_CGROUPS
};

struct status_worker {
	uint32_t pid;			/* 0: none */
	uint32_t state;			/* enum status_state */
	uint32_t restarts[STATUS_N_CAUSES];
	uint64_t died_at;		/* seconds since 1970 of the last death; 0: never died */
	char last_death[64];		/* "sigkill at 2026-11-22T03:33:01Z, pid 123"; empty: never died */
};

struct status_tenant {
	char name[CONFIG_NAME_MAX];
	char device[16];		/* as the kernel named it */
	uint32_t mode;			/* enum config_mode */
	uint32_t workers, spares;	/* slots in use; spares waiting now */
	uint32_t steering;		/* enum status_steering */
	char steering_why[STATUS_WHY];		/* of refused: what was tried, and what the kernel said; otherwise empty */
	uint32_t offload;		/* enum status_offload */
	uint32_t guard;			/* enum status_guard */
	char guard_why[STATUS_WHY];		/* of refused, likewise */
	uint64_t spoofed[2];		/* packets that the guard has dropped for their source: IPv4, IPv6 */
	uint64_t to_host;		/* and for being to the gateway's own addresses */
	uint32_t cgroup;		/* enum status_cgroup */
	char cgroup_why[STATUS_WHY];		/* of partial: what is not there; of refused, as above */
	char netns6[STATUS_NETNS], netns4[STATUS_NETNS];	/* where its sides live; empty: where nat64d does */
	struct status_worker worker[CONFIG_MAX_WORKERS];
};

struct status {
	uint64_t magic;
	uint32_t size;			/* sizeof(struct status), to refuse another build's */
	uint32_t sequence;		/* atomic; odd while texts are being rewritten */
	char version[32];		/* of nat64d */
	uint32_t pid;
	uint32_t generation;		/* of the configuration, from 1 up with every successful reload */
	uint64_t started;		/* seconds since 1970 */
	uint64_t started_boottime;	/* the same moment on CLOCK_BOOTTIME */
	struct {
		uint32_t count;		/* reloads tried; 0: none yet */
		uint32_t ok;
		uint64_t at;		/* seconds since 1970 */
		char message[512];
	} reload;
	char gateway_text[4096];	/* [gateway] as a section of nat64.ini, every key */
	uint32_t tenants;		/* their numbers are below this; where there is none, the name is empty */
	struct status_tenant tenant[CONFIG_MAX_TENANTS];
};

#endif
