"""reference.py - a stateful NAT64 that is slow and plainly right

RFC 6146, 7915 and 6052 for one tenant and one worker, on bytes. It shares nothing with libnat64 but the standards: it was
written from them, from config.def and from docs/DESIGN.md, not from the C. It is an oracle in reverse: packet() is told
what the gateway made of the packet, takes from that only what the standards leave to a translator (which pool port a new
binding gets, the IPv4 id where any will do), after checking that the choice is allowed, and returns what must have come out.

Standards do not say in which order a packet's faults are found. So a packet with several has several right fates; state
changes in none of them. A fate is None (nothing comes out, which a kept SYN looks like), bytes, or a Cut: one packet that must
leave in pieces. Of a packet that came in fragments datagram() says what all of them together must become; which of them go
on, fragments.py knows.

Several workers are one translator, so the reference knows nothing of them but that each has a part of the pool and of the
sessions, and limits of its own: then fewer choices can be called wrong. Left out: reloads, and hairpins where limits are
reached.
"""
import ipaddress
import struct

V4_INIT, V6_INIT, ESTABLISHED, V4_FIN, V6_FIN, BOTH_FIN, TRANS = (
    "v4_init", "v6_init", "established", "v4_fin", "v6_fin", "both_fin", "trans")
SPECIAL = {  # RFC 6890 and successors: not globally reachable; True: not to be represented in 64:ff9b::/96 (RFC 6052 3.1)
    "0.0.0.0/8": True, "10.0.0.0/8": True, "100.64.0.0/10": True, "127.0.0.0/8": True, "169.254.0.0/16": True,
    "172.16.0.0/12": True, "192.0.0.0/24": True, "192.0.2.0/24": False, "192.88.99.0/24": True, "192.168.0.0/16": True,
    "198.18.0.0/15": True, "198.51.100.0/24": False, "203.0.113.0/24": False, "224.0.0.0/4": True, "240.0.0.0/4": True,
    "0.0.0.0/32": True, "192.0.0.0/29": True, "192.0.0.8/32": True, "192.0.0.170/32": True, "192.0.0.171/32": True,
    "192.88.99.2/32": True, "255.255.255.255/32": True,
}
DUMMY = ipaddress.IPv6Network("100:0:0:1::/64")  # RFC 9780
REACHABLE = ("192.0.0.9/32", "192.0.0.10/32")
CONTROL = 0xc0  # precedence 6, internetwork control (RFC 1812 section 4.3.2.5)
PLATEAUS = (65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68)  # RFC 1191 section 7.1


class Wrong(Exception):
    """The gateway chose what it may not choose."""


class Cut:
    """A packet, whole, that leaves in pieces of at most so many bytes; ident is theirs, None where any will do."""
    def __init__(self, whole, most, ident=None):
        self.whole, self.most, self.ident = whole, most, ident


ANY = Cut(b"", 0)  # whatever comes out


def matches(fate, pieces):
    """Is that what came out?"""
    if fate is ANY:
        return True
    if not isinstance(fate, Cut):
        return pieces == ([fate] if fate else [])
    if len(pieces) < 2 or max(map(len, pieces)) > fate.most:
        return False
    whole, ident = join(pieces)
    return whole == fate.whole and fate.ident in (None, ident)


def join(pieces):
    """What fragments are of, and their id. The header is as if it had never been cut: no DF, and no fragment header."""
    heads, parts = set(), {}
    for d in pieces:
        if d[0] >> 4 == 4:
            flags = d[6] << 8 | d[7]
            at, more, body = (flags & 0x1fff) * 8, flags >> 13 & 1, d[20:]
            if d[0] != 0x45 or total(d[:20]) or d[2] << 8 | d[3] != len(d) or flags & 0xc000:
                raise Wrong(f"no IPv4 fragment: {d[:20].hex()}")
            heads.add((d[:2], d[4:6], d[8:10], d[12:20]))
        else:
            at, more, body = d[42] << 8 | d[43] & 0xf8, d[43] & 1, d[48:]
            if d[6] != 44 or d[41] or d[43] & 6 or d[4] << 8 | d[5] != len(d) - 40:
                raise Wrong(f"no IPv6 fragment: {d[:48].hex()}")
            heads.add((d[:4], d[44:48], d[40:41] + d[7:8], d[8:40]))
        if more and len(body) % 8 or parts.setdefault(at, (body, more)) != (body, more):
            raise Wrong(f"a fragment that no other fits: {d[:48].hex()}")
    message, last = b"", 1
    for at, (body, more) in sorted(parts.items()):
        if at != len(message) or not last:
            raise Wrong(f"fragments do not meet at {at}")
        message, last = message + body, more
    if len(heads) != 1 or last:
        raise Wrong(f"{len(heads)} kinds of fragments, or no last one")
    first, ident, middle, ends = heads.pop()
    ident = int.from_bytes(ident, "big")
    if pieces[0][0] >> 4 == 4:
        return header4(ends[:4], ends[4:], len(message), middle[1], middle[0], first[1], ident) + message, ident
    return first + struct.pack(">HBB", len(message), middle[0], middle[1]) + ends + message, ident


def same_but_id(a, b):
    """Two packets, the same but for the IPv4 id."""
    return a == b or a[0] >> 4 == 4 and len(a) == len(b) and a[:4] + a[6:10] + a[12:] == b[:4] + b[6:10] + b[12:]


class Fault(Exception):
    """Why a packet is not translated. reply: None, or a function of the packet that makes (type, code, word)."""
    def __init__(self, reply=None):
        self.reply = reply


DROP = Fault()


def total(data):
    """The one's complement sum of 16-bit words, as a number below 65535; a sum of 0 and one of 65535 are the same."""
    return int.from_bytes(data + b"\0" * (len(data) & 1), "big") % 65535


def check_of(data):
    """The checksum that makes data, with 0 in its place, sum up to 0 (RFC 1071)."""
    return 65535 - (total(data) or 65535)


def pseudo(src, dst, length, proto):
    if len(src) == 4:
        return src + dst + struct.pack(">BBH", 0, proto, length)
    return src + dst + struct.pack(">IHBB", length, 0, 0, proto)


