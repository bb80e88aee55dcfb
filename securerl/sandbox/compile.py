# The inside of the compiler's server: a request is flags (NUL between), a line break
# and a C source; the answer is b and a binary, m and the compiler's messages, or n if
# there is no compiler.
import os
import subprocess

LARGEST = 3 << 20  # bytes of a binary


def handle(request):
    flags, _, source = request.partition(b"\n")
    command = ["/usr/bin/gcc", "-O2", "-static", "-x", "c", "-o", "/tmp/program", "-", *[f.decode() for f in flags.split(b"\0") if f], "-lm"]
    if not os.path.exists(command[0]):
        return b"n"
    done = subprocess.run(command, input=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/tmp",
                          env={"PATH": "/usr/bin", "LANG": "C.UTF-8", "TMPDIR": "/tmp"})
    if done.returncode != 0:
        return b"m" + done.stdout[:16 << 10]
    with open("/tmp/program", "rb") as f:
        program = f.read(LARGEST + 1)
    if len(program) > LARGEST:
        return b"mthe binary is larger than %d bytes" % LARGEST
    return b"b" + program
