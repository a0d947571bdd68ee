/*
 * check.c - does the configuration make sense as a whole?
 *
 * Each value has been understood by now; here they are held against each other: addresses that two entries claim,
 * prefixes in which a packet would loop, sizes that no region can have. Where the IPv4 sides of two tenants live in one
 * network namespace their pools must be apart. Where their IPv6 sides do, so must their prefixes, unless one of them
 * leaves the routing to the operator, who may choose the tenant by something other than the destination.
 *
 * A contradiction is reported at the later line and names the earlier one. During a reload two configurations are in use for
 * a while, so a new one is also held against the one before.
 *
 * Must never: look at the host. `nat64d --check` has to give the same answer on the operator's desk.
 */
#include "shm/layout.h"
#include "shm/rfc6052.h"
#include "supervisor/address.h"
#include "supervisor/check.h"
#include "supervisor/value.h"

/* One tenant under examination. */
struct check {
	const struct config_tenant *t;
	const struct config_lines_tenant *lines;
	struct problem_list *problems;
	bool broken;			/* something is missing in its lists already: do not infer from what is not there */
	char where[64];			/* "[tenant blue] " and room for a key */
	size_t name;			/* length of the part before the key */
};

static const char *
check_where(struct check *c, const char *key)
{
	snprintf(c->where + c->name, sizeof(c->where) - c->name, " %s", key);
	return c->where;
}

/* "line 12", or what stands there when the value is a default. */
static const char *
check_line(char out[24], unsigned line)
{
	if (line)
		snprintf(out, 24, "line %u", line);
	else
		snprintf(out, 24, "the default");
	return out;
}

/* Where to report a value: on its line, or, when it is a default, on that of the section. */
static unsigned
check_at(const struct check *c, unsigned line)
{
	return line ? line : c->lines->section;
}

static void
check_begin(struct check *c, const struct config *config, uint32_t t, struct problem_list *problems)
{
	c->t = &config->tenant[t];
	c->lines = &config->lines.tenant[t];
	c->problems = problems;
	c->broken = config->broken[t];
	c->name = (size_t)snprintf(c->where, sizeof(c->where), "[tenant %s]", c->t->name_);
}

/* The first address of the range that no pool may have: illegal on the wire, or private under the WKP. */
static void
check_pool_address(struct check *c, uint32_t i, bool wkp)
{
	const struct config_pool *pool = &c->t->pool.item[i];
	char text[ADDRESS_TEXT];

	for (uint32_t a = 0; a <= pool->last - pool->first && a < CONFIG_MAX_POOL; a++) {
		const struct addr_special *special = addr_special4(pool->first + a);

		address_print_ip4(text, pool->first + a);
		if (addr_illegal_source4(pool->first + a)) {
			problem_add(c->problems, c->lines->pool[i], check_where(c, "pool"),
				    "%s can be no host's address (%s); use addresses that are routed to this gateway",
				    text, special ? special->name : "broadcast");
			return;
		}
		if (wkp && special && special->never_wkp) {
			problem_add(c->problems, c->lines->pool[i], check_where(c, "pool"),
				    "%s is not global (%s), which 64:ff9b::/96 excludes (RFC 6052 section 3.1); use another "
				    "prefix, or write wkp-strict = no", text, special->name);
			return;
		}
	}
}

static void
check_pool(struct check *c)
{
	static const struct net6 well_known = { .addr = { { 0, 0x64, 0xff, 0x9b } }, .len = 96 };
	uint64_t addresses = 0;
	bool wkp = false;

	for (uint32_t i = 0; i < c->t->prefix.n; i++)
		if (c->t->wkp_strict && c->t->prefix.item[i].len == well_known.len &&
		    addr_ip6_equal(&c->t->prefix.item[i].addr, &well_known.addr))
			wkp = true;
	for (uint32_t i = 0; i < c->t->pool.n; i++) {
		addresses += (uint64_t)c->t->pool.item[i].last - c->t->pool.item[i].first + 1;
		check_pool_address(c, i, wkp);
		for (uint32_t j = 0; j < i; j++)
			if (c->t->pool.item[i].first <= c->t->pool.item[j].last &&
			    c->t->pool.item[j].first <= c->t->pool.item[i].last)
				problem_add(c->problems, c->lines->pool[i], check_where(c, "pool"),
					    "has addresses of line %u in it; name every address once", c->lines->pool[j]);
	}
	if (addresses > CONFIG_MAX_POOL && c->t->pool.n > 0)
		problem_add(c->problems, c->lines->pool[c->t->pool.n - 1], check_where(c, "pool"),
			    "%llu addresses in all, at most %u fit in one tenant", (unsigned long long)addresses,
			    CONFIG_MAX_POOL);
}

