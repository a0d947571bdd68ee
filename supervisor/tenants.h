/*
 * tenants.h - the set of tenants: how one comes to be, is in force, and goes
 *
 *   start    NONE ─▶ STAYS                           tenants_open
 *   reload   NONE ─▶ MADE ─▶ JOINS ─▶ STAYS          tenants_join, then tenants_commit; or tenants_revoke: ─▶ LEAVES
 *            STAYS ─▶ LEAVES ─▶ NONE                 tenants_commit, then tenants_tick
 *
 * From before it has a worker until nothing of it is left, a tenant is in the estate.
 */
#ifndef SUPERVISOR_TENANTS_H
#define SUPERVISOR_TENANTS_H

#include "supervisor/number.h"
#include "supervisor/tenant.h"

struct gateway;

/* Their names, by number. */
void tenants_names(struct gateway *g, struct number_names *names);

/*
 * At the start: make all tenants of g->config, as far as g->legacy has nothing of them, and write the estate. Should: hold
 * CAP_NET_ADMIN, CAP_BPF. Returns 0, or -errno with what was tried, and what the kernel said, in why; then tenants_close gives
 * back what was made.
 */
int tenants_open(struct gateway *g, char *why, size_t size);

/* At the start: have the workers born. Returns bit t for each tenant t whose bindings are being brought over. */
uint64_t tenants_start(struct gateway *g, uint64_t now);

/* Tenant `number` goes on in this process, which another program was executed in. Returns it, to be filled by tenant_adopt. */
struct tenant *tenants_adopt(struct gateway *g, uint32_t number);

/*
 * One step towards tenants that g->other names and that are not there yet: each gets all it needs, but its routes while one to
 * be removed has one of them. Short, for others may need us meanwhile. Returns 0 when all of them work, 1 to be called
 * again, or -1 with what is in the way in why.
 */
int tenants_join(struct gateway *g, uint64_t now, char *why, size_t size);

/*
 * Take the routes of those away that g->other does not name, and add those that somebody who joins still lacks. Returns 0; or
 * -1 with what is in the way in why, and the routes are as they were.
 */
int tenants_route(struct gateway *g, char *why, size_t size);

/* g->config, the new one, is in force: who joins stays, and who is not in it leaves. Returns whether there is any such. */
bool tenants_commit(struct gateway *g, uint64_t now);

/* Who was made or joins leaves again. */
void tenants_revoke(struct gateway *g, uint64_t now);

/* Do what is due for those that leave. Returns whether there are any. */
bool tenants_tick(struct gateway *g, uint64_t now);

/* What nat64d had of any of them goes. Should: be called when every child is gone, and hold CAP_NET_ADMIN. */
void tenants_close(struct gateway *g);

#endif
