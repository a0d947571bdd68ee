/*
 * tunio.c - one packet per system call, at the descriptor the heritage names
 *
 * The queue is non-blocking: an empty one ends the batch. A device that is down refuses writes; the packet is counted
 * as write_failed and the worker goes on, for the device may come up again.
 * Must never: log (a worker has no descriptor to log to), retry in a loop.
 */
#include <errno.h>
#include <unistd.h>
#include "supervisor/birth/heritage.h"
#include "worker/tunio.h"

uint32_t
tunio_read(uint8_t *data, uint32_t size)
{
	ssize_t got = read(HERITAGE_QUEUE, data, size);

	return got > 0 ? (uint32_t)got : 0;
}

bool
tunio_write(const uint8_t *data, uint32_t len)
{
	return write(HERITAGE_QUEUE, data, len) == (ssize_t)len;
}
