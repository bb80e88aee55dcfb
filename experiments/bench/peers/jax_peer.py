"""A peer of bench: JAX (0.10.2, CPU) on the same weights, rows and settings, each work one jax.jit.

    python3 -m venv /tmp/peer && /tmp/peer/bin/pip install jax==0.10.2
    make bench PEER='/tmp/peer/bin/python experiments/bench/peers/jax_peer.py'

What a step changes is donated, data come from the host and the loss goes back to it at
every call, as in any training loop. The allocator and XLA are left as they come.
"""
import functools
import json
import os
import time

import jax
import jax.numpy as jnp
import numpy as np

FOLDER = os.environ["SECURERL_BENCH_WORK"]
with open(os.path.join(FOLDER, "work.json"), encoding="utf-8") as f:
    WORK = json.load(f)
REPEAT = {"sft_step": 10, "ppo_minibatch": 10, "generate": 5, "pretrain_step": 5}


def load(name):
    """The float32 tensors of a safetensors file by name."""
    with open(os.path.join(FOLDER, name + ".safetensors"), "rb") as f:
        raw = f.read()
    size = int.from_bytes(raw[:8], "little")
    tensors = {}
    for key, t in json.loads(raw[8 : 8 + size]).items():
        if key != "__metadata__":
            begin, end = t["data_offsets"]
            tensors[key] = jnp.asarray(np.frombuffer(raw[8 + size + begin : 8 + size + end], np.float32).reshape(t["shape"]))
    return tensors


# The network: Llama's layers, with an adapter on some of the maps.


def rms_norm(x, weight, eps):
    return x / jnp.sqrt(jnp.mean(x * x, axis=-1, keepdims=True) + eps) * weight


