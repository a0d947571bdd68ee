/*
 * evidence.c - the packet that killed a worker
 *
 * A worker says which buffer it works on (layout_worker.current) and saves the packet's beginning before it writes over
 * it (layout_inflight). Both are its own words and may be lies: every number is compared with the layout, the bytes are
 * copied by pread and never interpreted, and the worst that can come of it is a file with the wrong packet in it.
 * Must never: map what it reads; follow a link; write more than EVIDENCE_MAX files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "supervisor/evidence.h"

#define EVIDENCE_LINKTYPE 101		/* raw: an IP header comes first */

/* The file format of pcap: one header, then a record. */
struct evidence_file {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, figures, snap, linktype;
	uint32_t seconds, microseconds, captured, length;
};

static uint8_t evidence_packet[LAYOUT_GSO_MAX];

/* Copy the packet in buffer number i of worker w. Returns its length or 0. */
static uint32_t
evidence_copy(const struct region *r, unsigned w, uint32_t i)
{
	const struct layout *l = &r->layout;
	size_t number = (size_t)w * LAYOUT_BUFFERS + i;
	size_t buffer = l->buffers + number * l->buffer_stride + LAYOUT_HEADROOM;
	struct layout_inflight slot;
	uint32_t saved;

	if (pread(r->fd_ro, &slot, sizeof(slot), (off_t)(l->inflight + number * sizeof(slot))) != (ssize_t)sizeof(slot))
		return 0;
	if (slot.len == 0 || slot.len > l->buffer_size || slot.len > sizeof(evidence_packet))
		return 0;
	if (pread(r->fd_ro, evidence_packet, slot.len, (off_t)buffer) != (ssize_t)slot.len)
		return 0;
	saved = slot.len < LAYOUT_SAVED ? slot.len : LAYOUT_SAVED;
	memcpy(evidence_packet, slot.saved, saved);
	return slot.len;
}

/* Make a file that was not there. Returns its descriptor or -errno. */
static int
evidence_file(const char *dir, const char *tenant, char *path, size_t size)
{
	for (unsigned n = 1; n <= EVIDENCE_MAX; n++) {
		int fd;

		snprintf(path, size, "%s/poison-%s-%u.pcap", dir, tenant, n);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST)
			return -errno;
	}
	return -ENOSPC;
}

int
evidence_keep(const char *dir, const char *tenant, const struct region *r, unsigned w, char *path, size_t size)
{
	uint32_t current = r->foreign ? 0 : atomic_load_32(&r->worker[w].current), len;
	struct evidence_file head = {
		.magic = 0xa1b2c3d4, .major = 2, .minor = 4, .snap = sizeof(evidence_packet), .linktype = EVIDENCE_LINKTYPE,
	};
	struct timespec now;
	bool whole;
	int fd;

	if (current == 0 || current > LAYOUT_BUFFERS)
		return 0;
	len = evidence_copy(r, w, current - 1);
	if (len == 0)
		return 0;
	fd = evidence_file(dir, tenant, path, size);
	if (fd < 0)
		return fd;
	clock_gettime(CLOCK_REALTIME, &now);
	head.seconds = (uint32_t)now.tv_sec;
	head.microseconds = (uint32_t)(now.tv_nsec / 1000);
	head.captured = head.length = len;
	whole = write(fd, &head, sizeof(head)) == (ssize_t)sizeof(head) &&
		write(fd, evidence_packet, len) == (ssize_t)len;
	close(fd);
	if (!whole) {
		unlink(path);
		return -EIO;
	}
	return (int)len;
}
