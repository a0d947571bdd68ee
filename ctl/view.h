/*
 * view.h - all that nat64-ctld looks at, and the sums it shows
 */
#ifndef CTL_VIEW_H
#define CTL_VIEW_H

#include "shm/shard.h"
#include "supervisor/birth/heritage.h"

struct view {
	const struct status *shared;	/* the supervisor's words, as they change */
	struct status status;		/* our copy, by view_refresh, in which our tenants stand side by side */
	unsigned tenants;		/* status.tenant[t] and tenant[t], t below this */
	uint32_t number[CONFIG_MAX_TENANTS];	/* of tenant t in shared; rising */
	struct heritage_maps tenant[CONFIG_MAX_TENANTS];
};

/* The ports of a pool: total >= used + held, whatever the region says. */
struct view_pool {
	uint64_t total, used, held;
};

/*
 * Copy the shared status, whole if the supervisor lets us within a few tries, and make every text in the copy end.
 * Call it before each burst of looking.
 */
void view_refresh(struct view *v);

/* Seconds of the table of tenant t, the unit of expires. */
uint32_t view_now(const struct view *v, unsigned t);
/* Seconds since the supervisor started. */
uint64_t view_uptime(const struct view *v);

/* The worker slots of tenant t that both the status and the region have. */
unsigned view_workers(const struct view *v, unsigned t);
unsigned view_workers_running(const struct view *v, unsigned t);
/* Restarts of a worker, all causes. */
uint64_t view_restarts(const struct status_worker *w);
/* The BIRTH_ bits of the sandbox layers that worker w of tenant t says it lacks. */
uint32_t view_missing(const struct view *v, unsigned t, unsigned w);

/* What worker w of tenant t says of its last audit; finished is 0 when it says nothing, or nothing that holds still. */
void view_audit(const struct view *v, unsigned t, unsigned w, struct layout_said *copy);
/* The number of the last request to audit tenant t. */
uint32_t view_audit_request(const struct view *v, unsigned t);

/* One cell of tenant t, summed over its workers; of one worker. */
uint64_t view_counter(const struct view *v, unsigned t, enum counters_id c);
uint64_t view_worker_counter(const struct view *v, unsigned t, unsigned w, enum counters_id c);

/* Packets a tenant, or one of its workers, has received from the device: read, or taken over from a dead worker. */
uint64_t view_received(const struct view *v, unsigned t);
uint64_t view_worker_received(const struct view *v, unsigned t, unsigned w);
uint64_t view_verdict(const struct view *v, unsigned t, enum nat64_side from, enum nat64_verdict verdict);
uint64_t view_icmp(const struct view *v, unsigned t, enum nat64_side from, unsigned type_row, unsigned code);
/* All packets of tenant t, both sides, whose verdict has this action. */
uint64_t view_action(const struct view *v, unsigned t, enum nat64_action action);

/* Bindings or sessions of one protocol: alive now, or one of the totals. */
uint64_t view_alive(const struct view *v, unsigned t, enum shard_total created, enum nat64_proto proto);
/* Subscribers of tenant t that have a binding. */
uint64_t view_subscribers(const struct view *v, unsigned t);
uint64_t view_total(const struct view *v, unsigned t, enum shard_total total, enum nat64_proto proto);

/* The pool addresses of tenant t, and the ports of address number a, summed over the shards. */
unsigned view_addresses(const struct view *v, unsigned t);
uint32_t view_address(const struct view *v, unsigned t, unsigned a);
void view_pool(const struct view *v, unsigned t, unsigned a, enum nat64_proto proto, struct view_pool *pool);

const char *view_mode_name(uint32_t mode);
const char *view_state_name(uint32_t state);
const char *view_steering_name(uint32_t steering);
const char *view_offload_name(uint32_t offload);
const char *view_netns_name(const char *netns);	/* of a struct status_tenant, as nat64.ini spells it */
const char *view_guard_name(uint32_t guard);
const char *view_cgroup_name(uint32_t cgroup);
const char *view_cause_name(unsigned cause);

/* A sandbox layer by number, from 0 up; its bit in *bit. NULL behind the last. */
const char *view_layer(unsigned n, uint32_t *bit);

#endif
