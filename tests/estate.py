#!/usr/bin/env python3
"""estate.py FILE FIELD VALUE - change a field of a nat64d's estate and make its sum right, as only root could

FIELD is boot, kin, version, pid_space or device (of the first tenant). supervisor/estate.h draws the file.
"""
import struct
import sys

MASK = (1 << 64) - 1


def siphash13(key, data):
    k0, k1 = struct.unpack("<QQ", key)
    v = [0x736f6d6570736575 ^ k0, 0x646f72616e646f6d ^ k1, 0x6c7967656e657261 ^ k0, 0x7465646279746573 ^ k1]

    def rotate(x, n):
        return (x << n | x >> (64 - n)) & MASK

    def round_():
        v[0] = (v[0] + v[1]) & MASK; v[1] = rotate(v[1], 13) ^ v[0]; v[0] = rotate(v[0], 32)
        v[2] = (v[2] + v[3]) & MASK; v[3] = rotate(v[3], 16) ^ v[2]
        v[0] = (v[0] + v[3]) & MASK; v[3] = rotate(v[3], 21) ^ v[0]
        v[2] = (v[2] + v[1]) & MASK; v[1] = rotate(v[1], 17) ^ v[2]; v[2] = rotate(v[2], 32)

    words = struct.unpack(f"<{len(data) // 8}Q", data)
    for m in (*words, len(words) << 59 & MASK):
        v[3] ^= m
        round_()
        v[0] ^= m
    v[2] ^= 0xff
    for _ in range(3):
        round_()
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def summed(data):
    at, size, n = struct.unpack_from("<3I", data, 64)
    bare = bytearray(data)
    bare[at:at + size * n] = bytes(size * n)
    bare[56:64] = bytes(8)
    return siphash13(b"nat64 estate sum", bytes(bare))


path, field, value = sys.argv[1:]
data = bytearray(open(path, "rb").read())
assert summed(data) == struct.unpack_from("<Q", data, 56)[0], "the sum is another one"
gateway, = struct.unpack_from("<I", data, 76)
tenants, = struct.unpack_from("<I", data, 88)
if field == "version":
    struct.pack_into("<I", data, 8, int(value))
elif field == "kin":
    struct.pack_into("<Q", data, 16, int(value))
elif field == "boot":
    struct.pack_into("40s", data, gateway, value.encode())
elif field == "pid_space":
    struct.pack_into("<Q", data, gateway + 40, int(value))
elif field == "device":
    struct.pack_into("16s", data, tenants + 32, value.encode())
struct.pack_into("<Q", data, 56, summed(data))
open(path, "r+b").write(data)
