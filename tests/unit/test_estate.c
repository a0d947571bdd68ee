// links: supervisor/estate.o supervisor/cgroup.o supervisor/number.o supervisor/netns.o supervisor/caps.o supervisor/memory.o supervisor/region.o supervisor/orphan.o supervisor/text.o supervisor/config.o supervisor/keys.o supervisor/value.o supervisor/address.o supervisor/problem.o supervisor/log.o -linih -lcap-ng
/*
 * test_estate.c - what a nat64d leaves to the next: read back whole, by its neighbours in time too, and damaged never
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "shm/hash.h"
#include "supervisor/birth/heritage.h"
#include "supervisor/gateway.h"
#include "supervisor/memory.h"
#include "supervisor/netns.h"
#include "supervisor/orphan.h"
#include "tests/unit/unit.h"

static struct gateway gateway;
static char directory[64];

/* A gateway with two workers, whose descriptors are all open. */
static int
prepare(void **state)
{
	struct problem_list *problems = calloc(1, sizeof(*problems));
	struct tenant *t = &gateway.tenant[0];
	char text[256];
	FILE *in;
	int n;

	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/n64-estate-%d", (int)getpid());
	if (mkdir(directory, 0755) != 0)
		return -1;
	n = snprintf(text, sizeof(text), "[gateway]\nrun-dir = %s\n[tenant blue]\nworkers = 2\npool = 192.0.2.1\nsource = any\n"
		     "max-sessions = 4k\nwkp-strict = no\n", directory);
	gateway.config = calloc(1, sizeof(*gateway.config));
	in = fmemopen(text, (size_t)n, "r");
	problem_init(problems, "test");
	config_parse(gateway.config, in, problems);
	config_resolve(gateway.config, 3, problems);
	fclose(in);
	if (problems->n != 0)
		return -1;
	free(problems);
	gateway.cpus = 3;
	gateway.left.fd = -1;
	gateway.control = open("/dev/null", O_RDONLY | O_CLOEXEC);
	gateway.rundir.lock = gateway.bulletin.fd_ro = gateway.control;
	gateway.listeners = 1;
	gateway.metrics[0] = gateway.control;
	gateway.ctld.pid = getpid();
	t->stage = TENANT_STAYS;
	t->config = &gateway.config->tenant[0];
	if (region_open(&t->region, t->config, directory) != 0)
		return -1;
	t->publish.fd_ro = gateway.control;
	t->device = (struct device) { .name = "blue", .queues = 2, .legs = 1, .leg = { { .netns = NETNS_OWN, .index = 7,
		.queue = { gateway.control, gateway.control } } } };
	t->steer = (struct steer) { open("/dev/null", O_RDONLY | O_CLOEXEC), gateway.control, gateway.control, 16 };
	for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++)
		t->bell[w] = w < 2 ? gateway.control : -1;
	t->crew.slot[1].pid = getppid();
	t->crew.slot[1].state = STATUS_running;
	t->crew.slot[1].crashed = true;
	t->crew.spares = 1;
	t->crew.spare[0].pid = 72;
	return estate_write(&gateway);
}

static int
clean(void **state)
{
	(void)state;
	estate_remove(&gateway.left);
	region_remove(&gateway.tenant[0].region, directory);
	free(gateway.config);
	return rmdir(directory);		/* so nothing else is left in it */
}

