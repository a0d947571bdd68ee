/*
 * birth.c - from exec to harmless, in steps that each stand alone
 *
 * The order is dictated by what a step still needs: the bounding set first (libcap-ng reads /proc while there is one),
 * then the cgroup, which is then the root of the cgroup namespace, then namespaces and the root directory (they need
 * CAP_SYS_ADMIN), then securebits, groups and uid (CAP_SETPCAP, CAP_SETGID, CAP_SETUID), then the capabilities themselves, and
 * after them what needs no right at all. The system call filter comes last, on its own, when the child has mapped and closed
 * what it has to.
 *
 * Two kinds of steps. Giving up identity and capabilities must work, or the child exits: there is no reason for it to
 * fail. The cgroup, namespaces, the empty root, MDWE and Landlock depend on the kernel and on the container nat64d lives
 * in; what cannot be had is reported in *missing, so that `nat64ctl show workers` says so.
 *
 * Must never: go on when a mandatory step failed; leave a
 * capability, a group or a way to regain one; rely on the filter for what another layer can give as well.
 */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "supervisor/birth/birth.h"
#include "supervisor/birth/nowhere.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

static int
birth_bounding_set(void)
{
	capng_clear(CAPNG_SELECT_BOTH);
	return capng_apply(CAPNG_SELECT_BOUNDS) == 0 ? 0 : -EPERM;
}

/* Go into the cgroup of the tenant, if there is one. Whoever makes a cgroup namespace after that has it as its root. */
static void
birth_cgroup(const struct heritage *h, uint32_t *missing)
{
	if (h->kind != HERITAGE_WORKER || fcntl(HERITAGE_CGROUP, F_GETFD) < 0)
		return;
	if (write(HERITAGE_CGROUP, "0", 1) != 1)
		*missing |= BIRTH_cgroup;
	close(HERITAGE_CGROUP);
}

/*
 * Leave every namespace there is. The mount namespace comes first, while nothing is there that its end could disturb: the
 * one nat64d made for all its children if it gave one, or else one of our own.
 */
static void
birth_namespaces(uint32_t *missing)
{
	static const int kinds[] = { CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWPID, CLONE_NEWCGROUP };
	bool entered = nowhere_enter(HERITAGE_NOWHERE) == 0;

	close(HERITAGE_NOWHERE);
	if (!entered && unshare(CLONE_NEWNS) != 0)
		*missing |= BIRTH_namespaces | BIRTH_root;
	else if (!entered && nowhere_empty() != 0)
		*missing |= BIRTH_root;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (unshare(kinds[i]) != 0)
			*missing |= BIRTH_namespaces;
}

/* An exec or a change of uid shall never give a capability back. */
static int
birth_securebits(void)
{
	unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
			     SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
			     SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

	return prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) == 0 ? 0 : -errno;
}

static int
birth_identity(const struct heritage *h)
{
	if (h->uid == 0 || h->gid == 0)
		return -EINVAL;
	if (setgroups(0, NULL) != 0 || setresgid(h->gid, h->gid, h->gid) != 0 || setresuid(h->uid, h->uid, h->uid) != 0)
		return -errno;
	return 0;
}

static int
birth_capabilities(void)
{
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		return -EPERM;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
		return -errno;
	return setresuid(0, 0, 0) == 0 ? -EPERM : 0;	/* the way back must be shut */
}

static int
birth_process(uint32_t *missing)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0)
		*missing |= BIRTH_mdwe;
	return 0;
}

/* Deny all that this kernel's Landlock can deny: the ruleset handles everything and allows nothing. */
static bool
birth_landlock(void)
{
	/* As the kernel of ABI 6 knows it; a shorter prefix is what an older one accepts. */
	struct {
		uint64_t fs, net, scoped;
	} rules = { .fs = 0x1fff };
	size_t size = sizeof(rules.fs);
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	bool done;
	int fd;

	if (abi < 1)
		return false;
	if (abi >= 2)
		rules.fs |= 1 << 13;		/* refer */
	if (abi >= 3)
		rules.fs |= 1 << 14;		/* truncate */
	if (abi >= 5)
		rules.fs |= 1 << 15;		/* ioctl on devices opened from now on */
	if (abi >= 4) {
		rules.net = 3;			/* TCP bind and connect; accepting goes on */
		size = sizeof(rules.fs) + sizeof(rules.net);
	}
	if (abi >= 6) {
		rules.scoped = 3;		/* abstract sockets and signals of others */
		size = sizeof(rules);
	}
	fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
	if (fd < 0)
		return false;
	done = syscall(SYS_landlock_restrict_self, fd, 0) == 0;
	close(fd);
	return done;
}

/*
 * No process may be started, no memory locked, and nothing written to a file; only who keeps stderr may, because that
 * can be a file, and the limit would kill him for a log line. RLIMIT_NOFILE bounds what can be opened anew; it cannot
 * be 0, because ppoll compares its count with it.
 */
