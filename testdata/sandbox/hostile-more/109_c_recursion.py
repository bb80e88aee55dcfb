import ast, copy, faulthandler, json, marshal, pickle, re, sys
faulthandler.enable()
sys.setrecursionlimit(10 ** 8)
N = 20000
deep = []
for _ in range(N): deep = [deep]
caught = []
for name, f in (("json", lambda: json.loads("[" * N)), ("ast", lambda: ast.parse("-" * N + "1")), ("re", lambda: re.compile("(" * N + ")" * N)), ("marshal", lambda: marshal.loads(b"(\1\0\0\0" * N)),
                ("pickle", lambda: pickle.dumps(deep)), ("copy", lambda: copy.deepcopy(deep)), ("repr", lambda: repr(deep)), ("compare", lambda: deep == copy.copy(deep))):
    try: f()
    except (RecursionError, MemoryError, ValueError, EOFError, SyntaxError, re.error, OverflowError) as e: caught.append(name)
print("caught", caught)
