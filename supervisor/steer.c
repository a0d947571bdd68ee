/*
 * steer.c - the kernel puts a packet into the queue of the worker that owns its shard
 *
 * Left alone, the kernel deals packets to the queues of the device by a hash of its own, and what reaches the wrong
 * worker is handed over, which costs a copy and often a wake-up. Here the device is given a program
 * (TUNSETSTEERINGEBPF) that computes what the worker would:
 *
 *   IPv6   the keyed hash of the source's subscriber prefix -> shard             policy_shard(), shm/hash.h
 *          an ICMPv6 error: of the destination of the packet inside
 *   IPv4   a static binding's address, protocol and port -> shard                policy_static()
 *          the pool address -> its number; port / 64 -> shard                    pool_address(), pool_place()
 *          an ICMP error: source port or identifier of the packet inside
 *          a fragment: the keyed hash of what those of its packet share         hash_spread()
 *   then   shard -> worker, whose number is the number of its queue
 *
 * It is help, never truth: the worker computes again and hands over what is not its own. So whatever the program does
 * not understand (IPv6 extension headers before an ICMPv6 error, other protocols, damaged packets) may go anywhere,
 * and tables may be replaced while packets come. What has no port is dealt as fragments are, so that no sender can
 * aim it. Nothing waits and nothing loops: searches have a fixed number of steps, without branches, so the verifier
 * needs to follow a few paths only.
 *
 * The tables hold the shard key and the permutation of ports, which are secret: their descriptors are closed on
 * exec but for an upgrade, no child gets one, and nothing is pinned. They are mapped only while they are written.
 *
 * Must never: return another queue than a worker's; be needed for a packet to be translated.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "shm/hash.h"
#include "supervisor/bpf.h"
#include "supervisor/steer.h"

/* What the program knows. Unused places hold numbers above every key, so that a search needs no count. */
struct steer_table {
	uint64_t v[4], last;		/* of the hash: its state before the first word, and what comes after the last */
	uint64_t mask[2];		/* of a subscriber's prefix, as an address lies in memory */
	uint32_t words;			/* to hash: 1 or 2 */
	uint32_t shards, workers, statics;
	uint8_t owner[LAYOUT_MAX_SHARDS];
	uint8_t static_shard[CONFIG_MAX_STATICS];
	uint64_t static_key[CONFIG_MAX_STATICS];	/* steer_key(), ascending */
	uint32_t address[];		/* [steer.addresses], ascending */
};
#define STEER_TABLE(field) offsetof(struct steer_table, field)
#define STEER_NO_KEY INT64_MAX

/* Registers that a helper leaves alone. */
enum { PACKET = BPF_REG_6, PORT = BPF_REG_7, PROTO = BPF_REG_8, ADDRESS = BPF_REG_9, WORD0 = PORT, WORD1 = PROTO };

/* The stack: the first 24 bytes of the packet, a number, a small and a larger piece of the packet. */
enum { HEAD = -24, NUMBER = -28, PIECE = -32, INNER = -56 };

enum {
	IP4, ICMP, PORT_KNOWN, PROTO_KNOWN, PROTO_UDP, PROTO_ICMP, POOL, SPREAD, SUBSCRIBER, HASH, LAST, OWNER, LOST,
	N_LABELS
};
_Static_assert(N_LABELS <= BPF_CODE_LABELS, "room for all labels");

/* Copy bytes of the packet, from where register 2 says, to the stack; if it is too short, go to label. */
static void
steer_load(struct bpf_code *c, int to, int bytes, unsigned label)
{
	bpf_do(c, BPF_MOV, BPF_REG_1, PACKET);
	bpf_do(c, BPF_MOV, BPF_REG_3, BPF_REG_10);
	bpf_do_number(c, BPF_ADD, BPF_REG_3, to);
	bpf_do_number(c, BPF_MOV, BPF_REG_4, bytes);
	bpf_call(c, BPF_FUNC_skb_load_bytes);
	bpf_if_number(c, BPF_JNE, BPF_REG_0, 0, label);
}

/* The same from a fixed place, and from where PORT says. */
static void
steer_load_at(struct bpf_code *c, int to, int bytes, int at, unsigned label)
{
	bpf_do_number(c, BPF_MOV, BPF_REG_2, at);
	steer_load(c, to, bytes, label);
}

