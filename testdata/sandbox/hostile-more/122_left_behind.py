import builtins, decimal, gc, importlib.abc, locale, os, resource, signal, sys, threading, time, types
print(int(input()) + 1)
builtins.securerl_hostile = os.environ["securerl-hostile"] = "here"
os.environ["PYTHONPATH"] = os.environ["PYTHONSTARTUP"] = "/tmp/securerl-hostile"
sys.modules["sitecustomize"] = sys.modules["usercustomize"] = sys.modules["securerl_hostile"] = types.ModuleType("securerl-hostile")
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None): raise ImportError("securerl-hostile")
sys.meta_path.insert(0, Finder())
sys.path_hooks.insert(0, lambda p: 1 / 0)
sys.path.insert(0, "/tmp/securerl-hostile")
def trace(*a): return trace
sys.settrace(trace); sys.setprofile(trace); threading.settrace(trace); threading.setprofile(trace)
def audit(event, args):
    if event in ("open", "import"): raise RuntimeError("securerl-hostile")
sys.addaudithook(audit)
sys.setswitchinterval(1e-9); sys.setrecursionlimit(200)
gc.set_threshold(1, 1, 1); gc.set_debug(gc.DEBUG_UNCOLLECTABLE)
decimal.getcontext().prec = 1
os.umask(0o777)
for s in (signal.SIGINT, signal.SIGALRM, signal.SIGCHLD, signal.SIGXCPU): signal.signal(s, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
signal.setitimer(signal.ITIMER_REAL, 1000)
resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))
os.getpid = None
