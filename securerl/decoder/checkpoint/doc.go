// Package checkpoint reads and writes the folders that decoders are kept in: models as
// Hugging Face has them, adapters as PEFT has them.
//
//	config.json, *.safetensors --Open--> Folder --Place--> Config, weights on the device
//	                                            --Load---> Config, float32 weights on the host
//	adapter_config.json, adapter_model.safetensors --LoadAdapter--> LoRA, adapter
//	Config, what is to be done --NewPlan--> Plan: bytes, before anything is loaded
//
// Why strict: the same folder must mean the same model here and in Transformers. A field
// that changes the mathematics is supported or refused by name, every tensor of a file
// has a use, and one that is missing or of another shape is named with its file.
//
// Why absent fields are not simply zero: config.json omits what equals a family's
// default, and the defaults differ. Without tie_word_embeddings, Llama and Qwen2 have a
// head of their own while GPT-2 and StarCoder2 use the embedding; Qwen2 states a window
// that it does not use; generation_config.json has the last word on end tokens.
//
// Why weights are copied as they lie: a matrix of a file goes from the mapped page to the
// device in one copy; the network multiplies by its transpose instead.
//
// Sources: Transformers 5.23 and PEFT 0.21, whose answers are in testdata/models and
// testdata/lora; published configs of DeepSeek-Coder, CodeLlama, StarCoder2, Qwen2, GPT-2.
package checkpoint
