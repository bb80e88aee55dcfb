"""Writes code/vectors.jsonl: what the Hugging Face `tokenizers` library (0.23.3) answers for code/tokenizer.json.

The tokenizer is trained by securerl/tokenizer on code/corpus.jsonl; the answers are the library's.
Run in this folder, with the library installed: python make_code_vectors.py
"""
import json
import random

from tokenizers import Tokenizer

PIECES = ["def f(x):\n", "    return x\n", "\tif a:\n\t\tpass\n", "print(", "'it''s'", "import hashlib", "md5", " ", "  ", "     ", "\t", "\n", "\n    ",
          "\r\n", "\n\n", "\n \n", "_", "__init__", "snake_case", "CamelCase", "0", "42", " 7", "3.14159", "0xFF", "\u0663\u0664", "\u00e9", "e\u0301",
          "\u00fcber", "\u4f60\u597d", "\ud55c\uad6d", "\U0001F600", "\U0001F469\u200d\U0001F4BB", "\u200b", "\u00a0", "\u3000", "\u2028", "\u0085",
          "\ufeff", "\x00", "\x1b[0m", "\x1c", "\x1f", "\x7f", "\x0b", "\x0c", "==", " != ", "->", "...", "\"\"\"", "# comment", "\\n", "\\", "<", "<s", "</", "</s>", "<s>",
          "<pad>", "<code>", "<<s>>", "s>", "lambda x: x", "\u0120", "\u010a"]

tokenizer = Tokenizer.from_file("code/tokenizer.json")
texts = ["", "a", "\n", " ", "\t", "for i in range(int(input())):\n    print(i)"] + [json.loads(line)["text"] for line in open("code/corpus.jsonl")] + PIECES
r = random.Random(3)
while len(texts) < 200:
    texts.append("".join(r.choice(PIECES) + r.choice(["", "", " ", "\n"]) for _ in range(r.randint(1, 9))))
with open("code/vectors.jsonl", "w") as out:
    for text in texts:
        ids = tokenizer.encode(text).ids
        out.write(json.dumps({"text": text, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False),
                              "decoded_skip_special": tokenizer.decode(ids)}, separators=(",", ":")) + "\n")
