/*
 * rtnl.c - the few things nat64d asks of the kernel's routing
 *
 * libmnl builds and walks the messages. Every request asks for an acknowledgement and waits for it, so a refusal comes
 * back as an errno from the call that caused it. Routes carry a protocol number of their own (`ip route` shows proto
 * 64), so that an operator sees whose they are.
 *
 * Must never: touch a route that goes by way of another device.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "supervisor/rtnl.h"

#define RTNL_PROTOCOL 64
#define RTNL_BUFFER 32768		/* what libmnl asks for: MNL_SOCKET_BUFFER_SIZE is at most that */

struct rtnl {
	struct mnl_socket *socket;
	uint32_t sequence;
	char buffer[RTNL_BUFFER] __attribute__((aligned(8)));
};

struct rtnl *
rtnl_open(void)
{
	struct rtnl *r = calloc(1, sizeof(*r));
	int error;

	if (!r)
		return NULL;
	r->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (r->socket && mnl_socket_bind(r->socket, 0, MNL_SOCKET_AUTOPID) == 0)
		return r;
	error = errno;
	rtnl_close(r);
	errno = error;
	return NULL;
}

void
rtnl_close(struct rtnl *r)
{
	if (!r)
		return;
	if (r->socket)
		mnl_socket_close(r->socket);
	free(r);
}

/* Begin a request of this type in the buffer. */
static struct nlmsghdr *
rtnl_begin(struct rtnl *r, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *m = mnl_nlmsg_put_header(r->buffer);

	m->nlmsg_type = type;
	m->nlmsg_flags = NLM_F_REQUEST | flags;
	m->nlmsg_seq = ++r->sequence;
	return m;
}

/* Send the request and run over all that comes back. Returns 0 or -errno. */
static int
rtnl_talk(struct rtnl *r, struct nlmsghdr *m, mnl_cb_t see, void *user)
{
	unsigned port = mnl_socket_get_portid(r->socket);
	ssize_t n;
	int rc;

	if (mnl_socket_sendto(r->socket, m, m->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(r->socket, r->buffer, sizeof(r->buffer));
		if (n < 0)
			return -errno;
		rc = mnl_cb_run(r->buffer, (size_t)n, r->sequence, port, see, user);
		if (rc < 0)
			return -errno;
	} while (rc > MNL_CB_STOP);
	return 0;
}

int
rtnl_link_up(struct rtnl *r, unsigned index, uint32_t mtu, uint32_t queue_length)
{
	struct nlmsghdr *m = rtnl_begin(r, RTM_NEWLINK, NLM_F_ACK);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(m, sizeof(*link));

	link->ifi_family = AF_UNSPEC;
	link->ifi_index = (int)index;
	link->ifi_flags = IFF_UP;
	link->ifi_change = IFF_UP | IFF_MULTICAST;
	mnl_attr_put_u32(m, IFLA_MTU, mtu);
	mnl_attr_put_u32(m, IFLA_TXQLEN, queue_length);
	return rtnl_talk(r, m, NULL, NULL);
}

int
rtnl_link_alias(struct rtnl *r, unsigned index, const char *alias)
{
	struct nlmsghdr *m = rtnl_begin(r, RTM_SETLINK, NLM_F_ACK);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(m, sizeof(*link));

	link->ifi_family = AF_UNSPEC;
	link->ifi_index = (int)index;
	mnl_attr_put_str(m, IFLA_IFALIAS, alias);
	return rtnl_talk(r, m, NULL, NULL);
}

int
rtnl_link_remove(struct rtnl *r, unsigned index)
{
	struct nlmsghdr *m = rtnl_begin(r, RTM_DELLINK, NLM_F_ACK);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(m, sizeof(*link));

	link->ifi_family = AF_UNSPEC;
	link->ifi_index = (int)index;
	return rtnl_talk(r, m, NULL, NULL);
}

struct rtnl_looking {
	void (*see)(const struct rtnl_link *link, void *user);
	void *user;
	struct rtnl_link link;
};

static int
rtnl_link_attribute(const struct nlattr *attr, void *user)
{
	struct rtnl_looking *looking = user;
	struct rtnl_link *link = &looking->link;
	int n = mnl_attr_get_payload_len(attr);

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		snprintf(link->name, sizeof(link->name), "%.*s", n, mnl_attr_get_str(attr));
		break;
	case IFLA_IFALIAS:
		snprintf(link->alias, sizeof(link->alias), "%.*s", n, mnl_attr_get_str(attr));
		break;
	case IFLA_CARRIER:
		link->carrier = n >= 1 && mnl_attr_get_u8(attr) != 0;
		break;
	}
	return MNL_CB_OK;
}

static int
rtnl_link_seen(const struct nlmsghdr *m, void *user)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(m);
	struct rtnl_looking *looking = user;

	if (m->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	looking->link = (struct rtnl_link) { .index = (unsigned)header->ifi_index };
	if (mnl_attr_parse(m, sizeof(*header), rtnl_link_attribute, looking) >= 0)
		looking->see(&looking->link, looking->user);
	return MNL_CB_OK;
}

