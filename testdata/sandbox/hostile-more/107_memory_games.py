def attempt(name, f):
    global refused
    try:
        r = f()
    except BaseException as e:
        refused += 1
        return e
    print("GOT", name, repr(r)[:80])
refused = 0
import ctypes, resource
l = ctypes.CDLL(None, use_errno=True)
l.mmap.restype = l.mremap.restype = l.sbrk.restype = ctypes.c_void_p
l.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
l.mremap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int]
l.sbrk.argtypes = [ctypes.c_long]
l.mlock.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
def got(p):
    if p in (None, (1 << 64) - 1): raise OSError(ctypes.get_errno(), "refused")
    return p
def zero(r):
    if r != 0: raise OSError(ctypes.get_errno(), "refused")
G = 1 << 30
for size in (G, 1 << 40, 1 << 46):
    for flags in (0x22, 0x21, 0x22 | 0x4000, 0x22 | 0x40000, 0x22 | 0x100, 0x22 | 0x2000, 0x22 | 0x8000):
        for prot in (0, 3, 7):
            attempt("mmap %x %x" % (size, flags), lambda: got(l.mmap(None, size, prot, flags, -1, 0)))
    attempt("sbrk", lambda: got(l.sbrk(size)))
page = got(l.mmap(None, 4096, 3, 0x22, -1, 0))
attempt("mremap", lambda: got(l.mremap(page, 4096, G, 1)))
attempt("mlock", lambda: zero(l.mlock(page, 4096)))
attempt("mlockall", lambda: zero(l.mlockall(7)))
attempt("locked", lambda: got(l.mmap(None, 1 << 20, 3, 0x22 | 0x2000, -1, 0)))
attempt("huge page", lambda: got(l.mmap(None, 2 << 20, 3, 0x22 | 0x40000, -1, 0)))
attempt("limit", lambda: resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2))
print("refused", refused)
