/*
 * nat64.c - attach, configure, adopt: how a worker gets to stand on a region
 *
 * Must never: touch a shard that owners gives to somebody else.
 */
#include "shm/hash.h"
#include "shm/record.h"
#include "worker/xlat/nat64.h"
#include "worker/xlat/policy.h"

const char *
nat64_attach(struct nat64 *n, void *region, const struct layout *l, unsigned worker)
{
	struct layout checked;
	uint64_t begin[2];
	const char *wrong = layout_check(&checked, layout_header(region), l->size);

	if (wrong)
		return wrong;
	if (worker >= l->g.workers)
		return "no such worker slot";
	*n = (struct nat64) {
		.layout = checked,
		.header = region,
		.secret = layout_at(region, l->secret),
		.owners = layout_at(region, l->owners),
		.row = (struct counters_row *)layout_at(region, l->counters) + worker,
		.worker = worker,
	};
	/* Where the IPv4 identification goes on is nobody's guess, and not where another worker or a predecessor was. */
	begin[0] = worker;
	begin[1] = n->row->counter[COUNTER_queue_packets];
	n->ip_id[0] = (uint16_t)hash_words(n->secret->port_key, begin, 2);
	for (unsigned i = 1; i < NAT64_ID_COUNTERS; i++)
		n->ip_id[i] = n->ip_id[0];
	n->kin = kin_buckets(region, &n->layout, worker);
	kept_open(&n->kept, region, &n->layout, worker);
	for (unsigned s = 0; s < l->g.shards; s++)
		shard_view(&n->shard[s], region, &n->layout, s);
	return NULL;
}

bool
nat64_due(struct nat64 *n, struct nat64_packet *packet, uint32_t now)
{
	int place = kept_due(&n->kept, now);
	const uint8_t *kept;

	if (place < 0)
		return false;
	n->taken = (uint32_t)place;
	kept = kept_packet(&n->kept, n->taken, &packet->len);
	memcpy(packet->data, kept, packet->len);
	packet->meta = (struct layout_meta) { .kin = n->kept.line[place].kin };
	if (now == UINT32_MAX && packet->meta.kin.fate == NAT64_syn_unanswered)
		packet->meta.kin.fate = NAT64_syn_discarded;	/* its time is not over: no answer yet (RFC 5382 REQ-4) */
	return true;
}

void
nat64_taken(struct nat64 *n)
{
	kept_free_owner(&n->kept, n->taken);
}

void
nat64_configure(struct nat64 *n, const struct config_tenant *config)
{
	n->config = config;
	policy_configure(n);
}

static void
adopt_static(struct nat64 *n, uint32_t number, uint32_t now)
{
	const struct config_static *c = &n->config->static_.item[number];
	struct record_key key = { c->ip6, c->port6, c->proto };
	struct shard *s = &n->shard[policy_shard(n, &c->ip6)];

	if (atomic_load_8(&n->owners->worker[s->number]) == n->worker)
		record_create_static_owner(s, n->secret->index_key, n->layout.pool_slots + number, &key, c->ip4, c->port4, now);
}

uint32_t
nat64_leaving(const struct nat64 *n)
{
	uint32_t count = 0;

	for (uint32_t a = 0; a < n->header->addresses_used; a++)
		for (unsigned s = 0; s < n->layout.g.shards && n->header->address[a].leaving; s++)
			for (unsigned p = 0; p < NAT64_N_PROTOS && atomic_load_8(&n->owners->worker[s]) == n->worker; p++) {
				const struct shard_pool *pool = shard_pool(&n->shard[s], a, p);

				count += pool->total - pool->free - pool->held;
			}
	return count;
}

void
nat64_adopt(struct nat64 *n, uint32_t now)
{
	for (unsigned s = 0; s < n->layout.g.shards; s++)
		if (atomic_load_8(&n->owners->worker[s]) == n->worker)
			shard_recover_owner(&n->shard[s]);
	for (uint32_t i = 0; i < n->config->static_.n; i++)
		adopt_static(n, i, now);
	n->lap = now;			/* packets wait for us; ports can: the clock hand sets out in the next second */
	n->lap_done = true;
}
