/*
 * tenant.h - all that belongs to one tenant: device, region, image, bells
 */
#ifndef SUPERVISOR_TENANT_H
#define SUPERVISOR_TENANT_H

#include <sys/types.h>
#include "supervisor/crew.h"
#include "supervisor/device.h"
#include "supervisor/publish.h"
#include "supervisor/region.h"

struct bulletin;
struct estate_file;
struct estate_tenant;
struct legacy_share;

struct tenant {
	uint32_t number;
	const struct config_tenant *config;	/* in force; replaced by a reload */
	const struct config_gateway *gateway;	/* likewise */
	struct bulletin *bulletin;
	struct estate_file *left;		/* where its workers are noted */
	struct device device;
	struct region region;
	struct publish publish;
	int bell[CONFIG_MAX_WORKERS];		/* eventfds */
	const char *program;			/* nat64-worker */
	struct crew crew;
};

/*
 * Make everything a tenant's workers inherit, as far as share does not have it from a nat64d that was killed; what is used
 * is taken out of share. number, config, gateway, bulletin, left and program are set by the caller. A new region is a file
 * in directory, or with NULL a memfd. Should: hold CAP_NET_ADMIN. Returns 0, or -errno with what was tried in why; then
 * nothing is left.
 */
int tenant_open(struct tenant *t, struct legacy_share *share, const char *directory, char *why, size_t size);

/*
 * Take over what a tenant's workers inherit from before an exec. The caller has set the same as for tenant_open. Returns
 * 0 or -errno.
 */
int tenant_adopt(struct tenant *t, const struct estate_tenant *e);

/* Remove it all. Should: be called when every child is gone, and hold CAP_NET_ADMIN. */
void tenant_close(struct tenant *t);

/* Start a worker as a spare. *assign is the pipe it waits at, owned by the caller. Returns its pid or -errno. */
pid_t tenant_birth(struct tenant *t, int *assign);

/* Wake worker w. */
void tenant_ring(const struct tenant *t, unsigned w);

#endif
