def attempt(name, f):
    global refused
    try:
        r = f()
    except BaseException as e:
        refused += 1
        return e
    print("GOT", name, repr(r)[:80])
refused = 0
import array, ctypes, socket
l = ctypes.CDLL(None, use_errno=True)
def call(*a):
    r = l.syscall(*a)
    if r < 0: raise OSError(ctypes.get_errno(), "refused")
    return r
pair = ctypes.create_string_buffer(8)
for family in range(47):
    for kind in (1, 2, 3, 5):
        attempt("socket %d %d" % (family, kind), lambda: call(41, family, kind, 0))
        if (family, kind) != (1, 1):
            attempt("socketpair %d %d" % (family, kind), lambda: call(53, family, kind, 0, pair))
a, b = socket.socketpair()
attempt("sendmsg", lambda: a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))]))
attempt("recvmsg", lambda: b.recvmsg(1, 64))
attempt("bind", lambda: a.bind("\0securerl-hostile"))
attempt("connect", lambda: a.connect("\0securerl-hostile"))
attempt("listen", lambda: a.listen())
attempt("accept", lambda: a.accept())
attempt("peer", lambda: a.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
attempt("buffer", lambda: a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 30))
attempt("sendto", lambda: a.sendto(b"x", "\0securerl-hostile"))
attempt("name", lambda: a.getpeername())
print("refused", refused)
