# dlint's rules over one source at a time: a second opinion, by rules of its own.
import dlint
from dlint import linters, namespace


class Linters:
    """All linters in one visit. dlint's own visitor asks every linter about every node
    and goes on below it when one of them would; there always is one."""

    def __init__(self, tree):
        self.all = [linter() for linter in linters.ALL]
        self.methods = {}  # by class of node
        self.nodes = {}  # by place: the nodes that begin there
        names = namespace.Namespace.from_module_node(tree)
        for linter in self.all:
            linter.namespace = names
            linter.generic_visit = lambda node: None

    def visit(self, node):
        kind = node.__class__
        methods = self.methods.get(kind)
        if methods is None:
            named = "visit_" + kind.__name__
            methods = self.methods[kind] = [getattr(linter, named) for linter in self.all if hasattr(linter, named)]
        for method in methods:
            method(node)
        if hasattr(node, "lineno"):
            self.nodes.setdefault((node.lineno, node.col_offset), []).append(node)
        for child in ast.iter_child_nodes(node):
            self.visit(child)

    def node(self, line, column):
        """What a finding is about: the shortest call that begins at its place, else the
        longest node. dlint itself tells only where it begins."""
        here = self.nodes[line, column]
        calls = [n for n in here if isinstance(n, ast.Call)]
        return calls[-1] if calls else here[0]


def look(source, tree, out):
    out["statements"] = sum(isinstance(n, ast.stmt) and not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)) for n in ast.walk(tree))
    found, lines = Linters(tree), Lines(source)
    found.visit(tree)
    out["findings"] = []
    for linter in found.all:
        for r in linter.get_results():
            start, end = lines.of(found.node(r.lineno, r.col_offset))
            out["findings"].append({"rule": linter._code, "name": type(linter).__name__, "severity": "MEDIUM", "confidence": "MEDIUM", "cwe": 0,
                                    "start": start, "end": end, "line": r.lineno, "message": r.message[7:307]})
    out["findings"].sort(key=lambda f: (f["start"], f["rule"]))
    out["status"] = out.get("status", "ok")


def about():
    """The version, and a digest of everything in dlint that decides about findings."""
    codes = ["%s %s\n" % (linter._code, linter.__name__) for linter in linters.ALL]
    return {"dlint": dlint.__version__, "python": "%d.%d.%d" % sys.version_info[:3], "rules": digest_of(os.path.dirname(dlint.__file__), *codes)}
