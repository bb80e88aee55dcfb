"""Small random checkpoints that exercise what testdata/models does not, with the answers of Transformers and PEFT.

python3 make.py FOLDER; torch 2.11.0, transformers 5.23.0, peft 0.21.2, safetensors 0.8.0, one thread, float32.
"""
import json
import os
import sys

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

torch.set_num_threads(1)
SHAPE = dict(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2)
LLAMA = dict(SHAPE, architectures=["LlamaForCausalLM"], model_type="llama", hidden_act="silu", rms_norm_eps=1e-5, tie_word_embeddings=False,
             bos_token_id=0, eos_token_id=1, max_position_embeddings=256)
CONFIGS = {
    # rotary frequencies of Llama 3.1 in the new form; every bias that the family can have
    "llama3": (dict(LLAMA, attention_bias=True, mlp_bias=True, head_dim=16, rope_parameters=dict(
        rope_theta=10000.0, rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)), 60),
    # a text longer than max_position_embeddings, so that the base of the frequencies grows
    "dynamic": (dict(LLAMA, max_position_embeddings=24, rope_theta=10000.0, rope_scaling=dict(type="dynamic", factor=2.0)), 40),
    # a window that is used, from the second of three layers on
    "qwen2_window": (dict(SHAPE, num_hidden_layers=3, architectures=["Qwen2ForCausalLM"], model_type="qwen2", hidden_act="silu", rms_norm_eps=1e-6, rope_theta=1e4,
                          use_sliding_window=True, sliding_window=6, max_window_layers=1, tie_word_embeddings=True, max_position_embeddings=256,
                          bos_token_id=0, eos_token_id=1), 40),
    # names as in the published files of GPT-2, with mask buffers and the tied head
    "gpt2": (dict(architectures=["GPT2LMHeadModel"], model_type="gpt2", n_embd=32, n_layer=2, n_head=4, n_positions=64, vocab_size=64, n_inner=None,
                  activation_function="gelu_new", layer_norm_epsilon=1e-5, attn_pdrop=0.1, embd_pdrop=0.1, resid_pdrop=0.1, bos_token_id=0, eos_token_id=1), 40),
    "starcoder2": (dict(SHAPE, architectures=["Starcoder2ForCausalLM"], model_type="starcoder2", hidden_act="gelu_pytorch_tanh", norm_epsilon=1e-5,
                        sliding_window=None, use_bias=True, max_position_embeddings=256, rope_theta=1e4, bos_token_id=0, eos_token_id=1), 40),
}
ADAPTERS = {
    "gpt2": dict(r=4, lora_alpha=6, use_rslora=True, target_modules=["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True, lora_dropout=0.05),
    "starcoder2": dict(r=3, lora_alpha=9, target_modules=["q_proj", "v_proj", "mlp.c_proj", "c_fc"]),
    "llama3": dict(r=2, lora_alpha=4, target_modules="all-linear"),
}


def fill(model, g):
    with torch.no_grad():
        for name, p in model.named_parameters():
            z = torch.randn(p.shape, generator=g)
            if p.dim() == 1:
                p.copy_(0.2 * z + (0 if name.endswith("bias") else 1))
            else:
                p.copy_(z * (0.5 if "embed" in name or "wte" in name or "wpe" in name else 1.2 / 32 ** 0.5))
            p.copy_(p.to(torch.bfloat16).to(torch.float32))  # so that half the bytes hold it


def answer(model, ids):
    with torch.no_grad():
        return model(ids).logits.float().contiguous()


def main(out):
    for i, (name, (cfg, length)) in enumerate(CONFIGS.items()):
        d = os.path.join(out, name)
        os.makedirs(d, exist_ok=True)
        with open(os.path.join(d, "config.json"), "w") as f:
            json.dump(cfg, f, indent=2)
            f.write("\n")
        g = torch.Generator().manual_seed(100 + i)
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(d), attn_implementation="eager", dtype=torch.float32).eval()
        fill(model, g)
        ids = torch.randint(2, 64, (2, length), generator=g)
        state = {k: v.detach().contiguous().to(torch.bfloat16) for k, v in model.state_dict().items()}
        if name == "gpt2":
            state = {k.removeprefix("transformer."): v for k, v in state.items()}
            state["lm_head.weight"] = state["wte.weight"].clone()
            for layer in range(2):
                state[f"h.{layer}.attn.bias"] = torch.tril(torch.ones(64, 64)).view(1, 1, 64, 64).to(torch.bfloat16)
                state[f"h.{layer}.attn.masked_bias"] = torch.tensor(-1e4).to(torch.bfloat16)
        elif cfg.get("tie_word_embeddings", name == "starcoder2"):
            state.pop("lm_head.weight", None)
        save_file(state, os.path.join(d, "model.safetensors"), {"format": "pt"})
        reread = AutoModelForCausalLM.from_pretrained(d, dtype=torch.float32, attn_implementation="eager").eval()
        found = {"input_ids": ids, "logits": answer(reread, ids)}
        if name == "dynamic":
            found["short_logits"] = answer(AutoModelForCausalLM.from_pretrained(d, dtype=torch.float32, attn_implementation="eager").eval(), ids[:, :20])
        if name in ADAPTERS:
            peft = get_peft_model(reread, LoraConfig(task_type="CAUSAL_LM", **ADAPTERS[name])).eval()
            with torch.no_grad():
                for n, p in peft.named_parameters():
                    if "lora_" in n:
                        p.copy_(0.3 * torch.randn(p.shape, generator=g))
            found["adapter_logits"] = answer(peft, ids)
            peft.save_pretrained(os.path.join(d, "adapter"))
            os.remove(os.path.join(d, "adapter", "README.md"))
            merged = peft.merge_and_unload()
            found["merged_logits"] = answer(merged, ids)
        save_file(found, os.path.join(d, "expected.safetensors"))


main(sys.argv[1])
