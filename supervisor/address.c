/*
 * address.c - addresses and prefixes as text, strictly
 *
 * inet_pton knows the syntax of an address; what is added here is that nothing may follow, that a prefix has no bits
 * behind its length (an operator who writes 192.0.2.1/24 means one of two things, and only he knows which), and that
 * the refusal says what would have been right.
 *
 * Must never: accept a spelling whose meaning is in doubt, such as leading zeros that some programs read as octal.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include "supervisor/address.h"

static char address_words[160];

bool
address_parse_number(uint32_t *out, const char *text, uint32_t max)
{
	uint64_t n = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		n = n * 10 + (uint64_t)(*text - '0');
		if (n > max)
			return false;
	}
	*out = (uint32_t)n;
	return true;
}

const char *
address_parse_ip4(uint32_t *out, const char *text)
{
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) != 1)
		return "is not an IPv4 address; write for example 192.0.2.1";
	*out = ntohl(in.s_addr);
	return NULL;
}

const char *
address_parse_ip6(struct ip6 *out, const char *text)
{
	if (inet_pton(AF_INET6, text, out->b) != 1)
		return "is not an IPv6 address; write for example 2001:db8::1";
	return NULL;
}

/* Split ADDR/LEN at the slash: addr takes ADDR, *len is LEN, or max when there is no slash and lone. */
static const char *
address_split(char addr[ADDRESS_TEXT], uint32_t *len, const char *text, uint32_t max, bool lone)
{
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);

	if (n >= ADDRESS_TEXT)
		return "is too long for an address";
	memcpy(addr, text, n);
	addr[n] = '\0';
	*len = max;
	if (!slash && lone)
		return NULL;
	if (!slash)
		snprintf(address_words, sizeof(address_words), "has no prefix length; write ADDRESS/LENGTH");
	else if (!address_parse_number(len, slash + 1, max))
		snprintf(address_words, sizeof(address_words), "has a wrong prefix length; write 0 to %u behind the /", max);
	else
		return NULL;
	return address_words;
}

const char *
address_parse_net4(struct net4 *out, const char *text, bool lone)
{
	char addr[ADDRESS_TEXT];
	const char *wrong;
	uint32_t len, mask;

	wrong = address_split(addr, &len, text, 32, lone);
	if (wrong)
		return wrong;
	if (address_parse_ip4(&out->addr, addr))
		return "is not an IPv4 prefix; write for example 192.0.2.0/24";
	out->len = (uint8_t)len;
	mask = len == 0 ? 0 : UINT32_MAX << (32 - len);
	if (out->addr & ~mask) {
		out->addr &= mask;
		address_print_net4(addr, out);
		snprintf(address_words, sizeof(address_words), "has bits behind its prefix length; write %s", addr);
		return address_words;
	}
	return NULL;
}

const char *
address_parse_net6(struct net6 *out, const char *text, bool lone)
{
	char addr[ADDRESS_TEXT];
	const char *wrong;
	struct ip6 masked;
	uint32_t len;

	wrong = address_split(addr, &len, text, 128, lone);
	if (wrong)
		return wrong;
	if (address_parse_ip6(&out->addr, addr))
		return "is not an IPv6 prefix; write for example 2001:db8::/32";
	out->len = (uint8_t)len;
	masked = addr_mask6(&out->addr, len);
	if (!addr_ip6_equal(&masked, &out->addr)) {
		out->addr = masked;
		address_print_net6(addr, out);
		snprintf(address_words, sizeof(address_words), "has bits behind its prefix length; write %s", addr);
		return address_words;
	}
	return NULL;
}

/* Split HOST:PORT at the last colon. */
static bool
address_split_port(char host[ADDRESS_TEXT], uint16_t *port, const char *text, bool zero)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	uint32_t number;

	if (!colon || n >= ADDRESS_TEXT || !address_parse_number(&number, colon + 1, UINT16_MAX) || (!zero && number == 0))
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	*port = (uint16_t)number;
	return true;
}

const char *
address_parse_endpoint4(uint32_t *ip4, uint16_t *port, const char *text, bool zero)
{
	char host[ADDRESS_TEXT];

	if (!address_split_port(host, port, text, zero) || address_parse_ip4(ip4, host))
		return "is not an IPv4 address and port; write for example 192.0.2.1:80";
	return NULL;
}

const char *
address_parse_endpoint6(struct ip6 *ip6, uint16_t *port, const char *text, bool zero)
{
	char host[ADDRESS_TEXT];
	size_t n;

	if (address_split_port(host, port, text, zero)) {
		n = strlen(host);
		if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
			host[n - 1] = '\0';
			if (!address_parse_ip6(ip6, host + 1))
				return NULL;
		}
	}
	return "is not an IPv6 address and port; write for example [2001:db8::80]:8080";
}

void
address_print_ip4(char out[ADDRESS_TEXT], uint32_t ip4)
{
	snprintf(out, ADDRESS_TEXT, "%u.%u.%u.%u", ip4 >> 24, ip4 >> 16 & 255, ip4 >> 8 & 255, ip4 & 255);
}

void
address_print_ip6(char out[ADDRESS_TEXT], const struct ip6 *ip6)
{
	inet_ntop(AF_INET6, ip6->b, out, ADDRESS_TEXT);
}

void
address_print_net4(char out[ADDRESS_TEXT], const struct net4 *net)
{
	size_t n;

	address_print_ip4(out, net->addr);
	n = strlen(out);
	snprintf(out + n, ADDRESS_TEXT - n, "/%u", net->len);
}

void
address_print_net6(char out[ADDRESS_TEXT], const struct net6 *net)
{
	size_t n;

	address_print_ip6(out, &net->addr);
	n = strlen(out);
	snprintf(out + n, ADDRESS_TEXT - n, "/%u", net->len);
}