static void
read_back(void **state)
{
	const char *wrong;
	struct estate *e;
	char path[160];
	struct stat st;
	int fd;

	(void)state;
	estate_path(path, directory);
	fd = memory_claim(path, &wrong);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_null(estate_read(fd, &e));
	close(fd);
	assert_string_equal(e->head.program, NAT64_VERSION);
	assert_true(e->head.kin == HERITAGE_KIN);
	assert_int_equal(strlen(e->gateway.boot), 36);
	assert_int_not_equal(e->gateway.pid_space, 0);
	assert_int_equal(e->gateway.pid, getpid());
	assert_int_equal(e->gateway.cpus, 3);
	assert_int_equal(e->gateway.control, gateway.control);
	assert_int_equal(e->gateway.metrics[0], gateway.control);
	assert_int_equal(e->tenants, 1);
	assert_string_equal(e->tenant[0].name, "blue");
	assert_string_equal(e->tenant[0].device, "blue");
	assert_string_equal(e->tenant[0].region, "blue.region");
	assert_int_equal(e->tenant[0].slot[0].pid, 0);
	assert_int_equal(e->tenant[0].slot[1].pid, getppid());
	assert_int_equal(e->tenant[0].slot[1].flags, ESTATE_CRASHED);
	assert_int_equal(e->tenant[0].spare[0], 72);
	assert_int_equal(e->config.tenant[0].max_sessions, 4096);
	assert_int_equal(e->config.tenant[0].router4, 0xc0000201);
	assert_true(e->child[ESTATE_CTLD] == orphan_word(getpid()));
	assert_true(e->child[ESTATE_WORKER(0, 1)] == orphan_word(getppid()));
	assert_true(e->child[ESTATE_WORKER(0, 0)] == 0);
	estate_forget(e);
}

/* What is noted is there at once; what is written anew has it too. */
static void
noted(void **state)
{
	struct estate *e;

	(void)state;
	estate_note(&gateway.left, ESTATE_WORKER(0, 0), orphan_word(getpid()));
	assert_null(estate_read(gateway.left.fd, &e));
	assert_true(e->child[ESTATE_WORKER(0, 0)] == orphan_word(getpid()));
	estate_forget(e);
	estate_note(&gateway.left, ESTATE_CHILDREN, orphan_word(getpid()));		/* nowhere */
	gateway.tenant[0].crew.slot[0].pid = getpid();
	assert_int_equal(estate_write(&gateway), 0);
	assert_null(estate_read(gateway.left.fd, &e));
	assert_true(e->child[ESTATE_WORKER(0, 0)] == orphan_word(getpid()));
	estate_forget(e);
}

