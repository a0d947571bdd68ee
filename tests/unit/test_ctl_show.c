// links: ctl/command.o ctl/show.o ctl/show_status.o ctl/show_tenants.o ctl/show_workers.o ctl/show_bindings.o
// links: ctl/show_sessions.o ctl/show_pools.o ctl/show_subscribers.o ctl/show_counters.o ctl/show_audit.o ctl/show_config.o
// links: ctl/filter.o ctl/rank.o
// links: ctl/output.o ctl/align.o ctl/cell.o ctl/scan.o ctl/view.o ctl/metrics.o -ljansson
/*
 * test_ctl_show.c - every request over a made-up gateway, and over one whose memory lies
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "tests/unit/unit.h"
#include "ctl/command.h"
#include "ctl/metrics.h"
#include "shm/audit.h"
#include "supervisor/birth/birth.h"
#include "tests/unit/ctl_world.h"

static struct view view;
static struct status status;
static struct image image;
static struct config_tenant config;
static char *text;
static size_t ntext;

static void *
zeroed(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

static void
raise_world(unsigned bindings)
{
	struct layout_geometry g;
	struct layout *l = &view.tenant[0].layout;

	memset(&status, 0, sizeof(status));
	memset(&image, 0, sizeof(image));
	world_config(&config, "blue");
	world_status(&status, 1);
	world_image(&image, &config);
	layout_geometry(&g, &config);
	assert_true(layout_plan(l, &g));
	view.shared = &status;
	view.tenants = 1;
	view.tenant[0].image = &image;
	view.tenant[0].region = zeroed(l->size);
	world_region(view.tenant[0].region, l, &config, bindings);
}

static void
raze_world(void)
{
	munmap(view.tenant[0].region, view.tenant[0].layout.size);
}

static void
append(const char *p, size_t n)
{
	text = realloc(text, ntext + n + 1);
	memcpy(text + ntext, p, n);
	ntext += n;
	text[ntext] = '\0';
}

/* Make a request and collect its reply without the first line, which is returned. */
static const char *
request(const char *words)
{
	static struct show s;
	char line[COMMAND_LINE];
	const char *first;
	unsigned turns = 0;

	ntext = 0;
	snprintf(line, sizeof(line), "%s", words);
	first = command_start(&s, &view, line);
	append(s.out.buf, s.out.len);
	while (!s.ended) {
		output_sent(&s.out);
		show_turn(&s);
		assert_false(s.out.failed);
		assert_true(s.out.len <= OUTPUT_SIZE);
		append(s.out.buf, s.out.len);
		assert_true(turns++ < 100000);
	}
	return first;
}

static json_t *
rows(const char *words, const char *list)
{
	char line[COMMAND_LINE];
	json_t *j, *array;

	snprintf(line, sizeof(line), "json show %s", words);
	assert_string_equal(request(line), "ok\n");
	j = json_loads(text, 0, NULL);
	assert_non_null(j);
	assert_int_equal(json_integer_value(json_object_get(j, "schema")), 1);
	array = json_incref(json_object_get(j, list));
	assert_true(json_is_array(array));
	json_decref(j);
	return array;
}

static size_t
count(const char *words, const char *list)
{
	json_t *array = rows(words, list);
	size_t n = json_array_size(array);

	json_decref(array);
	return n;
}

static long long
number(json_t *array, size_t row, const char *name)
{
	return json_integer_value(json_object_get(json_array_get(array, row), name));
}

static const char *
string(json_t *array, size_t row, const char *name)
{
	return json_string_value(json_object_get(json_array_get(array, row), name));
}

