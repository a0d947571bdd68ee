/*
 * heritage.h - all that a child owns when it is born
 *
 * nat64d forks, gives the child these descriptors at these numbers, closes every other one, and executes nat64-worker
 * or nat64-ctld. The first thing a child does is heritage_take(). There is no other channel: what is not here does
 * not reach it.
 *
 * A worker is always born as a spare. It isolates itself, then waits twice at HERITAGE_ASSIGN. First it reads one uint32_t: the
 * number of the worker slot it is for. It gives up whatever does not belong to that slot and closes its filter behind it. Then
 * it waits for HERITAGE_GO, which it need not read: the slot is free, begin. Where there is a spare for each slot the first is
 * said at once and the second when a worker dies, otherwise both then. End of file means that nat64d is gone or needs no
 * spare: exit 0.
 */
#ifndef BIRTH_HERITAGE_H
#define BIRTH_HERITAGE_H

#include <stdbool.h>
#include <stdint.h>
#include "shm/config.h"
#include "shm/foreign.h"
#include "shm/image.h"
#include "shm/status.h"

#define HERITAGE_MAGIC UINT64_C(0x5249454834364e54)

/* A worker at work: these and no others (and 2 in sanitizer builds). */
#define HERITAGE_QUEUE 3		/* its TUN queue, non-blocking; of two devices that of the IPv6 side */
#define HERITAGE_BELL 4			/* its eventfd, non-blocking */
#define HERITAGE_QUEUE4 5		/* of two devices its queue on the IPv4 side; else not there */
#define HERITAGE_CALLED 6		/* the pipe it was called through, which is at its end */
#define HERITAGE_BELLS 16		/* 16 + w: the bell of worker w, for all others; so one masked rule covers them */

/* ctl at work: these, its connections and its epoll. */
#define HERITAGE_CONTROL 3		/* listening UNIX stream socket */
#define HERITAGE_METRICS 4		/* 4 + i: listening TCP sockets, heritage.listeners of them */

/* Between exec and work. All of them are gone before the first packet or request. */
#define HERITAGE_CGROUP 59		/* worker: cgroup.procs of its tenant's cgroup, to write 0 to; may be missing */
#define HERITAGE_PAPER 60		/* memfd that holds struct heritage */
#define HERITAGE_ASSIGN 61		/* worker: pipe, the number of its slot, then HERITAGE_GO; each an uint32_t */
#define HERITAGE_GO UINT32_C(0x676f)
#define HERITAGE_STATUS 62		/* ctl: struct status, O_RDONLY */
#define HERITAGE_NOWHERE 63		/* the mount namespace to live in (nowhere.h); may be missing */
#define HERITAGE_QUEUES 64		/* worker: 64 + w: TUN queue of worker w */
#define HERITAGE_QUEUES4 80		/* worker: 80 + w: likewise, on the second device */
#define HERITAGE_QUEUES_OF(leg) ((leg) == 0 ? HERITAGE_QUEUES : HERITAGE_QUEUES4)
#define HERITAGE_REGION 96		/* worker: the region, O_RDWR; ctl: 96 + 2 t: region of its tenant t, O_RDONLY */
#define HERITAGE_IMAGE 97		/* worker: the image, O_RDONLY; ctl: 97 + 2 t */
#define HERITAGE_OLD 98			/* worker, with old_size: the region before, O_RDONLY */

#define HERITAGE_BIRTH 2		/* raised when what is said by them changes its meaning */

/*
 * Two builds with the same number lay out what they share in the same way, and say the same at a birth. `nat64-worker
 * --kin NUMBER`, and nat64-ctld likewise, exits with 0 when it is its own; a newer nat64d asks before it takes over
 * (supervisor/upgrade.c).
 */
#define HERITAGE_KIN ((((LAYOUT_VERSION * UINT64_C(16777619) + sizeof(struct heritage)) * 16777619 + \
			sizeof(struct image)) * 16777619 + sizeof(struct status)) * 16777619 + HERITAGE_BIRTH)

enum heritage_kind { HERITAGE_WORKER = 1, HERITAGE_CTL };

struct heritage {
	uint64_t magic;
	uint32_t size;			/* sizeof(struct heritage): a child of another build refuses */
	uint32_t kind;			/* enum heritage_kind */
	uint32_t uid, gid;		/* to become */
	uint32_t workers;		/* worker: slots of its tenant */
	uint32_t offload;		/* worker: enum status_offload of the queues */
	uint32_t legs;			/* worker: devices of its tenant: 1, or 2, one for each family */
	uint32_t tenants;		/* ctl */
	uint32_t listeners;		/* ctl: HTTP listeners at HERITAGE_METRICS */
	uint32_t log_level;		/* enum config_log_level */
	uint32_t number[CONFIG_MAX_TENANTS];	/* ctl: of its tenant t, whose number in struct status it is; rising */
	uint64_t region_size[CONFIG_MAX_TENANTS];	/* worker: [0] */
	uint64_t old_size;		/* worker: of a region whose bindings shall be brought over; 0: none */
	uint32_t old_lasting;		/* worker: of them only established TCP sessions */
	char name[CONFIG_NAME_MAX];	/* worker: its tenant; for the process title */
};

/*
 * Read what was left at HERITAGE_PAPER and close it. Returns 0, or -errno when there is none or it is another
 * build's: the program was started by hand.
 */
int heritage_take(struct heritage *h, enum heritage_kind kind);

/* A worker's mappings. Parts it must not touch are inaccessible for ever. */
struct heritage_maps {
	void *region;			/* base of the whole reserved range; see layout.h for what is mapped how */
	const struct image *image;
	struct layout layout;
	enum status_offload offload;
	unsigned legs;			/* as in the heritage */
	struct foreign old;		/* base is NULL: none */
	bool old_lasting;
};

/*
 * Map the region and the image for a worker whose slot is not known yet: header, secret and owners read-only, everything
 * else read-write. Checks headers and image first. Returns NULL or what is wrong.
 */
const char *heritage_map_spare(struct heritage_maps *m, const struct heritage *h);

/*
 * After it: reduce that to what belongs to slot w, that is, make all shards inaccessible but those that owners gives to w.
 * The same shards of an old region, with what stands before them, are mapped read-only. Should: be called before the
 * first packet is read. Returns NULL or what is wrong.
 */
const char *heritage_map_worker(struct heritage_maps *m, const struct heritage *h, unsigned w);

/*
 * Touch what a worker looks at before and with its first packets, so that they need not wait for page faults: a spare that does
 * not know its slot what it may need in any, a worker that nobody waits for yet what it has in slot w, up to a bound. Each page
 * that a process has touched takes time at its end.
 */
void heritage_warm_spare(const struct heritage_maps *m);
void heritage_warm_worker(const struct heritage_maps *m, unsigned w);

/* ctl's view of one tenant: everything read-only, the secret part not mapped at all. Returns NULL or what is wrong. */
const char *heritage_map_ctl(struct heritage_maps *m, const struct heritage *h, unsigned tenant);

/* ctl's view of the status region, or NULL. */
const struct status *heritage_map_status(void);

/*
 * Keep the descriptors a worker in slot w works with, at their numbers, and close every other one. In sanitizer
 * builds 2 stays. Returns 0 or -errno.
 */
int heritage_settle_worker(const struct heritage *h, unsigned w);
int heritage_settle_ctl(const struct heritage *h);

#endif
