// links: worker/inflight.o
/*
 * fragments.c - a worker killed at every instruction while the fragments of a packet pass
 *
 * A child does what the loop does: it reads three fragments, keeps them or lets them go on, releases what is due, writes. The
 * parent executes it one machine instruction at a time (ptrace). Wherever the shared memory has changed, or a packet was read
 * or written, the parent takes a copy, and a successor goes on there: with what was in hand, what was kept, and what is still
 * to be read. What the two have written must hold every byte of the packet under a right checksum, whoever was killed when;
 * and when all time is over, nothing is kept any more.
 * Prints instructions, states and violations; exits 1 if there was a violation.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/world.h"
#include "worker/inflight.h"
#include "worker/xlat/csum.h"
#include "worker/xlat/policy.h"

#define RECORD 256			/* bytes of a packet in the files that stand for the queue */
#define MESSAGE 152
#define NOW 1000

enum kind { UDP6, ECHO6, UNSUMMED4, N_KINDS };

static struct world w;
static unsigned active;			/* the shard of the one subscriber */
static uint16_t port;			/* of his binding, for what comes from IPv4 */
static void *copy, *pristine, *before;
static unsigned long instructions, states, violations;

struct pump {
	struct nat64 nat64;
	struct inflight hand;
	int in, out;			/* what is to be read and what was written */
};

static void
put16(uint8_t *b, unsigned v)
{
	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
}

static unsigned
get16(const uint8_t *b)
{
	return (unsigned)b[0] << 8 | b[1];
}

static uint32_t
length(const uint8_t *ip)
{
	return ip[0] >> 4 == 6 ? 40 + get16(ip + 4) : get16(ip + 2);
}

/* The transport message of a kind, whole. */
static void
message(enum kind kind, uint8_t m[MESSAGE])
{
	for (unsigned i = 0; i < MESSAGE; i++)
		m[i] = (uint8_t)(i * 7 + 1);
	memset(m, 0, 8);
	if (kind == ECHO6) {
		m[0] = 128;
		put16(m + 4, 77);
		return;
	}
	put16(m, kind == UDP6 ? 5000 : 53);
	put16(m + 2, kind == UDP6 ? 53 : port);
	put16(m + 4, MESSAGE);
}

/* One of three fragments of a packet, with the header that its kind has. */
static void
fragment(enum kind kind, unsigned number, uint8_t b[RECORD])
{
	static const unsigned at[] = { 0, 64, 128, MESSAGE };
	struct ip6 host = world_ip6("2001:db8::1"), remote = world_ip6("64:ff9b::203.0.113.1");
	unsigned size = at[number + 1] - at[number], more = number < 2;
	uint8_t m[MESSAGE], proto = kind == ECHO6 ? 58 : 17;

	memset(b, 0, RECORD);
	message(kind, m);
	if (kind == UNSUMMED4) {
		b[0] = 0x45;
		put16(b + 2, 20 + size);
		put16(b + 4, 99);
		put16(b + 6, more << 13 | at[number] / 8);
		b[8] = 64;
		b[9] = 17;
		memcpy(b + 12, "\xcb\x00\x71\x01\xc0\x00\x02\x01", 8);
		csum_store(b + 10, csum_add(0, b, 20));
		memcpy(b + 20, m + at[number], size);
		return;
	}
	b[0] = 0x60;
	put16(b + 4, 8 + size);
	b[6] = 44;
	b[7] = 64;
	memcpy(b + 8, host.b, 16);
	memcpy(b + 24, remote.b, 16);
	csum_store(m + (kind == UDP6 ? 6 : 2), csum_add(csum_add(csum_word(MESSAGE) + csum_word(proto), m, MESSAGE), b + 8, 32));
	b[40] = proto;
	put16(b + 42, at[number] | more);
	b[47] = 99;
	memcpy(b + 48, m + at[number], size);
}