static void
steer_load_port(struct bpf_code *c, int to, int bytes, unsigned label)
{
	bpf_do(c, BPF_MOV, BPF_REG_2, PORT);
	steer_load(c, to, bytes, label);
}

/*
 * Register 2 = the number of the last of n numbers behind the table's offset that is not above the key in register
 * 3, or 0. n is a power of two; numbers and key are below 2^63. Spoils register 4.
 */
static void
steer_search(struct bpf_code *c, const struct steer *s, uint8_t size, size_t offset, uint32_t n)
{
	unsigned shift = size == BPF_DW ? 3 : 2;

	bpf_do_number(c, BPF_MOV, BPF_REG_2, 0);
	for (uint32_t step = n / 2; step > 0; step /= 2) {
		bpf_value(c, BPF_REG_1, s->table);
		bpf_do(c, BPF_MOV, BPF_REG_4, BPF_REG_2);
		bpf_do_number(c, BPF_LSH, BPF_REG_4, (int32_t)shift);
		bpf_do(c, BPF_ADD, BPF_REG_1, BPF_REG_4);
		bpf_read(c, size, BPF_REG_4, BPF_REG_1, offset + ((size_t)step << shift));
		bpf_do(c, BPF_SUB, BPF_REG_4, BPF_REG_3);	/* negative, so its top bit is set, if the step may be taken */
		bpf_do_number(c, BPF_SUB, BPF_REG_4, 1);
		bpf_do_number(c, BPF_RSH, BPF_REG_4, 63);
		bpf_do_number(c, BPF_LSH, BPF_REG_4, __builtin_ctz(step));
		bpf_do(c, BPF_OR, BPF_REG_2, BPF_REG_4);
	}
}

/* Register 4 = the number that was found, register 2 being its place. */
static void
steer_found(struct bpf_code *c, const struct steer *s, uint8_t size, size_t offset)
{
	bpf_value(c, BPF_REG_1, s->table);
	bpf_do(c, BPF_MOV, BPF_REG_4, BPF_REG_2);
	if (size != BPF_B)
		bpf_do_number(c, BPF_LSH, BPF_REG_4, size == BPF_DW ? 3 : 2);
	bpf_do(c, BPF_ADD, BPF_REG_1, BPF_REG_4);
	bpf_read(c, size, BPF_REG_4, BPF_REG_1, offset);
}

/* The head of the packet; which family? */
static void
steer_family(struct bpf_code *c)
{
	bpf_do(c, BPF_MOV, PACKET, BPF_REG_1);
	steer_load_at(c, HEAD, 24, 0, LOST);
	bpf_pop(c, BPF_B, BPF_REG_0, HEAD);
	bpf_do_number(c, BPF_RSH, BPF_REG_0, 4);
	bpf_if_number(c, BPF_JEQ, BPF_REG_0, 4, IP4);
	bpf_if_number(c, BPF_JNE, BPF_REG_0, 6, LOST);
}

static void
steer_ip6(struct bpf_code *c, const struct steer *s)
{
	bpf_pop(c, BPF_DW, WORD0, HEAD + 8);
	bpf_pop(c, BPF_DW, WORD1, HEAD + 16);
	bpf_pop(c, BPF_B, BPF_REG_0, HEAD + 6);
	bpf_if_number(c, BPF_JNE, BPF_REG_0, IPPROTO_ICMPV6, SUBSCRIBER);
	steer_load_at(c, PIECE, 1, 40, SUBSCRIBER);
	bpf_pop(c, BPF_B, BPF_REG_0, PIECE);
	bpf_if_number(c, BPF_JGE, BPF_REG_0, 128, SUBSCRIBER);
	steer_load_at(c, INNER, 16, 40 + 8 + 24, SUBSCRIBER);	/* whom it is about */
	bpf_pop(c, BPF_DW, WORD0, INNER);
	bpf_pop(c, BPF_DW, WORD1, INNER + 8);
	bpf_label(c, SUBSCRIBER);
	bpf_value(c, BPF_REG_1, s->table);
	bpf_read(c, BPF_DW, BPF_REG_2, BPF_REG_1, STEER_TABLE(mask[0]));
	bpf_do(c, BPF_AND, WORD0, BPF_REG_2);
	bpf_read(c, BPF_DW, BPF_REG_2, BPF_REG_1, STEER_TABLE(mask[1]));
	bpf_do(c, BPF_AND, WORD1, BPF_REG_2);
	bpf_go(c, HASH);
}

