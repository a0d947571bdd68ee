/*
 * blast.c - UDP test frames through a gateway: how many arrive, of how many flows, how soon
 *
 *     blast flood|burst|open|stream KEY=VALUE...
 *
 *   flood    as fast as the generator can, of established flows, or with fresh=1 every frame of a new one; counted by
 *            the device they arrive at, so that no receiver takes time from the gateway
 *   burst    1024 frames of established flows at a time, sent while the gateway's processes are stopped: what they cost it
 *            then depends on no other process of the machine, for all of them wait in its queue already
 *   open     RFC 9693 section 4.4: every flow once at a given rate, then one frame back on each that arrived
 *   stream   established flows at a given rate: loss and one-way latency
 *
 *   client, server     namespace files        to, back       Ethernet addresses of the gateway, from either side
 *   device             its name on both ends  destination    IPv6 address that the client sends to
 *   frame              bytes, as in RFC 8219  flows, first   how many, and the number of the first
 *   seconds, rate      frames a second        family         4 or 6: of the frames that arrive
 *   pids               of the gateway's processes, with commas between: their processor time is told
 *
 * Prints one JSON object. Exits 0 when the run was possible; the caller judges.
 */
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/ether.h>
#include <pthread.h>
#include <signal.h>
#include "tests/bench/measure.h"
#include "tests/bench/wire.h"

#define SAFE_RATE 30000		/* frames a second at which flows are established beforehand */
#define DRAIN 300000			/* us: what is under way arrives meanwhile */
#define BURST 1024			/* frames, a multiple of WIRE_BATCH; fewer than a queue holds */
#define SETTLED 10000			/* us in which nothing arrives: all have */
#define MAX_FLOWS 4000000
#define MAX_SAMPLES 2000000
#define KEPT 96				/* bytes of a frame that is to be answered */

static char **words;
static const char *client, *server, *device, *pids;
static struct frame_path path;
static uint32_t flows, first, *order;
static volatile bool over;

/* What the receiver found. */
static struct wire receiver;
static uint8_t (*kept)[KEPT], *kept_len;	/* [flow - first]: the frame as it came; 0: none did */
static float *sample;				/* us */
static uint64_t arrived, samples, distinct;

static const char *
option(const char *key, const char *otherwise)
{
	size_t n = strlen(key);

	for (char **w = words; *w; w++)
		if (strncmp(*w, key, n) == 0 && (*w)[n] == '=')
			return *w + n + 1;
	if (!otherwise) {
		fprintf(stderr, "blast: %s= is missing\n", key);
		exit(2);
	}
	return otherwise;
}