/* The loop, as far as it matters here. */
static void
packet(struct pump *p, unsigned i, uint32_t len)
{
	struct nat64_packet k = { .data = inflight_buffer(&p->hand, i), .len = len, .meta = *inflight_meta(&p->hand, i) };

	inflight_hold(&p->hand, i, len);
	if (nat64_translate(&p->nat64, &k, NOW) == NAT64_translated && write(p->out, k.data, RECORD) != RECORD)
		abort();
	inflight_done(&p->hand, i);
}

static void
from_kept(struct pump *p, uint32_t now)
{
	struct nat64_packet k = { .data = inflight_buffer(&p->hand, LAYOUT_BATCH + 1) };

	while (nat64_due(&p->nat64, &k, now)) {
		*inflight_meta(&p->hand, LAYOUT_BATCH + 1) = k.meta;
		inflight_hold(&p->hand, LAYOUT_BATCH + 1, k.len);
		nat64_taken(&p->nat64);
		packet(p, LAYOUT_BATCH + 1, k.len);
	}
}

static void
pump(struct pump *p)
{
	while (read(p->in, inflight_buffer(&p->hand, 0), RECORD) == RECORD) {
		packet(p, 0, length(inflight_buffer(&p->hand, 0)));
		from_kept(p, NOW);
	}
}

static void
stand(struct pump *p, void *region)
{
	if (nat64_attach(&p->nat64, region, &w.layout, 0))
		abort();
	nat64_configure(&p->nat64, &w.config);
	inflight_open(&p->hand, region, &w.layout, 0, false);
}

static void
complain(const char *what, enum kind kind, unsigned order)
{
	if (violations++ < 20)
		printf("violation: %s (kind %u, order %u)\n", what, kind, order);
}

/* Is every byte of the message among what was written, under one right checksum? */
static void
judge(int out, enum kind kind, unsigned order)
{
	uint8_t b[RECORD], m[MESSAGE] = { 0 }, seen[MESSAGE] = { 0 }, sent[MESSAGE], ends[32];
	uint64_t sum = kind == ECHO6 ? 0 : csum_word(MESSAGE) + csum_word(17);
	unsigned count = 0;

	for (off_t at = 0; pread(out, b, RECORD, at) == RECORD; at += RECORD) {
		unsigned header = b[0] >> 4 == 6 ? 48 : 20;
		unsigned offset = b[0] >> 4 == 6 ? get16(b + 42) & 0xfff8 : get16(b + 6) << 3 & 0xffff, size = length(b) - header;

		if (offset + size > MESSAGE) {
			complain("a fragment of another packet", kind, order);
			return;
		}
		memcpy(m + offset, b + header, size);
		memset(seen + offset, 1, size);
		memcpy(ends, b + (header == 48 ? 8 : 12), header == 48 ? 32 : 8);
		count = header == 48 ? 32 : 8;
	}
	message(kind, sent);
	if (memchr(seen, 0, MESSAGE))
		complain("a fragment was lost", kind, order);
	else if (memcmp(m + 8, sent + 8, MESSAGE - 8) != 0)
		complain("bytes were changed", kind, order);
	else if (csum_fold(csum_add(csum_add(sum, m, MESSAGE), ends, kind == ECHO6 ? 0 : count)) != 0xffff)
		complain("a wrong checksum", kind, order);
}

/* What changes of a region: packets in hand, what is kept, one shard. */
static bool
bring_over(void *to, const void *from, bool changes_only)
{
	const struct layout *l = &w.layout;
	const size_t part[][2] = {
		{ l->inflight, l->rings }, { l->kept, l->shards },
		{ layout_shard(l, active), layout_shard(l, active) + l->shard_size },
	};
	bool differs = !changes_only;

	for (unsigned i = 0; i < 3 && !differs; i++)
		differs = memcmp((uint8_t *)to + part[i][0], (const uint8_t *)from + part[i][0], part[i][1] - part[i][0]) != 0;
	for (unsigned i = 0; i < 3 && differs; i++)
		memcpy((uint8_t *)to + part[i][0], (const uint8_t *)from + part[i][0], part[i][1] - part[i][0]);
	return differs;
}