/* PORT = where the subscriber's port or identifier is in the packet, PROTO = the protocol's number in the header. */
static void
steer_ip4(struct bpf_code *c)
{
	bpf_label(c, IP4);
	bpf_pop(c, BPF_H, BPF_REG_0, HEAD + 6);
	bpf_host_order(c, BPF_REG_0, 16);
	bpf_do_number(c, BPF_AND, BPF_REG_0, 0x3fff);	/* a fragment */
	bpf_if_number(c, BPF_JNE, BPF_REG_0, 0, SPREAD);
	bpf_pop(c, BPF_W, ADDRESS, HEAD + 16);
	bpf_host_order(c, ADDRESS, 32);
	bpf_pop(c, BPF_B, PROTO, HEAD + 9);
	bpf_pop(c, BPF_B, PORT, HEAD);
	bpf_do_number(c, BPF_AND, PORT, 15);
	bpf_do_number(c, BPF_LSH, PORT, 2);
	bpf_if_number(c, BPF_JEQ, PROTO, IPPROTO_ICMP, ICMP);
	bpf_do_number(c, BPF_ADD, PORT, 2);		/* the destination's */
	bpf_go(c, PORT_KNOWN);

	bpf_label(c, ICMP);
	steer_load_port(c, PIECE, 1, SPREAD);
	bpf_do_number(c, BPF_ADD, PORT, 4);		/* the identifier of an echo */
	bpf_pop(c, BPF_B, BPF_REG_0, PIECE);
	bpf_if_number(c, BPF_JEQ, BPF_REG_0, 0, PORT_KNOWN);
	bpf_if_number(c, BPF_JEQ, BPF_REG_0, 8, PORT_KNOWN);
	bpf_do_number(c, BPF_ADD, PORT, 4);		/* an error: what it is about came from the subscriber */
	steer_load_port(c, INNER, 20, SPREAD);
	bpf_pop(c, BPF_B, PROTO, INNER + 9);
	bpf_pop(c, BPF_B, BPF_REG_0, INNER);
	bpf_do_number(c, BPF_AND, BPF_REG_0, 15);
	bpf_do_number(c, BPF_LSH, BPF_REG_0, 2);
	bpf_do(c, BPF_ADD, PORT, BPF_REG_0);
	bpf_if_number(c, BPF_JNE, PROTO, IPPROTO_ICMP, PORT_KNOWN);
	bpf_do_number(c, BPF_ADD, PORT, 4);
	bpf_label(c, PORT_KNOWN);
}

/* PORT = the port, PROTO = enum nat64_proto. */
static void
steer_port(struct bpf_code *c)
{
	bpf_if_number(c, BPF_JEQ, PROTO, IPPROTO_UDP, PROTO_UDP);
	bpf_if_number(c, BPF_JEQ, PROTO, IPPROTO_ICMP, PROTO_ICMP);
	bpf_if_number(c, BPF_JNE, PROTO, IPPROTO_TCP, SPREAD);
	bpf_do_number(c, BPF_MOV, PROTO, NAT64_TCP);
	bpf_go(c, PROTO_KNOWN);
	bpf_label(c, PROTO_UDP);
	bpf_do_number(c, BPF_MOV, PROTO, NAT64_UDP);
	bpf_go(c, PROTO_KNOWN);
	bpf_label(c, PROTO_ICMP);
	bpf_do_number(c, BPF_MOV, PROTO, NAT64_ICMP);
	bpf_label(c, PROTO_KNOWN);
	steer_load_port(c, PIECE, 2, SPREAD);
	bpf_pop(c, BPF_H, PORT, PIECE);
	bpf_host_order(c, PORT, 16);
}

static uint64_t
steer_key(uint32_t ip4, uint16_t port, uint8_t proto)
{
	return (uint64_t)ip4 << 18 | (uint64_t)port << 2 | proto;
}

