/*
 * loop.h - the pump
 */
#ifndef WORKER_LOOP_H
#define WORKER_LOOP_H

#include "supervisor/birth/heritage.h"

/*
 * Translate packets as worker number w until the supervisor says stop. missing: BIRTH_ bits to report. Returns NULL when told
 * to stop, or what is wrong with the region.
 */
const char *loop_run(struct heritage_maps *maps, unsigned w, uint32_t missing);

#endif
