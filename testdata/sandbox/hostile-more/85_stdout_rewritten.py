import mmap, os
os.write(1, b"wrong\n" * 1000)
os.ftruncate(1, 0)
os.ftruncate(1, 1 << 19)
m = mmap.mmap(1, 1 << 19)
m[0:2] = b"6\n"
os.ftruncate(1, 2)
os.lseek(1, 2, 0)
