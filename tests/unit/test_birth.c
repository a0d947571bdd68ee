// links: supervisor/birth/birth.o supervisor/birth/nowhere.o supervisor/birth/heritage.o supervisor/memory.o -lseccomp -lcap-ng
/*
 * test_birth.c - after birth a child can do what its table says, and nothing; what it maps is its own, and no more
 *
 * Everything is done in children of the test, which tell by exit status or by the signal that ended them. Without root
 * only the filter and the mappings are tested.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "supervisor/birth/birth.h"
#include "supervisor/birth/nowhere.h"
#include "supervisor/memory.h"
#include "tests/unit/unit.h"

/* Run act in a child. Returns its exit status, or minus the signal that ended it. */
static int
in_child(int (*act)(int), int argument)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);	/* cmocka's handler would make a failed test of it */
		_exit(act(argument));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int
isolated(uint32_t *missing)
{
	struct heritage h = { .kind = HERITAGE_WORKER, .uid = 64999, .gid = 64998 };
	const char *step = NULL;

	return birth_isolate(&h, missing, &step);
}

static int
gives_up(int what)
{
	int status = open("/proc/self/status", O_RDONLY), open_file = eventfd(0, 0);
	char text[4096] = "";
	uid_t r, e, s;
	uint32_t missing;

	if (isolated(&missing) != 0)
		return 100;
	switch (what) {
	case 0:
		return missing & (uint32_t)~(BIRTH_mdwe | BIRTH_landlock) ? 1 : 0;
	case 1:
		return getresuid(&r, &e, &s) == 0 && r == 64999 && e == 64999 && s == 64999 && getgid() == 64998 &&
		       getgroups(0, NULL) == 0 ? 0 : 1;
	case 2:
		if (pread(status, text, sizeof(text) - 1, 0) <= 0)
			return 1;
		return strstr(text, "CapPrm:\t0000000000000000") && strstr(text, "CapEff:\t0000000000000000") &&
		       strstr(text, "CapInh:\t0000000000000000") && strstr(text, "CapBnd:\t0000000000000000") &&
		       strstr(text, "CapAmb:\t0000000000000000") && strstr(text, "NoNewPrivs:\t1") ? 0 : 2;
	case 3:
		return open("/proc/self/status", O_RDONLY) < 0 && open("/", O_RDONLY) < 0 && mkdir("/x", 0700) < 0 ? 0 : 1;
	case 4:
		return fork() < 0 && errno == EAGAIN ? 0 : 1;
	case 5:
		return setuid(0) != 0 && setgid(0) != 0 && unshare(CLONE_NEWNET) != 0 ? 0 : 1;
	case 6:
		return prctl(PR_GET_DUMPABLE) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 1;
	case 7:
		return write(open_file, &(uint64_t) { 1 }, 8) == 8 ? 0 : 1;
	case 8:
		return missing & BIRTH_mdwe || mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		       MAP_FAILED ? 0 : 1;
	}
	return 99;
}

static void
isolation(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	for (int what = 0; what < 9; what++)
		if (in_child(gives_up, what) != 0)
			fail_msg("case %d: %d", what, in_child(gives_up, what));
}

/* In a namespace given by nat64d, which must be as empty as one of our own; with something else there instead. */
static int
lives_nowhere(int what)
{
	int own = open("/proc/self/ns/mnt", O_RDONLY), fd = what == 0 ? nowhere_open() : eventfd(0, 0);
	struct stat before, given;
	uint32_t missing;

	if (own < 0 || fd < 0 || fstat(own, &before) != 0 || fstat(fd, &given) != 0)
		return 100;
	if (access("/proc/self/status", R_OK) != 0)
		return 101;			/* making one moves nobody else */
	dup2(fd, HERITAGE_NOWHERE);
	close(fd);
	if (isolated(&missing) != 0 || missing & (BIRTH_namespaces | BIRTH_root))
		return 102;
	if (fcntl(HERITAGE_NOWHERE, F_GETFD) >= 0)
		return 103;
	if (open("/proc/self/status", O_RDONLY) >= 0 || mkdir("/x", 0700) == 0 || errno != EROFS ||
	    mount("", "/", "tmpfs", 0, NULL) == 0)
		return 104;
	return what == 0 && given.st_ino == before.st_ino ? 105 : 0;
}

static void
nowhere(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(lives_nowhere, 0), 0);
	assert_int_equal(in_child(lives_nowhere, 1), 0);
}

