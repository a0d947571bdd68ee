"""Through two gateways, to the other family and back: nothing changes but what the standards say (RFC 7915 sections 4 and 5).

Addresses, ports and hop limit are theirs to change; extension headers and the flow label end. What an error quotes at last is
what its receiver had sent, to the byte.
"""
from scapy.all import IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop

from row import *

ROUTER_B = "2001:db8:ffff::b"


def transports(kind, data):
    """(what A sends, what B gets, what B answers, what A gets), each a function of the ports."""
    if kind == "echo":
        return (lambda p: echo6(77, 3) / data, lambda p: echo6(99, 3) / data, lambda p: echo6(99, 3, reply=True) / data,
                lambda p: echo6(77, 3, reply=True) / data)
    make = {"UDP": UDP, "TCP": lambda **f: TCP(flags="S", seq=7, options=[("MSS", 1440)], **f)}[kind]
    return (lambda p: make(sport=5000, dport=53) / data, lambda p: make(sport=p.a, dport=5353) / data,
            lambda p: make(sport=5353, dport=p.a) / data, lambda p: make(sport=53, dport=5000) / data)


def mirror(run):
    """The gateway of B, whose pool is R."""
    if not hasattr(run, "mirror"):
        run.mirror = type(run.gateway)(ini([f"pool = {R}", f"static = udp {R}:53 [{B}]:5353",
                                            f"static = tcp {R}:53 [{B}]:5353", f"static = icmp {R}:{run.ports.a} [{B}]:99",
                                            "allow = 192.0.2.0/24"]))
    return run.mirror


def through(run, packet, *gateways):
    for gateway in gateways:
        verdict, packet, _ = gateway.packet(packet)
        if verdict != "translated":
            raise Difference(f"verdict: expected translated, got {verdict}")
        if gateway is run.gateway and packet[0] >> 4 == 4 and not hasattr(run.ports, "a"):
            run.ports.a = learnt(packet)
    return packet


def journey(kind, data, headers, **fields):
    sent, got, answer, answered = transports(kind, data)

    def step(run):
        packet = in6(**fields)
        for h in headers:
            packet = packet / h
        there = through(run, bytes(packet / sent(run.ports)), run.gateway)
        arrived = through(run, there, mirror(run))
        tc, hlim = fields.get("tc", 0), fields.get("hlim", 64) - 2
        compare("at B", bytes(v6(POOL, B, hlim=hlim, tc=tc) / got(run.ports)), arrived)
        back = through(run, bytes(in6(B, POOL, tc=tc) / answer(run.ports)), run.mirror, run.gateway)
        compare("the answer, at A", bytes(v6(R, A, hlim=62, tc=tc) / answered(run.ports)), back)
        quoted = arrived[:1232]
        for type_, code, word in ((1, 4, 0), (3, 0, 0), (4, 0, 7), (2, 0, 1280)):
            error = bytes(in6(ROUTER_B, POOL) / error6(type_, code, quoted, word))
            want = bytes(in6(hlim=hlim, tc=tc) / sent(run.ports))[:1232]
            compare(f"an error {type_}/{code} about it, at A",
                    bytes(out6(R, A, hlim=62) / error6(type_, code, want, word)),
                    through(run, error, run.mirror, run.gateway))
        run.mirror.close()
    return step


HEADERS = [("", []), (" behind extension headers", [IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt()]),
           (" in an atomic fragment", [IPv6ExtHdrFragment(id=5)])]
for kind in ("UDP", "TCP", "echo"):
    for name, headers in HEADERS:
        for data in (b"", b"odd", bytes(range(256)) * 4):
            row(f"{kind} of {len(data)} bytes{name} to IPv4 and back", "RFC 7915 4, 5",
                journey(kind, data, headers, tc=0xb8, fl=0x12345, hlim=9))


def from_ip4(kind, data):
    """A gateway to IPv6, and one whose prefix the IPv6 host's address is under, back to IPv4."""
    host, far = "2001:db8:1::808:808", "8.8.8.8"
    make = {"UDP": UDP, "TCP": lambda **f: TCP(flags="S", seq=7, **f)}[kind]

    def step(run):
        packet = in4(tos=0x28, ttl=9, flags="DF") / make(sport=999, dport=53) / data
        second = type(run.gateway)(ini(["prefix = 2001:db8:1::/96", "source = 64:ff9b::/96", "pool = 198.51.100.1"]))
        out = through(run, bytes(packet), run.gateway, second)
        compare("at the IPv4 host", bytes(free_ids(v4("198.51.100.1", far, tos=0x28, ttl=7) / make(
            sport=learnt(out), dport=53) / data, out)), out)
        second.close()
    row(f"{kind} of {len(data)} bytes to IPv6 and back", "RFC 7915 4, 5", step,
        config=[f"static = {kind.lower()} {POOL}:53 [{host}]:53"])


for kind in ("UDP", "TCP"):
    for data in (b"", b"odd", bytes(range(256)) * 4):
        from_ip4(kind, data)
