import ctypes, os, threading, time
def stay():
    while True: time.sleep(0.01)
for _ in range(4): threading.Thread(target=stay, daemon=True).start()
os.write(1, b"6\n")
ctypes.CDLL(None).syscall(60, 0)
