// links: supervisor/notify.o supervisor/log.o
/*
 * test_notify.c - the service manager is told, by a path or an abstract name, and nobody is not a failure; log lines
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "supervisor/log.h"
#include "supervisor/notify.h"
#include "tests/unit/unit.h"

static int
listener(const char *name, bool abstract)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	size_t n = strlen(name);

	memcpy(address.sun_path, name, n);
	if (abstract)
		address.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + !abstract)), 0);
	return fd;
}

static void
hears(int fd, const char *what)
{
	char text[64] = "";

	assert_int_equal(recv(fd, text, sizeof(text) - 1, 0), strlen(what));
	assert_string_equal(text, what);
	close(fd);
}

static void
by_path(void **state)
{
	char path[64];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/n64-notify-%d", (int)getpid());
	fd = listener(path, false);
	setenv("NOTIFY_SOCKET", path, 1);
	notify_send("READY=1");
	unlink(path);
	hears(fd, "READY=1");
}

static void
by_name(void **state)
{
	char name[64];
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "@n64-notify-%d", (int)getpid());
	fd = listener(name, true);
	setenv("NOTIFY_SOCKET", name, 1);
	notify_send("STOPPING=1");
	hears(fd, "STOPPING=1");
}

static void
nobody(void **state)
{
	char path[300];

	(void)state;
	notify_send("READY=1");		/* the listener is gone */
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	setenv("NOTIFY_SOCKET", path, 1);
	notify_send("READY=1");
	setenv("NOTIFY_SOCKET", "", 1);
	notify_send("READY=1");
	setenv("NOTIFY_SOCKET", "relative", 1);
	notify_send("READY=1");
	unsetenv("NOTIFY_SOCKET");
	notify_send("READY=1");
}

/* What log_line writes to a stderr that is, or is not, the journal's. */
static void
logged(char *text, size_t size, bool journal)
{
	int saved = dup(2), ends[2];
	char stream[64];
	struct stat st;
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], 2);
	close(ends[1]);
	fstat(2, &st);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino + !journal);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init();
	log_level(CONFIG_LOG_WARNING);
	log_line(CONFIG_LOG_INFO, "left out");
	log_line(CONFIG_LOG_WARNING, "two\nlines %d", 7);
	log_line(CONFIG_LOG_ERROR, "%02000d", 1);
	log_always("ready");
	log_level(CONFIG_LOG_INFO);
	dup2(saved, 2);
	close(saved);
	n = read(ends[0], text, size - 1);
	close(ends[0]);
	text[n < 0 ? 0 : n] = '\0';
}

static void
lines(void **state)
{
	char text[4096], *second, *third;

	(void)state;
	logged(text, sizeof(text), false);
	assert_ptr_equal(strstr(text, "nat64d: warning: two lines 7\n"), text);
	second = strchr(text, '\n') + 1;
	assert_ptr_equal(strstr(second, "nat64d: error: 000"), second);
	third = strchr(second, '\n') + 1;
	assert_string_equal(third, "nat64d: ready\n");
	logged(text, sizeof(text), true);
	assert_ptr_equal(strstr(text, "<4>nat64d: warning: two lines 7\n<3>nat64d: error: 000"), text);
	assert_non_null(strstr(text, "\n<5>nat64d: ready\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_path), cmocka_unit_test(by_name), cmocka_unit_test(nobody), cmocka_unit_test(lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
