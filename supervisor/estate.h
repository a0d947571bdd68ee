/*
 * estate.h - all that a nat64d leaves to the one that is executed in its place
 */
#ifndef SUPERVISOR_ESTATE_H
#define SUPERVISOR_ESTATE_H

#include "supervisor/gateway.h"

#define ESTATE_MAGIC UINT64_C(0x5453453436344e00)
#define ESTATE_VERSION 1		/* raised when a field changes its meaning; a change of size is noticed by itself */

/* The same in every version, so that a stranger can be told what he is. */
struct estate_head {
	uint64_t magic;
	uint32_t version, size;		/* ESTATE_VERSION; sizeof(struct estate) */
	uint64_t kin;			/* HERITAGE_KIN: how shared memory is laid out */
	char program[32];		/* the version of the nat64d that wrote it */
};

struct estate_tenant {
	struct device device;
	struct steer steer;
	int region, region_ro, image;
	int bell[CONFIG_MAX_WORKERS];
	struct crew crew;
};

/* Plain data: numbers of descriptors and processes stay what they are over an exec, and times are CLOCK_MONOTONIC. */
struct estate {
	struct estate_head head;
	uint32_t pid, cpus;
	struct rundir rundir;
	int control, bulletin;
	uint32_t listeners;
	int metrics[GATEWAY_LISTENERS];
	struct ctld ctld;
	struct reload reload;
	uint32_t tenants;
	struct estate_tenant tenant[CONFIG_MAX_TENANTS];
	struct config config;		/* in force, whatever the file says by now */
};

/* Write down what g holds. Returns a sealed memfd, and where it is mapped in *e; or -errno. */
int estate_write(const struct gateway *g, struct estate **e);

/* Map and check what is in fd. Returns NULL, or what is wrong in a few words. */
const char *estate_read(int fd, struct estate **e);

/* Unmap it. */
void estate_forget(struct estate *e);

/* Let the descriptors live on over an exec, or not. Returns false when one of them is not open. */
bool estate_keep(const struct estate *e, bool keep);

#endif
