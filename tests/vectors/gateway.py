"""gateway.py - libnat64 behind Python: bytes in, verdict and bytes out

Everything here is about the shared object that shim.c makes; what a right answer is, only the rows know.
"""
import ctypes

OUT = 70000
KIN, OFFLOAD, META = 8, 10, 18          # bytes of struct layout_kin, layout_offload, layout_meta


class Gateway:
    library = verdicts = actions = None

    @classmethod
    def load(cls, path):
        lib = cls.library = ctypes.CDLL(path)
        lib.vectors_open.restype = ctypes.c_void_p
        for name in ("verdict", "action", "audit", "configure"):
            getattr(lib, f"vectors_{name}").restype = ctypes.c_char_p
        for name in ("alive", "held", "counter"):
            getattr(lib, f"vectors_{name}").restype = ctypes.c_uint64
        cls.verdicts = []
        while name := lib.vectors_verdict(len(cls.verdicts)):
            cls.verdicts.append(name.decode())
        cls.actions = {name: lib.vectors_action(n).decode() for n, name in enumerate(cls.verdicts)}

    def __init__(self, ini):
        error = ctypes.create_string_buffer(1000)
        self.handle = self.library.vectors_open(ini.encode(), error, ctypes.c_size_t(len(error)))
        if not self.handle:
            raise ValueError(f"configuration refused: {error.value.decode()}\n{ini}")
        self.handle = ctypes.c_void_p(self.handle)
        self.out = ctypes.create_string_buffer(OUT)

    def packet(self, data, worker=0, kin=b"", offload=b""):
        """Verdict, bytes to send, and with handed_over the worker to give them to. self.kin is what they bring along, self.offload what
        the device is told of them, self.pieces what is written: the packet, or what it is cut into."""
        length, to = ctypes.c_uint32(), ctypes.c_uint()
        brought = ctypes.create_string_buffer(kin.ljust(KIN, b"\0") + offload, META)
        n = self.library.vectors_packet(self.handle, worker, data, len(data), brought, self.out, ctypes.byref(length),
                                        ctypes.byref(to))
        self.kin, self.offload, self.pieces = brought.raw[:KIN], brought.raw[KIN:KIN + OFFLOAD], []
        if n < 0:
            return ("headroom overrun", "output outside the buffer", "wrote too far behind", "sent to the wrong side")[-n - 1], b"", None
        verdict, out, at = self.verdicts[n], ctypes.string_at(self.out, length.value), ctypes.c_uint32()
        while size := self.library.vectors_piece(self.handle, ctypes.byref(at), self.out):
            self.pieces.append(ctypes.string_at(self.out, size))
        if out and not self.pieces:
            self.pieces = [out]
        return verdict, out, to.value if verdict == "handed_over" else None

    def due(self, worker=0):
        """The next kept packet that has to go on and what it brings along, or None."""
        meta = ctypes.create_string_buffer(META)
        size = self.library.vectors_due(self.handle, worker, self.out, meta)
        return (ctypes.string_at(self.out, size), meta.raw[:KIN]) if size else None

    def released(self, worker=0):
        """A kept packet that has to go on, gone on with: verdict and bytes, or None."""
        due = self.due(worker)
        return self.packet(due[0], worker, due[1])[:2] if due else None

    def action(self, verdict):
        return self.actions[verdict]

    def clock(self, seconds):
        self.library.vectors_clock(self.handle, seconds)

    def probes(self):
        """What the clock hand has sent since the last call."""
        taken = []
        while length := self.library.vectors_probe(self.handle, self.out):
            taken.insert(0, ctypes.string_at(self.out, length))
        return taken

    def configure(self, ini):
        error = ctypes.create_string_buffer(1000)
        problem = self.library.vectors_configure(self.handle, ini.encode(), error, ctypes.c_size_t(len(error)))
        if problem:
            raise ValueError(f"configuration refused: {problem.decode()}\n{ini}")

    def restart(self, worker):
        self.library.vectors_restart(self.handle, worker)

    def audit(self):
        """None, or the first violation."""
        first = self.library.vectors_audit(self.handle)
        return first.decode() if first else None

    def bindings(self):
        return self.library.vectors_alive(self.handle, 0)

    def sessions(self):
        return self.library.vectors_alive(self.handle, 2)

    def held(self):
        return self.library.vectors_held(self.handle)

    def counter(self, name):
        return self.library.vectors_counter(self.handle, name.encode())

    def close(self):
        self.library.vectors_close(self.handle)