/* Addresses that begin like this are no place for a translator. Returns their name or NULL. */
static const char *
check_unusable6(const struct ip6 *ip6)
{
	static const struct ip6 zero;
	static const struct net6 mapped = { .addr = { { [10] = 0xff, [11] = 0xff } }, .len = 96 };

	if (ip6->b[0] == 0xff)
		return "multicast";
	if (ip6->b[0] == 0xfe && (ip6->b[1] & 0xc0) == 0x80)
		return "link-local";
	if (addr_in_net6(ip6, &mapped))
		return "IPv4-mapped";
	if (memcmp(ip6->b, zero.b, 12) == 0)
		return "unspecified, loopback or IPv4-compatible";
	return NULL;
}

static bool
check_overlap6(const struct net6 *a, const struct net6 *b)
{
	return a->len < b->len ? addr_in_net6(&b->addr, a) : addr_in_net6(&a->addr, b);
}

static void
check_prefix(struct check *c)
{
	char earlier[24];

	for (uint32_t i = 0; i < c->t->prefix.n; i++) {
		const struct net6 *prefix = &c->t->prefix.item[i];
		unsigned line = check_at(c, c->lines->prefix[i]);
		const char *kind = check_unusable6(&prefix->addr);

		if (!rfc6052_valid_len(prefix->len))
			problem_add(c->problems, line, check_where(c, "prefix"),
				    "a Pref64 has no length of %u; use /32, /40, /48, /56, /64 or /96 (RFC 6052 section 2.2)",
				    prefix->len);
		if (prefix->addr.b[8] != 0)
			problem_add(c->problems, line, check_where(c, "prefix"),
				    "bits 64 to 71 must be zero (RFC 6052 section 2.2); write a prefix whose fifth group "
				    "begins with 00");
		if (kind)
			problem_add(c->problems, line, check_where(c, "prefix"),
				    "is %s; use 64:ff9b::/96, 64:ff9b:1::/48 or a prefix of your own network", kind);
		for (uint32_t j = 0; j < i; j++)
			if (check_overlap6(prefix, &c->t->prefix.item[j]))
				problem_add(c->problems, line, check_where(c, "prefix"),
					    "overlaps the prefix of %s; prefixes must be apart",
					    check_line(earlier, c->lines->prefix[j]));
	}
}

static void
check_source(struct check *c)
{
	for (uint32_t i = 0; i < c->t->source.n; i++) {
		const struct net6 *source = &c->t->source.item[i];

		for (uint32_t j = 0; j < c->t->prefix.n; j++)
			if (source->len >= c->t->prefix.item[j].len && addr_in_net6(&source->addr, &c->t->prefix.item[j]))
				problem_add(c->problems, c->lines->source[i], check_where(c, "source"),
					    "lies inside a prefix of this tenant, where packets would loop; name the hosts' "
					    "own addresses");
		if (source->len > 0 && source->addr.b[0] == 0xff)
			problem_add(c->problems, c->lines->source[i], check_where(c, "source"),
				    "is multicast, which no packet comes from");
		for (uint32_t j = 0; j < i; j++)
			if (source->len == c->t->source.item[j].len &&
			    addr_ip6_equal(&source->addr, &c->t->source.item[j].addr))
				problem_add(c->problems, c->lines->source[i], check_where(c, "source"),
					    "stands on line %u already", c->lines->source[j]);
	}
}

