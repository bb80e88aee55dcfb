import threading, time
threading.stack_size(32 << 10)
n = 0
try:
    while True:
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        n += 1
except (RuntimeError, MemoryError): pass
print("started", n, flush=True)
