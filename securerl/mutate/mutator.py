"""Makes mutants of a Python program: one small change each, at one place.

Request: "m" or "n", then UTF-8 source. Answer: JSON, {"error": ...} or, for m, {"mutants":
[{"operator", "line", "start", "end", "new"}]} where start and end are bytes of the
source, for n {"normal": ...}. The program is parsed, never run.
"""
import ast
import hashlib
import json
import re
import sys

sys.setrecursionlimit(20000)

MOST = 5000  # mutants of one program

ARITHMETIC = {
    ast.Add: "-*", ast.Sub: "+*", ast.Mult: ("+", "//"), ast.Div: ("*", "//"), ast.FloorDiv: ("*", "%"), ast.Mod: ("*", "//"),
    ast.Pow: ("*", "+"), ast.BitAnd: "|^", ast.BitOr: "&^", ast.BitXor: "&|", ast.LShift: (">>",), ast.RShift: ("<<",),
}
# Where tests kill the first two of a relation and its negation, they kill the other
# relations too (Kaminski, Ammann and Offutt 2011).
RELATION = {
    ast.Lt: ("<=", "!=", ">="), ast.Gt: (">=", "!=", "<="), ast.LtE: ("<", "==", ">"), ast.GtE: (">", "==", "<"),
    ast.Eq: ("<=", ">=", "!="), ast.NotEq: ("<", ">", "=="), ast.Is: ("is not",), ast.IsNot: ("is",), ast.In: ("not in",), ast.NotIn: ("in",),
}
SYMBOL = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**", ast.BitAnd: "&", ast.BitOr: "|",
    ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>", ast.MatMult: "@", ast.And: "and", ast.Or: "or", ast.Lt: "<", ast.Gt: ">", ast.LtE: "<=",
    ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}
SWAPPED = {
    "min": "max", "max": "min", "any": "all", "all": "any", "upper": "lower", "lower": "upper", "title": "capitalize", "capitalize": "title",
    "floor": "ceil", "ceil": "floor", "ljust": "rjust", "rjust": "ljust", "find": "rfind", "rfind": "find", "index": "rindex", "rindex": "index",
    "startswith": "endswith", "endswith": "startswith", "lstrip": "rstrip", "rstrip": "lstrip", "bisect_left": "bisect_right",
    "bisect_right": "bisect_left", "isdigit": "isalpha", "isalpha": "isdigit", "isupper": "islower", "islower": "isupper",
    "append": "extend", "popleft": "pop", "appendleft": "append", "gcd": "lcm", "permutations": "combinations", "combinations": "permutations",
    "union": "intersection", "intersection": "union", "bin": "hex", "hex": "bin", "oct": "hex",
}
# Calls that no test of output can miss, or whose change is none.
KEPT = {"input", "print", "open", "range", "exit", "quit", "setrecursionlimit", "readline", "read", "readlines", "write", "seed"}


