#!/usr/bin/env python3
"""Draws tiny random models of every architecture and holds what the program makes of them against transformers.

  fuzz_models.py PROGRAM FOLDER [FIRST [COUNT [ARCHITECTURE]]]   seeds from FIRST on (0), COUNT of them (100), in FOLDER

Needs torch, transformers (made with 5.2.0), h5py. KVVIZ_FUZZ_BEFORE: words that go before PROGRAM (a command that runs
it, for instance with little memory). Log-probabilities of all positions must agree within 2e-3, attention of the prompt
and of each step within 2e-4, greedy tokens must be equal but for ties (1e-4). Folders that disagree stay; the last lines
count what was refused, by message. A refusal is right where it is clear, and where the drawn settings make no sense.
"""
import collections, json, os, pathlib, random, re, shutil, subprocess, sys
import h5py, numpy, torch, transformers as tf
from make_model_fixtures import BASE
STEPS = 8
FAMILIES = ["llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "gemma3", "phi3"]
VISION = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, image_size=56, patch_size=14)
OPTIONAL = ["rms_norm_eps", "hidden_act", "hidden_activation", "max_position_embeddings", "tie_word_embeddings", "sliding_window",
            "use_sliding_window", "max_window_layers", "layer_types", "sliding_window_pattern", "query_pre_attn_scalar", "rope_theta",
            "attn_logit_softcapping", "final_logit_softcapping", "num_key_value_heads", "attention_bias", "rope_local_base_freq",
            "original_max_position_embeddings", "partial_rotary_factor", "rope_parameters", "rope_scaling"]
HEAVY = ["head_dim", "num_attention_heads", "num_hidden_layers", "intermediate_size", "vocab_size"]  # large where missing
os.environ["OMP_NUM_THREADS"] = "1"
torch.set_num_threads(1)
tf.logging.set_verbosity(tf.logging.CRITICAL), tf.logging.disable_progress_bar()