static void
fields_are_those_of_the_contract(void **state)
{
	static const struct {
		const char *request, *names;
	} row[] = {
		{ "csv show status limit=1", "version,pid,uptime_seconds,generation,last_reload_ok,last_reload_message,"
		  "name,mode,device,workers_running,bindings,sessions,received,translated,dropped,steering,guard,"
		  "spoofed,to_host,offload,netns6,netns4,cgroup\n" },
		{ "csv show tenants", "name,mode,device,workers_running,bindings,sessions,received,translated,"
		  "dropped,steering,guard,spoofed,to_host,offload,netns6,netns4,cgroup\n" },
		{ "csv show workers", "tenant,worker,pid,state,restarts,last_death,received,sandbox\n" },
		{ "csv show bindings", "tenant,protocol,ip6,port6,ip4,port4,kind,sessions,expires_seconds\n" },
		{ "csv show sessions", "tenant,protocol,ip6,port6,ip4,port4,remote_ip4,remote_port4,state,"
		  "expires_seconds\n" },
		{ "csv show pools", "tenant,protocol,address,ports_total,ports_used,ports_held\n" },
		{ "csv show subscribers", "tenant,prefix,bindings,sessions,quota_drops\n" },
		{ "csv show counters", "tenant,name,from,action,value\n" },
		{ "csv show audit", "tenant,shards,records,violations,age_seconds,first\n" },
		{ "csv show config", "section,tenant,key,value\n" },
	};

	(void)state;
	raise_world(3);
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		assert_string_equal(request(row[i].request), "ok\n");
		if (strncmp(text, row[i].names, strlen(row[i].names)) != 0)
			fail_msg("%s", text);
	}
	raze_world();
}

static void
bindings_and_sessions(void **state)
{
	json_t *j;

	(void)state;
	raise_world(3000);
	assert_int_equal(count("bindings", "bindings"), 3001);
	assert_int_equal(count("bindings limit=7", "bindings"), 7);
	assert_int_equal(count("bindings protocol=udp", "bindings"), 1000);
	assert_int_equal(count("bindings tenant=blue protocol=icmp limit=2000", "bindings"), 1000);
	assert_int_equal(count("sessions", "sessions"), 4002);
	assert_int_equal(count("sessions ip4=203.0.113.3", "sessions"), 1002);
	assert_int_equal(count("sessions port=443 protocol=icmp", "sessions"), 0);
	j = rows("bindings port=80", "bindings");
	assert_int_equal(json_array_size(j), 1);
	assert_string_equal(string(j, 0, "kind"), "static");
	assert_string_equal(string(j, 0, "ip6"), "2001:db8::80");
	assert_int_equal(number(j, 0, "port6"), 8080);
	assert_true(json_is_null(json_object_get(json_array_get(j, 0), "expires_seconds")));
	json_decref(j);
	j = rows("bindings ip6=2001:db8:1::5", "bindings");
	assert_int_equal(json_array_size(j), 1);
	assert_int_equal(number(j, 0, "port6"), 40005);
	assert_string_equal(string(j, 0, "protocol"), "icmp");
	assert_in_range(number(j, 0, "expires_seconds"), 7395, 7400);
	json_decref(j);
	j = rows("sessions ip6=2001:db8:1:: ip4=203.0.113.3", "sessions");
	assert_int_equal(json_array_size(j), 1);
	assert_string_equal(string(j, 0, "state"), "established");
	assert_int_equal(number(j, 0, "expires_seconds"), 0);
	json_decref(j);
	raze_world();
}

/* So many bindings, with two sessions each, of a host of subscriber n. */
static void
subscribe(unsigned n, unsigned bindings)
{
	struct layout *l = &view.tenant[0].layout;
	struct layout_header *h = view.tenant[0].region;
	struct layout_secret *secret = layout_at(h, l->secret);
	struct shard s;

	shard_view(&s, h, l, n % l->g.shards);
	for (unsigned i = 0; i < bindings; i++) {
		struct record_key key = { .port6 = (uint16_t)i, .proto = NAT64_UDP };
		struct record_first first = { .remote4 = 1, .remote_port = 1, .expires = 9999 };
		uint32_t slot = pool_pick_owner(&s, 0, NAT64_UDP, secret->port_key);

		inet_pton(AF_INET6, "2001:db8:2::1", key.ip6.b);
		key.ip6.b[6] = (uint8_t)(n >> 8);
		key.ip6.b[7] = (uint8_t)n;
		assert_true(slot != POOL_NONE);
		assert_int_equal(record_create_owner(&s, secret->index_key, slot, &key, h->address[0].ip4,
						     pool_port(l, secret, s.number, slot), &first, 1), 0);
		first.remote4++;
		assert_true(session_add_owner(&s, secret->index_key, slot, &first) != SESSION_NONE);
		subscriber_refuse_owner(&s, s.records[slot].subscriber);
	}
}

