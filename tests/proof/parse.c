/*
 * parse.c - a proof that parse reads nothing outside a packet, for Frama-C's EVA (parse.sh)
 *
 * The analyser follows every path at once, with sets of values instead of values: a packet whose bytes may all be anything,
 * but for its version and the length that its header gives. It lies at the very end of the room, so an access behind it is
 * one outside the room, which is an alarm. Lengths are taken one by one, because the analyser does not relate a length to an
 * offset; so are, for the same reason, the places where headers end (parse.sh says where it is told so). A quotation is a packet
 * of its own: parse_inner sees its first byte and how many there are. That those are right is asserted for every error that
 * parse_packet lets pass. What the device says of a packet is anything, too; offload_check, which compares it, is part of this.
 * Sums are taken as whatever they may be, but the bytes that they would read are asserted to be there; csum_add itself is
 * analysed apart.
 */
#include "__fc_builtin.h"
#define csum_add csum_add_itself
#include "worker/xlat/csum.h"
#undef csum_add
static uint64_t csum_add(uint64_t sum, const void *data, size_t len);
#include "worker/xlat/icmpmap.c"
#include "parse-split.c"
#include "offload-split.c"

#define ROOM 65535

static uint8_t room[ROOM];
extern volatile uint64_t any;

static uint64_t
csum_add(uint64_t sum, const void *data, size_t len)
{
	/*@ assert len == 0 || \valid_read((const uint8_t *)data + (0 .. len - 1)); */
	return sum + (any & 0xffffffff);
}

/* A packet of len bytes of this family, or its beginning. */
static uint8_t *
packet(uint32_t len, unsigned version)
{
	uint8_t *data = room + ROOM - len;
	uint32_t says = version == 6 ? len - PKT_IP6_HEADER : len;

	Frama_C_make_unknown((char *)room, ROOM);
	if (len > 0)
		data[0] = (uint8_t)(version << 4 | (any & 15));
	if (len >= PKT_IP4_HEADER) {
		data[version == 6 ? 4 : 2] = (uint8_t)(says >> 8);
		data[version == 6 ? 5 : 3] = (uint8_t)says;
	}
	return data;
}

static void
outer(uint32_t len, unsigned version)
{
	struct pkt p = { 0 };
	struct layout_offload says_device;

	Frama_C_make_unknown((char *)&says_device, sizeof(says_device));
	parse_packet(&p, packet(len, version), len, &says_device);
	/*@ assert !p.icmp_error || p.l4 + PKT_ICMP_HEADER <= p.len; */
	/*@ assert !p.quoted || p.l4 + PKT_ICMP_HEADER + p.quoted < p.len; */
}

/* What an error quotes: len bytes, that its header says are any number. */
static void
inner(uint32_t len, unsigned version)
{
	struct pkt p = { 0 }, error = { .l4 = 8, .from = version == 6 ? NAT64_FROM_IP6 : NAT64_FROM_IP4 };

	Frama_C_make_unknown((char *)room, ROOM);
	error.data = room + ROOM - 16 - len;
	error.len = 16 + len;
	parse_inner(&p, &error);
}

/* The sums, over as many bytes. */
static void
sums(uint32_t len)
{
	Frama_C_make_unknown((char *)room, ROOM);
	csum_add_itself(any & 0xffffffff, room + ROOM - len, len);
}

void
proof(void)
{
	/*@ loop unroll 1000; */
	for (uint32_t len = FIRST; len <= LAST; len++) {
		/*@ loop unroll 2; */
		for (unsigned version = 4; version <= 6; version += 2) {
			outer(len, version);
			inner(len, version);
		}
		sums(len);
	}
}
