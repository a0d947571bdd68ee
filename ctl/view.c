/*
 * view.c - looking at shared memory without believing it
 *
 * The status is the supervisor's and can be trusted, but it may be half rewritten; it is copied whole before use.
 * A region is written by workers, which may be anybody's by now. Where things are comes from the layout, which was
 * computed from the supervisor's header page; every value found there is only a number to be shown, and a number
 * that contradicts another is cut to what is possible.
 *
 * Must never: use a number from a region as an index or a loop's end; wait for a worker; keep a pointer into the
 * status that the supervisor writes.
 */
#include <string.h>
#include <time.h>
#include "ctl/view.h"
#include "supervisor/birth/birth.h"

#define TRIES 8

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define END_TEXT(a) ((a)[sizeof(a) - 1] = '\0')

static const char *const mode_name[] = { [CONFIG_MODE_NAT64] = "nat64" };

static const char *const state_name[STATUS_N_STATES] = {
#define STATE(name) [STATUS_##name] = #name,
	STATUS_STATES
#undef STATE
};

static const char *const steering_name[STATUS_N_STEERINGS] = {
#define STEERING(name) [STATUS_steering_##name] = #name,
	STATUS_STEERINGS
#undef STEERING
};

static const char *const guard_name[STATUS_N_GUARDS] = {
#define GUARD(name) [STATUS_guard_##name] = #name,
	STATUS_GUARDS
#undef GUARD
};

static const char *const cgroup_name[STATUS_N_CGROUPS] = {
#define CGROUP(name) [STATUS_cgroup_##name] = #name,
	STATUS_CGROUPS
#undef CGROUP
};

static const char *const offload_name[STATUS_N_OFFLOADS] = {
#define OFFLOAD(name) [STATUS_offload_##name] = #name,
	STATUS_OFFLOADS
#undef OFFLOAD
};

static const char *const cause_name[STATUS_N_CAUSES] = {
#define CAUSE(name) [STATUS_##name] = #name,
	STATUS_CAUSES
#undef CAUSE
};

static const struct layer {
	const char *name;
	uint32_t bit;
} layers[] = {
#define LAYER(name_, bit_, doc) { #name_, 1u << bit_ },
	BIRTH_LAYERS
#undef LAYER
};

static void
end_texts(struct status *s)
{
	END_TEXT(s->version);
	END_TEXT(s->reload.message);
	END_TEXT(s->gateway_text);
	for (unsigned t = 0; t < CONFIG_MAX_TENANTS; t++) {
		END_TEXT(s->tenant[t].name);
		END_TEXT(s->tenant[t].device);
		END_TEXT(s->tenant[t].steering_why);
		END_TEXT(s->tenant[t].guard_why);
		END_TEXT(s->tenant[t].cgroup_why);
		END_TEXT(s->tenant[t].netns6);
		END_TEXT(s->tenant[t].netns4);
		for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++)
			END_TEXT(s->tenant[t].worker[w].last_death);
	}
}

void
view_refresh(struct view *v)
{
	for (unsigned i = 0; i < TRIES; i++) {
		/* Partner of the supervisor's two increments around a rewrite: odd, or changed, means torn. */
		uint32_t before = atomic_load_32(&v->shared->sequence);

		memcpy(&v->status, v->shared, sizeof(v->status));
		atomic_fence();
		if (before % 2 == 0 && atomic_load_32(&v->shared->sequence) == before)
			break;
	}
	for (unsigned t = 0; t < v->tenants; t++)
		if (v->number[t] != t)		/* then it stands further behind: nothing is lost that is needed */
			v->status.tenant[t] = v->status.tenant[v->number[t]];
	end_texts(&v->status);
}

static uint64_t
boottime(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec;
}

uint32_t
view_now(const struct view *v, unsigned t)
{
	return layout_second(layout_header(v->tenant[t].region), boottime());
}

uint64_t
view_uptime(const struct view *v)
{
	uint64_t now = boottime();

	return now > v->status.started_boottime ? now - v->status.started_boottime : 0;
}

unsigned
view_workers(const struct view *v, unsigned t)
{
	uint32_t shown = v->status.tenant[t].workers, real = v->tenant[t].layout.g.workers;

	return shown < real ? shown : real;
}

unsigned
view_workers_running(const struct view *v, unsigned t)
{
	unsigned n = 0;

	for (unsigned w = 0; w < view_workers(v, t); w++)
		n += v->status.tenant[t].worker[w].state == STATUS_running;
	return n;
}

uint64_t
view_restarts(const struct status_worker *w)
{
	uint64_t n = 0;

	for (unsigned c = 0; c < STATUS_N_CAUSES; c++)
		n += w->restarts[c];
	return n;
}

uint32_t
view_missing(const struct view *v, unsigned t, unsigned w)
{
	const struct heritage_maps *m = &v->tenant[t];
	const struct layout_worker *line = layout_at(m->region, m->layout.workers);

	return atomic_load_32(&line[w].missing);
}

void
view_audit(const struct view *v, unsigned t, unsigned w, struct layout_said *copy)
{
	const struct heritage_maps *m = &v->tenant[t];
	const struct layout_audit *audit = &((const struct layout_worker *)layout_at(m->region, m->layout.workers))[w].audit;

	for (unsigned i = 0; i < TRIES; i++) {
		uint32_t before = atomic_load_32(&audit->sequence);	/* pairs with the two stores in scrub.c */

		atomic_read_words(copy, &audit->said, sizeof(*copy) / 8);
		atomic_fence();
		if (before % 2 == 0 && atomic_load_32(&audit->sequence) == before)
			return;
	}
	*copy = (struct layout_said){ 0 };
}

uint32_t
view_audit_request(const struct view *v, unsigned t)
{
	return atomic_load_32(&v->tenant[t].image->audit);
}