def header4(src, dst, length, proto, ttl=64, tos=0, ident=0, df=False):
    head = struct.pack(">BBHHHBBH", 0x45, tos, 20 + length, ident, 0x4000 if df else 0, ttl, proto, 0) + src + dst
    return head[:10] + struct.pack(">H", check_of(head)) + head[12:]


def header6(src, dst, length, proto, ttl=64, tos=0):
    return struct.pack(">IHBB", 6 << 28 | tos << 20, length, proto, ttl) + src + dst


class Parsed:
    """An IP packet: version, src, dst, tos, ttl, proto, body (what is there behind all headers), size (what the header
    says of it), total (with the IPv4 header), ident (None: any will do), df, and a reply that its header calls for."""


def parse4(d, inner=False):
    p = Parsed()
    if len(d) < 20:
        raise DROP
    ihl, length, flags = (d[0] & 15) * 4, d[2] << 8 | d[3], d[6] << 8 | d[7]
    if ihl < 20 or ihl > len(d) or length < ihl or (length > len(d) and not inner) or total(d[:ihl]):
        raise DROP
    if flags & (0x1fff if inner else 0x3fff):
        raise DROP
    p.more = bool(flags & 0x2000)
    p.version, p.src, p.dst, p.tos, p.ttl, p.proto = 4, d[12:16], d[16:20], d[1], d[8], d[9]
    p.df, p.ident, p.whole, p.total = bool(flags & 0x4000), d[4] << 8 | d[5], d[:length], length
    p.body, p.size, p.fault = d[ihl:] if inner else d[ihl:length], length - ihl, None
    options, p.broken = d[20:ihl], False
    while options and options[0] and not inner:
        if options[0] == 1:
            options = options[1:]
            continue
        if len(options) < 2 or options[1] < 2 or options[1] > len(options):
            if not p.fault:
                raise DROP
            p.broken = True
            break
        if options[0] in (0x83, 0x89) and options[1] >= 3 and options[2] <= options[1]:
            p.fault = Fault((3, 5, 0))  # an unexpired source route (RFC 7915 section 4.1)
        options = options[options[1]:]
    return p


def parse6(d, inner=False):
    p = Parsed()
    if len(d) < 40:
        raise DROP
    length = d[4] << 8 | d[5]
    if length == 0 or (40 + length > len(d) and not inner):
        raise DROP
    p.version, p.src, p.dst, p.ttl = 6, d[8:24], d[24:40], d[7]
    p.tos = (d[0] << 8 | d[1]) >> 4 & 0xff
    p.whole, p.ident, p.df, p.fault, p.more = d[:40 + length], None, True, None, False
    end = len(d) if inner else 40 + length
    at, proto, headers = 40, d[6], 0
    while proto in (0, 43, 44, 60):
        if proto == 0 and at != 40 or proto == 44 and not p.df or headers == 8 or at + 8 > end:
            raise DROP
        size = 8 if proto == 44 else (d[at + 1] + 1) * 8
        if at + size > end or at + size > 40 + length or at + size > 40 + 256:
            raise DROP
        if proto == 44:
            if (d[at + 2] << 8 | d[at + 3]) & (0xfff8 if inner else 0xfff9):
                raise DROP
            p.more = bool(d[at + 3] & 1)
            p.df, p.ident = False, d[at + 6] << 8 | d[at + 7]
        if proto == 43 and d[at + 3]:
            p.fault = Fault((4, 0, at + 3))
            break
        at, proto, headers = at + size, d[at], headers + 1
        if p.more and proto in (0, 43, 44, 60):
            raise DROP
    if proto == 1:
        raise DROP
    p.proto, p.body, p.size = proto, d[at:end], 40 + length - at
    return p


ICMP = {4: 1, 6: 58}
ECHO = {4: (8, 0), 6: (128, 129)}


def is_error(version, type_):
    return type_ < 128 if version == 6 else type_ in (3, 4, 5, 11, 12)


def transport(p, inner=False):
    """Fill p.kind (tcp, udp, echo, error), p.sport, p.dport (echo: the identifier, twice) or raise its fault."""
    b = p.body
    if p.proto == 6:
        p.kind = "tcp"
        if min(p.size, len(b)) < (8 if inner else 20):
            raise DROP
        if not inner and not 20 <= (b[12] >> 4) * 4 <= len(b):
            raise DROP
    elif p.proto == 17:
        p.kind = "udp"
        if p.size < 8 or len(b) < 8:
            raise DROP
        if not inner and not 8 <= (b[4] << 8 | b[5]) <= len(b):
            raise DROP
        if not inner and p.version == 6 and b[6:8] == b"\0\0":
            raise DROP
    elif p.proto == ICMP[p.version]:
        if p.size < 8 or len(b) < 8:
            raise DROP
        p.kind = "error" if is_error(p.version, b[0]) else "echo"
        if p.kind == "echo" and (b[0] not in ECHO[p.version] or b[1]):
            raise DROP
        if p.kind == "echo":
            p.sport = p.dport = b[4] << 8 | b[5]
            return
    elif inner or p.version == 4 and p.proto in (0, 43, 44, 58, 60):
        raise DROP
    else:
        raise Fault((1, 4, 0) if p.version == 6 else (3, 2, 0))
    p.sport, p.dport = struct.unpack(">HH", b[:4])


# RFC 7915 section 4.2: type and code -> type, code, word. A word of None is computed elsewhere.
def map4(type_, code, word):
    if type_ == 3:
        if code in (0, 1, 5, 6, 7, 8, 11, 12):
            return 1, 0, 0
        if code in (9, 10, 13, 15):
            return 1, 1, 0
        return {2: (4, 1, 6), 3: (1, 4, 0), 4: (2, 0, None)}.get(code)
    if type_ == 11 and code in (0, 1):
        return 3, code, 0
    if type_ == 12 and code in (0, 2):
        pointer = {0: 0, 1: 1, 2: 4, 3: 4, 8: 7, 9: 6, 12: 8, 13: 8, 14: 8, 15: 8, 16: 24, 17: 24, 18: 24, 19: 24}
        if word >> 24 in pointer:
            return 4, 0, pointer[word >> 24]
    return None


