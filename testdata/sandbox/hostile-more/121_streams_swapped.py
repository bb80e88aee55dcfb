import os
save = os.dup(1)
os.dup2(2, 1)
os.dup2(save, 2)
os.dup2(1, 0)
print("wrong", flush=True)
os.write(2, b"6\n")
