# What every scanner's inside begins with: a source becomes text, a tree and line
# starts, and requests become JSON. The source is parsed, never run. handle() answers
# whatever a source can cause, except the death of the process. RULES and SECRETS are
# set by the lines before these.
import ast
import hashlib
import json
import logging
import os
import re
import sys
import time
import warnings

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
sys.setrecursionlimit(20000)
LARGEST = 64 << 10
LINE_ENDS = re.compile(rb"\r\n|\r|\n")  # what Python takes for one: \f, \v and U+2028 are none
BOM = b"\xef\xbb\xbf"


def parse(source):
    """The tree, if there is one, and the beginning of the answer. A tree that does not
    compile (a return outside a function) has findings all the same."""
    if len(source) > LARGEST:
        return None, {"status": "too_large"}
    try:
        text = source.decode("utf-8-sig")  # text, so that a coding cookie changes nothing
    except UnicodeDecodeError as e:
        return None, {"status": "not_utf8", "syntax_error": str(e)[:200]}
    tree = None
    try:
        tree = compile(text, "main.py", "exec", ast.PyCF_ONLY_AST, True)
        compile(text, "main.py", "exec", 0, True)
        return tree, {"compile_ok": True, "parse_ok": True}
    except SyntaxError as e:
        out = {"status": "syntax", "syntax_error": str(e.msg)[:200], "syntax_line": e.lineno or 0}
    except ValueError as e:
        out = {"status": "syntax", "syntax_error": str(e)[:200]}
    except (RecursionError, MemoryError):  # the C parser reports its full stack as lack of memory
        return None, {"status": "too_deep", "syntax_error": "nested too deeply"}
    if tree is not None:
        out["parse_ok"] = True
    return tree, out


class Lines:
    """Turns lines and columns of the tree into bytes of the source."""

    def __init__(self, source):
        self.size = len(source)
        self.starts = [3 if source.startswith(BOM) else 0] + [m.end() for m in LINE_ENDS.finditer(source)]

    def span(self, line, column, end_line, end_column):
        return self.starts[line - 1] + column, self.starts[end_line - 1] + end_column if end_line else self.size

    def of(self, node):
        return self.span(node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)

    def whole(self, line):
        """For a finding without a node: its line."""
        line = min(line, len(self.starts))
        return self.starts[line - 1], self.starts[line] if line < len(self.starts) else self.size


def scan(source):
    tree, out = parse(source)
    if tree is None:
        return out
    try:
        look(source, tree, out)
    except RecursionError:
        out["status"] = "too_deep"
    except MemoryError:
        out["status"] = "memory"
    except Exception as e:
        out.update(status="internal", fault="%s: %s" % (type(e).__name__, str(e)[:200]))
    return out


def digest_of(root, *more):
    """A digest of every Python file below a folder, and of more."""
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(f for f in files if f.endswith(".py")):
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                digest.update(hashlib.sha256(os.path.relpath(path, root).encode() + b"\0" + f.read()).digest())
    for text in more:
        digest.update(text.encode())
    return digest.hexdigest()


spent = 0.0


def handle(request):
    global spent
    now = time.process_time()
    answer = about() if request[:1] == b"?" else scan(request[1:])
    # Between ticks the kernel books processor time when a process waits, so that a scan
    # cannot time itself: an answer brings what was booked since the last one.
    answer["cpu"], spent = now - spent, now
    return json.dumps(answer).encode()
