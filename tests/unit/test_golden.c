/*
 * test_golden.c - bindings of every layout that was ever released can be brought over
 *
 * tests/golden/region-N.gz is a region as nat64 with LAYOUT_VERSION N made it, region-N.list what is in it, a line for each
 * session. Each is brought into a region of this build and compared. Before LAYOUT_VERSION is raised, a pair for the number
 * that is left behind is made by that build:
 *
 *   GOLDEN=tests/golden/region-N build/tests/unit/test_golden && gzip -9n tests/golden/region-N
 */
#include "tests/unit/unit.h"
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include "shm/audit.h"
#include "shm/pool.h"
#include "shm/tcpname.h"
#include "tests/world.h"
#include "worker/xlat/import.h"
#include "worker/xlat/policy.h"

#define NOW 1000
#define LINES 400
#define LINE 200

static struct world w;

/* What the golden regions were made with, and for ever will be. */
static struct config_tenant
golden_config(void)
{
	struct config_tenant c = world_config();

	c.workers = 2;
	c.max_sessions = 256;
	c.pool.item[0].port_max = 9999;
	c.prefix.n = 2;
	c.prefix.item[1] = (struct net6) { world_ip6("2001:db8:64::"), 96 };
	c.static_.n = 1;
	c.static_.item[0] = (struct config_static) { world_ip6("2001:db8:1::80"), world_ip4("192.0.2.1"), 8080, 80, NAT64_TCP };
	return c;
}