static uint64_t
now_real(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Seconds of processor time that the gateway's processes have had. */
static double
processor(void)
{
	double nanoseconds = 0;

	for (const char *p = pids; *p; p += strcspn(p, ","), p += *p == ',') {
		unsigned long ran = 0;
		char name[64];
		FILE *f;

		snprintf(name, sizeof(name), "/proc/%d/schedstat", atoi(p));
		f = fopen(name, "re");
		if (!f || fscanf(f, "%lu", &ran) != 1)
			measure_fail(name);
		fclose(f);
		nanoseconds += (double)ran;
	}
	return nanoseconds / 1e9;
}

/* Send n frames of the flows in order, from number `at` of them on, round and round. Returns how many the device took. */
static uint32_t
send_batch(const struct wire *w, uint64_t at, uint32_t n)
{
	static uint8_t data[WIRE_BATCH][FRAME_LARGEST];
	uint32_t len[WIRE_BATCH];
	uint64_t now = now_real();

	for (uint32_t i = 0; i < n; i++)
		len[i] = frame_make(data[i], &path, order[(at + i) % flows], now);
	return wire_send(w, data, len, n);
}

/* Send `total` frames at `rate`, in turn of all flows. */
static void
send_paced(const struct wire *w, uint64_t total, double rate)
{
	struct timespec nap = { .tv_nsec = 50000 };
	double begun = measure_seconds(CLOCK_MONOTONIC);

	for (uint64_t i = 0; i < total;) {
		double due = (measure_seconds(CLOCK_MONOTONIC) - begun) * rate - (double)i;
		uint32_t n = due > WIRE_BATCH ? WIRE_BATCH : (uint32_t)(due > 0 ? due : 0);

		if (n > total - i)
			n = (uint32_t)(total - i);
		if (n == 0)
			nanosleep(&nap, NULL);
		else
			i += send_batch(w, i, n);
	}
}

static struct wire_counts
count_at_server(void)
{
	struct wire_counts c;

	measure_enter(server);
	c = wire_received(device);
	measure_enter(client);
	return c;
}

/* Frames that arrived between two counts, merged ones counted as what they were made of. */
static double
frames_between(struct wire_counts a, struct wire_counts b)
{
	double headers = FRAME_ETHERNET + (atoi(option("family", NULL)) == 6 ? 48 : 28);

	return ((double)(b.bytes - a.bytes) - headers * (double)(b.packets - a.packets)) / frame_payload(path.size);
}

static void
flood(void)
{
	struct wire w;
	struct wire_counts before, after, drained;
	double begun, took, cpu, seconds = atof(option("seconds", NULL));
	uint64_t sent = 0;

	measure_enter(client);
	w = wire_sender(device);
	if (!atoi(option("fresh", "0"))) {
		send_paced(&w, flows, SAFE_RATE);
		usleep(DRAIN);
	}
	before = count_at_server();
	cpu = processor();
	begun = measure_seconds(CLOCK_MONOTONIC);
	do {
		sent += send_batch(&w, sent, WIRE_BATCH);
		took = measure_seconds(CLOCK_MONOTONIC) - begun;
	} while (took < seconds);
	after = count_at_server();
	took = measure_seconds(CLOCK_MONOTONIC) - begun;
	cpu = processor() - cpu;
	usleep(DRAIN);
	drained = count_at_server();
	printf("{\"sent\": %lu, \"delivered\": %.0f, \"drained\": %.0f, \"packets\": %lu, \"payload\": %.0f, \"seconds\": %.4f, "
	       "\"cpu\": %.4f, \"opened\": %lu}\n", sent, frames_between(before, after), frames_between(before, drained),
	       after.packets - before.packets, frames_between(before, after) * frame_payload(path.size), took, cpu,
	       sent < flows ? sent : flows);
}

/* To all of the gateway's processes. */
static void
tell_all(int signal)
{
	for (const char *p = pids; *p; p += strcspn(p, ","), p += *p == ',')
		if (kill(atoi(p), signal) != 0)
			measure_fail(pids);
}

/* Frames that arrived since, once no more come. */
static double
settled(struct wire_counts before)
{
	double last = -1, now = 0;

	while (now != last) {
		usleep(SETTLED);
		last = now;
		now = frames_between(before, count_at_server());
	}
	return now;
}

static void
burst(void)
{
	struct wire w;
	double begun, cpu = 0, delivered = 0, seconds = atof(option("seconds", NULL));
	uint64_t sent = 0;

	measure_enter(client);
	w = wire_sender(device);
	send_paced(&w, flows, SAFE_RATE);
	usleep(DRAIN);
	begun = measure_seconds(CLOCK_MONOTONIC);
	do {
		struct wire_counts before = count_at_server();
		double had = processor();

		tell_all(SIGSTOP);
		for (unsigned i = 0; i < BURST; i += WIRE_BATCH)
			sent += send_batch(&w, sent, WIRE_BATCH);
		tell_all(SIGCONT);
		delivered += settled(before);
		cpu += processor() - had;
	} while (measure_seconds(CLOCK_MONOTONIC) - begun < seconds);
	printf("{\"sent\": %lu, \"delivered\": %.0f, \"seconds\": %.4f, \"cpu\": %.4f}\n", sent, delivered,
	       measure_seconds(CLOCK_MONOTONIC) - begun, cpu);
}

/* A frame was captured: at the server in either mode, at the client when answers come. */
static void
got(uint8_t *b, uint32_t len, uint32_t wire_len, uint64_t when)
{
	struct frame_tag tag;
	uint32_t payload;

	if (!frame_read(&tag, &payload, b, len, wire_len) || tag.flow < first || tag.flow - first >= flows)
		return;
	arrived += payload / frame_payload(path.size);
	if (sample && samples < MAX_SAMPLES)
		sample[samples++] = (float)(int64_t)(when - tag.sent) / 1000;
	distinct += kept_len[tag.flow - first] == 0;
	kept_len[tag.flow - first] = (uint8_t)(len < KEPT ? len : KEPT);
	if (kept)
		memcpy(kept[tag.flow - first], b, len < KEPT ? len : KEPT);
}

static void *
receive(void *unused)
{
	(void)unused;
	while (!over)
		wire_take(&receiver, got);
	while (wire_take(&receiver, got) > 0)
		;
	return NULL;
}

static pthread_t
receive_at(const char *netns)
{
	pthread_t thread;

	measure_enter(netns);
	receiver = wire_receiver(device);
	over = false;
	arrived = distinct = 0;
	memset(kept_len, 0, flows);
	if (pthread_create(&thread, NULL, receive, NULL) != 0)
		measure_fail("receiver");
	return thread;
}

/* Returns how many frames the receiver had no room for. */
static uint32_t
received(pthread_t thread)
{
	uint32_t missed;

	usleep(DRAIN);
	over = true;
	pthread_join(thread, NULL);
	missed = wire_missed(&receiver);
	close(receiver.fd);
	return missed;
}

/* Answer every frame that was kept, at the safe rate. Returns how many. */
static uint32_t
answer_all(const struct wire *w, const uint8_t gateway[6], const uint8_t *lengths)
{
	static uint8_t data[WIRE_BATCH][FRAME_LARGEST];
	struct timespec nap = { .tv_nsec = (long)(1e9 * WIRE_BATCH / SAFE_RATE) };
	uint32_t len[WIRE_BATCH], n = 0, answered = 0;

	for (uint32_t i = 0; i < flows; i++) {
		if (lengths[i] > 0) {
			memcpy(data[n], kept[i], lengths[i]);
			frame_answer(data[n], gateway);
			len[n++] = lengths[i];
		}
		if (n == WIRE_BATCH || (i + 1 == flows && n > 0)) {
			for (uint32_t done = 0; done < n;)
				done += wire_send(w, data + done, len + done, n - done);
			answered += n;
			n = 0;
			nanosleep(&nap, NULL);
		}
	}
	return answered;
}

static void
open_flows(void)
{
	uint8_t *lengths = malloc(flows);
	double begun, took, rate = atof(option("rate", NULL));
	struct ether_addr back;
	uint32_t missed, answered;
	struct wire w;
	pthread_t thread;

	if (!lengths || path.size - 4 > KEPT || !ether_aton_r(option("back", NULL), &back))
		measure_fail("open");
	kept = calloc(flows, KEPT);
	thread = receive_at(server);
	measure_enter(client);
	w = wire_sender(device);
	begun = measure_seconds(CLOCK_MONOTONIC);
	send_paced(&w, flows, rate);
	took = measure_seconds(CLOCK_MONOTONIC) - begun;
	close(w.fd);
	missed = received(thread);
	printf("{\"sent\": %u, \"arrived\": %lu, \"seconds\": %.4f, ", flows, distinct, took);
	memcpy(lengths, kept_len, flows);
	measure_enter(server);
	w = wire_sender(device);
	thread = receive_at(client);
	answered = answer_all(&w, back.ether_addr_octet, lengths);
	missed += received(thread);
	printf("\"answered\": %u, \"returned\": %lu, \"missed\": %u}\n", answered, distinct, missed);
	free(lengths);
}

static int
by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void
stream(void)
{
	double seconds = atof(option("seconds", NULL)), rate = atof(option("rate", NULL));
	uint64_t total = (uint64_t)(seconds * rate);
	pthread_t thread;
	uint32_t missed;
	struct wire w;

	measure_enter(client);
	w = wire_sender(device);
	send_paced(&w, flows, SAFE_RATE);
	usleep(DRAIN);
	sample = calloc(MAX_SAMPLES, sizeof(*sample));
	if (!sample)
		measure_fail("samples");
	thread = receive_at(server);
	send_paced(&w, total, rate);
	missed = received(thread);
	qsort(sample, samples, sizeof(*sample), by_size);
	printf("{\"sent\": %lu, \"arrived\": %lu, \"missed\": %u, \"latency_p50\": %.1f, \"latency_p99\": %.1f}\n", total,
	       arrived, missed, samples ? sample[samples / 2] : -1, samples ? sample[samples * 99 / 100] : -1);
}

int
main(int argc, char **argv)
{
	struct ether_addr gateway;

	if (argc < 3) {
		fprintf(stderr, "usage: blast flood|burst|open|stream KEY=VALUE...\n");
		return 2;
	}
	words = argv + 2;
	client = option("client", NULL);
	server = option("server", NULL);
	device = option("device", NULL);
	pids = option("pids", "");
	flows = (uint32_t)strtoul(option("flows", NULL), NULL, 10);
	first = (uint32_t)strtoul(option("first", "0"), NULL, 10);
	path.size = (uint32_t)strtoul(option("frame", "84"), NULL, 10);
	if (flows < 1 || flows > MAX_FLOWS || first > FRAME_FLOWS - flows || path.size < FRAME_SMALLEST ||
	    path.size > FRAME_LARGEST || !ether_aton_r(option("to", NULL), &gateway) ||
	    inet_pton(AF_INET6, option("destination", NULL), path.destination) != 1) {
		fprintf(stderr, "blast: flows, first, frame, to or destination is none\n");
		return 2;
	}
	memcpy(path.gateway, gateway.ether_addr_octet, 6);
	frame_init();
	order = calloc(flows, sizeof(*order));
	kept_len = calloc(flows, 1);
	if (!order || !kept_len)
		measure_fail("flows");
	frame_shuffle(order, first, flows);
	if (strcmp(argv[1], "flood") == 0)
		flood();
	else if (strcmp(argv[1], "burst") == 0)
		burst();
	else if (strcmp(argv[1], "open") == 0)
		open_flows();
	else
		stream();
	return 0;
}
