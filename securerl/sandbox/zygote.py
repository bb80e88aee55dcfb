# The inside of a worker: a Python process that locks itself up and then forks one
# child per program. It never parses, compares or judges anything.
#
# fd 3 is a SEQPACKET socket to Go; argv[1] holds the options as JSON. A request is a
# header (HEADER) with four descriptors: program, stdin, stdout, stderr. The answer
# (ANSWER) is the wait status, which clock struck, processor time and memory.
#
# What can be done once is done before the first fork: streams, most limits, most of
# the system call filter. What a child does for itself costs every program.
# Runs on CPython 3.9 and newer.
import array
import atexit
import builtins
import ctypes
import gc
import io
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import threading
import time
import types

OPT = json.loads(sys.argv[1])
HEADER = "<IIIIIQQ"  # kind, wall ms, CPU ms, files, threads, bytes of address space, bytes of output
ANSWER = "<iIQQ"  # wait status, clock (0, or one of CLOCKS), CPU microseconds, largest resident set in KiB
BINARY = 1  # the other kind is a Python source
WALL, ASKED, CPU = 1, 2, 3  # CLOCKS
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x02000000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38


def check(result, what):
    if result < 0:
        e = ctypes.get_errno()
        raise OSError(e, "%s: %s" % (what, os.strerror(e)))
    return result


def mount(source, target, kind, flags, data=None):
    enc = lambda s: s.encode() if s else None
    check(libc.mount(enc(source), enc(target), enc(kind), ctypes.c_ulong(flags), enc(data)), "mount " + target)


def read_only_root():
    """A new root of nothing but /usr, the interpreter's folders and three devices."""
    held = [(p, os.open(p, os.O_PATH | os.O_CLOEXEC)) for p in OPT["readable"]]  # opened before /tmp is covered
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    root = "/tmp"
    mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "size=8m,mode=755,nr_inodes=2k")
    for d in ("usr", "dev", "tmp", "old", "etc"):
        os.mkdir(root + "/" + d)
    usr = os.open("/usr", os.O_PATH | os.O_CLOEXEC)
    for path, fd in [("/usr", usr)] + held:
        os.makedirs(root + path, mode=0o755, exist_ok=True)
        mount("/proc/self/fd/%d" % fd, root + path, None, MS_BIND | MS_REC)
        mount(None, root + path, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)
        os.close(fd)
    for link in ("lib", "lib64", "bin"):
        os.symlink("usr/" + link, root + "/" + link)
    for dev in ("null", "urandom", "zero"):
        os.close(os.open(root + "/dev/" + dev, os.O_CREAT | os.O_WRONLY))
        mount("/dev/" + dev, root + "/dev/" + dev, None, MS_BIND)
    if OPT["build"]:  # a compiler needs room for its files, and nothing there is run
        mount("tmpfs", root + "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64m,mode=1777,nr_inodes=1k")
    check(libc.syscall(OPT["nr"]["pivot_root"], root.encode(), (root + "/old").encode()), "pivot_root")
    os.chdir("/")
    check(libc.umount2(b"/old", 2), "umount of the old root")
    os.rmdir("/old")
    mount(None, "/", None, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)


def map_ids(proc, uid, gid):
    for name, text in (("setgroups", "deny"), ("uid_map", "0 %d 1" % uid), ("gid_map", "0 %d 1" % gid)):
        fd = os.open(name, os.O_WRONLY, dir_fd=proc)
        os.write(fd, text.encode())
        os.close(fd)


def nameless():
    """The name of the machine is none of a program's business."""
    check(libc.sethostname(b"sandbox", 7), "sethostname")


def become_init():
    """The first child in a new pid namespace is its init: when it dies, all die."""
    pid = os.fork()
    if pid:
        os.close(3)
        libc.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)
        os.wait4(pid, 0)
        os._exit(0)
    libc.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)


def drop_root():
    if os.geteuid() == 0:
        uid = OPT["drop_uid"]
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


def namespaces():
    rest = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP
    proc = os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    if os.geteuid() == 0:
        # Mounts come first, while folders below a private home can still be read.
        check(libc.unshare(CLONE_NEWNS), "unshare mounts")
        read_only_root()
        drop_root()
        check(libc.unshare(CLONE_NEWUSER), "unshare user")
        map_ids(proc, OPT["drop_uid"], OPT["drop_uid"])
        check(libc.unshare(rest), "unshare")
        os.close(proc)
        nameless()
        become_init()
    else:
        uid, gid = os.geteuid(), os.getegid()
        check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | rest), "unshare")
        map_ids(proc, uid, gid)
        os.close(proc)
        nameless()
        become_init()
        read_only_root()


