/*
 * show_tenants.c - a line per tenant: what it is and how much it does
 *
 * received counts what came from the device, once per packet; translated and dropped are verdicts. A packet that one
 * worker handed to another is in received once, and its verdict is the second one.
 *
 * steering says whether the kernel puts packets into the queue of the worker they belong to: on, off (not wanted, or
 * there is one worker) or refused; then `show status` says why.
 *
 * offload says whether a packet of the device may stand for several: off, tso (of TCP) or tso_uso (and of UDP).
 *
 * guard says likewise whether the kernel drops what comes from the device with a source that is not the tenant's; spoofed is
 * how often it has done so, as nat64d last saw it. It should be 0 for ever: workers send no such packets. to_host are
 * packets that some client has sent to the gateway's own IPv4 addresses, which it drops, too.
 *
 * netns6 and netns4 are the network namespaces of its sides: own, if that is nat64d's. When they differ there is a device
 * of that name in each.
 *
 * cgroup says whether its workers are in a cgroup of their own: on; off, when nat64d may have none; partial, when the kernel
 * hands it not all controllers, or refused: then `show status` says which, or why.
 *
 * Must never: walk a table; all these are sums that somebody else keeps.
 */
#include "ctl/show.h"

const struct output_field show_tenants_fields[SHOW_TENANTS_FIELDS] = {
	{ "name", OUTPUT_TENANT }, { "mode", OUTPUT_TEXT }, { "device", OUTPUT_TEXT },
	{ "workers_running", OUTPUT_NUMBER }, { "bindings", OUTPUT_NUMBER }, { "sessions", OUTPUT_NUMBER },
	{ "received", OUTPUT_NUMBER }, { "translated", OUTPUT_NUMBER }, { "dropped", OUTPUT_NUMBER },
	{ "steering", OUTPUT_TEXT }, { "guard", OUTPUT_TEXT }, { "spoofed", OUTPUT_NUMBER },
	{ "to_host", OUTPUT_NUMBER }, { "offload", OUTPUT_TEXT }, { "netns6", OUTPUT_TEXT }, { "netns4", OUTPUT_TEXT },
	{ "cgroup", OUTPUT_TEXT },
};

bool
show_tenants_rows(struct show *s, unsigned t)
{
	const struct view *v = s->view;
	const struct status_tenant *tenant = &v->status.tenant[t];
	uint64_t bindings = 0, sessions = 0;

	if (!show_room(s))
		return false;
	for (unsigned p = 0; p < NAT64_N_PROTOS; p++) {
		bindings += view_alive(v, t, SHARD_BINDINGS_CREATED, (enum nat64_proto)p);
		sessions += view_alive(v, t, SHARD_SESSIONS_CREATED, (enum nat64_proto)p);
	}
	const struct output_value row[] = {
		output_text(tenant->name), output_text(view_mode_name(tenant->mode)), output_text(tenant->device),
		output_number(view_workers_running(v, t)), output_number(bindings), output_number(sessions),
		output_number(view_received(v, t)),
		output_number(view_action(v, t, NAT64_TRANSLATE)), output_number(view_action(v, t, NAT64_DROP)),
		output_text(view_steering_name(tenant->steering)), output_text(view_guard_name(tenant->guard)),
		output_number(tenant->spoofed[0] + tenant->spoofed[1]), output_number(tenant->to_host),
		output_text(view_offload_name(tenant->offload)), output_text(view_netns_name(tenant->netns6)),
		output_text(view_netns_name(tenant->netns4)), output_text(view_cgroup_name(tenant->cgroup)),
	};
	show_row(s, row, sizeof(row) / sizeof(row[0]));
	return true;
}

const struct show_verb show_tenants = {
	.table = { .list = "tenants", .fields = show_tenants_fields, .nfields = OUTPUT_COUNT(show_tenants_fields) },
	.rows = show_tenants_rows,
};
