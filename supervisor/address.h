/*
 * address.h - addresses and prefixes as text, strictly
 *
 * Every address_parse_ function reads all of text or refuses: it returns NULL, or what is wrong with text in words
 * that follow it ("is not an IPv4 address"); then *out is garbage. The words stay valid until the next call.
 * Every address_print_ function writes at most ADDRESS_TEXT bytes, which its parser reads back to the same value.
 */
#ifndef SUPERVISOR_ADDRESS_H
#define SUPERVISOR_ADDRESS_H

#include "shm/addr.h"

#define ADDRESS_TEXT 64

const char *address_parse_ip4(uint32_t *out, const char *text);
const char *address_parse_ip6(struct ip6 *out, const char *text);

/* ADDR/LEN. With lone, ADDR alone is a prefix of full length. Bits behind the prefix must be zero. */
const char *address_parse_net4(struct net4 *out, const char *text, bool lone);
const char *address_parse_net6(struct net6 *out, const char *text, bool lone);

/* ADDR:PORT and [ADDR]:PORT, port 1 to 65535 (0 too when zero). */
const char *address_parse_endpoint4(uint32_t *ip4, uint16_t *port, const char *text, bool zero);
const char *address_parse_endpoint6(struct ip6 *ip6, uint16_t *port, const char *text, bool zero);

/* Decimal digits only. Returns false when text is anything else or above max. */
bool address_parse_number(uint32_t *out, const char *text, uint32_t max);

void address_print_ip4(char out[ADDRESS_TEXT], uint32_t ip4);
void address_print_ip6(char out[ADDRESS_TEXT], const struct ip6 *ip6);
void address_print_net4(char out[ADDRESS_TEXT], const struct net4 *net);
void address_print_net6(char out[ADDRESS_TEXT], const struct net6 *net);

#endif
