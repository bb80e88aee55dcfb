import ctypes, mmap, os
m = mmap.mmap(-1, 4096, prot=7)
# mov rax, rdi; mov rdi, rsi; mov rsi, rdx; mov rdx, rcx; mov r10, r8; syscall; ret
m.write(bytes.fromhex("4889f8" "4889f7" "4889d6" "4889ca" "4d89c2" "0f05" "c3"))
call = ctypes.CFUNCTYPE(ctypes.c_long, *[ctypes.c_void_p] * 5)(ctypes.addressof(ctypes.c_char.from_buffer(m)))
path = ctypes.create_string_buffer(b"/tmp/securerl-hostile")
shell = ctypes.create_string_buffer(b"/usr/bin/true")
p = lambda b: ctypes.addressof(b)
every = 0x7e020080
args = (ctypes.c_uint64 * 11)(every)
r = [call(39, 0, 0, 0, 0) == os.getpid()]
for a in ((57, 0, 0, 0, 0), (58, 0, 0, 0, 0), (59, p(shell), 0, 0, 0), (2, p(path), 0o102, 0o777, 0), (85, p(path), 0o777, 0, 0), (83, p(path), 0o777, 0, 0), (41, 1, 1, 0, 0), (435, p(args), 88, 0, 0), (56, 17, 0, 0, 0)):
    r.append(call(*a))
os.write(1, repr(r).encode())
call(56, 0x00010000 | 0x40000000 | 0x100 | 0x800, 0, 0, 0)
os.write(1, b"GOT a namespace")
