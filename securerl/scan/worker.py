# Bandit's rules over one source at a time, in one pass over the tree that gathers
# along the way what the other facts need.
import io

import bandit
from bandit.core import config, context, manager, utils

MANAGER = manager.BanditManager(config.BanditConfig(), "file", ignore_nosec=True, quiet=True)
TESTS = MANAGER.b_ts.tests
for kind in TESTS:
    if kind not in ("Call", "Str", "Bytes", "Assert", "FunctionDef", "ExceptHandler", "Import", "ImportFrom", "File"):
        raise AttributeError("Bandit %s has rules about %s, which this scanner does not visit" % (bandit.__version__, kind))
# A finding on one of these covers its head, not its whole body.
BLOCKS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.With, ast.AsyncWith, ast.For, ast.AsyncFor, ast.Try, ast.If, ast.While)

# Most calls are of interest to no rule of Bandit 1.9.4: those by a name that none of
# them asks for, without keywords, or with harmless ones. The names are read from the
# rules' own settings, and below from their code; TestQuietCallsAreQuietToBanditToo holds them to it. The
# rules of another version are all asked about every call.
QUIET = bandit.__version__ == "1.9.4"
LOUD = set("""exec extra mark_safe SafeText SafeUnicode SafeString SafeBytes RawSQL run md4 md5 sha sha1 new crypt mksalt
from_pretrained load_dataset hf_hub_download snapshot_download repository_id Environment listen Markup exec_command load
get options head post put patch delete request stream Client AsyncClient CommunityData UsmUserData wrap_socket Context
set_missing_host_key_policy Template generate_private_key generate __import__ import_module""".split())
QUIET_KEYWORDS = set("sep end file flush key reverse default start initial maxlen repeat maxsize".split())
NESTED = (ast.List, ast.Tuple, ast.Set)  # a rule may fail on what is in them
TEMPORARY = ("0.0.0.0", "/tmp", "/var/tmp", "/dev/shm")
TOLD = (ast.Assign, ast.Dict, ast.Subscript, ast.Compare, ast.BinOp, ast.JoinedStr)  # string rules look at these parents


def last_names(value):
    """The last part of every name in a rule's settings."""
    if isinstance(value, str):
        yield value.rpartition(".")[2]
    elif isinstance(value, dict):
        for v in value.values():
            yield from last_names(v)
    elif isinstance(value, (list, tuple)):
        for v in value:
            yield from last_names(v)


for rule in TESTS["Call"]:
    LOUD.update(last_names(getattr(rule, "_config", None)))


def place(node):
    at = [getattr(node, a, None) for a in ("lineno", "col_offset", "end_lineno", "end_col_offset")]
    if isinstance(node, BLOCKS) and node.body:
        at[2:] = node.body[0].lineno, node.body[0].col_offset
    return at


class Fields(dict):
    """By class of node: the fields that may hold nodes worth a visit."""

    EMPTY = set("ctx op ops id attr arg name names module level kind type_comment type_ignores conversion is_async simple tag rest kwd_attrs".split())

    def __missing__(self, kind):
        leaf = kind in (ast.Constant, ast.MatchSingleton)
        self[kind] = () if leaf else tuple(f for f in kind._fields if f not in self.EMPTY)
        return self[kind]


FIELDS = Fields()
BODIES = frozenset(("body", "orelse", "finalbody"))


