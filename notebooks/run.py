"""Runs notebooks headless and makes their pages: run.py [--out out] [--timeout 600] [NOTEBOOK...]

    notebooks/*.ipynb --> nbclient, kernel gonb --> out/notebooks/*.ipynb (with outputs) --> out/html/*.html (load nothing)

A notebook fails when a cell fails, except where its tag says so (raises-exception: an exercise's check, which the
reader makes pass). GoNB answers "ok" when a shell cell (! or %%bash) fails, so their exit status is looked for here.
What the failing cell printed is shown, and the partly run notebook is kept.
"""

import argparse
import html
import os
import pathlib
import re
import subprocess
import sys
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

import page

ROOT = page.ROOT
PAGE_LIMIT = 4e6  # bytes; a page is sent by mail and opened on a telephone
SHELL = re.compile(r"(?m)^\s*(?:!|%%(?:bash|sh|script)\b)")
STATUS = re.compile(r"(?m)^(exit status [1-9]\d*|signal: .*)$")


def printed(cell):
    """Yields what a cell printed, as plain text."""
    for out in cell.get("outputs", []):
        if out.output_type == "stream":
            yield out.text
        elif out.output_type == "error":
            yield out.evalue + "\n"
        elif "text/html" in out.get("data", {}):
            text = re.sub(r"(?s)<(style|script).*?</\1>", "", out.data["text/html"])
            yield re.sub(r"\n\s*\n+", "\n", html.unescape(re.sub(r"<[^>]*>", "", text)))


def fault(cell):
    """Returns why a run cell counts as failed, or nothing."""
    if cell.cell_type != "code" or "raises-exception" in cell.metadata.get("tags", []):
        return None
    outputs = cell.get("outputs", [])
    for out in outputs:
        if out.output_type == "error":
            return "it ended with an error"
    if SHELL.search(cell.source):
        for out in outputs:
            if out.output_type == "stream" and out.name == "stderr" and (m := STATUS.search(out.text)):
                return f"its shell command failed ({m[1]})"
    return None


def execute(nb, folder, timeout):
    """Runs nb in its folder and returns the faults, one sentence each."""
    client = NotebookClient(nb, timeout=timeout, kernel_name="gonb", resources={"metadata": {"path": str(folder)}})
    stopped = None
    try:
        client.execute()
    except CellTimeoutError:
        stopped = f"a cell took more than {timeout} s; a slow machine may give more: --timeout {2 * timeout}"
    except DeadKernelError:
        stopped = "the kernel died; its last words are in .cache/gonb.log"
    except RuntimeError as e:  # nbclient's word for a kernel that never answered
        stopped = f"the kernel did not start ({e}); what it said is above"
    except CellExecutionError:
        pass  # fault() finds the cell
    faults = []
    for i, cell in enumerate(nb.cells):
        if why := fault(cell):
            said = "".join(printed(cell)).strip()
            faults.append(f"cell {i}: {why}:\n{said}" if said else f"cell {i}: {why}")
    return faults + ([stopped] if stopped else [])


def publish(nb, path):
    """Writes the page of nb to path and returns its faults."""
    text = page.render(nb, path.stem)
    path.write_text(text)
    faults = [f"{path}: would load {x}" for x in page.loads(text)]
    if (size := path.stat().st_size) > PAGE_LIMIT:
        faults.append(f"{path}: {size / 1e6:.1f} MB, the limit is {PAGE_LIMIT / 1e6:.0f} MB; thin out its figures")
    return faults


def main():
    p = argparse.ArgumentParser(description="Runs notebooks headless; exit status 1 when a cell fails.")
    p.add_argument("--out", type=pathlib.Path, default=ROOT / "out", help="folder for notebooks/ and html/ (default: out)")
    p.add_argument("--timeout", type=int, default=600, help="seconds a cell may take (default: 600)")
    p.add_argument("notebook", type=pathlib.Path, nargs="*", help="default: every notebook of notebooks/")
    args = p.parse_args()
    os.environ["JUPYTER_PATH"] = str(ROOT / "notebooks/.jupyter")
    os.environ["JUPYTER_DATA_DIR"] = str(ROOT / ".cache/jupyter/data")
    os.environ["JUPYTER_RUNTIME_DIR"] = str(ROOT / ".cache/jupyter/runtime")
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    if subprocess.run([ROOT / "notebooks/.jupyter/kernels/gonb/start.sh", "--check"]).returncode:
        sys.exit(2)
    paths = args.notebook or sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
    if not paths:
        sys.exit("notebooks: there is no notebook in notebooks/; give one as an argument")
    for folder in ("notebooks", "html"):
        (args.out / folder).mkdir(parents=True, exist_ok=True)
    failed = 0
    for path in paths:
        try:
            nb = nbformat.read(path, 4)
        except (OSError, nbformat.reader.NotJSONError, nbformat.ValidationError) as e:
            sys.exit(f"notebooks: {path} cannot be read: {str(e).splitlines()[0]}")
        start = time.monotonic()
        faults = execute(nb, path.resolve().parent, args.timeout)
        nbformat.write(nb, args.out / "notebooks" / path.name)
        faults += publish(nb, args.out / "html" / (path.stem + ".html"))
        print(f"notebooks: {path.name}: {time.monotonic() - start:.0f} s, {'FAILED' if faults else 'ok'}", flush=True)
        for f in faults:
            print(f"notebooks: {path.name}: {f}", file=sys.stderr)
        failed += bool(faults)
    print(f"notebooks: {len(paths) - failed} of {len(paths)} ran; executed copies in {args.out}/notebooks, pages in {args.out}/html")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
