# securerl_probe: is this process as fresh as the first one of its worker? It prints
# twice its input, and whatever it finds odd.
import builtins, decimal, gc, os, resource, signal, sys, threading

odd = []


def must(ok, what):
    if not ok:
        odd.append(what)


MARK = "securerl"
must(os.lseek(0, 0, 1) == 0, "input is not at its start")
must(os.fstat(1).st_size == os.fstat(2).st_size == 0, "output is not empty")
for fd in range(3, 32):
    try:
        os.fstat(fd)
        odd.append("descriptor %d is open" % fd)
    except OSError:
        pass
must(not any(MARK in k.lower() or MARK in v for k, v in os.environ.items()), "environment")
must("PYTHONPATH" not in os.environ and "PYTHONSTARTUP" not in os.environ, "environment of Python")
must(not [k for k in vars(builtins) if MARK in k], "builtins")
must(not [k for k in sys.modules if MARK in k or k in ("sitecustomize", "usercustomize")], "modules")
must(not [p for p in sys.path if MARK in p], "import path")
must(type(print) is type(len) is type(os._exit) is type(os.getpid), "functions")
must(sys.gettrace() is None and sys.getprofile() is None, "tracer")
must(sys.getswitchinterval() == 0.005 and sys.getrecursionlimit() == 1000, "interpreter settings")
must(gc.isenabled() and gc.get_debug() == 0 and gc.get_threshold()[0] > 1, "collector")
must(decimal.getcontext().prec == 28, "decimal context")
must(threading.active_count() == 1, "threads")
must(signal.getsignal(signal.SIGINT) is signal.default_int_handler, "SIGINT")
must(all(signal.getsignal(s) == signal.SIG_DFL for s in (signal.SIGALRM, signal.SIGCHLD, signal.SIGXCPU, signal.SIGTERM)), "signals")
must(not signal.pthread_sigmask(signal.SIG_BLOCK, []), "signal mask")
must(signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0), "timer")
must(os.umask(0o22) != 0o777, "umask")
must(resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 8, "limits")
for folder in ("/tmp", "/var/tmp", "/dev/shm", "/run", "/dev/mqueue", "."):
    try:
        odd += [folder + "/" + name for name in os.listdir(folder) if MARK in name]
    except OSError:
        pass
print(int(input()) * 2, *odd)
