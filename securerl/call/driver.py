# Calls one function of an untrusted program and writes down what came of it. All of
# this runs beside the program and at its mercy, so nothing it says is believed: an
# answer is a claim about a value, and the expected value is nowhere near.
import os
import sys
import types

MUTABLE = (list, dict, set, bytearray, collections.deque)


def main(write=write, read=read, frames=frames, _write=os.write, _exit=os._exit, _compile=compile, _exec=exec, out=sys.stdout):
    request = b""
    while part := os.read(0, 1 << 16):
        request += part
    source, name, arguments = frames(request)
    args, kwargs = read(arguments)
    name = name.decode()
    module = types.ModuleType("solution")
    module.__file__ = "main.py"
    sys.modules["solution"] = module
    slots = [(slot, x, write(x)) for slot, x in [*enumerate(args), *kwargs.items()] if type(x) in MUTABLE]
    loaded = False
    try:
        try:
            text = source.decode("utf-8-sig")
        except UnicodeDecodeError as e:
            raise SyntaxError("(unicode error) " + str(e)) from None
        _exec(_compile(text, "main.py", "exec", dont_inherit=True), module.__dict__)
        loaded = True
        if name in module.__dict__:
            answer = b"t3:s8:returned" + write(module.__dict__[name](*args, **kwargs))
        else:
            answer, slots = b"t2:s7:missing", []
    except BaseException as e:
        answer = raised(e, loaded, write)
    after = []
    for slot, x, old in slots if loaded else ():
        try:
            new = write(x)
        except BaseException:  # it holds something of the program's own
            continue
        if new != old:
            after.append(write(slot) + new)
    answer += b"d%d:" % len(after) + b"".join(after)
    for f in dict.fromkeys((sys.stdout, out)):
        try:
            f.flush()
        except BaseException:
            pass
    answer += b"%08x\0answer\0" % len(answer)
    try:
        while answer:
            answer = answer[_write(1, answer):]
    except OSError:  # the program's output is at its limit, or closed
        _exit(1)
    _exit(0)


def raised(e, loaded, write):
    """Class, nearest class of Python's own, arguments, and the program's last line."""
    line, tb = 0, e.__traceback__
    while tb is not None:
        if tb.tb_frame.f_code.co_filename == "main.py":
            line = tb.tb_lineno
        tb = tb.tb_next
    if isinstance(e, SyntaxError) and not line and type(e.lineno) is int:
        line = e.lineno
    kinds = type.mro(type(e))
    base = next((k.__name__ for k in kinds if k.__module__ == "builtins"), "Exception")
    try:
        args = write(tuple(e.args))
    except BaseException:
        args = b"t0:"
    return b"t7:s6:raised" + write(loaded) + write(kinds[0].__name__[:100]) + write(base) + write(max(0, line)) + args


main()
