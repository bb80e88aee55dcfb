"""Runs one trusted program on many inputs and prints what it printed on each.

Standard input: JSON {"source", "inputs"}. Standard output: a JSON list with a text for
each input, or null where the program failed. Every run has globals of its own.
"""
import io
import json
import sys


def main():
    task = json.load(sys.stdin)
    code = compile(task["source"], "main.py", "exec", dont_inherit=True)
    out, seen = sys.stdout, []
    for text in task["inputs"]:
        sys.stdin = io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8")
        sys.stdout = printed = io.StringIO()
        try:
            exec(code, {"__name__": "__main__"})
            failed = False
        except SystemExit as e:
            failed = bool(e.code)
        except BaseException:
            failed = True
        seen.append(None if failed else printed.getvalue())
    sys.stdout = out
    json.dump(seen, out)


main()
