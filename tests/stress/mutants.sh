#!/usr/bin/env bash
# mutants.sh [OPERATIONS] - is the crash proof able to fail? Each mutant breaks the protocol in one place; all must be caught
#
# It is built with step.c and stepped, as `make crash` does; it is caught when step finds a violation.
source "$(dirname "$0")/../mutants.sh"

operations=${1:-40}

# caught [nested | import] - step finds a violation, in the mode that is named
caught()
{
	local steps=("$operations")

	case ${1-} in
	nested) steps=(10 nested) ;;
	import) steps=(400 import) ;;
	esac
	gcc -std=c17 -D_GNU_SOURCE -O2 -w -iquote "$work/tree" -o "$work/step" "$work"/tree/tests/stress/step.c \
		"$work"/tree/shm/*.c "$work"/tree/worker/xlat/*.c || return 2
	if "$work/step" "${steps[@]}" >"$work/log" 2>&1; then
		return 1
	fi
	sed -n '$s/.*operations, //p' "$work/log"
}

mutant no-intent shm/shard.c 's/^\tatomic_store_32(&in->effects, effects);.*$//'
mutant intent-cleared-first shm/shard.c '/^shard_commit_owner/,/^}/{s/^\tapply(s, in, effects);$/\tatomic_store_32(\&in->effects, 0);\n\tapply(s, in, effects);/}'
mutant recovery-clears-first shm/shard.c '/^shard_recover_owner/,/^}/{s/^\tif (plausible/\tatomic_store_32(\&in->effects, 0);\n\tif (plausible/}' nested
mutant recovery-forgets shm/shard.c '/^shard_recover_owner/,/^}/{s/^\t\tapply(s, in, effects);$/\t\t;/}'
mutant index-before-commit shm/record.c '/^record_create_owner/,/^}/{s/^\tshard_commit_owner(s, &in);$/\ts->index[cell] = in.index_value;\n\tshard_commit_owner(s, \&in);/}'
mutant port-taken-before-commit shm/record.c '/^record_create_owner/,/^}/{s/^\tpool_change(s, &in, -1, 0);$/\tpool_change(s, \&in, -1, 0);\n\tshard_pool(s, slot \/ s->l->ports_per_shard \/ NAT64_N_PROTOS, slot \/ s->l->ports_per_shard % NAT64_N_PROTOS)->free--;/}'
mutant counts-relative shm/shard.c 's/^\tatomic_store_32(&pool->free, in->pool_free);$/\tpool->free += in->pool_free > pool->free ? 1 : -1;/'
mutant totals-relative shm/shard.c 's/^\t\tatomic_store_64(&s->head->total\[in->binding_total\], in->binding_value);$/\t\ts->head->total[in->binding_total]++;/'
mutant index-after-commit shm/record.c '/^record_remove_owner/,/^}/{s/^\t\tin.effects |= SHARD_INDEX;$/\t\t;/;s/^\tshard_commit_owner(s, &in);$/\tshard_commit_owner(s, \&in);\n\tif (cell >= 0)\n\t\ts->index[cell] = 0;/}'
mutant session-before-commit shm/session.c 's/^\tin->session_key = key_of(s, slot);$/\tin->session_key = s->sessions[n].key = key_of(s, slot);/'
mutant peer-before-commit shm/session.c 's/^\tin->peer_count = /\ts->sessions[peer].peer += (uint32_t)change;\n\tchange = 0;\n&/'
mutant peer-count-relative shm/shard.c 's/^\t\tatomic_store_32(&s->sessions\[in->peer\].peer, in->peer_count);$/\t\ts->sessions[in->peer].peer += in->peer_count > s->sessions[in->peer].peer ? 1 : -1;/'
mutant flags-before-commit shm/session.c '/^session_remove_owner/,/^}/{s/^\tshard_commit_owner(s, &in);$/\ts->records[slot].sessions--;\n\tshard_commit_owner(s, \&in);/}'
mutant subscriber-before-commit shm/subscriber.c '/^change(/,/^}/{s/^\tin->subscribers = .*$/&\n\ts->subscribers[number].state = in->subscriber_state;/}'
mutant subscriber-relative shm/shard.c 's/^\tatomic_store_64(&s->subscribers\[in->subscriber\].state, in->subscriber_state);$/\ts->subscribers[in->subscriber].state += (uint32_t)(in->subscriber_state - s->subscribers[in->subscriber].state) ? 1 : 0;/'
mutant subscriber-beside-commit shm/record.c '/^record_remove_owner/,/^}/{s/^\tsubscriber_leave.*$//;s/^\tshard_commit_owner(s, &in);$/&\n\tin.effects = 0;\n\tsubscriber_leave(s, index_key, \&in, r->subscriber);\n\tshard_commit_owner(s, \&in);/}'
mutant subscriber-cell-after-commit shm/record.c '/^record_remove_owner/,/^}/{s/^\tshard_commit_owner(s, &in);$/\tin.effects \&= ~(uint32_t)SHARD_SUBSCRIBER_INDEX;\n&\n\ts->subscriber_index[in.subscriber_cell] = 0;/}'
mutant subscriber-session-forgotten shm/session.c '/^record_image/,/^}/{s/^\tsubscriber_session(s, &in, r->subscriber, change);$/\tif (change > 0)\n&/}'
mutant subscriber-filled-late shm/record.c '/^record_create_owner/,/^}/{s/^\tshard_commit_owner(s, &in);$/&\n\tr->subscriber = subscriber;/};s/^\t\t\.subscriber = subscriber,$/\t\t.subscriber = 0 * subscriber,/' import
mutant totals-one-by-one worker/xlat/import.c '/^bring_totals/,/^}/{s/^\t\tshard_commit_owner(in->s, &after);$/\t\tafter.effects = SHARD_BINDING_TOTAL;\n\t\tshard_commit_owner(in->s, \&after);\n\t\tafter.effects = SHARD_SESSION_TOTAL;\n\t\tshard_commit_owner(in->s, \&after);/}' import
mutant complete-before-it-is worker/xlat/import.c '/^import_shard/,/^}/{s/^\tbring_sessions(in);$/\tatomic_store_32(\&in->s->head->complete, 1);\n\tbring_sessions(in);/}' import
mutant adopted-otherwise-again worker/xlat/nat64.c '/^adopt_static/,/^}/{s/^\tif (atomic_load_8/\ts->expires[n->layout.pool_slots + number]++;\n&/}'
mutant hold-before-commit shm/record.c '/^record_hold_owner/,/^}/{s/^\tshard_commit_owner(s, &in);$/\ts->expires[slot] = release;\n\tshard_pool(s, slot \/ s->l->ports_per_shard \/ NAT64_N_PROTOS, slot \/ s->l->ports_per_shard % NAT64_N_PROTOS)->held++;\n\tshard_commit_owner(s, \&in);/}' import
finish
