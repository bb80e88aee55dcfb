"""A peer of bench: the Hugging Face tokenizers library (0.23.3) on the same sources, one core.

    python3 -m venv /tmp/peer && /tmp/peer/bin/pip install tokenizers==0.23.3
    make bench PEER='/tmp/peer/bin/python experiments/bench/peers/tokenizers_peer.py'
"""
import bz2
import glob
import json
import os
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer  # noqa: E402

texts, size = [], 0
for path in sorted(glob.glob(os.path.join(os.environ["SECURERL_BENCH_SOURCES"], "*.py"))):
    with open(path, "rb") as f:
        raw = f.read()
    size += len(raw)
    if size > 1 << 20:
        break
    try:
        texts.append(raw.decode("utf-8"))
    except UnicodeDecodeError:
        pass
for name in ["phi-2", "phi-3-mini"]:
    with bz2.open(f"testdata/tokenizer/published/{name}/tokenizer.json.bz2", "rt", encoding="utf-8") as f:
        tok = Tokenizer.from_str(f.read())

    def call():
        for text in texts:
            tok.encode(text, add_special_tokens=False)

    call()
    start = time.process_time()
    call()
    print(json.dumps({"name": f"tokenize_{name}_cpu_ms", "value": (time.process_time() - start) * 1e3}))
