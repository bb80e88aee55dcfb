def attempt(name, f):
    global refused
    try:
        r = f()
    except BaseException as e:
        refused += 1
        return e
    print("GOT", name, repr(r)[:80])
refused = 0
import decimal
attempt("repeat", lambda: "ab" * (1 << 33))
attempt("list", lambda: [0] * (1 << 32))
attempt("tuple", lambda: (None,) * (1 << 62))
attempt("format", lambda: "%2000000000d" % 1)
attempt("fstring", lambda: f"{1:>2000000000}")
attempt("shift", lambda: 1 << (1 << 36))
attempt("bytes", lambda: bytes(1 << 40))
attempt("join", lambda: "x".join(["y" * (1 << 20)] * 4096))
attempt("replace", lambda: ("a" * (1 << 20)).replace("a", "b" * (1 << 12)))
def precise():
    with decimal.localcontext() as c:
        c.prec, c.Emax, c.Emin = decimal.MAX_PREC, decimal.MAX_EMAX, decimal.MIN_EMIN
        return decimal.Decimal(1) / 3
attempt("decimal", precise)
print("refused", refused)
