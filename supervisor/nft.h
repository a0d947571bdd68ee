/*
 * nft.h - the few things nat64d asks of nf_tables: a table of its own, changed whole or not at all
 *
 * Usable alone: this file, nft.c and libmnl. Everything happens in the network namespace nft_open was called in. A
 * transaction is nft_begin, any of the verbs in an order in which each finds what it names, nft_commit. Each verb makes
 * what is missing and leaves what is there, so the same transaction makes a table, repairs it and changes it.
 * Family is AF_INET or AF_INET6. Should: hold CAP_NET_ADMIN, for reading, too.
 */
#ifndef SUPERVISOR_NFT_H
#define SUPERVISOR_NFT_H

#include <stdint.h>

struct nft;

struct nft_range {
	uint8_t first[16], last[16];	/* as on the wire; IPv4 uses the first four */
};

/* Open a netlink socket. Returns NULL with errno set: EPROTONOSUPPORT when the kernel has no nf_tables at all. */
struct nft *nft_open(void);
void nft_close(struct nft *n);

/* What follows is about the table of this name, in the family inet. */
void nft_begin(struct nft *n, const char *table);

void nft_table(struct nft *n);
void nft_table_remove(struct nft *n);
void nft_counter(struct nft *n, const char *counter);

/* The set holds these ranges and no others; they are in ascending order and do not touch. */
void nft_set(struct nft *n, const char *set, unsigned family, const struct nft_range *range, unsigned ranges);

/* A chain that sees packets before anything else does (prerouting, raw), without rules. */
void nft_chain(struct nft *n, const char *chain);

/* The chain drops packets of this family from this device whose source is not in the set, and counts them. */
void nft_drop(struct nft *n, const char *chain, unsigned index, unsigned family, const char *set, const char *counter);

/* The chain drops IPv4 from this device to an address of this host, or a broadcast address of a network it is in, unless the
 * set has it; and counts it. */
void nft_drop_local4(struct nft *n, const char *chain, unsigned index, const char *set, const char *counter);

/* Do it. Returns 0; or -errno and nothing has changed. */
int nft_commit(struct nft *n);

/* How many packets a counter has seen. Returns 0 or -errno: -ENOENT when there is no such counter. */
int nft_count(struct nft *n, const char *table, const char *counter, uint64_t *packets);

#endif