def landlock(required):
    """Nothing may be written; only /usr and the interpreter's folders may be read."""
    create, add, restrict = OPT["nr"]["landlock"]
    abi = libc.syscall(create, None, 0, 1)
    if abi < 1:
        if required:
            raise OSError("Landlock is not enabled in this kernel")
        return 0
    everything = (1 << 13) - 1
    everything |= (1 << 13 if abi >= 2 else 0) | (1 << 14 if abi >= 3 else 0) | (1 << 15 if abi >= 5 else 0)
    attr = struct.pack("QQQ", everything, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    ruleset = check(libc.syscall(create, attr, 24 if abi >= 6 else 16 if abi >= 4 else 8, 0), "landlock")
    execute, write, read_dir = 1, 2, 4 | 8
    rules = [("/dev/null", 4 | write), ("/dev/urandom", 4)] + [(p, read_dir) for p in OPT["readable"]]
    rules += [("/usr", read_dir | execute), ("/tmp", everything & ~execute)] if OPT["build"] else [("/usr", read_dir)]
    for path, access in rules:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        check(libc.syscall(add, ruleset, 1, struct.pack("=Qi", access, fd), 0), "landlock " + path)
        os.close(fd)
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    check(libc.syscall(restrict, ruleset, 0), "landlock restrict")
    os.close(ruleset)
    return abi


def count_threads():
    """RLIMIT_NPROC counts the threads of a user. Since Linux 5.14 a user namespace has
    a count of its own; elsewhere what else the user runs is counted too, and grows, so
    that the limit is only a wall before the machine's last process number. Returns
    what must be added to a limit."""
    release = [int("".join(c for c in part if c.isdigit()) or 0) for part in os.uname().release.split(".")[:2]]
    if OPT["tier"] == "A" and release >= [5, 14]:
        return 0
    uid, threads = OPT["drop_uid"] if os.geteuid() == 0 else os.geteuid(), 0
    for name in os.listdir("/proc"):
        try:
            with open("/proc/%s/status" % name) as f:
                status = dict(line.split(":", 1) for line in f)
            if name.isdigit() and int(status["Uid"].split()[0]) == uid:
                threads += int(status["Threads"])
        except (OSError, KeyError, ValueError):
            pass  # no process, or one that has ended
    return threads + 4096


def drop_capabilities():
    header = struct.pack("Ii", 0x20080522, 0)
    check(libc.syscall(OPT["nr"]["capset"], header, b"\0" * 24), "capset")


class Filter(ctypes.Structure):
    """A system call filter, ready to be put in place by one call."""

    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    def __init__(self, code):
        raw = bytes.fromhex(code)
        self.code = ctypes.create_string_buffer(raw, len(raw))
        super().__init__(len(raw) // 8, ctypes.addressof(self.code))

    def install(self, pid_offsets=()):
        for at in pid_offsets:  # signals to oneself are allowed, to nobody else
            struct.pack_into("I", self.code, at, os.getpid())
        check(libc.syscall(OPT["nr"]["seccomp"], 1, 4, ctypes.byref(self)), "seccomp")


def limit(name, value):
    resource.setrlimit(getattr(resource, "RLIMIT_" + name), value if isinstance(value, tuple) else (value, value))


def streams():
    """The streams of the programs to come. They hold numbers of descriptors, nothing
    that is open now, and have the buffers and encodings of CPython's own."""
    for target in (0, 1, 2):  # of the same kind as those of a program: files that can be sought
        fd = os.memfd_create("empty")
        os.dup2(fd, target)
        os.close(fd)
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "r", closefd=False)), encoding="utf-8")
    sys.stdout = sys.__stdout__ = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)), encoding="utf-8")
    sys.stderr = sys.__stderr__ = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), encoding="utf-8", errors="backslashreplace", write_through=True)