class Visitor:
    """Visits a tree in Bandit's order, with its contexts, without its copies, scores
    and nosec look-ups: the same findings."""

    def __init__(self, source):
        self.file = io.BytesIO(source)
        self.imports, self.aliases = set(), {}
        self.results, self.faults = [], []
        self.statements = 0  # docstrings and bare constants aside
        self.calls, self.imported = [], []  # every call and every import
        self.marked, self.binding = [], []  # what own rules look at: see own.py
        self.children = []  # every node that knows its parent

    def rules(self, kind, node, **more):
        """Runs the rules of a kind on a node."""
        raw = {"imports": self.imports, "import_aliases": self.aliases, "node": node, "filename": "main.py", "file_data": self.file,
               "lineno": node.lineno, "col_offset": node.col_offset, "end_col_offset": node.end_col_offset, **more}
        self.run(kind, raw)

    def run(self, kind, raw):
        c = context.Context(raw)
        for rule in TESTS.get(kind, ()):
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
            if found.test_id == "":
                found.test_id = rule._test_id
            found.place = place(raw.get("node"))
            found.rule = rule.__name__
            self.results.append(found)

    def descend(self, node):
        for field in FIELDS[node.__class__]:
            value = getattr(node, field, None)
            if value.__class__ is list:
                if field in BODIES:
                    self.statements += len(value)
            elif value is None:
                continue
            else:
                value = (value,)
            for child in value:
                kind = child.__class__
                if kind is ast.Name:
                    if child.id in MARKED_NAMES:
                        child._bandit_parent = node
                        self.children.append(child)
                        self.marked.append(child)
                elif child is not None:
                    child._bandit_parent = node
                    self.children.append(child)
                    visit = VISITS.get(kind)
                    if visit is not None:
                        visit(self, child)
                    self.descend(child)

    def forget(self):
        """Unties the rings of parent and child: without them the tree goes when it is
        done with, and its memory, still warm, is used again. Nothing collects here."""
        for node in self.children:
            node._bandit_parent = None

    def slowly(self, tree):
        """What is known of a tree that the visit did not reach the end of."""
        nodes = list(ast.walk(tree))
        self.calls = [n for n in nodes if isinstance(n, ast.Call)]
        self.imported = [n for n in nodes if isinstance(n, (ast.Import, ast.ImportFrom))]
        self.statements = sum(isinstance(n, ast.stmt) and not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)) for n in nodes)

    def call(self, node):
        self.calls.append(node)
        f = node.func
        if f.__class__ is ast.Name:
            name = self.aliases.get(f.id, f.id).rpartition(".")[2]
        else:
            name = f.attr if f.__class__ is ast.Attribute else ""
        if name in MARKED_CALLS:
            self.marked.append(node)
        if node.keywords:
            self.binding.append(node)
        if QUIET and name not in LOUD and "chmod" not in name and "extractall" not in name and quiet(node):
            return
        qualname = utils.get_call_name(node, self.aliases)
        self.rules("Call", node, call=node, qualname=qualname, name=qualname.split(".")[-1])

    def import_(self, node):
        self.imported.append(node)
        for a in node.names:
            if a.asname:
                self.aliases[a.asname] = a.name
            self.imports.add(a.name)
        self.rules("Import", node, module=node.names[-1].name)

    def import_from(self, node):
        if node.module is None:
            return self.import_(node)
        self.imported.append(node)
        for a in node.names:
            self.aliases[a.asname or a.name] = node.module + "." + a.name
            self.imports.add(node.module + "." + a.name)
        self.rules("ImportFrom", node, module=node.module, name=node.names[-1].name)

    def constant(self, node):
        value, parent = node.value, node._bandit_parent
        if value.__class__ is str and parent.__class__ is not ast.Expr:  # a docstring is none
            if QUIET and not value.startswith(TEMPORARY) and not isinstance(parent, TOLD) and \
                    not (parent.__class__ is ast.Attribute and parent.attr in ("format", "replace")):
                return
            self.rules("Str", node, str=value)
        elif value.__class__ is bytes and "Bytes" in TESTS and parent.__class__ is not ast.Expr:
            self.rules("Bytes", node, bytes=value)

    def function(self, node):
        self.binding.append(node)
        if not QUIET or node.args.defaults:
            self.rules("FunctionDef", node, function=node, qualname="main." + node.name, name=node.name)

    def expression(self, node):
        if node.value.__class__ is ast.Constant:
            self.statements -= 1

    def attribute(self, node):
        if node.attr in MARKED_ATTRIBUTES:
            self.marked.append(node)

    def bind(self, node):
        self.binding.append(node)

    def plain(kind):
        return lambda self, node: self.rules(kind, node)

    def whole(self, source):
        """The rules about the raw text: of 1.9.4 there is one, about characters that
        ASCII lacks, unless a coding cookie makes it of other text."""
        if QUIET and source.isascii() and b"coding" not in source:
            return
        self.run("File", {"file_data": self.file, "filename": "main.py", "lineno": 0, "linerange": [0, 1], "col_offset": 0})