/* The way into the cgroup of its tenant: used and closed; one that does not let it in is a layer that is not there. */
static int
enters(int what)
{
	int ends[2];
	char said[4] = "";
	uint32_t missing;

	if (pipe2(ends, O_NONBLOCK) != 0 || dup2(ends[what == 0 ? 1 : 0], HERITAGE_CGROUP) < 0)
		return 100;
	if (isolated(&missing) != 0 || fcntl(HERITAGE_CGROUP, F_GETFD) >= 0)
		return 101;
	if (what == 1)
		return missing & BIRTH_cgroup ? 0 : 102;
	return !(missing & BIRTH_cgroup) && read(ends[0], said, sizeof(said)) == 1 && *said == '0' ? 0 : 103;
}

static void
cgroup(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(enters, 0), 0);
	assert_int_equal(in_child(enters, 1), 0);
}

static int
root_child(int kind)
{
	struct heritage h = { .kind = (uint32_t)kind, .uid = 0, .gid = 0 };
	const char *step = NULL;
	uint32_t missing;

	return birth_isolate(&h, &missing, &step) == -EINVAL && step && strcmp(step, "uid and gid") == 0 ? 0 : 1;
}

static void
nobody_stays_root(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(root_child, HERITAGE_CTL), 0);
}

/* From here on malloc asks the kernel for each piece, and free gives it back at once. */
static void
scatter(void)
{
	static void *volatile kept;

	mallopt(M_MMAP_THRESHOLD, 1);
	for (size_t size = 4096; size >= 32; size /= 2)
		for (size_t before = mallinfo2().hblks; mallinfo2().hblks == before;)
			kept = malloc(size);	/* use up what there is */
	(void)kept;
}

static int
behind_doors(int what)
{
	const struct birth_call calls[] = {
		{ SCMP_SYS(exit_group), -1, 0, 0 },
		{ SCMP_SYS(read), 0, 0xffffffff, 5 },
		{ SCMP_SYS(write), 0, 0xfffffff0, 16 },
		{ SCMP_SYS(write), 0, 0xffffffff, 5 },
		{ SCMP_SYS(getpid), -1, 0, 0 },
		{ SCMP_SYS(getpid), -1, 0, 0 },
	};
	uint64_t value = 1;
	uint32_t missing = 0;

	dup2(eventfd(7, EFD_NONBLOCK), 5);
	dup2(5, 16);
	dup2(5, 31);
	if (what == 3)
		scatter();
	if (birth_close_doors(calls, sizeof(calls) / sizeof(calls[0]), &missing) != 0)
		return 100;
	switch (what) {
	case 0:
		return read(5, &value, 8) == 8 && value == 7 ? 0 : 1;
	case 1:
		return write(16, &value, 8) == 8 && write(31, &value, 8) == 8 && write(5, &value, 8) == 8 ? 0 : 1;
	case 2:
		return syscall(SYS_getpid) > 0 ? 0 : 1;
	case 3:
		return 0;
	case 4:
		return (int)read(6, &value, 8);
	case 5:
		return (int)write(32, &value, 8);
	case 6:
		return (int)write(15, &value, 8);
	case 7:
		return (int)syscall(SYS_read, UINT64_C(0x100000005), &value, 8);
	case 8:
		return (int)syscall(SYS_openat, 0, 0, 0);
	case 9:
		return (int)syscall(SYS_getpid | 0x40000000);
	case 10:
		return (int)syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	}
	return 99;
}

static void
doors(void **state)
{
	(void)state;
#ifdef SANITIZED
	uint32_t missing = 0;

	assert_int_equal(birth_close_doors(NULL, 0, &missing), 0);
	assert_true(missing == BIRTH_seccomp);
	skip();
#endif
	for (int what = 0; what < 11; what++) {
		int want = what < 4 ? 0 : -SIGSYS, got = in_child(behind_doors, what);

		if (got != want)
			fail_msg("case %d: %d, not %d", what, got, want);
	}
}

/* A region of two workers at HERITAGE_REGION, and an image. */
static struct heritage world;
static struct layout world_layout;