static void
kept(void **state)
{
	struct estate *e;

	(void)state;
	assert_null(estate_read(gateway.left.fd, &e));
	assert_true(estate_keep(e, true));
	assert_int_equal(fcntl(gateway.control, F_GETFD), 0);
	assert_int_equal(fcntl(e->tenant[0].steer.program, F_GETFD), 0);
	assert_true(estate_keep(e, false));
	assert_int_equal(fcntl(e->tenant[0].steer.program, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(gateway.control, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(gateway.left.fd, F_GETFD), FD_CLOEXEC);
	e->tenant[0].steer.blocks = -1;
	assert_false(estate_keep(e, true));
	e->tenant[0].steer.program = -1;	/* none at all */
	assert_true(estate_keep(e, true));
	e->tenant[0].bell[1] = -1;
	assert_false(estate_keep(e, true));
	estate_keep(e, false);
	estate_forget(e);
}

/* Written as things stand: does it name this file, with this kin? */
static void
names(const char *file, uint64_t kin)
{
	struct estate *e;

	assert_int_equal(estate_write(&gateway), 0);
	assert_null(estate_read(gateway.left.fd, &e));
	assert_string_equal(e->tenant[0].region, file);
	assert_true(e->head.kin == kin);
	estate_forget(e);
}

/* The region that is named has all bindings: while they are brought over the old one, which nobody can go on with. */
static void
moving(void **state)
{
	struct tenant *t = &gateway.tenant[0];
	struct region old = t->region;

	(void)state;
	names("blue.region", HERITAGE_KIN);
	assert_int_equal(region_open_heir(&t->region, t->config, &old, directory), 0);
	t->shift.region = old;
	t->shift.swapped = true;
	names("blue.region", 0);
	gateway.reload.committed = true;
	names("blue.1.region", HERITAGE_KIN);
	gateway.reload.committed = t->shift.swapped = false;
	region_remove(&t->region, directory);
	t->region = old;
	t->region.foreign = true;
	names("blue.region", 0);
	t->region.foreign = false;
	names("blue.region", HERITAGE_KIN);
}

/* The estate as it is written now, to be given to estate_forget. */
static struct estate *
written(void)
{
	struct estate *e;

	assert_int_equal(estate_write(&gateway), 0);
	assert_null(estate_read(gateway.left.fd, &e));
	return e;
}

/* Numbers that nobody has stay empty; who is named is who has processes, whatever is in force. */
static void
holes(void **state)
{
	struct tenant *blue = &gateway.tenant[0], *green = &gateway.tenant[5];
	struct config_tenant *coming = calloc(1, sizeof(*coming));
	struct estate *e;

	(void)state;
	*coming = gateway.config->tenant[0];
	snprintf(coming->name_, sizeof(coming->name_), "green");
	snprintf(coming->device.s, sizeof(coming->device.s), "green");
	*green = *blue;
	green->number = 5;
	green->config = coming;
	for (enum tenant_stage stage = TENANT_MADE; stage <= TENANT_LEAVES; stage++) {
		if (stage == TENANT_STAYS)
			continue;
		green->stage = stage;		/* on its way in or out: not in g->config, but named */
		e = written();
		assert_int_equal(e->tenants, 6);
		assert_int_equal(e->config.tenants, 6);
		for (uint32_t n = 0; n < 6; n++)
			assert_int_equal(estate_has(e, n), n == 0 || n == 5);
		assert_string_equal(e->config.tenant[0].name_, "blue");
		assert_string_equal(e->config.tenant[5].name_, "green");
		assert_string_equal(e->config.tenant[5].device.s, "green");
		assert_true(e->child[ESTATE_WORKER(5, 1)] == orphan_word(getppid()));
		assert_true(estate_keep(e, true));
		assert_true(estate_keep(e, false));
		estate_forget(e);
	}
	blue->stage = TENANT_NONE;		/* the first one is gone: the other one's number is what it was */
	e = written();
	assert_int_equal(e->tenants, 6);
	assert_false(estate_has(e, 0));
	assert_string_equal(e->config.tenant[5].name_, "green");
	assert_true(e->child[ESTATE_WORKER(0, 1)] == 0);
	estate_forget(e);
	blue->stage = TENANT_STAYS;
	green->stage = TENANT_NONE;
	free(coming);
	estate_forget(written());
}

/* A device has the queues of the workers before until those of the configuration in force have settled; they are not named. */
static void
narrowing(void **state)
{
	struct device *d = &gateway.tenant[0].device;
	struct estate *e;

	(void)state;
	d->leg[0].queue[2] = gateway.control;
	d->queues = 3;
	e = written();
	assert_int_equal(e->tenant[0].queues, 2);
	assert_int_equal(e->tenant[0].queue[1], gateway.control);
	assert_int_equal(e->tenant[0].queue[2], -1);
	estate_forget(e);
	d->queues = 2;
	estate_forget(written());
}

/* Is a file with these bytes refused? Otherwise it must be in order, for whatever reads it from here on. */
static const char *
judged(const void *file, size_t size)
{
	int fd = memory_create("test", size);
	struct estate *e;
	const char *wrong;

	assert_int_equal(pwrite(fd, file, size, 0), size);
	wrong = estate_read(fd, &e);
	close(fd);
	if (wrong)
		return wrong;
	assert_in_range(e->tenants, 1, CONFIG_MAX_TENANTS);
	assert_true(e->gateway.listeners <= ESTATE_LISTENERS);
	assert_non_null(memchr(e->gateway.boot, 0, sizeof(e->gateway.boot)));
	for (uint32_t t = 0; t < e->tenants; t++) {
		assert_int_equal(estate_has(e, t), config_has(&e->config, t));
		if (!estate_has(e, t))
			continue;
		assert_in_range(e->tenant[t].queues, 1, CONFIG_MAX_WORKERS);
		assert_true(e->tenant[t].spares <= ESTATE_SPARES);
		assert_non_null(memchr(e->tenant[t].region, 0, sizeof(e->tenant[t].region)));
		assert_non_null(memchr(e->tenant[t].device, 0, sizeof(e->tenant[t].device)));
	}
	estate_forget(e);
	return NULL;
}

static void
refused(const void *file, size_t size, const char *word)
{
	const char *wrong = judged(file, size);

	assert_non_null(wrong);
	if (!strstr(wrong, word))
		fail_msg("\"%s\" does not say \"%s\"", wrong, word);
}

/* The estate's bytes, to be given to free. */
static struct estate_head *
copied(size_t more)
{
	struct estate_head *h = calloc(1, gateway.left.size + more);

	assert_int_equal(pread(gateway.left.fd, h, gateway.left.size, 0), gateway.left.size);
	return h;
}

/* Make the sum right, as only who writes the file on purpose can. */
static void
summed(struct estate_head *h, size_t size)
{
	char *children = (char *)h + sizeof(*h), saved[ESTATE_CHILDREN * 8];

	memcpy(saved, children, sizeof(saved));
	memset(children, 0, sizeof(saved));
	h->sum = 0;
	h->sum = hash_words((const uint8_t *)"nat64 estate sum", (const uint64_t *)h, (unsigned)(size / 8));
	memcpy(children, saved, sizeof(saved));
}

static void
strangers(void **state)
{
	struct estate_head *h = copied(0);
	struct estate *e;
	char garbage[256];

	(void)state;
	assert_non_null(estate_read(-1, &e));
	refused("", 0, "no state");
	memset(garbage, 0xa5, sizeof(garbage));
	refused(garbage, sizeof(garbage), "no state");
	h->version = ESTATE_APART + 1;
	refused(h, gateway.left.size, "keeps its state otherwise");
	free(h);
	for (size_t size = 0; size < gateway.left.size; size += size < 512 ? 1 : 61) {
		h = copied(0);
		assert_non_null(judged(h, size));
		free(h);
	}
}

/* The next byte to try: most children are alike. */
static size_t
next(size_t at)
{
	return at + (at > sizeof(struct estate_head) + 64 && at < sizeof(struct estate_head) + ESTATE_CHILDREN * 8 - 64 ? 29 : 1);
}

static void
every_bit(void **state)
{
	struct estate_head *h = copied(0);

	(void)state;
	for (size_t at = 0; at < gateway.left.size; at = next(at)) {
		for (unsigned bit = 0; bit < 8; bit++) {
			((uint8_t *)h)[at] ^= (uint8_t)(1 << bit);
			if (!judged(h, gateway.left.size))
				fail_msg("bit %u of byte %zu may be anything", bit, at);
			((uint8_t *)h)[at] ^= (uint8_t)(1 << bit);
		}
	}
	assert_null(judged(h, gateway.left.size));
	free(h);
}

/* With the right sum: some are refused, and none does harm. */
static void
every_byte(void **state)
{
	const uint8_t values[] = { 1, 0xff };
	size_t text = gateway.left.size - 1200;		/* of which every seventh byte will do */

	(void)state;
	for (size_t at = 0; at < gateway.left.size; at = at < text ? next(at) : at + 7) {
		for (unsigned i = 0; i < sizeof(values); i++) {
			struct estate_head *h = copied(0);

			((uint8_t *)h)[at] = values[i];
			summed(h, gateway.left.size);
			judged(h, gateway.left.size);
			free(h);
		}
	}
}

/* A later version's: longer structs, and keys we do not know. An earlier one's: shorter structs. */
static void
other_versions(void **state)
{
	static const char more[] = "colour = green\n\n[weather]\nrain = no\n";
	size_t grown = gateway.left.size + 1024 + sizeof(more);
	struct estate_head *h = copied(1024 + sizeof(more));
	char *file = (char *)h, *text = file + h->text.at, *put;
	uint32_t length = h->text.size;

	(void)state;
	grown = (grown + 7) / 8 * 8;
	h = realloc(h, grown);
	file = (char *)h;
	text = file + h->text.at;
	put = file + h->tenants.at + h->tenants.size + 1000;
	memmove(put, text, length);
	memcpy(put + length, more, sizeof(more) - 1);
	memset(file + h->tenants.at + h->tenants.size, 0x5a, 1000);
	h->tenants.size += 1000;
	h->text.at = (uint32_t)(put - file);
	h->text.size = length + (uint32_t)sizeof(more) - 1;
	h->size = (uint32_t)grown;
	summed(h, grown);
	assert_null(judged(h, grown));
	free(h);

	h = copied(0);
	h->tenants.size = offsetof(struct estate_tenant, slot);
	summed(h, h->size);
	assert_null(judged(h, h->size));
	h->tenants.n = 0;
	summed(h, h->size);
	refused(h, h->size, "contradicts itself");
	h->tenants.n = 1;
	file = (char *)h + h->tenants.at;
	memcpy(file, "gone", 5);		/* one name in the text, another one here */
	summed(h, h->size);
	refused(h, h->size, "contradicts itself");
	memset(file, 0, 5);
	summed(h, h->size);
	refused(h, h->size, "contradicts itself");
	memcpy(file, "blue", 5);
	summed(h, h->size);
	assert_null(judged(h, h->size));
	h->text.size = 3;
	summed(h, h->size);
	refused(h, h->size, "configuration in it");
	free(h);
}

/* A tenant with a device on each side: all of both is there, older ones are told not to read it, and one leg is refused. */
static void
two_legs(void **state)
{
	struct config_tenant *config = &gateway.config->tenant[0];
	struct tenant *t = &gateway.tenant[0];
	const struct device before = t->device;
	struct estate_head *h;
	struct device d;
	struct estate *e;

	(void)state;
	strcpy(config->netns6.s, "inside");
	t->device.legs = 2;
	t->device.leg[0].netns = t->steer.program;
	t->device.leg[1] = (struct device_leg) { .netns = NETNS_OWN, .index = 8, .queue = { gateway.control, t->steer.program } };
	assert_int_equal(estate_write(&gateway), 0);
	assert_null(estate_read(gateway.left.fd, &e));
	assert_int_equal(e->head.version, ESTATE_APART);
	assert_string_equal(e->config.tenant[0].netns6.s, "inside");
	assert_true(e->tenant[0].netns_number[0] != 0 && e->tenant[0].netns_number[1] == netns_number(NETNS_OWN));
	estate_device(&d, &e->tenant[0]);
	assert_string_equal(d.name, "blue");
	assert_int_equal(d.legs, 2);
	assert_int_equal(d.queues, 2);
	for (unsigned leg = 0; leg < 2; leg++) {
		assert_int_equal(d.leg[leg].netns, t->device.leg[leg].netns);
		assert_int_equal(d.leg[leg].index, 7 + leg);
		assert_memory_equal(d.leg[leg].queue, t->device.leg[leg].queue, 2 * sizeof(int));
	}
	assert_true(estate_keep(e, true));
	assert_int_equal(fcntl(t->steer.program, F_GETFD), 0);
	assert_true(estate_keep(e, false));
	assert_int_equal(fcntl(t->steer.program, F_GETFD), FD_CLOEXEC);
	e->tenant[0].queue4[1] = 9999;
	assert_false(estate_keep(e, false));
	e->tenant[0].queue4[1] = gateway.control;
	e->tenant[0].netns[0] = 9999;
	assert_false(estate_keep(e, false));
	estate_forget(e);

	for (uint32_t legs = 0; legs < 5; legs++) {
		if (legs == 2)
			continue;
		h = copied(0);
		((struct estate_tenant *)(void *)((char *)h + h->tenants.at))->legs = legs;
		summed(h, h->size);
		refused(h, h->size, "contradicts itself");
		free(h);
	}
	config->netns6.s[0] = '\0';
	t->device = before;
	assert_int_equal(estate_write(&gateway), 0);
	assert_null(estate_read(gateway.left.fd, &e));
	assert_int_equal(e->head.version, ESTATE_VERSION);
	estate_forget(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_back), cmocka_unit_test(noted), cmocka_unit_test(kept), cmocka_unit_test(moving),
		cmocka_unit_test(holes), cmocka_unit_test(narrowing), cmocka_unit_test(strangers),
		cmocka_unit_test(every_bit), cmocka_unit_test(every_byte), cmocka_unit_test(other_versions),
		cmocka_unit_test(two_legs),
	};

	return cmocka_run_group_tests(tests, prepare, clean);
}