def draw_rope(rng, kinds, turning):
    """RoPE settings in the new form; `turning`: channels of a head that turn."""
    kind = rng.choice(kinds)
    rope, long = dict(rope_type=kind, rope_theta=rng.choice([10000.0, 1e6, 5e5, 123.0])), kind in ("longrope", "su")
    if kind in ("linear", "dynamic", "llama3") or (kind != "default" and rng.random() < 0.7):
        rope["factor"] = rng.choice([1.0, 1.5, 4.0, 8, 40.0])
    if (long or kind in ("llama3", "yarn")) and rng.random() < 0.8:
        rope["original_max_position_embeddings"] = rng.choice([8, 16, 31, 64])
    if kind == "llama3":
        rope |= rng.choice([dict(low_freq_factor=1.0, high_freq_factor=4.0), dict(low_freq_factor=0.5, high_freq_factor=2)])
    if kind == "yarn":
        rope.setdefault("factor", None)
        some = dict(beta_fast=rng.choice([32, 8.0, 4]), beta_slow=rng.choice([1, 0.5, 2.0]), mscale=rng.choice([1.0, 0.7, 1.3]),
                    mscale_all_dim=rng.choice([1.0, 0.8]), attention_factor=rng.choice([1.0, 0.9, None]), truncate=rng.random() < 0.5)
        rope |= {key: value for key, value in some.items() if rng.random() < 0.5}
    if long:
        rope |= {name: [round(rng.uniform(1.0, most), 3) for _ in range(turning // 2)]
                 for name, most in (("short_factor", 1.5), ("long_factor", 20.0))} | rng.choice([{}, {}, dict(attention_factor=1.19)])
    return rope


def draw(rng, family):
    gemma, text = family.startswith("gemma"), "gemma3_text" if family == "gemma3" else family
    heads, head, layers = rng.choice([1, 2, 3, 4, 6, 8]), rng.choice([6, 8, 10, 12, 16, 20, 80]), rng.randint(1, 4)
    config = dict(BASE, model_type=text, architectures=[text.removesuffix("_text").title() + "ForCausalLM"], head_dim=head,
                  hidden_size=rng.choice([24, 30, 32, 48]), intermediate_size=rng.choice([8, 40, 57]), num_hidden_layers=layers,
                  num_attention_heads=heads, initializer_range=0.25,
                  num_key_value_heads=rng.choice([kv for kv in range(1, heads + 1) if heads % kv == 0]),
                  max_position_embeddings=rng.choice([20, 40, 80, 80, 200, 200]), rms_norm_eps=rng.choice([1e-5, 1e-6, 0.01]),
                  attention_bias=rng.random() < 0.3, mlp_bias=rng.random() < 0.3, tie_word_embeddings=rng.random() < 0.5)
    if family != "llama":  # there the cache of transformers would take it, the model would not
        config["sliding_window"] = rng.choice([2, 3, 8, 17, 64, 5 if gemma else None])
    config["hidden_activation" if gemma else "hidden_act"] = rng.choice(["silu", "gelu", "gelu_pytorch_tanh", "gelu_new"] * 6 + ["relu"])
    if not gemma and family != "qwen3" and rng.random() < (0.9 if family == "phi3" else 0.4):
        del config["head_dim"]
        config |= dict(hidden_size=heads * head, initializer_range=min(0.25, 1.4 * (heads * head)**-0.5))
    config |= dict(use_sliding_window=rng.random() < 0.7, max_window_layers=rng.randint(0, layers)) if "qwen" in family else {}
    if gemma:
        config |= dict(query_pre_attn_scalar=rng.choice([head, 24, 256, 0.5]),
                       attn_logit_softcapping=rng.choice([50.0, 3.0, None]), final_logit_softcapping=rng.choice([30.0, 2.0, None]))
    config |= dict(sliding_window_pattern=rng.randint(1, 4)) if text == "gemma3_text" and rng.random() < 0.5 else {}
    if family not in ("llama", "phi3") and rng.random() < (0.15 if family == "mistral" else 0.4):
        config["layer_types"] = [rng.choice(["sliding_attention", "full_attention"]) for _ in range(layers)]
    share = rng.choice([1.0, 0.5, 0.75]) if family == "phi3" else rng.choice([1.0] * 29 + [0.5])
    kinds = ["default", "longrope", "su"] if family == "phi3" else ["default", "linear", "dynamic", "llama3", "longrope"]
    rope = draw_rope(rng, kinds if text in ("phi3", "gemma3_text") else [*kinds, "yarn"], int(head * share))
    config |= dict(partial_rotary_factor=share) if share != 1.0 else {}
    if rng.random() < (0.8 if family == "phi3" else 0.15):
        config["original_max_position_embeddings"] = rng.choice([8, 16, 31])
    config["rope_parameters"] = rope
    if text == "gemma3_text":
        rope |= dict(attention_factor=1.0) if rope["rope_type"] == "longrope" and rng.random() < 0.9 else {}
        config["rope_parameters"] = dict(full_attention=rope, sliding_attention=draw_rope(rng, ["default", "default", "linear"], head))
    if family == "gemma3":  # with a vision part, transformers leaves out the cap of the logits
        config = dict(model_type="gemma3", architectures=["Gemma3ForConditionalGeneration"], vision_config=VISION, mm_tokens_per_image=4,
                      text_config=config | dict(final_logit_softcapping=None), tie_word_embeddings=config["tie_word_embeddings"])
    return config


def age(rng, config):
    """The same in the old form: rope_theta and rope_scaling."""
    rope = config.pop("rope_parameters")
    if "full_attention" in rope:
        config["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
        rope = rope["full_attention"]
    config["rope_theta"], kind = rope.pop("rope_theta"), rope.pop("rope_type")
    name = "rope_type" if "rope_local_base_freq" in config else rng.choice(["type", "rope_type"])  # the others never had "type"
    config |= dict(rope_scaling=None if kind == "default" else {**rope, name: kind}, torch_dtype="float32")


def write(config, folder, rng, dtype=torch.float32):
    """A folder with random weights, and the config as it is given: what is missing there is what transformers takes for it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    text = json.dumps(config, indent=1)
    (folder / "config.json").write_text(text)
    model = tf.AutoModelForCausalLM.from_config(tf.AutoConfig.from_pretrained(folder), attn_implementation="eager").float().eval()
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:  # biases and norms away from 0 and 1
            torch.nn.init.normal_(parameter, 0.0 if "bias" in name or "gemma" in text else 1.0, 0.2)
    model.to(dtype).save_pretrained(folder, max_shard_size=rng.choice(["9GB", "30KB"]))
    if rng.random() < 0.8:  # else as transformers writes it
        (folder / "config.json").write_text(text)
    return tf.AutoConfig.from_pretrained(folder).get_text_config().vocab_size


def reference(folder, ids):
    """Log-probabilities, attention of the prompt and of each step [L, H, T] by transformers, and what it chose."""
    model = tf.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    with torch.no_grad():
        out = model(torch.tensor([ids]), output_attentions=True, use_cache=True)
        rows, logits, chosen = [torch.stack([a[0] for a in out.attentions]).numpy()], [out.logits[0]], []
        for step in range(STEPS):
            chosen.append(int(out.logits[0, -1].argmax()))
            out = model(torch.tensor([chosen[-1:]]), past_key_values=out.past_key_values, output_attentions=True, use_cache=True)
            rows.append(numpy.zeros((*rows[0].shape[:2], len(ids) + STEPS), numpy.float32))
            for layer, attention in enumerate(out.attentions):  # a layer with a window has only the last keys
                end = len(ids) + step + 1
                rows[-1][layer, :, end - attention.shape[-1]:end] = attention[0, :, 0]
            logits.append(out.logits[0])
    return torch.log_softmax(torch.cat(logits).double(), -1).numpy(), rows, chosen


def run(program, folder, ids, vocabulary, threads=1):
    """The capture of these ids, or the sentence with which they are refused."""
    (folder / "ids.json").write_text(json.dumps(ids))
    command = [*os.environ.get("KVVIZ_FUZZ_BEFORE", "").split(), program, "capture", "-q", "-m", str(folder), "--token-ids",
               str(folder / "ids.json"), "--tier", "full", "--rows-dtype", "float32", "--map-dtype", "float32", "--top-k",
               str(vocabulary), "--generate", str(STEPS), "--threads", str(threads), "--force", "-o", str(folder / "run.kvh5")]
    done = subprocess.run(command, capture_output=True, text=True)
    return None if done.returncode == 0 else f"status {done.returncode}: {done.stderr.strip()}"


def compare(folder, ids, expected):
    """What disagrees, as a text; empty if nothing does."""
    (logprobs, rows, chosen), n, faults = expected, len(ids), []
    with h5py.File(folder / "run.kvh5") as file:
        found, room = file["tokens/id"][n:].tolist(), int(file.attrs["context_length"]) - n
        same = next((i for i, (a, b) in enumerate(zip(found, chosen)) if a != b), len(found))
        logprobs = logprobs[:n + len(found)]
        if len(found) != min(STEPS, room) or (same < len(found) and numpy.ptp(logprobs[n + same - 1][[found[same], chosen[same]]]) > 1e-4):
            faults.append(f"greedy {found}, expected {chosen}")
        top = numpy.full_like(logprobs, numpy.nan)
        numpy.put_along_axis(top, file["logits/top_id"][:].astype(int), file["logits/top_logprob"][:], -1)
        worst = numpy.abs(top - logprobs)[:n + same].max(-1)
        if not worst.max() <= 2e-3:
            faults.append(f"log-probabilities: {worst.max():.2g}, first at {numpy.argmax(~(worst <= 2e-3))} of {n} + {same}")
        off = numpy.abs(file["map/full"][..., :n] - rows[0]).max((1, 2, 3))
        steps = [numpy.abs(file["rows/decode"][:, :, i] - rows[1 + i][..., :n + len(found)]).max() for i in range(same)]
        if not max([*off, *steps]) <= 2e-4:
            faults.append(f"attention by layer {numpy.round(off, 5)}, by step {numpy.round(steps, 5)}")
    return "; ".join(faults)


def fuzz(program, folder, seed, family, tally):
    rng = random.Random(seed)
    torch.manual_seed(seed)
    config = draw(rng, family)
    part = config.get("text_config", config)
    if rng.random() < 0.5:
        age(rng, part)
    for key in [key for key in OPTIONAL + HEAVY if rng.random() < (0.01 if key in HEAVY else 0.07)]:
        part.pop(key, None)
    length = rng.choice([1, 2, 7, 8, 9, 16, 17, 33, rng.randint(1, 70), rng.randint(40, 70)])
    try:
        vocabulary = write(config, folder, rng, rng.choice([torch.float32, torch.float16, torch.bfloat16]))
        ids = [rng.randrange(3, vocabulary) for _ in range(length if vocabulary < 1000 else 4)]
        expected = reference(folder, ids)
    except Exception as error:  # transformers does not run these settings, so there is nothing to compare with
        tally[f"{family}: no reference", re.sub(r"\s+", " ", re.sub(r"\d+", "N", f"{type(error).__name__}: {error}"))[:90]] += 1
        return
    refused = run(program, folder, ids, vocabulary, rng.choice([1, 1, 1, 2]))
    fault = "" if refused else compare(folder, ids, expected)
    what = "refused" if refused else "differs" if fault else "agrees"
    tally[f"{family}: {what}", re.sub(r"\d+", "N", re.sub(r"'[^']*/[^']*'", "FILE", refused or ""))] += 1
    if refused or fault:
        print(f"seed {seed} {family} {len(ids)} tokens: {refused or fault}\n  {json.dumps(config)}", flush=True)
    if fault:
        shutil.copytree(folder, folder.parent / f"differs-{seed}", dirs_exist_ok=True)


def main():
    program, folder, first, count, family = (sys.argv[1:] + ["0", "100", ""][max(0, len(sys.argv) - 3):])[:5]
    tally = collections.Counter()
    for seed in range(int(first), int(first) + int(count)):
        fuzz(program, pathlib.Path(folder) / "model", seed, family or FAMILIES[seed % len(FAMILIES)], tally)
    for (what, why), times in sorted(tally.items()):
        print(f"{times:5} {what}  {why}")


if __name__ == "__main__":
    main()
