/*
 * fuzz_translate.c - sequences of hostile packets, clock jumps and configuration changes through nat64_translate()
 *
 * The input is a sequence of steps: a control byte, two length bytes, and that many bytes of packet.
 *     bit 0      which worker reads it          bits 1-2   let 0, 1, 70 or 8000 seconds pass before
 *     bit 3      make checksums right           bit 4      aim it: addresses of the tenant, port of a live binding
 *     bit 5      toggle hairpin and the treatment of zero checksums; each second time, the kind of filtering
 *     bit 6      make it a fragment of one of few packets
 *     bit 7      a successor takes the worker's place first
 * Bit 15 of the length: the packet's last bytes are what the device says of it; bit 14: made likely before.
 * Nothing behind a packet's end may be touched, although there is memory. After each packet what was kept and is due goes on.
 * After each: the verdict exists, what is to be sent lies inside the buffer, is well formed, has a right IPv4 header checksum
 * and, if it is an ICMP error, a right ICMP checksum.
 * After every fourth sequence: the audit of every shard with bindings. The region is a private mapping of a pristine
 * one and is thrown away after each input, so every input stands alone.
 */
#include <sanitizer/asan_interface.h>
#include <sys/mman.h>
#include <unistd.h>
#include "shm/audit.h"
#include "tests/world.h"
#include "worker/xlat/csum.h"
#include "worker/xlat/parse.h"

#define SIZE 1500

