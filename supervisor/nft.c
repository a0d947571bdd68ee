/*
 * nft.c - the few things nat64d asks of nf_tables
 *
 * A transaction is one datagram: messages between a begin and an end, which the kernel takes as one change. They are
 * written by hand, with libmnl. libnftables would be fewer lines, but it reads files, parses a language, looks at every
 * rule of the host and ends the process when it lacks memory, in the most privileged process there is; what is said here
 * is always the same table.
 *
 * The kernel answers before sendto returns. So what has come by then is all there will be: every error, and the one
 * acknowledgement that was asked for, of the last message. Without that one the change did not happen.
 *
 * Must never: touch a table but the one that was named; send a transaction that did not fit the buffer.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include "supervisor/nft.h"

#define NFT_BUFFER 65536
#define NFT_MESSAGE 1024		/* at least so much is free when a message begins; only sets write more */
#define NFT_ELEMENT 48			/* at most, of a set */
#define NFT_RAW (-300)			/* the priority that nft calls raw */

struct nft {
	struct mnl_socket *socket;
	const char *table;
	uint32_t sequence;
	struct nlmsghdr *last;		/* the message under way; NULL: the transaction did not fit */
	size_t used;
	char buffer[NFT_BUFFER] __attribute__((aligned(8)));
};

struct nft *
nft_open(void)
{
	struct nft *n = calloc(1, sizeof(*n));
	int error;

	if (!n)
		return NULL;
	n->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (n->socket && mnl_socket_bind(n->socket, 0, MNL_SOCKET_AUTOPID) == 0)
		return n;
	error = errno;
	nft_close(n);
	errno = error;
	return NULL;
}

void
nft_close(struct nft *n)
{
	if (!n)
		return;
	if (n->socket)
		mnl_socket_close(n->socket);
	free(n);
}

/* Begin a message behind those that are there. */
static struct nlmsghdr *
nft_message(struct nft *n, unsigned type, unsigned flags, unsigned family, unsigned res_id)
{
	struct nlmsghdr *m = mnl_nlmsg_put_header(n->buffer + n->used);
	struct nfgenmsg *general = mnl_nlmsg_put_extra_header(m, sizeof(*general));

	m->nlmsg_type = (uint16_t)type;
	m->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	m->nlmsg_seq = ++n->sequence;
	general->nfgen_family = (uint8_t)family;
	general->version = NFNETLINK_V0;
	general->res_id = htons((uint16_t)res_id);
	return m;
}

/* The message under way is complete, and there is room for another one. */
static void
nft_done(struct nft *n)
{
	if (!n->last)
		return;
	n->used += MNL_ALIGN(n->last->nlmsg_len);
	if (n->used + NFT_MESSAGE > sizeof(n->buffer))
		n->last = NULL;
}

/* Begin one of a transaction, about something that the table has. Returns NULL when there is no room. */
static struct nlmsghdr *
nft_verb(struct nft *n, unsigned type, unsigned flags, uint16_t table_attribute)
{
	nft_done(n);
	if (!n->last)
		return NULL;
	n->last = nft_message(n, NFNL_SUBSYS_NFTABLES << 8 | type, flags, NFPROTO_INET, 0);
	mnl_attr_put_strz(n->last, table_attribute, n->table);
	return n->last;
}

static void
nft_put_u32(struct nlmsghdr *m, uint16_t type, uint32_t value)
{
	mnl_attr_put_u32(m, type, htonl(value));
}

