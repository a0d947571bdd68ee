/*
 * guard.c - what may come out of a tenant's device
 *
 * The sandbox keeps a worker from everything but its packets; what it writes as packets, only the kernel behind the device
 * can judge. So there is a table of nf_tables for each device, with a set of sources per family and one rule for each: from
 * this device and not in the set is counted and dropped, before anything else looks at the packet. The rules name the
 * device by its number, so renaming it opens nothing.
 *
 * A third rule keeps packets from the host itself: a client that asks for 64:ff9b::IPV4-OF-THE-GATEWAY would come to its
 * services from a pool address, past whatever looks at IPv6. The kernel knows its addresses at every moment, so nobody has to
 * watch them. One that is allowed as a single address stays open: there the longest match wins, as for every destination.
 * IPv6 is not kept from the host, which may be a client of its own gateway.
 *
 * The table belongs to nobody's life: it holds while workers outlive a killed nat64d, and the next start takes it over with
 * its counts. For the same reason `nft flush ruleset` takes it away like any other; tenant_guard_look() notices and
 * makes it again.
 *
 * Must never: stand open for a moment while it changes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "supervisor/guard.h"
#include "supervisor/nft.h"
#include "supervisor/tun.h"

#define GUARD_NAME (TUN_NAME + 8)
#define GUARD_CHAIN "source"
#define GUARD_MOST(list) (sizeof(((struct config_tenant *)0)->list.item) / sizeof(((struct config_tenant *)0)->list.item[0]))
#define GUARD_RANGES4 (2 * (GUARD_MOST(pool) + GUARD_MOST(leaving_) + 1))
#define GUARD_RANGES6 (2 * (GUARD_MOST(prefix) + 1))
#define GUARD_RANGES_HOST (2 * GUARD_MOST(allow))

static const struct {
	unsigned family;
	const char *set, *counter;
} guard_side[2] = { { AF_INET, "source4", "spoofed4" }, { AF_INET6, "source6", "spoofed6" } };
static const char guard_host[] = "host4", guard_to_host[] = "to_host4";	/* addresses that are allowed; the counter */

/* Sources that may pass, of both families, and then the host's own addresses that may be reached. */
enum { GUARD_LISTS = 3 };
struct guard_list {
	unsigned n;
	struct nft_range range[GUARD_RANGES4];
};

_Static_assert(GUARD_RANGES6 <= GUARD_RANGES4 && GUARD_RANGES_HOST <= GUARD_RANGES4, "a list is long enough for all three");

static void
guard_table(char name[GUARD_NAME], const char *device)
{
	snprintf(name, GUARD_NAME, "nat64d-%s", device);
}

static void
guard_put4(uint8_t out[16], uint32_t ip4)
{
	for (unsigned b = 0; b < 4; b++)
		out[b] = (uint8_t)(ip4 >> (24 - 8 * b));
}

static void
guard_add4(struct guard_list *list, uint32_t first, uint32_t last)
{
	struct nft_range *range = &list->range[list->n++];

	memset(range, 0, sizeof(*range));
	guard_put4(range->first, first);
	guard_put4(range->last, last);
}

static void
guard_add6(struct guard_list *list, const struct net6 *net)
{
	struct nft_range *range = &list->range[list->n++];

	memcpy(range->first, net->addr.b, 16);
	for (unsigned b = 0; b < 16; b++) {
		unsigned bits = net->len > 8 * b ? net->len - 8 * b : 0;	/* of this byte that belong to the prefix */

		range->last[b] = (uint8_t)(net->addr.b[b] | (bits < 8 ? 0xff >> bits : 0));
	}
}

/* The IPv4 that one configuration of a tenant may send. */
static void
guard_collect4(struct guard_list list[GUARD_LISTS], const struct config_tenant *config)
{
	for (uint32_t i = 0; i < config->pool.n; i++)
		guard_add4(&list[0], config->pool.item[i].first, config->pool.item[i].last);
	for (uint32_t i = 0; i < config->leaving_.n; i++)
		guard_add4(&list[0], config->leaving_.item[i].first, config->leaving_.item[i].last);
	guard_add4(&list[0], config->router4, config->router4);
	for (uint32_t i = 0; i < config->allow.n; i++)
		if (config->allow.item[i].len == 32)
			guard_add4(&list[2], config->allow.item[i].addr, config->allow.item[i].addr);
}

