/*
 * cgroup.c - a cgroup for each tenant, below the one that nat64d was given
 *
 *   nat64d.service           what nat64d was given; no process is in it, or the kernel hands no controller on
 *     nat64d                 nat64d, nat64-ctld, and what nat64d executes for a moment
 *     tenant-blue            workers and spares of tenant blue
 *     tenant-green
 *
 * cpu makes the tenants and nat64d equal where they want more processors than there are, however many workers one has. pids
 * denies each process there to make another one: who enters is not counted against the limit, so it is 0. memory only counts.
 * There is no limit, for there is nothing to be limited: a table has its size from its making on and a worker allocates
 * nothing; a limit could only kill workers whose successors would be killed likewise.
 *
 * Cgroups belong to others: to systemd, to who made a container, to an operator. So what nat64d finds itself in is used only if
 * nobody else can mind: it is not the root; no other process is in it; and where systemd runs, it is marked as delegated
 * (Delegate=). Otherwise tenants share processors worker by worker, as the kernel deals them, and a line says why. No process
 * but nat64d itself is ever moved: children go in by themselves, by a descriptor they are born with (birth.c).
 *
 * Nothing here has to be remembered. A start removes what a predecessor left, as far as it is empty, and goes on with the rest.
 *
 * Must never: move, freeze or kill a process that is not ours; write to a cgroup above the one that was given.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>
#include "supervisor/cgroup.h"

#define CGROUP_LEAF "nat64d"
#define CGROUP_TENANT "tenant-"
#define CGROUP_NAME (sizeof(CGROUP_TENANT "/cgroup.events") + CONFIG_NAME_MAX)
#define CGROUP_TRIES 50			/* 20 ms apart, for children of a predecessor on their way out */

static const char *const cgroup_controllers[] = { "cpu", "memory", "pids" };
#define CGROUP_CONTROLLERS (sizeof(cgroup_controllers) / sizeof(cgroup_controllers[0]))

static int cgroup_base = -1;		/* what nat64d was given; -1: it has none */