static int
birth_limits(enum heritage_kind kind)
{
	static const __rlimit_resource_t none[] = {
		RLIMIT_NPROC, RLIMIT_CORE, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_SIGPENDING, RLIMIT_FSIZE
	};
	size_t n = sizeof(none) / sizeof(none[0]);
	struct rlimit limit = { 0, 0 };
	bool stderr_kept = kind == HERITAGE_CTL;

#ifdef SANITIZED
	stderr_kept = true;
#endif
	if (stderr_kept)
		n--;
	for (size_t i = 0; i < n; i++)
		if (setrlimit(none[i], &limit) != 0)
			return -errno;
	limit.rlim_cur = limit.rlim_max = kind == HERITAGE_CTL ? 1024 : HERITAGE_BELLS;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? 0 : -errno;
}

int
birth_isolate(const struct heritage *h, uint32_t *missing, const char **step)
{
	int rc;

	*missing = 0;
	*step = "bounding set";
	rc = birth_bounding_set();
	if (rc != 0)
		return rc;
	birth_cgroup(h, missing);
	birth_namespaces(missing);

	*step = "securebits";
	rc = birth_securebits();
	if (rc != 0)
		return rc;
	*step = "uid and gid";
	rc = birth_identity(h);
	if (rc != 0)
		return rc;
	*step = "capabilities";
	rc = birth_capabilities();
	if (rc != 0)
		return rc;

	*step = "no new privileges";
	rc = birth_process(missing);
	if (rc != 0)
		return rc;
	if (!birth_landlock())
		*missing |= BIRTH_landlock;
	*step = "resource limits";
	rc = birth_limits((enum heritage_kind)h->kind);
	if (rc != 0)
		return rc;
	*step = NULL;
	return 0;
}

#ifndef SANITIZED
#define BIRTH_CODE 512			/* instructions; a worker with two devices has some 60 */

/* A filter as the kernel takes it. There is one, so nobody has to give it back. */
static struct birth_door {
	struct sock_fprog program;
	struct sock_filter code[BIRTH_CODE];
} birth_door;

/* The rows of calls, and nothing else. Returns 0 or -errno. */
static int
birth_rules(scmp_filter_ctx filter, const struct birth_call *calls, size_t n)
{
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	for (size_t i = 0; i < n && rc == 0; i++) {
		/* The upper half must be zero: a number that only looks like a descriptor is none. */
		struct scmp_arg_cmp arg = {
			.arg = (unsigned)calls[i].arg,
			.op = SCMP_CMP_MASKED_EQ,
			.datum_a = UINT64_C(0xffffffff00000000) | calls[i].mask,
			.datum_b = calls[i].value & calls[i].mask,
		};

		rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, calls[i].nr, calls[i].arg >= 0 ? 1 : 0, &arg);
		if (rc == -EEXIST)
			rc = 0;		/* an earlier row allows as much */
	}
	return rc;
}

/* Have the filter's instructions. They come through a pipe, which has room for them all. Returns 0 or -errno. */
static int
birth_code(struct birth_door *door, scmp_filter_ctx filter)
{
	ssize_t size = 0;
	int ends[2], rc;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return -errno;
	rc = seccomp_export_bpf(filter, ends[1]);
	if (rc == 0)
		size = read(ends[0], door->code, sizeof(door->code));
	close(ends[0]);
	close(ends[1]);
	if (rc == 0 && (size <= 0 || size == (ssize_t)sizeof(door->code)))
		rc = -E2BIG;
	door->program = (struct sock_fprog) { (unsigned short)((size_t)size / sizeof(door->code[0])), door->code };
	return rc;
}
#endif

int
birth_make_door(void **door, const struct birth_call *calls, size_t n)
{
	*door = NULL;
#ifdef SANITIZED
	(void)calls;
	(void)n;
	return 0;
#else
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = filter ? birth_rules(filter, calls, n) : -ENOMEM;

	if (rc == 0)
		rc = birth_code(&birth_door, filter);
	if (filter)
		seccomp_release(filter);
	*door = rc == 0 ? &birth_door : NULL;
	return rc;
#endif
}

int
birth_shut_door(void *door, uint32_t *missing)
{
#ifdef SANITIZED
	(void)door;
	*missing |= BIRTH_seccomp;
	return 0;
#else
	const struct birth_door *made = door;
	long rc;

	(void)missing;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	/* Single-threaded: the flag fails loudly if a thread was added. */
	rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &made->program);
	if (rc < 0)
		return -errno;
	return rc == 0 ? 0 : -EBUSY;
#endif
}

int
birth_close_doors(const struct birth_call *calls, size_t n, uint32_t *missing)
{
	void *door;
	int rc = birth_make_door(&door, calls, n);

	return rc == 0 ? birth_shut_door(door, missing) : rc;
}
