/*
 * bulletin.h - what the supervisor tells the world (shm/status.h)
 */
#ifndef SUPERVISOR_BULLETIN_H
#define SUPERVISOR_BULLETIN_H

#include "shm/status.h"
#include "supervisor/config.h"

struct bulletin {
	int fd_ro;			/* O_RDONLY, for ctl */
	struct status *status;		/* writable, ours alone */
};

/* Make the status region for this configuration, generation 1. Returns 0, or -errno and nothing is left. */
int bulletin_open(struct bulletin *b, const struct config *config);
void bulletin_close(struct bulletin *b);

/*
 * The status region that fd_ro shows is ours, from before an exec. Changes nothing in it. Returns 0, or -errno and
 * fd_ro is not taken.
 */
int bulletin_adopt(struct bulletin *b, int fd_ro);

/* Go on with a new status region after one that is laid out otherwise: what a client compares, and when it all began. */
void bulletin_resume(struct bulletin *b, uint32_t reloads, uint64_t started, uint64_t started_boottime);

/* This program is the one that runs now. */
void bulletin_heir(struct bulletin *b, const struct config *config);

/* The configuration changed: its texts, and the generation if it is a new one. */
void bulletin_config(struct bulletin *b, const struct config *config, bool next);

/* A reload, or another request of the operator's, ended. */
void bulletin_reload(struct bulletin *b, bool ok, const char *message);

/* There is no such tenant any more. */
void bulletin_forget(struct bulletin *b, uint32_t tenant);

/* The tenant works with this configuration, so far as the number of its workers shows. */
void bulletin_tenant(struct bulletin *b, uint32_t tenant, const struct config_tenant *config);

/* The tenant's device has this name and these offloads. */
void bulletin_device(struct bulletin *b, uint32_t tenant, const char *device, enum status_offload offload);

/* The tenant's packets are steered, or not; why tells of refused, and is empty otherwise. */
void bulletin_steering(struct bulletin *b, uint32_t tenant, enum status_steering steering, const char *why);

/* The sources of the tenant's packets are guarded, or not; why tells of refused, and is empty otherwise. */
void bulletin_guard(struct bulletin *b, uint32_t tenant, enum status_guard guard, const char *why);

/* The tenant is in a cgroup of its own, or not; why tells of partial and of refused, and is empty otherwise. */
void bulletin_cgroup(struct bulletin *b, uint32_t tenant, enum status_cgroup cgroup, const char *why);

/* The guard has dropped so many packets: as guard_dropped says it. */
void bulletin_guarded(struct bulletin *b, uint32_t tenant, const uint64_t dropped[3]);

/* Worker w of a tenant has this pid (0: none) and state. */
void bulletin_worker(struct bulletin *b, uint32_t tenant, unsigned w, uint32_t pid, enum status_state state);

/* Worker w of a tenant died of this cause; count and note it. how is the cause in words: "sigsegv", "exit status 3". */
void bulletin_death(struct bulletin *b, uint32_t tenant, unsigned w, uint32_t pid, enum status_cause cause,
		    const char *how);

/* So many spares wait. */
void bulletin_spares(struct bulletin *b, uint32_t tenant, uint32_t spares);

#endif