/* The start of a file, terminated; empty when it cannot be read. Returns whether it can. */
static bool
cgroup_read(int dir, const char *file, char *text, size_t size)
{
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd >= 0) {
		n = read(fd, text, size - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	return n >= 0;
}

static int
cgroup_write(int dir, const char *file, const char *text)
{
	int fd = openat(dir, file, O_WRONLY | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

/* Is the word one of the text's? */
static bool
cgroup_word(const char *text, const char *word)
{
	const size_t n = strlen(word);

	for (; *text; text += strcspn(text, " \n"), text += strspn(text, " \n"))
		if (strcspn(text, " \n") == n && strncmp(text, word, n) == 0)
			return true;
	return false;
}

/* The path behind 0:: of /proc/self/cgroup; one that leads out of what we see, or to what was removed, is none. */
static bool
cgroup_own(char own[CGROUP_PATH], FILE *in)
{
	char line[CGROUP_PATH];

	while (fgets(line, sizeof(line), in)) {
		if (strncmp(line, "0::/", 4) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(own, CGROUP_PATH, "%s", line + 3);
		return !strstr(own, "/..") && !strchr(own, ' ');
	}
	return false;
}

/* Does this line of mountinfo show the cgroup `own`? Then where. */
static bool
cgroup_shown(char path[CGROUP_PATH], const char *line, const char *own)
{
	char root[512], point[512];
	size_t n;

	/* ID PARENT MAJOR:MINOR ROOT POINT OPTIONS ... - TYPE SOURCE ...; blanks in paths are written with a backslash */
	if (!strstr(line, " - cgroup2 ") || sscanf(line, "%*u %*u %*u:%*u %511s %511s", root, point) != 2)
		return false;
	n = strcmp(root, "/") == 0 ? 0 : strlen(root);
	if (strchr(point, '\\') || strncmp(own, root, n) != 0 || (own[n] != '/' && own[n] != '\0'))
		return false;
	return snprintf(path, CGROUP_PATH, "%s%s", point, own + n) < CGROUP_PATH;
}

bool
cgroup_place(char path[CGROUP_PATH], FILE *cgroup, FILE *mounts)
{
	char own[CGROUP_PATH], line[2 * CGROUP_PATH];

	if (!cgroup_own(own, cgroup))
		return false;
	while (fgets(line, sizeof(line), mounts))
		if (cgroup_shown(path, line, own))
			return true;
	return false;
}

/* The directory of our own cgroup. Returns false when it cannot be seen. */
static bool
cgroup_find(char path[CGROUP_PATH])
{
	FILE *cgroup = fopen("/proc/self/cgroup", "re"), *mounts = fopen("/proc/self/mountinfo", "re");
	bool found = cgroup && mounts && cgroup_place(path, cgroup, mounts);

	if (cgroup)
		fclose(cgroup);
	if (mounts)
		fclose(mounts);
	return found;
}

/* The same, opened. Returns -1 when it is no directory of cgroup2. */
static int
cgroup_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0 || (fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC))
		return fd;
	close(fd);
	return -1;
}

/* Is there anybody in this list but ourselves? Then who; one whom our pid namespace does not show is 0. */
static bool
cgroup_stranger(const char *procs, long *pid)
{
	char *next;

	for (; *procs; procs = next + (*next == '\n')) {
		*pid = strtol(procs, &next, 10);
		if (next == procs || *pid != (long)getpid())
			return true;
	}
	return false;
}

/* Is somebody in the leaf who stays? */
static bool
cgroup_leaf_taken(int base)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	char procs[64];

	for (unsigned i = 0; cgroup_read(base, CGROUP_LEAF "/cgroup.procs", procs, sizeof(procs)) && *procs; i++) {
		if (i == CGROUP_TRIES)
			return true;
		nanosleep(&moment, NULL);
	}
	return false;
}

/* Why we may not use it, in words that are good until the next call; or NULL. */
static const char *
cgroup_wrong(int base, bool managed)
{
	static char why[96];
	char text[4096];
	long stranger;

	if (!cgroup_read(base, "cgroup.type", text, sizeof(text)))
		return "nat64d is in the root of all cgroups";
	if (strcmp(text, "domain\n") != 0)
		return "the cgroup that nat64d is in holds threads";
	if (managed && (fgetxattr(base, "user.delegate", text, sizeof(text)) != 1 || *text != '1'))
		return "systemd has not delegated the cgroup that nat64d is in; a unit with Delegate=yes does";
	if (!cgroup_read(base, "cgroup.procs", text, sizeof(text)) || !*text)
		return "nat64d does not see its own cgroup";
	if (cgroup_stranger(text, &stranger)) {
		snprintf(why, sizeof(why), "nat64d shares its cgroup with others, such as process %ld", stranger);
		return why;
	}
	return cgroup_leaf_taken(base) ? "another nat64d uses the cgroup" : NULL;
}

/* The controllers that tenants go without, with blanks between. Returns whether there are any. */
static bool
cgroup_lacks(char *names, size_t size)
{
	char text[256];
	size_t at = 0;

	cgroup_read(cgroup_base, "cgroup.subtree_control", text, sizeof(text));
	for (size_t i = 0; i < CGROUP_CONTROLLERS && at < size; i++)
		if (!cgroup_word(text, cgroup_controllers[i]))
			at += (size_t)snprintf(names + at, size - at, "%s%s", at ? " " : "", cgroup_controllers[i]);
	return at > 0;
}

/* Hand the controllers on to our children, as far as there are any, or take them back. */
static void
cgroup_hand_on(char sign)
{
	char there[256], order[32];

	cgroup_read(cgroup_base, sign == '+' ? "cgroup.controllers" : "cgroup.subtree_control", there, sizeof(there));
	for (size_t i = 0; i < CGROUP_CONTROLLERS; i++) {
		snprintf(order, sizeof(order), "%c%s", sign, cgroup_controllers[i]);
		if (cgroup_word(there, cgroup_controllers[i]))
			cgroup_write(cgroup_base, "cgroup.subtree_control", order);
	}
}

/* Remove a tenant's that is empty. In one that is not, a spare of a predecessor may want to leave. */
static void
cgroup_sweep_one(const char *name)
{
	char file[sizeof(((struct dirent *)0)->d_name) + sizeof("/cgroup.freeze")];

	if (unlinkat(cgroup_base, name, AT_REMOVEDIR) == 0)
		return;
	snprintf(file, sizeof(file), "%s/cgroup.freeze", name);
	cgroup_write(cgroup_base, file, "0");
}

static void
cgroup_sweep(void)
{
	int fd = openat(cgroup_base, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		if (strncmp(entry->d_name, CGROUP_TENANT, strlen(CGROUP_TENANT)) == 0)
			cgroup_sweep_one(entry->d_name);
	if (directory)
		closedir(directory);
	else if (fd >= 0)
		close(fd);
}

enum status_cgroup
cgroup_use(int base, bool managed, char *why, size_t size)
{
	const char *wrong = cgroup_wrong(base, managed);
	char names[64];
	int rc;

	if (wrong) {
		snprintf(why, size, "%s", wrong);
		return STATUS_cgroup_off;
	}
	rc = mkdirat(base, CGROUP_LEAF, 0755) == 0 || errno == EEXIST ? 0 : -errno;
	if (rc == 0)
		rc = cgroup_write(base, CGROUP_LEAF "/cgroup.procs", "0");
	if (rc != 0) {
		unlinkat(base, CGROUP_LEAF, AT_REMOVEDIR);
		snprintf(why, size, "nat64d cannot make a cgroup in its own: %s", strerror(-rc));
		return STATUS_cgroup_off;
	}
	cgroup_base = base;
	cgroup_hand_on('+');
	cgroup_sweep();
	if (!cgroup_lacks(names, sizeof(names)))
		return STATUS_cgroup_on;
	snprintf(why, size, "without the controllers %s", names);
	return STATUS_cgroup_partial;
}

enum status_cgroup
cgroup_open(char *why, size_t size)
{
	char path[CGROUP_PATH];
	enum status_cgroup cgroup;
	int base;

	if (!cgroup_find(path)) {
		snprintf(why, size, "no cgroup2 file system shows the cgroup that nat64d is in");
		return STATUS_cgroup_off;
	}
	snprintf(why, size, "%s", path);
	base = cgroup_directory(path);
	if (base < 0) {
		snprintf(why, size, "%.128s cannot be opened, or is no cgroup: %s", path, strerror(errno));
		return STATUS_cgroup_off;
	}
	cgroup = cgroup_use(base, access("/run/systemd/system", F_OK) == 0, why, size);
	if (cgroup == STATUS_cgroup_off)
		close(base);
	return cgroup;
}

bool
cgroup_adopt(void)
{
	char path[CGROUP_PATH], *slash;

	if (!cgroup_find(path))
		return false;
	slash = strrchr(path, '/');
	if (!slash || strcmp(slash + 1, CGROUP_LEAF) != 0)
		return false;
	*slash = '\0';
	cgroup_base = cgroup_directory(path);
	return cgroup_base >= 0;
}

void
cgroup_close(void)
{
	if (cgroup_base < 0)
		return;
	cgroup_sweep();
	cgroup_hand_on('-');
	if (cgroup_write(cgroup_base, "cgroup.procs", "0") == 0)
		unlinkat(cgroup_base, CGROUP_LEAF, AT_REMOVEDIR);
	close(cgroup_base);
	cgroup_base = -1;
}

bool
cgroup_held(void)
{
	return cgroup_base >= 0;
}

/* The name of a tenant's, and of a file in it. */
static const char *
cgroup_name(char name[CGROUP_NAME], const char *tenant, const char *file)
{
	snprintf(name, CGROUP_NAME, CGROUP_TENANT "%s%s", tenant, file);
	return name;
}

/* What a cgroup is to be like, as far as there are the controllers: it runs, nobody makes a process, equal weight. */
static int
cgroup_set(int dir, const char **file)
{
	static const char *const set[][2] = { { "cgroup.freeze", "0" }, { "pids.max", "0" }, { "cpu.weight", "100" } };
	int rc = 0;

	for (size_t i = 0; i < sizeof(set) / sizeof(set[0]) && rc == 0; i++) {
		*file = set[i][0];
		rc = cgroup_write(dir, set[i][0], set[i][1]);
		rc = rc == -ENOENT ? 0 : rc;
	}
	return rc;
}

enum status_cgroup
cgroup_make(const char *tenant, char *why, size_t size)
{
	char name[CGROUP_NAME], names[64];
	const char *file = "";
	int dir = -1, rc;

	snprintf(why, size, "%s", "");
	if (cgroup_base < 0)
		return STATUS_cgroup_off;
	cgroup_name(name, tenant, "");
	rc = mkdirat(cgroup_base, name, 0755) == 0 || errno == EEXIST ? 0 : -errno;
	if (rc == 0)
		dir = openat(cgroup_base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (rc == 0)
		rc = dir < 0 ? -errno : cgroup_set(dir, &file);
	if (dir >= 0)
		close(dir);
	if (rc != 0) {
		snprintf(why, size, "cannot make the cgroup %s%s%s: %s", name, *file ? "/" : "", file, strerror(-rc));
		return STATUS_cgroup_refused;
	}
	if (!cgroup_lacks(names, sizeof(names)))
		return STATUS_cgroup_on;
	snprintf(why, size, "without the controllers %s", names);
	return STATUS_cgroup_partial;
}

void
cgroup_remove(const char *tenant)
{
	char name[CGROUP_NAME];

	if (cgroup_base >= 0)
		unlinkat(cgroup_base, cgroup_name(name, tenant, ""), AT_REMOVEDIR);
}

int
cgroup_door(const char *tenant)
{
	char name[CGROUP_NAME], why[128];
	int fd = -1;

	cgroup_name(name, tenant, "/cgroup.procs");
	if (cgroup_base >= 0)
		fd = openat(cgroup_base, name, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 || cgroup_make(tenant, why, sizeof(why)) == STATUS_cgroup_off)
		return fd;
	return openat(cgroup_base, name, O_WRONLY | O_CLOEXEC);
}

bool
cgroup_frozen(const char *tenant)
{
	char name[CGROUP_NAME], text[128];

	return cgroup_base >= 0 && cgroup_read(cgroup_base, cgroup_name(name, tenant, "/cgroup.events"), text, sizeof(text)) &&
	       strstr(text, "frozen 1\n");
}