/* More subscribers than are ranked in one round, the greatest first; by prefix those who have as many. */
static void
subscribers_in_order(void **state)
{
	char prefix[INET6_ADDRSTRLEN + 4], filter[80];
	json_t *j;

	(void)state;
	raise_world(0);				/* there is one subscriber, of the static binding, without a session */
	for (unsigned n = 0; n < 1600; n++)
		subscribe(n, n % 400 == 7 ? 5 : 1 + n % 2);
	j = rows("subscribers", "subscribers");
	assert_int_equal(json_array_size(j), 1601);
	for (size_t i = 0; i < 1600; i++) {
		/* first four with 5, then those of odd number, then the even ones */
		unsigned n = i < 4 ? 7 + 400 * (unsigned)i : 0, want = i < 4 ? 5 : i < 800 ? 2 : 1;

		assert_int_equal(number(j, i, "bindings"), want);
		assert_int_equal(number(j, i, "sessions"), 2 * want);
		assert_int_equal(number(j, i, "quota_drops"), want);
		snprintf(prefix, sizeof(prefix), "2001:db8:2:%x::/64", n);
		if (i < 4)
			assert_string_equal(string(j, i, "prefix"), prefix);
	}
	assert_string_equal(string(j, 1600, "prefix"), "2001:db8::/64");
	assert_int_equal(number(j, 1600, "bindings"), 1);
	assert_int_equal(number(j, 1600, "sessions"), 0);
	json_decref(j);
	j = rows("subscribers limit=3", "subscribers");
	assert_int_equal(json_array_size(j), 3);
	assert_string_equal(string(j, 2, "prefix"), "2001:db8:2:327::/64");
	json_decref(j);
	snprintf(filter, sizeof(filter), "subscribers ip6=2001:db8:2:%x:1::9 tenant=blue", 1599);
	j = rows(filter, "subscribers");
	assert_int_equal(json_array_size(j), 1);
	assert_string_equal(string(j, 0, "prefix"), "2001:db8:2:63f::/64");
	json_decref(j);
	assert_int_equal(count("subscribers ip6=2001:db8:3::1", "subscribers"), 0);
	assert_string_equal(request("text show subscribers limit=1"), "ok\n");
	assert_non_null(strstr(text, "2001:db8:2:7::/64"));
	raze_world();
}

/* Rows that come only after many turns without any stand below their columns' names. */
static void
late_rows_are_aligned(void **state)
{
	const char *row;

	(void)state;
	raise_world(30);
	for (unsigned i = 0; i < 30; i++) {
		char words[64];

		snprintf(words, sizeof(words), "text show bindings port=%u", 40000 + i);
		assert_string_equal(request(words), "ok\n");
		row = strchr(text, '\n') + 1;
		assert_int_equal(strstr(text, "KIND") - text, strstr(row, "dynamic") - row);
	}
	raze_world();
}

static void
sums(void **state)
{
	long long used = 0;
	json_t *j;

	(void)state;
	raise_world(300);
	j = rows("tenants", "tenants");
	assert_int_equal(number(j, 0, "bindings"), 301);
	assert_int_equal(number(j, 0, "sessions"), 402);
	assert_int_equal(number(j, 0, "received"), 1201);
	assert_int_equal(number(j, 0, "translated"), 1000);
	assert_int_equal(number(j, 0, "dropped"), 201);
	json_decref(j);
	j = rows("pools", "pools");
	assert_int_equal(json_array_size(j), 24);
	for (size_t i = 0; i < 24; i++)
		used += number(j, i, "ports_used");
	assert_int_equal(used, 300);
	json_decref(j);
	assert_int_equal(count("pools ip4=198.51.100.9", "pools"), 3);
	assert_int_equal(count("counters", "counters"), NAT64_N_SIDES * NAT64_N_VERDICTS + N_COUNTERS);
	assert_string_equal(request("text show counters"), "ok\n");
	assert_non_null(strstr(text, "counters are zero and not shown"));
	assert_null(strstr(text, "handed_over"));
	raze_world();
}

