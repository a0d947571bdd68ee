// links: supervisor/estate.o supervisor/memory.o
/*
 * test_estate.c - what a nat64d leaves to the next: read back whole, and refused from strangers
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "supervisor/estate.h"
#include "supervisor/memory.h"
#include "tests/unit/unit.h"

static struct gateway gateway;

/* A gateway with two workers, whose descriptors are all open. */
static void
prepare(void)
{
	struct tenant *t = &gateway.tenant[0];

	if (gateway.config)
		return;
	gateway.config = calloc(1, sizeof(*gateway.config));
	gateway.config->tenants = 1;
	gateway.config->tenant[0].workers = 2;
	gateway.config->gateway.log_level = CONFIG_LOG_DEBUG;
	gateway.cpus = 3;
	gateway.control = open("/dev/null", O_RDONLY | O_CLOEXEC);
	gateway.rundir.lock = gateway.bulletin.fd_ro = gateway.control;
	gateway.listeners = 1;
	gateway.metrics[0] = gateway.control;
	gateway.ctld.pid = 70;
	gateway.tenants = 1;
	t->region.fd = t->region.fd_ro = t->publish.fd_ro = gateway.control;
	t->device = (struct device) { .name = "blue", .queues = 2, .queue = { gateway.control, gateway.control } };
	t->steer = (struct steer) { open("/dev/null", O_RDONLY | O_CLOEXEC), gateway.control, gateway.control, 16 };
	for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++)
		t->bell[w] = w < 2 ? gateway.control : -1;
	t->crew.slot[1].pid = 71;
	t->crew.slot[1].state = STATUS_running;
	t->crew.spares = 1;
	t->crew.spare[0].pid = 72;
}

static void
read_back(void **state)
{
	struct estate *written, *e;
	int fd;

	(void)state;
	prepare();
	fd = estate_write(&gateway, &written);
	assert_true(fd >= 0);
	assert_null(estate_read(fd, &e));
	assert_string_equal(e->head.program, NAT64_VERSION);
	assert_int_equal(e->pid, getpid());
	assert_int_equal(e->cpus, 3);
	assert_int_equal(e->control, gateway.control);
	assert_int_equal(e->metrics[0], gateway.control);
	assert_int_equal(e->ctld.pid, 70);
	assert_string_equal(e->tenant[0].device.name, "blue");
	assert_int_equal(e->tenant[0].crew.slot[1].pid, 71);
	assert_int_equal(e->tenant[0].crew.spare[0].pid, 72);
	assert_int_equal(e->config.gateway.log_level, CONFIG_LOG_DEBUG);
	estate_forget(e);
	estate_forget(written);
	close(fd);
}

static void
kept(void **state)
{
	struct estate *e;
	int fd;

	(void)state;
	prepare();
	fd = estate_write(&gateway, &e);
	assert_true(estate_keep(e, true));
	assert_int_equal(fcntl(gateway.control, F_GETFD), 0);
	assert_int_equal(fcntl(e->tenant[0].steer.program, F_GETFD), 0);
	assert_true(estate_keep(e, false));
	assert_int_equal(fcntl(e->tenant[0].steer.program, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(gateway.control, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	e->tenant[0].steer.blocks = -1;
	assert_false(estate_keep(e, true));
	e->tenant[0].steer.program = -1;	/* none at all */
	assert_true(estate_keep(e, true));
	e->tenant[0].bell[1] = -1;
	assert_false(estate_keep(e, true));
	estate_keep(e, false);
	estate_forget(e);
	close(fd);
}

/* Is what is in fd refused, with this word in the reason? */
static void
refused(int fd, const char *word)
{
	struct estate *e;
	const char *wrong = estate_read(fd, &e);

	assert_non_null(wrong);
	if (!strstr(wrong, word))
		fail_msg("\"%s\" does not say \"%s\"", wrong, word);
}

static void
strangers(void **state)
{
	struct estate *e;
	char garbage[256];
	int fd;

	(void)state;
	refused(-1, "no state");
	fd = memory_create("test", 8);
	refused(fd, "no state");
	close(fd);
	fd = memory_create("test", sizeof(*e));
	refused(fd, "no state");			/* zeros */
	memset(garbage, 0xa5, sizeof(garbage));
	assert_int_equal(pwrite(fd, garbage, sizeof(garbage), 0), sizeof(garbage));
	refused(fd, "no state");
	close(fd);

	/* A head alone, or with too little behind it. */
	prepare();
	close(estate_write(&gateway, &e));
	fd = memory_create("test", sizeof(e->head));
	assert_int_equal(pwrite(fd, &e->head, sizeof(e->head), 0), sizeof(e->head));
	refused(fd, "keeps its state otherwise");
	close(fd);
	fd = memory_create("test", sizeof(*e) - 4096);
	assert_int_equal(pwrite(fd, &e->head, sizeof(e->head), 0), sizeof(e->head));
	refused(fd, "keeps its state otherwise");
	close(fd);
	estate_forget(e);
}

static void
other_builds(void **state)
{
	struct estate *e;
	int fd;

	(void)state;
	prepare();
	fd = estate_write(&gateway, &e);
	e->head.version++;
	refused(fd, "keeps its state otherwise");
	e->head.version--;
	e->head.size += 8;
	refused(fd, "keeps its state otherwise");
	e->head.size -= 8;
	e->head.kin++;
	refused(fd, "lays out shared memory otherwise");
	e->head.kin--;
	e->head.magic ^= 1;
	refused(fd, "no state");
	e->head.magic ^= 1;
	estate_forget(e);
	close(fd);
}

static void
contradictions(void **state)
{
	struct estate *e;
	int fd;

	(void)state;
	prepare();
	fd = estate_write(&gateway, &e);
#define REFUSED(field, value) do { \
		__typeof__(e->field) saved = e->field; \
		e->field = value; \
		refused(fd, "contradicts itself"); \
		e->field = saved; \
	} while (0)
	REFUSED(tenants, 0);
	REFUSED(tenants, 2);
	REFUSED(tenants, CONFIG_MAX_TENANTS + 1);
	REFUSED(listeners, GATEWAY_LISTENERS + 1);
	REFUSED(config.tenant[0].workers, 0);
	REFUSED(config.tenant[0].workers, CONFIG_MAX_WORKERS + 1);
	REFUSED(tenant[0].device.queues, 3);
	REFUSED(tenant[0].crew.spares, CREW_MAX_SPARES + 1);
	REFUSED(tenant[0].crew.formers, CREW_MAX_SPARES + 1);
#undef REFUSED
	estate_forget(e);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_back), cmocka_unit_test(kept), cmocka_unit_test(strangers),
		cmocka_unit_test(other_builds), cmocka_unit_test(contradictions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