static void
guard_collect(struct guard_list list[GUARD_LISTS], const struct config_tenant *config, unsigned families)
{
	if (families & GUARD_IP4)
		guard_collect4(list, config);
	for (uint32_t i = 0; i < config->prefix.n && families & GUARD_IP6; i++)
		guard_add6(&list[1], &config->prefix.item[i]);
	if (families & GUARD_IP6)
		guard_add6(&list[1], &(struct net6) { config->router6, 128 });
}

static int
guard_order(const void *a, const void *b)
{
	return memcmp(((const struct nft_range *)a)->first, ((const struct nft_range *)b)->first, 16);
}

/* Does an address come at most one behind the end of a range? Then there is no gap between them. */
static bool
guard_touches(const struct nft_range *range, const uint8_t *address, unsigned size)
{
	uint8_t next[16];
	unsigned b = size;

	memcpy(next, range->last, sizeof(next));
	while (b > 0 && ++next[b - 1] == 0)
		b--;
	return b == 0 || memcmp(address, next, size) <= 0;
}

/* Sort the ranges, and make one of those that meet. */
static void
guard_merge(struct guard_list *list, unsigned size)
{
	unsigned n = 0;

	qsort(list->range, list->n, sizeof(list->range[0]), guard_order);
	for (unsigned i = 0; i < list->n; i++) {
		struct nft_range *last = n > 0 ? &list->range[n - 1] : NULL;

		if (!last || !guard_touches(last, list->range[i].first, size))
			list->range[n++] = list->range[i];
		else if (memcmp(last->last, list->range[i].last, 16) < 0)
			memcpy(last->last, list->range[i].last, 16);
	}
	list->n = n;
}

int
guard_set(const char *device, unsigned index, unsigned families, const struct config_tenant *config,
	  const struct config_tenant *also)
{
	struct guard_list *list = calloc(GUARD_LISTS, sizeof(*list));
	struct nft *n = list ? nft_open() : NULL;
	char table[GUARD_NAME];
	int rc = n ? 0 : -errno;

	if (n) {
		guard_collect(list, config, families);
		if (also)
			guard_collect(list, also, families);
		guard_table(table, device);
		nft_begin(n, table);
		nft_table(n);
		nft_chain(n, GUARD_CHAIN);
		for (unsigned s = 0; s < 2; s++) {
			guard_merge(&list[s], s == 0 ? 4 : 16);
			nft_counter(n, guard_side[s].counter);
			nft_set(n, guard_side[s].set, guard_side[s].family, list[s].range, list[s].n);
			nft_drop(n, GUARD_CHAIN, index, guard_side[s].family, guard_side[s].set, guard_side[s].counter);
		}
		guard_merge(&list[2], 4);
		nft_counter(n, guard_to_host);
		nft_set(n, guard_host, AF_INET, list[2].range, list[2].n);
		nft_drop_local4(n, GUARD_CHAIN, index, guard_host, guard_to_host);
		rc = nft_commit(n);
	}
	nft_close(n);
	free(list);
	return rc;
}

int
guard_remove(const char *device)
{
	struct nft *n = nft_open();
	char table[GUARD_NAME];
	int rc = -errno;

	if (!n)
		return rc == -EPROTONOSUPPORT ? 0 : rc;
	guard_table(table, device);
	nft_begin(n, table);
	nft_table_remove(n);
	rc = nft_commit(n);
	nft_close(n);
	return rc == -ENOENT || rc == -EOPNOTSUPP ? 0 : rc;
}

int
guard_dropped(const char *device, uint64_t dropped[3])
{
	struct nft *n = nft_open();
	char table[GUARD_NAME];
	int rc = n ? 0 : -errno;

	guard_table(table, device);
	for (unsigned s = 0; s < 2 && rc == 0; s++)
		rc = nft_count(n, table, guard_side[s].counter, &dropped[s]);
	if (rc == 0)
		rc = nft_count(n, table, guard_to_host, &dropped[2]);
	nft_close(n);
	return rc;
}
