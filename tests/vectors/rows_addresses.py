"""Addresses: the six prefix lengths, who may be a source, which destinations are refused."""
from row import *

# RFC 6052 section 2.4, as printed there
TABLE = [
    ("2001:db8::/32", "2001:db8:c000:221::"),
    ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
    ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
    ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
    ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
    ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
    ("64:ff9b::/96", "64:ff9b::192.0.2.33"),
]
HOST = "fd00::a"


def table_row(prefix, printed, name, spelled):
    """A packet to `spelled`, which stands for 192.0.2.33; its answer comes from what the RFC prints."""
    row(f"{prefix} {name}", "RFC 6052 2.4" if spelled == printed else "RFC 6052 2.2",
        send(IPv6(src=HOST, dst=spelled) / UDP(sport=5000, dport=53) / b"hello", "translated",
             lambda p: out4("198.51.100.1", "192.0.2.33") / UDP(sport=p.a, dport=53) / b"hello", learn="a"),
        send(lambda p: in4("192.0.2.33", "198.51.100.1") / UDP(sport=53, dport=p.a) / b"hello", "translated",
             IPv6(src=printed, dst=HOST, hlim=63) / UDP(sport=53, dport=5000) / b"hello"),
        config=[f"prefix = {prefix}", "pool = 198.51.100.1", "allow = 192.0.2.0/24", "source = fd00::/8"])


def with_bits(address, u=0, suffix=0):
    return str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(address)) | u << 56 | suffix))


for prefix, printed in TABLE:
    table_row(prefix, printed, "both ways", printed)
    if "/96" in prefix:
        continue
    room = 128 - int(prefix.split("/")[1]) - 40
    table_row(prefix, printed, "with a suffix, ignored", with_bits(printed, suffix=(1 << room) - 1))
    table_row(prefix, printed, "with bits in the u octet, ignored", with_bits(printed, u=0xff))
    table_row(prefix, printed, "with both, ignored", with_bits(printed, u=0xa5, suffix=0x5a & ((1 << room) - 1)))

def answer(src):
    return lambda p: in4(src) / UDP(sport=53, dport=p.a)


row("two prefixes: the answer comes from the one that was used, and a change is followed", "RFC 6146 3.5.4",
    send(in6(dst=embed(R, "2001:db8:64::/48")) / UDP(sport=5000, dport=53), "translated",
         lambda p: out4() / UDP(sport=p.a, dport=53), learn="a"),
    send(in6(dst=R2) / UDP(sport=5000, dport=53), "translated",
         lambda p: out4(dst=R2) / UDP(sport=p.a, dport=53)),
    send(answer(R), "translated",
         out6(embed(R, "2001:db8:64::/48")) / UDP(sport=53, dport=5000)),
    send(answer(R2), "translated", out6(R2) / UDP(sport=53, dport=5000)),
    send(in6() / UDP(sport=5000, dport=53), "translated", lambda p: out4() / UDP(sport=p.a, dport=53)),
    send(answer(R), "translated", out6() / UDP(sport=53, dport=5000)),
    count(bindings=1, sessions=2),
    config=["prefix = 64:ff9b::/96", "prefix = 2001:db8:64::/48", "source = 2001:db8:1::/48"])

# A host may know one of the prefixes only: a CLAT drops what comes from another one.
TWO = ["prefix = 64:ff9b::/96", "prefix = 2001:db8:64::/48", "source = 2001:db8:1::/48"]
OTHER = "2001:db8:64::/48"


def by(prefix, dst=R):
    return send(in6(dst=embed(dst, prefix)) / UDP(sport=5000, dport=53), "translated",
                lambda p: out4(dst=dst) / UDP(sport=p.a, dport=53), learn="a")


def seen(src, prefix):
    return send(answer(src), "translated", out6(embed(src, prefix)) / UDP(sport=53, dport=5000))


row("two prefixes: a stranger is seen under the one that the host uses", "RFC 6146 3.5.4", by(OTHER), seen(R2, OTHER),
    config=TWO)
