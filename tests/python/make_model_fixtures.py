#!/usr/bin/env python3
"""Writes tests/data/models/made-*: tiny random models as transformers saves and computes them (float32, eager attention).

  make_model_fixtures.py FOLDER [NAME...]    needs torch, transformers (made with 5.2.0), h5py
  make_model_fixtures.py --expect FOLDER...  expected.h5 of model folders that have one, computed again

Each folder holds config.json, model.safetensors and expected.h5 as those of the shared fixtures: input_ids, logits[T, V],
attention[L, H, T, T], greedy_ids[8]. They cover what the shared ones do not: biases, odd head sizes, MQA and MHA, tied and
untied embeddings, every kind of RoPE scaling, mixed windows, partial rotation, Gemma 3.
"""
import json, pathlib, sys
import h5py, numpy, torch, transformers as tf

BASE = dict(vocab_size=96, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=0,
            initializer_range=0.3)
TOKENS = 32


def yarn(**more):
    return dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=16, **more)


CASES = {
    "biases-mqa": (tf.LlamaConfig, dict(attention_bias=True, mlp_bias=True, num_key_value_heads=1, tie_word_embeddings=True)),
    "odd-head": (tf.LlamaConfig, dict(head_dim=10, num_key_value_heads=4, hidden_act="gelu")),
    "linear": (tf.LlamaConfig, dict(rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=2.5))),
    "dynamic-long": (tf.LlamaConfig, dict(max_position_embeddings=20,
                     rope_parameters=dict(rope_type="dynamic", rope_theta=10000.0, factor=3.0))),
    "yarn": (tf.LlamaConfig, dict(rope_parameters=yarn())),
    "yarn-exact": (tf.LlamaConfig, dict(head_dim=16, rope_parameters=yarn(beta_fast=8, beta_slow=2, attention_factor=0.9,
                                                                            truncate=False))),
    "yarn-mscale": (tf.Qwen2Config, dict(rope_parameters=yarn(mscale=1.3, mscale_all_dim=0.7))),
    "llama3": (tf.LlamaConfig, dict(head_dim=16, rope_parameters=dict(rope_type="llama3", rope_theta=5000.0, factor=8.0,
               low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16))),
    "mistral-head": (tf.MistralConfig, dict(head_dim=12, sliding_window=7, tie_word_embeddings=True)),
    "qwen2-windows": (tf.Qwen2Config, dict(num_hidden_layers=3, use_sliding_window=True, sliding_window=9,
                                           max_window_layers=1, tie_word_embeddings=False)),
    "qwen3-bias": (tf.Qwen3Config, dict(head_dim=12, attention_bias=True)),
    "gemma2-plain": (tf.Gemma2Config, dict(head_dim=10, query_pre_attn_scalar=20, attn_logit_softcapping=None,
                                           final_logit_softcapping=None, sliding_window=8)),
    "gemma3": (tf.Gemma3TextConfig, dict(num_hidden_layers=4, head_dim=16, query_pre_attn_scalar=24, sliding_window=8,
               layer_types=["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"],
               rope_parameters=dict(full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1e6),
                                    sliding_attention=dict(rope_type="default", rope_theta=1e4)))),
    "phi3-partial": (tf.Phi3Config, dict(partial_rotary_factor=0.5, head_dim=16, tie_word_embeddings=True, sliding_window=10)),
    "gemma3-same-theta": (tf.Gemma3TextConfig, dict(head_dim=16, query_pre_attn_scalar=24, sliding_window=8,
                          max_position_embeddings=16, layer_types=["sliding_attention", "full_attention"],
                          rope_parameters=dict(full_attention=dict(rope_type="dynamic", factor=8.0, rope_theta=1e4),
                                               sliding_attention=dict(rope_type="default", rope_theta=1e4)))),
    "gemma3-vision": (tf.Gemma3Config, dict(mm_tokens_per_image=1, vision_config=dict(hidden_size=8, intermediate_size=8,
                      num_hidden_layers=1, num_attention_heads=1, image_size=8, patch_size=8), text_config=dict(
                      BASE, hidden_size=16, num_attention_heads=8, num_key_value_heads=4, head_dim=256, sliding_window=8,
                      rope_parameters=dict(full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1e6),
                                           sliding_attention=dict(rope_type="default", rope_theta=1e4))))),
    "ministral": (tf.MinistralConfig, dict(head_dim=8, sliding_window=6, num_hidden_layers=3,
                  layer_types=["full_attention", "sliding_attention", "full_attention"])),
    "phi3-inner-length": (tf.Phi3Config, dict(max_position_embeddings=64, head_dim=8, rope_parameters=dict(
                          rope_type="longrope", rope_theta=10000.0, original_max_position_embeddings=16,
                          short_factor=[1.0, 1.1, 1.2, 1.3], long_factor=[1.0, 1.5, 2.0, 4.0]))),
    "phi3-longrope": (tf.Phi3Config, dict(original_max_position_embeddings=16, rope_parameters=dict(rope_type="longrope",
                      rope_theta=10000.0, short_factor=[1.0, 1.1, 1.2, 1.3], long_factor=[1.0, 1.5, 2.0, 4.0]))),
}