class Mutator(ast.NodeVisitor):
    def __init__(self, source):
        self.source = source
        self.tree = ast.parse(source)
        self.starts = [0] + [m.end() for m in re.finditer(rb"\r\n|\r|\n", source)]
        self.known = {ast.dump(self.tree)}
        self.mutants = []
        self.loops = 0  # around the node visited
        self.followed = set()  # calls of print after which the same block prints more
        for node in ast.walk(self.tree):
            for block in ("body", "orelse", "finalbody"):
                self.follow(getattr(node, block, None))

    def follow(self, block):
        more = False
        for statement in reversed(block if isinstance(block, list) else []):
            if more and isinstance(statement, ast.Expr):
                self.followed.add(statement.value)
            more = more or any(self.names(n, "print") for n in ast.walk(statement))

    def span(self, node):
        return (self.starts[node.lineno - 1] + node.col_offset, self.starts[node.end_lineno - 1] + node.end_col_offset)

    def text(self, node):
        start, end = self.span(node)
        return self.source[start:end].decode()

    def add(self, operator, start, end, new):
        """Keeps a change if the program still compiles and is another one."""
        if len(self.mutants) >= MOST:
            return
        changed = self.source[:start] + new.encode() + self.source[end:]
        try:
            tree = ast.parse(changed)
            compile(tree, "mutant", "exec", dont_inherit=True)
            form = ast.dump(tree)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
        if form not in self.known:
            self.known.add(form)
            line = self.source.count(b"\n", 0, start) + 1
            self.mutants.append({"operator": operator, "line": line, "start": start, "end": end, "new": new})

    def replace(self, operator, node, new):
        self.add(operator, *self.span(node), new)

    def between(self, operator, left, right, old, news):
        """Replaces an operator sign that stands between two nodes."""
        start, end = self.span(left)[1], self.span(right)[0]
        gap = re.sub(rb"#[^\r\n]*", lambda m: b" " * len(m[0]), self.source[start:end])
        found = re.search(re.escape(old.encode()).replace(rb"\ ", rb"\s+"), gap)
        if found:
            for new in news:
                self.add(operator, start + found.start(), start + found.end(), new)

    # Statements.

    def visit(self, node):
        deletable = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.For, ast.While, ast.If, ast.With, ast.Try, ast.Return, ast.Raise,
                     ast.Assert, ast.Delete, ast.Global, ast.Nonlocal)
        if isinstance(node, deletable) and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            if not self.names(node, "setrecursionlimit"):
                self.replace("statement", node, "pass")
        loop = isinstance(node, (ast.For, ast.While))
        self.loops += loop
        super().visit(node)
        self.loops -= loop

    @staticmethod
    def names(node, name):
        call = node.value if isinstance(node, ast.Expr) else node
        return isinstance(call, ast.Call) and name == getattr(call.func, "attr", getattr(call.func, "id", ""))

    def visit_Break(self, node):
        self.replace("loop", node, "continue")

    def visit_Continue(self, node):
        self.replace("loop", node, "break")

    def visit_Return(self, node):
        if node.value is not None:
            self.replace("return", node.value, "None")
            self.generic_visit(node)

    def visit_AugAssign(self, node):
        sign = SYMBOL[type(node.op)]
        self.between("arithmetic", node.target, node.value, sign + "=", [s + "=" for s in ARITHMETIC.get(type(node.op), ())] + ["="])
        self.generic_visit(node)

    def visit_AnnAssign(self, node):
        if node.value is not None:
            self.visit(node.value)

    def function(self, node):
        for default in node.args.defaults + [d for d in node.args.kw_defaults if d]:
            self.visit(default)
        for part in node.body if isinstance(node.body, list) else [node.body]:
            self.visit(part)

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = function

    def visit_Import(self, node):
        pass

    visit_ImportFrom = visit_Import

    # Conditions.

    def condition(self, node):
        self.replace("condition", node.test, "(not (%s))" % self.text(node.test))
        self.generic_visit(node)

    visit_If = visit_While = visit_IfExp = condition

    def visit_comprehension(self, node):
        for test in node.ifs:
            self.replace("condition", test, "(not (%s))" % self.text(test))
            self.replace("condition", test, "True")
        self.generic_visit(node)

    def visit_BoolOp(self, node):
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:]):
            self.between("logical", left, right, old, [new])
        self.generic_visit(node)

    def visit_Compare(self, node):
        operands = [node.left] + node.comparators
        for op, left, right in zip(node.ops, operands, operands[1:]):
            self.between("relational", left, right, SYMBOL[type(op)], RELATION[type(op)])
        self.generic_visit(node)

    # Expressions.

    def visit_BinOp(self, node):
        self.between("arithmetic", node.left, node.right, SYMBOL[type(node.op)], ARITHMETIC.get(type(node.op), ()))
        self.generic_visit(node)

    def visit_UnaryOp(self, node):
        self.replace("unary", node, "(%s)" % self.text(node.operand))
        self.generic_visit(node)

    def visit_Constant(self, node):
        value = node.value
        if value is True or value is False:
            self.replace("constant", node, str(not value))
        elif isinstance(value, (int, float)):
            for other in (value + 1, value - 1, 0):
                self.replace("constant", node, "(%r)" % other if other < 0 else repr(other))
        elif isinstance(value, str):
            self.string(node, value)
        elif isinstance(value, bytes):
            self.replace("string", node, repr(value + b"x"))

    def string(self, node, value):
        if value.strip() == "" and value:  # separates words or lines
            self.replace("separator", node, repr("" if value != " " else "\n"))
        if value:
            self.replace("string", node, "''")
        if value.strip() != "" and value:
            self.replace("string", node, repr(value.swapcase() if value.swapcase() != value else value + "x"))
        elif not value:
            self.replace("separator", node, "' '")

    def visit_JoinedStr(self, node):
        self.replace("string", node, "''")  # places inside of it are right from Python 3.12 only

    def visit_Expr(self, node):
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.generic_visit(node)

    def visit_Starred(self, node):
        self.replace("star", node, self.text(node.value))
        self.generic_visit(node)

    def bound(self, node):
        """Moves a bound that is no constant by one."""
        if node is not None and not isinstance(node, (ast.Constant, ast.Starred)):
            for by in ("+ 1", "- 1"):
                self.replace("boundary", node, "(%s) %s" % (self.text(node), by))

    def visit_Slice(self, node):
        self.bound(node.lower)
        self.bound(node.upper)
        self.generic_visit(node)

    def visit_Subscript(self, node):
        if not isinstance(node.slice, (ast.Slice, ast.Tuple)) and isinstance(node.ctx, ast.Load):
            self.bound(node.slice)
        elif isinstance(node.slice, ast.Slice) and isinstance(node.ctx, ast.Load):
            self.replace("call", node, "(%s)" % self.text(node.value))
        self.generic_visit(node)

    def visit_Call(self, node):
        if self.names(node, "setrecursionlimit"):
            return
        method = isinstance(node.func, ast.Attribute)
        name = node.func.attr if method else getattr(node.func, "id", "")
        if name in SWAPPED:
            end = self.span(node.func)[1]
            self.add("swap", end - len(name.encode()), end, SWAPPED[name])
        if name == "range":
            for a in node.args[:2]:
                self.bound(a)
            if len(node.args) == 1 and not isinstance(node.args[0], ast.Starred):
                self.replace("boundary", node.args[0], "1, " + self.text(node.args[0]))
        if name not in KEPT:
            self.without(node, method)
        if name == "print":
            self.printed(node)
        for k in node.keywords:
            if k.arg is not None:
                self.drop(k)
        self.generic_visit(node)

    def without(self, node, method):
        """A call becomes what it is called on, or its first argument; a method loses its only argument."""
        if method and not isinstance(node.func.value, ast.Constant):
            self.replace("call", node, "(%s)" % self.text(node.func.value))
            if len(node.args) == 1 and not node.keywords:
                self.replace("call", node, self.text(node.func) + "()")
        elif len(node.args) >= 1 and not isinstance(node.args[0], (ast.Starred, ast.GeneratorExp)):
            self.replace("call", node, "(%s)" % self.text(node.args[0]))
        elif len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp):
            self.replace("call", node, self.text(node.args[0]))

    def printed(self, node):
        """Output with other separators."""
        end = self.span(node)[1] - 1
        given = {k.arg for k in node.keywords}
        if node.args and "sep" not in given and (len(node.args) > 1 or isinstance(node.args[0], ast.Starred)):
            self.add("separator", end, end, ", sep=''")
            self.add("separator", end, end, ", sep='\\n'")
        if node.args and "end" not in given and (self.loops or node in self.followed):  # the last line break of all does not count
            self.add("separator", end, end, ", end=''")

    def drop(self, keyword):
        """Leaves a named argument out, with the comma before or after it."""
        start, end = self.span(keyword)
        before = re.search(rb",\s*$", self.source[:start])
        after = re.match(rb"\s*,\s*", self.source[end:])
        if before:
            self.add("call", before.start(), end, "")
        else:
            self.add("call", start, end + (after.end() if after else 0), "")