row("two prefixes: a stranger is seen under the one of the first session", "RFC 6146 3.5.4", by(OTHER), by(PREFIX, R2),
    seen(HOP, OTHER), config=TWO)
row("two prefixes: a stranger is seen under the one that the host has changed to", "RFC 6146 3.5.4", by(OTHER), by(PREFIX),
    seen(R2, PREFIX), config=TWO)
row("two prefixes: the first session has ended, and a stranger is seen under its prefix all the same", "RFC 6146 3.5.4",
    by(OTHER), wait(200), by(PREFIX, R2), wait(100), count(sessions=1), seen(HOP, OTHER), config=TWO)
row("two prefixes: a stranger is seen under the first one by a service that has sent to nobody", "RFC 6146 3.5.4",
    send(in4(R2) / UDP(sport=7, dport=53), "translated", out6(R2) / UDP(sport=7, dport=5000)),
    config=[*TWO, f"static = udp {POOL}:53 [{A}]:5000"])

for name, dst in [("outside every prefix", "2001:db8:9::1"), ("next to the prefix", "64:ff9b:0:0:0:1::1"),
                  ("multicast", "ff0e::1")]:
    row(f"destination {name}", "RFC 6146 3.5", drop(in6(dst=dst) / UDP(sport=1, dport=2), "not_in_prefix"))
for dst in ("192.0.2.2", "192.0.1.255", "0.0.0.0", "255.255.255.255", "224.0.0.1"):
    row(f"IPv4 destination {dst} is not in the pool", "RFC 6146 3.5",
        drop(in4(dst=dst) / UDP(sport=53, dport=1024), "not_in_pool"))

row("source inside the prefix: a loop, dropped silently", "RFC 6146 3.5",
    drop(in6(src=embed(R2)) / UDP(sport=5000, dport=53), "source_in_prefix"),
    drop(in6(src=embed(POOL)) / echo6(1), "source_in_prefix"), config="source = any")
for src in ("::", "::1", "ff02::1", "ff0e::5"):
    row(f"IPv6 source {src}", "RFC 7915 5.1",
        drop(in6(src=src) / UDP(sport=5000, dport=53), "source_illegal"), config="source = any")
row("source that no source line names", "RFC 7269 uRPF",
    drop(in6(src="2001:db8:2::1") / UDP(sport=5000, dport=53), "source_denied"),
    open_udp(src="2001:db8:1::1"), config="source = 2001:db8:1::/48")
row("source is a single address", "RFC 7269 uRPF",
    drop(in6(src=A2) / UDP(sport=5000, dport=53), "source_denied"), open_udp(), config=f"source = {A}/128")
row("an error about a host that is not served", "RFC 7269 uRPF",
    drop(in6(src=ROUTER) / error6(1, 0, v6(R, "2001:db8:2::1") / UDP(sport=53, dport=5000)), "source_denied"),
    config="source = 2001:db8:1::/48")

for src in ("0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255", "224.0.0.1", "239.255.255.255", "240.0.0.1",
            "255.255.255.255"):
    row(f"IPv4 source {src}", "RFC 7915 4.1", open_udp(), drop(answer(src), "source_illegal"), count(sessions=1))

# The registry: first and last address of each entry refused, the neighbours not. allow is empty.
DENIED = {
    "0.0.0.0/8": True, "10.0.0.0/8": True, "100.64.0.0/10": True, "127.0.0.0/8": True, "169.254.0.0/16": True,
    "172.16.0.0/12": True, "192.0.0.0/24": True, "192.88.99.0/24": True, "192.168.0.0/16": True,
    "198.18.0.0/15": True, "224.0.0.0/4": True, "240.0.0.0/4": True,
    "192.0.2.0/24": False, "198.51.100.0/24": False, "203.0.113.0/24": False,
}
PREFIXES = {32: "fd64::/32", 40: "fd64::/40", 48: "64:ff9b:1::/48", 56: "fd64::/56", 64: "fd64::/64", 96: "fd64::/96"}


