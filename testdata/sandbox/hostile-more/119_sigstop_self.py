import os
print(6, flush=True)
while True: os.kill(os.getpid(), 19)
