#!/usr/bin/env python3
"""polite.py SERVER PORT NETWORK SUBSCRIBERS RATE SECONDS - how those fare who want little

Run in a client's namespace, to which all of NETWORK, a /40, belongs. SUBSCRIBERS, each a /64 with one UDP flow, ask RATE times
a second in all, in turn. An answer counts when it comes within a second; nobody asks again. Prints as JSON: asked, answered,
and the median and 99th percentile of the round trips in ms.
"""
import ipaddress
import json
import select
import struct
import sys
import time

from crowd import bound, put


def main(server, port, network, subscribers, rate, seconds):
    base = int(ipaddress.IPv6Network(network)[1])
    sources = [(base + (n << 64)).to_bytes(16, "big") for n in range(int(subscribers))]
    s, sent, took = bound(20000), [], []
    begun, rate, total = time.monotonic(), float(rate), int(float(rate) * float(seconds))
    while len(sent) < total or time.monotonic() < sent[-1] + 1:
        due = min(int((time.monotonic() - begun) * rate), total)
        while len(sent) < due:
            put(s, struct.pack(">I", len(sent)), sources[len(sent) % len(sources)], (server, int(port)))
            sent.append(time.monotonic())
        if not select.select([s], [], [], 0.001)[0]:
            continue
        for _ in range(100):
            try:
                number, = struct.unpack(">I", s.recv(200)[-4:])
            except BlockingIOError:
                break
            if time.monotonic() - sent[number] <= 1:
                took.append(time.monotonic() - sent[number])
    took.sort()
    print(json.dumps({"asked": total, "answered": len(took), "median": took[len(took) // 2] * 1000 if took else None,
                      "p99": took[len(took) * 99 // 100] * 1000 if took else None}))


main(*sys.argv[1:])
