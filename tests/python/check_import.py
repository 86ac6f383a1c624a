#!/usr/bin/env python3
"""Holds imports of what transformers computes against captures of the same model folders, array by array, within 2e-4.

  check_import.py PROGRAM IMPORT.md FOLDER...

Runs the script of IMPORT.md with torch and transformers (made with 5.2.0) on each model folder, a prompt of random tokens
and a greedy continuation. Prints the arrays that differ; ends with 1 if there are any.
"""
import json, pathlib, re, subprocess, sys, tempfile
import h5py, numpy, torch, transformers as tf

PROMPT, STEPS, TOLERANCE = 24, 8, 2e-4
TYPES = ["--tier", "full", "--rows-dtype", "float32", "--cache-dtype", "float32", "--map-dtype", "float32", "--force"]


def differences(imported, captured):
    found = []

    def visit(name, ours):
        if not isinstance(ours, h5py.Dataset) or name.split("/")[0] in ("tokens", "texts"):
            return
        if name not in imported or imported[name].shape != ours.shape:
            found.append(f"{name} is missing or has another shape")
        elif ours.dtype.kind == "f":
            a, b = imported[name][()].astype(numpy.float64), ours[()].astype(numpy.float64)
            apart = numpy.nanmax(numpy.abs(a - b), initial=0.0)
            if apart > TOLERANCE or (numpy.isnan(a) != numpy.isnan(b)).any():
                found.append(f"{name} {apart:.1e}")

    captured.visititems(visit)
    return found


def check(program, save, folder, scratch):
    network = tf.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    prompt = numpy.random.default_rng(1).integers(3, network.config.vocab_size, PROMPT).tolist()
    ids = network.generate(torch.tensor([prompt]), max_new_tokens=STEPS, do_sample=False, eos_token_id=None)[0].tolist()
    save(scratch / "o.npz", network, ids, PROMPT, model=folder.name)
    (scratch / "ids.json").write_text(json.dumps(prompt))
    for words in (["import", scratch / "o.npz", "-o", scratch / "imported.kvh5"],
                  ["capture", "--model", folder, "--token-ids", scratch / "ids.json", "--generate", str(STEPS), "-o",
                   scratch / "captured.kvh5"]):
        subprocess.run([program, *words, *TYPES, "-q"], check=True, stdout=subprocess.DEVNULL)
    with h5py.File(scratch / "imported.kvh5") as imported, h5py.File(scratch / "captured.kvh5") as captured:
        return differences(imported, captured)


def main():
    names = {}
    exec(re.search(r"```python\n(.*?)```", pathlib.Path(sys.argv[2]).read_text(), re.S).group(1), names)
    tf.logging.set_verbosity(tf.logging.CRITICAL), tf.logging.disable_progress_bar()
    failed = False
    for folder in map(pathlib.Path, sys.argv[3:]):
        with tempfile.TemporaryDirectory() as scratch:
            found = check(sys.argv[1], names["save"], folder, pathlib.Path(scratch))
        failed |= bool(found)
        print(folder.name, "; ".join(found) or f"all arrays within {TOLERANCE}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
