# Rules of our own, where Bandit is blind: the table in doc.go says what each is about.
# They look at what the visitor marked, once each, and follow names a few steps only:
# the work grows with the size of the source, whatever it holds.
import math

SHIPPED = {r["id"]: r for r in RULES if not r["calls"]}
CALLS = {}  # by the name written: rules of the user
for r in RULES:
    for call in r["calls"] or ():
        CALLS.setdefault(call, []).append(r)

CODE = {"eval", "exec", "compile", "__import__", "execfile"}  # builtins that run text, or fetch what does
PROCESS = "execl execle execlp execlpe execv execve execvp execvpe spawnl spawnle spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe posix_spawn posix_spawnp".split()
SHELLS = {"os.system", "os.popen", "posix.system", "subprocess.getoutput", "subprocess.getstatusoutput", "pty.spawn"}
RUNS = {"subprocess." + f for f in "run call check_call check_output Popen".split()}
COMMANDS = SHELLS | RUNS - {"subprocess.Popen"} | {m + "." + f for m in ("os", "posix") for f in PROCESS}  # Popen is a class too: it stands in annotations
OBJECTS = {"types.FunctionType", "types.LambdaType", "types.CodeType", "runpy.run_module", "runpy.run_path", "code.InteractiveInterpreter", "code.InteractiveConsole", "code.interact"}
IMPORTS = {"importlib.import_module", "importlib.__import__"}
MODULES = {"builtins", "os", "posix", "subprocess", "pty", "importlib", "runpy", "code", "types", "sys", "ctypes", "pickle", "marshal"}  # worth a second look when computed
FRAMES = {"__builtins__", "__globals__", "__subclasses__", "f_builtins", "f_globals"}  # ways from any object to everything
TEXTS = FRAMES | CODE | {"system", "popen"}
LAST = {name.rpartition(".")[2] for name in COMMANDS}

MARKED_NAMES = CODE | {"__builtins__"}
MARKED_ATTRIBUTES = FRAMES | CODE | LAST | {"__dict__"}
MARKED_CALLS = {"__import__", "import_module", "compile", "getattr", "globals", "locals", "vars", "__getattribute__", "attrgetter", "methodcaller", "chmod", "fchmod", "lchmod", "Popen"}
MARKED_CALLS |= LAST | {name.rpartition(".")[2] for name in OBJECTS} | {name.rpartition(".")[2] for name in CALLS}
STEPS = 12  # how far a name is followed
MOST = 100  # findings of a program that are reported; one tells as much

SECRET = re.compile(r"(?:^|_)(?:pas+wo?r?d|passphrase|passwd|pwd|(?:auth|access|api|bearer)?_?token|secrete?|(?:api|secret|access|auth|private|encryption|signing)_?key|credential)s?(?:_|\d|$)", re.I)
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def dotted(node):
    """The name a call is made by: eval, os.chmod; empty for anything else."""
    parts = []
    while isinstance(node, ast.Attribute) and len(parts) < STEPS:
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id] + parts[::-1]) if isinstance(node, ast.Name) else ""


def folded(node, depth=STEPS):
    """The text that an expression of constants comes to; None if it is computed."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if depth == 0:
        return None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = folded(node.left, depth - 1), folded(node.right, depth - 1)
        return None if left is None or right is None else (left + right)[:200]
    if isinstance(node, ast.JoinedStr):
        parts = [folded(v.value if isinstance(v, ast.FormattedValue) else v, depth - 1) for v in node.values[:STEPS]]
        return None if None in parts else "".join(parts)[:200]
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        text, step = folded(node.value, depth - 1), node.slice.step
        if text is not None and isinstance(step, ast.UnaryOp) and not node.slice.lower and not node.slice.upper:
            return text[::-1]
    return None


def entropy(text):
    """Bits per character, by the characters' own frequencies."""
    text = text[:256]
    return -sum(n / len(text) * math.log2(n / len(text)) for n in (text.count(c) for c in set(text)))


def secret(name, value):
    """Whether a name and a constant look like a key, a token or a password."""
    if not isinstance(value, ast.Constant) or not isinstance(value.value, (str, bytes)):
        return False
    text = value.value if isinstance(value.value, str) else value.value.decode("latin-1")
    if len(text) < SECRETS["length"] or any(c in " \t\n{}<>%" for c in text):  # a sentence, or a place to fill in
        return False
    return bool(SECRET.search(CAMEL.sub("_", name[:100]))) and entropy(text) >= SECRETS["entropy"]


