import resource, signal, sys
n = 0
def go_on(*_):
    global n
    n += 1
for s in range(1, 65):
    try: signal.signal(s, go_on)
    except (OSError, ValueError): pass
for which in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
    signal.setitimer(which, 0.0005, 0.0005)
try: resource.setrlimit(resource.RLIMIT_CPU, (resource.getrlimit(resource.RLIMIT_CPU)[1],) * 2)
except (OSError, ValueError): pass
while True:
    try:
        while True: pass
    except BaseException: pass
