"""fragments.py - what a translator does with the fragments of one packet, one by one, however hostile, doubled or late

Kin is the model: RFC 8200 section 4.5 and RFC 791 say what a fragment is, RFC 5722 that an overlap ends its packet, RFC 6146
section 3.4 that what comes before the first one waits, and docs/DESIGN.md which packets wait as a whole. It predicts whether a
fragment goes on, waits or is dropped, and which bytes have gone on in the end. A Series is one such packet as traffic makes it:
fragments as (offset, more, payload), and seconds to wait between them.
"""
import struct

from reference import check_of, header4, header6

MOST = 128  # fragments of one packet
LARGEST = 65535 - 20  # bytes behind the header, for IPv4 must take them, too


class Series:
    def __init__(self, version, src, dst, proto, ident, tos, body, steps):
        self.version, self.src, self.dst, self.proto, self.ident, self.tos = version, src, dst, proto, ident, tos
        self.body, self.steps = body, steps

    def packet(self, at, more, payload):
        """One fragment, as bytes."""
        if self.version == 6:
            return header6(self.src, self.dst, 8 + len(payload), 44, 64, self.tos) + \
                struct.pack(">BBHI", self.proto, 0, at | more, self.ident) + payload
        head = bytearray(header4(self.src, self.dst, len(payload), self.proto, 64, self.tos, self.ident & 0xffff))
        head[6:8], head[10:12] = struct.pack(">H", at // 8 | more << 13), b"\0\0"
        head[10:12] = struct.pack(">H", check_of(bytes(head)))
        return bytes(head) + payload

    def whole(self, body):
        """The packet, had it never been cut; from IPv6 with a fragment header, as if it were the only one."""
        if self.version == 6:
            return self.packet(0, 0, body)
        return header4(self.src, self.dst, len(body), self.proto, 64, self.tos, self.ident & 0xffff) + body


class Kin:
    """timeout: fragment-timeout. unsummed: what becomes of UDP without a checksum from IPv4, "compute" or "drop"."""
    def __init__(self, series, timeout, unsummed):
        self.series, self.timeout, self.unsummed = series, timeout, unsummed
        self.begin(None)
        self.gone = []  # fragments that go on now; one that waited as a whole is one

    def begin(self, now):
        self.since, self.ranges, self.end, self.first, self.gathers = now, {}, None, None, self.series.proto in (1, 58)
        self.waiting, self.open, self.poisoned = [], False, False

    def over(self, now):
        return self.since is not None and now > self.since + self.timeout

    def clock(self, now):
        """How many that wait are let go, for their time is over."""
        n = len(self.waiting)
        if not self.over(now):
            return 0
        self.begin(None)
        return n

    def malformed(self, at, more, payload):
        """It is refused by itself; so it contradicts nobody."""
        size, proto, version = len(payload), self.series.proto, self.series.version
        if size == 0 or more and size % 8 or at + size > LARGEST or proto == 6 and 0 < at < 20:
            return True
        if at:
            return False
        if size < (20 if proto == 6 else 8) or proto == 6 and not 20 <= (payload[12] >> 4) * 4 <= size:
            return True
        if proto == 17 and payload[4:6] < b"\0\x08":
            return True
        if proto in (1, 58) and (payload[0] not in ((0, 8) if version == 4 else (128, 129)) or payload[1]):
            return True  # only echoes come in fragments
        return self.lacks_sum(payload) and (version == 6 or self.unsummed == "drop")

    def lacks_sum(self, first):
        return self.series.proto == 17 and first[6:8] == b"\0\0"

    def complete(self):
        return self.end is not None and sum(size for _, size in self.ranges) == self.end

    def contradicts(self, at, more, payload):
        end = at + len(payload)
        if at == 0 and self.first is not None and (
                payload[:4] != self.first[:4] if self.series.proto != 1 and self.series.proto != 58 else
                payload[4:6] != self.first[4:6]):
            return True
        if at == 0 and self.first is not None and self.lacks_sum(payload) and not self.gathers:
            return True
        if (at, len(payload)) in self.ranges:
            return self.ranges[at, len(payload)] != more
        if any(a < end and at < a + size for a, size in self.ranges):
            return True
        if more:
            return self.end is not None and end >= self.end
        return self.end not in (None, end) or any(a + size > end for a, size in self.ranges)

    def gathered(self):
        """All has come of a packet that waits as a whole: it goes on, once."""
        message = bytearray(self.end)
        for at, _, payload in self.waiting:
            message[at:at + len(payload)] = payload
        length = message[4] << 8 | message[5]
        if self.series.proto == 17 and not 8 <= length <= self.end:
            self.waiting, self.poisoned = [], True
            return
        self.gone.append((0, 0, bytes(message)))

    def meet(self, at, more, payload, now):
        """"pass", "keep" or "drop"."""
        self.gone = []
        if self.malformed(at, more, payload):
            return "drop"
        if self.over(now):
            self.begin(None)
        if self.complete() and self.open and not self.poisoned and (at == 0 or self.ranges.get((at, len(payload))) != more):
            self.begin(None)
        if self.since is None:
            self.begin(now)
        if self.poisoned:
            return "drop"
        known = (at, len(payload)) in self.ranges
        if self.contradicts(at, more, payload) or not known and len(self.ranges) == MOST:
            self.waiting, self.poisoned = [], True
            return "drop"
        if at == 0 and self.first is None:
            self.first = payload
            self.gathers |= self.lacks_sum(payload)
        self.ranges[at, len(payload)] = more
        if not more:
            self.end = at + len(payload)
        if self.open or self.first is not None and not self.gathers:
            self.gone = [(at, more, payload)] + self.waiting
            self.waiting, self.open = [], True
            return "pass"
        self.waiting.append((at, more, payload))
        if self.gathers and self.first is not None and self.complete():
            self.gathered()
            self.waiting, self.open = [], True
        return "keep"


def fields(piece):
    """(what all pieces have in common, offset, more, payload) of a piece that came out; a whole packet is one, too."""
    if piece[0] >> 4 == 4:
        flags = piece[6] << 8 | piece[7]
        return piece[:2] + piece[8:10] + piece[12:20], (flags & 0x1fff) * 8, flags >> 13 & 1, piece[20:]
    if piece[6] != 44:
        return piece[:4] + piece[6:40], 0, 0, piece[40:]
    at = piece[42] << 8 | piece[43]
    return piece[:4] + piece[40:41] + piece[7:40], at & 0xfff8, at & 1, piece[48:]