/* Which list wins is decided by the longest match, so one length of one address may stand in one list, once. */
static void
check_lists(struct check *c)
{
	const struct net4 *allow = c->t->allow.item, *deny = c->t->deny.item;

	for (uint32_t i = 0; i < c->t->allow.n; i++)
		for (uint32_t j = 0; j < i; j++)
			if (allow[i].addr == allow[j].addr && allow[i].len == allow[j].len)
				problem_add(c->problems, c->lines->allow[i], check_where(c, "allow"),
					    "stands on line %u already", c->lines->allow[j]);
	for (uint32_t i = 0; i < c->t->deny.n; i++) {
		for (uint32_t j = 0; j < i; j++)
			if (deny[i].addr == deny[j].addr && deny[i].len == deny[j].len)
				problem_add(c->problems, c->lines->deny[i], check_where(c, "deny"),
					    "stands on line %u already", c->lines->deny[j]);
		for (uint32_t j = 0; j < c->t->allow.n; j++) {
			if (deny[i].addr != allow[j].addr || deny[i].len != allow[j].len)
				continue;
			problem_add(c->problems, c->lines->deny[i], check_where(c, "deny"),
				    "is allowed on line %u; remove one of the two", c->lines->allow[j]);
			break;
		}
	}
}

static bool
check_in_pool(const struct config_tenant *t, uint32_t ip4)
{
	for (uint32_t i = 0; i < t->pool.n; i++)
		if (ip4 >= t->pool.item[i].first && ip4 <= t->pool.item[i].last)
			return true;
	return false;
}

static bool
check_in_prefix(const struct config_tenant *t, const struct ip6 *ip6)
{
	for (uint32_t i = 0; i < t->prefix.n; i++)
		if (addr_in_net6(ip6, &t->prefix.item[i]))
			return true;
	return false;
}

static bool
check_in_source(const struct config_tenant *t, const struct ip6 *ip6)
{
	for (uint32_t i = 0; i < t->source.n; i++)
		if (addr_in_net6(ip6, &t->source.item[i]))
			return true;
	return false;
}

static void
check_static(struct check *c, uint32_t i)
{
	const struct config_static *s = &c->t->static_.item[i];
	unsigned line = c->lines->static_[i];
	char text[ADDRESS_TEXT];

	if (!c->broken && !check_in_pool(c->t, s->ip4)) {
		address_print_ip4(text, s->ip4);
		problem_add(c->problems, line, check_where(c, "static"),
			    "%s is not in the pool of this tenant; add it: pool = %s", text, text);
	}
	address_print_ip6(text, &s->ip6);
	if (check_in_prefix(c->t, &s->ip6))
		problem_add(c->problems, line, check_where(c, "static"),
			    "%s lies inside a prefix of this tenant; name a host's own address", text);
	if (addr_illegal_source6(&s->ip6))
		problem_add(c->problems, line, check_where(c, "static"), "%s can be no host's address", text);
	else if (!c->broken && !check_in_source(c->t, &s->ip6))
		problem_add(c->problems, line, check_where(c, "static"),
			    "%s is not in any source of this tenant, so its answers would be dropped; add it: source = %s",
			    text, text);
	for (uint32_t j = 0; j < i; j++) {
		const struct config_static *o = &c->t->static_.item[j];

		if (s->proto != o->proto)
			continue;
		if (s->ip4 == o->ip4 && s->port4 == o->port4)
			problem_add(c->problems, line, check_where(c, "static"),
				    "the pool side is taken by line %u", c->lines->static_[j]);
		if (addr_ip6_equal(&s->ip6, &o->ip6) && s->port6 == o->port6)
			problem_add(c->problems, line, check_where(c, "static"),
				    "the IPv6 side is taken by line %u", c->lines->static_[j]);
	}
}

/* A device in each of two namespaces, and one name for both. */
static void
check_device(struct check *c)
{
	if (strcmp(c->t->netns6.s, c->t->netns4.s) != 0 && strchr(c->t->device.s, '%'))
		problem_add(c->problems, check_at(c, c->lines->device), check_where(c, "device"),
			    "%s leaves the name to the kernel, but there is a device in each of two network namespaces, "
			    "and both have one name; write a name without %%d", c->t->device.s);
}

