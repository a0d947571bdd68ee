/*
 * evidence.h - the packet that killed a worker, kept for whoever is to find out why
 */
#ifndef SUPERVISOR_EVIDENCE_H
#define SUPERVISOR_EVIDENCE_H

#include <stddef.h>
#include "supervisor/region.h"

#define EVIDENCE_MAX 16			/* files per tenant; whoever wants more removes some */

/*
 * Write the packet that worker w was translating when it died to a new pcap file (raw IP) in dir, readable by root alone.
 * Returns the packet's length and the file's name in path; 0 when it was translating none, or is of another build, whose
 * packets cannot be found; or -errno: -ENOSPC when there are EVIDENCE_MAX files already.
 */
int evidence_keep(const char *dir, const char *tenant, const struct region *r, unsigned w, char *path, size_t size);

#endif
