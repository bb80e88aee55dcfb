"""Reference for the output comparators (bytes in, verdict out), small on purpose. Package judge agrees on every row of compare.jsonl and random.jsonl."""
import re
BLANK = b" \t\r"
NUM = re.compile(rb"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?\Z")
INT = re.compile(rb"[+-]?\d+\Z")

def lines(b):
    out = [l.rstrip(BLANK) for l in b.replace(b"\r\n", b"\n").split(b"\n")]
    while out and not out[-1]: out.pop()
    return out

def same_number(a, e, abs_eps, rel_eps):
    if a == e: return True                                  # identical text, also nan and inf
    if not (NUM.match(a) and NUM.match(e)): return False    # no nan, inf, hex, underscore, comma
    if INT.match(a) and INT.match(e): return int(a) == int(e) if max(len(a), len(e)) <= 400 else False
    x, y = float(a), float(e)
    if x in (float("inf"), float("-inf")) or y in (float("inf"), float("-inf")): return False
    return abs(x - y) <= max(abs_eps, rel_eps * abs(y))

def compare(actual, expected, mode="lines", eps=1e-6, cap=1 << 20):
    if len(actual) >= cap: return "OLE"
    if mode == "exact": ok = actual == expected
    elif mode == "strip": ok = actual.strip() == expected.strip()            # what the first paper does (ASCII white space)
    elif mode == "tokens": ok = actual.split() == expected.split()
    elif mode == "lines": ok = lines(actual) == lines(expected)
    elif mode == "float":
        A, E = lines(actual), lines(expected)
        ok = len(A) == len(E) and all(len(a) == len(e) and all(same_number(x, y, eps, eps) for x, y in zip(a, e))
                                      for a, e in ((p.split(), q.split()) for p, q in zip(A, E)))
    else: raise ValueError(mode)
    return "AC" if ok else "WA"