def refused(ip4, prefix):
    return send(in6(dst=embed(ip4, prefix)) / UDP(sport=5000, dport=53), "destination_denied",
                v6(embed("198.18.0.1", prefix), A, hlim=64) /
                error6(1, 1, in6(dst=embed(ip4, prefix)) / UDP(sport=5000, dport=53)))


def allowed(ip4, prefix):
    return send(in6(dst=embed(ip4, prefix)) / UDP(sport=5000, dport=53), "translated",
                lambda p: out4("198.18.0.1", ip4) / UDP(sport=p.a, dport=53), learn="a")


def neighbours(net):
    """First and last inside; before and behind, where those are ordinary addresses."""
    special = [ipaddress.IPv4Network(n) for n in DENIED]
    inside = [net[0], net[-1]]
    outside = [a for a in (int(net[0]) - 1, int(net[-1]) + 1) if 0 < a < 2 ** 32]
    outside = [ipaddress.IPv4Address(a) for a in outside]
    return inside, [a for a in outside if not any(a in s for s in special)]


for length, prefix in PREFIXES.items():
    for text in DENIED:
        inside, outside = neighbours(ipaddress.IPv4Network(text))
        row(f"{text} in a /{length}", "RFC 6890", *[refused(str(a), prefix) for a in inside],
            *[allowed(str(a), prefix) for a in outside],
            config=[f"prefix = {prefix}", "pool = 198.18.0.1", "allow = 9.9.9.9/32"])
row("globally reachable exceptions inside 192.0.0.0/24", "RFC 6890",
    allowed("192.0.0.9", "fd64::/96"), allowed("192.0.0.10", "fd64::/96"), refused("192.0.0.8", "fd64::/96"),
    refused("192.0.0.11", "fd64::/96"), refused("192.0.0.170", "fd64::/96"),
    config=["prefix = fd64::/96", "pool = 198.18.0.1", "allow = 9.9.9.9/32"])


# Entries of the IANA registry that lie within another one, and those that are globally reachable and so are not refused.
WITHIN = ["0.0.0.0/32", "192.0.0.0/29", "192.0.0.8/32", "192.0.0.170/32", "192.0.0.171/32", "192.88.99.2/32", "255.255.255.255/32"]
REACHABLE = ["192.0.0.9/32", "192.0.0.10/32", "192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24"]
for length, prefix in PREFIXES.items():
    for text in WITHIN + REACHABLE:
        net = ipaddress.IPv4Network(text)
        row(f"{text} in a /{length}", "RFC 6890", *[(refused if text in WITHIN else allowed)(str(a), prefix)
                                                    for a in sorted({net[0], net[-1]})],
            config=[f"prefix = {prefix}", "pool = 198.18.0.1", "allow = 9.9.9.9/32"])
    row(f"the own pool in a /{length} without hairpinning", "hairpin",
        drop(in6(dst=embed("198.18.0.1", prefix)) / UDP(sport=5000, dport=53), "hairpin_off"),
        config=[f"prefix = {prefix}", "pool = 198.18.0.1", "hairpin = no", "allow = 198.18.0.0/15"])

# The IANA IPv6 registry as sources: first and last address of each entry. What can be no host's address is refused whatever
# `source` says; the others are sources like any, which the operator names or not.
NO_SOURCE = ["::/128", "::1/128", "::ffff:0:0/96", "100:0:0:1::/64", "fe80::/10", "ff00::/8"]
SOURCES = ["64:ff9b:1::/48", "100::/64", "2001::/32", "2001:1::1/128", "2001:1::2/128", "2001:1::3/128",
           "2001:2::/48", "2001:3::/32", "2001:4:112::/48", "2001:10::/28", "2001:20::/28", "2001:30::/28", "2001:db8::/32",
           "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7"]