class Names:
    """What the names of a program stand for."""

    def __init__(self, tree, v, names, stars):
        self.imported, self.names = names, dict(names)
        self.own = {}  # builtins that the program has replaced at its top, by line
        for node in tree.body:
            for name in [node.name] if hasattr(node, "name") else [t.id for t in getattr(node, "targets", ()) if isinstance(t, ast.Name)]:
                if name in CODE:
                    self.own.setdefault(name, node.lineno)
        for module in stars:
            for full in COMMANDS | OBJECTS | IMPORTS:
                if full.rpartition(".")[0] == module:
                    self.names.setdefault(full.rpartition(".")[2], full)
        for node in v.binding:  # o = os, b = __import__("builtins")
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                module = self.full(node.value) if isinstance(node.value, (ast.Name, ast.Attribute, ast.Call, ast.Subscript)) else ""
                if module in MODULES:
                    self.names.setdefault(node.targets[0].id, module)

    def full(self, node, depth=STEPS):
        """The full name of what an expression is, as far as can be told."""
        if depth == 0:
            return ""
        if isinstance(node, ast.Name):
            if node.id in self.names:
                return self.names[node.id]
            if node.id in CODE and node.lineno <= self.own.get(node.id, node.lineno):
                return "builtins." + node.id
            return "builtins" if node.id == "__builtins__" else node.id
        if isinstance(node, ast.Attribute):
            return self.part(node.value, "" if node.attr == "__dict__" else node.attr, depth)
        if isinstance(node, ast.Subscript):
            key, base = folded(node.slice), self.full(node.value, depth - 1)
            if base == "sys.modules":
                return key or ""
            return "%s.%s" % (base, key) if key and base in MODULES else ""
        if isinstance(node, ast.Call) and node.args:
            called = self.full(node.func, depth - 1)
            if called == "builtins.__import__" or called in IMPORTS:
                return folded(node.args[0]) or ""
            if called in ("getattr", "builtins.getattr") and len(node.args) > 1:
                return self.part(node.args[0], folded(node.args[1]) or "?", depth)
            if called in ("vars", "builtins.vars"):
                return self.full(node.args[0], depth - 1)
        return ""

    def part(self, base, name, depth):
        base = self.full(base, depth - 1)
        return base if not name else "%s.%s" % (base, name) if base else ""


