package prompt

// Chats returns the forms in which published models were taught to be asked, for one
// request and without a system message of one's own: what apply_chat_template of
// Transformers writes with add_generation_prompt. A request that spells a special
// token is the one difference: here it stays text.
//
//	deepseek-coder       DeepSeek-Coder-instruct, version 1 (1.3B, 6.7B, 33B)
//	codellama            CodeLlama-Instruct (7B, 13B, 34B)
//	starcoder2-instruct  StarCoder2-15B-Instruct v0.1
//	phi-3                Phi-3-mini-instruct
//	qwen2, qwen2.5       Qwen2-Instruct; Qwen2.5 and Qwen2.5-Coder-Instruct
//
// Base models have no such form: see Comment, Instruction and Open.
func Chats() []Template {
	return []Template{
		{
			// Source: tokenizer_config.json of deepseek-ai/deepseek-coder-6.7b-instruct;
			// github.com/deepseek-ai/DeepSeek-Coder, README, "Chat Model Inference".
			Name: "deepseek-coder",
			Prefix: "<｜begin▁of▁sentence｜>You are an AI programming assistant, utilizing the Deepseek Coder model, developed by Deepseek Company, " +
				"and you only answer questions related to computer science. For politically sensitive questions, security and privacy issues, " +
				"and other non-computer science questions, you will refuse to answer\n### Instruction:\n",
			Suffix: "\n### Response:\n",
			Tokens: []string{"<｜begin▁of▁sentence｜>"},
		},
		{
			// Source: github.com/meta-llama/codellama at 1af62e1, llama/generation.py, chat_completion.
			Name: "codellama", Prefix: "<s>[INST] ", Suffix: " [/INST]", Tokens: []string{"<s>"}, Trim: true,
		},
		{
			// Source: github.com/bigcode-project/starcoder2-self-align at 0028ed8,
			// src/star_align/prompt_template.py, CHAT_TEMPLATE; the first token is the model's bos_token.
			Name: "starcoder2-instruct",
			Prefix: "<|endoftext|>You are an exceptionally intelligent coding assistant that consistently delivers accurate and reliable responses " +
				"to user instructions.\n\n### Instruction\n",
			Suffix: "\n\n### Response\n",
			Tokens: []string{"<|endoftext|>"},
		},
		{
			// Source: tokenizer_config.json of microsoft/Phi-3-mini-4k-instruct, in
			// github.com/microsoft/onnxruntime-extensions at 319f8d2, test/data/phi-3-mini.
			Name: "phi-3", Prefix: "<|user|>\n", Suffix: "<|end|>\n<|assistant|>\n", Tokens: []string{"<|user|>", "<|end|>", "<|assistant|>"},
		},
		// Source of both: tokenizer_config.json of Qwen/Qwen2-7B-Instruct and of
		// Qwen/Qwen2.5-Coder-7B-Instruct; github.com/QwenLM/Qwen2.5-Coder, examples.
		chatML("qwen2", "You are a helpful assistant."),
		chatML("qwen2.5", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."),
	}
}

func chatML(name, system string) Template {
	return Template{
		Name:   name,
		Prefix: "<|im_start|>system\n" + system + "<|im_end|>\n<|im_start|>user\n",
		Suffix: "<|im_end|>\n<|im_start|>assistant\n",
		Tokens: []string{"<|im_start|>", "<|im_end|>"},
	}
}
