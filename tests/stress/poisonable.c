/*
 * poisonable.c - a worker that a packet can kill: one that says POISON
 *
 * Linked into a nat64-worker of the tests with -Wl,--wrap=nat64_translate, so that everything else is the real worker.
 */
#include <string.h>
#include "worker/xlat/nat64.h"

enum nat64_verdict __real_nat64_translate(struct nat64 *n, struct nat64_packet *packet, uint32_t now);
enum nat64_verdict __wrap_nat64_translate(struct nat64 *n, struct nat64_packet *packet, uint32_t now);

enum nat64_verdict
__wrap_nat64_translate(struct nat64 *n, struct nat64_packet *packet, uint32_t now)
{
	if (memmem(packet->data, packet->len, "POISON", 6))
		__builtin_trap();
	return __real_nat64_translate(n, packet, now);
}