# RFC 7915 section 5.2
def map6(type_, code, word):
    if type_ == 1 and code <= 4:
        return 3, {0: 1, 1: 10, 2: 1, 3: 1, 4: 3}[code], 0
    if type_ == 2:
        return 3, 4, None
    if type_ == 3 and code in (0, 1):
        return 11, code, 0
    if type_ == 4 and code == 1:
        return 3, 2, 0
    if type_ == 4 and code == 0:
        pointer = {0: 0, 1: 1, 4: 2, 5: 2, 6: 9, 7: 8}
        pointer.update({n: 12 for n in range(8, 24)})
        pointer.update({n: 16 for n in range(24, 40)})
        if word in pointer:
            return 12, 0, pointer[word] << 24
    return None


def tcp_event(flags):
    return "RST" if flags & 4 else "SYN" if flags & 2 else "FIN" if flags & 1 else "other"


def tcp_next(state, side, event):
    """RFC 6146 section 3.5.2.2: the new state, and which timer is set (None: it goes on); RFC 7857 section 2.1 has two."""
    if state == V4_INIT:
        return (ESTABLISHED, "est") if (side, event) == (6, "SYN") else (state, None)
    if state == V6_INIT and event == "SYN":
        return (ESTABLISHED, "est") if side == 4 else (state, "opening")
    if state == ESTABLISHED:
        if event == "RST":
            return TRANS, "closing"
        if event == "FIN":
            return (V4_FIN if side == 4 else V6_FIN), "est"
        return state, "est"
    if state in (V4_FIN, V6_FIN):
        if event == "FIN" and side == (6 if state == V4_FIN else 4):
            return BOTH_FIN, "closing"
        return state, "est"
    if state == TRANS and event != "RST":
        return ESTABLISHED, "est"
    return state, None


class Binding:
    def __init__(self, proto, host, hport):
        self.proto, self.host, self.hport = proto, host, hport
        self.addr = self.port = None  # (T, t); None while nothing has shown them
        self.static = False
        self.sessions = {}  # (remote address, remote port) -> Session
        self.leads = None   # the remote end of the session that says under which prefix strangers are seen
        self.via = None     # that prefix; also when that session is gone


class Session:
    def __init__(self, via, state=None):
        self.via, self.state, self.expires = via, state, None


class Prefix:
    """RFC 6052 section 2.2, with bit strings."""
    def __init__(self, text):
        self.net = ipaddress.IPv6Network(text)
        self.bits = f"{int(self.net.network_address):0128b}"[:self.net.prefixlen]
        self.wkp = text == "64:ff9b::/96"

    def embed(self, four):
        room = 64 - len(self.bits)
        four = f"{int.from_bytes(four, 'big'):032b}"
        bits = self.bits + (four[:room] + "0" * 8 + four[room:] if room >= 0 else four)
        return int(bits.ljust(128, "0"), 2).to_bytes(16, "big")

    def extract(self, six):
        bits = f"{int.from_bytes(six, 'big'):0128b}"
        if not bits.startswith(self.bits):
            return None
        rest = bits[len(self.bits):]
        room = 64 - len(self.bits)
        four = rest[:room] + rest[room + 8:] if room >= 0 else rest
        return int(four[:32], 2).to_bytes(4, "big")


class Config:
    """The keys of nat64.ini that matter here, as text lists: {"pool": [...], ...}."""
    def __init__(self, keys):
        def one(name, default):
            return keys.get(name, [default])[0]
        self.prefixes = [Prefix(p) for p in keys["prefix"]]
        self.pools = []
        for line in keys["pool"]:
            where, _, ports = line.partition(" ports ")
            first, _, last = where.partition("-")
            low, high = map(int, (ports or "1024-65535").split("-"))
            first = int(ipaddress.IPv4Address(first))
            last = int(ipaddress.IPv4Address(last)) if last else first
            self.pools.append((first, last, low, high))
        self.sources = [ipaddress.IPv6Network("::/0" if s == "any" else s) for s in keys["source"]]
        self.allow = [ipaddress.IPv4Network(n) for n in keys.get("allow", [])]
        self.deny = [ipaddress.IPv4Network(n) for n in keys.get("deny", [])]
        self.router4 = ipaddress.IPv4Address(one("router4", str(ipaddress.IPv4Address(self.pools[0][0])))).packed
        router6 = one("router6", None)
        self.router6 = ipaddress.IPv6Address(router6).packed if router6 else self.prefixes[0].embed(self.router4)
        self.mtu = int(one("mtu", 1500))
        self.mtu6, self.mtu4 = int(one("mtu6", self.mtu)), int(one("mtu4", self.mtu))
        self.hairpin, self.strict = one("hairpin", "yes") == "yes", one("wkp-strict", "yes") == "yes"
        self.subscriber = int(one("subscriber-prefix", 64))
        self.hold = int(one("port-hold-down", 120))
        self.tos = one("traffic-class", "copy")
        self.zero = one("udp-zero-checksum", "compute")
        self.lowest = int(one("lowest-ipv6-mtu", 1280))
        self.dependent = one("filtering", "endpoint-independent") == "address-dependent"
        self.keep_syns, self.syn_timeout = one("tcp-incoming-syn", "keep") == "keep", int(one("tcp-incoming-syn-timeout", 6))
        self.inbound = one("inbound-refresh", "yes") == "yes"
        self.workers, self.late = int(one("workers", 1)), int(one("fragment-timeout", 2))
        self.told = {"both": (4, 6), "ip6": (6,), "ip4": (4,), "none": ()}[one("icmp-errors", "both")]
        self.rate, self.rate_total = int(one("icmp-rate", 100)), int(one("icmp-rate-total", 10000))
        self.limited = self.rate < 1000000  # else nobody reaches it
        self.max_sessions = int(one("max-sessions", "16384"))
        trans = one("tcp-transitory-timeout", "240")
        self.timer = {"udp": int(one("udp-timeout", 300)), "echo": int(one("icmp-timeout", 60)),
                      "est": int(one("tcp-established-timeout", 7440)), "opening": int(one("tcp-opening-timeout", trans)),
                      "closing": int(one("tcp-closing-timeout", trans))}
        self.static = []
        for line in keys.get("static", []):
            proto, inside, outside = line.split()
            addr, _, port = inside.partition(":")
            host, _, hport = outside[1:].partition("]:")
            self.static.append(({"icmp": "echo"}.get(proto, proto), ipaddress.IPv4Address(addr).packed, int(port),
                                ipaddress.IPv6Address(host).packed, int(hport)))