static int
make_world(void **state)
{
	struct config_tenant config = {
		.workers = 2, .mtu = 1500, .max_sessions = 4096, .subscriber_prefix = 64,
		.pool = { 1, { { 0xc0000201, 0xc0000204, 1024, 65535 } } },
	};
	uint8_t seed[LAYOUT_SEED_SIZE] = { 1, 2, 3 };
	struct layout_geometry g;
	struct image *image;
	int region, paper;
	void *base;

	(void)state;
	layout_geometry(&g, &config);
	assert_true(layout_plan(&world_layout, &g));
	region = memory_create("region", world_layout.size);
	base = memory_map(region, world_layout.size);
	layout_init(base, &world_layout, &config, 0, seed);
	munmap(base, world_layout.size);
	dup2(region, HERITAGE_REGION);
	paper = memory_create("image", sizeof(struct image));
	image = memory_map(paper, sizeof(struct image));
	image->magic = IMAGE_MAGIC;
	image->size = sizeof(struct image);
	image->generation = 1;
	munmap(image, sizeof(struct image));
	dup2(memory_read_only(paper), HERITAGE_IMAGE);
	world = (struct heritage) { .kind = HERITAGE_WORKER, .workers = 2, .tenants = 1, .region_size = { world_layout.size } };
	return 0;
}

/* As worker w: first as a spare, then as itself. */
static const char *
map_worker(struct heritage_maps *m, const struct heritage *h, unsigned w)
{
	const char *wrong = heritage_map_spare(m, h);

	return wrong ? wrong : heritage_map_worker(m, h, w);
}

enum { READ, WRITE };

/* Touch byte `at` of worker 0's (or ctl's) mapping. */
static struct {
	bool ctl;
	int how;
	size_t at;
} touch;

static int
touches(int unused)
{
	struct heritage_maps m;
	volatile uint8_t *base;
	const char *wrong;

	(void)unused;
	wrong = touch.ctl ? heritage_map_ctl(&m, &world, 0) : map_worker(&m, &world, 0);
	if (wrong)
		return 100;
	base = m.region;
	if (touch.how == WRITE)
		base[touch.at] = base[touch.at];
	else
		(void)base[touch.at];
	return 0;
}

/* Does /proc say that huge pages are wished for at this address? */
static bool
wished(const void *address)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	unsigned long from, to;
	bool here = false, wish = false;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = from <= (uintptr_t)address && (uintptr_t)address < to;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			wish = strstr(line, " hg") != NULL;
	}
	fclose(maps);
	return wish;
}

/* The table is mapped where a huge page can be, and asks for it; what else is in the region does not. */
static void
huge_pages(void **state)
{
	struct heritage_maps m;
	const uint8_t *base;

	(void)state;
	assert_null(map_worker(&m, &world, 0));
	base = m.region;
	assert_int_equal((uintptr_t)base % (2 << 20), 0);
	assert_true(wished(base + world_layout.shards));
	assert_false(wished(base + world_layout.counters));
}

static void
may(bool ctl, int how, size_t at, bool allowed)
{
	int got;

	touch.ctl = ctl;
	touch.how = how;
	touch.at = at;
	got = in_child(touches, 0);
#ifdef SANITIZED
	if (!allowed && got != 0)
		return;			/* the sanitizer turns the signal into an exit status */
#endif
	if (got != (allowed ? 0 : -SIGSEGV))
		fail_msg("%s %s at %zu: %d", ctl ? "ctl" : "worker", how == WRITE ? "writes" : "reads", at, got);
}

static void
maps_of_a_worker(void **state)
{
	const struct layout *l = &world_layout;
	struct heritage_maps m;
	const struct layout_owners *owners;

	(void)state;
	assert_null(map_worker(&m, &world, 0));
	owners = layout_at(m.region, l->owners);
	may(false, READ, 0, true);
	may(false, WRITE, 0, false);
	may(false, READ, l->secret, true);
	may(false, WRITE, l->secret, false);
	may(false, WRITE, l->owners, false);
	may(false, WRITE, l->counters, true);
	may(false, WRITE, l->buffers, true);
	may(false, WRITE, l->shards - 1, true);
	for (unsigned s = 0; s < l->g.shards && s < 6; s++) {
		may(false, WRITE, layout_shard(l, s), owners->worker[s] == 0);
		may(false, READ, layout_shard(l, s) + l->shard_size - 1, owners->worker[s] == 0);
	}
	may(false, READ, (size_t)-1, false);
	may(false, READ, l->size, false);
}