static const struct counters_row *
rows(const struct view *v, unsigned t)
{
	return layout_at(v->tenant[t].region, v->tenant[t].layout.counters);
}

static unsigned
nrows(const struct view *v, unsigned t)
{
	return v->tenant[t].layout.g.workers;
}

uint64_t
view_counter(const struct view *v, unsigned t, enum counters_id c)
{
	return counters_sum(rows(v, t), nrows(v, t), c);
}

uint64_t
view_worker_counter(const struct view *v, unsigned t, unsigned w, enum counters_id c)
{
	return counters_sum(rows(v, t) + w, 1, c);
}

uint64_t
view_verdict(const struct view *v, unsigned t, enum nat64_side from, enum nat64_verdict verdict)
{
	return counters_sum_verdict(rows(v, t), nrows(v, t), from, verdict);
}

uint64_t
view_icmp(const struct view *v, unsigned t, enum nat64_side from, unsigned type_row, unsigned code)
{
	return counters_sum_icmp(rows(v, t), nrows(v, t), from, type_row, code);
}

uint64_t
view_action(const struct view *v, unsigned t, enum nat64_action action)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < NAT64_N_VERDICTS; i++) {
		if (counters_verdict_info[i].action != action)
			continue;
		for (unsigned from = 0; from < NAT64_N_SIDES; from++)
			n += view_verdict(v, t, (enum nat64_side)from, (enum nat64_verdict)i);
	}
	return n;
}

uint64_t
view_alive(const struct view *v, unsigned t, enum shard_total created, enum nat64_proto proto)
{
	const struct heritage_maps *m = &v->tenant[t];
	uint64_t n = 0;

	for (unsigned i = 0; i < m->layout.g.shards; i++) {
		struct shard s;

		shard_view(&s, m->region, &m->layout, i);
		n += shard_alive(&s, created, proto);
	}
	return n;
}

uint64_t
view_total(const struct view *v, unsigned t, enum shard_total total, enum nat64_proto proto)
{
	const struct heritage_maps *m = &v->tenant[t];
	uint64_t n = 0;

	for (unsigned i = 0; i < m->layout.g.shards; i++) {
		struct shard s;

		shard_view(&s, m->region, &m->layout, i);
		n += shard_total(&s, total, proto);
	}
	return n;
}

unsigned
view_addresses(const struct view *v, unsigned t)
{
	uint32_t used = layout_header(v->tenant[t].region)->addresses_used, room = v->tenant[t].layout.g.addresses;

	return used < room ? used : room;
}

uint32_t
view_address(const struct view *v, unsigned t, unsigned a)
{
	return layout_header(v->tenant[t].region)->address[a].ip4;
}

static uint64_t
at_most(uint64_t n, uint64_t limit)
{
	return n < limit ? n : limit;
}

uint64_t
view_subscribers(const struct view *v, unsigned t)
{
	const struct heritage_maps *m = &v->tenant[t];
	uint64_t n = 0;

	for (unsigned i = 0; i < m->layout.g.shards; i++) {
		struct shard s;

		shard_view(&s, m->region, &m->layout, i);
		n += at_most(atomic_load_32(&s.head->subscribers), m->layout.shard_subscribers);
	}
	return n;
}

void
view_pool(const struct view *v, unsigned t, unsigned a, enum nat64_proto proto, struct view_pool *pool)
{
	const struct heritage_maps *m = &v->tenant[t];

	*pool = (struct view_pool){ 0 };
	for (unsigned i = 0; i < m->layout.g.shards; i++) {
		const struct shard_pool *p;
		uint64_t total, free, held;
		struct shard s;

		shard_view(&s, m->region, &m->layout, i);
		p = shard_pool(&s, a, proto);
		total = at_most(atomic_load_32(&p->total), m->layout.ports_per_shard);
		free = at_most(atomic_load_32(&p->free), total);
		held = at_most(atomic_load_32(&p->held), total - free);
		pool->total += total;
		pool->held += held;
		pool->used += total - free - held;
	}
}

const char *
view_mode_name(uint32_t mode)
{
	return mode < ARRAY_SIZE(mode_name) ? mode_name[mode] : "unknown";
}

const char *
view_state_name(uint32_t state)
{
	return state < STATUS_N_STATES ? state_name[state] : "unknown";
}

const char *
view_steering_name(uint32_t steering)
{
	return steering < STATUS_N_STEERINGS ? steering_name[steering] : "unknown";
}

const char *
view_guard_name(uint32_t guard)
{
	return guard < STATUS_N_GUARDS ? guard_name[guard] : "unknown";
}

const char *
view_cgroup_name(uint32_t cgroup)
{
	return cgroup < STATUS_N_CGROUPS ? cgroup_name[cgroup] : "unknown";
}

const char *
view_offload_name(uint32_t offload)
{
	return offload < STATUS_N_OFFLOADS ? offload_name[offload] : "unknown";
}

const char *
view_netns_name(const char *netns)
{
	return *netns ? netns : "own";
}

const char *
view_cause_name(unsigned cause)
{
	return cause < STATUS_N_CAUSES ? cause_name[cause] : "unknown";
}

const char *
view_layer(unsigned n, uint32_t *bit)
{
	if (n >= ARRAY_SIZE(layers))
		return NULL;
	*bit = layers[n].bit;
	return layers[n].name;
}

uint64_t
view_received(const struct view *v, unsigned t)
{
	return view_counter(v, t, COUNTER_queue_packets) + view_counter(v, t, COUNTER_replayed_packets);
}

uint64_t
view_worker_received(const struct view *v, unsigned t, unsigned w)
{
	return view_worker_counter(v, t, w, COUNTER_queue_packets) +
	       view_worker_counter(v, t, w, COUNTER_replayed_packets);
}
