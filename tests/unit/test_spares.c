// links: supervisor/crew.o
/*
 * test_spares.c - which spare is told what, and when
 *
 * A birth is a pipe and a number here; what a spare has been told is read from its pipe. What else crew.c calls does nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "supervisor/birth/heritage.h"
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

#define BIRTHS 128

static struct config_tenant config = { .workers = 2, .name_ = "blue" };
static struct config_gateway gateway;
static struct tenant t = { .config = &config, .gateway = &gateway };
static struct region_line line;
static int pipes[BIRTHS];		/* where the child of birth number i, pid 100 + i, would read */
static int births;
static bool crashed;			/* what the image says to a successor */
static uint64_t now = 100000;

pid_t
tenant_birth(const struct tenant *tenant, const struct crew_ground *g, int *assign, uint32_t *knell)
{
	int ends[2];

	(void)tenant;
	(void)g;
	assert_true(births < BIRTHS);
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	pipes[births] = ends[0];
	*assign = ends[1];
	*knell = 0;
	return 100 + births++;
}

void
publish_successor(struct publish *p, unsigned w, enum image_order order, bool after_crash)
{
	(void)p;
	(void)w;
	assert_int_equal(order, IMAGE_WORK);
	crashed = after_crash;
}

struct region_line
region_line(const struct region *r, unsigned w)
{
	(void)r;
	(void)w;
	line.progress++;		/* all are at work */
	return line;
}

#pragma GCC diagnostic ignored "-Wunused-parameter"
bool starve_look(struct starve *s, pid_t pid, uint64_t progress) { return true; }
bool cgroup_frozen(const char *tenant) { return false; }
void bulletin_worker(struct bulletin *b, uint32_t tenant, unsigned w, uint32_t pid, enum status_state state) { }
void log_line(enum config_log_level level, const char *format, ...) { }
void caps_raise(unsigned brackets) { }
void caps_drop(void) { }
void bulletin_spares(struct bulletin *b, uint32_t tenant, uint32_t spares) { }
bool carry_absent(const struct tenant *tenant, unsigned w) { return false; }
enum status_cause cause_of(int code, int value, const struct crew_slot *slot, char how[32]) { return STATUS_sigkill; }
void estate_note(struct estate_file *f, unsigned child, uint64_t word) { }
bool loss_reaped(struct tenant *tenant, pid_t pid, int code, int value, uint64_t at) { return false; }
uint64_t orphan_word(pid_t pid) { return 1; }
void publish_order(struct publish *p, unsigned w, enum image_order order) { }
const struct region *shift_old(const struct tenant *tenant) { return NULL; }
void tenant_ring(const struct tenant *tenant, unsigned w) { }

/* What has the child of this birth been told since we looked last? "" nothing, or of "0" "1" (a slot) "go" "end". */
static const char *
told(int birth)
{
	static char out[64];
	uint32_t word;
	ssize_t n;

	out[0] = '\0';
	while ((n = read(pipes[birth], &word, sizeof(word))) > 0) {
		assert_int_equal(n, sizeof(word));
		assert_true(word == HERITAGE_GO || word < 2);
		strcat(out, word == HERITAGE_GO ? "go " : word == 0 ? "0 " : "1 ");
	}
	if (n == 0)
		strcat(out, "end");
	return out;
}

static int
raise_crew(void **state)
{
	(void)state;
	births = 0;
	crashed = false;
	crew_init(&t.crew);
	return 0;
}

static int
raze_crew(void **state)
{
	(void)state;
	for (unsigned i = 0; i < t.crew.spares; i++)
		close(t.crew.spare[i].assign);
	while (births > 0)
		close(pipes[--births]);
	return 0;
}

/* Start with so many spares, and look once. */
static void
start(unsigned spares)
{
	gateway.spares = spares;
	crew_start(&t, now);
	assert_string_equal(told(0), "0 go end");
	assert_string_equal(told(1), "1 go end");
	now += 1000;
	crew_tick(&t, now);
	assert_int_equal(t.crew.spares, spares);
	assert_int_equal(births, 2 + (int)spares);
}

static void
one_for_any(void **state)
{
	(void)state;
	start(1);
	assert_string_equal(told(2), "");
	assert_int_equal(crew_fill(&t, 1, now), 0);
	assert_string_equal(told(2), "1 go end");
	assert_int_equal(t.crew.slot[1].pid, 102);
}