class Reference:
    def __init__(self, config):
        self.config, self.now = config, 1
        self.by_host, self.by_pool = {}, {}
        self.ended = {}  # (proto, T, t) -> when
        self.kept = {}  # (remote address, port, T, t) -> (when, the SYN)
        self.unseen = []  # (when, binding, to, port) of SYNs that were kept, whose pool port nothing has shown
        self.met = 0  # kept SYNs to be discarded
        self.probes = []
        self.kin = []  # fragments of packets that may still come
        self.errors = {}  # who -> how many of the gateway's own errors it got in this second
        self.possible = []  # the errors that this packet may be answered with
        self.together = False  # the packet is put together from fragments, and no MTU is asked
        for proto, addr, port, host, hport in config.static:
            b = Binding(proto, host, hport)
            b.static = True
            self.by_host[proto, host, hport] = b
            self.show(b, addr, port)

    # --- the table

    def show(self, b, addr, port):
        b.addr, b.port = addr, port
        self.by_pool[b.proto, addr, port] = b

    def in_pool(self, addr):
        n = int.from_bytes(addr, "big")
        return any(first <= n <= last for first, last, _, _ in self.config.pools) or \
            any(addr == s[1] for s in self.config.static)

    def subscriber(self, host):
        return int.from_bytes(host, "big") >> 128 - self.config.subscriber

    def choice(self, b, addr, port):
        """The gateway gave this pool port to the binding b: may it (RFC 6146 section 3.5.1.1)?"""
        n = int.from_bytes(addr, "big")
        ranges = [(low, high) for first, last, low, high in self.config.pools if first <= n <= last]
        if not any(low <= port <= high for low, high in ranges):
            raise Wrong(f"port {port} of {ipaddress.IPv4Address(n)} is in no pool")
        if (b.proto, addr, port) in self.by_pool:
            raise Wrong(f"{b.proto} port {port} is in use")
        low = sum(min(high, 1023) - l + 1 for _, _, l, high in self.config.pools if l < 1024)
        if b.proto != "echo" and (port < 1024) != (b.hport < 1024) and low and self.used(b.proto) * 2 < low:
            raise Wrong(f"port {port} for {b.hport}, though each range has free ones")
        rested = self.now - self.ended.get((b.proto, addr, port), -10 ** 9)
        if rested < self.config.hold and self.used(b.proto) * 2 <= self.size():
            raise Wrong(f"{b.proto} port {port} had rested for {rested} s only")
        same = [o for o in self.by_host.values() if o.addr and not o.static and o is not b
                and self.subscriber(o.host) == self.subscriber(b.host)]
        if same and addr not in [o.addr for o in same] and self.size() > 4096:
            raise Wrong(f"subscriber had {ipaddress.IPv4Address(same[0].addr)}, now gets {ipaddress.IPv4Address(n)}")
        self.show(b, addr, port)

    def size(self):
        return sum((last - first + 1) * (high - low + 1) for first, last, low, high in self.config.pools)

    def used(self, proto):
        live = sum(1 for (p, _, _), b in self.by_pool.items() if p == proto and not b.static)
        hidden = sum(1 for b in self.by_host.values() if b.proto == proto and b.addr is None)
        resting = sum(1 for (p, _, _), end in self.ended.items() if p == proto and self.now - end < self.config.hold)
        fixed = sum(1 for p, addr, port, _, _ in self.config.static if p == proto and any(
            first <= int.from_bytes(addr, "big") <= last and low <= port <= high
            for first, last, low, high in self.config.pools))
        return live + hidden + resting + fixed

    def clock(self, seconds):
        self.now += seconds
        self.errors = {}
        self.kin = [k for k in self.kin if not k.over(self.now)]
        for key, b in list(self.by_host.items()):
            had = bool(b.sessions)
            for remote, s in b.sessions.items():
                if s.state == ESTABLISHED and s.expires <= self.now:
                    s.state, s.expires = TRANS, self.now + self.config.timer["closing"]
                    self.probes.append(self.probe(b, remote, s))
            b.sessions = {r: s for r, s in b.sessions.items() if s.expires > self.now}
            b.leads = b.leads if b.leads in b.sessions else None
            if had and not b.sessions and not b.static:
                del self.by_host[key]
                if b.addr:
                    del self.by_pool[b.proto, b.addr, b.port]
                self.ended[b.proto, b.addr, b.port or b] = self.now

    def probe(self, b, remote, s):
        """The segment that asks an IPv6 host whether it is still there (RFC 6146 section 3.5.2.2, ESTABLISHED)."""
        src = s.via.embed(remote[0])
        tcp = struct.pack(">HHIIBBHHH", remote[1], b.hport, 0, 0, 0x50, 0x10, 0, 0, 0)
        tcp = tcp[:16] + struct.pack(">H", check_of(pseudo(src, b.host, 20, 6) + tcp)) + tcp[18:]
        return header6(src, b.host, 20, 6) + tcp

    def refuse(self, p, silent):
        """No binding, or none that lets p in. A SYN is kept (V4 INIT); one like it is kept already, or it is dropped."""
        if p.kind == "tcp" and p.body[13] & 0x17 == 2 and self.config.keep_syns and not silent and \
                len(p.whole) <= self.config.mtu:  # longer than what the device takes: only a test can send it
            if p.src == b"\0\0\0\0":
                self.unseen.append((self.now, None, None, None))
            else:
                self.kept.setdefault((p.src, p.sport, p.dst, p.dport), (self.now, p))

    def release(self, verdict, out):
        """A kept packet has come back, and that came out."""
        if verdict == "fragment_timeout" and not out:
            return  # one that came twice: that all of them were let through once has been seen
        if verdict == "syn_discarded" and not out and self.met:
            self.met -= 1
            return
        for key, (since, p) in self.kept.items():
            self.possible = []
            if self.now - since >= self.config.syn_timeout and (self.answer4(p, (3, 3, 0), out) == (out or None) or
                                                                self.rationed(p.whole, out)):
                self.rationed(p.whole, out)
                del self.kept[key]
                return
        for unseen in self.unseen:
            if self.now - unseen[0] >= self.config.syn_timeout or verdict == "syn_discarded":
                self.unseen.remove(unseen)
                return
        raise Wrong(f"released: {verdict}, {out.hex()}")

    def settled(self):
        """Nothing more came back. Was that all?"""
        late = [k for k, (since, _) in self.kept.items() if self.now - since >= self.config.syn_timeout]
        if self.met or late:
            raise Wrong(f"{self.met} SYNs were met and {len(late)} have waited long enough, and were not released")

    def held(self):
        """How many ports are at rest, in a pool that is large enough for nobody to disturb them (RFC 6888 REQ-8)."""
        return sum(1 for end in self.ended.values() if self.now - end < self.config.hold)

    def touch(self, b, remote, via, side, flags=0):
        """A packet of this binding and remote end: find or make its session, set the timer. Returns the prefix to use."""
        s = b.sessions.get(remote)
        if not s:
            if b.proto == "tcp" and tcp_event(flags) != "SYN":
                return via
            s = b.sessions[remote] = Session(via)
            b.leads = b.leads or remote
            if b.proto == "tcp":
                s.state, timer = (V6_INIT if side == 6 else V4_INIT), "opening"
                if side == 6 and self.waited(remote, b):
                    s.state, timer, self.met = ESTABLISHED, "est", self.met + 1
            else:
                timer = b.proto
        elif b.proto == "tcp":
            s.state, timer = tcp_next(s.state, side, tcp_event(flags))
        else:
            timer = b.proto if side == 6 or self.config.inbound else None
        if side == 6:
            s.via = via
        if b.leads == remote:
            b.via = s.via
        if timer:
            s.expires = self.now + self.config.timer[timer]
        return s.via

    def waited(self, remote, b):
        """Was there a SYN from this remote end to this binding? Then it has done its duty."""
        for unseen in self.unseen:
            _, its, to, port = unseen
            if its and (its.addr, its.port) == remote and (to, port) == (b.addr, b.port):
                self.unseen.remove(unseen)
                return True
        return self.kept.pop((*remote, b.addr, b.port), None)

    # --- who may talk

    def served(self, host):
        a = ipaddress.IPv6Address(host)
        return any(a in net for net in self.config.sources)

    def prefix_of(self, six):
        """The longest prefix that six is under, and the IPv4 address in it."""
        for p in sorted(self.config.prefixes, key=lambda p: -len(p.bits)):
            four = p.extract(six)
            if four is not None:
                return p, four
        return None, None

    def check_source6(self, p, about=None):
        a = ipaddress.IPv6Address(p.src)
        if a.is_multicast or a.is_unspecified or a.is_loopback or a.is_link_local or a in DUMMY or self.prefix_of(p.src)[0]:
            raise DROP
        if not self.served(about or p.src):
            raise DROP

    def never_wkp(self, four):
        a = ipaddress.IPv4Address(four)
        return any(bad and a in ipaddress.IPv4Network(n) for n, bad in SPECIAL.items()) and \
            not any(a in ipaddress.IPv4Network(n) for n in REACHABLE)

    def denied(self, four, prefix):
        a = ipaddress.IPv4Address(four)
        if prefix.wkp and self.config.strict and self.never_wkp(four):
            return True
        reachable = any(a in ipaddress.IPv4Network(n) for n in REACHABLE)
        rules = [(ipaddress.IPv4Network(n).prefixlen, 0) for n in SPECIAL if a in ipaddress.IPv4Network(n) and not reachable]
        rules += [(32, 0)] if four == self.config.router4 else []
        rules += [(n.prefixlen, 1) for n in self.config.allow if a in n]
        rules += [(n.prefixlen, 0) for n in self.config.deny if a in n]
        return bool(rules) and max(rules)[1] == 0

    def bad_source4(self, four, prefix):
        if four[0] in (0, 127) or four[0] >= 224:
            return True
        return prefix.wkp and self.config.strict and self.never_wkp(four)

    # --- from IPv6

    def packet(self, data, got):
        """The fates that this packet may have had, given what came out (b"": nothing)."""
        version = data[0] >> 4 if data else 0
        self.possible = []
        right = self.from6(data, got) if version == 6 else self.from4(data, got) if version == 4 else [None]
        return right + ([None] if self.rationed(data, got) else [])

    def rationed(self, data, got):
        """Counts an error of the gateway's own. May one that is right be missing (RFC 4443 2.4 f)?"""
        who = self.subscriber(data[8:24]) if data[:1] and data[0] >> 4 == 6 else data[12:16]
        if not self.possible or not self.config.limited:
            return False
        if got and any(same_but_id(got, e) for e in self.possible):
            self.errors[who] = self.errors.get(who, 0) + 1
            if self.errors[who] > self.config.rate * self.config.workers or sum(self.errors.values()) > self.config.rate_total:
                raise Wrong(f"{self.errors[who]} ICMP errors to one host in a second, {sum(self.errors.values())} in all")
            return False
        return not got and self.enough()

    def enough(self):
        """Somebody's limit may be reached: that of whom chance has put into one bucket with the receiver, or that of all."""
        return sum(self.errors.values()) >= min(self.config.rate, self.config.rate_total // self.config.workers * 3 // 4)

    def room(self, b, remote):
        """Is there room for a session (RFC 6888 REQ-11)? A pool of one block is all one shard, which has them all."""
        return b and remote in b.sessions or \
            sum(len(b.sessions) for b in self.by_host.values()) < self.config.max_sessions

    def reply(self, p, what):
        """The gateway's own ICMP error about p, as received (RFC 4443, RFC 792); None: policy lets that side have none."""
        type_, code, word = what
        if p.version not in self.config.told:
            return None
        error = self.error_about(p, type_, code, word)
        self.possible.append(error)
        return error

    def error_about(self, p, type_, code, word):
        if p.version == 6:
            message = struct.pack(">BBHI", type_, code, 0, word) + p.whole[:1232]
            message = message[:2] + struct.pack(">H", check_of(
                pseudo(self.config.router6, p.src, len(message), 58) + message)) + message[4:]
            return header6(self.config.router6, p.src, len(message), 58) + message
        message = struct.pack(">BBHI", type_, code, 0, word) + p.whole[:548]
        message = message[:2] + struct.pack(">H", check_of(message)) + message[4:]
        return header4(self.config.router4, p.src, len(message), 1, tos=CONTROL) + message

    def ident(self, got, at):
        """What the gateway has chosen as IPv4 id in the header at that place of its output."""
        return got[at + 4] << 8 | got[at + 5] if got[:1] and got[0] >> 4 == 4 and len(got) >= at + 6 else 0

    def from6(self, data, got):
        fates = []
        try:
            p = parse6(data)
            fault = p.fault
            try:
                if not fault:
                    transport(p)
            except Fault as f:
                if not f.reply:
                    raise
                fault = f
            error = not fault and p.kind == "error"
            if error:
                return [self.error6(p, got)]
            self.check_source6(p)
            prefix, remote = self.prefix_of(p.dst)
            if not prefix:
                raise DROP
        except Fault as f:
            return [None]
        hairpin = self.in_pool(remote)
        if hairpin and not self.config.hairpin:
            fates.append(None)
        if not hairpin and self.denied(remote, prefix):
            fates.append(self.reply(p, (1, 1, 0)))
        if p.ttl <= 1:
            fates.append(self.reply(p, (3, 0, 0)))
        if fault:
            fates.append(self.reply(p, fault.reply))
            return fates
        fits = max(self.config.mtu4, 1260)
        if 20 + p.size > fits and p.ident is None:
            fates.append(self.reply(p, (2, 0, fits + 20)))
        key = p.kind, p.src, p.sport
        b = self.by_host.get(key)
        flags = p.body[13] if p.kind == "tcp" else 0
        opens = p.kind != "tcp" or tcp_event(flags) == "SYN"
        if not b and not opens:
            fates.append(None)
        if opens and not self.room(b, (remote, 0 if p.kind == "echo" else p.dport)):
            fates.append(self.reply(p, (1, 3, 0)))
        if fates:
            return fates
        return self.translate6(p, prefix, remote, b, key, flags, hairpin, got)

    def translate6(self, p, prefix, remote, b, key, flags, hairpin, got):
        if not b:
            told = self.reply(p, (1, 3, 0))
            silent = not got and not hairpin and (told is None or self.enough() and self.config.limited)
            if got and got == told or silent:
                if self.used(p.kind) < self.size():
                    raise Wrong(f"ports_exhausted with {self.used(p.kind)} of {self.size()} in use")
                return [got or None]
            b = self.by_host[key] = Binding(*key)
        if b.addr is None:
            self.learn(b, p, hairpin, got)
        rport = 0 if p.kind == "echo" else p.dport
        if hairpin and p.kind == "tcp":
            self.bound(p.kind, remote, p.dport, got)  # what comes out shows whom a SYN had come from
        self.touch(b, (remote, rport), prefix, 6, flags)
        src = b.addr or b"\0\0\0\0"
        body = self.rewrite(p.body, p, src, remote, b.port or 0, rport, p.size, 6)
        df = p.ident is None and 20 + p.size > 1260
        tos = p.tos if self.config.tos == "copy" else int(self.config.tos)
        ident = p.ident if p.ident is not None else 0 if hairpin else self.ident(got, 0)
        out = header4(src, remote, p.size, 1 if p.kind == "echo" else p.proto, p.ttl - 1, tos, ident, df) + body
        if not hairpin and len(out) > self.config.mtu4 and not df and not self.together:
            return [Cut(out, self.config.mtu4, p.ident)]
        if not hairpin:
            return [out]
        if b.addr is None:  # whatever happens on the way back has not told us our own port
            return self.blind(p, b, out, got)
        return self.from4(out, got, came_back=True)

    def learn(self, b, p, hairpin, got):
        """The pool port of a binding, from the gateway's output."""
        if hairpin:
            if len(got) < 48 or got[0] >> 4 != 6 or got[6] == 58 and got[40] < 128:
                return
            addr = self.prefix_of(got[8:24])[1]
            at = 40
        elif len(got) < 28 or got[0] >> 4 != 4:
            return
        else:
            addr, at = got[12:16], 20
        if p.kind == "echo" and hairpin:  # an echo that comes back has the host's own identifier again
            return
        if addr is not None:
            self.choice(b, addr, struct.unpack(">H", got[at + 4:at + 6] if p.kind == "echo" else got[at:at + 2])[0])

    def rewrite(self, body, p, src, dst, sport, dport, size, side):
        """The transport header with other ports, its checksum updated by what has changed (RFC 7915 sections 4.5, 5.5)."""
        old = pseudo(p.src, p.dst, size, p.proto)
        if p.kind == "echo":
            a, b = (128, 129), (8, 0)
            if side == 4:
                a, b = b, a
            new = bytes([b[a.index(body[0])]]) + body[1:4] + struct.pack(">H", sport) + body[6:]
            at = 2
            # ICMPv4 has no pseudo-header
            before = total(body[:2] + body[4:6]) + (total(old) if side == 6 else 0)
            after = total(new[:2] + new[4:6]) + (0 if side == 6 else total(pseudo(src, dst, size, 58)))
        else:
            new = struct.pack(">HH", sport, dport) + body[4:]
            at = 16 if p.kind == "tcp" else 6
            before = total(old) + total(body[:4])
            after = total(pseudo(src, dst, size, p.proto)) + total(new[:4])
        if min(len(new), size) < at + 2:
            return new
        check = body[at] << 8 | body[at + 1]
        if p.kind == "udp" and check == 0:
            return new
        check = (check + before - after) % 65535
        if p.kind == "udp" and check == 0:
            check = 65535
        return new[:at] + struct.pack(">H", check) + new[at + 2:]

    def blind(self, p, b, out, got):
        """The way back of a packet whose pool port is not known. It told us nothing, so it ended in an error or a drop."""
        if not got:
            if p.kind == "tcp" and p.body[13] & 0x17 == 2:
                self.unseen.append((self.now, b, out[16:20], p.dport))
                return [None]
            back = self.by_pool.get((p.kind, out[16:20], p.dport))
            if back and not any(b.addr is None for b in self.by_host.values() if b.proto == p.kind):
                raise Wrong("dropped on its way back, though there is a binding")
            return [None]
        return [ANY] if got[0] >> 4 == 6 and got[6] == 58 else [None]

    # --- from IPv4

    def from4(self, data, got, came_back=False):
        try:
            p = parse4(data)
            if not self.in_pool(p.dst):
                raise DROP
            fault, also = p.fault, [None] if p.broken else []
            try:
                transport(p)
            except Fault as f:
                if not f.reply and not fault:
                    raise
                also += [f.reply and self.answer4(p, f.reply, got)]
                fault = fault or f
            if not fault and p.kind == "error":
                return [self.error4(p, got)]
        except Fault:
            return [None]
        first = self.config.prefixes[0]
        if p.src[0] in (0, 127) or p.src[0] >= 224:
            return [None]
        if fault:
            return also + [self.answer4(p, fault.reply, got)] + ([None] if self.bad_source4(p.src, first) else []) + \
                ([self.answer4(p, (11, 0, 0), got)] if p.ttl <= 1 else [])
        b = self.bound(p.kind, p.dst, p.dport, got)
        rport = 0 if p.kind == "echo" else p.sport
        via = first
        if b:
            s = b.sessions.get((p.src, rport))
            via = s.via if s else b.via or first
        fates = []
        refused = not b or self.config.dependent and not b.static and p.src not in [r[0] for r in b.sessions]
        if refused or self.bad_source4(p.src, via) or \
                p.kind == "udp" and p.body[6:8] == b"\0\0" and self.config.zero == "drop":
            fates.append(None)
        if p.ttl <= 1:
            fates.append(self.answer4(p, (11, 0, 0), got))
        if 40 + p.size > self.config.mtu6 and p.df and not self.together:
            fates.append(self.answer4(p, (3, 4, self.config.mtu6 - 20), got))
        if not refused and (p.kind != "tcp" or tcp_event(p.body[13]) == "SYN") and not self.room(b, (p.src, rport)):
            fates.append(self.answer4(p, (3, 1, 0), got))
        if refused:
            self.refuse(p, len(fates) > 1 or self.together or b and self.bad_source4(p.src, via))
        if fates:
            return fates
        via = self.touch(b, (p.src, rport), via, 4, p.body[13] if p.kind == "tcp" else 0)
        src, body = via.embed(p.src), p.body
        if p.kind == "udp" and body[6:8] == b"\0\0":
            length = body[4] << 8 | body[5]
            check = check_of(pseudo(p.src, p.dst, length, 17) + body[:length])
            body = body[:6] + struct.pack(">H", check or 65535) + body[8:]
        if p.kind == "echo":
            body = self.rewrite(body, p, src, b.host, b.hport, 0, p.size, 4)
        else:
            body = self.rewrite(body, p, src, b.host, p.sport, b.hport, p.size, 4)
        tos = p.tos if self.config.tos == "copy" else int(self.config.tos)
        out = header6(src, b.host, p.size, 58 if p.kind == "echo" else p.proto, p.ttl - 1, tos) + body
        if not p.df and len(out) > self.config.lowest and not self.together:
            return [Cut(out, self.config.lowest, None if came_back else p.ident)]
        return [out]

    def datagram(self, data, got):
        """The fates of a packet that came in fragments, put together: of what came out, put together."""
        self.together = True
        try:
            return self.packet(data, got)
        finally:
            self.together = False

    def bound(self, proto, addr, port, got):
        """The binding of a pool port. One that nothing has shown yet shows itself when the gateway lets a packet in."""
        b = self.by_pool.get((proto, addr, port))
        if b or not got or got[0] >> 4 != 6 or len(got) < 48:
            return b
        hport = struct.unpack(">H", got[44:46] if proto == "echo" else got[42:44])[0]
        b = self.by_host.get((proto, got[24:40], hport))
        if b and b.addr is None:
            self.choice(b, addr, port)
            return b
        return None

    def answer4(self, p, what, got):
        """An error to the IPv4 side. When its receiver is a pool address, it goes on to whom that stands for."""
        if not self.in_pool(p.src):
            out = self.reply(p, what)
            if not out:
                return None
            ident = self.ident(got, 0)
            return header4(self.config.router4, p.src, len(out) - 20, 1, tos=CONTROL, ident=ident) + out[20:]
        out = self.reply(p, what)
        return out and self.from4(out, got)[0]

    # --- ICMP errors

    def split(self, p):
        """The packet inside an error, parsed, and what stands behind it by RFC 4884 (an extension structure, or None)."""
        b = p.body
        length = 0
        if p.version == 4 and b[0] in (3, 11, 12):
            length = b[5] * 4
        if p.version == 6 and b[0] in (1, 3):
            length = b[4] * 8
        if length < 128 or 8 + length >= len(b):
            return b[8:], None
        return b[8:8 + length], b[8 + length:]

    def inside(self, p):
        b = p.body
        if not self.sum_is_right(p):
            raise DROP
        quoted, extension = self.split(p)
        if not quoted or quoted[0] >> 4 != p.version:
            raise DROP
        q = (parse4 if p.version == 4 else parse6)(quoted, True)
        if q.fault:
            raise DROP
        transport(q, True)
        if q.kind == "error":
            raise DROP
        return q, extension

    def sum_is_right(self, p):
        return total((pseudo(p.src, p.dst, len(p.body), 58) if p.version == 6 else b"") + p.body) == 0

    def message(self, to, what, quoted, extension, src, dst, got):
        """An ICMP error of family `to`, with as much of the quoted packet and its extension as may be (RFC 4884)."""
        type_, code, word = what
        unit = {4: 4, 6: 8}[to]
        most = 1232 if to == 6 else self.config.mtu4 - 28
        able = type_ in ((1, 3) if to == 6 else (3, 11, 12)) and (type_, code) not in ((3, 4),)
        if extension is not None:
            padded = quoted.ljust(128, b"\0")
            padded += b"\0" * (-len(padded) % unit)
            # Bytes far behind a packet's beginning may not be moved (LAYOUT_SAVED). Then it may go, which costs nobody much.
            cut = len(padded) > max(len(quoted), 300) and len(got) > 44 and got[44 if to == 6 else 25] == 0
            if able and not cut and len(padded) + len(extension) <= most and len(padded) // unit < 256:
                word |= len(padded) // unit << (16 if to == 4 else 24)
                quoted = padded + extension
        quoted = quoted[:most]
        m = struct.pack(">BBHI", type_, code, 0, word) + quoted
        check = check_of((pseudo(src, dst, len(m), 58) if to == 6 else b"") + m)
        return m[:2] + struct.pack(">H", check) + m[4:]

    def error4(self, p, got):
        try:
            q, extension = self.inside(p)
        except Fault:
            return None
        what = map4(p.body[0], p.body[1], int.from_bytes(p.body[4:8], "big"))
        if not what or q.src != p.dst or p.ttl <= 1:
            return None
        b = self.bound_inside(q, got)
        rport = 0 if q.kind == "echo" else q.dport
        s = b and b.sessions.get((q.dst, rport))
        if not s:
            return None
        if what[2] is None:
            mtu = p.body[6] << 8 | p.body[7]
            if mtu == 0:
                below = [n for n in PLATEAUS if n < q.total]
                mtu = max(below) if below else 0
            mtu = min(mtu + 20, self.config.mtu6, self.config.mtu4 + 20)
            what = 2, 0, max(1280, mtu)
        src, remote = s.via.embed(p.src), s.via.embed(q.dst)
        body = self.rewrite(q.body, q, b.host, remote, b.hport, rport, q.size, 4)
        proto = 58 if q.kind == "echo" else q.proto
        inner = header6(b.host, remote, q.size, proto, q.ttl, q.tos) + body
        if q.more:
            if q.kind == "echo":  # its checksum has a length in it that only the whole packet knew
                return ANY
            inner = header6(b.host, remote, q.size + 8, 44, q.ttl, q.tos) + struct.pack(">BBHI", proto, 0, 1, q.ident) + body
        m = self.message(6, what, inner, extension, src, b.host, got)
        tos = p.tos if self.config.tos == "copy" else int(self.config.tos)
        return header6(src, b.host, len(m), 58, p.ttl - 1, tos) + m

    def bound_inside(self, q, got):
        b = self.by_pool.get((q.kind, q.src, q.sport))
        if b or len(got) < 96 or got[0] >> 4 != 6:
            return b
        at = 48 + 40
        hport = struct.unpack(">H", got[at + 4:at + 6] if q.kind == "echo" else got[at:at + 2])[0]
        b = self.by_host.get((q.kind, got[24:40], hport))
        if b and b.addr is None:
            self.choice(b, q.src, q.sport)
            return b
        return None

    def error6(self, p, got):
        try:
            q, extension = self.inside(p)
            self.check_source6(p, q.dst)
        except Fault:
            return None
        prefix, remote = self.prefix_of(p.dst)
        what = map6(p.body[0], p.body[1], int.from_bytes(p.body[4:8], "big"))
        if not what or not prefix or self.prefix_of(q.src)[1] != remote or p.ttl <= 1:
            return None
        prefix = self.prefix_of(q.src)[0]
        hairpin = self.in_pool(remote)
        if hairpin and not self.config.hairpin or not hairpin and self.denied(remote, prefix):
            return None
        b = self.by_host.get((q.kind, q.dst, q.dport))
        rport = 0 if q.kind == "echo" else q.sport
        if not b or (remote, rport) not in b.sessions:
            return None
        if b.addr is None:
            if hairpin or len(got) < 56 or got[0] >> 4 != 4:
                return got or None
            self.choice(b, got[44:48], struct.unpack(">H", got[52:54] if q.kind == "echo" else got[50:52])[0])
        if what[2] is None:
            mtu = int.from_bytes(p.body[4:8], "big")
            mtu = min(max(mtu, 1280), self.config.mtu6)
            what = 3, 4, min(mtu - (20 if q.ident is None else 28), self.config.mtu4)
        src = b.addr if p.src == q.dst else self.config.router4
        if q.kind == "echo":
            body = self.rewrite(q.body, q, remote, b.addr, b.port, 0, q.size, 6)
        else:
            body = self.rewrite(q.body, q, remote, b.addr, q.sport, b.port, q.size, 6)
        ident = q.ident if q.ident is not None else 0 if hairpin else self.ident(got, 28)
        inner = header4(remote, b.addr, q.size, 1 if q.kind == "echo" else q.proto, q.ttl, q.tos, ident,
                        q.df and 20 + q.size > 1260) + body
        if q.more:
            if q.kind == "echo":
                return ANY
            inner = inner[:6] + b"\x20\0" + inner[8:10] + b"\0\0" + inner[12:]
            inner = inner[:10] + struct.pack(">H", check_of(inner[:20])) + inner[12:]
        m = self.message(4, what, inner, extension, src, remote, got)
        tos = p.tos if self.config.tos == "copy" else int(self.config.tos)
        out = header4(src, remote, len(m), 1, p.ttl - 1, tos, 0 if hairpin else self.ident(got, 0),
                      20 + len(m) > 1260) + m
        return self.from4(out, got)[0] if hairpin else out