/* Register 0 = the shard of a static binding, if it is one. */
static void
steer_static(struct bpf_code *c, const struct steer *s)
{
	bpf_value(c, BPF_REG_1, s->table);
	bpf_read(c, BPF_W, BPF_REG_0, BPF_REG_1, STEER_TABLE(statics));
	bpf_if_number(c, BPF_JEQ, BPF_REG_0, 0, POOL);
	bpf_do(c, BPF_MOV, BPF_REG_3, ADDRESS);		/* steer_key() */
	bpf_do_number(c, BPF_LSH, BPF_REG_3, 16);
	bpf_do(c, BPF_OR, BPF_REG_3, PORT);
	bpf_do_number(c, BPF_LSH, BPF_REG_3, 2);
	bpf_do(c, BPF_OR, BPF_REG_3, PROTO);
	steer_search(c, s, BPF_DW, STEER_TABLE(static_key), CONFIG_MAX_STATICS);
	steer_found(c, s, BPF_DW, STEER_TABLE(static_key));
	bpf_if(c, BPF_JNE, BPF_REG_4, BPF_REG_3, POOL);
	steer_found(c, s, BPF_B, STEER_TABLE(static_shard));
	bpf_do(c, BPF_MOV, BPF_REG_0, BPF_REG_4);
	bpf_go(c, OWNER);
}

/* Register 0 = the shard of the pool port, if the address is the pool's. */
static void
steer_pool(struct bpf_code *c, const struct steer *s)
{
	bpf_label(c, POOL);
	bpf_do(c, BPF_MOV, BPF_REG_3, ADDRESS);
	steer_search(c, s, BPF_W, STEER_TABLE(address), s->addresses);
	steer_found(c, s, BPF_W, STEER_TABLE(address));
	bpf_if(c, BPF_JNE, BPF_REG_4, BPF_REG_3, SPREAD);
	bpf_push(c, BPF_W, NUMBER, BPF_REG_2);
	bpf_map(c, BPF_REG_1, s->blocks);
	bpf_do(c, BPF_MOV, BPF_REG_2, BPF_REG_10);
	bpf_do_number(c, BPF_ADD, BPF_REG_2, NUMBER);
	bpf_call(c, BPF_FUNC_map_lookup_elem);
	bpf_if_number(c, BPF_JEQ, BPF_REG_0, 0, LOST);
	bpf_do_number(c, BPF_RSH, PORT, __builtin_ctz(LAYOUT_BLOCK_PORTS));
	bpf_do_number(c, BPF_AND, PORT, LAYOUT_BLOCKS - 1);
	bpf_do(c, BPF_ADD, BPF_REG_0, PORT);
	bpf_read(c, BPF_B, BPF_REG_0, BPF_REG_0, 0);
	bpf_go(c, OWNER);
}

/* The words of an IPv4 packet that nobody knows: addresses and identification. */
static void
steer_spread(struct bpf_code *c)
{
	bpf_label(c, SPREAD);
	bpf_pop(c, BPF_W, WORD0, HEAD + 12);
	bpf_do_number(c, BPF_LSH, WORD0, 32);
	bpf_pop(c, BPF_W, BPF_REG_0, HEAD + 16);
	bpf_do(c, BPF_OR, WORD0, BPF_REG_0);
	bpf_pop(c, BPF_H, WORD1, HEAD + 4);
}

static void
steer_rotate(struct bpf_code *c, uint8_t reg, int32_t bits)
{
	bpf_do(c, BPF_MOV, BPF_REG_5, reg);
	bpf_do_number(c, BPF_LSH, reg, bits);
	bpf_do_number(c, BPF_RSH, BPF_REG_5, 64 - bits);
	bpf_do(c, BPF_OR, reg, BPF_REG_5);
}

/* hash_round(), with v[i] in register 1 + i. */
static void
steer_round(struct bpf_code *c)
{
	static const struct {
		uint8_t to, from, bits;
	} mix[] = { { 0, 1, 13 }, { 2, 3, 16 }, { 0, 3, 21 }, { 2, 1, 17 } };

	for (unsigned i = 0; i < 4; i++) {
		uint8_t to = BPF_REG_1 + mix[i].to, from = BPF_REG_1 + mix[i].from;

		bpf_do(c, BPF_ADD, to, from);
		steer_rotate(c, from, mix[i].bits);
		bpf_do(c, BPF_XOR, from, to);
		if (i == 0 || i == 3)
			steer_rotate(c, to, 32);
	}
}

