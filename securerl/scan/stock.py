# What stock Bandit says, and how long it takes: its own manager in a plain process,
# and beside it this package's scan() without its sandbox. For sources one trusts. A
# line of JSON in, a line of JSON out.
import base64
import gc
import io

from bandit.core import manager as stock_manager


def stock(sources):
    m = stock_manager.BanditManager(config.BanditConfig(), "file", ignore_nosec=True, quiet=True)
    answers = []
    for source in sources:
        m.results, m.skipped, m.scores = [], [], []
        m._parse_file("main.py", io.BytesIO(source), ["main.py"])
        answers.append((m.results, m.skipped))
    return [{"error": skipped[0][1] if skipped else "", "findings": [
        {"rule": i.test_id, "severity": i.severity, "confidence": i.confidence, "cwe": i.cwe.id or 0, "line": i.lineno, "column": i.col_offset,
         "end_column": i.end_col_offset, "lines": [min(i.linerange or [0]), max(i.linerange or [0])]} for i in results]} for results, skipped in answers]


def light(sources):
    for source in sources:
        scan(source)


gc.freeze()
gc.disable()  # as in the sandbox
for line in sys.stdin:
    request = json.loads(line)
    how, sources = {"stock": stock, "light": light}[request["how"]], [base64.b64decode(s) for s in request["sources"]]
    wall, cpu = time.perf_counter(), time.process_time()
    answers = how(sources)
    print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "answers": answers}), flush=True)
