/*
 * ctl_world.h - a gateway that does not exist: status, image and region of a tenant with bindings in them
 *
 * For the tests of ctl, in plain memory or in what others will map.
 */
#ifndef UNIT_CTL_WORLD_H
#define UNIT_CTL_WORLD_H

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "shm/image.h"
#include "shm/layout.h"
#include "shm/pool.h"
#include "shm/record.h"
#include "shm/session.h"
#include "shm/status.h"
#include "shm/tcpname.h"

#define WORLD_EPOCH_AGO 1000		/* seconds since the table began */

static inline uint64_t
world_boottime(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec;
}

/* 198.51.100.8/29, two workers, one static binding: tcp 198.51.100.8:80 to [2001:db8::80]:8080. */
static inline void
world_config(struct config_tenant *c, const char *name)
{
	memset(c, 0, sizeof(*c));
	snprintf(c->name_, sizeof(c->name_), "%s", name);
	c->workers = 2;
	c->mtu = 1500;
	c->max_sessions = 1 << 18;
	c->subscriber_prefix = 64;
	c->pool.n = 1;
	c->pool.item[0] = (struct config_pool){ 0xc6336408, 0xc633640f, 1024, 65535 };
	c->static_.n = 1;
	c->static_.item[0] = (struct config_static){ .ip4 = 0xc6336408, .port4 = 80, .port6 = 8080 };
	inet_pton(AF_INET6, "2001:db8::80", c->static_.item[0].ip6.b);
}

static inline void
world_image(struct image *image, const struct config_tenant *c)
{
	image->magic = IMAGE_MAGIC;
	image->size = sizeof(*image);
	image->generation = 1;
	image->slot[1].config = *c;
	snprintf(image->slot[1].text, sizeof(image->slot[1].text),
		 "[tenant %s]\n# a comment = no key\nmode = nat64\n\npool = 198.51.100.8/29 ports 1024-65535\n"
		 "prefix = 64:ff9b::/96\nodd = \"a, b\" \303\251\033[31m\n", c->name_);
}

static inline void
world_status(struct status *s, unsigned tenants)
{
	s->magic = STATUS_MAGIC;
	s->size = sizeof(*s);
	s->pid = 1;
	snprintf(s->version, sizeof(s->version), "0.1.0");
	s->generation = 1;
	s->started = (uint64_t)time(NULL) - 93784;
	s->started_boottime = world_boottime() > 93784 ? world_boottime() - 93784 : 0;
	snprintf(s->gateway_text, sizeof(s->gateway_text), "[gateway]\nrun-dir = /run/nat64\nuid-base = 64640\n");
	s->tenants = tenants;
	for (unsigned t = 0; t < tenants; t++) {
		struct status_tenant *tenant = &s->tenant[t];

		snprintf(tenant->name, sizeof(tenant->name), "%s", t ? "green" : "blue");
		snprintf(tenant->device, sizeof(tenant->device), "nat64-%u", t);
		tenant->workers = 2;
		for (unsigned w = 0; w < 2; w++) {
			tenant->worker[w].pid = 1000 + 10 * t + w;
			tenant->worker[w].state = STATUS_running;
		}
	}
}

/* Put n bindings into a region, a third with two sessions; the k-th is of protocol k % 3. Returns how many it took. */
static inline unsigned
world_bindings(void *region, const struct layout *l, unsigned n)
{
	struct layout_header *h = region;
	struct layout_secret *secret = layout_at(region, l->secret);
	unsigned made = 0;

	for (unsigned k = 0; k < n; k++) {
		struct record_key key = { .port6 = (uint16_t)(40000 + k % 20000), .proto = (uint8_t)(k % 3) };
		uint32_t a = k % h->addresses_used, slot;
		struct record_first first = {
			.remote4 = 0xcb007102,
			.remote_port = key.proto == NAT64_ICMP ? 0 : 443,
			.tcp = key.proto == NAT64_TCP ? TCP_established : TCP_none,
			.expires = WORLD_EPOCH_AGO + 1 + 7400,
		};
		struct shard s;

		inet_pton(AF_INET6, "2001:db8:1::", key.ip6.b);
		key.ip6.b[13] = (uint8_t)(k >> 16);
		key.ip6.b[14] = (uint8_t)(k >> 8);
		key.ip6.b[15] = (uint8_t)k;
		shard_view(&s, region, l, k / NAT64_N_PROTOS % l->g.shards);
		slot = pool_pick_owner(&s, a, (enum nat64_proto)key.proto, secret->port_key);
		if (slot == POOL_NONE || record_create_owner(&s, secret->index_key, slot, &key,
							     h->address[a].ip4, pool_port(l, secret, s.number, slot),
							     &first, WORLD_EPOCH_AGO) != 0)
			continue;
		made++;
		first.remote4++;
		first.expires = 1;
		if (k % 9 < 3)
			session_add_owner(&s, secret->index_key, slot, &first);
	}
	return made;
}

/* Fill a zeroed region: the static binding, n others, and some counts. */
static inline void
world_region(void *region, const struct layout *l, const struct config_tenant *c, unsigned n)
{
	static const uint8_t seed[LAYOUT_SEED_SIZE] = { 1, 2, 3 };
	struct counters_row *row = layout_at(region, l->counters);
	const struct config_static *fixed = &c->static_.item[0];
	struct record_key key = { fixed->ip6, fixed->port6, fixed->proto };
	struct layout_secret *secret = layout_at(region, l->secret);
	struct shard s;

	layout_init(region, l, c, world_boottime() - WORLD_EPOCH_AGO, seed);
	shard_view(&s, region, l, 0);
	record_create_static_owner(&s, secret->index_key, l->pool_slots, &key, fixed->ip4,
				   fixed->port4, 1);
	world_bindings(region, l, n);
	for (unsigned w = 0; w < 2; w++) {
		counters_add_owner(&row[w].counter[COUNTER_queue_packets], 600 + w);
		counters_add_owner(&row[w].verdict[NAT64_FROM_IP6][NAT64_translated], 500);
		counters_add_owner(&row[w].verdict[NAT64_FROM_IP4][NAT64_no_binding], 100 + w);
		counters_icmp_owner(&row[w], NAT64_FROM_IP6, 128, 0);
		counters_icmp_owner(&row[w], NAT64_FROM_IP6, 128, 99);
		counters_icmp_owner(&row[w], NAT64_FROM_IP4, 77, 0);
	}
}

#endif
