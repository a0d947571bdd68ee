/*
 * wire.c - AF_PACKET: a sender past the queueing discipline, a receiver on a mapped ring
 *
 * The kernel fills blocks of the ring (TPACKET_V3) and hands one over when it is full or 10 ms old. Only the first bytes
 * of each frame are copied. wire_received() needs no receiver at all: the device counts, at no cost to anybody.
 */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include "tests/bench/measure.h"
#include "tests/bench/wire.h"

#define BLOCKS 64
#define BLOCK_SIZE (1u << 20)

static struct sockaddr_ll
place(const char *device, int protocol)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons((uint16_t)protocol) };

	at.sll_ifindex = (int)if_nametoindex(device);
	if (at.sll_ifindex == 0)
		measure_fail(device);
	return at;
}

struct wire
wire_sender(const char *device)
{
	struct sockaddr_ll at = place(device, 0);	/* no protocol: it receives nothing */
	struct wire w = { .fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) };
	int one = 1, room = 4 << 20;

	if (w.fd < 0 || bind(w.fd, (void *)&at, sizeof(at)) != 0 ||
	    setsockopt(w.fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) != 0 ||
	    setsockopt(w.fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) != 0)
		measure_fail("sender");
	return w;
}

struct wire
wire_receiver(const char *device)
{
	struct sockaddr_ll at = place(device, ETH_P_ALL);
	struct wire w = { .fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) };
	struct tpacket_req3 req = {
		.tp_block_size = BLOCK_SIZE, .tp_block_nr = BLOCKS, .tp_frame_size = 2048,
		.tp_frame_nr = BLOCKS * (BLOCK_SIZE / 2048), .tp_retire_blk_tov = 10,
	};
	struct sock_filter take = BPF_STMT(BPF_RET | BPF_K, WIRE_SNAP);
	struct sock_fprog program = { 1, &take };
	int version = TPACKET_V3, one = 1;

	if (w.fd < 0 || setsockopt(w.fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) != 0 ||
	    setsockopt(w.fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) != 0 ||
	    setsockopt(w.fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0 ||
	    setsockopt(w.fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) != 0)
		measure_fail("receiver");
	w.ring = mmap(NULL, (size_t)BLOCKS * BLOCK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, w.fd, 0);
	if (w.ring == MAP_FAILED || bind(w.fd, (void *)&at, sizeof(at)) != 0)
		measure_fail("receiver");
	return w;
}

uint32_t
wire_send(const struct wire *w, uint8_t (*data)[FRAME_LARGEST], const uint32_t *len, uint32_t n)
{
	struct mmsghdr message[WIRE_BATCH];
	struct iovec part[WIRE_BATCH];
	int sent;

	for (uint32_t i = 0; i < n; i++) {
		part[i] = (struct iovec) { data[i], len[i] };
		message[i] = (struct mmsghdr) { .msg_hdr = { .msg_iov = &part[i], .msg_iovlen = 1 } };
	}
	sent = sendmmsg(w->fd, message, n, 0);
	if (sent < 0 && errno != ENOBUFS && errno != EINTR && errno != EAGAIN)
		measure_fail("send");
	return sent < 0 ? 0 : (uint32_t)sent;
}

uint32_t
wire_take(struct wire *w, void (*got)(uint8_t *b, uint32_t len, uint32_t wire_len, uint64_t when))
{
	struct tpacket_block_desc *block = (void *)(w->ring + (size_t)w->block * BLOCK_SIZE);
	struct pollfd ready = { .fd = w->fd, .events = POLLIN };
	uint8_t *at;
	uint32_t n;

	if (!(__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) {
		poll(&ready, 1, 10);
		if (!(__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			return 0;
	}
	at = (uint8_t *)block + block->hdr.bh1.offset_to_first_pkt;
	n = block->hdr.bh1.num_pkts;
	for (uint32_t i = 0; i < n; i++) {
		struct tpacket3_hdr *h = (void *)at;

		got(at + h->tp_mac, h->tp_snaplen, h->tp_len, (uint64_t)h->tp_sec * 1000000000u + h->tp_nsec);
		at += h->tp_next_offset;
	}
	__atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	w->block = (w->block + 1) % BLOCKS;
	return n;
}

uint32_t
wire_missed(const struct wire *w)
{
	struct tpacket_stats_v3 stats;
	socklen_t len = sizeof(stats);

	if (getsockopt(w->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) != 0)
		measure_fail("statistics");
	return stats.tp_drops;
}

struct wire_counts
wire_received(const char *device)
{
	FILE *f = fopen("/proc/thread-self/net/dev", "re");
	struct wire_counts c = { 0 };
	char line[512];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		char *name = line + strspn(line, " "), *end = strchr(name, ':');

		if (!end || (size_t)(end - name) != strlen(device) || strncmp(name, device, strlen(device)) != 0)
			continue;
		found = sscanf(end + 1, "%lu %lu", &c.bytes, &c.packets) == 2;
	}
	if (!found)
		measure_fail(device);
	fclose(f);
	return c;
}