/* Try to get at a sibling's shard again, without any filter. Returns 0 when it is out of reach. */
static int
reopens(int unused)
{
	const struct layout_owners *owners;
	struct heritage_maps m;
	uint8_t there = 0;
	unsigned s = 0;
	uint8_t *page;

	(void)unused;
	if (map_worker(&m, &world, 0))
		return 100;
	owners = layout_at(m.region, world_layout.owners);
	while (s < world_layout.g.shards && owners->worker[s] == 0)
		s++;
	if (s == world_layout.g.shards)
		return 101;
	page = (uint8_t *)m.region + layout_shard(&world_layout, s);
	if (mprotect(page, LAYOUT_PAGE, PROT_READ | PROT_WRITE) != 0)
		return 0;
	page[LAYOUT_PAGE - 1] = 0x5a;
	if (pread(HERITAGE_REGION, &there, 1, (off_t)(layout_shard(&world_layout, s) + LAYOUT_PAGE - 1)) != 1)
		return 102;
	return there == 0x5a;
}

static void
siblings_stay_closed(void **state)
{
	(void)state;
	assert_int_equal(in_child(reopens, 0), 0);
}

static void
maps_of_ctl(void **state)
{
	const struct layout *l = &world_layout;

	(void)state;
	may(true, READ, 0, true);
	may(true, READ, l->secret, false);
	may(true, READ, l->owners - 1, false);
	may(true, READ, l->owners, true);
	may(true, READ, l->size - 1, true);
	may(true, WRITE, l->counters, false);
	may(true, WRITE, layout_shard(l, 0), false);
	may(true, READ, (size_t)-1, false);
	may(true, READ, l->size, false);
}

static void
refused_maps(void **state)
{
	struct heritage wrong = world;
	struct heritage_maps m;
	int saved = dup(HERITAGE_IMAGE);

	(void)state;
	assert_non_null(map_worker(&m, &world, 2));
	assert_non_null(heritage_map_ctl(&m, &world, 1));
	wrong.region_size[0] += LAYOUT_PAGE;
	assert_non_null(map_worker(&m, &wrong, 0));
	wrong.region_size[0] = 4096;
	assert_non_null(map_worker(&m, &wrong, 0));
	close(HERITAGE_IMAGE);
	assert_non_null(map_worker(&m, &world, 0));
	dup2(saved, HERITAGE_IMAGE);
	close(saved);
	assert_null(heritage_map_status());
}

static int
settles(int w)
{
	const int keep[] = { 3, 4, 6, 17 - w, world.legs == 2 ? 5 : 3 };
	uint64_t value = 0;

	for (int i = 0; i < 2; i++) {
		dup2(eventfd(10 + (unsigned)i, 0), HERITAGE_QUEUES + i);
		dup2(eventfd(20 + (unsigned)i, 0), HERITAGE_BELLS + i);
		dup2(eventfd(30 + (unsigned)i, 0), HERITAGE_QUEUES4 + i);
	}
	dup2(eventfd(40, 0), HERITAGE_ASSIGN);
	if (heritage_settle_worker(&world, (unsigned)w) != 0)
		return 100;
	for (int fd = 0; fd < 1024; fd++) {
		bool kept = false;

#ifdef SANITIZED
		kept = fd == 2;
#endif
		for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
			kept = kept || fd == keep[i];
		if ((fcntl(fd, F_GETFD) >= 0) != kept)
			return 1;
	}
	for (uint64_t fd = 3; fd < (world.legs == 2 ? 6 : 5); fd++)
		if (read((int)fd, &value, 8) != 8 || value != (fd - 2) * 10 + (uint64_t)w)
			return 2;
	return read(HERITAGE_CALLED, &value, 8) == 8 && value == 40 && read(17 - w, &value, 8) == 8 && value == 21 - (uint64_t)w ? 0 : 3;
}

static void
settled(void **state)
{
	(void)state;
	assert_int_equal(in_child(settles, 0), 0);
	assert_int_equal(in_child(settles, 1), 0);
	world.legs = 2;			/* a queue of each device */
	assert_int_equal(in_child(settles, 0), 0);
	assert_int_equal(in_child(settles, 1), 0);
	world.legs = 1;
	assert_int_equal(heritage_settle_worker(&world, 2), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(isolation), cmocka_unit_test(nowhere), cmocka_unit_test(cgroup),
		cmocka_unit_test(nobody_stays_root), cmocka_unit_test(doors),
		cmocka_unit_test(huge_pages), cmocka_unit_test(maps_of_a_worker), cmocka_unit_test(siblings_stay_closed),
		cmocka_unit_test(maps_of_ctl),
		cmocka_unit_test(refused_maps), cmocka_unit_test(settled),
	};

	return cmocka_run_group_tests(tests, make_world, NULL);
}