/* Somebody goes on after a death. */
static void
succeed(const struct pump *dead, enum kind kind, unsigned order)
{
	static struct pump p;
	uint8_t b[RECORD];
	int out = memfd_create("out", 0);

	p.in = memfd_create("in", 0);
	p.out = out;
	for (off_t at = lseek(dead->in, 0, SEEK_CUR); pread(dead->in, b, RECORD, at) == RECORD; at += RECORD)
		if (write(p.in, b, RECORD) != RECORD)
			abort();
	for (off_t at = 0; pread(dead->out, b, RECORD, at) == RECORD; at += RECORD)
		if (write(out, b, RECORD) != RECORD)
			abort();
	lseek(p.in, 0, SEEK_SET);
	stand(&p, copy);
	nat64_adopt(&p.nat64, NOW);
	for (unsigned n = 0; n < LAYOUT_BUFFERS; n++) {
		unsigned i = (n + LAYOUT_BATCH) % LAYOUT_BUFFERS;
		uint32_t len = inflight_left(&p.hand, i);

		if (len > 0)
			packet(&p, i, len);
	}
	from_kept(&p, NOW);
	pump(&p);
	judge(out, kind, order);
	from_kept(&p, UINT32_MAX);
	stand(&p, copy);
	if (kept_due(&p.nat64.kept, UINT32_MAX) != KEPT_NONE)
		complain("something is kept for ever", kind, order);
	close(p.in);
	close(out);
}

/* A packet's fragments in one order, through a child that is stepped. */
static void
scenario(enum kind kind, unsigned order)
{
	static const uint8_t orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	static struct pump p;
	off_t was = 0, is;
	uint8_t b[RECORD];
	pid_t child;
	int status;

	bring_over(w.region, pristine, false);
	p.in = memfd_create("in", 0);
	p.out = memfd_create("out", 0);
	for (unsigned i = 0; i < 3; i++) {
		fragment(kind, orders[order][i], b);
		if (write(p.in, b, RECORD) != RECORD)
			abort();
	}
	lseek(p.in, 0, SEEK_SET);
	stand(&p, w.region);
	bring_over(before, w.region, false);
	child = fork();
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		pump(&p);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	while (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) == 0 && waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
		instructions++;
		is = lseek(p.in, 0, SEEK_CUR) * 1000 + lseek(p.out, 0, SEEK_CUR);
		if (!bring_over(before, w.region, true) && is == was)
			continue;
		was = is;
		states++;
		bring_over(copy, before, false);
		succeed(&p, kind, order);
	}
	judge(p.out, kind, order);
	close(p.in);
	close(p.out);
}

/* A binding for what comes from IPv4. */
static void
open_binding(void)
{
	struct nat64_packet k = { .len = 56 };
	uint8_t b[LAYOUT_HEADROOM + RECORD];

	k.data = b + LAYOUT_HEADROOM;
	fragment(UDP6, 0, k.data);
	memmove(k.data + 40, k.data + 48, 16);
	put16(k.data + 4, 16);
	put16(k.data + 44, 16);
	k.data[6] = 17;
	if (nat64_translate(&w.worker[0], &k, NOW) != NAT64_translated)
		abort();
	port = (uint16_t)get16(k.data + 20);
}

static void *
region_of(const void *content)
{
	void *base = mmap(NULL, w.layout.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (base == MAP_FAILED)
		abort();
	memcpy(base, content, w.layout.size);
	return base;
}

int
main(void)
{
	struct ip6 host = world_ip6("2001:db8::1");
	void *made;

	w.config = world_config();
	w.config.max_fragments = 16;
	w.config.max_sessions = 1 << 16;
	world_open(&w);
	active = policy_shard(&w.worker[0], &host);
	open_binding();
	made = w.region;
	w.region = region_of(made);
	copy = region_of(made);
	pristine = region_of(made);
	before = region_of(made);
	for (unsigned kind = 0; kind < N_KINDS; kind++)
		for (unsigned order = 0; order < 6; order++)
			scenario(kind, order);
	printf("fragments: %lu instructions, %lu states after a death, %lu violations\n", instructions, states, violations);
	return violations > 0;
}
