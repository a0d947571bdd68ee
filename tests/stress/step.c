/*
 * step.c - a worker killed at every instruction
 *
 *     step OPERATIONS [nested | import]
 *
 * A child works on a shard: packets that create, refresh and end bindings and sessions, the clock hand, static bindings,
 * recovery; under either kind of filtering. The parent executes it one machine instruction at a time (ptrace). Whoever is
 * killed after an instruction leaves exactly the shared memory of that instruction; so wherever the memory has changed, the
 * parent takes a copy, lets a successor adopt it, and audits. Nobody has to die, and it is the shipped object code that runs.
 *
 * After each such death: the audit finds nothing; what a successor adopts twice stays the same; every binding that stood
 * before the operation and that the operation does not end still stands.
 *
 * With `nested`, the successor is stepped as well: it dies at every instruction of its recovery, and a third one adopts.
 * With `import`, what is stepped is a worker that brings the shard over to a new region after so many operations; its
 * successor does it again, and must end with the very bindings, sessions and rests of ports that nobody's death gives.
 * Prints instructions, states and violations; exits 1 if there was a violation.
 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include "shm/audit.h"
#include "shm/session.h"
#include "tests/world.h"
#include "worker/xlat/import.h"
#include "worker/xlat/policy.h"

#define BINDINGS 64

static struct world w;
static unsigned active;			/* the one shard in which everything happens */
static struct ip6 prefix[2];		/* of the two subscribers that all hosts are of */
static uint8_t *before;			/* the region as last seen */
static uint8_t *copy;			/* the one a successor adopts */
static uint8_t *nest;			/* the one a nested successor is stepped on */
static uint8_t *once;			/* what it was after it had been adopted once */
static unsigned long instructions, states, nested_instructions, nested_states, violations;
static uint64_t seed = 88172645463325252u;

static uint32_t
random_below(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 32) * n >> 32);
}

/* One operation, as numbers, so that parent and child mean the same. */
struct operation {
	uint32_t kind, host, remote, flags, now, port, filtering;
};
enum { FROM6, FROM4, HAND, ADOPT, N_KINDS };

static void
fill6(uint8_t *b, const struct operation *o)
{
	struct ip6 src = prefix[o->host >> 2 & 1], dst = world_ip6("64:ff9b::203.0.113.0");
	bool tcp = o->host & 1;

	memset(b, 0, 128);
	src.b[15] = (uint8_t)(o->host + 1);
	dst.b[15] = (uint8_t)(o->remote + 1);
	b[0] = 0x60;
	b[5] = tcp ? 20 : 8;
	b[6] = tcp ? 6 : 17;
	b[7] = 64;
	memcpy(b + 8, src.b, 16);
	memcpy(b + 24, dst.b, 16);
	b[40] = 0x80;
	b[43] = (uint8_t)o->port;
	b[45] = 8;
	b[46] = 1;
	if (tcp) {
		b[52] = 0x50;
		b[53] = (uint8_t)o->flags;
	}
}

