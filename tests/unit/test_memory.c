// links: supervisor/memory.o supervisor/publish.o supervisor/bulletin.o supervisor/region.o supervisor/text.o supervisor/keys.o supervisor/value.o supervisor/address.o
/*
 * test_memory.c - shared memory: sealed, read-only where it is said to be, and what is published in it
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "supervisor/bulletin.h"
#include "supervisor/memory.h"
#include "supervisor/publish.h"
#include "supervisor/region.h"
#include "tests/unit/unit.h"

static void
sealed(void **state)
{
	int fd = memory_create("test", 8192), ro = memory_read_only(fd);
	struct stat st;
	char *map = memory_map(fd, 8192);

	(void)state;
	assert_true(fd >= 0 && ro >= 0);
	assert_non_null(map);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(ftruncate(fd, 4096), -1);
	assert_int_equal(ftruncate(fd, 16384), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(ro, F_GETFD) & FD_CLOEXEC);

	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0), MAP_FAILED);
	assert_int_equal(errno, EACCES);
	assert_int_equal(write(ro, "x", 1), -1);
	map[0] = 7;
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, ro, 0);
	assert_int_equal(map[0], 7);
	assert_int_equal(mprotect(map, 4096, PROT_READ | PROT_WRITE), -1);
	assert_int_equal(errno, EACCES);
	map = memory_regain(ro, 8192);		/* but we may */
	assert_non_null(map);
	assert_int_equal(map[0]++, 7);
	assert_null(memory_regain(ro, 4096));
	assert_int_equal(errno, EPROTO);
	close(fd);
	close(ro);
}

static struct config config = {
	.tenants = 1,
	.tenant = { {
		.name_ = "blue", .device = { "blue" }, .workers = 2, .mtu = 1500, .max_sessions = 4096, .subscriber_prefix = 64,
		.pool = { 1, { { 0xc0000201, 0xc0000201, 1024, 65535 } } },
		.prefix = { 1, { { { { 0, 0x64, 0xff, 0x9b } }, 96 } } }, .source = { 1, { { { { 0 } }, 0 } } },
	} },
};

static void
generations(void **state)
{
	const struct image_slot *first, *second;
	const struct image *seen;
	struct publish p;
	uint32_t generation;
	int fd;

	(void)state;
	assert_int_equal(publish_open(&p, &config.tenant[0], 1), 0);
	seen = mmap(NULL, sizeof(*seen), PROT_READ, MAP_SHARED, p.fd_ro, 0);
	assert_ptr_not_equal(seen, MAP_FAILED);
	assert_true(seen->magic == IMAGE_MAGIC && seen->size == sizeof(struct image));
	first = image_current(seen, &generation);
	assert_int_equal(generation, 1);
	assert_ptr_equal(strstr(first->text, "[tenant blue]\n"), first->text);
	assert_non_null(strstr(first->text, "\nmtu = 1500\n"));

	config.tenant[0].mtu6 = 1280;
	assert_int_equal(publish_next(&p, &config.tenant[0]), 2);
	second = image_current(seen, &generation);
	assert_int_equal(generation, 2);
	assert_ptr_not_equal(first, second);
	assert_int_equal(second->config.mtu6, 1280);
	assert_int_equal(first->config.mtu6, 0);		/* still there for those who read it */
	assert_ptr_equal((publish_next(&p, &config.tenant[0]), image_current(seen, &generation)), first);

	publish_order(&p, 1, IMAGE_STOP);
	assert_int_equal(seen->order[1], 1);
	assert_int_equal(seen->order[0], 0);
	publish_order(&p, 1, IMAGE_WORK);
	assert_int_equal(seen->order[1], 0);
	publish_successor(&p, 1, IMAGE_WAIT, true);
	assert_int_equal(seen->order[1], IMAGE_WAIT | IMAGE_CRASHED);
	publish_order(&p, 1, IMAGE_STOP);			/* before it has looked */
	assert_int_equal(seen->order[1], IMAGE_STOP | IMAGE_CRASHED);
	publish_successor(&p, 1, IMAGE_WORK, false);
	assert_int_equal(seen->order[1], IMAGE_WORK);

	munmap(p.image, sizeof(struct image));			/* as after an exec */
	p.image = NULL;
	fd = p.fd_ro;
	assert_int_equal(publish_adopt(&p, fd, false), 0);
	assert_int_equal(publish_next(&p, &config.tenant[0]), 4);
	assert_int_equal(seen->generation, 4);
	p.image->size++;
	assert_int_equal(publish_adopt(&p, fd, false), -EPROTO);
	publish_close(&p);
	munmap((void *)(uintptr_t)seen, sizeof(*seen));
}

