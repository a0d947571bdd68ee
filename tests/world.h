/*
 * world.h - a NAT64 in malloc'ed memory, for tests, fuzzers and benchmarks
 *
 * WORLD_CONFIG is the usual configuration; a test changes what it cares about before world_open. All addresses are
 * from the documentation ranges, which a test must allow as destinations.
 */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "worker/xlat/nat64.h"

struct world {
	struct config_tenant config;
	struct layout layout;
	void *memory, *region;			/* region: the first whole page of memory */
	struct nat64 worker[CONFIG_MAX_WORKERS];
	uint32_t now;
};

static inline struct ip6
world_ip6(const char *text)
{
	struct ip6 a;

	if (inet_pton(AF_INET6, text, &a) != 1)
		abort();
	return a;
}

static inline uint32_t
world_ip4(const char *text)
{
	uint32_t a;

	if (inet_pton(AF_INET, text, &a) != 1)
		abort();
	return ntohl(a);
}

/* One pool address, everybody served, the defaults of config.def else. */
static inline struct config_tenant
world_config(void)
{
	struct config_tenant c = {
		.workers = 1, .mtu = 1500, .mtu6 = 1500, .mtu4 = 1500, .wkp_strict = 1, .hairpin = 1, .fair_share = 1,
		.subscriber_prefix = 64, .max_sessions = 1 << 20, .icmp_rate = 100, .icmp_rate_total = 10000, .udp_timeout = 300,
		.inbound_refresh = 1, .tcp_incoming_syn_timeout = 6, .tcp_opening_timeout = 240, .tcp_closing_timeout = 240,
		.tcp_established_timeout = 7440, .tcp_transitory_timeout = 240, .icmp_timeout = 60,
		.port_hold_down = 120, .traffic_class = CONFIG_COPY_TOS,
		.max_fragments = 1024, .fragment_timeout = 2, .lowest_ipv6_mtu = 1280,
	};

	c.prefix.n = c.pool.n = c.source.n = c.allow.n = 1;
	c.prefix.item[0] = (struct net6) { world_ip6("64:ff9b::"), 96 };
	c.pool.item[0] = (struct config_pool) { world_ip4("192.0.2.1"), world_ip4("192.0.2.1"), 1024, 65535 };
	c.allow.item[0] = (struct net4) { world_ip4("203.0.113.0"), 24 };
	c.router4 = world_ip4("192.0.2.1");
	c.router6 = world_ip6("64:ff9b::192.0.2.1");
	return c;
}

/* Make the region and all its workers for w->config. Secrets are fixed, so a test runs the same way twice. */
static inline void
world_open(struct world *w)
{
	uint8_t seed[LAYOUT_SEED_SIZE];
	struct layout_geometry g;

	for (unsigned i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)(i * 37 + 11);
	layout_geometry(&g, &w->config);
	g.addresses = 0;		/* no room to spare, for an audit looks at every slot */
	for (unsigned i = 0; i < w->config.pool.n; i++)
		g.addresses += w->config.pool.item[i].last - w->config.pool.item[i].first + 1;
	for (unsigned i = 0; i < w->config.leaving_.n; i++)
		g.addresses += w->config.leaving_.item[i].last - w->config.leaving_.item[i].first + 1;
	if (!layout_plan(&w->layout, &g))
		abort();
	w->memory = calloc(1, w->layout.size + LAYOUT_PAGE);	/* zero without being touched: most of it never is */
	if (!w->memory)
		abort();
	w->region = (uint8_t *)w->memory + (LAYOUT_PAGE - (uintptr_t)w->memory % LAYOUT_PAGE);
	layout_init(w->region, &w->layout, &w->config, 0, seed);
	w->now = 1000;
	for (unsigned i = 0; i < w->config.workers; i++) {
		if (nat64_attach(&w->worker[i], w->region, &w->layout, i))
			abort();
		nat64_configure(&w->worker[i], &w->config);
		nat64_adopt(&w->worker[i], w->now);
	}
}

static inline void
world_close(struct world *w)
{
	free(w->memory);
}

#endif