class Names(ast.NodeTransformer):
    """Numbers the names that a program gives to its own things, and drops docstrings."""

    def __init__(self, tree):
        self.own = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
        self.own |= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
        self.own |= {n.name for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
        self.number = {}

    def name(self, word):
        return "v%d" % self.number.setdefault(word, len(self.number)) if word in self.own else word

    def visit_Name(self, node):
        node.id = self.name(node.id)
        return node

    def visit_arg(self, node):
        node.arg, node.annotation = self.name(node.arg), None
        return node

    def visit_FunctionDef(self, node):
        node.name = self.name(node.name)
        return self.generic_visit(node)

    visit_ClassDef = visit_FunctionDef

    def visit_Expr(self, node):
        if isinstance(node.value, ast.Constant):
            return ast.Pass()
        return self.generic_visit(node)


def normal(tree):
    """A digest of the program in which layout, comments, docstrings and own names do not count."""
    return hashlib.sha256(ast.dump(Names(tree).visit(tree)).encode()).hexdigest()


def handle(request):
    what, source = request[:1], request[1:]
    if source.startswith(b"\xef\xbb\xbf"):
        source = source[3:]
    try:
        source.decode()
        if what == b"n":
            answer = {"normal": normal(ast.parse(source))}
        else:
            m = Mutator(source)
            m.visit(m.tree)
            answer = {"mutants": m.mutants}
    except (SyntaxError, ValueError, RecursionError, MemoryError) as e:
        answer = {"error": "%s: %s" % (type(e).__name__, e)}
    return json.dumps(answer).encode()