int
rtnl_links(struct rtnl *r, void (*see)(const struct rtnl_link *link, void *user), void *user)
{
	struct rtnl_looking looking = { .see = see, .user = user };
	struct nlmsghdr *m = rtnl_begin(r, RTM_GETLINK, NLM_F_DUMP);

	mnl_nlmsg_put_extra_header(m, sizeof(struct ifinfomsg));
	return rtnl_talk(r, m, rtnl_link_seen, &looking);
}

static int
rtnl_route(struct rtnl *r, uint16_t type, uint16_t flags, const struct rtnl_net *to, unsigned index)
{
	struct nlmsghdr *m = rtnl_begin(r, type, NLM_F_ACK | flags);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(m, sizeof(*route));

	route->rtm_family = to->family;
	route->rtm_dst_len = to->len;
	route->rtm_table = RT_TABLE_MAIN;
	route->rtm_protocol = RTNL_PROTOCOL;
	route->rtm_scope = to->family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	route->rtm_type = RTN_UNICAST;
	mnl_attr_put(m, RTA_DST, to->family == AF_INET ? 4 : 16, to->addr);
	mnl_attr_put_u32(m, RTA_OIF, index);
	return rtnl_talk(r, m, NULL, NULL);
}

int
rtnl_route_add(struct rtnl *r, const struct rtnl_net *to, unsigned index)
{
	return rtnl_route(r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, to, index);
}

int
rtnl_route_remove(struct rtnl *r, const struct rtnl_net *to, unsigned index)
{
	return rtnl_route(r, RTM_DELROUTE, 0, to, index);
}

struct rtnl_matching {
	uint32_t table, index;
	uint8_t len;
};

static int
rtnl_match_attribute(const struct nlattr *attr, void *user)
{
	struct rtnl_matching *match = user;

	if (mnl_attr_get_payload_len(attr) < sizeof(uint32_t))
		return MNL_CB_OK;
	if (mnl_attr_get_type(attr) == RTA_OIF)
		match->index = mnl_attr_get_u32(attr);
	else if (mnl_attr_get_type(attr) == RTA_TABLE)
		match->table = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int
rtnl_match(const struct nlmsghdr *m, void *user)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(m);
	struct rtnl_matching *match = user;

	if (m->nlmsg_type != RTM_NEWROUTE)
		return MNL_CB_OK;
	match->table = route->rtm_table;
	match->len = route->rtm_dst_len;
	mnl_attr_parse(m, sizeof(*route), rtnl_match_attribute, match);
	return MNL_CB_OK;
}

bool
rtnl_route_there(struct rtnl *r, const struct rtnl_net *to, unsigned index)
{
	struct nlmsghdr *m = rtnl_begin(r, RTM_GETROUTE, NLM_F_ACK);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(m, sizeof(*route));
	struct rtnl_matching match = { 0 };

	route->rtm_family = to->family;
	route->rtm_dst_len = to->family == AF_INET ? 32 : 128;
	route->rtm_flags = RTM_F_FIB_MATCH;
	mnl_attr_put(m, RTA_DST, to->family == AF_INET ? 4 : 16, to->addr);
	return rtnl_talk(r, m, rtnl_match, &match) == 0 && match.table == RT_TABLE_MAIN && match.len == to->len &&
	       match.index == index;
}

struct rtnl_seeing {
	void (*see)(const struct rtnl_net *address, unsigned index, void *user);
	void *user;
	struct rtnl_net address;
	bool local;			/* address is from IFA_LOCAL */
};

/* On a point-to-point link IFA_ADDRESS is the peer and IFA_LOCAL is us; elsewhere they are the same, or one is absent. */
static int
rtnl_see_attribute(const struct nlattr *attr, void *user)
{
	struct rtnl_seeing *seeing = user;
	uint16_t type = mnl_attr_get_type(attr), size = seeing->address.family == AF_INET ? 4 : 16;

	if (mnl_attr_get_payload_len(attr) < size || (type != IFA_LOCAL && (type != IFA_ADDRESS || seeing->local)))
		return MNL_CB_OK;
	memcpy(seeing->address.addr, mnl_attr_get_payload(attr), size);
	seeing->local = type == IFA_LOCAL;
	return MNL_CB_OK;
}

static int
rtnl_see_address(const struct nlmsghdr *m, void *user)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(m);
	struct rtnl_seeing *seeing = user;

	if (m->nlmsg_type != RTM_NEWADDR || (header->ifa_family != AF_INET && header->ifa_family != AF_INET6))
		return MNL_CB_OK;
	seeing->address = (struct rtnl_net) { .family = header->ifa_family, .len = header->ifa_prefixlen };
	seeing->local = false;
	if (mnl_attr_parse(m, sizeof(*header), rtnl_see_attribute, seeing) >= 0)
		seeing->see(&seeing->address, header->ifa_index, seeing->user);
	return MNL_CB_OK;
}

int
rtnl_addresses(struct rtnl *r, void (*see)(const struct rtnl_net *address, unsigned index, void *user), void *user)
{
	struct rtnl_seeing seeing = { .see = see, .user = user };
	struct nlmsghdr *m = rtnl_begin(r, RTM_GETADDR, NLM_F_DUMP);

	mnl_nlmsg_put_extra_header(m, sizeof(struct ifaddrmsg));
	return rtnl_talk(r, m, rtnl_see_address, &seeing);
}