/* Register 0 = the shard: hash_shard(), of one or two words. */
static void
steer_hash(struct bpf_code *c, const struct steer *s)
{
	enum { V0 = BPF_REG_1, V1, V2, V3, SPARE };

	bpf_label(c, HASH);
	bpf_value(c, BPF_REG_0, s->table);
	for (uint8_t i = 0; i < 4; i++)
		bpf_read(c, BPF_DW, V0 + i, BPF_REG_0, STEER_TABLE(v) + i * sizeof(uint64_t));
	bpf_do(c, BPF_XOR, V3, WORD0);
	steer_round(c);
	bpf_do(c, BPF_XOR, V0, WORD0);
	bpf_read(c, BPF_W, SPARE, BPF_REG_0, STEER_TABLE(words));
	bpf_if_number(c, BPF_JNE, SPARE, 2, LAST);
	bpf_do(c, BPF_XOR, V3, WORD1);
	steer_round(c);
	bpf_do(c, BPF_XOR, V0, WORD1);
	bpf_label(c, LAST);
	bpf_read(c, BPF_DW, WORD0, BPF_REG_0, STEER_TABLE(last));
	bpf_do(c, BPF_XOR, V3, WORD0);
	steer_round(c);
	bpf_do(c, BPF_XOR, V0, WORD0);
	bpf_do_number(c, BPF_XOR, V2, 0xff);
	for (unsigned i = 0; i < 3; i++)
		steer_round(c);
	for (uint8_t i = 1; i < 4; i++)
		bpf_do(c, BPF_XOR, V0, V0 + i);
	bpf_do_number(c, BPF_RSH, V0, 32);
	bpf_read(c, BPF_W, SPARE, BPF_REG_0, STEER_TABLE(shards));
	bpf_do(c, BPF_MUL, V0, SPARE);
	bpf_do_number(c, BPF_RSH, V0, 32);
	bpf_do(c, BPF_MOV, BPF_REG_0, V0);
}

/* The result: who owns the shard in register 0, or 0. */
static void
steer_result(struct bpf_code *c, const struct steer *s)
{
	bpf_label(c, OWNER);
	bpf_do_number(c, BPF_AND, BPF_REG_0, LAYOUT_MAX_SHARDS - 1);
	bpf_value(c, BPF_REG_1, s->table);
	bpf_read(c, BPF_W, BPF_REG_2, BPF_REG_1, STEER_TABLE(workers));
	bpf_do(c, BPF_ADD, BPF_REG_1, BPF_REG_0);
	bpf_read(c, BPF_B, BPF_REG_0, BPF_REG_1, STEER_TABLE(owner));
	bpf_if(c, BPF_JGE, BPF_REG_0, BPF_REG_2, LOST);
	bpf_exit(c);
	bpf_label(c, LOST);
	bpf_do_number(c, BPF_MOV, BPF_REG_0, 0);
	bpf_exit(c);
}

static int
steer_load_program(const struct steer *s, char *why, size_t size)
{
	struct bpf_code *c = calloc(1, sizeof(*c));
	int fd;

	if (!c) {
		snprintf(why, size, "there is no memory");
		return -ENOMEM;
	}
	steer_family(c);
	steer_ip6(c, s);
	steer_ip4(c);
	steer_port(c);
	steer_static(c, s);
	steer_pool(c, s);
	steer_spread(c);
	steer_hash(c, s);
	steer_result(c, s);
	fd = bpf_load(c, "nat64_steer", why, size);
	free(c);
	return fd;
}

static size_t
steer_table_size(const struct steer *s)
{
	return sizeof(struct steer_table) + s->addresses * sizeof(uint32_t);
}

int
steer_open(struct steer *s, uint32_t addresses, char *why, size_t size)
{
	char words[160];
	int rc;

	*s = (struct steer) { .program = -1, .table = -1, .blocks = -1, .addresses = 1 };
	if (addresses == 0 || addresses > CONFIG_MAX_POOL) {
		snprintf(why, size, "a pool of %u addresses", addresses);
		return -EINVAL;
	}
	while (s->addresses < addresses)
		s->addresses *= 2;
	s->table = rc = bpf_array("nat64_steer", steer_table_size(s), 1);
	if (rc >= 0)
		s->blocks = rc = bpf_array("nat64_blocks", LAYOUT_BLOCKS, s->addresses);
	if (rc < 0) {
		snprintf(why, size, "cannot make a BPF map: %s", strerror(-rc));
	} else {
		s->program = rc = steer_load_program(s, words, sizeof(words));
		if (rc < 0)
			snprintf(why, size, "cannot load a BPF program: %s", words);
	}
	if (rc < 0)
		steer_close(s);
	return rc < 0 ? rc : 0;
}

