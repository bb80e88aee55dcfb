def attempt(name, f):
    global refused
    try:
        r = f()
    except BaseException as e:
        refused += 1
        return e
    print("GOT", name, repr(r)[:80])
refused = 0
import ctypes, fcntl, mmap, os
for fd in (0, 1, 2):
    for d in ("/proc/self/fd/", "/dev/fd/", "/proc/thread-self/fd/"):
        for flag in (os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND, os.O_RDWR | os.O_TMPFILE):
            attempt("open %s%d %x" % (d, fd, flag), lambda: os.open(d + str(fd), flag))
for p in ("/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/tty", "/dev/null", "/dev/zero"):
    attempt("open " + p, lambda: os.open(p, os.O_WRONLY))
attempt("write", lambda: os.write(0, b"9"))
attempt("pwrite", lambda: os.pwrite(0, b"9", 0))
attempt("writev", lambda: os.writev(0, [b"9", b"9"]))
attempt("truncate", lambda: os.ftruncate(0, 0))
attempt("grow", lambda: os.ftruncate(0, 1 << 19))
attempt("map", lambda: mmap.mmap(0, 2, mmap.MAP_SHARED, mmap.PROT_WRITE))
attempt("allocate", lambda: os.posix_fallocate(0, 0, 100))
for fd in (0, 1, 2):
    for cmd, arg in ((1033, 0xf), (1034, 0), (1024, 1), (1026, 1), (8, os.getppid()), (10, 9), (15, 0), (1036, 0), (7, 0)):
        attempt("fcntl %d %d" % (fd, cmd), lambda: fcntl.fcntl(fd, cmd, arg))
    attempt("flock", lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB))
    attempt("lockf", lambda: fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB))
    attempt("chmod", lambda: os.fchmod(fd, 0o777))
    attempt("xattr", lambda: os.setxattr(fd, "user.securerl-hostile", b"x"))
print("refused", refused)
