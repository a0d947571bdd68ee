"""Several workers: whoever reads a packet, its shard's owner translates it."""
from row import *

HELLO = b"hello"
WORKERS = "workers = 2"
HOSTS = [f"2001:db8:{n:x}::1" for n in range(24)]


def anywhere(packet, verdict, expected=None, learn=None, hops=1):
    """Read by worker 0, then once more by worker 1; handed over until somebody decides, at most so many times."""
    def step(run):
        for first in (0, 1):
            data, worker = bytes(build(packet, run.ports)), first
            for _ in range(hops + 1):
                got, out, to = run.gateway.packet(data, worker)
                if got != "handed_over":
                    break
                run.handed = getattr(run, "handed", 0) + 1
                if to == worker:
                    raise Difference(f"worker {worker} hands over to itself")
                data, worker = out, to
            if got != verdict:
                raise Difference(f"verdict: expected {verdict}, got {got} (read by worker {first})")
            run.ports.out = out
            if learn and out:
                setattr(run.ports, learn, learnt(out))
            want = build(expected, run.ports)
            compare(f"packet read by worker {first}", bytes(free_ids(want, out)) if want is not None else b"", out)
    return step


def handed(low, high):
    def step(run):
        n = getattr(run, "handed", 0)
        if not low <= n <= high:
            raise Difference(f"{n} packets were handed over, {low} to {high} expected")
    return step


def udp_of(host, n):
    return anywhere(in6(host) / UDP(sport=5000, dport=53) / HELLO, "translated",
                    lambda p: out4() / UDP(sport=getattr(p, f"h{n}"), dport=53) / HELLO, learn=f"h{n}")


def reply_to(host, n):
    return anywhere(lambda p: in4() / UDP(sport=53, dport=getattr(p, f"h{n}")) / HELLO, "translated",
                    out6(dst=host) / UDP(sport=53, dport=5000) / HELLO)


def error_to(host, n):
    return anywhere(lambda p: in4(HOP) / error4(3, 3, v4(id=1) / UDP(sport=getattr(p, f"h{n}"), dport=53) / HELLO),
                    "translated", out6(HOP, host) / error6(1, 4, in6(host) / UDP(sport=5000, dport=53) / HELLO))


def error_from(host, n):
    return anywhere(in6(ROUTER) / error6(1, 4, v6(R, host) / UDP(sport=53, dport=5000) / HELLO), "translated",
                    lambda p: out4() / error4(3, 3, v4(R, POOL, flags=0) / UDP(sport=53, dport=getattr(p, f"h{n}")) / HELLO))


for workers in (2, 3, 7, 16):
    row(f"{workers} workers: either reader, one owner, UDP both ways", "RFC 6146 3.1",
        *[step for n, host in enumerate(HOSTS) for step in (udp_of(host, n), reply_to(host, n))],
        count(bindings=24, sessions=24), handed(24, 96), config=f"workers = {workers}")
row("errors go to the owner of the packet inside", "RFC 6146 3.6",
    *[step for n, host in enumerate(HOSTS) for step in (udp_of(host, n), error_to(host, n), error_from(host, n))],
    handed(72, 72), config=WORKERS)
row("TCP and echo", "RFC 6146 3.5",
    *[anywhere(in6(host) / TCP(sport=40000, dport=80, flags="S"), "translated",
               lambda p: out4() / TCP(sport=p.t, dport=80, flags="S"), learn="t") for host in HOSTS[:8]],
    *[anywhere(in6(host) / echo6(77), "translated", lambda p: out4() / echo4(p.e), learn="e") for host in HOSTS[:8]],
    count(bindings=16, sessions=16), handed(16, 16), config=WORKERS)
row("all ports and identifiers of one subscriber have one owner", "RFC 6888 REQ-2",
    *[anywhere(in6(f"2001:db8:1::{n:x}") / UDP(sport=n, dport=53), "translated",
               lambda p: out4() / UDP(sport=p.x, dport=53), learn="x") for n in range(1, 20)],
    handed(19, 19), config=WORKERS)
row("refusals do not depend on the reader", "RFC 6146 3.5",
    anywhere(in4() / UDP(sport=53, dport=60000), "no_binding"),
    anywhere(in6(HOSTS[1]) / TCP(sport=1, dport=2, flags="A"), "no_session"),
    anywhere(in6(dst="10.0.0.1") / UDP(), "destination_denied",
             v6(POOL, A) / error6(1, 1, in6(dst="10.0.0.1") / UDP())),
    anywhere(in6(HOSTS[2], hlim=1) / UDP(), "hop_limit", v6(POOL, HOSTS[2]) / error6(3, 0, in6(HOSTS[2], hlim=1) / UDP())),
    config=WORKERS)

SERVICES = [f"static = udp {POOL}:{7000 + n} [{host}]:700" for n, host in enumerate(HOSTS[:6])]
MEETINGS = [anywhere(in6(HOSTS[c], POOL) / UDP(sport=5000, dport=7000 + s) / HELLO, "translated",
                     lambda p, c=c, s=s: out6(POOL, HOSTS[s], hlim=62) / UDP(sport=getattr(p, f"c{c}"), dport=700) / HELLO,
                     learn=f"c{c}", hops=2)
            for c in range(12, 16) for s in range(6)]