/* The place of a static binding in order; one that names a place again does not count, as in policy_static(). */
static void
steer_fill_static(struct steer_table *t, uint64_t key, uint8_t shard)
{
	uint32_t at = t->statics;

	while (at > 0 && t->static_key[at - 1] > key)
		at--;
	if (at > 0 && t->static_key[at - 1] == key)
		return;
	memmove(&t->static_key[at + 1], &t->static_key[at], (t->statics - at) * sizeof(t->static_key[0]));
	memmove(&t->static_shard[at + 1], &t->static_shard[at], (t->statics - at) * sizeof(t->static_shard[0]));
	t->static_key[at] = key;
	t->static_shard[at] = shard;
	t->statics++;
}

static void
steer_fill_table(struct steer_table *t, const struct steer *s, const struct config_tenant *config,
		 const struct layout *l, const struct layout_header *h, const struct layout_secret *secret)
{
	static const struct ip6 ones = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	struct ip6 mask = addr_mask6(&ones, config->subscriber_prefix);

	memcpy(t->mask, mask.b, 16);
	t->words = t->mask[1] ? 2 : 1;
	t->last = hash_last(t->words);
	hash_begin(t->v, secret->shard_key);
	t->shards = l->g.shards;
	t->workers = l->g.workers;
	for (uint32_t i = 0; i < CONFIG_MAX_STATICS; i++)
		t->static_key[i] = STEER_NO_KEY;
	for (uint32_t i = 0; i < config->static_.n; i++) {
		const struct config_static *b = &config->static_.item[i];
		uint64_t word[2];

		memcpy(word, b->ip6.b, 16);
		steer_fill_static(t, steer_key(b->ip4, b->port4, b->proto),
				  (uint8_t)hash_shard(secret->shard_key, word, t->mask, l->g.shards));
	}
	for (uint32_t a = 0; a < s->addresses; a++)
		t->address[a] = a < h->addresses_used ? h->address[a].ip4 : UINT32_MAX;
}

int
steer_fill(const struct steer *s, const struct config_tenant *config, const struct layout *l,
	   const struct layout_header *h, const struct layout_secret *secret, const uint8_t owners[LAYOUT_MAX_SHARDS])
{
	size_t table_bytes = bpf_size(steer_table_size(s), 1), blocks_bytes = bpf_size(LAYOUT_BLOCKS, s->addresses);
	struct steer_table *made;
	uint8_t *blocks;
	void *table;
	int rc;

	if (h->addresses_used > s->addresses)
		return -ENOSPC;
	made = calloc(1, steer_table_size(s));
	table = bpf_memory(s->table, table_bytes);
	blocks = bpf_memory(s->blocks, blocks_bytes);
	if (!made || !table || !blocks) {
		rc = -errno;
	} else {
		rc = 0;
		steer_fill_table(made, s, config, l, h, secret);
		memcpy(made->owner, owners, sizeof(made->owner));
		for (uint32_t a = 0; a < h->addresses_used; a++)
			for (unsigned b = 0; b < LAYOUT_BLOCKS; b++)
				blocks[a * LAYOUT_BLOCKS + b] = (uint8_t)(secret->permutation[a].place[b] /
									  l->blocks_per_shard);
		memcpy(table, made, steer_table_size(s));
		explicit_bzero(made, steer_table_size(s));
	}
	if (table)
		munmap(table, table_bytes);
	if (blocks)
		munmap(blocks, blocks_bytes);
	free(made);
	return rc;
}

void
steer_close(struct steer *s)
{
	if (s->program >= 0)
		close(s->program);
	if (s->blocks >= 0)
		close(s->blocks);
	if (s->table >= 0)
		close(s->table);
	s->program = s->table = s->blocks = -1;
}
