/*
 * tunio.h - packets from and to this worker's TUN queue
 */
#ifndef WORKER_TUNIO_H
#define WORKER_TUNIO_H

#include <stdbool.h>
#include <stdint.h>

/* Read one packet into data, which has room for size bytes. Returns its length, or 0 when none is waiting. */
uint32_t tunio_read(uint8_t *data, uint32_t size);

/* Write one packet. Returns false when the device refused it. */
bool tunio_write(const uint8_t *data, uint32_t len);

#endif
