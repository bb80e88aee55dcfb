def attempt(name, f):
    global refused
    try:
        r = f()
    except BaseException as e:
        refused += 1
        return e
    print("GOT", name, repr(r)[:80])
refused = 0
import importlib.util, os, sys, tempfile
sys.dont_write_bytecode = False
def pyc():
    import py_compile
    return py_compile.compile(os.__file__, cfile=importlib.util.cache_from_source(os.__file__), doraise=True)
attempt("pyc", pyc)
NAME = "securerl-hostile"
for d in ("/tmp", "/var/tmp", "/dev/shm", "/run", "/home", "/root", "/", ".", os.path.dirname(os.__file__), "/dev", "/usr/lib", "/dev/mqueue", "/proc/self/cwd"):
    attempt("open " + d, lambda: open(os.path.join(d, NAME), "w"))
    attempt("append " + d, lambda: open(os.path.join(d, NAME), "ab"))
    attempt("mkdir " + d, lambda: os.mkdir(os.path.join(d, NAME)))
    attempt("mkstemp " + d, lambda: tempfile.mkstemp(NAME, dir=d))
    attempt("tmpfile " + d, lambda: os.open(d, os.O_TMPFILE | os.O_RDWR))
    attempt("symlink " + d, lambda: os.symlink(NAME, os.path.join(d, NAME)))
    attempt("mkfifo " + d, lambda: os.mkfifo(os.path.join(d, NAME)))
attempt("temporary", lambda: tempfile.TemporaryFile(prefix=NAME))
attempt("folder", lambda: tempfile.mkdtemp(prefix=NAME))
attempt("truncate", lambda: os.truncate(os.__file__, 0))
attempt("chmod", lambda: os.chmod(os.__file__, 0o777))
attempt("chown", lambda: os.chown(os.__file__, os.getuid(), -1))
attempt("replace", lambda: os.replace(os.__file__, os.__file__ + NAME))
attempt("xattr", lambda: os.setxattr("/tmp", "user." + NAME, b"x"))
def log():
    import logging
    return logging.FileHandler("/tmp/" + NAME)
attempt("log", log)
def base():
    import sqlite3
    sqlite3.connect("/tmp/" + NAME).execute("create table t (x)")
attempt("sqlite", base)
print("refused", refused)
