def attempt(name, f):
    global refused
    try:
        r = f()
    except BaseException as e:
        refused += 1
        return e
    print("GOT", name, repr(r)[:80])
refused = 0
import ctypes
l = ctypes.CDLL(None, use_errno=True)
def call(*a):
    r = l.syscall(*a)
    if r < 0: raise OSError(ctypes.get_errno(), "refused")
    return r
rule = ctypes.create_string_buffer(64)
attempt("landlock abi", lambda: call(444, None, 0, 1))
attempt("landlock ruleset", lambda: call(444, b"\xff" * 8, 8, 0))
attempt("landlock restrict", lambda: call(446, 0, 0))
program = (ctypes.c_uint64 * 2)(1, ctypes.addressof(ctypes.create_string_buffer(b"\x06\0\0\0\0\0\xff\x7f", 8)))
for op in range(4): attempt("seccomp", lambda: call(317, op, 0, program))
for op in list(range(1, 76)) + [0x53564d41, 0x59616d61, 1499557217]: attempt("prctl %d" % op, lambda: call(157, op, 0, 0, 0, 0))
for p in (0, 8, 0x0040000, 0x0400000, 0xffffffff): attempt("personality", lambda: call(135, p))
attempt("modify_ldt", lambda: call(154, 0, rule, 64))
attempt("set_thread_area", lambda: call(205, rule))
attempt("capset", lambda: call(126, b"\x22\x05\x08\x20\0\0\0\0", b"\xff" * 24))
attempt("sethostname", lambda: call(170, b"securerl-hostile", 16))
attempt("setdomainname", lambda: call(171, b"securerl-hostile", 16))
attempt("syslog", lambda: call(103, 3, rule, 64))
attempt("acct", lambda: call(163, None))
attempt("quotactl", lambda: call(179, 0, None, 0, None))
print("refused", refused)