for text in NO_SOURCE + SOURCES:
    net = ipaddress.IPv6Network(text)
    for src in sorted({net[0], net[-1]}):
        packet = in6(src=str(src)) / UDP(sport=5000, dport=53)
        if text in NO_SOURCE:
            row(f"IPv6 source {src} of {text}", "RFC 6890", drop(packet, "source_illegal"), config="source = any")
        else:
            row(f"IPv6 source {src} of {text}", "RFC 6890",
                send(packet, "translated", lambda p: out4() / UDP(sport=p.a, dport=53), learn="a"), config="source = any")
            row(f"IPv6 source {src} of {text}, not named", "RFC 7269 uRPF", drop(packet, "source_denied"),
                config="source = 2a00:1::/32")


def fate(ip4, verdict, prefix=PREFIX):
    packet = in6(dst=embed(ip4, prefix)) / UDP(sport=5000, dport=53)
    if verdict == "translated":
        return send(packet, verdict, lambda p: out4(dst=ip4) / UDP(sport=p.a, dport=53), learn="a")
    return send(packet, verdict, v6(embed(POOL, prefix), A) / error6(1, 1, packet))


LOCAL = "64:ff9b:1::/96"
row("allow opens a special network", "operator's lists", fate("10.1.2.3", "translated", LOCAL),
    fate("10.2.2.3", "destination_denied", LOCAL), fate("192.168.0.1", "destination_denied", LOCAL),
    config=[f"prefix = {LOCAL}", "allow = 10.1.0.0/16"])
row("the longest match wins: allow inside deny inside allow", "operator's lists",
    fate("8.0.0.1", "translated"), fate("8.8.0.1", "destination_denied"), fate("8.8.8.1", "translated"),
    fate("8.8.8.8", "destination_denied"), fate("8.8.8.9", "translated"),
    config=["allow = 8.0.0.0/8", "deny = 8.8.0.0/16", "allow = 8.8.8.0/24", "deny = 8.8.8.8/32"])
row("deny of everything, allow of a part", "operator's lists", fate("1.1.1.1", "destination_denied"),
    fate("8.8.8.8", "translated"), fate("223.255.255.255", "destination_denied"),
    config=["deny = 0.0.0.0/0", "allow = 8.0.0.0/8"])
row("allow as wide as the special entry", "operator's lists", fate("10.255.0.1", "translated", LOCAL),
    config=[f"prefix = {LOCAL}", "allow = 10.0.0.0/8"])
row("allow wider than the special entry does not open it", "operator's lists",
    fate("10.255.0.1", "destination_denied", LOCAL), config=[f"prefix = {LOCAL}", "allow = 0.0.0.0/0"])
row("deny longer than allow of a special entry", "operator's lists", fate("10.0.0.1", "translated", LOCAL),
    fate("10.9.0.1", "destination_denied", LOCAL),
    config=[f"prefix = {LOCAL}", "allow = 10.0.0.0/8", "deny = 10.9.0.0/16"])
row("lists change with a reload", "operator's lists", fate("8.8.8.8", "translated"), reload("deny = 8.0.0.0/8"),
    fate("8.8.8.8", "destination_denied"), reload("deny = 9.0.0.0/8"), fate("8.8.8.8", "translated"))

for ip4 in ("10.1.2.3", "100.64.0.1", "172.31.0.1", "192.168.1.1", "169.254.169.254", "198.19.0.1"):
    row(f"{ip4} is never represented in 64:ff9b::/96, even if allowed", "RFC 6052 3.1",
        fate(ip4, "destination_denied"), open_udp(dst="8.8.8.8"),
        drop(answer(ip4), "source_illegal"), config=[f"allow = {ip4}/32"])
    row(f"{ip4} with wkp-strict = no, allowed", "RFC 6052 3.1", fate(ip4, "translated"),
        send(answer(ip4), "translated", out6(ip4) / UDP(sport=53, dport=5000)),
        config=[f"allow = {ip4}/32", "wkp-strict = no"])
    row(f"{ip4} in the local-use prefix, allowed", "RFC 8215 3", fate(ip4, "translated", LOCAL),
        send(answer(ip4), "translated",
             out6(embed(ip4, LOCAL)) / UDP(sport=53, dport=5000)),
        config=[f"allow = {ip4}/32", f"prefix = {LOCAL}"])
