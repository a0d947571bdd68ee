#!/usr/bin/env python3
"""law1.py - reads `nat64ctl --json show counters` and checks law 1 for every tenant

Every packet read from a queue, taken from another worker, from a dead predecessor or from those kept ends in exactly
one verdict, and every packet handed over was taken: queue_packets + handover_packets + replayed_packets +
released_packets = sum of all verdicts, and handover_packets = handed_over.
"""
import json
import sys

ACTIONS = ("translate", "drop", "reply", "hand_over", "keep")
tenants, rc = {}, 0
for row in json.load(sys.stdin)["counters"]:
    t = tenants.setdefault(row["tenant"], {"verdicts": 0})
    if row.get("action") in ACTIONS:
        t["verdicts"] += row["value"]
    t[row["name"]] = t.get(row["name"], 0) + row["value"]
for name, t in tenants.items():
    read = t["queue_packets"] + t["handover_packets"] + t["replayed_packets"] + t["released_packets"]
    print(f"{name}: {read} packets, {t['verdicts']} verdicts; {t['handed_over']} handed over, "
          f"{t['handover_packets']} taken; {t['kept']} kept, {t['released_packets']} released")
    rc |= read != t["verdicts"] or t["handed_over"] != t["handover_packets"]
sys.exit(rc or not tenants)
