import threading, time
held = threading.Lock()
def wait():
    with held: time.sleep(1000)
def block(): threading.Event().wait()
for i in range(20): threading.Thread(target=wait if i % 2 else block, daemon=True).start()
print(int(input()) + 1)
