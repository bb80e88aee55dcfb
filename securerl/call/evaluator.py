# The trusted side: runs the statements of a test with the program's functions
# replaced by stubs, in a confined process that never sees the program. A stub whose
# result is not known yet ends the attempt; Go has the program called, and asks again
# with one more result.
import ast
import builtins
import functools
import importlib
import marshal
import random

# What a test may import: nothing that runs text, loads objects, or sees the machine.
MODULES = frozenset("""abc array bisect cmath collections collections.abc copy dataclasses datetime decimal enum fractions functools hashlib heapq
    itertools json math numbers operator queue random re statistics string sys textwrap time typing unicodedata""".split())
# What a value from the program could use to run as code of the test.
REFUSED = frozenset("eval exec compile open input breakpoint help exit quit globals locals vars memoryview __import__ __build_class__ __loader__ __spec__".split())


class Broken(BaseException):
    """The test, not the program, is at fault."""


def load(name, scope=None, local=None, wanted=(), level=0):
    if level or name not in MODULES:
        raise Broken("imports %s, which a test may not" % name)
    return builtins.__import__(name, None, None, wanted)


BUILTINS = {k: v for k, v in vars(builtins).items() if k not in REFUSED}
BUILTINS.update(__import__=load, __build_class__=builtins.__build_class__, print=lambda *args, **kwargs: None)


class Need(BaseException):
    """The result of a call is not known yet."""


@functools.lru_cache(maxsize=512)
def prepared(text, what):
    try:
        tree = ast.parse(text)
        code = compile(tree, what, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as e:
        raise Broken("%s does not compile: %s" % (what, e)) from None
    used, bound, called = set(), set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
    return code, used, bound


class Attempt:
    """One try to run a test to its end with the results known so far."""

    def __init__(self, records):
        self.records, self.used = records, 0
        self.need = self.broken = None  # kept here too: a test may catch everything
        self.raised = []  # exceptions of the program, with the number of the call

    def fault(self, why):
        self.broken = self.broken or why
        raise Broken(why)

    def stub(self, name):
        def call(*args, **kwargs):
            try:
                text = write(name) + write((args, kwargs), strict=True)
            except Unsupported as e:
                self.fault("%s is called with a value that cannot be handed over: %s" % (name, e))
            if self.need is not None or self.used == len(self.records):
                self.need = self.need or text
                raise Need
            known, answer = self.records[self.used]
            if known != text:
                self.fault("the test calls differently when it is run again")
            self.used += 1
            return self.replay(read(answer), args, kwargs)

        call.__name__ = call.__qualname__ = name
        return call

    def replay(self, answer, args, kwargs):
        for slot, value in answer[-1].items():
            old = args[slot] if type(slot) is int and 0 <= slot < len(args) else kwargs.get(slot)
            if type(old) is not type(value):
                continue
            if type(old) in (list, bytearray):
                old[:] = value
            elif type(old) in (dict, set, collections.deque):
                old.clear()
                (old.extend if type(old) is collections.deque else old.update)(value)
        if answer[0] == "returned":
            return answer[1]
        kind = getattr(builtins, answer[3], Exception)
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            kind = Exception
        try:
            e = kind(*answer[5])
        except Exception:
            e = Exception(*answer[5])
        self.raised.append((e, self.used - 1))
        raise e

    def run(self, setup, entry, test):
        first, second = prepared(setup, "the setup"), prepared(test, "the test")
        known = BUILTINS.keys() | first[2] | second[2] | set(entry)
        scope = {"__name__": "test", "__builtins__": BUILTINS}
        for name in sorted((first[1] | second[1]) - known):
            if name not in MODULES:
                raise Broken("uses the name %s, which neither the test nor its setup defines" % name)
            scope[name] = importlib.import_module(name)
        random.seed(0)
        exec(first[0], scope)
        scope.update((name, self.stub(name)) for name in entry)
        exec(second[0], scope)


def evaluate(setup, entry, test, *records):
    attempt = Attempt(list(zip(records[::2], records[1::2])))
    why, detail, where = b"passed", b"", -1
    try:
        attempt.run(setup.decode(), entry.decode().split(), test.decode())
    except (Need, Broken) as e:
        attempt.broken = attempt.broken or (str(e) if isinstance(e, Broken) else None)
    except BaseException as e:
        where = next((n for r, n in attempt.raised if r is e), -1)
        if where >= 0:
            why = b"raised"
        elif isinstance(e, AssertionError):
            why = b"failed"
        else:
            why, detail = b"stuck", type(e).__name__.encode()
    if attempt.need is not None:
        why, detail = b"need", attempt.need
    if attempt.broken is not None:
        why, detail = b"broken", attempt.broken.encode("utf-8", "replace")
    return why, detail, b"%d" % attempt.used, b"%d" % where


def handle(request):
    what, *parts = frames(request)
    if what == b"driver":
        answer = (marshal.dumps(compile(parts[0], "driver.py", "exec", dont_inherit=True)),)
    else:
        answer = evaluate(*parts)
    return b"".join(len(p).to_bytes(4, "little") + p for p in answer)