ANSWERS = [anywhere(lambda p, c=c, s=s: in6(HOSTS[s], POOL) / UDP(sport=700, dport=getattr(p, f"c{c}")) / HELLO, "translated",
                    out6(POOL, HOSTS[c], hlim=62) / UDP(sport=7000 + s, dport=5000) / HELLO, hops=2)
           for c in range(12, 16) for s in range(6)]
row("hairpin between the shards of two workers", "RFC 6146 3.8", *MEETINGS, *ANSWERS, count(bindings=10, sessions=48),
    handed(24, 192), config=[WORKERS, *SERVICES])

def error_comes_back(c, s):
    """Hop limit 2 ends between the two passes. The verdict depends on who owns what: hop_limit where one worker does it all, translated where the
    error was handed back to the caller's owner."""
    want = out6(POOL, HOSTS[c], tc=0xc0) / error6(3, 0, in6(HOSTS[c], POOL, hlim=1) / UDP(sport=5000, dport=7000 + s) / HELLO)

    def step(run):
        for first in (0, 1):
            data, worker = bytes(in6(HOSTS[c], POOL, hlim=2) / UDP(sport=5000, dport=7000 + s) / HELLO), first
            for _ in range(4):
                got, out, to = run.gateway.packet(data, worker)
                if got != "handed_over":
                    break
                data, worker = out, to
            if got not in ("hop_limit", "translated"):
                raise Difference(f"verdict {got}")
            compare("the error", bytes(want), out)
    return step


row("a hairpin error finds its way back over two workers", "RFC 6146 3.8",
    *[error_comes_back(c, s) for c in range(12, 16) for s in range(6)], config=[WORKERS, *SERVICES])

# Bindings that nobody configured: six hosts, each known to the others by the port that it has at the server
def open_at(layer, n):
    return anywhere(in6(HOSTS[n]) / layer(dport=53), "translated",
                    lambda p: out4() / layer(sport=getattr(p, f"h{n}"), dport=53), learn=f"h{n}")


def meet(layer, n, m, verdict="translated"):
    return anywhere(lambda p: in6(HOSTS[n], POOL) / layer(dport=getattr(p, f"h{m}")), verdict,
                    verdict == "translated" and (lambda p: out6(POOL, HOSTS[m], hlim=62) / layer(
                        sport=getattr(p, f"h{n}"), dport=5000)) or None, hops=2)


def complain(layer, n, m, who):
    """m, or a router on the way to it, about what n has sent."""
    return anywhere(lambda p: in6(who, POOL) / error6(1, 4, out6(POOL, HOSTS[m], hlim=62) / layer(
                        sport=getattr(p, f"h{n}"), dport=5000)), "translated",
                    lambda p: out6(POOL, HOSTS[n], hlim=62) / error6(1, 4, in6(HOSTS[n], POOL, hlim=62) / layer(
                        dport=getattr(p, f"h{m}"))), hops=2)


def udp(sport=5000, dport=5000):
    return UDP(sport=sport, dport=dport) / HELLO


def syn(sport=5000, dport=5000):
    return TCP(sport=sport, dport=dport, flags="S")


PAIRS = [(n, m) for n in range(6) for m in range(6) if n != m]
for filtering in ("endpoint-independent", "address-dependent"):
    config = [WORKERS, f"filtering = {filtering}", "tcp-incoming-syn = drop"]
    for layer in (udp, syn):
        # Who has sent to the pool address is open to it, so only the first of each three is refused.
        strangers = [meet(layer, n, n + 3, "filtered") for n in range(3)] if filtering == "address-dependent" else []
        row(f"hairpin over two workers, {filtering}: {layer.__name__} and errors about it", "RFC 6146 3.8; RFC 4787 REQ-9",
            *[open_at(layer, n) for n in range(6)], *strangers, *[meet(layer, n, n - 3) for n in range(3, 6)],
            *[meet(layer, *pair) for pair in PAIRS],
            *[complain(layer, *pair, who) for pair in PAIRS for who in (HOSTS[pair[1]], ROUTER)],
            count(bindings=6, sessions=36), handed(100, 300), config=config)
    row(f"hairpin over two workers, {filtering}: echo", "RFC 5508 REQ-7",
        *[anywhere(in6(HOSTS[n], POOL) / echo6(77, reply=reply), "translated",
                   out6(POOL, HOSTS[n], hlim=62) / echo6(77, reply=reply)) for n in range(6) for reply in (False, True)],
        count(bindings=6, sessions=6), handed(12, 12), config=config)
row("a successor goes on with its predecessor's shards, and with no other", "availability",
    *[step for n, host in enumerate(HOSTS) for step in (udp_of(host, n),)], restart(1),
    *[step for n, host in enumerate(HOSTS) for step in (reply_to(host, n),)], count(bindings=24, sessions=24),
    handed(48, 48), config=WORKERS)
