"""Writes forms.json and decode.jsonl: settings of tokenizer.json that the families beside this file do not use, each put into one of
them, with the answers of Hugging Face tokenizers 0.23.3. Run in this folder."""
import json
import random

from tokenizers import Tokenizer

QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEXTS = ["", " ", "  ", "\n", "a", " a", "  a b", "def f(x):\n    return x\n", "</s> a", "a </s>  \n b", "<s>a", "x<s> <s>\n<s>b", "1234567 12",
         "'S 's don't I'LL", "\u2581a \u2581", "e\u0301\u00e9 \u1100\u1161\u11a8", "a" + "\u0301\u0327" * 20 + "b", "\u00ff<0x0A>", "<|mid|> x <|mid|>",
         "a<|mid|>b", "the return self import", "these are the e  e", "\u09c7\u09be \u212b \u0344", "e\u0301a \u00e9a"]


def metaspace(scheme):
    return {"normalizer": None, "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": False}}


def token(content, n, **flags):
    return {"id": n, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True, **flags}


def decoder(*more):
    return {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"},
                                             {"type": "Fuse"}, *more]}


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
with open("llama/tokenizer.json", encoding="utf-8") as f:
    LLAMA = json.load(f)["model"]
FORMS = [
    ("Metaspace first", "llama", metaspace("first")),
    ("Metaspace always", "llama", metaspace("always")),
    ("Metaspace never", "llama", {**metaspace("never"), "decoder": decoder()}),
    ("Replace only", "llama", {"normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}, "decoder": decoder()}),
    ("rstrip", "gpt2", {"added_tokens": [token("<s>", 511, rstrip=True), token("</s>", 512, rstrip=True, special=False)]}),
    ("lstrip", "gpt2", {"added_tokens": [token("<s>", 511, lstrip=True), token("<|mid|>", 512, lstrip=True), token("  ", 513, normalized=True, special=False)]}),
    ("both strips", "llama", {"added_tokens": [token("<unk>", 0), token("<s>", 1, lstrip=True, rstrip=True), token("</s>", 2, rstrip=True)] +
                              [token(x, 508 + i) for i, x in enumerate(["\u2581<PRE>", "\u2581<SUF>", "\u2581<MID>", "\u2581<EOT>"])]}),
    ("Llama 3", "qwen2", {"normalizer": None, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": QWEN}, "behavior": "Isolated", "invert": False}, BYTES]},
        "post_processor": {"type": "Sequence", "processors": [BYTES, {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<|im_start|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "<|im_end|>", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<|im_start|>": {"id": "<|im_start|>", "ids": [510], "tokens": ["<|im_start|>"]},
                               "<|im_end|>": {"id": "<|im_end|>", "ids": [511], "tokens": ["<|im_end|>"]}}}]}}),
    ("NFC beside added tokens", "qwen2", {"added_tokens": [token("<|endoftext|>", 509), token("<|im_start|>", 510), token("<|im_end|>", 511),
                                                          token("\u00e9a", 512, normalized=True, special=False)]}),
    ("a merge over the beginning of a word", "llama", {"model": {"vocab": {**LLAMA["vocab"], "e\u2581": 508}, "merges": [["e", "\u2581"], *LLAMA["merges"]]},
                                                        "added_tokens": [token("<unk>", 0), token("<s>", 1), token("</s>", 2), token("<|mid|>", 509)]}),
    ("ignore_merges", "gpt2", {"model": {"ignore_merges": True, "merges": []}}),
]

out = []
for name, base, change in FORMS:
    with open(base + "/tokenizer.json", encoding="utf-8") as f:
        file = json.load(f)
    for key, value in change.items():
        if key == "model":
            file["model"].update(value)
        else:
            file[key] = value
    tok = Tokenizer.from_str(json.dumps(file))
    rows = []
    for text in TEXTS:
        e = tok.encode(text, add_special_tokens=False)
        rows.append({"text": text, "ids": e.ids, "ids_with_special": tok.encode(text).ids, "decoded": tok.decode(e.ids, skip_special_tokens=False),
                     "decoded_skip_special": tok.decode(e.ids)})
    out.append({"name": name, "base": base, "change": change, "rows": rows})
with open("forms.json", "w", encoding="utf-8") as f:
    f.write("[" + ",\n".join(json.dumps(x, ensure_ascii=True, separators=(",", ":")) for x in out) + "]\n")

# Random ids, as an untrained model writes them: how the library shows what is no text.
r = random.Random(1)
with open("decode.jsonl", "w", encoding="utf-8") as f:
    for family in ["gpt2", "starcoder2", "deepseek", "llama", "qwen2"]:
        tok = Tokenizer.from_file(family + "/tokenizer.json")
        alone = [i for i in range(tok.get_vocab_size()) if len(tok.id_to_token(i)) == 1 or tok.id_to_token(i).startswith("<0x")]
        for n in range(60):
            ids = [r.choice(alone) if n % 2 else r.randrange(tok.get_vocab_size()) for _ in range(r.randint(1, 12))]
            f.write(json.dumps({"family": family, "ids": ids, "decoded": tok.decode(ids, skip_special_tokens=False),
                                "decoded_skip_special": tok.decode(ids)}, ensure_ascii=True) + "\n")