/* A packet from the IPv4 side to the port of some live binding; nothing when there is none. */
static uint32_t
fill4(uint8_t *b, const struct nat64 *n, const struct operation *o)
{
	const struct record *r = NULL;
	uint32_t skip = o->host;
	uint64_t sum = 0;

	for (uint32_t slot = 0; slot < n->layout.slots; slot++) {
		if (!record_live(&n->shard[active], slot))
			continue;
		r = &n->shard[active].records[slot];
		if (skip-- == 0)
			break;
	}
	if (!r)
		return 0;
	memset(b, 0, 128);
	b[0] = 0x45;
	b[3] = r->proto == NAT64_TCP ? 40 : 28;
	b[8] = 64;
	b[9] = r->proto == NAT64_TCP ? 6 : 17;
	memcpy(b + 12, "\xcb\x00\x71\x00", 4);
	b[15] = (uint8_t)(o->remote + 1);
	for (unsigned i = 0; i < 4; i++)
		b[16 + i] = (uint8_t)(r->ip4 >> (24 - 8 * i));
	for (unsigned i = 0; i < 20; i += 2)
		sum += (uint64_t)b[i] << 8 | b[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	b[10] = (uint8_t)(~sum >> 8);
	b[11] = (uint8_t)~sum;
	b[21] = (uint8_t)o->port;
	b[22] = (uint8_t)(r->port4 >> 8);
	b[23] = (uint8_t)r->port4;
	b[25] = 8;
	b[27] = 1;
	if (r->proto == NAT64_TCP) {
		b[32] = 0x50;
		b[33] = (uint8_t)o->flags;
	}
	return b[3];
}

static struct nat64 actor;

static void
stand(void *region)
{
	if (nat64_attach(&actor, region, &w.layout, 0))
		abort();
	nat64_configure(&actor, &w.config);
}

/* What the child does: prepared outside, so that only the table's own code is worth stepping through. */
static void
act(const struct operation *o, uint8_t *packet, uint32_t len)
{
	struct nat64_packet p = { .data = packet, .len = len }, probe = { .len = 0 };
	uint8_t room[NAT64_PROBE_SIZE];

	probe.data = room;
	if (o->kind == HAND)
		while (nat64_expire(&actor, o->now, 1000000, &probe))
			;
	else if (o->kind == ADOPT)
		nat64_adopt(&actor, o->now);
	else if (len > 0)
		nat64_translate(&actor, &p, o->now);
}

/* The part of a region that changes. */
static size_t
shard_at(void)
{
	return layout_shard(&w.layout, active);
}

/* The worker owns that shard alone: the others are empty, and to step through the looks at them shows nothing. */
static void
own_active(void *region)
{
	struct layout_owners *owners = layout_at(region, w.layout.owners);

	for (unsigned s = 0; s < w.layout.g.shards; s++)
		owners->worker[s] = s == active ? 0 : LAYOUT_NO_OWNER;
}

/* Bring that part of a region over; the rest of all regions is the same. */
static void
copy_shard(void *to, const void *from)
{
	memcpy((uint8_t *)to + shard_at(), (const uint8_t *)from + shard_at(), w.layout.shard_size);
}

static void
complain(const char *what, uint32_t slot, const struct operation *o, bool nested)
{
	if (violations++ < 20)
		printf("violation%s: %s (slot %u) after operation %u host %u remote %u flags %x\n", nested ? " (nested)" : "", what,
		       slot, o->kind, o->host, o->remote, o->flags);
}

/* A binding of a region. */
struct standing {
	uint32_t slot;
	uint64_t state;
};

static unsigned
list(void *region, struct standing *out)
{
	struct shard s;
	unsigned n = 0;

	shard_view(&s, region, &w.layout, active);
	for (uint32_t slot = 0; slot < w.layout.slots && n < BINDINGS; slot++)
		if (record_live(&s, slot))
			out[n++] = (struct standing) { slot, s.records[slot].state };
	return n;
}

static void
audit_copy(void *region, const struct operation *o, bool nested)
{
	struct audit a = { 0 };
	struct shard s;

	shard_view(&s, region, &w.layout, active);
	audit_shard(&a, &s, region, layout_at(region, w.layout.secret));
	if (a.violations)
		complain(audit_words(a.rule), a.slot, o, nested);
}

/* The successor: adopt the copy, look at everything. */
static void
succeed(void *region, const struct operation *o, const struct standing *stood, unsigned n_stood,
	const struct standing *stands, unsigned n_stands, bool nested)
{
	struct operation adopt = { .kind = ADOPT, .now = o->now };
	struct standing now[BINDINGS];
	unsigned n;

	stand(region);
	act(&adopt, NULL, 0);
	audit_copy(region, o, nested);
	copy_shard(once, region);
	act(&adopt, NULL, 0);
	if (memcmp(once + shard_at(), (uint8_t *)region + shard_at(), w.layout.shard_size) != 0)
		complain("adopted again it is another", 0, o, nested);
	n = list(region, now);
	for (unsigned i = 0; i < n_stood; i++) {
		bool kept = false, ended = true;

		for (unsigned j = 0; j < n; j++)
			kept |= now[j].slot == stood[i].slot && now[j].state == stood[i].state;
		for (unsigned j = 0; j < n_stands; j++)
			ended &= stands[j].slot != stood[i].slot;
		if (!kept && !ended)
			complain("a binding was lost", stood[i].slot, o, nested);
	}
}

static void explore(void *region, const struct operation *o, bool nested, int depth);

/* One instruction of the child. False when it has ended. */
static bool
stepped(pid_t child, const struct operation *o, bool nested)
{
	int status;

	if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0 || waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		return false;
	if (WSTOPSIG(status) == SIGTRAP)
		return true;
	complain("the worker crashed by itself", 0, o, nested);
	ptrace(PTRACE_KILL, child, NULL, NULL);
	waitpid(child, &status, 0);
	return false;
}

/* A child that stops before its first instruction and does what the caller does where 0 is returned. */
static pid_t
puppet(void)
{
	pid_t child = fork();

	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		return 0;
	}
	waitpid(child, NULL, 0);
	return child;
}

