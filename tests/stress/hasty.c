/*
 * hasty.c - a worker for which a second is many (HASTE), so that timers which last minutes or hours run out in a test
 *
 * Linked into a nat64-worker of the tests with -Wl,--wrap=..., so that everything else is the real worker. Time still
 * never steps back, and all of the table's time passes through these four.
 */
#include "worker/xlat/nat64.h"

enum nat64_verdict __real_nat64_translate(struct nat64 *n, struct nat64_packet *packet, uint32_t now);
enum nat64_verdict __wrap_nat64_translate(struct nat64 *n, struct nat64_packet *packet, uint32_t now);
bool __real_nat64_expire(struct nat64 *n, uint32_t now, unsigned budget, struct nat64_packet *probe);
bool __wrap_nat64_expire(struct nat64 *n, uint32_t now, unsigned budget, struct nat64_packet *probe);
bool __real_nat64_due(struct nat64 *n, struct nat64_packet *packet, uint32_t now);
bool __wrap_nat64_due(struct nat64 *n, struct nat64_packet *packet, uint32_t now);
void __real_nat64_adopt(struct nat64 *n, uint32_t now);
void __wrap_nat64_adopt(struct nat64 *n, uint32_t now);

enum nat64_verdict
__wrap_nat64_translate(struct nat64 *n, struct nat64_packet *packet, uint32_t now)
{
	return __real_nat64_translate(n, packet, now * HASTE);
}

bool
__wrap_nat64_expire(struct nat64 *n, uint32_t now, unsigned budget, struct nat64_packet *probe)
{
	return __real_nat64_expire(n, now * HASTE, budget, probe);
}

bool
__wrap_nat64_due(struct nat64 *n, struct nat64_packet *packet, uint32_t now)
{
	return __real_nat64_due(n, packet, now == UINT32_MAX ? now : now * HASTE);
}

void
__wrap_nat64_adopt(struct nat64 *n, uint32_t now)
{
	__real_nat64_adopt(n, now * HASTE);
}
