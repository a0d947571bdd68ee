/*
 * metrics.c - every series of /metrics, a row per family
 *
 * A family has a name, a type, a help text and a function that writes its n-th sample of a tenant. The exposition is a
 * walk over families, tenants and samples; where it is are three numbers, so it is written into whatever room the
 * HTTP connection has and needs no memory of its own. Verdicts, causes, layers and their names come from the tables
 * that declare them, and a counter that no family speaks of gets one of its own.
 *
 * Two formats: Prometheus text 0.0.4 and OpenMetrics 1.0.0. They differ in what a counter's family and the build
 * information are called, in the escapes of HELP, and in the end mark.
 *
 * Must never: show an address of a user, or a label whose values users choose.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "ctl/metrics.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum type { TYPE_COUNTER, TYPE_GAUGE, TYPE_INFO };

struct family {
	const char *name;		/* behind nat64_, without _total or _info */
	enum type type;
	const char *help;
	bool once;			/* the gateway's, not a tenant's */
	/* Write sample n of tenant t with sample(), or nothing when it is not worth a line. False: there is no n-th. */
	bool (*write)(struct metrics *m, unsigned t, unsigned n);
};

static const struct family *family(const struct metrics *m, struct family *made);

/* Append to the part under way. */
__attribute__((format(printf, 2, 3))) static void
put(struct metrics *m, const char *format, ...)
{
	size_t room = m->size - m->len;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(m->buf + m->len, room, format, ap);
	va_end(ap);
	if (n > 0)
		m->len += (size_t)n < room ? (size_t)n : room - 1;
}

static void
put_escaped(struct metrics *m, const char *text, bool quotes)
{
	for (; *text; text++) {
		if (*text == '\n')
			put(m, "\\n");
		else
			put(m, "%s%c", *text == '\\' || (quotes && *text == '"') ? "\\" : "", *text);
	}
}