void
nft_begin(struct nft *n, const char *table)
{
	n->table = table;
	n->used = 0;
	n->last = nft_message(n, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
}

void
nft_table(struct nft *n)
{
	nft_verb(n, NFT_MSG_NEWTABLE, NLM_F_CREATE, NFTA_TABLE_NAME);
}

void
nft_table_remove(struct nft *n)
{
	nft_verb(n, NFT_MSG_DELTABLE, 0, NFTA_TABLE_NAME);
}

void
nft_counter(struct nft *n, const char *counter)
{
	struct nlmsghdr *m = nft_verb(n, NFT_MSG_NEWOBJ, NLM_F_CREATE, NFTA_OBJ_TABLE);

	if (!m)
		return;
	mnl_attr_put_strz(m, NFTA_OBJ_NAME, counter);
	nft_put_u32(m, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
	mnl_attr_nest_end(m, mnl_attr_nest_start(m, NFTA_OBJ_DATA));
}

static void
nft_value(struct nlmsghdr *m, uint16_t type, const void *value, size_t size)
{
	struct nlattr *nest = mnl_attr_nest_start(m, type);

	mnl_attr_put(m, NFTA_DATA_VALUE, size, value);
	mnl_attr_nest_end(m, nest);
}

static void
nft_element(struct nlmsghdr *m, const uint8_t *key, size_t size, uint32_t flags)
{
	struct nlattr *nest = mnl_attr_nest_start(m, NFTA_LIST_ELEM);

	nft_value(m, NFTA_SET_ELEM_KEY, key, size);
	nft_put_u32(m, NFTA_SET_ELEM_FLAGS, flags);
	mnl_attr_nest_end(m, nest);
}

/* A range is where it begins and the first address behind it, unless it ends with the last address there is. */
static void
nft_interval(struct nlmsghdr *m, const struct nft_range *range, size_t size)
{
	uint8_t end[16];
	size_t b = size;

	nft_element(m, range->first, size, 0);
	memcpy(end, range->last, sizeof(end));
	while (b > 0 && ++end[b - 1] == 0)
		b--;
	if (b > 0)
		nft_element(m, end, size, NFT_SET_ELEM_INTERVAL_END);
}

void
nft_set(struct nft *n, const char *set, unsigned family, const struct nft_range *range, unsigned ranges)
{
	const size_t size = family == AF_INET ? 4 : 16;
	struct nlmsghdr *m = nft_verb(n, NFT_MSG_NEWSET, NLM_F_CREATE, NFTA_SET_TABLE);
	struct nlattr *nest;

	if (!m)
		return;
	mnl_attr_put_strz(m, NFTA_SET_NAME, set);
	nft_put_u32(m, NFTA_SET_FLAGS, NFT_SET_INTERVAL);
	nft_put_u32(m, NFTA_SET_KEY_TYPE, family == AF_INET ? 7 : 8);	/* for nft: ipv4_addr, ipv6_addr */
	nft_put_u32(m, NFTA_SET_KEY_LEN, (uint32_t)size);
	nft_put_u32(m, NFTA_SET_ID, n->sequence);
	m = nft_verb(n, NFT_MSG_DELSETELEM, 0, NFTA_SET_ELEM_LIST_TABLE);	/* all of them */
	if (m)
		mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_SET, set);
	m = nft_verb(n, NFT_MSG_NEWSETELEM, NLM_F_CREATE, NFTA_SET_ELEM_LIST_TABLE);
	if (!m)
		return;
	if (n->used + NFT_MESSAGE + (size_t)ranges * 2 * NFT_ELEMENT > sizeof(n->buffer)) {
		n->last = NULL;
		return;
	}
	mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_SET, set);
	nest = mnl_attr_nest_start(m, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (unsigned i = 0; i < ranges; i++)
		nft_interval(m, &range[i], size);
	mnl_attr_nest_end(m, nest);
}

void
nft_chain(struct nft *n, const char *chain)
{
	struct nlmsghdr *m = nft_verb(n, NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFTA_CHAIN_TABLE);
	struct nlattr *hook;

	if (!m)
		return;
	mnl_attr_put_strz(m, NFTA_CHAIN_NAME, chain);
	hook = mnl_attr_nest_start(m, NFTA_CHAIN_HOOK);
	nft_put_u32(m, NFTA_HOOK_HOOKNUM, NF_INET_PRE_ROUTING);
	nft_put_u32(m, NFTA_HOOK_PRIORITY, (uint32_t)NFT_RAW);
	mnl_attr_nest_end(m, hook);
	nft_put_u32(m, NFTA_CHAIN_POLICY, NF_ACCEPT);
	mnl_attr_put_strz(m, NFTA_CHAIN_TYPE, "filter");
	m = nft_verb(n, NFT_MSG_DELRULE, 0, NFTA_RULE_TABLE);			/* all of them */
	if (m)
		mnl_attr_put_strz(m, NFTA_RULE_CHAIN, chain);
}

/* An expression of a rule: what stands between begin and end are its attributes. */
struct nft_expression {
	struct nlattr *element, *data;
};

static struct nft_expression
nft_expression_begin(struct nlmsghdr *m, const char *name)
{
	struct nft_expression e = { .element = mnl_attr_nest_start(m, NFTA_LIST_ELEM) };

	mnl_attr_put_strz(m, NFTA_EXPR_NAME, name);
	e.data = mnl_attr_nest_start(m, NFTA_EXPR_DATA);
	return e;
}

static void
nft_expression_end(struct nlmsghdr *m, const struct nft_expression *e)
{
	mnl_attr_nest_end(m, e->data);
	mnl_attr_nest_end(m, e->element);
}

/* Go on only with packets for which the register holds this. */
static void
nft_is(struct nlmsghdr *m, const void *value, size_t size)
{
	struct nft_expression e = nft_expression_begin(m, "cmp");

	nft_put_u32(m, NFTA_CMP_SREG, NFT_REG_1);
	nft_put_u32(m, NFTA_CMP_OP, NFT_CMP_EQ);
	nft_value(m, NFTA_CMP_DATA, value, size);
	nft_expression_end(m, &e);
}

static void
nft_meta_is(struct nlmsghdr *m, enum nft_meta_keys key, const void *value, size_t size)
{
	struct nft_expression e = nft_expression_begin(m, "meta");

	nft_put_u32(m, NFTA_META_DREG, NFT_REG_1);
	nft_put_u32(m, NFTA_META_KEY, key);
	nft_expression_end(m, &e);
	nft_is(m, value, size);
}

/*
 * Go on only with packets that this host would take for its own, as its routing knows now: to one of its addresses, or to
 * the broadcast address of a network it is in, which every service that takes datagrams hears.
 */
static void
nft_local(struct nlmsghdr *m)
{
	const uint32_t first = RTN_LOCAL, last = RTN_BROADCAST;	/* nothing else lies between them */
	struct nft_expression e = nft_expression_begin(m, "fib");

	nft_put_u32(m, NFTA_FIB_DREG, NFT_REG_1);
	nft_put_u32(m, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nft_put_u32(m, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	nft_expression_end(m, &e);
	e = nft_expression_begin(m, "range");
	nft_put_u32(m, NFTA_RANGE_SREG, NFT_REG_1);
	nft_put_u32(m, NFTA_RANGE_OP, NFT_RANGE_EQ);
	nft_value(m, NFTA_RANGE_FROM_DATA, &first, sizeof(first));
	nft_value(m, NFTA_RANGE_TO_DATA, &last, sizeof(last));
	nft_expression_end(m, &e);
}

/* Go on only with packets whose address that begins at this offset of the IP header is not in the set. */
static void
nft_not_in(struct nlmsghdr *m, unsigned offset, size_t size, const char *set)
{
	struct nft_expression e = nft_expression_begin(m, "payload");

	nft_put_u32(m, NFTA_PAYLOAD_DREG, NFT_REG_1);
	nft_put_u32(m, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	nft_put_u32(m, NFTA_PAYLOAD_OFFSET, offset);
	nft_put_u32(m, NFTA_PAYLOAD_LEN, (uint32_t)size);
	nft_expression_end(m, &e);
	e = nft_expression_begin(m, "lookup");
	nft_put_u32(m, NFTA_LOOKUP_SREG, NFT_REG_1);
	mnl_attr_put_strz(m, NFTA_LOOKUP_SET, set);
	nft_put_u32(m, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
	nft_expression_end(m, &e);
}

static void
nft_count_and_drop(struct nlmsghdr *m, const char *counter)
{
	struct nft_expression e = nft_expression_begin(m, "objref");
	struct nlattr *data, *verdict;

	nft_put_u32(m, NFTA_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
	mnl_attr_put_strz(m, NFTA_OBJREF_IMM_NAME, counter);
	nft_expression_end(m, &e);
	e = nft_expression_begin(m, "immediate");
	nft_put_u32(m, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = mnl_attr_nest_start(m, NFTA_IMMEDIATE_DATA);
	verdict = mnl_attr_nest_start(m, NFTA_DATA_VERDICT);
	nft_put_u32(m, NFTA_VERDICT_CODE, NF_DROP);
	mnl_attr_nest_end(m, verdict);
	mnl_attr_nest_end(m, data);
	nft_expression_end(m, &e);
}

/* Begin a rule about packets of this family from this device. Returns NULL when there is no room. */
static struct nlattr *
nft_rule(struct nft *n, const char *chain, unsigned index, unsigned family)
{
	struct nlmsghdr *m = nft_verb(n, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, NFTA_RULE_TABLE);
	const uint8_t protocol = family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;
	struct nlattr *expressions;

	if (!m)
		return NULL;
	mnl_attr_put_strz(m, NFTA_RULE_CHAIN, chain);
	expressions = mnl_attr_nest_start(m, NFTA_RULE_EXPRESSIONS);
	nft_meta_is(m, NFT_META_IIF, &index, sizeof(index));
	nft_meta_is(m, NFT_META_NFPROTO, &protocol, sizeof(protocol));
	return expressions;
}

void
nft_drop(struct nft *n, const char *chain, unsigned index, unsigned family, const char *set, const char *counter)
{
	struct nlattr *expressions = nft_rule(n, chain, index, family);

	if (!expressions)
		return;
	nft_not_in(n->last, family == AF_INET ? 12 : 8, family == AF_INET ? 4 : 16, set);
	nft_count_and_drop(n->last, counter);
	mnl_attr_nest_end(n->last, expressions);
}

void
nft_drop_local4(struct nft *n, const char *chain, unsigned index, const char *set, const char *counter)
{
	struct nlattr *expressions = nft_rule(n, chain, index, AF_INET);

	if (!expressions)
		return;
	nft_not_in(n->last, 16, 4, set);
	nft_local(n->last);
	nft_count_and_drop(n->last, counter);
	mnl_attr_nest_end(n->last, expressions);
}

/* Run over all that the kernel has answered. Returns 0 when this message was acknowledged and nothing failed, or -errno. */
static int
nft_hear(struct nft *n, uint32_t sequence, mnl_cb_t see, void *user)
{
	int rc = -EPROTO;
	ssize_t got;

	while ((got = mnl_socket_recvfrom(n->socket, n->buffer, sizeof(n->buffer))) > 0) {
		const struct nlmsghdr *m = (const void *)n->buffer;

		for (int left = (int)got; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left)) {
			const struct nlmsgerr *error = mnl_nlmsg_get_payload(m);

			if (m->nlmsg_type != NLMSG_ERROR && see)
				see(m, user);
			if (m->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(m) < sizeof(*error))
				continue;
			if (error->error != 0 && (rc == 0 || rc == -EPROTO))
				rc = error->error;
			else if (m->nlmsg_seq == sequence && rc == -EPROTO)
				rc = 0;
		}
	}
	return rc;
}

int
nft_commit(struct nft *n)
{
	uint32_t sequence = n->sequence;

	nft_done(n);
	if (!n->last)
		return -EMSGSIZE;
	n->last->nlmsg_flags |= NLM_F_ACK;
	n->last = nft_message(n, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	n->used += n->last->nlmsg_len;
	if (mnl_socket_sendto(n->socket, n->buffer, n->used) < 0)
		return -errno;
	return nft_hear(n, sequence, NULL, NULL);
}

static int
nft_counted_attribute(const struct nlattr *attr, void *user)
{
	if (mnl_attr_get_type(attr) == NFTA_COUNTER_PACKETS && mnl_attr_get_payload_len(attr) == sizeof(uint64_t))
		*(uint64_t *)user = be64toh(mnl_attr_get_u64(attr));
	return MNL_CB_OK;
}

static int
nft_counted_object(const struct nlattr *attr, void *user)
{
	if (mnl_attr_get_type(attr) == NFTA_OBJ_DATA)
		mnl_attr_parse_nested(attr, nft_counted_attribute, user);
	return MNL_CB_OK;
}

static int
nft_counted(const struct nlmsghdr *m, void *user)
{
	return mnl_attr_parse(m, sizeof(struct nfgenmsg), nft_counted_object, user);
}

int
nft_count(struct nft *n, const char *table, const char *counter, uint64_t *packets)
{
	struct nlmsghdr *m;

	n->used = 0;
	m = nft_message(n, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETOBJ, NLM_F_ACK, NFPROTO_INET, 0);
	mnl_attr_put_strz(m, NFTA_OBJ_TABLE, table);
	mnl_attr_put_strz(m, NFTA_OBJ_NAME, counter);
	nft_put_u32(m, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
	if (mnl_socket_sendto(n->socket, m, m->nlmsg_len) < 0)
		return -errno;
	return nft_hear(n, n->sequence, nft_counted, packets);
}
