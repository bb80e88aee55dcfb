"""Opens notebooks in JupyterLab and their exported pages in a browser, and checks what a reader would see.

    test.py CHROMIUM [NOTEBOOK...]     NOTEBOOK is a file's stem; default: all in out/notebooks, which `make notebooks` writes

Each notebook is seen in six ways; a screenshot of each goes to out/browser.

    light      JupyterLab, Run All                        no cell fails, charts are live
    dark       the same file opened again, dark theme     charts are live: the file is trusted by its signature
    untrusted  a copy from elsewhere                      no script runs, every figure stands there as a picture
    page       the exported page                          charts are live, maths is drawn
    noscript   the page without JavaScript                every figure stands there as a picture
    print      the page as a printer gets it              every figure stands there

No view may ask for anything outside this machine, and at the end no process may be left. Exit status 1, and one
sentence for each claim that does not hold.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import psutil
from playwright.sync_api import Error, sync_playwright

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "out/browser"
MINUTES = 10  # for Run All of one notebook
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"]  # fmt: skip
LOCAL = re.compile(r"^(?:https?|wss?)://(?:localhost|127\.0\.0\.1)[:/]")

# What a reader sees: live charts, pictures that are loaded and shown, and formulas.
COUNT = """root => {
  const shown = i => i.naturalWidth > 0 && i.getClientRects().length > 0;
  const all = [...document.querySelectorAll(root + ' img[src^="data:image/svg+xml"]')];
  return {
    live: document.querySelectorAll(root + ' div[_echarts_instance_]').length,
    pictures: all.filter(shown).length,
    broken: all.filter(i => i.complete && i.naturalWidth === 0).length,
    maths: document.querySelectorAll(root + ' mjx-container').length,
  };
}"""
LAB = "window.jupyterapp?.shell?.currentWidget"

faults = []


def claim(ok, sentence):
    """Notes and prints a sentence about a claim that does not hold."""
    if not ok:
        faults.append(sentence)
        print(f"test-browser: {sentence}", file=sys.stderr, flush=True)


class Server:
    """JupyterLab as `make lab` starts it, on a folder of copies, with its own trust and settings."""

    def __init__(self, folder):
        self.log = folder / "lab.log"
        trust = folder / "trust"
        trust.mkdir()
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                ["sh", ROOT / "notebooks/lab.sh", folder / "work", "--no-browser", "--LabApp.expose_app_in_browser=True",
                 f"--NotebookNotary.data_dir={trust}", f"--LabApp.user_settings_dir={folder / 'settings'}", f"--LabApp.workspaces_dir={folder / 'workspaces'}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # fmt: skip
        deadline = time.monotonic() + 60
        while not (found := re.search(r"(http://localhost:\d+/lab)\?token=(\w+)", self.log.read_text())):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                sys.exit(f"test-browser: JupyterLab did not start; it said:\n{self.log.read_text()}")
            time.sleep(0.2)
        self.url, self.token = found.groups()

    def address(self, name):
        return f"{self.url}/tree/{name}?reset&token={self.token}"

    def end(self):
        """Ends the server as Ctrl-C does and claims that nothing is left of it."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            claim(False, "JupyterLab did not end within 30 s of SIGTERM")
        _, alive = psutil.wait_procs(family, timeout=10)
        claim(not alive, f"JupyterLab left processes behind: {[' '.join(p.cmdline()[:2]) for p in alive]}")
        for p in alive:
            p.kill()