VISITS = {ast.Call: Visitor.call, ast.Import: Visitor.import_, ast.ImportFrom: Visitor.import_from, ast.Constant: Visitor.constant,
          ast.FunctionDef: Visitor.function, ast.Expr: Visitor.expression, ast.Attribute: Visitor.attribute, ast.Assign: Visitor.bind,
          ast.AnnAssign: Visitor.bind, ast.NamedExpr: Visitor.bind, ast.Dict: Visitor.bind, ast.AsyncFunctionDef: Visitor.bind, ast.Lambda: Visitor.bind,
          ast.Assert: Visitor.plain("Assert"), ast.ExceptHandler: Visitor.plain("ExceptHandler")}


def quiet(call):
    """Whether no rule can find, or fail on, anything in the arguments."""
    for a in call.args:
        if a.__class__ in NESTED:
            return False
    for k in call.keywords:
        if k.arg not in QUIET_KEYWORDS or k.value.__class__ in NESTED:
            return False
    return True


ADDRESS = re.compile(" at 0x[0-9a-f]+")  # B202 prints objects; where they lie is no fact


def finding(f, lines):
    start, end = lines.whole(f.lineno) if f.place[0] is None else lines.span(*f.place)
    return {"rule": f.test_id, "name": f.rule, "severity": f.severity, "confidence": f.confidence, "cwe": f.cwe.id or 0,
            "start": start, "end": end, "line": f.lineno, "message": ADDRESS.sub("", f.text[:300])}


# What gives another answer at the next run. The generators of random and numpy.random
# may be seeded; nothing helps the others.
CLOCK = {"time." + f for f in "time time_ns perf_counter perf_counter_ns monotonic monotonic_ns process_time process_time_ns ctime localtime gmtime strftime asctime".split()}
CLOCK |= {"datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow", "datetime.date.today"}
CHANCE = {"os.urandom", "os.getrandom", "os.getpid", "uuid.uuid1", "uuid.uuid4", "random.SystemRandom", "secrets.SystemRandom"}
CHANCE |= {"secrets." + f for f in "token_bytes token_hex token_urlsafe choice randbelow randbits".split()}
GENERATORS = {"random": {"Random"}, "numpy.random": {"Generator", "default_rng", "RandomState"}}
VARYING = {name.partition(".")[0] for name in CLOCK | CHANCE | set(GENERATORS)}


def origins(imported):
    """What names stand for by the program's imports, and the modules it stars in."""
    names, stars = {}, []
    for node in imported:
        if isinstance(node, ast.Import):
            for a in node.names:
                first = a.name.partition(".")[0]
                names[a.asname or first] = a.name if a.asname else first
        elif node.module:
            for a in node.names:
                if a.name == "*":
                    stars.append(node.module)
                else:
                    names[a.asname or a.name] = node.module + "." + a.name
    return names, stars


def nondeterministic(calls, names, stars):
    """Whether the program asks the clock or an unseeded source of chance."""
    if not any(n.partition(".")[0] in VARYING for n in [*names.values(), *stars]):
        return False
    drawn, seeded = set(), set()
    for node in calls:
        f, path = node.func, []
        while isinstance(f, ast.Attribute) and len(path) < 8:
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


def look(source, tree, out):
    v = Visitor(source)
    try:
        answer(v, source, tree, out)
    finally:
        v.forget()


def answer(v, source, tree, out):
    try:
        v.descend(tree)
        v.whole(source)
    except BaseException:
        v.slowly(tree)
        raise
    finally:
        names, stars = origins(v.imported)
        out["statements"] = v.statements
        out["nondeterministic"] = nondeterministic(v.calls, names, stars)
    lines = Lines(source)
    out["findings"] = [finding(f, lines) for f in v.results]
    out["extra"] = []
    for shipped, f in own(tree, v, names, stars, lines):
        out["extra" if shipped else "findings"].append(f)
    out["status"] = "plugin" if v.faults else out.get("status", "ok")
    out["fault"] = "; ".join(v.faults)


def about():
    """The version, and a digest of everything in Bandit that decides about findings."""
    rules = ["%s %s %s\n" % (kind, rule._test_id, rule.__name__) for kind, list in sorted(TESTS.items()) for rule in list]
    return {"bandit": bandit.__version__, "python": "%d.%d.%d" % sys.version_info[:3], "rules": digest_of(os.path.dirname(bandit.__file__), *rules)}