static struct shard *
shard_of(unsigned s)
{
	return &w.worker[w.worker[0].owners->worker[s]].shard[s];
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static char *
say_session(char line[LINE], const struct record *r, const struct session *e)
{
	char host[INET6_ADDRSTRLEN], prefix[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, &r->ip6, host, sizeof(host));
	inet_ntop(AF_INET6, &w.config.prefix.item[e->via].addr, prefix, sizeof(prefix));
	snprintf(line, LINE, "%u %s %u %08x %u %08x %u via %s tcp %u expires %u created %u%s\n", r->proto, host, r->port6,
		 (unsigned)r->ip4, r->port4, (unsigned)e->remote4, e->remote_port, prefix, e->tcp, (unsigned)e->expires,
		 r->flags & RECORD_STATIC ? 0 : (unsigned)r->created, r->flags & RECORD_STATIC ? " static" : "");
	return line;
}

/* Every session and every rest of a port in w, as sorted lines. Returns how many. */
static unsigned
look(char line[LINES][LINE])
{
	unsigned n = 0;

	for (unsigned number = 0; number < w.layout.g.shards; number++) {
		const struct shard *s = shard_of(number);

		for (uint32_t slot = 0; slot < w.layout.slots; slot++) {
			const struct record *r = &s->records[slot];
			struct session e = { .remote4 = r->remote4, .remote_port = r->remote_port, .tcp = r->tcp, .via = r->via,
					     .expires = s->expires[slot] };

			assert_true(n < LINES);
			if ((r->state & 0xff) == RECORD_HELD)
				snprintf(line[n++], LINE, "rest %u %u until %u\n", (unsigned)(slot / w.layout.ports_per_shard),
					 pool_port(&w.layout, w.worker[0].secret, number, slot), (unsigned)s->expires[slot]);
			else if (record_live(s, slot) && (r->flags & RECORD_INLINE))
				say_session(line[n++], r, &e);
		}
		for (uint32_t i = 0; i < w.layout.g.shard_sessions; i++) {
			assert_true(n < LINES);
			if (s->sessions[i].key)
				say_session(line[n++], &s->records[session_slot(&s->sessions[i])], &s->sessions[i]);
		}
	}
	qsort(line, n, LINE, by_text);
	return n;
}

static void
audit_all(void)
{
	struct audit a = { 0 };

	for (unsigned s = 0; s < w.layout.g.shards; s++)
		audit_shard(&a, shard_of(s), w.region, w.worker[0].secret);
	assert_int_equal(a.violations, 0);
}

static void
fill_one(unsigned i)
{
	struct record_key key = { .ip6 = world_ip6("2001:db8::1"), .port6 = (uint16_t)(1000 + i),
				  .proto = (uint8_t)(i % NAT64_N_PROTOS) };
	struct record_first first = { .remote4 = world_ip4("203.0.113.1") + i, .remote_port = (uint16_t)(i % 3 == 2 ? 0 : 53 + i),
				      .expires = NOW + 10 + i, .tcp = (uint8_t)(i % 3 ? 0 : i % TCP_N_STATES), .via = i % 2 };
	const uint8_t *hash_key = w.worker[0].secret->index_key;
	uint32_t slot;
	struct shard *s;

	key.ip6.b[6] = (uint8_t)i;
	s = shard_of(policy_shard(&w.worker[0], &key.ip6));
	slot = pool_pick_owner(s, 0, key.proto, w.worker[0].secret->port_key);
	assert_true(slot != POOL_NONE);
	assert_int_equal(record_create_owner(s, hash_key, slot, &key, w.config.pool.item[0].first,
					     pool_port(&w.layout, w.worker[0].secret, s->number, slot), &first, NOW - i), 0);
	for (unsigned k = 0; k < i % 4; k++) {
		first.remote4 += 100;
		first.expires += 7;
		session_add_owner(s, hash_key, slot, &first);
	}
	if (i % 10 == 3)
		session_remove_owner(s, hash_key, slot, SESSION_INLINE);
	if (i % 10 == 4) {			/* i % 4 == 0, so it has no other one */
		session_remove_owner(s, hash_key, slot, SESSION_INLINE);
		while (s->records[slot].sessions > 0)
			for (uint32_t e = 0; e < w.layout.g.shard_sessions; e++)
				if (s->sessions[e].key && session_slot(&s->sessions[e]) == slot)
					session_remove_owner(s, hash_key, slot, e);
		record_remove_owner(s, slot, hash_key, NOW, NOW + 90 + i);
	}
}

/* Make a pair: PATH and PATH.list. */
static int
make(const char *path)
{
	static char line[LINES][LINE];
	char list[PATH_MAX];
	unsigned n;
	FILE *out;

	w.config = golden_config();
	world_open(&w);
	for (unsigned i = 0; i < 60; i++)
		fill_one(i);
	session_add_owner(shard_of(policy_shard(&w.worker[0], &w.config.static_.item[0].ip6)), w.worker[0].secret->index_key,
			  w.layout.pool_slots, &(struct record_first) { world_ip4("203.0.113.77"), NOW + 500, 4000,
									TCP_established, 1 });
	for (unsigned i = 0; i < 2; i++)
		w.worker[i].row->verdict[NAT64_FROM_IP6][NAT64_translated] = 1000 + i;
	audit_all();
	out = fopen(path, "w");
	n = out ? (unsigned)fwrite(w.region, w.layout.size, 1, out) : 0;
	if (!out || fclose(out) != 0 || n != 1)
		return 1;
	n = look(line);
	snprintf(list, sizeof(list), "%s.list", path);
	out = fopen(list, "w");
	for (unsigned i = 0; i < n && out; i++)
		fputs(line[i], out);
	return !out || fclose(out) != 0;
}

/* The whole of a packed image, in pages of its own. */
static void *
unpack(const char *path, size_t *size)
{
	const size_t room = 256u << 20;
	uint8_t *image = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char command[PATH_MAX + 20];
	size_t n;
	FILE *in;

	assert_true(image != MAP_FAILED);
	snprintf(command, sizeof(command), "gzip -dc '%s'", path);
	in = popen(command, "r");
	assert_non_null(in);
	*size = 0;
	while ((n = fread(image + *size, 1, room - *size, in)) > 0)
		*size += n;
	assert_int_equal(pclose(in), 0);
	return image;
}

/* Bring over what is in this image, and compare with the list beside it. */
static void
bring_over(const char *path)
{
	static char line[LINES][LINE];
	char list[PATH_MAX], said[LINE];
	uint8_t seed[LAYOUT_SEED_SIZE] = { 5 };
	uint64_t translated = 0;
	struct layout_geometry g;
	struct foreign f;
	unsigned n;
	size_t size;
	FILE *in;
	void *old = unpack(path, &size);

	print_message("%s: %zu bytes\n", path, size);
	assert_null(foreign_check(&f, old, size));
	w.config = golden_config();
	layout_geometry_heir(&g, &w.config, f.shape.shards);
	g.addresses = 1;
	assert_true(layout_plan(&w.layout, &g));
	w.memory = calloc(1, w.layout.size + LAYOUT_PAGE);
	assert_non_null(w.memory);
	w.region = (uint8_t *)w.memory + (LAYOUT_PAGE - (uintptr_t)w.memory % LAYOUT_PAGE);
	layout_init_heir(w.region, &w.layout, &w.config, &f, seed);
	for (unsigned i = 0; i < w.config.workers; i++) {
		assert_null(nat64_attach(&w.worker[i], w.region, &w.layout, i));
		nat64_configure(&w.worker[i], &w.config);
		nat64_import(&w.worker[i], &f, false, NOW);
		nat64_adopt(&w.worker[i], NOW);
		translated += w.worker[i].row->verdict[NAT64_FROM_IP6][NAT64_translated];
	}
	audit_all();
	assert_int_equal(translated, 2001);
	n = look(line);
	assert_true(n > 60);
	snprintf(list, sizeof(list), "%.*s.list", (int)(strlen(path) - 3), path);
	in = fopen(list, "r");
	assert_non_null(in);
	for (unsigned i = 0; i < n; i++) {
		assert_non_null(fgets(said, sizeof(said), in));
		assert_string_equal(line[i], said);
	}
	assert_null(fgets(said, sizeof(said), in));
	fclose(in);
	world_close(&w);
	munmap(old, 256u << 20);
}

static void
every_layout(void **state)
{
	glob_t found;

	(void)state;
	assert_int_equal(glob("tests/golden/region-*.gz", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		bring_over(found.gl_pathv[i]);
	globfree(&found);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_layout) };
	const char *path = getenv("GOLDEN");

	return path ? make(path) : cmocka_run_group_tests(tests, NULL, NULL);
}
