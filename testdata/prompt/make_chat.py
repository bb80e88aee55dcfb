"""Writes chat.jsonl: chat templates rendered as Transformers renders them (jinja2 with trim_blocks and lstrip_blocks,
add_generation_prompt), for one user message. Usage: make_chat.py TOKENIZER_CONFIG_OF_DEEPSEEK TOKENIZER_CONFIG_OF_PHI3
(those two are read from the models' own files; jinja2 3.1.6)."""
import json
import sys

from jinja2.sandbox import ImmutableSandboxedEnvironment

QWEN = ("{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nSYSTEM<|im_end|>\n' }}{% endif %}"
        "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
CODELLAMA = ("{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}"
             "{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}"
             "{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
             "{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content | trim + ' [/INST]' }}"
             "{% elif message['role'] == 'assistant' %}{{ ' ' + content | trim + ' ' + eos_token }}{% endif %}{% endfor %}")
STARCODER2 = """{{bos_token}}{{'You are an exceptionally intelligent coding assistant that consistently delivers accurate and reliable responses to user instructions.\\n\\n'}}
{%- for message in messages %}
    {%- if message['role'] == 'system' %}
        {{ raise_exception('System messages are not allowed in this template.') }}
    {%- else %}
        {%- if message['role'] == 'user' %}
{{'### Instruction\\n' + message['content'] + '\\n\\n'}}
        {%- else %}
{{'### Response\\n' + message['content'] + eos_token + '\\n\\n'}}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{{'### Response\\n'}}"""


def template(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)["chat_template"]


FORMS = [("deepseek-coder", template(sys.argv[1]), "<\uff5cbegin\u2581of\u2581sentence\uff5c>", "<|EOT|>"), ("codellama", CODELLAMA, "<s>", "</s>"),
         ("starcoder2-instruct", STARCODER2, "<|endoftext|>", "<|endoftext|>"), ("phi-3", template(sys.argv[2]), "<s>", "<|endoftext|>"),
         ("qwen2", QWEN.replace("SYSTEM", "You are a helpful assistant."), "", "<|im_end|>"),
         ("qwen2.5", QWEN.replace("SYSTEM", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."), "", "<|im_end|>")]
with open("chat.jsonl", "w", encoding="utf-8") as f:
    for name, source, bos, eos in FORMS:
        env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        for request in ["Read n and print 2 * n.", " two\nlines \n", "def f(x):\n    pass"]:
            text = env.from_string(source).render(messages=[{"role": "user", "content": request}], bos_token=bos, eos_token=eos, add_generation_prompt=True)
            f.write(json.dumps({"name": name, "request": request, "text": text}, ensure_ascii=True) + "\n")