/* Step the child until it ends; look at the memory wherever it has changed. */
static void
step(pid_t child, void *region, const struct operation *o, const struct standing *stood, unsigned n_stood,
     const struct standing *stands, unsigned n_stands, bool nested, int depth)
{
	size_t from = shard_at(), size = w.layout.shard_size;
	uint8_t *last = nested ? nest : before;

	memcpy(last + from, (uint8_t *)region + from, size);
	while (stepped(child, o, nested)) {
		*(nested ? &nested_instructions : &instructions) += 1;
		if (memcmp(last + from, (uint8_t *)region + from, size) == 0)
			continue;
		*(nested ? &nested_states : &states) += 1;
		memcpy(last + from, (uint8_t *)region + from, size);
		copy_shard(copy, region);
		succeed(copy, o, stood, n_stood, stands, n_stands, nested);
		if (depth > 0) {
			copy_shard(copy, region);
			explore(copy, o, true, depth - 1);
		}
	}
}

/* Run an operation on the region in a stepped child. */
static void
explore(void *region, const struct operation *o, bool nested, int depth)
{
	static struct standing stood[2][BINDINGS], stands[2][BINDINGS];
	static uint8_t buffer[LAYOUT_HEADROOM + 256], rehearsal[sizeof(buffer)];
	struct operation what = *o;
	unsigned n_stood, n_stands;
	uint8_t *packet = buffer + LAYOUT_HEADROOM;
	uint32_t len = 0;
	void *shared = region;
	pid_t child;

	if (nested) {
		static void *stage;

		if (!stage) {
			stage = mmap(NULL, w.layout.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
			memcpy(stage, region, w.layout.size);
		}
		copy_shard(stage, region);
		shared = stage;
		what.kind = ADOPT;
	}
	w.config.filtering = what.filtering;
	stand(shared);
	if (what.kind == FROM6) {
		fill6(packet, &what);
		len = 40u + packet[5];
	} else if (what.kind == FROM4) {
		len = fill4(packet, &actor, &what);
	}
	/* What stands before, and what stands when the operation runs to its end. */
	n_stood = list(shared, stood[nested]);
	copy_shard(copy, shared);
	stand(copy);
	memcpy(rehearsal, buffer, sizeof(buffer));
	act(&what, rehearsal + LAYOUT_HEADROOM, len);
	n_stands = list(copy, stands[nested]);
	stand(shared);
	child = puppet();
	if (child == 0) {
		act(&what, packet, len);
		_exit(0);
	}
	step(child, shared, &what, stood[nested], n_stood, stands[nested], n_stands, nested, depth);
}

static struct operation
next_operation(uint32_t now)
{
	static const uint8_t flags[] = { 0x02, 0x12, 0x10, 0x11, 0x04 };
	static const uint8_t kinds[] = { FROM6, FROM6, FROM6, FROM6, FROM4, FROM4, HAND, ADOPT };

	return (struct operation) {
		.kind = kinds[random_below(sizeof(kinds))], .host = random_below(8), .remote = random_below(4),
		.flags = flags[random_below(sizeof(flags))], .now = now, .port = 53 + random_below(2),
		.filtering = random_below(8) ? CONFIG_FILTERING_ADDRESS : CONFIG_FILTERING_ENDPOINT,
	};
}

/* What stands in a slot of the shard: a binding with all its sessions, or the rest of a port. */
struct place {
	struct ip6 ip6;
	uint32_t state, port6, sessions, expires;
	uint64_t remotes;		/* a sum over the sessions */
};

static void
places(void *region, struct place *out)
{
	struct shard s;

	shard_view(&s, region, &w.layout, active);
	for (uint32_t slot = 0; slot < w.layout.slots; slot++) {
		const struct record *r = &s.records[slot];

		out[slot] = (struct place) { .state = (uint8_t)r->state };
		if (out[slot].state == RECORD_FREE)
			continue;
		out[slot].expires = s.expires[slot];
		if (out[slot].state == RECORD_LIVE)
			out[slot] = (struct place) { r->ip6, RECORD_LIVE, r->port6, r->sessions, s.expires[slot], r->remote4 };
	}
	for (uint32_t i = 0; i < w.layout.g.shard_sessions; i++)
		if (s.sessions[i].key)
			out[session_slot(&s.sessions[i])].remotes += s.sessions[i].remote4 + s.sessions[i].expires;
}

static void
import(void *region, const struct foreign *old, uint32_t now)
{
	stand(region);
	nat64_import(&actor, old, false, now);
	nat64_adopt(&actor, now);
}

/* Bring the shard over, stepped; wherever the new region has changed somebody else does it again. */
static void
import_stepped(void *region, uint32_t now)
{
	static const uint8_t other[LAYOUT_SEED_SIZE] = { 1 };
	const struct operation o = { .kind = ADOPT, .now = now };
	struct place *wanted = calloc(w.layout.slots, sizeof(*wanted)), *got = calloc(w.layout.slots, sizeof(*got));
	void *heir = mmap(NULL, w.layout.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned live = 0, held = 0;
	struct foreign old;
	pid_t child;

	if (foreign_check(&old, region, w.layout.size))
		abort();
	layout_init_heir(heir, &w.layout, &w.config, &old, other);
	own_active(heir);
	memcpy(copy, heir, w.layout.size);
	import(copy, &old, now);
	places(copy, wanted);
	memcpy(before, heir, w.layout.size);
	child = puppet();
	if (child == 0) {
		import(heir, &old, now);
		_exit(0);
	}
	while (stepped(child, &o, false)) {
		instructions++;
		if (memcmp(before + shard_at(), (uint8_t *)heir + shard_at(), w.layout.shard_size) == 0)
			continue;
		states++;
		copy_shard(before, heir);
		copy_shard(copy, heir);
		import(copy, &old, now);
		audit_copy(copy, &o, false);
		places(copy, got);
		for (uint32_t slot = 0; slot < w.layout.slots; slot++)
			if (memcmp(&got[slot], &wanted[slot], sizeof(*got)) != 0)
				complain("it was not brought over as it should", slot, &o, false);
	}
	for (uint32_t slot = 0; slot < w.layout.slots; slot++)
		if (wanted[slot].state != RECORD_FREE)
			*(wanted[slot].state == RECORD_LIVE ? &live : &held) += 1;
	printf("step: %u bindings and %u rests of ports brought over\n", live, held);
	munmap(heir, w.layout.size);
	free(wanted);
	free(got);
}

/* Let the shard live through some operations with nobody looking, so that some bindings are there and others rest; move it. */
static void
live_and_import(void *region, unsigned operations)
{
	static uint8_t buffer[LAYOUT_HEADROOM + 256];
	const struct operation hand = { .kind = HAND };
	uint8_t *packet = buffer + LAYOUT_HEADROOM;
	uint32_t now = 1000;

	for (unsigned i = 0; i < operations; i++) {
		struct operation o = next_operation(now += random_below(3) * 4);
		uint32_t len = 0;

		if (i + 10 == operations) {
			o = hand;
			o.now = now += w.config.udp_timeout + 1;
		} else if (o.kind == FROM6) {
			fill6(packet, &o);
			len = 40u + packet[5];
		} else if (o.kind == FROM4) {
			len = fill4(packet, &actor, &o);
		}
		act(&o, packet, len);
	}
	import_stepped(region, now);
}

int
main(int argc, char **argv)
{
	struct layout_geometry g = {
		.addresses = 1, .shards = 64, .workers = 1, .shard_sessions = 24, .subscriber_prefix = 64, .packet_size = 1500, .kept = 16,
	};
	static const uint8_t random_bytes[LAYOUT_SEED_SIZE] = { 5, 4, 3 };
	static const uint32_t jump[] = { 0, 0, 0, 0, 1, 5, 61, 130, 301, 7500 };
	unsigned operations = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 100;
	int depth = argc > 2 && !strcmp(argv[2], "nested");
	uint32_t now = 1000;
	void *region;

	w.config = world_config();
	w.config.static_.n = 1;
	w.config.static_.item[0] = (struct config_static) {
		.ip6 = world_ip6("2001:db8::1"), .ip4 = world_ip4("192.0.2.1"), .port6 = 0x8000, .port4 = 80,
		.proto = NAT64_UDP,
	};
	if (!layout_plan(&w.layout, &g))
		abort();
	region = mmap(NULL, w.layout.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	before = malloc(w.layout.size);
	nest = malloc(w.layout.size);
	once = malloc(w.layout.size);
	copy = aligned_alloc(LAYOUT_PAGE, w.layout.size);
	layout_init(region, &w.layout, &w.config, 0, random_bytes);
	stand(region);
	prefix[0] = prefix[1] = world_ip6("2001:db8::");
	active = policy_shard(&actor, &prefix[0]);
	do
		prefix[1].b[7]++;
	while (policy_shard(&actor, &prefix[1]) != active);
	own_active(region);
	memcpy(copy, region, w.layout.size);
	if (argc > 2 && !strcmp(argv[2], "import")) {
		live_and_import(region, operations);
		operations = 0;
	}
	for (unsigned i = 0; i < operations; i++) {
		struct operation o = next_operation(now += jump[random_below(sizeof(jump) / sizeof(jump[0]))]);

		explore(region, &o, false, depth);
	}
	printf("step: %s operations, %lu instructions, %lu states; nested %lu instructions, %lu states; %lu violations\n",
	       argc > 1 ? argv[1] : "100", instructions, states, nested_instructions, nested_states, violations);
	return violations != 0;
}
