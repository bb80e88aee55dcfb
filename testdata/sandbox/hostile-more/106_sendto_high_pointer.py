import ctypes, socket
l = ctypes.CDLL(None, use_errno=True)
l.mmap.restype = ctypes.c_void_p
l.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
l.sendto.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint]
at = l.mmap(1 << 32, 4096, 3, 0x22 | 0x100000, -1, 0)
name = b"\x01\0\0securerl-hostile"
ctypes.memmove(at, name, len(name))
a, b = socket.socketpair()
r = l.sendto(a.fileno(), b"x", 1, 0, at, len(name))
print(at == 1 << 32, r, ctypes.get_errno())
