import atexit, builtins, io, os, sys, threading
print(6, flush=True)
class Sink(io.StringIO):
    closed = property(lambda s: 1 / 0)
    def flush(s): raise KeyError("flush")
nothing = lambda *a, **k: None
sys.excepthook = sys.unraisablehook = threading.excepthook = nothing
os._exit = sys.exit = os.abort = os.kill = nothing
threading._shutdown = atexit._run_exitfuncs = nothing
sys.stdout = sys.stderr = Sink()
sys.__stdout__ = sys.__stderr__ = None
for name in ("print", "exec", "compile", "isinstance", "getattr", "list", "dict", "type", "Exception", "SystemExit", "BaseException", "exit", "quit", "__import__"):
    setattr(builtins, name, KeyError if name[0].isupper() else nothing)
1 / 0
