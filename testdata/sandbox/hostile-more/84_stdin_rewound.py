import os, sys
a = os.pread(0, 10, 0)
b = sys.stdin.read()
os.lseek(0, 0, 0)
c = os.read(0, 10)
os.lseek(0, 1 << 40, 0)
assert os.read(0, 10) == b""
os.lseek(0, 0, 0)
d = open(0, closefd=False).read()
os.lseek(0, 1 << 62, 0)
assert int(a) == int(b) == int(c) == int(d)
print(int(d) + 1)