static void
told(void **state)
{
	struct bulletin b, adopted;
	const struct status *s;

	(void)state;
	assert_int_equal(bulletin_open(&b, &config), 0);
	s = mmap(NULL, sizeof(*s), PROT_READ, MAP_SHARED, b.fd_ro, 0);
	assert_true(s->magic == STATUS_MAGIC && s->size == sizeof(*s) && s->pid == (uint32_t)getpid());
	assert_int_equal(s->generation, 1);
	assert_int_equal(s->tenants, 1);
	assert_string_equal(s->tenant[0].name, "blue");
	assert_non_null(strstr(s->gateway_text, "spares = 0\n"));
	bulletin_device(&b, 0, "blue0", STATUS_offload_tso);
	bulletin_worker(&b, 0, 1, 77, STATUS_running);
	bulletin_death(&b, 0, 1, 77, STATUS_sigsegv, "sigsegv");
	bulletin_death(&b, 0, 1, 78, STATUS_sigsegv, "sigsegv");
	bulletin_spares(&b, 0, 3);
	bulletin_steering(&b, 0, STATUS_steering_refused, "no rights");
	bulletin_cgroup(&b, 0, STATUS_cgroup_partial, "without cpu");
	assert_string_equal(s->tenant[0].device, "blue0");
	config.tenants = 6;			/* another one, with a number behind a gap */
	config.tenant[5] = config.tenant[0];
	snprintf(config.tenant[5].name_, sizeof(config.tenant[5].name_), "green");
	bulletin_config(&b, &config, false);
	assert_string_equal(s->tenant[5].name, "green");
	assert_string_equal(s->tenant[1].name, "");
	bulletin_worker(&b, 5, 2, 99, STATUS_running);
	bulletin_forget(&b, 5);
	assert_string_equal(s->tenant[5].name, "");
	assert_int_equal(s->tenant[5].worker[2].pid, 0);
	assert_int_equal(s->sequence % 2, 0);
	config.tenants = 1;
	assert_int_equal(s->tenant[0].worker[1].pid, 77);
	assert_int_equal(s->tenant[0].worker[1].state, STATUS_running);
	assert_int_equal(s->tenant[0].worker[1].restarts[STATUS_sigsegv], 2);
	assert_ptr_equal(strstr(s->tenant[0].worker[1].last_death, "sigsegv at 20"), s->tenant[0].worker[1].last_death);
	assert_non_null(strstr(s->tenant[0].worker[1].last_death, "Z, pid 78"));
	assert_int_equal(s->tenant[0].spares, 3);
	assert_int_equal(s->tenant[0].steering, STATUS_steering_refused);
	assert_string_equal(s->tenant[0].steering_why, "no rights");
	assert_int_equal(s->tenant[0].cgroup, STATUS_cgroup_partial);
	assert_string_equal(s->tenant[0].cgroup_why, "without cpu");
	bulletin_reload(&b, false, "no");
	bulletin_reload(&b, true, "yes");
	bulletin_config(&b, &config, true);
	assert_int_equal(s->reload.count, 2);
	assert_int_equal(s->reload.ok, 1);
	assert_string_equal(s->reload.message, "yes");
	assert_int_equal(s->generation, 2);
	assert_int_equal(s->sequence % 2, 0);
	assert_int_equal(bulletin_adopt(&adopted, b.fd_ro), 0);
	snprintf(b.status->version, sizeof(b.status->version), "old");
	bulletin_heir(&adopted, &config);
	assert_string_equal(s->version, NAT64_VERSION);
	assert_int_equal(s->generation, 2);
	assert_int_equal(s->sequence % 2, 0);
	b.status->magic++;
	assert_int_equal(bulletin_adopt(&adopted, b.fd_ro), -EPROTO);
	munmap(adopted.status, sizeof(struct status));
	bulletin_close(&b);
	munmap((void *)(uintptr_t)s, sizeof(*s));
}