class View:
    """A browser page that notes every request to elsewhere and every script's error."""

    def __init__(self, browser, name, script=True):
        self.name = name
        self.context = browser.new_context(java_script_enabled=script, viewport={"width": 1200, "height": 2400})
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.outside, self.errors = set(), []
        self.page.on("request", lambda r: self.ask(r.url))
        self.page.on("websocket", lambda w: self.ask(w.url))
        self.page.on("pageerror", lambda e: self.errors.append(str(e)[:200]))

    def ask(self, url):
        if re.match(r"(?:https?|wss?):", url) and not LOCAL.match(url):
            self.outside.add(url[:150])

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        OUT.mkdir(parents=True, exist_ok=True)
        try:
            self.page.screenshot(path=OUT / f"{self.name}.png", full_page=True)
        except Error as e:
            claim(False, f"{self.name}: no screenshot: {str(e).splitlines()[0]}")
        self.context.close()
        if isinstance(error, Error):
            claim(False, f"{self.name}: {str(error).splitlines()[0]}")
        claim(not self.outside, f"{self.name}: asked for something outside this machine: {sorted(self.outside)}")
        claim(not self.errors, f"{self.name}: a script failed: {self.errors[:3]}")
        return isinstance(error, Error)

    def count(self, root):
        """Counts figures once their number has not changed for two seconds."""
        last, same = None, 0
        while same < 4:
            seen = self.page.evaluate(COUNT, root)
            last, same = seen, same + 1 if seen == last else 0
            self.page.wait_for_timeout(500)
        print(f"test-browser: {self.name}: {last['live']} live charts, {last['pictures']} pictures, {last['maths']} formulas", flush=True)
        claim(not last["broken"], f"{self.name}: {last['broken']} pictures are broken")
        return last


def open_lab(view, server, name, dark):
    """Opens a notebook in JupyterLab and waits until its cells stand there and its kernel answers."""
    view.page.goto(server.address(name), wait_until="domcontentloaded")
    view.page.wait_for_function(f"() => {LAB}?.content?.widgets?.length > 0")
    theme = "JupyterLab Dark" if dark else "JupyterLab Light"
    view.page.evaluate("t => window.jupyterapp.commands.execute('apputils:change-theme', {theme: t})", theme)
    view.page.evaluate(f"() => {LAB}.sessionContext.ready")


def grow(view):
    """Makes the window as high as the notebook, so that each cell is drawn and the screenshot shows all of it. JupyterLab
    guesses the height of cells that it has not drawn yet, so this goes on until the height stays."""
    high = 0
    for _ in range(10):
        now = view.page.evaluate("() => [...document.querySelectorAll('.jp-Notebook .jp-Cell')].reduce((sum, e) => sum + e.offsetHeight, 0)")
        if now <= high:
            break
        high = int(now)
        view.page.set_viewport_size({"width": 1200, "height": min(high + 300, 16000)})
        view.page.wait_for_timeout(1500)
    view.page.evaluate("() => document.querySelectorAll('.jp-WindowedPanel-outer').forEach(e => e.scrollTo(0, 0))")
    view.page.wait_for_timeout(500)


def run_all(view):
    """Runs every cell. The command itself ends at the first cell that fails, an exercise's check, but the cells behind
    it go on; so this waits until no prompt shows the star of a waiting cell."""
    view.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells').catch(() => {}) }")
    star = "() => [...document.querySelectorAll('.jp-InputPrompt')].some(p => p.textContent.includes('*'))"
    view.page.wait_for_function(star)
    try:
        view.page.wait_for_function(f"() => !({star})() && {LAB}.sessionContext.session?.kernel?.status === 'idle'", timeout=MINUTES * 60_000)
    except Error:
        claim(False, f"{view.name}: Run All did not end within {MINUTES} minutes")


def claim_cells(view):
    """Claims that every cell ran, and that none failed but those whose tag says so."""
    idle, wrong = view.page.evaluate(f"""() => {{
      const cells = [...{LAB}.content.widgets].map((w, i) => [i, w.model]).filter(([i, m]) => m.type === 'code');
      const failed = m => m.outputs.toJSON().some(o => o.output_type === 'error') && !(m.getMetadata('tags') || []).includes('raises-exception');
      return [cells.filter(([i, m]) => m.executionCount === null).map(([i]) => i), cells.filter(([i, m]) => failed(m)).map(([i]) => i)];
    }}""")
    claim(not idle, f"{view.name}: cells {idle} did not run")
    claim(not wrong, f"{view.name}: cells {wrong} failed")


def lab(browser, server, stem, name, figures, dark=False, run=False):
    """Looks at one notebook in JupyterLab; returns what is seen."""
    look = "light" if run else "dark" if dark else "untrusted"
    seen = None
    with View(browser, f"{stem}-{look}") as view:
        open_lab(view, server, name, dark)
        if run:
            run_all(view)
        grow(view)
        seen = view.count(".jp-Notebook")
        news = view.page.locator(".Toastify__toast").all_inner_texts()
        claim(not news, f"{view.name}: JupyterLab asks something at its start: {news}")
        if run:
            claim_cells(view)
            view.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        if look == "untrusted":
            claim(seen["live"] == 0, f"{view.name}: {seen['live']} scripts ran in a notebook that is not trusted")
            claim(seen["pictures"] >= figures, f"{view.name}: {seen['pictures']} pictures, want {figures}")
        view.page.evaluate(f"() => {LAB}.sessionContext.shutdown()")
    return seen


