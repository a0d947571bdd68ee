// links: supervisor/cgroup.o
/*
 * test_cgroup.c - where nat64d's cgroup is, which one it may use, and what it does there
 *
 * The directory is one that stands in for a cgroup: its files are plain ones, which keep what was written last.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "supervisor/cgroup.h"
#include "tests/unit/unit.h"

static char top[32];			/* the directory */
static char why[256];

static void
put(const char *file, const char *text)
{
	char path[128];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", top, file);
	out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static const char *
get(const char *file)
{
	static char text[128];
	char path[128];
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s", top, file);
	in = fopen(path, "r");
	if (!in)
		return "none";
	text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
	fclose(in);
	return text;
}

static void
make(const char *directory)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", top, directory);
	assert_int_equal(mkdir(path, 0755), 0);
}

static bool
there(const char *file)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", top, file);
	return access(path, F_OK) == 0;
}

/* A cgroup with all controllers, this process in it, and a leaf. */
static int
raise_cgroup(void **state)
{
	char pid[32];

	(void)state;
	snprintf(top, sizeof(top), "/dev/shm/test_cgroup-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	put("cgroup.type", "domain\n");
	put("cgroup.controllers", "cpuset cpu io memory hugetlb pids\n");
	put("cgroup.subtree_control", "");
	put("cgroup.procs", pid);
	make("nat64d");
	put("nat64d/cgroup.procs", "");
	return 0;
}

static int
raze_cgroup(void **state)
{
	char command[64];

	(void)state;
	cgroup_close();
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

static enum status_cgroup
use(bool managed)
{
	int base = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum status_cgroup cgroup = cgroup_use(base, managed, why, sizeof(why));

	if (cgroup == STATUS_cgroup_off)
		close(base);
	assert_int_equal(cgroup_held(), cgroup != STATUS_cgroup_off);
	return cgroup;
}

static void
refused(bool managed, const char *words)
{
	assert_int_equal(use(managed), STATUS_cgroup_off);
	if (!strstr(why, words))
		fail_msg("\"%s\" says nothing of \"%s\"", why, words);
	assert_string_equal(get("cgroup.subtree_control"), "");
	assert_string_equal(get("nat64d/cgroup.procs"), "");
}

/* Nothing is touched that is not ours. */
static void
whose(void **state)
{
	char procs[64], path[64];

	(void)state;
	put("cgroup.type", "domain threaded\n");
	refused(false, "threads");
	put("cgroup.type", "domain\n");
	snprintf(procs, sizeof(procs), "1\n%d\n", (int)getpid());
	put("cgroup.procs", procs);
	refused(false, "process 1");
	snprintf(procs, sizeof(procs), "%d\n0\n", (int)getpid());	/* one of another pid namespace */
	put("cgroup.procs", procs);
	refused(false, "process 0");
	put("cgroup.procs", "");
	refused(false, "its own cgroup");
	snprintf(procs, sizeof(procs), "%d\n", (int)getpid());
	put("cgroup.procs", procs);
	refused(true, "Delegate");
	setxattr(top, "user.delegate", "0", 1, 0);
	refused(true, "Delegate");
	snprintf(path, sizeof(path), "%s/cgroup.type", top);
	unlink(path);
	refused(false, "root");
}

/* Another nat64d, which stays. */
static void
taken(void **state)
{
	(void)state;
	put("nat64d/cgroup.procs", "1\n");
	assert_int_equal(use(false), STATUS_cgroup_off);
	assert_non_null(strstr(why, "another nat64d"));
	assert_string_equal(get("nat64d/cgroup.procs"), "1\n");
}

/* What a cgroup of systemd's says, where the file system of the directory can. */
static void
delegated(void **state)
{
	(void)state;
	if (setxattr(top, "user.delegate", "1", 1, 0) != 0)
		skip();
	assert_int_not_equal(use(true), STATUS_cgroup_off);
}

/* The orders for cpu, memory and pids stand one over the other in the file; the kernel's would list all three. */
static void
entered(void **state)
{
	(void)state;
	make("tenant-old");
	make("tenant-busy");
	put("tenant-busy/cgroup.procs", "1\n");
	make("other");
	assert_int_equal(use(false), STATUS_cgroup_partial);
	assert_string_equal(why, "without the controllers cpu memory pids");
	assert_string_equal(get("nat64d/cgroup.procs"), "0");
	assert_string_equal(get("cgroup.subtree_control"), "+pidsry");
	assert_false(there("tenant-old"));
	assert_true(there("tenant-busy") && there("other"));
}

static void
lacking(void **state)
{
	(void)state;
	put("cgroup.controllers", "cpuset memory\n");		/* cpuset is not cpu */
	assert_int_equal(use(false), STATUS_cgroup_partial);
	assert_string_equal(get("cgroup.subtree_control"), "+memory");
	put("cgroup.subtree_control", "memory\n");
	assert_int_equal(cgroup_make("blue", why, sizeof(why)), STATUS_cgroup_partial);
	assert_string_equal(why, "without the controllers cpu pids");
	put("cgroup.subtree_control", "cpu memory pids\n");
	assert_int_equal(cgroup_make("blue", why, sizeof(why)), STATUS_cgroup_on);
	assert_string_equal(why, "");
	put("cgroup.subtree_control", "");
}

/* One that there is, as a killed nat64d has left it, perhaps frozen. */
static void
tenants(void **state)
{
	int door;

	(void)state;
	assert_int_equal(cgroup_make("blue", why, sizeof(why)), STATUS_cgroup_off);
	assert_int_equal(cgroup_door("blue"), -1);
	assert_false(there("tenant-blue"));
	use(false);
	make("tenant-blue");
	put("tenant-blue/cgroup.freeze", "1");
	put("tenant-blue/pids.max", "m");
	put("tenant-blue/cpu.weight", "1");
	put("tenant-blue/cgroup.procs", "");
	put("cgroup.subtree_control", "cpu memory pids\n");
	assert_int_equal(cgroup_make("blue", why, sizeof(why)), STATUS_cgroup_on);
	assert_string_equal(get("tenant-blue/cgroup.freeze"), "0");
	assert_string_equal(get("tenant-blue/pids.max"), "0");
	assert_string_equal(get("tenant-blue/cpu.weight"), "100");
	door = cgroup_door("blue");
	assert_true(door >= 0);
	assert_int_equal(fcntl(door, F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(door, "0", 1), 1);
	assert_string_equal(get("tenant-blue/cgroup.procs"), "0");
	close(door);

	assert_false(cgroup_frozen("blue"));
	put("tenant-blue/cgroup.events", "populated 1\nfrozen 0\n");
	assert_false(cgroup_frozen("blue"));
	put("tenant-blue/cgroup.events", "populated 1\nfrozen 1\n");
	assert_true(cgroup_frozen("blue"));
	cgroup_remove("blue");
	assert_true(there("tenant-blue"));		/* there is something in it */
	assert_int_equal(cgroup_make("green", why, sizeof(why)), STATUS_cgroup_on);
	assert_true(there("tenant-green"));
	cgroup_remove("green");
	assert_false(there("tenant-green"));
	assert_int_equal(cgroup_door("green"), -1);	/* made again, and here it has no such file */
	assert_true(there("tenant-green"));
	put("tenant-red", "");
	assert_int_equal(cgroup_make("red", why, sizeof(why)), STATUS_cgroup_refused);
	assert_string_equal(why, "cannot make the cgroup tenant-red: Not a directory");
	make("tenant-white");
	make("tenant-white/pids.max");
	assert_int_equal(cgroup_make("white", why, sizeof(why)), STATUS_cgroup_refused);
	assert_string_equal(why, "cannot make the cgroup tenant-white/pids.max: Is a directory");
}

static void
left(void **state)
{
	char path[64];

	(void)state;
	use(false);
	put("cgroup.subtree_control", "cpu memory pids\n");
	cgroup_make("blue", why, sizeof(why));
	snprintf(path, sizeof(path), "%s/nat64d/cgroup.procs", top);
	unlink(path);				/* as it goes with its cgroup */
	put("cgroup.procs", "");
	cgroup_close();
	assert_false(cgroup_held());
	assert_string_equal(get("cgroup.procs"), "0");
	assert_non_null(strchr(get("cgroup.subtree_control"), '-'));
	assert_false(there("nat64d") || there("tenant-blue"));
}

static const char *
place(const char *cgroup, const char *mounts)
{
	static char path[CGROUP_PATH];
	FILE *first = fmemopen((void *)(uintptr_t)cgroup, strlen(cgroup), "r");
	FILE *second = fmemopen((void *)(uintptr_t)mounts, strlen(mounts), "r");
	bool found = cgroup_place(path, first, second);

	fclose(first);
	fclose(second);
	return found ? path : "none";
}

#define UNIFIED "25 1 0:5 / /proc rw - proc proc rw\n30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"
static void
places(void **state)
{
	(void)state;
	assert_string_equal(place("0::/system.slice/nat64d.service\n", UNIFIED),
			    "/sys/fs/cgroup/system.slice/nat64d.service");
	assert_string_equal(place("4:memory:/x\n0::/\n", "9 1 0:7 / /u rw - cgroup2 none rw\n"), "/u/");
	/* Cgroups of version 1 alone; a mount of only a part, of ours or of another */
	assert_string_equal(place("4:memory:/x\n", UNIFIED), "none");
	assert_string_equal(place("0::/a/b\n", "9 1 0:7 /a /u rw - cgroup2 none rw\n"), "/u/b");
	assert_string_equal(place("0::/a\n", "9 1 0:7 /a /u rw - cgroup2 none rw\n"), "/u");
	assert_string_equal(place("0::/ab\n", "9 1 0:7 /a /u rw - cgroup2 none rw\n"), "none");
	assert_string_equal(place("0::/b/c\n", "9 1 0:7 /a /u rw - cgroup2 none rw\n"), "none");
	assert_string_equal(place("0::/ab\n", "9 1 0:7 /a /u rw - cgroup2 none rw\n" UNIFIED), "/sys/fs/cgroup/ab");
	/* Outside of our cgroup namespace, or removed; a mount at a place with a blank; another file system of that name */
	assert_string_equal(place("0::/../other\n", UNIFIED), "none");
	assert_string_equal(place("0::/a (deleted)\n", UNIFIED), "none");
	assert_string_equal(place("0::/a\n", "9 1 0:7 / /u\\040v rw - cgroup2 none rw\n"), "none");
	assert_string_equal(place("0::/a\n", "9 1 0:7 / /u rw - cgroup none rw\n"), "none");
	assert_string_equal(place("0::/a\n", "9 1 - cgroup2 \n"), "none");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),
		cmocka_unit_test_setup_teardown(whose, raise_cgroup, raze_cgroup),
		cmocka_unit_test_setup_teardown(taken, raise_cgroup, raze_cgroup),
		cmocka_unit_test_setup_teardown(delegated, raise_cgroup, raze_cgroup),
		cmocka_unit_test_setup_teardown(entered, raise_cgroup, raze_cgroup),
		cmocka_unit_test_setup_teardown(lacking, raise_cgroup, raze_cgroup),
		cmocka_unit_test_setup_teardown(tenants, raise_cgroup, raze_cgroup),
		cmocka_unit_test_setup_teardown(left, raise_cgroup, raze_cgroup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
