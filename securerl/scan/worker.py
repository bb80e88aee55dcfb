# The scanner's inside: Bandit's rules over one source at a time, in a confined
# process. The source is parsed, never run. handle() returns JSON for anything a
# source can cause, except the death of the process.
import ast
import hashlib
import io
import json
import logging
import re
import sys
import warnings

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
import bandit
from bandit.core import config, context, manager, node_visitor, tester, utils

sys.setrecursionlimit(20000)
MANAGER = manager.BanditManager(config.BanditConfig(), "file", ignore_nosec=True, quiet=True)
NO_SCORES = {"SEVERITY": [0] * 4, "CONFIDENCE": [0] * 4}
LARGEST = 64 << 10
# A finding on one of these covers its head, not its whole body.
BLOCKS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.With, ast.AsyncWith, ast.For, ast.AsyncFor, ast.Try, ast.If, ast.While)


def place(node):
    at = [getattr(node, a, None) for a in ("lineno", "col_offset", "end_lineno", "end_col_offset")]
    if isinstance(node, BLOCKS) and node.body:
        at[2:] = node.body[0].lineno, node.body[0].col_offset
    return at


class Tester(tester.BanditTester):
    def run_tests(self, raw, kind):
        for rule in self.testset.get_tests(kind):
            c = context.Context(raw)
            try:
                found = rule(c, rule._config) if hasattr(rule, "_config") else rule(c)
            except (RecursionError, MemoryError):
                raise
            except Exception as e:
                self.faults.append("%s: %s: %s" % (rule._test_id, type(e).__name__, str(e)[:100]))
                continue
            if found is None:
                continue
            if found.lineno is None:
                found.lineno = raw["lineno"]
            if found.linerange == []:
                found.linerange = raw["linerange"] if raw["linerange"] is not None else utils.linerange(raw["node"])
            if found.test_id == "":
                found.test_id = rule._test_id
            found.place = place(raw.get("node"))
            found.rule = rule.__name__
            self.results.append(found)
        return NO_SCORES


class Visitor(node_visitor.BanditNodeVisitor):
    """Bandit's visitor without copies, scores and nosec look-ups; the same findings."""

    def __init__(self, *args):
        super().__init__(*args)
        old = self.tester
        self.tester = Tester(old.testset, False, old.nosec_lines, old.metrics)
        self.tester.faults = []

    def update_scores(self, scores):
        pass

    def pre_visit(self, node):
        self.context = {"imports": self.imports, "import_aliases": self.import_aliases, "node": node, "linerange": None, "filename": self.fname, "file_data": self.fdata}
        if hasattr(node, "lineno"):
            self.context.update(lineno=node.lineno, col_offset=node.col_offset, end_col_offset=node.end_col_offset)
        self.depth += 1
        return True

    def visit(self, node):
        name = node.__class__.__name__
        method = getattr(self, "visit_" + name, None)
        if method is not None:
            self.context["linerange"] = utils.linerange(node)
            method(node)
        elif self.testset.get_tests(name):
            self.context["linerange"] = utils.linerange(node)
            self.tester.run_tests(self.context, name)

    def post_visit(self, node):
        self.depth -= 1
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            self.namespace = utils.namespace_path_split(self.namespace)[0]


def statements(tree):
    """Executable statements: docstrings, bare constants and pass do nothing."""
    n = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and not isinstance(node, ast.Pass):
            if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
                n += 1
    return n


CLOCKS = {"time", "time_ns", "perf_counter", "monotonic", "now", "today", "utcnow"}
CHANCE = {"random", "randint", "randrange", "choice", "choices", "shuffle", "sample", "uniform", "gauss", "token_hex", "token_bytes", "token_urlsafe", "randbelow", "urandom", "uuid1", "uuid4", "SystemRandom", "getrandbits"}


def nondeterministic(tree):
    """Whether the program asks the clock or an unseeded source of chance."""
    seeded = chance = clock = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            f = node.func
            name = f.attr if isinstance(f, ast.Attribute) else f.id if isinstance(f, ast.Name) else ""
            owner = f.value.id if isinstance(f, ast.Attribute) and isinstance(f.value, ast.Name) else ""
            if name == "seed" or name == "Random" and node.args:
                seeded = True
            if name in CLOCKS and (owner in ("time", "datetime", "date") or not owner and name != "time"):
                clock = True
            if name in CHANCE and (owner in ("random", "secrets", "os", "uuid") or not owner and name in ("randint", "randrange", "token_hex", "urandom")):
                chance = chance or owner in ("secrets", "os", "uuid") or not seeded
    return clock or chance and not seeded


def finding(f, starts, size):
    line, col, end_line, end_col = f.place
    if line is None:  # a rule about the raw text (B613): its line
        a = starts[min(f.lineno, len(starts)) - 1]
        b = starts[f.lineno] if f.lineno < len(starts) else size
    else:
        a = starts[line - 1] + col
        b = starts[end_line - 1] + end_col if end_line else size
    return {"rule": f.test_id, "name": f.rule, "severity": f.severity, "confidence": f.confidence, "cwe": f.cwe.id or 0,
            "start": a, "end": b, "line": f.lineno, "message": f.text[:300]}


def scan(source):
    if len(source) > LARGEST:
        return {"status": "too_large"}
    try:
        text = source.decode("utf-8-sig")  # text, so that a coding cookie changes nothing
    except UnicodeDecodeError as e:
        return {"status": "not_utf8", "syntax_error": str(e)[:200]}
    try:
        tree = ast.parse(text)
        compile(text, "main.py", "exec", dont_inherit=True)
    except SyntaxError as e:
        return {"status": "syntax", "syntax_error": str(e.msg)[:200], "syntax_line": e.lineno or 0}
    except ValueError as e:
        return {"status": "syntax", "syntax_error": str(e)[:200]}
    except (RecursionError, MemoryError):  # the C parser reports its full stack as lack of memory
        return {"status": "too_deep", "syntax_error": "nested too deeply"}
    out = {"compile_ok": True}
    try:
        out["statements"] = statements(tree)
        out["nondeterministic"] = nondeterministic(tree)
        visitor = Visitor("main.py", io.BytesIO(source), MANAGER.b_ma, MANAGER.b_ts, False, {}, MANAGER.metrics)
        visitor.process(text)
    except RecursionError:
        out["status"] = "too_deep"
        return out
    except MemoryError:
        out["status"] = "memory"
        return out
    except Exception as e:
        out.update(status="internal", fault="%s: %s" % (type(e).__name__, str(e)[:200]))
        return out
    starts = [3 if source.startswith(b"\xef\xbb\xbf") else 0] + [m.end() for m in re.finditer(rb"\r\n|\r|\n", source)]
    out["findings"] = [finding(f, starts, len(source)) for f in visitor.tester.results]
    out["status"] = "plugin" if visitor.tester.faults else "ok"
    out["fault"] = "; ".join(visitor.tester.faults)
    return out


def about():
    rules = sorted("%s %s %s" % (kind, t._test_id, t.__name__) for kind, ts in MANAGER.b_ts.tests.items() for t in ts)
    return {"bandit": bandit.__version__, "python": "%d.%d.%d" % sys.version_info[:3], "rules": hashlib.sha256("\n".join(rules).encode()).hexdigest()}


def handle(request):
    return json.dumps(about() if request[:1] == b"?" else scan(request[1:])).encode()
