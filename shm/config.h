/*
 * config.h - the configuration as plain data, from config.def
 *
 * No pointer inside, so it can lie in shared memory and be read by every process as it is. A derived value (mtu6,
 * router4, ...) is filled in by the supervisor before anybody else sees the struct: readers never derive.
 */
#ifndef SHM_CONFIG_H
#define SHM_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include "shm/addr.h"

#define CONFIG_NAME_MAX 32		/* a tenant's name with its NUL */
#define CONFIG_MAX_TENANTS 64
#define CONFIG_MAX_WORKERS 16		/* per tenant */
#define CONFIG_MAX_POOL 4096		/* pool addresses of one tenant */
#define CONFIG_MAX_STATICS 1024		/* static bindings of one tenant */
#define CONFIG_COPY_TOS 256		/* traffic_class: copy it */
#define CONFIG_AUTO 0			/* workers: one per CPU; never seen after the supervisor resolved it */

enum config_mode { CONFIG_MODE_NAT64 };
enum config_log_level { CONFIG_LOG_ERROR, CONFIG_LOG_WARNING, CONFIG_LOG_INFO, CONFIG_LOG_DEBUG };
enum config_switch { CONFIG_SWITCH_AUTO, CONFIG_SWITCH_OFF };
enum config_filtering { CONFIG_FILTERING_ENDPOINT, CONFIG_FILTERING_ADDRESS };
enum config_incoming_syn { CONFIG_INCOMING_SYN_KEEP, CONFIG_INCOMING_SYN_DROP };
enum config_icmp_errors { CONFIG_ICMP_ERRORS_BOTH, CONFIG_ICMP_ERRORS_IP6, CONFIG_ICMP_ERRORS_IP4, CONFIG_ICMP_ERRORS_NONE };
enum config_zero_csum { CONFIG_ZERO_CSUM_COMPUTE, CONFIG_ZERO_CSUM_DROP };

struct config_pool {
	uint32_t first, last;		/* addresses, both included */
	uint16_t port_min, port_max;	/* both included; ICMP identifiers too */
};

struct config_static {
	struct ip6 ip6;
	uint32_t ip4;
	uint16_t port6, port4;
	uint8_t proto;			/* enum nat64_proto */
};

struct config_listen {
	uint8_t family;			/* 4, 6, or 0: off */
	uint16_t port;
	uint32_t ip4;
	struct ip6 ip6;
};

struct config_text {
	char s[108];
};

/* CONFIG_TYPE(name, C type): value_parse_<name>() and value_print_<name>() exist in supervisor/value.c. */
#define CONFIG_TYPES \
	CONFIG_TYPE(PATH, struct config_text) \
	CONFIG_TYPE(DIRECTORY, struct config_text) \
	CONFIG_TYPE(NAME, struct config_text) \
	CONFIG_TYPE(DEVICE, struct config_text) \
	CONFIG_TYPE(NETNS, struct config_text) \
	CONFIG_TYPE(LISTEN, struct config_listen) \
	CONFIG_TYPE(LOG_LEVEL, uint32_t) \
	CONFIG_TYPE(MODE, uint32_t) \
	CONFIG_TYPE(BOOL, uint32_t) \
	CONFIG_TYPE(U32, uint32_t) \
	CONFIG_TYPE(SIZE, uint32_t) \
	CONFIG_TYPE(SECONDS, uint32_t) \
	CONFIG_TYPE(WORKERS, uint32_t) \
	CONFIG_TYPE(TRAFFIC_CLASS, uint32_t) \
	CONFIG_TYPE(ZERO_CSUM, uint32_t) \
	CONFIG_TYPE(FILTERING, uint32_t) \
	CONFIG_TYPE(INCOMING_SYN, uint32_t) \
	CONFIG_TYPE(ICMP_ERRORS, uint32_t) \
	CONFIG_TYPE(SWITCH, uint32_t) \
	CONFIG_TYPE(PREFIX6, struct net6) \
	CONFIG_TYPE(NET6, struct net6) \
	CONFIG_TYPE(NET4, struct net4) \
	CONFIG_TYPE(IP6, struct ip6) \
	CONFIG_TYPE(IP4, uint32_t) \
	CONFIG_TYPE(POOL, struct config_pool) \
	CONFIG_TYPE(STATIC, struct config_static)

#define CONFIG_TYPE(name, ctype) typedef ctype config_##name##_t;
CONFIG_TYPES
#undef CONFIG_TYPE

/* Not from the file: pool addresses of the configuration before, whose bindings live on for drain-timeout. */
#define CONFIG_MORE_tenant struct { uint32_t n; struct config_pool item[64]; } leaving_;
#define CONFIG_MORE_gateway

/* struct config_gateway and struct config_tenant. A list is { n, item[] } with n <= its count in config.def. */
#define SECTION(name, doc) struct config_##name {
#define KEY(section, name, type, min, max, def, when, doc) config_##type##_t name;
#define LIST(section, name, type, count, def, when, doc) struct { uint32_t n; config_##type##_t item[count]; } name;
#define END(section) char name_[CONFIG_NAME_MAX]; /* the tenant's NAME; empty for the gateway */ CONFIG_MORE_##section };
#include "shm/config.def"

#endif
