import ctypes, mmap, os
m = mmap.mmap(-1, 1 << 16, prot=7)
# mov eax, 56; syscall (clone); test rax, rax; je child; ret; child: mov eax, 7; xor edi, edi; xor esi, esi; mov edx, -1; syscall (poll); jmp child
m.write(bytes.fromhex("b838000000" "0f05" "4885c0" "7401" "c3" "b807000000" "31ff" "31f6" "baffffffff" "0f05" "ebee"))
at = ctypes.addressof(ctypes.c_char.from_buffer(m))
clone = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long, ctypes.c_long, ctypes.c_long)(at)
n = 0
while n < 20000:
    r = clone(0x10f00, at + (1 << 15), 0)
    if r < 0: break
    n += 1
print("started", n, r, flush=True)
os._exit(0)  # the page stays until the last thread is gone