def exported(browser, stem, figures, charts, maths):
    """Looks at the exported page with and without JavaScript, and as printed."""
    address = (ROOT / f"out/html/{stem}.html").as_uri()
    for look in ("page", "noscript", "print"):
        with View(browser, f"{stem}-{look}", script=look != "noscript") as view:
            if look == "print":
                view.page.emulate_media(media="print")
            view.page.goto(address)
            seen = view.count("main")
            want = 0 if look == "noscript" else charts
            claim(seen["live"] == want, f"{view.name}: {seen['live']} live charts, want {want}")
            claim(seen["live"] + seen["pictures"] >= figures, f"{view.name}: {seen['live']} live charts and {seen['pictures']} pictures, want {figures}")
            claim(look == "noscript" or not maths or seen["maths"] > 0, f"{view.name}: its maths is not drawn")
            if look == "print":
                view.page.pdf(path=OUT / f"{stem}.pdf", print_background=True)


def notebook(browser, server, work, source, stem):
    """Looks at one notebook in all six ways."""
    nb = json.loads((ROOT / f"out/notebooks/{stem}.ipynb").read_text())
    outputs = [o for c in nb["cells"] if c["cell_type"] == "code" for o in c["outputs"]]
    shown = "".join("".join(o.get("data", {}).get("text/html", "")) for o in outputs)
    figures = len(re.findall(r'<img [^>]*src="data:image/svg\+xml', shown))
    charts = shown.count("window.echarts.init(") if "notebook.Interactive()" in "".join("".join(c["source"]) for c in nb["cells"]) else 0
    maths = any(c["cell_type"] == "markdown" and "$" in "".join(c["source"]) for c in nb["cells"])

    exported(browser, stem, figures, charts, maths)
    shutil.copy(source, work / f"{stem}.ipynb")
    for look in ({"run": True}, {"dark": True}):
        seen = lab(browser, server, stem, f"{stem}.ipynb", figures, **look)
        if seen:
            name = f"{stem}-{'dark' if 'dark' in look else 'light'}"
            claim(seen["live"] == charts, f"{name}: {seen['live']} live charts, want {charts}")
            claim(seen["live"] + seen["pictures"] >= figures, f"{name}: {seen['live']} live charts and {seen['pictures']} pictures, want {figures}")
    nb["metadata"]["copied"] = "from elsewhere"  # another text than the signed one
    (work / f"{stem}-untrusted.ipynb").write_text(json.dumps(nb))
    lab(browser, server, stem, f"{stem}-untrusted.ipynb", figures)


def main():
    chromium, stems = sys.argv[1], sys.argv[2:]
    stems = stems or sorted(p.stem for p in (ROOT / "out/notebooks").glob("*.ipynb"))
    if not stems:
        sys.exit("test-browser: out/notebooks is empty; run 'make notebooks' first")
    sources = {s: ROOT / f"notebooks/{s}.ipynb" for s in stems}
    for s in stems:
        for path in (sources[s], ROOT / f"out/notebooks/{s}.ipynb", ROOT / f"out/html/{s}.html"):
            if not path.exists():
                sys.exit(f"test-browser: {path.relative_to(ROOT)} is missing; run 'make notebooks' first")
    shutil.rmtree(OUT, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="securerl-browser-", ignore_cleanup_errors=True) as folder:
        work = pathlib.Path(folder, "work")
        work.mkdir()
        server = Server(pathlib.Path(folder))
        try:
            with sync_playwright() as play:
                try:
                    browser = play.chromium.launch(executable_path=chromium, args=FLAGS)
                except Error as e:
                    sys.exit(f"test-browser: {chromium} did not start: {str(e).splitlines()[0]}")
                for s in stems:
                    notebook(browser, server, work, sources[s], s)
                browser.close()
        finally:
            server.end()
    print(f"test-browser: {len(stems)} notebooks seen, {len(faults)} claims do not hold; screenshots in out/browser")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