row("documentation addresses in 64:ff9b::/96: refused, but for labs that allow them", "RFC 6052 3.1",
    fate("198.51.100.7", "destination_denied"), fate(R, "translated"), send(answer(R), "translated", out6() / UDP(sport=53, dport=5000)))
row("wkp-strict beside another prefix: only the well-known one is guarded", "RFC 6052 3.1",
    fate("10.1.2.3", "translated", LOCAL),
    send(in6(dst="10.1.2.3") / UDP(sport=5000, dport=53), "destination_denied",
         v6(embed(POOL, LOCAL), A) / error6(1, 1, in6(dst="10.1.2.3") / UDP(sport=5000, dport=53))),
    config=[f"prefix = {LOCAL}", f"prefix = {PREFIX}", "allow = 10.0.0.0/8"])

# The registry's entries within others are entries, too: who allows the wider one has not allowed these.
for wide, narrow in [("0.0.0.0/8", "0.0.0.0"), ("192.0.0.0/24", "192.0.0.1"), ("192.0.0.0/24", "192.0.0.8"),
                     ("192.0.0.0/24", "192.0.0.170"), ("192.0.0.0/24", "192.0.0.171"), ("192.88.99.0/24", "192.88.99.2"),
                     ("240.0.0.0/4", "255.255.255.255")]:
    row(f"{narrow} is not allowed with {wide}, but by itself", "RFC 6890", fate(narrow, "destination_denied", LOCAL),
        fate(str(ipaddress.IPv4Network(wide)[64]), "translated", LOCAL), reload(f"prefix = {LOCAL}", f"allow = {narrow}/32"),
        fate(narrow, "translated", LOCAL), config=[f"prefix = {LOCAL}", f"allow = {wide}"])

# An alias, by the bits that RFC 6052 section 2.2 has ignored, is denied as what it stands for.
for length, prefix in PREFIXES.items():
    for u, suffix in [(0xff, 0), (0, 1), (0x5a, 1)] if length < 96 else []:
        for dst, verdict in [("169.254.169.254", "destination_denied"), ("8.8.8.8", "translated")]:
            packet = in6(dst=with_bits(embed(dst, prefix), u, suffix)) / UDP(sport=5000, dport=53)
            row(f"{dst} in a /{length}, u octet {u:#x}, suffix {suffix}", "RFC 6052 2.2",
                send(packet, verdict, v6(embed(POOL, prefix), A) / error6(1, 1, packet)) if verdict != "translated" else
                send(packet, verdict, lambda p: out4(dst="8.8.8.8") / UDP(sport=p.a, dport=53), learn="a"),
                config=f"prefix = {prefix}")

# The gateway's own address where it is not one of the pool: what is sent there would come back by the default route.
for length, prefix in PREFIXES.items():
    def own(verdict, prefix=prefix):
        packet = in6(dst=embed("9.9.9.9", prefix)) / UDP(sport=5000, dport=53)
        return send(packet, verdict, v6(embed("9.9.9.9", prefix), A) / error6(1, 1, packet)) if verdict != "translated" else \
            send(packet, verdict, lambda p: out4(dst="9.9.9.9") / UDP(sport=p.a, dport=53), learn="a")
    row(f"router4 in a /{length}", "RFC 6890", own("destination_denied"),
        reload("router4 = 9.9.9.9", f"prefix = {prefix}", "allow = 9.0.0.0/8"), own("destination_denied"),
        reload("router4 = 9.9.9.9", f"prefix = {prefix}", "allow = 9.9.9.9/32"), own("translated"),
        count(bindings=1),
        config=["router4 = 9.9.9.9", f"prefix = {prefix}"])