static void
ready_for_workers(void **state)
{
	struct layout_header *header;
	struct layout layout;
	struct region r, adopted;
	struct stat st;

	(void)state;
	assert_int_equal(region_open(&r, &config.tenant[0], NULL), 0);
	assert_string_equal(r.file, "");
	assert_int_equal(fstat(r.fd, &st), 0);
	assert_int_equal(st.st_size, r.layout.size);
	header = mmap(NULL, sizeof(*header), PROT_READ, MAP_SHARED, r.fd_ro, 0);
	assert_ptr_not_equal(header, MAP_FAILED);
	assert_null(layout_check(&layout, header, r.layout.size));
	assert_int_equal(layout.g.workers, 2);
	assert_int_equal(header->addresses_used, 1);
	assert_int_equal(r.worker[1].progress, 0);
	munmap(header, sizeof(*header));

	assert_int_equal(region_adopt(&adopted, r.fd, r.fd_ro, false), 0);
	assert_memory_equal(&adopted.layout, &r.layout, sizeof(r.layout));
	assert_int_equal(adopted.worker[1].progress, 0);
	munmap((void *)(uintptr_t)adopted.worker, r.layout.buffers - r.layout.workers);
	header = memory_map(r.fd, sizeof(*header));
	header->version++;
	assert_int_equal(region_adopt(&adopted, r.fd, r.fd_ro, false), -EPROTO);
	munmap(header, sizeof(*header));
	region_close(&r);
	assert_int_equal(r.fd, -1);
}

static char directory[64];

/* RUNDIR/NAME */
static const char *
path(const char *name)
{
	static char out[128];

	snprintf(out, sizeof(out), "%s/%s", directory, name);
	return out;
}

static void
claim_refused(const char *name, const char *word)
{
	const char *wrong = NULL;

	assert_true(memory_claim(path(name), &wrong) < 0);
	if (!strstr(wrong, word))
		fail_msg("%s: \"%s\" does not say \"%s\"", name, wrong, word);
}

/* A file takes its place in one step, and only what nobody but root can have made is opened again. */
static void
files(void **state)
{
	const char *wrong;
	struct stat st;
	char to[128];
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	snprintf(directory, sizeof(directory), "/tmp/n64-memory-%d", (int)getpid());
	assert_int_equal(mkdir(directory, 0755), 0);
	claim_refused("a", "No such file");
	umask(0);
	fd = memory_file(path("a"), 8192);
	assert_true(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
	assert_int_equal(access(path("a"), F_OK), -1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 8192);
	close(fd);
	fd = memory_file(path("a"), 4096);		/* the last one died before it was whole */
	assert_int_equal(memory_settle(path("a")), 0);
	close(fd);
	fd = memory_claim(path("a"), &wrong);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 4096);
	close(fd);
	close(memory_file(path("a"), 1));
	memory_discard(path("a"));
	assert_int_equal(access(path("a.new"), F_OK), -1);

	assert_int_equal(symlink("a", path("b")), 0);
	claim_refused("b", "symbolic link");
	unlink(path("b"));
	assert_int_equal(mkfifo(path("b"), 0600), 0);
	claim_refused("b", "regular file");
	unlink(path("b"));
	snprintf(to, sizeof(to), "%s/b", directory);
	assert_int_equal(link(path("a"), to), 0);
	claim_refused("a", "more than one name");
	unlink(to);
	assert_int_equal(chmod(path("a"), 0640), 0);
	claim_refused("a", "others than root");
	assert_int_equal(chmod(path("a"), 0600), 0);
	assert_int_equal(chown(path("a"), 65534, 65534), 0);
	claim_refused("a", "does not belong to root");
	unlink(path("a"));
	assert_int_equal(symlink("/etc/passwd", path("a.new")), 0);	/* not followed, but replaced */
	close(memory_file(path("a"), 1));
	memory_discard(path("a"));
	assert_int_equal(rmdir(directory), 0);
}

