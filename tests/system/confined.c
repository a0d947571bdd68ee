/*
 * confined.c - run a program as systemd would with some lines of a unit
 *
 * confined LIST PROGRAM [ARGUMENT...]. LIST is a file with a word a line: the name of a system call that is refused with EPERM
 * (SystemCallFilter=~), or family=NUMBER for a family of sockets that may be made (RestrictAddressFamilies=; the others are
 * refused). Always refused are memory that is writable and executable, as MemoryDenyWriteExecute= has it, and user namespaces, as
 * RestrictNamespaces= without `user` has it. A name that this machine does not know is passed over, as systemd does.
 *
 * Must never: run the program with less than it was told.
 */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <unistd.h>

#define FAMILIES 64

static scmp_filter_ctx filter;

static void
must(int rc, const char *what)
{
	if (rc == 0)
		return;
	fprintf(stderr, "confined: %s: %s\n", what, strerror(-rc));
	exit(125);
}

/* Refuse a call, also when only these bits of one argument are set. */
static void
refuse(int nr, unsigned argument, uint64_t bits)
{
	struct scmp_arg_cmp arg = { .arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = bits, .datum_b = bits };
	int rc = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), nr, bits != 0, &arg);

	must(rc == -EEXIST ? 0 : rc, "a rule");
}

static void
families(const bool *allowed)
{
	for (unsigned f = 0; f < FAMILIES; f++) {
		struct scmp_arg_cmp arg = { .arg = 0, .op = SCMP_CMP_EQ, .datum_a = f };

		if (!allowed[f])
			must(seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, &arg), "a family");
	}
}

static unsigned
read_list(const char *path)
{
	bool allowed[FAMILIES] = { false };
	FILE *in = fopen(path, "re");
	unsigned family, n = 0;
	char word[64];

	must(in ? 0 : -errno, path);
	while (fscanf(in, "%63s", word) == 1) {
		int nr = seccomp_syscall_resolve_name(word);

		if (sscanf(word, "family=%u", &family) == 1 && family < FAMILIES)
			allowed[family] = true;
		else if (nr >= 0)
			refuse(nr, 0, 0);
		n++;
	}
	fclose(in);
	families(allowed);
	return n;
}

int
main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: confined LIST PROGRAM [ARGUMENT...]\n");
		return 125;
	}
	filter = seccomp_init(SCMP_ACT_ALLOW);
	must(filter ? 0 : -ENOMEM, "a filter");
	must(read_list(argv[1]) > 0 ? 0 : -ENODATA, argv[1]);
	refuse(SCMP_SYS(mmap), 2, PROT_WRITE | PROT_EXEC);
	refuse(SCMP_SYS(mprotect), 2, PROT_EXEC);
	refuse(SCMP_SYS(pkey_mprotect), 2, PROT_EXEC);
	refuse(SCMP_SYS(shmat), 2, SHM_EXEC);
	refuse(SCMP_SYS(unshare), 0, CLONE_NEWUSER);
	refuse(SCMP_SYS(clone), 0, CLONE_NEWUSER);
	refuse(SCMP_SYS(setns), 1, CLONE_NEWUSER);
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : -errno, "no new privileges");
	must(seccomp_load(filter), "the filter");
	execv(argv[2], argv + 2);
	must(-errno, argv[2]);
	return 125;
}