static void
config_line_by_line(void **state)
{
	json_t *j;

	(void)state;
	raise_world(0);
	j = rows("config", "config");
	assert_int_equal(json_array_size(j), 6);
	assert_string_equal(string(j, 0, "section"), "gateway");
	assert_string_equal(string(j, 0, "tenant"), "");
	assert_string_equal(string(j, 0, "key"), "run-dir");
	assert_string_equal(string(j, 0, "value"), "/run/nat64");
	assert_string_equal(string(j, 3, "tenant"), "blue");
	assert_string_equal(string(j, 3, "value"), "198.51.100.8/29 ports 1024-65535");
	assert_string_equal(string(j, 5, "value"), "\"a, b\" \303\251?[31m");
	json_decref(j);
	assert_int_equal(count("config tenant=blue", "config"), 4);
	memset(image.slot[1].text, 'x', sizeof(image.slot[1].text));	/* no end, no line, no key */
	assert_int_equal(count("config tenant=blue", "config"), 0);
	raze_world();
}

static void
words_that_are_wrong(void **state)
{
	static const char *const row[] = {
		"", " ", "text", "xml show status", "text bogus", "text show", "text show bogus",
		"text show status bogus",
		"text show status port=1", "text show bindings tenant=nobody", "text pulse now", "text audits now", "json", "show status",
	};

	(void)state;
	raise_world(0);
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_string_equal(request(row[i]), "usage\n");
	assert_string_equal(request("text show bogus"), "usage\n");
	assert_string_equal(text, "bogus: cannot be shown; there are: status tenants workers bindings sessions "
			    "pools subscribers counters audit config\n");
	assert_string_equal(request("text pulse"), "ok\n");
	assert_non_null(strstr(text, "worker blue/1 1001 running\n"));
	raze_world();
}

/* Two workers' audits make one row; which of them have answered is a bit mask. */
static void
audits(void **state)
{
	struct layout_worker *line;
	uint32_t now;
	json_t *j;

	(void)state;
	raise_world(0);
	line = layout_at(view.tenant[0].region, view.tenant[0].layout.workers);
	now = view_now(&view, 0);
	j = rows("audit", "audit");
	assert_int_equal(number(j, 0, "shards"), 0);
	assert_true(json_is_null(json_object_get(json_array_get(j, 0), "age_seconds")));
	assert_true(json_is_null(json_object_get(json_array_get(j, 0), "first")));
	json_decref(j);
	image.audit = 3;
	line[0].audit.said = (struct layout_said) { .answered = 3, .finished = now - 50, .shards = 4, .records = 100 };
	line[1].audit.said = (struct layout_said) {
		.answered = 2, .finished = now - 20, .shards = 3, .records = 10, .violations = 2, .rule = AUDIT_ports, .shard = 5,
		.slot = 77,
	};
	j = rows("audit", "audit");
	assert_int_equal(number(j, 0, "shards"), 7);
	assert_int_equal(number(j, 0, "records"), 110);
	assert_int_equal(number(j, 0, "violations"), 2);
	assert_true(number(j, 0, "age_seconds") >= 50 && number(j, 0, "age_seconds") < 60);
	assert_string_equal(string(j, 0, "first"), "ports lost: free, held and live do not add up (shard 5, slot 77)");
	json_decref(j);
	assert_string_equal(request("text audits"), "ok\n");
	assert_string_equal(text, "audit blue 3 2 2\n");
	line[1].audit.said.rule = UINT32_MAX;
	line[1].audit.said.slot = UINT32_MAX;
	j = rows("audit", "audit");
	assert_string_equal(string(j, 0, "first"), "no known rule (shard 5)");
	json_decref(j);
	line[0].audit.sequence = 1;		/* whoever is in the middle of it has not answered */
	request("text audits");
	assert_string_equal(text, "audit blue 3 3 2\n");
	raze_world();
}