def confine(header, fds, _setrlimit=resource.setrlimit):
    """In the child: the descriptors become 0, 1 and 2, everything else is closed, the
    limits of this program and the rest of the filter are put in place. Returns the
    source, or the descriptor of a binary."""
    kind, _, cpu, files, threads, memory, output = header
    for target, fd in enumerate(fds[1:]):
        os.dup2(fd, target)
    first = 3
    if kind == BINARY:
        os.dup2(fds[0], 3, inheritable=False)
        program, first = 3, 4
    else:
        program = b"" if OPT["server"] else os.pread(fds[0], os.fstat(fds[0]).st_size, 0)
    os.closerange(first, 256)
    libc.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)
    # The soft limit raises SIGXCPU, the hard one ends those that ignore it.
    seconds = -(-cpu // 1000)
    _setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    for name, value in (("AS", memory), ("FSIZE", output), ("NOFILE", files)):
        if value != OPT["limits"][name]:
            limit(name, value)
    if threads:
        limit("NPROC", threads + OTHERS)
    inner = BINARY_FILTER if kind == BINARY else PROGRAM_FILTER
    if inner:
        inner.install(OPT["pid_offsets"])
    return program


def main(code, _exit=os._exit, _exec=exec, _compile=compile, _long=struct.Struct("<q").pack):
    """Runs a program as CPython would run its main script, with the same exit status.

    The functions it ends with are bound here: a program may replace os._exit, close
    or exchange its streams, or register handlers, and still ends as it should."""
    shutdown, run_exits = threading._shutdown, atexit._run_exitfuncs
    module = types.ModuleType("__main__")
    module.__builtins__, module.__file__ = builtins, "main.py"
    sys.modules["__main__"] = module
    out, err = sys.stdout, sys.stderr
    gc.enable()
    status = 0
    try:
        try:
            text = code.decode("utf-8-sig")  # text, so that a coding cookie changes nothing
        except UnicodeDecodeError as e:
            raise SyntaxError("(unicode error) " + str(e)) from None
        _exec(_compile(text, "main.py", "exec", dont_inherit=True), module.__dict__)
    except SystemExit as e:
        if e.code is None:
            status = 0
        elif isinstance(e.code, int):
            try:
                status = _long(e.code)[0]  # the number itself, whatever its class says of it
            except BaseException:
                status = 255  # as in CPython: it fits no long
        else:
            status = 1
            try:
                print(e.code, file=sys.stderr)
            except BaseException:
                pass
    except BaseException as e:
        status = 1
        try:
            sys.excepthook(type(e), e, e.__traceback__)
        except BaseException:
            pass

    def flush(f):
        nonlocal status
        try:
            if f is not None and not getattr(f, "closed", False):
                f.flush()
        except BaseException:
            status = status or 120

    def clear():  # objects that hold unflushed files are freed
        for name in list(module.__dict__):
            if name != "__builtins__":
                module.__dict__[name] = None

    # As CPython ends: its own streams are flushed once more after the names are gone.
    for last in (shutdown, run_exits, lambda: flush(getattr(sys, "stdout", None)), clear, lambda: flush(out), lambda: flush(err)):
        try:
            last()
        except BaseException:
            pass
    _exit(status)


def binary(fd):
    """Becomes the program in the descriptor, which is closed on the way."""
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by CPython, not by a program's start
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execve(fd, ["main"], {"PATH": "/usr/bin", "LANG": "C.UTF-8"})
    except OSError as e:
        os.write(2, b"sandbox: the binary does not start: %s\n" % os.strerror(e.errno).encode())
    os._exit(126)


def serve(handle, cpu):
    """A long-lived child: length and request in, length and answer out, on fd 0."""

    waiting = bytearray()

    def take(n):
        while len(waiting) < n:
            b = os.read(0, 1 << 16)
            if not b:
                os._exit(0)
            waiting.extend(b)
        b = bytes(waiting[:n])
        del waiting[:n]
        return b

    soft = 0
    while True:
        n = struct.unpack("<I", take(4))[0]
        request = take(n)
        wanted = int(time.process_time() + cpu) + 1  # the clock of the processor, not of the wall
        if wanted != soft:
            soft = wanted
            resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        answer = handle(request)
        b = struct.pack("<I", len(answer)) + answer
        while b:
            b = b[os.write(0, b):]


def watch(pid, pidfd, control, wall, cpu):
    """Waits until the child ends, and kills it when a clock strikes or Go asks for it.
    Returns which. The processor's clock is read from outside, to the millisecond."""
    clock = (~pid << 3) | 2  # CPUCLOCK_SCHED of a process, clock_getcpuclockid(3)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(control, select.POLLIN)  # Go may ask for the end, or be gone
    now = time.monotonic()
    end, wait = now + wall / 1000, min(wall, cpu)
    while True:
        events = poll.poll(wait + 1)
        if any(which == pidfd for which, _ in events):
            return 0
        if events:
            struck = ASKED
            break
        left = (end - time.monotonic()) * 1000
        spent = time.clock_gettime(clock) * 1000
        if spent >= cpu:
            struck = CPU
            break
        if left <= 0:
            struck = WALL
            break
        wait = max(1, min(left, cpu - spent))
    os.kill(pid, signal.SIGKILL)
    return struck


def loop(control):
    """Forks a child per request and reports how it ended. Returns in the child."""
    pidfd_open = getattr(os, "pidfd_open", None) or (lambda pid: libc.syscall(434, pid, 0))
    while True:
        try:
            message, rights, _, _ = control.recvmsg(64, socket.CMSG_SPACE(16))
        except OSError:
            os._exit(0)
        if not message:
            os._exit(0)
        if not rights:  # a kill that came after its child had ended
            continue
        fds = array.array("i", rights[0][2][:16])
        header = struct.unpack(HEADER, message)
        pid = os.fork()
        if pid == 0:
            return header, fds
        for fd in fds:
            os.close(fd)
        fd = pidfd_open(pid)
        struck = watch(pid, fd, control, header[1], header[2])
        _, status, usage = os.wait4(pid, 0)
        os.close(fd)
        cpu = int((usage.ru_utime + usage.ru_stime) * 1e6)
        try:
            control.send(struct.pack(ANSWER, status, struck, cpu, usage.ru_maxrss))
        except OSError:
            os._exit(0)


def warm():
    """Runs a program of no consequence, so that what CPython loads at first use (codecs,
    the parts of a traceback) is there before the first fork."""
    text = b"def f(x):\n    return '%.2f %s' % (x, sorted([2, 1]))\nf(1.5)".decode("utf-8-sig")
    exec(compile(text, "main.py", "exec", dont_inherit=True), {"__name__": "__main__"})
    io.TextIOWrapper(io.BytesIO(b"1 2\n"), encoding="utf-8").readline()
    try:
        raise ValueError("x")
    except ValueError as e:
        import traceback
        traceback.format_exception(type(e), e, e.__traceback__)


def start():
    # Found by the loader when this process began; not a program's affair.
    os.environ.pop("LD_LIBRARY_PATH", None)
    abi = 0
    others = count_threads()
    OPT["limits"]["NPROC"] += others
    if OPT["tier"] == "A":
        namespaces()
        abi = landlock(False)
    elif OPT["tier"] == "B":
        drop_root()
        abi = landlock(True)
    libc.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)
    sys.path[:] = [p for p in sys.path if p] + OPT["path"]
    sys.argv[:], sys.orig_argv = ["main.py"], [sys.executable, "main.py"]  # the options of the sandbox are none of its business
    if hasattr(libc, "mallopt"):
        libc.mallopt(-8, 1)  # one arena: each thread would reserve 64 MiB of the program's address space
    import site
    site.setquit()
    site.setcopyright()
    site.sethelper()
    for name in OPT["preload"]:
        __import__(name)
    warm()
    if "tempfile" in sys.modules:  # nothing is writable, but asking for the path is harmless
        sys.modules["tempfile"].tempdir = "/tmp"
    handle = None
    if OPT["server"]:
        scope = {"__name__": "server"}
        exec(compile(OPT["server"], "server.py", "exec"), scope)
        handle = scope["handle"]
    inner = [Filter(code) if code else None for code in (OPT["program_filter"], OPT["binary_filter"])]
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    if OPT["tier"] != "none":
        drop_capabilities()
    streams()
    for name, value in OPT["limits"].items():
        limit(name, value)
    if OPT["filter"]:
        check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
        Filter(OPT["filter"]).install()
    gc.collect()
    gc.freeze()
    gc.disable()
    return handle, abi, inner, others


control = socket.socket(fileno=3)
try:
    handle, abi, (PROGRAM_FILTER, BINARY_FILTER), OTHERS = start()
except BaseException as e:
    control.send(b"failed: %s: %s" % (type(e).__name__.encode(), str(e).encode()[:1000]))
    os._exit(1)
control.send(b"ready %d" % abi)
header, fds = loop(control)
program = confine(header, fds)
if handle:
    serve(handle, OPT["cpu"])
if header[0] == BINARY:
    binary(program)
main(program)