static struct world w;
static uint8_t buffer[LAYOUT_HEADROOM + SIZE + 256];
static uint16_t last_port;
static unsigned turns;			/* of the configuration */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) do { if (!(condition)) { fprintf(stderr, "%s\n", #condition); abort(); } } while (0)

static void
attach(unsigned i)
{
	MUST(!nat64_attach(&w.worker[i], w.region, &w.layout, i));
	nat64_configure(&w.worker[i], &w.config);
	nat64_adopt(&w.worker[i], w.now);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const uint8_t seed[LAYOUT_SEED_SIZE] = { 1, 2, 3 };
	struct layout_geometry g = {
		.addresses = 1, .shards = 8, .workers = 2, .shard_sessions = 8, .subscriber_prefix = 64, .packet_size = SIZE, .kept = 12,
	};
	int fd = memfd_create("pristine", 0);
	void *shared;

	(void)argc;
	(void)argv;
	w.config = world_config();
	w.config.workers = 2;
	w.config.max_bindings_per_subscriber = 6;
	w.config.max_sessions_per_subscriber = 7;
	w.config.new_bindings_per_second = 4;
	w.config.prefix.n = 2;
	w.config.prefix.item[1] = (struct net6) { world_ip6("2001:db8:64::"), 48 };
	w.config.static_.n = 1;
	w.config.static_.item[0] = (struct config_static) {
		.ip6 = world_ip6("2001:db8::5"), .ip4 = world_ip4("192.0.2.1"), .port6 = 80, .port4 = 80, .proto = NAT64_TCP,
	};
	MUST(layout_plan(&w.layout, &g) && fd >= 0 && ftruncate(fd, (off_t)w.layout.size) == 0);
	shared = mmap(NULL, w.layout.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(shared != MAP_FAILED);
	layout_init(shared, &w.layout, &w.config, 0, seed);
	munmap(shared, w.layout.size);
	w.region = mmap(NULL, w.layout.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	MUST(w.region != MAP_FAILED);
	return 0;
}

static uint16_t
get16(const uint8_t *b)
{
	return (uint16_t)(b[0] << 8 | b[1]);
}

/* Give the packet addresses that mean something here, and the port of a binding. */
static void
aim(uint8_t *b, uint32_t len)
{
	if (b[0] >> 4 == 6 && len >= 40) {
		struct ip6 src = world_ip6("2001:db8::"), dst = world_ip6(b[39] & 1 ? "64:ff9b::" : "2001:db8:64::");

		src.b[15] = b[23] & 7;
		memcpy(b + 8, src.b, 16);
		if (b[39] & 1)
			memcpy(dst.b + 12, b[39] & 2 ? "\xcb\x00\x71\x01" : "\xc0\x00\x02\x01", 4);
		else
			memcpy(dst.b + 6, "\xcb\x00\x00\x71\x01", 5);
		memcpy(b + 24, dst.b, 16);
		b[4] = (uint8_t)((len - 40) >> 8);
		b[5] = (uint8_t)(len - 40);
	} else if (b[0] >> 4 == 4 && len >= 24) {
		memcpy(b + 16, "\xc0\x00\x02\x01", 4);
		b[2] = (uint8_t)(len >> 8);
		b[3] = (uint8_t)len;
		if ((b[9] == 6 || b[9] == 17) && b[0] == 0x45 && last_port) {
			b[22] = (uint8_t)(last_port >> 8);
			b[23] = (uint8_t)last_port;
		}
	}
}

/* Make it a fragment: few identifications, small offsets, and a length that fits. Returns its length. */
static uint32_t
make_fragment(uint8_t *b, uint32_t len)
{
	if (b[0] >> 4 == 6 && len >= 56) {
		b[6] = 44;
		b[40] = b[40] & 1 ? 17 : b[40] & 2 ? 6 : 58;
		b[42] = 0;
		b[43] &= 0x79;
		memset(b + 44, 0, 3);
		b[47] &= 3;
		len -= b[43] & 1 ? len % 8 : 0;
		b[4] = (uint8_t)((len - 40) >> 8);
		b[5] = (uint8_t)(len - 40);
	} else if (b[0] == 0x45 && len >= 32) {
		b[4] = 0;
		b[5] &= 3;
		b[6] &= 0x20;
		b[7] &= 0x0f;
		len -= b[6] ? (len - 20) % 8 : 0;
		b[2] = (uint8_t)(len >> 8);
		b[3] = (uint8_t)len;
	}
	return len;
}

static void
right_checksums(uint8_t *b, uint32_t len)
{
	uint32_t ihl = (b[0] & 15u) * 4;
	uint64_t sum;

	if (b[0] >> 4 == 4 && len >= 20 && ihl >= 20 && ihl <= len) {
		memset(b + 10, 0, 2);
		csum_store(b + 10, csum_add(0, b, ihl));
		if (b[9] == 1 && len >= ihl + 28 + 20 && b[ihl + 8] == 0x45) {
			memset(b + ihl + 18, 0, 2);
			csum_store(b + ihl + 18, csum_add(0, b + ihl + 8, 20));
		}
		if (b[9] == 1 && len >= ihl + 8) {
			memset(b + ihl + 2, 0, 2);
			csum_store(b + ihl + 2, csum_add(0, b + ihl, len - ihl));
		}
	} else if (b[0] >> 4 == 6 && len >= 48 && b[6] == 58) {
		memset(b + 42, 0, 2);
		sum = csum_add(csum_word(len - 40) + csum_word(58), b + 8, 32);
		csum_store(b + 42, csum_add(sum, b + 40, len - 40));
	}
}

static void
check_packet(uint8_t *data, uint32_t len, const struct layout_offload *o, enum nat64_verdict v)
{
	enum nat64_verdict parsed;
	struct pkt out;

	parsed = parse_packet(&out, data, len, o);
	MUST(out.len == len);
	/* An error cut to size may end inside the packet it carries; everything else is whole. */
	MUST(parsed == NAT64_translated || parsed == NAT64_udp_zero_checksum);
	if (out.at == 0 && out.from == NAT64_FROM_IP4 && !out.icmp_error && v == NAT64_translated)
		last_port = out.src.port;
}

static void
check_output(const struct nat64_packet *p, enum nat64_verdict v)
{
	static const struct layout_offload none;
	static uint8_t piece[65536];
	const struct layout_offload *o = &p->meta.offload;
	uint32_t at = 0, len, sum = 0, whole = 0;

	MUST(v < NAT64_N_VERDICTS);
	if (p->len == 0)
		return;
	MUST(p->data >= buffer && p->data + p->len <= buffer + sizeof(buffer));
	if (p->cut == 0)
		check_packet(p->data, p->len, o, v);
	while ((len = nat64_piece(p, &at, piece)) > 0) {
		MUST(p->cut && len <= p->cut);
		check_packet(piece, len, &none, v);
		sum += len - (piece[0] >> 4 == 4 ? 20 : piece[6] == 44 ? 48 : 40);
	}
	if (p->cut)
		whole = p->len - (p->data[0] >> 4 == 6 ? 48 : 20);
	if (p->cut && o->type)			/* each datagram has a header of its own */
		whole += ((whole - 8 + o->segment - 1) / o->segment - 1) * 8;
	MUST(sum == whole);
}

/* From worker to worker, until one decides. */
static void
let_through(struct nat64_packet *p, unsigned worker)
{
	enum nat64_verdict v = NAT64_handed_over;
	struct nat64_hint hint;

	for (unsigned hop = 0; hop < 5 && v == NAT64_handed_over; hop++) {
		if (p->data != buffer + LAYOUT_HEADROOM)
			memmove(buffer + LAYOUT_HEADROOM, p->data, p->len);
		p->data = buffer + LAYOUT_HEADROOM;
		ASAN_POISON_MEMORY_REGION(p->data + p->len, (size_t)(buffer + sizeof(buffer) - (p->data + p->len)));
		nat64_look_ahead(&w.worker[worker], (const uint8_t *const[]) { p->data }, &p->len, &hint, 1);
		p->hint = &hint;
		v = nat64_translate(&w.worker[worker], p, w.now);
		ASAN_UNPOISON_MEMORY_REGION(buffer, sizeof(buffer));
		p->hint = NULL;
		MUST(v != NAT64_handed_over || (p->to_worker < 2 && p->to_worker != worker));
		worker = v == NAT64_handed_over ? p->to_worker : worker;
	}
	check_output(p, v);
}

static void
release(unsigned worker)
{
	for (unsigned n = 0;; n++) {
		struct nat64_packet p = { .data = buffer + LAYOUT_HEADROOM };

		MUST(n <= w.layout.g.kept);
		if (!nat64_due(&w.worker[worker], &p, w.now))
			return;
		nat64_taken(&w.worker[worker]);
		let_through(&p, worker);
	}
}

/* A lap of the clock hand; its probes are well-formed segments to IPv6 hosts. */
static void
let_pass(struct nat64 *n)
{
	uint8_t room[NAT64_PROBE_SIZE];
	struct nat64_packet probe = { .data = room };
	bool more;

	do {
		struct pkt p;

		more = nat64_expire(n, w.now, 100000, &probe);
		if (probe.len > 0)
			MUST(probe.data == room && probe.len == sizeof(room) && parse_packet(&p, room, probe.len, &probe.meta.offload) == NAT64_translated &&
			     p.proto == NAT64_TCP && p.from == NAT64_FROM_IP6);
	} while (more);
}

/* What the device says of a packet: its last bytes, or what it might well say with these. */
static struct layout_offload
said(const uint8_t *b, uint32_t len, bool likely)
{
	struct layout_offload o = { 0 };
	uint32_t start = b[0] >> 4 == 6 ? 40 : (b[0] & 15u) * 4;
	uint8_t proto = b[0] >> 4 == 6 ? b[6] : b[9];

	if (len < sizeof(o))
		return o;
	memcpy(&o, b + len - sizeof(o), sizeof(o));
	if (likely) {
		o.flags |= LAYOUT_PARTIAL;
		o.start = (uint16_t)start;
		o.check = proto == 17 ? 6 : 16;
		o.type = o.type & 1 ? 0 : proto == 17 ? LAYOUT_UDP : b[0] >> 4 == 6 ? LAYOUT_TCP6 : LAYOUT_TCP4;
		o.segment %= 200;
	}
	return o;
}

static void
step(uint8_t control, const uint8_t *packet, uint32_t len, uint16_t device)
{
	static const uint32_t jump[] = { 0, 1, 70, 8000 };
	unsigned worker = control & 1;
	struct nat64_packet p = { .data = buffer + LAYOUT_HEADROOM, .len = len };

	if (control & 128)
		attach(worker);
	w.now += jump[control >> 1 & 3];
	for (unsigned i = 0; i < 2 && jump[control >> 1 & 3]; i++)
		let_pass(&w.worker[i]);
	if (control & 32) {
		turns++;
		w.config.hairpin = ~turns & 1;
		w.config.udp_zero_checksum = turns & 1;
		w.config.filtering = turns >> 1 & 1;
		for (unsigned i = 0; i < 2; i++)
			nat64_configure(&w.worker[i], &w.config);
	}
	memcpy(p.data, packet, len);
	if (control & 16 && len > 0)
		aim(p.data, len);
	if (control & 64 && len > 0)
		p.len = len = make_fragment(p.data, len);
	if (control & 8 && len > 0)
		right_checksums(p.data, len);
	if (device & 0x8000)
		p.meta.offload = said(p.data, len, device & 0x4000);
	let_through(&p, worker);
	release(0);
	release(1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct audit a = { 0 };
	size_t whole = size;

	w.now = 1000;
	w.config.hairpin = 1;
	w.config.udp_zero_checksum = 0;
	w.config.filtering = CONFIG_FILTERING_ENDPOINT;
	last_port = 0;
	turns = 0;
	madvise(w.region, w.layout.size, MADV_DONTNEED);
	attach(0);
	attach(1);
	for (unsigned steps = 0; size >= 3 && steps < 16; steps++) {
		uint32_t len = get16(data + 1) % (SIZE + 1);

		if (len > size - 3)
			len = (uint32_t)(size - 3);
		step(data[0], data + 3, len, get16(data + 1));
		data += 3 + len;
		size -= 3 + len;
	}
	for (unsigned s = 0; s < w.layout.g.shards && whole % 4 == 0; s++)
		if (w.worker[0].shard[s].head->total[0] + w.worker[0].shard[s].head->total[1] +
		    w.worker[0].shard[s].head->total[2])
			audit_shard(&a, &w.worker[0].shard[s], w.region, w.worker[0].secret);
	if (a.violations)
		fprintf(stderr, "audit: %s\n", audit_words(a.rule));
	MUST(a.violations == 0);
	return 0;
}
