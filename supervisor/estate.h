/*
 * estate.h - what a nat64d leaves to the next one: a file in the run directory that is always right
 *
 * Both kinds of successor read it: the one that is executed in its place (supervisor/upgrade.c), to which numbers of
 * descriptors and children mean what they meant before, and the one that is started after its death
 * (supervisor/legacy.c), to which only the rest does.
 *
 *   head      says where the others are, how many, how large a piece is   the same in every version
 *   children  one word per child (supervisor/orphan.h)                    each stored at once, whenever it changes
 *   gateway   struct estate_gateway
 *   tenants   struct estate_tenant, by the number of the tenant; all zero where there is none
 *   text      the configuration in force, as nat64.ini would say it, with its tenants in the same order
 *
 * A later version adds fields at the end of the structs and keys to the text, and both directions stay readable: of a longer
 * piece the rest is not read, of a shorter one the rest is zero, and an unknown key is passed over with a warning.
 *
 * During a reload tenants that are to be added, and those that leave, stand among the others: whoever has processes is named.
 * Which of them are to live on is not for the estate to say, but for nat64.ini.
 *
 * The region that is named is always one that has all of the tenant's bindings. While workers bring them over into a new one
 * that nobody could go on without, that is the old one; then kin is 0, and whoever reads it brings them over once more.
 */
#ifndef SUPERVISOR_ESTATE_H
#define SUPERVISOR_ESTATE_H

#include "supervisor/config.h"
#include "supervisor/device.h"
#include "supervisor/region.h"
#include "supervisor/steer.h"

#define ESTATE_MAGIC UINT64_C(0x5453453436344e00)
#define ESTATE_VERSION 2		/* raised when something that was there before changes its meaning or place */
#define ESTATE_APART 3			/* this, when a tenant has a network namespace, which older ones would pass over */
#define ESTATE_LISTENERS 4		/* as many as config.def allows */
#define ESTATE_SPARES 40		/* spares, and former ones on their way home */
#define ESTATE_MOST (64u << 20)		/* bytes; a file that is longer is none of ours */

/* The children: nat64-ctld, then the workers of each tenant by their slots. */
#define ESTATE_CTLD 0
#define ESTATE_WORKER(tenant, w) (1 + (tenant) * CONFIG_MAX_WORKERS + (w))
#define ESTATE_CHILDREN ESTATE_WORKER(CONFIG_MAX_TENANTS, 0)

/* n pieces of size bytes each, one after the other, from byte `at` of the file on. */
struct estate_part {
	uint32_t at, size, n;
};

struct estate_head {
	uint64_t magic;
	uint32_t version, size;		/* ESTATE_VERSION; of the whole file */
	uint64_t kin;			/* HERITAGE_KIN: how shared memory is laid out; 0: regions are to be brought over */
	char program[32];		/* the version of the nat64d that wrote it */
	uint64_t sum;			/* over the whole file but for this word and the children */
	struct estate_part children, gateway, tenants, text;
};

struct estate_gateway {
	char boot[40];			/* the kernel's boot_id: after a reboot nothing here is true */
	uint64_t pid_space;		/* the pid namespace that the children's pids are from */
	uint32_t pid, cpus;
	int32_t lock, control, bulletin;	/* descriptors */
	uint32_t listeners;
	int32_t metrics[ESTATE_LISTENERS];
	uint32_t ctld, ctld_up;		/* pid; does it serve? */
	uint32_t reloads;		/* of struct status, for one that is laid out otherwise: how many were tried */
	uint32_t denied;		/* CALLS_VERSION of the filter in force; 0: there is none */
	uint64_t started, started_boottime;
	uint32_t cgroup, unused;	/* 1: it lives in a leaf of the cgroup that it was given (cgroup.h) */
};

/* What an heir by exec has to know of a worker. */
#define ESTATE_LEAVING 1
#define ESTATE_PUSHED 2
#define ESTATE_STUCK 4
#define ESTATE_CRASHED 8
struct estate_slot {
	uint32_t pid;			/* 0: nobody */
	uint32_t flags;			/* ESTATE_ bits */
};

struct estate_tenant {
	char name[CONFIG_NAME_MAX];
	char device[16];
	uint32_t index, queues;		/* of the device: as many queues as the configuration has workers */
	char region[REGION_FILE];	/* its file in the run directory; empty: it has none */
	uint64_t region_sum;
	int32_t region_fd, region_ro, image;	/* descriptors */
	int32_t bell[CONFIG_MAX_WORKERS], queue[CONFIG_MAX_WORKERS];
	struct estate_slot slot[CONFIG_MAX_WORKERS];
	uint32_t spares, spare[ESTATE_SPARES];	/* pids */
	struct steer steer;
	uint32_t legs, index4;		/* of the device; index and queue are of the first leg. 0: from one that knew no legs */
	int32_t queue4[CONFIG_MAX_WORKERS];	/* of the second leg */
	int32_t netns[2];		/* of each leg: a descriptor, or NETNS_OWN */
	uint64_t netns_number[2];	/* which namespaces; 0: not known */
};

/* As it was read; all text is terminated, every count in its bounds. */
struct estate {
	struct estate_head head;
	uint64_t child[ESTATE_CHILDREN];
	struct estate_gateway gateway;
	uint32_t tenants;
	struct estate_tenant tenant[CONFIG_MAX_TENANTS];	/* by number, as in config: see estate_has */
	struct config config;
};

/* The file of the nat64d that runs. */
struct estate_file {
	char path[160];			/* empty: it is none of ours */
	int fd;				/* -1: not written yet */
	size_t size;
	uint64_t *child;		/* mapped */
	void *map;
};

struct gateway;

/* RUNDIR/estate */
void estate_path(char out[160], const char *run_dir);

/*
 * Write down what g holds, as the file g->left, in place of the one before. Returns 0 or -errno; then the one before
 * stands.
 */
int estate_write(struct gateway *g);

/* Child number `child` is now this process (orphan_word): note it before it does anything that a successor must know it for. */
void estate_note(struct estate_file *f, unsigned child, uint64_t word);

/* Nothing is left to anybody: remove the file at path, ours or a predecessor's. */
void estate_remove(struct estate_file *f);

/*
 * Read and check what is in fd. Returns NULL and *e, to be given to estate_forget; or why not in a few words, good until the
 * next call.
 */
const char *estate_read(int fd, struct estate **e);
void estate_forget(struct estate *e);

/* The device of a tenant, with its descriptors, as an heir by exec finds it. */
void estate_device(struct device *d, const struct estate_tenant *e);

/* Was there a tenant with this number? */
static inline bool
estate_has(const struct estate *e, uint32_t number)
{
	return number < e->tenants && *e->tenant[number].name;
}

/* Let the descriptors in it live on over an exec, or not. Returns false when one of them is not open. */
bool estate_keep(const struct estate *e, bool keep);

#endif
