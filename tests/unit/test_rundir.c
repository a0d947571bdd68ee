// links: supervisor/rundir.o supervisor/value.o supervisor/address.o
/*
 * test_rundir.c - one daemon per run directory; a dead one's traces are replaced, a live one's are not
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "supervisor/rundir.h"
#include "tests/unit/unit.h"

static struct config_gateway config;
static char directory[64], control[96], pid_file[96], why[256];

static int
setup(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/n64-rundir-%d", (int)getpid());
	snprintf(config.run_dir.s, sizeof(config.run_dir.s), "%s", directory);
	snprintf(control, sizeof(control), "%s/control.sock", directory);
	snprintf(pid_file, sizeof(pid_file), "%s/nat64d.pid", directory);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(control);
	unlink(pid_file);
	rmdir(directory);
	return 0;
}

static void
one_daemon(void **state)
{
	struct rundir first, second;
	char pid[16] = "";
	struct stat st;
	FILE *in;

	(void)state;
	assert_int_equal(rundir_open(&first, &config, why, sizeof(why)), 0);
	in = fopen(pid_file, "r");
	assert_non_null(fgets(pid, sizeof(pid), in));
	fclose(in);
	assert_int_equal(atoi(pid), getpid());
	assert_true(rundir_busy(&config));
	assert_int_equal(rundir_open(&second, &config, why, sizeof(why)), -EEXIST);
	assert_non_null(strstr(why, "another nat64d"));
	rundir_close(&second);			/* which must not take the first one's file along */
	assert_int_equal(stat(pid_file, &st), 0);
	rundir_close(&first);
	assert_int_equal(stat(pid_file, &st), -1);
	assert_false(rundir_busy(&config));
	assert_int_equal(rundir_open(&second, &config, why, sizeof(why)), 0);
	rundir_close(&second);
}

static void
killed_daemon(void **state)
{
	struct rundir r;
	int status, fd;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		if (rundir_open(&r, &config, why, sizeof(why)) != 0 ||
		    rundir_control(&r, control, 0, why, sizeof(why)) < 0)
			_exit(1);
		_exit(0);			/* as if it were killed: nothing is removed */
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(rundir_open(&r, &config, why, sizeof(why)), 0);
	fd = rundir_control(&r, control, 0, why, sizeof(why));
	assert_true(fd >= 0);
	close(fd);
	rundir_close(&r);
}

/* May this process give files away? Returns whether it might before. */
static bool
may_chown(bool yes)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	bool might;

	assert_int_equal(syscall(SYS_capget, &head, data), 0);
	might = data[0].effective & UINT32_C(1) << CAP_CHOWN;
	data[0].effective = (data[0].effective & ~(UINT32_C(1) << CAP_CHOWN)) | (uint32_t)yes << CAP_CHOWN;
	assert_int_equal(syscall(SYS_capset, &head, data), 0);
	return might;
}

static void
control_socket(void **state)
{
	struct rundir r, other = { .lock = -1 };
	struct stat st;
	bool might;
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(rundir_open(&r, &config, why, sizeof(why)), 0);
	might = may_chown(false);		/* nat64d has no such right */
	fd = rundir_control(&r, control, 4711, why, sizeof(why));
	may_chown(might);
	assert_true(fd >= 0);
	assert_int_equal(lstat(control, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_gid, 4711);
	/* And it is in its own group again. */
	assert_int_equal(setfsgid((gid_t)-1), getegid());
	/* Somebody listens there. */
	assert_int_equal(rundir_control(&other, control, 0, why, sizeof(why)), -EADDRINUSE);
	assert_non_null(strstr(why, control));
	assert_int_equal(lstat(control, &st), 0);
	close(fd);
	rundir_close(&r);
	assert_int_equal(lstat(control, &st), -1);
}

static void
no_socket(void **state)
{
	struct rundir r = { .lock = -1 };
	struct stat st;
	FILE *out;

	(void)state;
	mkdir(directory, 0755);
	out = fopen(control, "w");
	fclose(out);
	assert_int_equal(rundir_control(&r, control, 0, why, sizeof(why)), -EADDRINUSE);
	assert_int_equal(stat(control, &st), 0);
	assert_true(rundir_control(&r, "/no/such/directory/x.sock", 0, why, sizeof(why)) < 0);
}

static void
metrics(void **state)
{
	struct config_listen listener = { .family = 4, .ip4 = 0x7f000001, .port = 0 };
	struct sockaddr_in name;
	socklen_t length = sizeof(name);
	int fd, second, accepting = 0;

	(void)state;
	fd = rundir_metrics(&listener, why, sizeof(why));
	assert_true(fd >= 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &length), 0);
	length = sizeof(accepting);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &length), 0);
	assert_int_equal(accepting, 1);
	listener.port = ntohs(name.sin_port);
	assert_int_equal(rundir_metrics(&listener, why, sizeof(why)), -EADDRINUSE);
	assert_non_null(strstr(why, "127.0.0.1:"));
	/* IPv6 only: the same port of both families is two listeners. */
	listener.family = 6;
	second = rundir_metrics(&listener, why, sizeof(why));
	assert_true(second >= 0);
	close(second);
	close(fd);
	listener = (struct config_listen) { .family = 4, .ip4 = 0xc0000263, .port = 80 };
	assert_true(rundir_metrics(&listener, why, sizeof(why)) < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_daemon, setup, teardown),
		cmocka_unit_test_setup_teardown(killed_daemon, setup, teardown),
		cmocka_unit_test_setup_teardown(control_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(no_socket, setup, teardown),
		cmocka_unit_test(metrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