static void
attention(void **state)
{
	struct layout_worker *line;

	(void)state;
	raise_world(0);
	assert_string_equal(request("text show status"), "ok\n");
	assert_null(strstr(text, "attention"));
	line = layout_at(view.tenant[0].region, view.tenant[0].layout.workers);
	atomic_store_32(&line[1].missing, BIRTH_seccomp | BIRTH_landlock);
	status.tenant[0].worker[0].state = STATUS_backoff;
	request("text show status");
	assert_non_null(strstr(text, "attention: blue, worker 0 is backoff\n"
				     "attention: the sandbox of blue, worker 1 lacks seccomp, landlock\n"));
	status.tenant[0].steering = STATUS_steering_refused;
	snprintf(status.tenant[0].steering_why, sizeof(status.tenant[0].steering_why), "no \033rights");
	assert_string_equal(request("text show status"), "ok\n");
	assert_non_null(strstr(text, "not steered: no"));
	assert_non_null(strstr(text, "rights\nattention: blue, worker 0 is backoff\n"));
	assert_null(strchr(text, '\033'));
	status.tenant[0].cgroup = STATUS_cgroup_partial;
	snprintf(status.tenant[0].cgroup_why, sizeof(status.tenant[0].cgroup_why), "without cpu");
	request("text show status");
	assert_non_null(strstr(text, "attention: blue, its cgroup does not hold all that it should: without cpu\n"));
	status.tenant[0].cgroup = STATUS_cgroup_refused;
	snprintf(status.tenant[0].cgroup_why, sizeof(status.tenant[0].cgroup_why), "no \033rights");
	request("text show status");
	assert_non_null(strstr(text, "attention: blue, its workers have no cgroup of their own: no"));
	assert_null(strchr(text, '\033'));
	status.tenant[0].cgroup = STATUS_cgroup_on;
	assert_string_equal(request("text show status"), "ok\n");
	assert_null(strstr(text, "cgroup of their own"));
	request("csv show workers");
	assert_non_null(strstr(text, "\"seccomp,landlock\""));
	raze_world();
}

/* All of one exposition. */
static void
expose(enum metrics_format format, size_t room)
{
	struct metrics m;
	char buf[8192];
	size_t n;

	ntext = 0;
	metrics_start(&m, &view, format);
	while ((n = metrics_render(&m, buf, room)) != 0)
		append(buf, n);
}

static void
metrics(void **state)
{
	static const char *const series[] = {
		"\n# TYPE nat64_packets_total counter\n",
		"\nnat64_packets_total{tenant=\"blue\",from=\"ip6\",action=\"translate\",verdict=\"translated\"} 1000",
		"\nnat64_icmp_packets_total{tenant=\"blue\",from=\"ip6\",type=\"128\",code=\"0\"} 2\n",
		"\nnat64_icmp_packets_total{tenant=\"blue\",from=\"ip6\",type=\"128\",code=\"other\"} 2\n",
		"\nnat64_icmp_packets_total{tenant=\"blue\",from=\"ip4\",type=\"other\",code=\"0\"} 2\n",
		"\nnat64_pool_ports{tenant=\"blue\",protocol=\"tcp\",state=\"used\"} 10\n",
		"\nnat64_bindings{tenant=\"blue\",protocol=\"tcp\"} 11\n",
		"\nnat64_build_info{version=\"0.1.0\"} 1\n",
		"\nnat64_worker_sandbox_missing{tenant=\"blue\",worker=\"1\",layer=\"seccomp\"} 0\n",
		"\nnat64_worker_restarts_total{tenant=\"blue\",worker=\"0\",cause=\"sigsegv\"} 0\n",
		"\nnat64_queue_packets_total{tenant=\"blue\",worker=\"1\"} 601\n",
	};
	char *whole;

	(void)state;
	raise_world(30);
	expose(METRICS_TEXT, 8192);
	whole = strdup(text);
	expose(METRICS_TEXT, METRICS_SAMPLE);
	assert_string_equal(text, whole);
	free(whole);
	for (unsigned i = 0; i < sizeof(series) / sizeof(series[0]); i++)
		if (!strstr(text, series[i]))
			fail_msg("no %s in %s", series[i], text);
	assert_null(strstr(text, "nat64_queue_bytes"));
	assert_null(strstr(text, "2001:db8"));
	assert_null(strstr(text, "# EOF"));
	expose(METRICS_OPENMETRICS, 8192);
	assert_non_null(strstr(text, "# TYPE nat64_packets counter\nnat64_packets_total{"));
	assert_non_null(strstr(text, "# TYPE nat64_build info\nnat64_build_info{"));
	assert_string_equal(text + ntext - 6, "# EOF\n");
	raze_world();
}

