/*
 * bench_loop.c - nanoseconds per packet of the whole loop of a worker
 *
 *     bench_loop PACKETS [bare]
 *
 * The real worker/loop.c, but its two system calls per packet are a read of /dev/zero and a write to /dev/null, which are the
 * cheapest there are; or, bare, none at all, so that nothing but the loop's own work is weighed. One packet of FRESH is a new flow, every
 * second one of the others an answer. Prints one number. cost.sh compares it with that of a loop without its safety.
 */
#include <fcntl.h>
#include <time.h>
#include <unistd.h>
#include "tests/world.h"
#include "worker/loop.h"
#include "worker/tunio.h"

#define FLOWS 4096
#define FRESH 50

static struct world w;
static struct image image;
static uint8_t six[FLOWS][84], four[FLOWS][64];
static uint32_t packets, n, last;
static int zero, null;
static bool bare;

static void
make6(uint8_t *b, uint32_t flow)
{
	memset(b, 0, 84);
	b[0] = 0x60;
	b[5] = 44;
	b[6] = 17;
	b[7] = 64;
	memcpy(b + 8, world_ip6("2001:db8::1").b, 16);
	b[12] = (uint8_t)(flow >> 16);
	b[13] = (uint8_t)(flow >> 8);
	memcpy(b + 24, world_ip6("64:ff9b::9.9.9.9").b, 16);
	b[40] = 0x80;
	b[41] = (uint8_t)flow;
	b[43] = 53;
	b[45] = 44;
	b[46] = 1;
}

uint32_t
tunio_read(uint8_t *data, uint32_t size)
{
	uint8_t byte;

	if (n == packets)
		image.stop[0] = 1;
	if (n == packets || (!bare && read(zero, &byte, 1) != 1) || size < 84)
		return 0;
	last = n++;
	if (last >= FLOWS && last % FRESH == 0) {
		make6(data, last);
	} else if (last >= FLOWS && last % 2) {
		memcpy(data, four[last * 7919 % FLOWS], 64);
		return 64;
	} else {
		memcpy(data, six[last % FLOWS], 84);
	}
	return 84;
}

/* What comes out of the first round are the answers of the later ones, with their ends swapped. */
bool
tunio_write(const uint8_t *data, uint32_t len)
{
	static uint32_t seen;
	uint8_t *b;

	if (seen < FLOWS && len == 64) {
		b = memcpy(four[seen++], data, 64);
		memcpy(b + 12, data + 16, 4);
		memcpy(b + 16, data + 12, 4);
		memcpy(b + 20, data + 22, 2);
		memcpy(b + 22, data + 20, 2);
	}
	return bare || write(null, data, len) == (ssize_t)len;
}

int
main(int argc, char **argv)
{
	struct heritage_maps maps;
	struct timespec begin, end;

	packets = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000000;
	bare = argc > 2;
	zero = open("/dev/zero", O_RDONLY);
	null = open("/dev/null", O_WRONLY);
	w.config = world_config();
	w.config.pool.item[0].last += 15;
	world_open(&w);
	image.generation = 1;
	image.slot[1].config = w.config;
	maps = (struct heritage_maps) { .region = w.region, .image = &image, .layout = w.layout };
	for (uint32_t i = 0; i < FLOWS; i++)
		make6(six[i], i);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	if (loop_run(&maps, 0, false, 0))
		return 1;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	if (w.worker[0].row->verdict[NAT64_FROM_IP6][NAT64_translated] +
	    w.worker[0].row->verdict[NAT64_FROM_IP4][NAT64_translated] != packets)
		return 1;
	printf("%.2f\n", ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) / packets);
	world_close(&w);
	return 0;
}