static void
check_numbers(struct check *c)
{
	const struct config_tenant *t = c->t;
	struct layout_geometry geometry;
	struct layout layout;

	if (t->mtu6 > t->mtu)
		problem_add(c->problems, c->lines->mtu6, check_where(c, "mtu6"),
			    "%u is larger than the device's mtu, %u", t->mtu6, t->mtu);
	if (t->mtu4 > t->mtu)
		problem_add(c->problems, c->lines->mtu4, check_where(c, "mtu4"),
			    "%u is larger than the device's mtu, %u", t->mtu4, t->mtu);
	if (t->lowest_ipv6_mtu > t->mtu6)
		problem_add(c->problems, check_at(c, c->lines->lowest_ipv6_mtu), check_where(c, "lowest-ipv6-mtu"),
			    "%u is larger than mtu6, %u", t->lowest_ipv6_mtu, t->mtu6);
	if (c->lines->router4 && addr_illegal_source4(t->router4))
		problem_add(c->problems, c->lines->router4, check_where(c, "router4"),
			    "can be no host's address; leave the key out to use the first pool address");
	if (c->lines->router6 && addr_illegal_source6(&t->router6))
		problem_add(c->problems, c->lines->router6, check_where(c, "router6"),
			    "can be no host's address; leave the key out to use router4 in the first prefix");
	if (c->problems->n != 0 || c->broken || t->pool.n == 0)
		return;			/* sizes of a pool that is wrong mean nothing */
	layout_geometry(&geometry, t);
	if (!layout_plan(&layout, &geometry))
		problem_add(c->problems, check_at(c, c->lines->max_sessions), check_where(c, "max-sessions"),
			    "no table can be that large (%u pool addresses, %u sessions); lower max-sessions or split the "
			    "pool over several tenants", geometry.addresses, t->max_sessions);
}

/* What two tenants of one network namespace may not share is decided here; who is to be told what, below. */

/* The two sides of a tenant, and where they live. */
enum check_side { CHECK_IP6, CHECK_IP4 };

static const char *
check_netns(const struct config_tenant *t, enum check_side side)
{
	return side == CHECK_IP6 ? t->netns6.s : t->netns4.s;
}

/* Do two tenants meet there: a side of the one and a side of the other, in one network namespace? */
static bool
check_meet(const struct config_tenant *t, enum check_side mine, const struct config_tenant *o, enum check_side theirs)
{
	return strcmp(check_netns(t, mine), check_netns(o, theirs)) == 0;
}

static const struct config_pool *
check_pool_among(const struct config_pool *pool, const struct config_pool *range, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (pool->first <= range[i].last && range[i].first <= pool->last)
			return &range[i];
	return NULL;
}

/* The first of o's ranges that has addresses of a pool of t, or NULL. */
static const struct config_pool *
check_pool_meets(const struct config_tenant *t, const struct config_pool *pool, const struct config_tenant *o)
{
	return check_meet(t, CHECK_IP4, o, CHECK_IP4) ? check_pool_among(pool, o->pool.item, o->pool.n) : NULL;
}

/* Does it have addresses of one that is o's, or was and still drains? */
static bool
check_pool_in_use(const struct config_tenant *t, const struct config_pool *pool, const struct config_tenant *o)
{
	return check_pool_meets(t, pool, o) ||
	       (check_meet(t, CHECK_IP4, o, CHECK_IP4) && check_pool_among(pool, o->leaving_.item, o->leaving_.n));
}

/* The first prefix of o that prefix meets. It may, where one of the two leaves the routing to the operator. */
static const struct net6 *
check_prefix_meets(const struct config_tenant *t, const struct net6 *prefix, const struct config_tenant *o)
{
	for (uint32_t i = 0; i < o->prefix.n && t->routes && o->routes && check_meet(t, CHECK_IP6, o, CHECK_IP6); i++)
		if (check_overlap6(prefix, &o->prefix.item[i]))
			return &o->prefix.item[i];
	return NULL;
}

bool
check_routes_meet(const struct config_tenant *a, const struct config_tenant *b)
{
	for (uint32_t i = 0; i < a->pool.n && a->routes && b->routes; i++)
		if (check_pool_in_use(a, &a->pool.item[i], b))
			return true;
	for (uint32_t i = 0; i < a->prefix.n; i++)
		if (check_prefix_meets(a, &a->prefix.item[i], b))
			return true;
	return false;
}

/* Has each of them a device in one namespace? */
static bool
check_netns_shared(const struct config_tenant *t, const struct config_tenant *o)
{
	return check_meet(t, CHECK_IP6, o, CHECK_IP6) || check_meet(t, CHECK_IP4, o, CHECK_IP4) ||
	       check_meet(t, CHECK_IP6, o, CHECK_IP4) || check_meet(t, CHECK_IP4, o, CHECK_IP6);
}

/* The same name in one namespace. Only where it is known: the kernel numbers what has a %d. */
static bool
check_device_meets(const struct config_tenant *t, const struct config_tenant *o)
{
	return check_netns_shared(t, o) && strcmp(t->device.s, o->device.s) == 0 && !strchr(t->device.s, '%');
}