class Own:
    """The findings of the shipped rules in one program."""

    def __init__(self, names):
        self.names, self.found = names, []

    def say(self, rule, node, message, severity=None):
        self.found.append((rule, node, message, severity))

    def reference(self, node):
        """eval, os.system and their like as a value, or by a name that hides them."""
        full, parent = self.names.full(node), node._bandit_parent
        called = isinstance(parent, ast.Call) and parent.func is node
        module, _, last = full.rpartition(".")
        if module == "builtins" and last in CODE:
            plain = isinstance(node, ast.Name) and node.id == last and last not in self.names.names
            if not plain:
                self.say("X003", node, "%s under another name" % last)
            elif not called:
                self.say("X002", node, "%s as a value" % last)
        elif full in COMMANDS:
            root = node
            while isinstance(root, ast.Attribute):
                root = root.value
            seen = isinstance(root, ast.Name) and root.id in self.names.imported  # Bandit follows imports
            if not called or not seen:
                self.say("X004", node, full + (" under another name" if called else " as a value"))
        elif full == "builtins" and isinstance(node, ast.Name):
            self.say("X003", node, "the builtins by a back door")
        elif isinstance(node, ast.Attribute):
            if node.attr in FRAMES:
                self.say("X003", node, "the builtins by way of " + node.attr)
            elif node.attr in ("system", "popen") and called and not isinstance(node.value, (ast.Name, ast.Attribute)):
                self.say("X004", node, node.attr + " of something computed")

    def call(self, node):
        """A marked call: look-ups, imports, code objects, shells, modes."""
        f = node.func
        full = self.names.full(f)
        last = full.rpartition(".")[2] or (f.attr if isinstance(f, ast.Attribute) else "")
        first = folded(node.args[0]) if node.args else None
        if full == "builtins.__import__" or full in IMPORTS and node.args and (first is None or first.partition(".")[0] in MODULES):
            self.say("X001", node, "import of %s" % (first or "a computed name"))
        elif full == "builtins.compile":
            self.say("X005", node, "compile")
        elif full in OBJECTS:
            self.say("X005", node, full)
        elif last in ("getattr", "__getattribute__", "attrgetter", "methodcaller"):
            self.lookup(node, last)
        elif full in SHELLS or full in RUNS:
            self.shell(node, full)
        elif last in ("chmod", "fchmod", "lchmod"):
            self.mode(node)

    def lookup(self, node, how):
        at = 1 if how == "getattr" else 0
        if len(node.args) <= at:
            return
        key, base = folded(node.args[at]), ""
        if how == "getattr":
            base = self.names.full(node.args[0])
        elif how == "__getattribute__" and isinstance(node.func, ast.Attribute):
            base = self.names.full(node.func.value)
        if base + "." + str(key) in COMMANDS or key in ("system", "popen"):
            self.say("X004", node, "%s looked up" % key)
        elif key in TEXTS and (key != "compile" or base == "builtins"):  # getattr(re, "compile") is none
            self.say("X003", node, "%s looked up" % key)
        elif key is None and base in ("builtins", "os", "posix", "subprocess", "pty"):
            self.say("X003" if base == "builtins" else "X004", node, "a computed name looked up in " + base)

    def mapping(self, node):
        """globals()["eval"], vars(builtins).get(name), builtins.__dict__[name]."""
        parent, key = node._bandit_parent, None
        if isinstance(parent, ast.Subscript) and parent.value is node:
            whole, key = parent, parent.slice
        elif isinstance(parent, ast.Attribute) and parent.attr in ("get", "pop", "__getitem__", "setdefault") and isinstance(parent._bandit_parent, ast.Call):
            whole, key = parent._bandit_parent, (parent._bandit_parent.args or [None])[0]
        if key is None:
            return
        text, base = folded(key), self.names.full(node)
        if text in TEXTS:
            self.say("X004" if text in ("system", "popen") else "X003", whole, "%s looked up" % text)
        elif text is None and base in ("builtins", "os", "posix", "subprocess"):
            self.say("X003" if base == "builtins" else "X004", whole, "a computed name looked up in " + base)

    def shell(self, node, full):
        """A shell with a constant text, which Bandit calls LOW."""
        command = node.args[0] if node.args else None
        listed = isinstance(command, ast.List) and command.elts and all(folded(e) is not None for e in command.elts)
        if command is None or folded(command) is None and not listed:
            return
        if full in SHELLS or any(k.arg == "shell" and isinstance(k.value, ast.Constant) and k.value.value for k in node.keywords):
            self.say("X007", node, full + " with a constant command")

    def mode(self, node):
        """Modes that Bandit does not read: by keyword, or of a path object."""
        modes = [k.value for k in node.keywords if k.arg == "mode"]
        if not modes and len(node.args) == 1 and isinstance(node.func, ast.Attribute):
            modes = node.args
        for m in modes:
            if isinstance(m, ast.Constant) and type(m.value) is int and m.value & 0o33:  # Bandit's mask
                self.say("X008", node, "mode 0o%o" % m.value, "HIGH" if m.value & 0o2 else "MEDIUM")

    def secrets(self, node):
        """Names that hold a secret, bound to a constant."""
        pairs = []
        if isinstance(node, ast.Assign):
            pairs = [(t, node.value) for t in node.targets]
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)):
            pairs = [(node.target, node.value)]
        elif isinstance(node, ast.Dict):
            pairs = list(zip(node.keys, node.values))
        elif isinstance(node, ast.Call):
            pairs = [(k, k.value) for k in node.keywords]
        else:
            a = node.args
            plain = a.posonlyargs + a.args
            pairs = list(zip(plain[len(plain) - len(a.defaults):], a.defaults)) + list(zip(a.kwonlyargs, a.kw_defaults))
        for target, value in pairs:
            if not isinstance(value, ast.Constant):
                continue
            if isinstance(target, ast.Subscript):
                target = target.slice
            name = next((x for x in (getattr(target, a, None) for a in ("id", "attr", "arg", "value")) if isinstance(x, str)), "")
            if name and secret(name, value):
                self.say("X006", value, "%s is a constant" % name[:100])


def own(tree, v, names, stars, lines):
    """Yields whether a rule is shipped, and its finding."""
    o = Own(Names(tree, v, names, stars))
    late = {name for name, full in o.names.names.items() if full in COMMANDS or full.startswith("builtins.")}
    nodes = list(v.marked)
    if late:  # names that only an import made interesting
        for node in ast.walk(tree):
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.Name) and child.id in late and child.id not in MARKED_NAMES and isinstance(child.ctx, ast.Load):
                    child._bandit_parent = node
                    v.children.append(child)
                    nodes.append(child)
    for node in nodes:
        if isinstance(node, ast.Call):
            o.call(node)
            if dotted(node.func) in ("globals", "locals", "vars"):
                o.mapping(node)
        elif isinstance(node, ast.Attribute) and node.attr == "__dict__":
            o.mapping(node)
        elif isinstance(node.ctx, ast.Load):
            o.reference(node)
    for node in v.binding:
        o.secrets(node)
    for rule, node, message, severity in sorted(o.found, key=lambda f: (f[1].lineno, f[1].col_offset, f[0]))[:MOST]:
        yield True, wording(SHIPPED[rule], node, message, lines, severity)
    for node in v.calls if CALLS else ():
        name = dotted(node.func)
        for rule in CALLS.get(name, ()):
            yield False, wording(rule, node, "call of " + name, lines)


def wording(rule, node, message, lines, severity=None):
    start, end = lines.of(node)
    return {"rule": rule["id"], "name": rule.get("name") or message.rpartition(" ")[2], "severity": severity or rule["severity"],
            "confidence": rule.get("confidence") or "HIGH", "cwe": rule["cwe"], "start": start, "end": end, "line": node.lineno, "message": message[:300]}
