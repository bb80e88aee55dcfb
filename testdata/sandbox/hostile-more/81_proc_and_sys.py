def attempt(name, f):
    global refused
    try:
        r = f()
    except BaseException as e:
        refused += 1
        return e
    print("GOT", name, repr(r)[:80])
refused = 0
import fcntl, os
paths = ["/proc", "/sys", "/sys/kernel/security", "/sys/fs/cgroup", "/sys/class/net", "/sys/kernel/mm", "/run", "/var", "/etc/hosts", "/boot"]
for p in ("self", "thread-self", "1", str(os.getppid()), str(os.getpid())):
    paths += ["/proc/%s/%s" % (p, x) for x in ("", "maps", "environ", "cmdline", "mem", "mountinfo", "status", "auxv", "root/etc/passwd", "cwd", "task", "pagemap", "clear_refs", "oom_score_adj", "uid_map")]
paths += ["/proc/sys/kernel/core_pattern", "/proc/kallsyms", "/proc/kcore", "/proc/sysrq-trigger", "/proc/cpuinfo", "/proc/meminfo", "/proc/mounts", "/proc/net/unix", "/proc/keys", "/proc/self/attr/current"]
for p in paths:
    attempt(p, lambda: os.close(os.open(p, os.O_RDONLY)))
    attempt(p, lambda: os.listdir(p))
    attempt(p, lambda: open(p, "w"))
for p in ("user", "pid", "net", "mnt"):  # a handle of where it is already: nothing may be done with it
    for n in range(0xb701, 0xb70b): attempt("ioctl " + p, lambda: fcntl.ioctl(os.open("/proc/self/ns/" + p, os.O_RDONLY), n))
print("refused", "all" if refused == 3 * len(paths) + 40 else refused)
