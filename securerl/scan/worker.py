# The scanner's inside: Bandit's rules over one source at a time, in a confined
# process. The source is parsed, never run. handle() returns JSON for anything a
# source can cause, except the death of the process.
import ast
import hashlib
import io
import json
import logging
import os
import re
import sys
import time
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

    def process(self, tree):
        self.generic_visit(tree)
        self.context = {"file_data": self.fdata, "filename": self.fname, "lineno": 0, "linerange": [0, 1], "col_offset": 0}
        self.tester.run_tests(self.context, "File")

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
    """Statements; docstrings and bare constants are none."""
    bare = lambda node: isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return sum(isinstance(node, ast.stmt) and not bare(node) for node in ast.walk(tree))


# What gives another answer at the next run. The generators of random and numpy.random
# may be seeded; nothing helps the others.
CLOCK = {"time." + f for f in "time time_ns perf_counter perf_counter_ns monotonic monotonic_ns process_time process_time_ns ctime localtime gmtime strftime asctime".split()}
CLOCK |= {"datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow", "datetime.date.today"}
CHANCE = {"os.urandom", "os.getrandom", "os.getpid", "uuid.uuid1", "uuid.uuid4", "random.SystemRandom", "secrets.SystemRandom"}
CHANCE |= {"secrets." + f for f in "token_bytes token_hex token_urlsafe choice randbelow randbits".split()}
GENERATORS = {"random": {"Random"}, "numpy.random": {"Generator", "default_rng", "RandomState"}}


def origins(tree):
    """What names stand for by the program's imports, and the modules it stars in."""
    names, stars = {}, []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for a in node.names:
                first = a.name.split(".")[0]
                names[a.asname or first] = a.name if a.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module:
            for a in node.names:
                if a.name == "*":
                    stars.append(node.module)
                else:
                    names[a.asname or a.name] = node.module + "." + a.name
    return names, stars


def nondeterministic(tree):
    """Whether the program asks the clock or an unseeded source of chance."""
    names, stars = origins(tree)
    drawn, seeded = set(), set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        f, path = node.func, []
        while isinstance(f, ast.Attribute):
            path.insert(0, f.attr)
            f = f.value
        if not isinstance(f, ast.Name):
            continue
        for root in [names[f.id]] if f.id in names else [m + "." + f.id for m in stars]:
            called = ".".join([root] + path)
            module, _, last = called.rpartition(".")
            if called in CLOCK or called in CHANCE:
                return True
            if module not in GENERATORS:
                continue
            if last == "seed":
                if node.args:
                    seeded.add(module)
            elif last in GENERATORS[module]:
                if not node.args:
                    return True
            else:
                drawn.add(module)
    return not drawn <= seeded


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
        tree = None
        tree = ast.parse(text)
        compile(text, "main.py", "exec", dont_inherit=True)
        out = {"compile_ok": True}
    except SyntaxError as e:
        out = {"status": "syntax", "syntax_error": str(e.msg)[:200], "syntax_line": e.lineno or 0}
    except ValueError as e:
        out = {"status": "syntax", "syntax_error": str(e)[:200]}
    except (RecursionError, MemoryError):  # the C parser reports its full stack as lack of memory
        return {"status": "too_deep", "syntax_error": "nested too deeply"}
    if tree is None:
        return out
    out["parse_ok"] = True  # a tree that does not compile has findings all the same
    try:
        out["statements"] = statements(tree)
        out["nondeterministic"] = nondeterministic(tree)
        visitor = Visitor("main.py", io.BytesIO(source), MANAGER.b_ma, MANAGER.b_ts, False, {}, MANAGER.metrics)
        visitor.process(tree)
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
    out["findings"] += own(tree, starts)
    out["status"] = "plugin" if visitor.tester.faults else out.get("status", "ok")
    out["fault"] = "; ".join(visitor.tester.faults)
    return out


def dotted(node):
    """The name a call is made by: eval, os.chmod; empty for anything else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id] + parts[::-1]) if isinstance(node, ast.Name) else ""


def own(tree, starts):
    """Findings of the user's rules: RULES is set by the first line of this source."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            for rule in RULES:
                if name in rule["calls"]:
                    yield {"rule": rule["id"], "name": name, "severity": rule["severity"], "confidence": "HIGH", "cwe": rule["cwe"],
                           "start": starts[node.lineno - 1] + node.col_offset, "end": starts[node.end_lineno - 1] + node.end_col_offset,
                           "line": node.lineno, "message": "call of " + name}


def about():
    """The version, and a digest of everything in Bandit that decides about findings."""
    digest, root = hashlib.sha256(), os.path.dirname(bandit.__file__)
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(f for f in files if f.endswith(".py")):
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                digest.update(hashlib.sha256(os.path.relpath(path, root).encode() + b"\0" + f.read()).digest())
    for kind, rules in sorted(MANAGER.b_ts.tests.items()):
        for rule in rules:
            digest.update(("%s %s %s\n" % (kind, rule._test_id, rule.__name__)).encode())
    return {"bandit": bandit.__version__, "python": "%d.%d.%d" % sys.version_info[:3], "rules": digest.hexdigest()}


spent = 0.0


def handle(request):
    global spent
    now = time.process_time()
    answer = about() if request[:1] == b"?" else scan(request[1:])
    # Between ticks the kernel books processor time when a process waits, so that a scan
    # cannot time itself: an answer brings what was booked since the last one.
    answer["cpu"], spent = now - spent, now
    return json.dumps(answer).encode()
