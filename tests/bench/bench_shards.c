/*
 * bench_shards.c - two workers of the library against one: each a thread on its own shards of one table
 *
 * Where two cores are free this says what a second worker brings; where they are not, its ratio says how busy the machine
 * was. One worker alone and both together run in turns, in wall-clock time; each pair of runs gives one ratio.
 */
#include <pthread.h>
#include "tests/bench/measure.h"
#include "tests/bench/packet.h"
#include "worker/xlat/policy.h"

#define ROUNDS 15
#define FLOWS 4096
#define PACKETS 400000

static struct world w;
static uint8_t packet[2][FLOWS][PACKET_IP6];
static pthread_barrier_t start;

/* All that a worker owns is its own: the flows of packet[n] are of its shards. */
static void *
work(void *number)
{
	unsigned n = *(unsigned *)number;
	uint8_t buffer[256];

	pthread_barrier_wait(&start);
	for (unsigned i = 0; i < PACKETS; i++) {
		struct nat64_packet p = { .data = buffer + LAYOUT_HEADROOM, .len = PACKET_IP6 };

		memcpy(p.data, packet[n][i * 7919 % FLOWS], PACKET_IP6);
		if (nat64_translate(&w.worker[n], &p, w.now) != NAT64_translated)
			abort();
	}
	return NULL;
}

/* Millions of packets a second of so many workers at once. */
static double
rate(unsigned workers)
{
	static unsigned number[2] = { 0, 1 };
	pthread_t thread[2];
	double begun;

	pthread_barrier_init(&start, NULL, workers + 1);
	for (unsigned n = 0; n < workers; n++)
		if (pthread_create(&thread[n], NULL, work, &number[n]) != 0)
			measure_fail("thread");
	pthread_barrier_wait(&start);
	begun = measure_seconds(CLOCK_MONOTONIC);
	for (unsigned n = 0; n < workers; n++)
		pthread_join(thread[n], NULL);
	pthread_barrier_destroy(&start);
	return workers * PACKETS / (measure_seconds(CLOCK_MONOTONIC) - begun) / 1e6;
}

static void
make_packets(void)
{
	unsigned made[2] = { 0 };

	for (uint32_t i = 0; made[0] < FLOWS || made[1] < FLOWS; i++) {
		struct ip6 host = world_ip6("2001:db8::1");
		unsigned owner;

		memcpy(host.b + 4, &i, 4);
		owner = w.worker[0].owners->worker[policy_shard(&w.worker[0], &host)];
		if (made[owner] < FLOWS)
			packet_from_ip6(packet[owner][made[owner]++], &host, 4000, world_ip4("9.9.9.9"), 53);
	}
}

int
main(void)
{
	double one[ROUNDS], both[ROUNDS], ratio[ROUNDS];

	w.config = world_config();
	w.config.workers = 2;
	w.config.pool.item[0].last += 15;
	world_open(&w);
	make_packets();
	rate(2);
	for (unsigned i = 0; i < ROUNDS; i++) {
		one[i] = rate(1);
		both[i] = rate(2);
		ratio[i] = both[i] / one[i];
	}
	measure_report("one worker of the library", one, ROUNDS, "M/s");
	measure_report("two workers of the library", both, ROUNDS, "M/s");
	measure_report("two workers of the library against one", ratio, ROUNDS, "times");
	world_close(&w);
	return 0;
}