/* May the kernel, which puts a number for its %d, make this name of it? */
static bool
check_device_may_be(const char *pattern, const char *name)
{
	size_t before = strcspn(pattern, "%"), all = strlen(name), after;

	if (pattern[before] == '\0' || strncmp(pattern, name, before) != 0)
		return false;
	after = strlen(pattern + before + 2);
	if (all <= before + after || strcmp(name + all - after, pattern + before + 2) != 0)
		return false;
	return strspn(name + before, "0123456789") >= all - after - before;
}

/* Could two devices come to have one name, because the kernel chooses a number? */
static bool
check_device_could_meet(const struct config_tenant *t, const struct config_tenant *o)
{
	return check_netns_shared(t, o) && (check_device_may_be(t->device.s, o->device.s) ||
					    check_device_may_be(o->device.s, t->device.s));
}

/* A pool address, or one in a prefix, is its tenant's alone: no other answers with it. */
static void
check_two_routers(struct check *c, const struct check *o)
{
	const struct config_tenant *t = c->t, *other = o->t;
	const struct config_pool router4 = { t->router4, t->router4, 0, 0 };
	const struct config_pool *pool = c->lines->router4 ? check_pool_meets(t, &router4, other) : NULL;
	char earlier[24];

	if (pool)
		problem_add(c->problems, c->lines->router4, check_where(c, "router4"),
			    "is in the pool of [tenant %s], line %u; leave the key out to use the first pool address",
			    other->name_, o->lines->pool[pool - other->pool.item]);
	if (!c->lines->router6 || check_in_prefix(t, &t->router6) || !check_meet(t, CHECK_IP6, other, CHECK_IP6))
		return;
	for (uint32_t i = 0; i < other->prefix.n; i++)
		if (addr_in_net6(&t->router6, &other->prefix.item[i]))
			problem_add(c->problems, c->lines->router6, check_where(c, "router6"),
				    "lies inside a prefix of [tenant %s] (%s); leave the key out to use router4 in the first "
				    "prefix", other->name_, check_line(earlier, o->lines->prefix[i]));
}

/* What two tenants may not share, but for static bindings. */
static void
check_two(struct check *c, const struct check *o)
{
	const struct config_tenant *t = c->t, *other = o->t;
	char earlier[24];

	for (uint32_t i = 0; i < t->pool.n; i++) {
		const struct config_pool *theirs = check_pool_meets(t, &t->pool.item[i], other);

		if (theirs)
			problem_add(c->problems, c->lines->pool[i], check_where(c, "pool"),
				    "has addresses of [tenant %s], line %u, in it; an address belongs to one tenant",
				    other->name_, o->lines->pool[theirs - other->pool.item]);
	}
	for (uint32_t i = 0; i < t->prefix.n; i++) {
		const struct net6 *theirs = check_prefix_meets(t, &t->prefix.item[i], other);

		if (theirs)
			problem_add(c->problems, check_at(c, c->lines->prefix[i]), check_where(c, "prefix"),
				    "overlaps that of [tenant %s] (%s), and only one of them can have the route; use "
				    "another prefix, or routes = no and policy routing", other->name_,
				    check_line(earlier, o->lines->prefix[theirs - other->prefix.item]));
	}
	if (check_device_meets(t, other))
		problem_add(c->problems, check_at(c, c->lines->device), check_where(c, "device"),
			    "%s is the device of [tenant %s] already", t->device.s, other->name_);
	else if (check_device_could_meet(t, other))
		problem_add(c->problems, check_at(c, c->lines->device), check_where(c, "device"),
			    "%s and %s of [tenant %s] could come to be one name, as the kernel chooses a number for %%d; write "
			    "another one", t->device.s, other->device.s, other->name_);
}

