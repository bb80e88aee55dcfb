def attempt(name, f):
    global refused
    try:
        r = f()
    except BaseException as e:
        refused += 1
        return e
    print("GOT", name, repr(r)[:80])
refused = 0
import asyncio, os, subprocess
def zero(r):
    if r != 0: raise OSError(r, "refused")
attempt("system", lambda: zero(os.system("true")))
attempt("popen", lambda: os.popen("id").read() or zero(1))
attempt("run", lambda: subprocess.run(["/usr/bin/true"]))
attempt("shell", lambda: subprocess.check_output("id", shell=True))
attempt("session", lambda: subprocess.Popen(["/usr/bin/true"], start_new_session=True, close_fds=False))
attempt("spawnv", lambda: os.spawnv(os.P_NOWAIT, "/usr/bin/true", ["true"]))
attempt("posix_spawnp", lambda: os.posix_spawnp("true", ["true"], {}))
attempt("fork", os.fork)
attempt("forkpty", os.forkpty)
def terminal():
    import pty
    return pty.spawn("/usr/bin/true")
attempt("pty", terminal)
async def shell(): await (await asyncio.create_subprocess_shell("id")).wait()
async def program(): await (await asyncio.create_subprocess_exec("/usr/bin/true")).wait()
attempt("asyncio shell", lambda: asyncio.run(shell()))
attempt("asyncio exec", lambda: asyncio.run(program()))
def process(kind):
    import multiprocessing
    p = multiprocessing.get_context(kind).Process(target=print)
    p.start()
    p.join()
for kind in ("fork", "spawn", "forkserver"): attempt(kind, lambda: process(kind))
def pool():
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(1) as p: return p.submit(abs, 1).result()
attempt("pool", pool)
print("refused", refused)