/* A region of another build: its workers' lines, its sum, an image to order them through, and a region to take its place. */
static void
another_build(void **state)
{
	struct region r, foreign, heir, next;
	struct layout_header *header;
	struct layout_worker *line;
	struct publish p, q;
	uint64_t sum, same;

	(void)state;
	assert_int_equal(region_open(&r, &config.tenant[0], NULL), 0);
	header = memory_map(r.fd, r.size);
	header->version++;
	line = layout_at(header, r.layout.workers);
	line[1].progress = 7;
	line[1].busy = 6;
	line[0].draining = line[1].ready = 1;
	assert_int_equal(region_sum(&r, &sum), 0);
	assert_int_equal(region_adopt(&foreign, r.fd, r.fd_ro, true), 0);
	assert_true(foreign.foreign && foreign.size == r.size && !foreign.worker);
	assert_int_equal(region_sum(&foreign, &same), 0);
	assert_true(same == sum);
	for (unsigned w = 0; w < 3; w++) {
		struct region_line a = region_line(&foreign, w), b = region_line(&r, w);

		assert_memory_equal(&a, &b, sizeof(a));
		assert_int_equal(a.progress, w == 1 ? 7 : 0);
		assert_int_equal(a.busy, w == 1 ? 6 : 0);
		assert_int_equal(a.draining, w == 0);
		assert_int_equal(a.ready, w == 1);
	}
	header->shape.line_progress += 4;		/* a word that cannot be loaded at once */
	assert_int_equal(region_adopt(&next, r.fd, r.fd_ro, true), -EPROTO);
	header->shape.line_progress -= 4;
	assert_null(region_heir_wrong(&config.tenant[0], &foreign));
	snprintf(foreign.file, sizeof(foreign.file), "blue.region");
	snprintf(directory, sizeof(directory), "/tmp/n64-heir-%d", (int)getpid());
	assert_int_equal(mkdir(directory, 0755), 0);
	assert_int_equal(region_open_heir(&heir, &config.tenant[0], &foreign, directory), 0);
	assert_string_equal(heir.file, "blue.1.region");
	assert_int_equal(region_open_heir(&next, &config.tenant[0], &heir, directory), 0);
	assert_string_equal(next.file, "blue.2.region");
	region_remove(&heir, directory);
	region_remove(&next, directory);
	assert_int_equal(rmdir(directory), 0);
	header->shape.dialect++;
	assert_non_null(region_heir_wrong(&config.tenant[0], &foreign));
	assert_int_equal(region_adopt(&next, r.fd, r.fd_ro, true), -EPROTO);
	munmap((void *)(uintptr_t)foreign.window, foreign.window_size);
	munmap(header, r.size);
	region_close(&r);

	assert_int_equal(publish_open(&p, &config.tenant[0], 5), 0);
	p.image->size += 8;
	assert_int_equal(publish_adopt(&q, p.fd_ro, false), -EPROTO);
	assert_int_equal(publish_adopt(&q, p.fd_ro, true), 0);
	publish_order(&q, 1, IMAGE_DRAIN);
	assert_int_equal(p.image->order[1], IMAGE_DRAIN);
	assert_int_equal(q.image->generation, 5);
	munmap(q.image, q.size);
	publish_close(&p);
}

/* A region in a file: taken up again as it is, but not when what only the supervisor writes has changed. */
static void
left_behind(void **state)
{
	struct region r, claimed = { .fd = -1 };
	struct layout_header *header;
	uint64_t sum, room;
	size_t last;

	(void)state;
	if (geteuid() != 0)
		skip();
	snprintf(directory, sizeof(directory), "/tmp/n64-memory-%d", (int)getpid());
	assert_int_equal(mkdir(directory, 0755), 0);
	assert_int_equal(region_open(&r, &config.tenant[0], directory), 0);
	assert_string_equal(r.file, "blue.region");
	assert_int_equal(region_sum(&r, &sum), 0);
	assert_true(region_most(&config.tenant[0]) < r.layout.size);
	header = memory_map(r.fd, r.layout.size);
	((uint8_t *)header)[r.layout.shards + 99] ^= 1;		/* a worker's word is its own affair */
	assert_null(region_claim(&claimed, directory, r.file, sum, false));
	assert_memory_equal(&claimed.layout, &r.layout, sizeof(r.layout));
	assert_string_equal(claimed.file, "blue.region");
	region_close(&claimed);

	assert_non_null(region_claim(&claimed, directory, r.file, sum + 1, false));
	assert_non_null(region_claim(&claimed, directory, "../blue.region", sum, false));
	assert_non_null(region_claim(&claimed, directory, "", sum, false));
	assert_non_null(region_claim(&claimed, directory, "red.region", sum, false));
	last = r.layout.owners - 1;
	for (size_t at = 0; at <= last; at += at < sizeof(*header) ? 13 : 997) {
		((uint8_t *)header)[at] ^= 0x10;
		assert_non_null(region_claim(&claimed, directory, r.file, sum, false));
		((uint8_t *)header)[at] ^= 0x10;
	}
	assert_null(region_claim(&claimed, directory, r.file, sum, false));
	region_close(&claimed);
	munmap(header, r.layout.size);
	assert_int_equal(ftruncate(r.fd, (off_t)r.layout.size - 4096), 0);
	assert_non_null(region_claim(&claimed, directory, r.file, sum, false));
	region_remove(&r, directory);
	assert_int_equal(rmdir(directory), 0);
	assert_false(memory_tmpfs("/proc", &room));
	assert_false(memory_tmpfs("/no/such/directory", &room));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sealed), cmocka_unit_test(generations), cmocka_unit_test(told),
		cmocka_unit_test(ready_for_workers), cmocka_unit_test(files), cmocka_unit_test(another_build), cmocka_unit_test(left_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
