/*
 * tun.h - a TUN device with several queues
 *
 * Usable alone: this file and tun.c.
 */
#ifndef SUPERVISOR_TUN_H
#define SUPERVISOR_TUN_H

#include <stdbool.h>

#define TUN_NAME 16			/* a device's name with its NUL: the kernel's IFNAMSIZ */

/* What stands before every IP packet that is read or written: nothing, or a struct virtio_net_hdr. */
enum tun_header { TUN_BARE, TUN_VIRTIO };

/*
 * Create a TUN device with n queues (IP packets with this header, non-blocking, closed on exec) in the caller's
 * network namespace. pattern is its name, or one with %d for the kernel to number. The name it got goes to name, the
 * descriptors to queue[0 .. n), which the caller owns. The device lives until the last of them is closed everywhere.
 * Should: hold CAP_NET_ADMIN.
 * Returns 0, or -errno and nothing is open: -EBUSY when there is a device of that name, -ENOENT when there is no
 * /dev/net/tun.
 */
int tun_open(char name[TUN_NAME], const char *pattern, enum tun_header header, unsigned n, int *queue);

/*
 * Add queues number from .. n - 1 to the device called name, which has this header. Returns 0, or -errno and none was added. As
 * tun_open.
 */
int tun_widen(const char *name, enum tun_header header, unsigned from, unsigned n, int *queue);

/*
 * Let the device of this queue, which has TUN_VIRTIO, pass packets whose checksum is left to do and that stand for several: of
 * TCP, and of UDP where the kernel can do that. Returns 2, 1 for TCP only (a kernel before 6.2), or -errno.
 */
int tun_offload(int queue);

/*
 * Have the device of this queue ask a BPF program (a socket filter) which queue a packet goes to. It keeps the program, and
 * a new one takes its place. Returns 0 or -errno.
 */
int tun_steer(int queue, int program);

/*
 * Let the device live on without anybody who holds a queue, or not any more. While it does, only root may attach to it.
 * Returns 0 or -errno.
 */
int tun_persist(int queue, bool persist);

/*
 * Attach to the n queues of a device that lives on although nobody holds one; it has this header from now on. Should: hold
 * CAP_NET_ADMIN. Returns 0, or -errno and nothing is open.
 */
int tun_attach(const char *name, enum tun_header header, unsigned n, int *queue);

/* Is this a queue of the device of that name, and of the kind that tun_open makes with this header? */
bool tun_is(int queue, const char *name, enum tun_header header);

/* Close all queues at once. The device goes with them unless somebody holds a duplicate, or it is to live on. */
void tun_close(unsigned n, int *queue);

#endif
