import ctypes, gc, sys, types
print(6, flush=True)
f = sys._getframe().f_back
while f is not None:
    for g in (f.f_globals,):
        if g is not globals():
            for name in ("gc", "sys", "signal", "resource", "struct", "OPT", "BPF", "libc", "check", "confine", "streams", "adopt", "loop", "serve", "main"):
                g[name] = None
    f = f.f_back
for o in gc.get_objects():
    if isinstance(o, types.FunctionType) and o.__code__.co_filename == "<string>" and o.__globals__ is not globals():
        try: o.__defaults__ = o.__kwdefaults__ = None
        except Exception: pass
raise ValueError("still a crash")
