/*
 * publish.c - a tenant's configuration on its way to its workers and to ctl
 *
 * The image has two slots; a generation lives in slot generation % 2. A new one is written into the slot nobody uses and
 * becomes current by one store of its number, which pairs with the load in image_current. Workers that were born in
 * between simply read the newer one.
 *
 * An image that another build made is of another size, but its beginning is the same for ever (shm/image.h): its workers are
 * led away by it.
 *
 * Must never: write the current slot.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "supervisor/memory.h"
#include "supervisor/publish.h"
#include "supervisor/text.h"

static void
publish_fill(struct image_slot *slot, const struct config_tenant *config)
{
	FILE *out;

	slot->config = *config;
	memset(slot->text, 0, sizeof(slot->text));
	out = fmemopen(slot->text, sizeof(slot->text) - 1, "w");
	if (out) {
		text_tenant(out, config);
		fclose(out);
	}
}

int
publish_open(struct publish *p, const struct config_tenant *config, uint32_t first)
{
	int fd = memory_create("nat64-image", sizeof(struct image));

	if (fd < 0)
		return fd;
	p->fd_ro = memory_read_only(fd);
	p->image = memory_map(fd, sizeof(struct image));
	p->size = sizeof(struct image);
	close(fd);
	if (p->fd_ro < 0 || !p->image) {
		publish_close(p);
		return -ENOMEM;
	}
	p->image->magic = IMAGE_MAGIC;
	p->image->size = sizeof(struct image);
	p->image->generation = first - 1;
	publish_next(p, config);
	return 0;
}

int
publish_adopt(struct publish *p, int fd_ro, bool foreign)
{
	size_t size = foreign ? offsetof(struct image, slot) : sizeof(struct image);
	struct image *image = foreign ? memory_regain_top(fd_ro, size) : memory_regain(fd_ro, size);

	if (!image)
		return -errno;
	if (image->magic != IMAGE_MAGIC || (!foreign && image->size != sizeof(struct image))) {
		munmap(image, size);
		return -EPROTO;
	}
	*p = (struct publish) { .fd_ro = fd_ro, .image = image, .size = size };
	return 0;
}

uint32_t
publish_next(struct publish *p, const struct config_tenant *config)
{
	uint32_t next = p->image->generation + 1;

	publish_fill(&p->image->slot[next % 2], config);
	atomic_store_32(&p->image->generation, next);
	return next;
}

void
publish_order(struct publish *p, unsigned w, enum image_order order)
{
	atomic_store_32(&p->image->order[w], order | (p->image->order[w] & IMAGE_CRASHED));
}

void
publish_successor(struct publish *p, unsigned w, enum image_order order, bool crashed)
{
	atomic_store_32(&p->image->order[w], order | (crashed ? IMAGE_CRASHED : 0));
}

void
publish_audit(struct publish *p)
{
	atomic_store_32(&p->image->audit, p->image->audit + 1);
}

void
publish_close(struct publish *p)
{
	if (p->image)
		munmap(p->image, p->size);
	if (p->fd_ro >= 0)
		close(p->fd_ro);
	p->image = NULL;
	p->fd_ro = -1;
}
