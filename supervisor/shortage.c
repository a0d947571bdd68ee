/*
 * shortage.c - says that packets of a tenant are refused for want of ports or sessions, or by a quota
 *
 * A refused packet is counted by its worker, which has no way to tell anybody, and a log line for each would be a second
 * flood. So the counters are looked at once a second, and what is new is said once a minute at most. They are hostile memory
 * and may step back while a tenant moves to another table; nothing relies on them but the numbers in that line.
 * Must never: keep a mapping of what workers write; say who the subscriber is.
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include "shm/atomic.h"
#include "shm/counters.h"
#include "supervisor/log.h"
#include "supervisor/shortage.h"

#define LOOK 1000			/* ms */
#define QUIET 60000

static const enum nat64_verdict kind[SHORTAGE_KINDS] = {
	NAT64_ports_exhausted, NAT64_sessions_full, NAT64_index_full, NAT64_bindings_quota, NAT64_bindings_rate,
	NAT64_bindings_share, NAT64_sessions_quota, NAT64_sessions_share,
};

/* What all workers have counted so far. Returns false when it cannot be seen. */
static bool
count(const struct region *r, uint64_t sum[SHORTAGE_KINDS])
{
	size_t size = r->layout.g.workers * sizeof(struct counters_row);
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, r->fd_ro, (off_t)r->layout.counters);
	const struct counters_row *row = map;

	if (map == MAP_FAILED)
		return false;
	for (unsigned w = 0; w < r->layout.g.workers; w++)
		for (unsigned k = 0; k < SHORTAGE_KINDS; k++)
			for (unsigned side = 0; side < NAT64_N_SIDES; side++)
				sum[k] += atomic_load_64(&row[w].verdict[side][kind[k]]);
	munmap(map, size);
	return true;
}

static void
say(struct shortage *s, const char *tenant, const uint64_t sum[SHORTAGE_KINDS])
{
	char text[SHORTAGE_KINDS * 48] = "";
	size_t n = 0;

	for (unsigned k = 0; k < SHORTAGE_KINDS; k++) {
		if (sum[k] <= s->said[k])
			continue;
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s %" PRIu64, n ? ", " : "",
				      counters_verdict_info[kind[k]].name, sum[k] - s->said[k]);
		s->said[k] = sum[k];
	}
	log_line(CONFIG_LOG_WARNING, "tenant %s: packets were refused for want of room or by a quota: %s; nat64ctl show "
		 "subscribers names the top users", tenant, text);
}

uint64_t
shortage_look(struct shortage *s, const char *tenant, const struct region *region, uint64_t now)
{
	uint64_t sum[SHORTAGE_KINDS] = { 0 };
	bool news = false;

	if (now < s->at)
		return s->at;
	s->at = now + LOOK;
	if (region->foreign || !count(region, sum))
		return s->at;
	for (unsigned k = 0; k < SHORTAGE_KINDS; k++) {
		if (!s->begun)
			s->said[k] = sum[k];
		news |= sum[k] > s->said[k];
	}
	s->begun = true;
	if (news && now >= s->quiet) {
		say(s, tenant, sum);
		s->quiet = now + QUIET;
	}
	return s->at;
}