/* Write a sample of the family under way. format makes its labels besides the tenant. */
__attribute__((format(printf, 3, 4))) static void
sample(struct metrics *m, uint64_t value, const char *format, ...)
{
	static const char *const suffix[] = { [TYPE_COUNTER] = "_total", [TYPE_GAUGE] = "", [TYPE_INFO] = "_info" };
	struct family made;
	const struct family *f = family(m, &made);
	char labels[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(labels, sizeof(labels), format, ap);
	va_end(ap);
	put(m, "nat64_%s%s", f->name, suffix[f->type]);
	if (!f->once) {
		put(m, "{tenant=\"");
		put_escaped(m, m->view->status.tenant[m->tenant].name, true);
		put(m, "\"%s%s}", labels[0] ? "," : "", labels);
	} else if (labels[0]) {
		put(m, "{%s}", labels);
	}
	put(m, " %" PRIu64 "\n", value);
}

/* A text of at most size - 1 bytes as the value of a label, without what would have to be escaped there. */
static const char *
label_of(char *to, size_t size, const char *text)
{
	size_t at = 0;

	for (; *text && at + 1 < size; text++)
		if (*text != '"' && *text != '\\' && *text != '\n')
			to[at++] = *text;
	to[at] = '\0';
	return to;
}

static bool
build(struct metrics *m, unsigned t, unsigned n)
{
	char version[sizeof(m->view->status.version)];

	(void)t;
	if (n == 0)
		sample(m, 1, "version=\"%s\"", label_of(version, sizeof(version), m->view->status.version));
	return n == 0;
}

static bool
tenant(struct metrics *m, unsigned t, unsigned n)
{
	const struct status_tenant *s = &m->view->status.tenant[t];
	char device[sizeof(s->device)], netns6[STATUS_NETNS], netns4[STATUS_NETNS];

	if (n == 0)
		sample(m, 1, "device=\"%s\",netns6=\"%s\",netns4=\"%s\"", label_of(device, sizeof(device), s->device),
		       label_of(netns6, sizeof(netns6), view_netns_name(s->netns6)),
		       label_of(netns4, sizeof(netns4), view_netns_name(s->netns4)));
	return n == 0;
}

static bool
start_time(struct metrics *m, unsigned t, unsigned n)
{
	(void)t;
	if (n == 0)
		sample(m, m->view->status.started, "%s", "");
	return n == 0;
}

static bool
packets(struct metrics *m, unsigned t, unsigned n)
{
	unsigned from = n / NAT64_N_VERDICTS, v = n % NAT64_N_VERDICTS;

	if (from >= NAT64_N_SIDES)
		return false;
	sample(m, view_verdict(m->view, t, (enum nat64_side)from, (enum nat64_verdict)v),
	       "from=\"%s\",action=\"%s\",verdict=\"%s\"", counters_side_name[from],
	       counters_action_name[counters_verdict_info[v].action], counters_verdict_info[v].name);
	return true;
}

static const enum counters_id bytes_counter[NAT64_N_SIDES] = {
	[NAT64_FROM_IP6] = COUNTER_queue_bytes_ip6, [NAT64_FROM_IP4] = COUNTER_queue_bytes_ip4,
};

static bool
bytes(struct metrics *m, unsigned t, unsigned n)
{
	if (n >= NAT64_N_SIDES)
		return false;
	sample(m, view_counter(m->view, t, bytes_counter[n]), "from=\"%s\"", counters_side_name[n]);
	return true;
}

static bool
icmp_packets(struct metrics *m, unsigned t, unsigned n)
{
	unsigned code = n % COUNTERS_ICMP_CODES, type = n / COUNTERS_ICMP_CODES % COUNTERS_ICMP_TYPES;
	unsigned from = n / COUNTERS_ICMP_CODES / COUNTERS_ICMP_TYPES;
	char type_name[8] = "other", code_name[8] = "other";
	uint64_t value;

	if (from >= NAT64_N_SIDES)
		return false;
	value = view_icmp(m->view, t, (enum nat64_side)from, type, code);
	if (value == 0)
		return true;
	if (type < COUNTERS_ICMP_TYPES - 1)
		snprintf(type_name, sizeof(type_name), "%u", counters_icmp_type[from][type]);
	if (code < COUNTERS_ICMP_CODES - 1)
		snprintf(code_name, sizeof(code_name), "%u", code);
	sample(m, value, "from=\"%s\",type=\"%s\",code=\"%s\"", counters_side_name[from], type_name, code_name);
	return true;
}

static bool
alive(struct metrics *m, unsigned t, unsigned n, enum shard_total created)
{
	if (n >= NAT64_N_PROTOS)
		return false;
	sample(m, view_alive(m->view, t, created, (enum nat64_proto)n), "protocol=\"%s\"", counters_proto_name[n]);
	return true;
}

static bool
total(struct metrics *m, unsigned t, unsigned n, enum shard_total what)
{
	if (n >= NAT64_N_PROTOS)
		return false;
	sample(m, view_total(m->view, t, what, (enum nat64_proto)n), "protocol=\"%s\"", counters_proto_name[n]);
	return true;
}

static bool
bindings(struct metrics *m, unsigned t, unsigned n)
{
	return alive(m, t, n, SHARD_BINDINGS_CREATED);
}

static bool
bindings_created(struct metrics *m, unsigned t, unsigned n)
{
	return total(m, t, n, SHARD_BINDINGS_CREATED);
}

static bool
bindings_expired(struct metrics *m, unsigned t, unsigned n)
{
	return total(m, t, n, SHARD_BINDINGS_ENDED);
}

static bool
sessions(struct metrics *m, unsigned t, unsigned n)
{
	return alive(m, t, n, SHARD_SESSIONS_CREATED);
}

static bool
subscribers(struct metrics *m, unsigned t, unsigned n)
{
	if (n == 0)
		sample(m, view_subscribers(m->view, t), "%s", "");
	return n == 0;
}

static bool
pool_ports(struct metrics *m, unsigned t, unsigned n)
{
	static const char *const state_name[] = { "free", "used", "held" };
	unsigned p = n / 3, state = n % 3;
	struct view_pool *sum = &m->pool;

	if (p >= NAT64_N_PROTOS)
		return false;
	if (state == 0) {
		*sum = (struct view_pool){ 0 };
		for (unsigned a = 0; a < view_addresses(m->view, t); a++) {
			struct view_pool one;

			view_pool(m->view, t, a, (enum nat64_proto)p, &one);
			sum->total += one.total;
			sum->used += one.used;
			sum->held += one.held;
		}
	}
	sample(m, state == 0 ? sum->total - sum->used - sum->held : state == 1 ? sum->used : sum->held,
	       "protocol=\"%s\",state=\"%s\"", counters_proto_name[p], state_name[state]);
	return true;
}

static bool
worker_up(struct metrics *m, unsigned t, unsigned n)
{
	if (n >= view_workers(m->view, t))
		return false;
	sample(m, m->view->status.tenant[t].worker[n].state == STATUS_running, "worker=\"%u\"", n);
	return true;
}

static bool
worker_restarts(struct metrics *m, unsigned t, unsigned n)
{
	unsigned w = n / STATUS_N_CAUSES, cause = n % STATUS_N_CAUSES;

	if (w >= view_workers(m->view, t))
		return false;
	sample(m, m->view->status.tenant[t].worker[w].restarts[cause], "worker=\"%u\",cause=\"%s\"", w,
	       view_cause_name(cause));
	return true;
}

static bool
worker_sandbox_missing(struct metrics *m, unsigned t, unsigned n)
{
	unsigned layers = 0;
	uint32_t bit;

	while (view_layer(layers, &bit))
		layers++;
	if (n >= view_workers(m->view, t) * layers)
		return false;
	const char *layer = view_layer(n % layers, &bit);

	sample(m, (view_missing(m->view, t, n / layers) & bit) != 0, "worker=\"%u\",layer=\"%s\"", n / layers, layer);
	return true;
}

static bool
source_guard(struct metrics *m, unsigned t, unsigned n)
{
	if (n == 0)
		sample(m, m->view->status.tenant[t].guard == STATUS_guard_on, "%s", "");
	return n == 0;
}

static bool
tenant_cgroup(struct metrics *m, unsigned t, unsigned n)
{
	if (n == 0)
		sample(m, m->view->status.tenant[t].cgroup == STATUS_cgroup_on, "%s", "");
	return n == 0;
}

static bool
spoofed_packets(struct metrics *m, unsigned t, unsigned n)
{
	if (n < 2)
		sample(m, m->view->status.tenant[t].spoofed[n], "family=\"ip%c\"", n == 0 ? '4' : '6');
	return n < 2;
}

static bool
to_host_packets(struct metrics *m, unsigned t, unsigned n)
{
	if (n == 0)
		sample(m, m->view->status.tenant[t].to_host, "%s", "");
	return n == 0;
}

static bool
queue_packets(struct metrics *m, unsigned t, unsigned n)
{
	if (n >= view_workers(m->view, t))
		return false;
	sample(m, view_worker_counter(m->view, t, n, COUNTER_queue_packets), "worker=\"%u\"", n);
	return true;
}

static const struct family families[] = {
	{ "build", TYPE_INFO, "version of nat64d", true, build },
	{ "start_time_seconds", TYPE_GAUGE, "when nat64d started, in seconds since 1970", true, start_time },
	{ "tenant", TYPE_INFO, "its device, and the network namespaces of its sides", false, tenant },
	{ "packets", TYPE_COUNTER, "packets by side and verdict; each has exactly one final verdict", false, packets },
	{ "bytes", TYPE_COUNTER, "bytes of the packets read from the TUN queues", false, bytes },
	{ "icmp_packets", TYPE_COUNTER, "ICMP packets read, by type and code", false, icmp_packets },
	{ "bindings", TYPE_GAUGE, "bindings alive", false, bindings },
	{ "bindings_created", TYPE_COUNTER, "bindings ever created", false, bindings_created },
	{ "bindings_expired", TYPE_COUNTER, "bindings ever ended", false, bindings_expired },
	{ "sessions", TYPE_GAUGE, "sessions alive", false, sessions },
	{ "subscribers", TYPE_GAUGE, "subscribers that have a binding", false, subscribers },
	{ "pool_ports", TYPE_GAUGE, "ports of the pool; held: resting after use", false, pool_ports },
	{ "worker_up", TYPE_GAUGE, "1 when the worker runs", false, worker_up },
	{ "worker_restarts", TYPE_COUNTER, "restarts of a worker, by the cause of its end", false, worker_restarts },
	{ "worker_sandbox_missing", TYPE_GAUGE, "1 when the worker lacks a layer of its sandbox", false,
	  worker_sandbox_missing },
	{ "tenant_cgroup", TYPE_GAUGE, "1 when its workers are in a cgroup of their own, with all controllers", false,
	  tenant_cgroup },
	{ "source_guard", TYPE_GAUGE, "1 when the kernel drops what a worker sends with a source that is not its tenant's",
	  false, source_guard },
	{ "spoofed_packets", TYPE_COUNTER, "packets that the source guard has dropped; one is a worker gone wrong", false,
	  spoofed_packets },
	{ "to_host_packets", TYPE_COUNTER, "packets to the gateway's own IPv4 addresses that the source guard has dropped",
	  false, to_host_packets },
	{ "queue_packets", TYPE_COUNTER, "packets read from a worker's TUN queue", false, queue_packets },
};

static unsigned
plain_counter(const struct metrics *m)
{
	return m->family - (unsigned)ARRAY_SIZE(families);
}

static bool
plain(struct metrics *m, unsigned t, unsigned n)
{
	if (n == 0)
		sample(m, view_counter(m->view, t, (enum counters_id)plain_counter(m)), "%s", "");
	return n == 0;
}

/* The family under way, or NULL when there are no more; *made is room for one that is not in the table. */
static const struct family *
family(const struct metrics *m, struct family *made)
{
	unsigned c;

	if (m->family < ARRAY_SIZE(families))
		return &families[m->family];
	c = plain_counter(m);
	if (c >= N_COUNTERS)
		return NULL;
	*made = (struct family){ counters_info[c].name, TYPE_COUNTER, counters_info[c].help, false, plain };
	return made;
}

/* Does a family of the table show this counter already? */
static bool
shown(unsigned c)
{
	return c == COUNTER_queue_packets || c == bytes_counter[NAT64_FROM_IP6] || c == bytes_counter[NAT64_FROM_IP4];
}

static void
describe(struct metrics *m, const struct family *f)
{
	bool open = m->format == METRICS_OPENMETRICS;
	const char *type = f->type == TYPE_COUNTER ? "counter" : open && f->type == TYPE_INFO ? "info" : "gauge";
	const char *suffix = open ? "" : f->type == TYPE_COUNTER ? "_total" : f->type == TYPE_INFO ? "_info" : "";

	put(m, "# HELP nat64_%s%s ", f->name, suffix);
	put_escaped(m, f->help, open);
	put(m, "\n# TYPE nat64_%s%s %s\n", f->name, suffix, type);
	m->described = true;
}

static void
next_family(struct metrics *m)
{
	do {
		m->family++;
	} while (m->family >= ARRAY_SIZE(families) && plain_counter(m) < N_COUNTERS && shown(plain_counter(m)));
	m->tenant = m->sample = 0;
	m->described = false;
}

void
metrics_start(struct metrics *m, struct view *view, enum metrics_format format)
{
	*m = (struct metrics){ .view = view, .format = format };
}

size_t
metrics_render(struct metrics *m, char *buf, size_t size)
{
	const struct family *f;
	struct family made;

	m->buf = buf;
	m->size = size;
	m->len = 0;
	view_refresh(m->view);
	while (m->size - m->len >= METRICS_SAMPLE && (f = family(m, &made)) != NULL) {
		if (!m->described)
			describe(m, f);
		else if (m->tenant >= (f->once ? 1 : m->view->tenants))
			next_family(m);
		else if (f->write(m, m->tenant, m->sample))
			m->sample++;
		else
			m->tenant++, m->sample = 0;
	}
	if (!m->ended && m->size - m->len >= METRICS_SAMPLE) {
		if (m->format == METRICS_OPENMETRICS)
			put(m, "# EOF\n");
		m->ended = true;
	}
	return m->len;
}