static void
one_for_each(void **state)
{
	(void)state;
	start(2);
	assert_string_equal(told(2), "0 ");
	assert_string_equal(told(3), "1 ");
	t.crew.slot[1].crashed = true;
	assert_int_equal(crew_fill(&t, 1, now), 0);
	assert_true(crashed);
	assert_string_equal(told(2), "");
	assert_string_equal(told(3), "go end");
	assert_int_equal(t.crew.slot[1].pid, 103);
	crew_tick(&t, now += 1000);
	assert_int_equal(t.crew.spares, 2);
	assert_string_equal(told(4), "1 ");
	assert_string_equal(told(2), "");
}

/* A third one is for whichever slot needs it before its next own one is there. */
static void
one_more(void **state)
{
	(void)state;
	start(3);
	assert_string_equal(told(2), "0 ");
	assert_string_equal(told(4), "");
	assert_int_equal(crew_fill(&t, 0, now), 0);
	assert_string_equal(told(2), "go end");
	assert_int_equal(crew_fill(&t, 0, now), 0);
	assert_string_equal(told(4), "0 go end");
	assert_false(crashed);
	assert_int_equal(t.crew.spares, 1);
}

/* Twice in the same slot, and who waits is for another one. */
static void
on_demand(void **state)
{
	(void)state;
	start(2);
	assert_int_equal(crew_fill(&t, 0, now), 0);
	assert_int_equal(crew_fill(&t, 0, now), 0);
	assert_int_equal(births, 5);
	assert_string_equal(told(4), "0 go end");
	assert_string_equal(told(3), "1 ");
}

static void
dead_spares(void **state)
{
	(void)state;
	start(2);
	close(pipes[3]);
	pipes[3] = dup(pipes[2]);
	assert_int_equal(crew_fill(&t, 1, now), 0);
	assert_string_equal(told(4), "1 go end");
	assert_int_equal(t.crew.slot[1].pid, 104);
	assert_int_equal(crew_alive(&t), 4);		/* two at work, the one that waits, and the dead one until it is reaped */
	assert_true(crew_reaped(&t, 103, 0, 0, now));
	assert_true(crew_reaped(&t, 102, 0, 0, now));
	assert_int_equal(crew_alive(&t), 2);
	crew_tick(&t, now += 10000);
	assert_int_equal(t.crew.spares, 2);
	assert_string_equal(told(5), "0 ");
	assert_string_equal(told(6), "1 ");
}

/* A reload wants fewer: who is for a slot would be in the way of the others. Then more again. */
static void
fewer_and_more(void **state)
{
	(void)state;
	start(2);
	gateway.spares = 1;
	crew_tick(&t, now += 1000);
	assert_string_equal(told(2), "0 end");
	assert_string_equal(told(3), "1 end");
	assert_int_equal(t.crew.spares, 1);
	assert_string_equal(told(4), "");
	gateway.spares = 2;
	crew_tick(&t, now += 1000);
	assert_string_equal(told(4), "0 ");
	assert_string_equal(told(5), "1 ");
	gateway.spares = 0;
	crew_tick(&t, now += 1000);
	assert_int_equal(t.crew.spares, 0);
	assert_string_equal(told(4), "end");
}

/* Who was sent home is there until he is reaped: a tenant whose process lives is not gone. */
static void
until_reaped(void **state)
{
	(void)state;
	start(2);
	gateway.spares = 0;
	crew_tick(&t, now += 1000);
	assert_int_equal(crew_alive(&t), 4);
	assert_true(crew_reaped(&t, 102, 0, 0, now));
	assert_true(crew_reaped(&t, 103, 0, 0, now));
	assert_int_equal(crew_alive(&t), 2);
}

/* They do not go, and reload after reload wants fewer, then more: no more are sent home than can be remembered. */
static void
who_does_not_go(void **state)
{
	unsigned home = 0;

	(void)state;
	start(16);
	for (unsigned i = 0; i < 2 * CREW_MAX_FORMERS / 16 + 2; i++) {
		gateway.spares = i % 2 ? 16 : 0;
		crew_tick(&t, now += 10000);
	}
	for (int i = 0; i < births; i++)
		home += strstr(told(i), "end") && i > 1;
	assert_int_equal(crew_alive(&t), (unsigned)births);
	assert_int_equal(t.crew.formers, home);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_for_any, raise_crew, raze_crew),
		cmocka_unit_test_setup_teardown(one_for_each, raise_crew, raze_crew),
		cmocka_unit_test_setup_teardown(one_more, raise_crew, raze_crew),
		cmocka_unit_test_setup_teardown(on_demand, raise_crew, raze_crew),
		cmocka_unit_test_setup_teardown(dead_spares, raise_crew, raze_crew),
		cmocka_unit_test_setup_teardown(fewer_and_more, raise_crew, raze_crew),
		cmocka_unit_test_setup_teardown(until_reaped, raise_crew, raze_crew),
		cmocka_unit_test_setup_teardown(who_does_not_go, raise_crew, raze_crew),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
