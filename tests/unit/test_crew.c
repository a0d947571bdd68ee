// links: supervisor/crew.o
/*
 * test_crew.c - when a worker that does nothing is taken for stuck
 *
 * The clock is the test's, packets are bytes in a pipe, and the kernel's word on the worker is what a variable says. What else
 * crew.c calls is not reached.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "supervisor/bulletin.h"
#include "supervisor/caps.h"
#include "supervisor/cause.h"
#include "supervisor/cgroup.h"
#include "supervisor/estate.h"
#include "supervisor/log.h"
#include "supervisor/loss.h"
#include "supervisor/orphan.h"
#include "supervisor/tenant.h"
#include "tests/unit/unit.h"

#define NOBODY 0x7fffffff		/* a pid that the kernel gives to nobody: who is killed is the crew's own word */
#define STEP 100

static struct region_line line;
static bool starving, frozen;
static struct config_tenant config = { .workers = 1, .name_ = "blue" };
static struct config_gateway gateway;
static struct tenant t = { .config = &config, .gateway = &gateway };
static uint64_t now;
static int ends[2];

struct region_line
region_line(const struct region *r, unsigned w)
{
	(void)r;
	(void)w;
	return line;
}

bool
starve_look(struct starve *s, pid_t pid, uint64_t progress)
{
	(void)s;
	(void)progress;
	assert_int_equal(pid, NOBODY);
	return starving;
}

bool
cgroup_frozen(const char *tenant)
{
	assert_string_equal(tenant, "blue");
	return frozen;
}

void
bulletin_worker(struct bulletin *b, uint32_t tenant, unsigned w, uint32_t pid, enum status_state state)
{
	(void)b;
	(void)tenant;
	(void)w;
	(void)pid;
	(void)state;
}

void
log_line(enum config_log_level level, const char *format, ...)
{
	(void)level;
	(void)format;
}

void
caps_raise(unsigned brackets)
{
	assert_int_equal(brackets, CAPS_SIGNAL);
}

void
caps_drop(void)
{
}

/* Not reached. */
#pragma GCC diagnostic ignored "-Wunused-parameter"
void bulletin_spares(struct bulletin *b, uint32_t tenant, uint32_t spares) { abort(); }
bool carry_absent(const struct tenant *tenant, unsigned w) { abort(); }
enum status_cause cause_of(int code, int value, const struct crew_slot *slot, char how[32]) { abort(); }
void estate_note(struct estate_file *f, unsigned child, uint64_t word) { abort(); }
bool loss_reaped(struct tenant *tenant, pid_t pid, int code, int value, uint64_t at) { abort(); }
uint64_t orphan_word(pid_t pid) { abort(); }
void publish_order(struct publish *p, unsigned w, enum image_order order) { abort(); }
void publish_successor(struct publish *p, unsigned w, enum image_order order, bool crashed) { abort(); }
const struct region *shift_old(const struct tenant *tenant) { abort(); }
pid_t tenant_birth(const struct tenant *tenant, const struct crew_ground *g, int *assign, uint32_t *knell) { abort(); }
void tenant_ring(const struct tenant *tenant, unsigned w) { abort(); }

/* nat64d looks every STEP ms, for so long. Returns the ms after which it took the worker for stuck, or 0. */
static unsigned
watch(unsigned ms)
{
	for (unsigned passed = STEP; passed <= ms; passed += STEP) {
		now += STEP;
		assert_true(crew_tick(&t, now) <= now + STEP);
		if (t.crew.slot[0].stuck)
			return passed;
	}
	return 0;
}

/* A worker at work, with a packet in its queue or none, that has just moved. */
static int
raise_crew(void **state)
{
	(void)state;
	assert_int_equal(pipe(ends), 0);
	t.device = (struct device) { .queues = 1, .legs = 1 };
	t.device.leg[0].queue[0] = ends[0];
	crew_init(&t.crew);
	t.crew.slot[0] = (struct crew_slot) { .pid = NOBODY, .state = STATUS_running };
	starving = frozen = false;
	now += 100000;
	line.progress++;
	assert_int_equal(watch(STEP), 0);
	return 0;
}

static int
raze_crew(void **state)
{
	(void)state;
	close(ends[0]);
	close(ends[1]);
	return 0;
}

static void
packet(void)
{
	assert_int_equal(write(ends[1], "", 1), 1);
}

static void
stuck(void **state)
{
	(void)state;
	assert_int_equal(watch(10000), 0);	/* nothing waits for it */
	packet();
	line.progress++;
	assert_int_equal(watch(STEP), 0);
	assert_int_equal(watch(10000), 400);
}

static void
moving(void **state)
{
	(void)state;
	packet();
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(watch(300), 0);
		line.progress++;
	}
}

static void
no_processor(void **state)
{
	(void)state;
	packet();
	starving = true;
	assert_int_equal(watch(10000), 0);
	starving = false;
	assert_int_equal(watch(STEP), STEP);
}

/* However long; and when it is thawed it has all the time again that it had before. */
static void
in_a_frozen_cgroup(void **state)
{
	(void)state;
	packet();
	frozen = true;
	assert_int_equal(watch(10000), 0);
	frozen = false;
	assert_int_equal(watch(10000), 400);
}

/* Who was stopped himself, or frozen with all the others, does not know for how long his workers have been free to run. */
static void
stopped_together(void **state)
{
	(void)state;
	packet();
	assert_int_equal(watch(200), 0);
	now += 60000;
	assert_int_equal(watch(300), 0);
	line.progress++;
	assert_int_equal(watch(300), 0);
	now += 60000;
	assert_int_equal(watch(10000), 500);	/* 400 after the look that begins it */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stuck, raise_crew, raze_crew),
		cmocka_unit_test_setup_teardown(moving, raise_crew, raze_crew),
		cmocka_unit_test_setup_teardown(no_processor, raise_crew, raze_crew),
		cmocka_unit_test_setup_teardown(in_a_frozen_cgroup, raise_crew, raze_crew),
		cmocka_unit_test_setup_teardown(stopped_together, raise_crew, raze_crew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