def as_published(settings):
    """The text part as gemma-3-4b-it's file has it: what has the usual number is not there."""
    text = settings["text_config"]
    kept = ("hidden_size", "intermediate_size", "model_type", "num_hidden_layers", "sliding_window", "vocab_size")
    settings["text_config"] = {key: text[key] for key in kept} | {"rope_scaling": {"factor": 8.0, "rope_type": "linear"}}


def drop_outer_length(settings):
    settings.pop("original_max_position_embeddings", None)


# What becomes of config.json before transformers reads the folder.
REWRITTEN = {"gemma3-vision": as_published, "phi3-inner-length": drop_outer_length,
             "ministral": lambda settings: settings.update(model_type="mistral", architectures=["MistralForCausalLM"])}


def expect(folder, ids, steps):
    """Writes expected.h5: what transformers computes in float32 from the weights as they are stored."""
    model = tf.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    with torch.no_grad():
        out = model(ids, output_attentions=True, use_cache=False)
        step, greedy = model(ids, use_cache=True), []
        while True:
            greedy.append(int(step.logits[0, -1].argmax()))
            if len(greedy) == steps:
                break
            step = model(torch.tensor([[greedy[-1]]]), past_key_values=step.past_key_values, use_cache=True)
    with h5py.File(folder / "expected.h5", "w") as file:
        def write(key, value):
            file.create_dataset(key, data=value, compression="gzip", compression_opts=9, shuffle=True)
        write("input_ids", ids[0].numpy().astype(numpy.int32))
        write("logits", out.logits[0].numpy())
        write("attention", torch.stack([a[0] for a in out.attentions]).numpy())
        write("greedy_ids", numpy.array(greedy, numpy.int32))


def make(name, config_class, changes, folder):
    torch.manual_seed(sum(map(ord, name)))
    config = config_class(**(changes if "text_config" in changes else {**BASE, **changes}))
    config._attn_implementation = "eager"
    model = tf.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    for parameter_name, parameter in model.named_parameters():  # biases and norms away from 0 and 1
        if parameter.dim() == 1:
            torch.nn.init.normal_(parameter, 0.0 if "bias" in parameter_name or "gemma" in name else 1.0, 0.2)
    folder = folder / f"made-{name}"
    model.save_pretrained(folder)
    for extra in ("generation_config.json",):
        (folder / extra).unlink(missing_ok=True)
    if name in REWRITTEN:
        settings = json.loads((folder / "config.json").read_text())
        REWRITTEN[name](settings)
        (folder / "config.json").write_text(json.dumps(settings, indent=2) + "\n")
    expect(folder, torch.randint(3, config.get_text_config().vocab_size, (1, TOKENS)), 8)
    print(name, config.model_type, [f"{p.name} {p.stat().st_size}" for p in folder.iterdir()])


def main():
    if sys.argv[1] == "--expect":
        for folder in map(pathlib.Path, sys.argv[2:]):
            with h5py.File(folder / "expected.h5") as file:
                ids, steps = torch.tensor(file["input_ids"][:]).long()[None], file["greedy_ids"].size
            expect(folder, ids, steps)
        return
    for name, (config_class, changes) in CASES.items():
        if len(sys.argv) > 2 and name not in sys.argv[2:]:
            continue
        make(name, config_class, changes, pathlib.Path(sys.argv[1]))


if __name__ == "__main__":
    main()
