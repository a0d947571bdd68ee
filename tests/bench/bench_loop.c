/*
 * bench_loop.c - nanoseconds per packet of the whole loop of a worker
 *
 *     bench_loop PACKETS [bare]
 *
 * The real worker/loop.c, but its two system calls per packet are a read and a write of /dev/zero, which are the cheapest
 * there are; or, bare, none at all, so that nothing but the loop's own work is weighed. Built with SAFE it makes them behind
 * the worker's own filter, and every packet must have been counted. One packet of FRESH is a new flow, every second one of
 * the others an answer. The loop runs in a child, for it may not ask what it took; its parent does. Prints one number.
 * cost.sh compares it with that of a loop without its safety.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "supervisor/birth/birth.h"
#include "tests/bench/measure.h"
#include "tests/world.h"
#include "worker/doors.h"
#include "worker/loop.h"
#include "worker/tunio.h"

#define FLOWS 4096
#define FRESH 50

static struct world w;
static struct image image;
static uint8_t six[FLOWS][84], four[FLOWS][64];
static uint32_t packets, n, last;
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
tunio_read(int queue, uint8_t *data, uint32_t size, struct layout_offload *offload)
{
	uint8_t byte;

	(void)offload, (void)queue;		/* one device without */
	if (n == packets)
		image.order[0] = IMAGE_STOP;
	if (n == packets || (!bare && read(HERITAGE_QUEUE, &byte, 1) != 1) || size < 84)
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
tunio_write(int queue, uint8_t *data, uint32_t len, const struct layout_offload *offload)
{
	static uint32_t seen;
	uint8_t *b;

	(void)offload, (void)queue;
	if (seen < FLOWS && len == 64) {
		b = memcpy(four[seen++], data, 64);
		memcpy(b + 12, data + 16, 4);
		memcpy(b + 16, data + 12, 4);
		memcpy(b + 20, data + 22, 2);
		memcpy(b + 22, data + 20, 2);
	}
	return bare || write(HERITAGE_QUEUE, data, len) == (ssize_t)len;
}

bool
tunio_write_parts(int queue, struct iovec *part, int parts, const struct layout_offload *offload)
{
	(void)part, (void)parts, (void)offload, (void)queue;
	return false;		/* without offloads nothing leaves as one */
}

/* In the child: to the end of the packets. Exits 0 when all of them were translated, and counted. */
static void
work(struct heritage_maps *maps)
{
#ifdef SAFE
	uint32_t missing = 0;

	if (birth_close_doors(doors_open, doors_count, &missing) || missing)
		_exit(1);
#endif
	if (loop_run(maps, 0, 0))
		_exit(1);
#ifdef SAFE
	_exit(w.worker[0].row->verdict[NAT64_FROM_IP6][NAT64_translated] +
	      w.worker[0].row->verdict[NAT64_FROM_IP4][NAT64_translated] != packets);
#else
	_exit(0);
#endif
}

int
main(int argc, char **argv)
{
	double *begun = mmap(NULL, LAYOUT_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct heritage_maps maps;
	struct rusage used;
	int zero = open("/dev/zero", O_RDWR | O_CLOEXEC), status;
	pid_t child;

	packets = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000000;
	bare = argc > 2;
	if (begun == MAP_FAILED || zero < 0 || (zero != HERITAGE_QUEUE && dup2(zero, HERITAGE_QUEUE) < 0))
		measure_fail("loop");
	w.config = world_config();
	w.config.pool.item[0].last += 15;
	world_open(&w);
	image.generation = 1;
	image.slot[1].config = w.config;
	maps = (struct heritage_maps) { .region = w.region, .image = &image, .layout = w.layout };
	for (uint32_t i = 0; i < FLOWS; i++)
		make6(six[i], i);
	child = fork();
	if (child == 0) {
		/* Memory that was never used costs more than a packet: have it before. */
		if (madvise(w.region, w.layout.size, MADV_HUGEPAGE) != 0 || madvise(w.region, w.layout.size, MADV_POPULATE_WRITE))
			_exit(1);
		*begun = measure_seconds(CLOCK_PROCESS_CPUTIME_ID);
		work(&maps);
	}
	if (child < 0 || wait4(child, &status, 0, &used) != child || status != 0)
		return 1;
	printf("%.2f\n", ((double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e9 +
			  (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e3 - *begun * 1e9) / packets);
	world_close(&w);
	return 0;
}
