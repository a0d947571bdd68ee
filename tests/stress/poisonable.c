/*
 * poisonable.c - a worker that can be made to die: by a packet that says POISON, or in slot 1 at every start
 *
 * Linked into a nat64-worker of the tests with -Wl,--wrap for the functions below, so that everything else is the real
 * worker. In slot 1 it dies as soon as it has shards while udp-timeout is 666.
 */
#include <string.h>
#include "worker/xlat/nat64.h"

enum nat64_verdict __real_nat64_translate(struct nat64 *n, struct nat64_packet *packet, uint32_t now);
enum nat64_verdict __wrap_nat64_translate(struct nat64 *n, struct nat64_packet *packet, uint32_t now);
void __real_nat64_adopt(struct nat64 *n, uint32_t now);
void __wrap_nat64_adopt(struct nat64 *n, uint32_t now);

enum nat64_verdict
__wrap_nat64_translate(struct nat64 *n, struct nat64_packet *packet, uint32_t now)
{
	if (memmem(packet->data, packet->len, "POISON", 6))
		__builtin_trap();
	return __real_nat64_translate(n, packet, now);
}

void
__wrap_nat64_adopt(struct nat64 *n, uint32_t now)
{
	for (unsigned s = 0; s < n->layout.g.shards; s++)
		if (n->worker == 1 && n->config->udp_timeout == 666 && n->owners->worker[s] == 1)
			__builtin_trap();
	__real_nat64_adopt(n, now);
}