def rope_table(c, positions):
    frequency = c["RopeTheta"] ** (-2 * np.arange(c["HeadDim"] // 2) / c["HeadDim"])
    angle = np.arange(positions)[:, None] * frequency
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


def rotate(x, cos, sin):
    a, b = jnp.split(x, 2, axis=-1)
    return jnp.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


def project(x, base, adapter, path):
    y = x @ base[path + ".weight"]
    if path + ".lora_A" in adapter:
        scale = WORK["LoRA"]["Alpha"] / WORK["LoRA"]["Rank"]
        y = y + scale * (x @ adapter[path + ".lora_A"]) @ adapter[path + ".lora_B"]
    return y


def hidden(c, base, adapter, tokens, cos, sin, mask, cache=None):
    """Normed states [B, S, E], and keys and values of every layer [B, H, S, D].

    cos and sin broadcast to [B, S, 1, D/2]. cache(layer, keys, values) may put the new
    keys and values among those already known.
    """
    b, s = tokens.shape
    heads, width = c["NumAttentionHeads"], c["HeadDim"]
    x = base["model.embed_tokens.weight"][tokens]
    known = []
    for layer in range(c["NumHiddenLayers"]):
        path = f"model.layers.{layer}."
        h = rms_norm(x, base[path + "input_layernorm.weight"], c["NormEps"])
        q, k, v = [project(h, base, adapter, path + f"self_attn.{n}_proj").reshape(b, s, heads, width) for n in "qkv"]
        q, k, v = [x.transpose(0, 2, 1, 3) for x in (rotate(q, cos, sin), rotate(k, cos, sin), v)]
        if cache is not None:
            k, v = cache(layer, k, v)
        known.append((k, v))
        scores = jnp.einsum("bhqd,bhkd->bhqk", q, k) / np.sqrt(width) + mask
        y = jnp.einsum("bhqk,bhkd->bhqd", jax.nn.softmax(scores, axis=-1), v).transpose(0, 2, 1, 3)
        x = x + project(y.reshape(b, s, heads * width), base, adapter, path + "self_attn.o_proj")
        h = rms_norm(x, base[path + "post_attention_layernorm.weight"], c["NormEps"])
        gate = jax.nn.silu(project(h, base, adapter, path + "mlp.gate_proj"))
        x = x + project(gate * project(h, base, adapter, path + "mlp.up_proj"), base, adapter, path + "mlp.down_proj")
    return rms_norm(x, base["model.norm.weight"], c["NormEps"]), known


def whole(c, base, adapter, tokens):
    """States of whole rows."""
    s = tokens.shape[1]
    cos, sin = rope_table(c, s)
    mask = np.where(np.tril(np.ones((s, s), bool)), 0, -1e9).astype(np.float32)
    return hidden(c, base, adapter, tokens, cos[None, :, None], sin[None, :, None], mask)


def logits(base, h):
    return h @ base["model.embed_tokens.weight"].T


def log_probs(every, targets):
    return jnp.take_along_axis(every, targets[..., None], axis=-1)[..., 0]


# The optimiser: AdamW after clipping by the global norm.


def adamw(a, params, grads, state, step):
    leaves = jax.tree.leaves(grads)
    if a["ClipNorm"] > 0:
        norm = jnp.sqrt(sum(jnp.sum(g * g) for g in leaves))
        grads = jax.tree.map(lambda g: g * jnp.minimum(1, a["ClipNorm"] / (norm + 1e-6)), grads)
    m = jax.tree.map(lambda m, g: a["Beta1"] * m + (1 - a["Beta1"]) * g, state["m"], grads)
    v = jax.tree.map(lambda v, g: a["Beta2"] * v + (1 - a["Beta2"]) * g * g, state["v"], grads)
    right_m, right_v = 1 / (1 - a["Beta1"] ** step), 1 / (1 - a["Beta2"] ** step)

    def move(p, m, v):
        return p * (1 - a["LearningRate"] * a["WeightDecay"]) - a["LearningRate"] * m * right_m / (jnp.sqrt(v * right_v) + a["Epsilon"])

    return jax.tree.map(move, params, m, v), {"m": m, "v": v}


def start(params):
    return {"m": jax.tree.map(jnp.zeros_like, params), "v": jax.tree.map(jnp.zeros_like, params)}


class Training:
    """Steps of one loss: loss(params, frozen, *data)."""

    def __init__(self, loss, a, params, frozen, data, report=lambda value, extra: value):
        self.params = jax.tree.map(jnp.copy, params)  # a step gives its own away
        self.state, self.frozen, self.data, self.count, self.report = start(params), frozen, data, 0, report

        @functools.partial(jax.jit, donate_argnums=(0, 1))
        def step(params, state, frozen, count, *data):
            (value, extra), grads = jax.value_and_grad(loss, has_aux=True)(params, frozen, *data)
            params, state = adamw(a, params, grads, state, count)
            return params, state, value, extra

        self.step = step

    def __call__(self):
        self.count += 1
        self.params, self.state, value, extra = self.step(self.params, self.state, self.frozen, float(self.count), *self.data)
        return float(self.report(value, extra))


def padded(rows, prompts, numbers):
    """Inputs and targets [B, S], and for every list of numbers [B, S], which stand at the targets after the prompt."""
    length = next(n for n in (64, 112, 192) if n >= max(map(len, rows)) - 1)
    tokens, targets = np.zeros((2, len(rows), length), np.int32)
    values = np.zeros((len(numbers), len(rows), length), np.float32)
    for i, (row, prompt) in enumerate(zip(rows, prompts)):
        tokens[i, : len(row) - 1], targets[i, : len(row) - 1] = row[:-1], row[1:]
        for k, x in enumerate(numbers):
            values[k, i, prompt - 1 : len(row) - 1] = x[i]
    return [tokens, targets, *values]


def surprise(c, base, adapter, tokens, targets, mask):
    every = jax.nn.log_softmax(logits(base, whole(c, base, adapter, tokens)[0]), axis=-1)
    return -jnp.sum(log_probs(every, targets) * mask) / jnp.sum(mask), None


def sft():
    rows = [r["Prompt"] + r["Target"] for r in WORK["Rows"]]
    prompts = [len(r["Prompt"]) for r in WORK["Rows"]]
    data = padded(rows, prompts, [[np.ones(len(r["Target"])) for r in WORK["Rows"]]])
    return Training(lambda adapter, base, *d: surprise(WORK["Model"], base, adapter, *d), WORK["SFT"], load("adapter"), load("base"), data)


def pretrain():
    data = padded(WORK["Packed"], [1] * len(WORK["Packed"]), [[np.ones(len(r) - 1) for r in WORK["Packed"]]])
    return Training(lambda weights, _, *d: surprise(WORK["Tiny"], weights, {}, *d), WORK["SFT"], load("whole"), {}, data)


def ppo():
    p, c, rollout = WORK["PPO"], WORK["Model"], WORK["Rollout"]
    rows = [x["Prompt"] + x["Completion"] for x in rollout]
    prompts = [len(x["Prompt"]) for x in rollout]
    data = padded(rows, prompts, [[np.ones(len(x["Completion"])) for x in rollout]] + [[np.asarray(x[n]) for x in rollout] for n in ("Old", "Reference", "Advantages")])

    def loss(adapter, base, tokens, targets, mask, old, reference, advantages):
        every = jax.nn.log_softmax(logits(base, whole(c, base, adapter, tokens)[0]) / p["Temperature"], axis=-1)
        logp = jnp.where(mask > 0, log_probs(every, targets), old)

        def mean(x):
            return jnp.sum(x * mask) / jnp.sum(mask)

        ratio = jnp.exp(logp - old)
        clipped = jnp.clip(ratio, 1 - p["Clip"], 1 + p["Clip"])
        policy = -mean(jnp.minimum(ratio * advantages, clipped * advantages))
        kl = mean(jnp.exp(reference - logp) - (reference - logp) - 1)
        entropy = -mean(jnp.sum(jnp.exp(every) * every, axis=-1))
        return policy + p["KLWeight"] * kl - p["EntropyWeight"] * entropy, (policy, kl, entropy)

    return Training(loss, p, load("adapter"), load("base"), data, report=lambda _, extra: extra[0])


def generation(greedy):
    c, new, base, adapter = WORK["Model"], WORK["NewTokens"], load("base"), load("adapter")
    prompts = np.asarray(WORK["Prompts"], np.int32)
    rows, given = prompts.shape
    slots = given + new
    cos, sin = map(jnp.asarray, rope_table(c, slots))

    def draw(key, scores):
        token = jnp.argmax(scores, axis=-1) if greedy else jax.random.categorical(key, scores)
        token = token.astype(jnp.int32)
        return token, log_probs(jax.nn.log_softmax(scores, axis=-1), token)

    @jax.jit
    def generate(base, adapter, prompts, lengths, key):
        h, known = whole(c, base, adapter, prompts)
        cache = [tuple(jnp.pad(x, ((0, 0), (0, 0), (0, slots - given), (0, 0))) for x in kv) for kv in known]
        key, use = jax.random.split(key)
        token, logp = draw(use, logits(base, jnp.take_along_axis(h, (lengths - 1)[:, None, None], axis=1)[:, 0]))

        def one(carry, _):
            key, token, at, cache = carry
            write = jax.vmap(lambda old, x, i: jax.lax.dynamic_update_slice(old, x, (0, i, 0)))
            mask = jnp.where(jnp.arange(slots)[None] <= at[:, None], 0.0, -1e9)[:, None, None]
            h, cache = hidden(c, base, adapter, token[:, None], cos[at][:, None, None], sin[at][:, None, None], mask,
                              cache=lambda l, k, v: (write(cache[l][0], k, at), write(cache[l][1], v, at)))
            key, use = jax.random.split(key)
            token, logp = draw(use, logits(base, h[:, 0]))
            return (key, token, at + 1, cache), (token, logp)

        _, (tokens, logps) = jax.lax.scan(one, (key, token, lengths, cache), None, length=new - 1)
        return jnp.concatenate([token[None], tokens]).T, jnp.concatenate([logp[None], logps]).T

    lengths, count = np.full(rows, given, np.int32), 0

    def call():
        nonlocal count
        count += 1
        tokens, logps = generate(base, adapter, prompts, lengths, jax.random.key(count))
        np.asarray(logps)
        return np.asarray(tokens)

    return call


def say(name, value):
    print(json.dumps({"name": name, "value": float(value)}), flush=True)


def main():
    for name, loss, make in (("sft_step", "sft_loss", sft), ("ppo_minibatch", "ppo_loss", ppo), ("generate", None, lambda: generation(False)), ("pretrain_step", "pretrain_loss", pretrain)):
        call = make()
        if loss:
            for i in range(3):
                say(f"{loss}_{i + 1}", call())
        else:
            say("generate_greedy_share", np.mean(generation(True)() == np.asarray(WORK["Greedy"])))
            call()
        best, began = float("inf"), time.process_time()
        for _ in range(REPEAT[name]):
            called = time.perf_counter()
            call()
            best = min(best, time.perf_counter() - called)
        say(name + "_cpu_ms", (time.process_time() - began) / REPEAT[name] * 1e3)
        say(name + "_wall_ms", best * 1e3)


main()