/* A host that is served, or that a static binding leads to, is not behind another tenant. */
static void
check_two_hosts(struct check *c, const struct check *o)
{
	char text[ADDRESS_TEXT], earlier[24];

	for (uint32_t j = 0; j < o->t->prefix.n && check_meet(c->t, CHECK_IP6, o->t, CHECK_IP6); j++) {
		const struct net6 *prefix = &o->t->prefix.item[j];

		check_line(earlier, o->lines->prefix[j]);
		for (uint32_t i = 0; i < c->t->static_.n; i++) {
			if (!addr_in_net6(&c->t->static_.item[i].ip6, prefix))
				continue;
			address_print_ip6(text, &c->t->static_.item[i].ip6);
			problem_add(c->problems, c->lines->static_[i], check_where(c, "static"),
				    "%s lies inside a prefix of [tenant %s] (%s); name a host's own address", text,
				    o->t->name_, earlier);
		}
		for (uint32_t i = 0; i < c->t->source.n && o->t->routes; i++)
			if (c->t->source.item[i].len >= prefix->len && addr_in_net6(&c->t->source.item[i].addr, prefix))
				problem_add(c->problems, c->lines->source[i], check_where(c, "source"),
					    "lies inside a prefix of [tenant %s] (%s), which takes what is sent there; name "
					    "the hosts' own addresses", o->t->name_, earlier);
	}
}

/* What one of two may not have of the other. */
static void
check_two_apart(struct check *c, const struct check *o)
{
	check_two_routers(c, o);
	check_two_hosts(c, o);
}

/*
 * o was in force up to now under another number. What it has is free in this reload only if it goes and c comes: a tenant that
 * is there already gets its routes before others lose theirs.
 */
static void
check_after(struct check *c, const struct config_tenant *o, bool taken)
{
	const struct config_tenant *t = c->t;

	if (check_device_meets(t, o))
		problem_add(c->problems, check_at(c, c->lines->device), check_where(c, "device"),
			    "%s is the device of [tenant %s] until that is gone; remove it, reload, then add this one",
			    t->device.s, o->name_);
	for (uint32_t i = 0; i < t->pool.n && taken; i++)
		if (check_pool_in_use(t, &t->pool.item[i], o))
			problem_add(c->problems, c->lines->pool[i], check_where(c, "pool"),
				    "[tenant %s] has addresses of it; take them out there, reload, and add them here when "
				    "their bindings are over (drain-timeout)", o->name_);
	for (uint32_t i = 0; i < t->prefix.n && taken; i++)
		if (check_prefix_meets(t, &t->prefix.item[i], o))
			problem_add(c->problems, check_at(c, c->lines->prefix[i]), check_where(c, "prefix"),
				    "[tenant %s] has the route until the end of this reload; take the prefix out there, "
				    "reload, then add it here", o->name_);
}

void
check_reload(const struct config *new, const struct config *old, struct problem_list *problems)
{
	struct check c;

	for (uint32_t n = 0; n < new->tenants; n++) {
		if (!config_has(new, n))
			continue;
		check_begin(&c, new, n, problems);
		for (uint32_t o = 0; o < old->tenants; o++)
			if (o != n && config_has(old, o))
				check_after(&c, &old->tenant[o], config_has(new, o) || config_has(old, n));
	}
}

static void
check_gateway(const struct config *config, struct problem_list *problems)
{
	const struct config_gateway *g = &config->gateway;
	struct value_text a, b;

	for (uint32_t i = 0; i < g->metrics.n; i++) {
		if (g->metrics.item[i].family == 0 && g->metrics.n > 1)
			problem_add(problems, config->lines.gateway.metrics[i], "[gateway] metrics",
				    "off stands beside other listeners; remove it or them");
		for (uint32_t j = 0; j < i; j++) {
			value_print_LISTEN(&a, &g->metrics.item[i]);
			value_print_LISTEN(&b, &g->metrics.item[j]);
			if (g->metrics.item[i].family && strcmp(a.s, b.s) == 0)
				problem_add(problems, config->lines.gateway.metrics[i], "[gateway] metrics",
					    "stands on line %u already", config->lines.gateway.metrics[j]);
		}
	}
}

void
check_config(const struct config *config, struct problem_list *problems)
{
	struct check c, other;

	check_gateway(config, problems);
	for (uint32_t t = 0; t < config->tenants; t++) {
		check_begin(&c, config, t, problems);
		check_pool(&c);
		check_prefix(&c);
		check_source(&c);
		check_lists(&c);
		for (uint32_t i = 0; i < c.t->static_.n; i++)
			check_static(&c, i);
		for (uint32_t o = 0; o < t; o++) {
			check_begin(&other, config, o, problems);
			check_two(&c, &other);
			check_two_apart(&c, &other);
			check_two_apart(&other, &c);
		}
		check_device(&c);
		check_numbers(&c);
	}
}
