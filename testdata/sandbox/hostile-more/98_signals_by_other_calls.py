def attempt(name, f):
    global refused
    try:
        r = f()
    except BaseException as e:
        refused += 1
        return e
    print("GOT", name, repr(r)[:80])
refused = 0
import ctypes, os, signal
l = ctypes.CDLL(None, use_errno=True)
info = ctypes.create_string_buffer(128)
def call(*a):
    r = l.syscall(*a)
    if r < 0: raise OSError(ctypes.get_errno(), "refused")
    return r
for pid in (0, 1, -1, os.getppid(), -os.getppid(), -os.getpid(), os.getpid() + 1, 2 ** 31 - 1, -2 ** 31):
    for s in (0, 9, 19):
        attempt("kill %d" % pid, lambda: call(62, pid, s))
        attempt("tkill %d" % pid, lambda: call(200, pid, s))
        attempt("tgkill %d" % pid, lambda: call(234, pid, pid, s))
        attempt("rt_sigqueueinfo %d" % pid, lambda: call(129, pid, s, info))
        attempt("rt_tgsigqueueinfo %d" % pid, lambda: call(297, pid, pid, s, info))
attempt("killpg", lambda: os.killpg(0, 9))
attempt("pidfd", lambda: call(434, os.getppid(), 0))
attempt("pidfd_send_signal", lambda: call(424, 0, 9, None, 0))
attempt("setpgid", lambda: os.setpgid(0, 0))
attempt("setsid", os.setsid)
attempt("tcsetpgrp", lambda: os.tcsetpgrp(0, os.getpid()))
print("refused", refused)