static uint64_t
dice(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Scribble over what workers may write, from the counters on; most over heads, bitmaps and sessions. */
static void
scribble(uint64_t *seed, unsigned words)
{
	const struct layout *l = &view.tenant[0].layout;
	uint64_t *word = view.tenant[0].region, r;

	for (unsigned i = 0; i < words; i++) {
		size_t shard = layout_shard(l, (unsigned)(dice(seed) % l->g.shards)), from = l->counters, to = l->size;

		switch (dice(seed) % 6) {
		case 0: to = l->buffers; break;
		case 1: from = shard, to = shard + l->pool + 4 * l->pool_stride; break;
		case 2: from = shard + l->session_free, to = from + 4096; break;
		case 3: from = shard + l->sessions, to = from + 8192; break;
		case 4: from = shard + l->records, to = shard + l->shard_size; break;
		default: break;
		}
		r = dice(seed);
		from += dice(seed) % (to - from);
		word[from / 8] = r % 4 == 0 ? UINT64_MAX : r % 4 == 1 ? 0 : r % 4 == 2 ? r :
				 word[from / 8] ^ (UINT64_C(1) << (r >> 8 & 63));
	}
}

static void
hostile_region(void **state)
{
	static const char *const what[] = {
		"json show status", "text show tenants", "csv show workers", "json show bindings limit=2000",
		"text show bindings limit=2000 protocol=tcp", "json show subscribers limit=2000", "text show subscribers",
		"json show sessions limit=2000", "csv show pools",
		"text show counters", "text show sessions port=1 limit=1000", "text pulse", "json show audit", "text audits",
	};
	uint64_t seed = 88172645463325252;

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		raise_world(500);
		for (unsigned i = 0; i < 4; i++) {
			scribble(&seed, 1000);
			for (unsigned k = 0; k < sizeof(what) / sizeof(what[0]); k++) {
				assert_string_equal(request(what[k]), "ok\n");
				if (strncmp(what[k], "json", 4) == 0) {
					json_t *j = json_loads(text, 0, NULL);

					assert_non_null(j);
					json_decref(j);
				}
			}
			expose((enum metrics_format)(i % 2), 4096);
		}
		raze_world();
	}
}

/* A tenant is shown with what the supervisor says under its number, wherever it stands among ours. */
static void
numbers(void **state)
{
	(void)state;
	raise_world(0);
	status.tenant[7] = status.tenant[0];
	snprintf(status.tenant[7].name, sizeof(status.tenant[7].name), "seventh");
	snprintf(status.tenant[0].name, sizeof(status.tenant[0].name), "nobody");
	view.number[0] = 7;
	assert_string_equal(request("csv show tenants"), "ok\n");
	assert_non_null(strstr(text, "\nseventh,"));
	assert_null(strstr(text, "nobody"));
	view.number[0] = 0;
	raze_world();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_those_of_the_contract), cmocka_unit_test(bindings_and_sessions), cmocka_unit_test(subscribers_in_order),
		cmocka_unit_test(late_rows_are_aligned), cmocka_unit_test(sums), cmocka_unit_test(config_line_by_line), cmocka_unit_test(words_that_are_wrong),
		cmocka_unit_test(attention), cmocka_unit_test(audits), cmocka_unit_test(metrics), cmocka_unit_test(hostile_region),
		cmocka_unit_test(numbers),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	free(text);
	return rc;
}
