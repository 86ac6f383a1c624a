#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: The kvviz authors
"""Runs the script of docs/import.md on a model that gives back what a capture holds.

usage: run_import_snippet.py IMPORT.md CAPTURE.kvh5 OUT.npz
CAPTURE is of tier full in float32 with a window of all prompt tokens. The script sees arrays of numpy that answer to the
few names of torch that it uses, so neither torch nor transformers is needed.
"""
import re
import sys
import types

import h5py
import numpy as np


class Tensor(np.ndarray):
    """numpy with torch's names."""

    def view(self, *shape):
        return self.reshape(shape) if shape and isinstance(shape[0], int) else super().view(*shape)

    def transpose(self, *axes):
        return self.swapaxes(*axes)

    def is_floating_point(self):
        return np.issubdtype(self.dtype, np.floating)

    def float(self):
        return self.astype(np.float32)

    def cpu(self):
        return self

    def numpy(self):
        return np.asarray(self)


def tensor(values, **_):
    return np.ascontiguousarray(np.asarray(values)).view(Tensor)


def fake_torch():
    module = types.ModuleType("torch")
    module.tensor = tensor
    module.no_grad = lambda: lambda function: function
    return module


class Projection:
    """A module with the hook that the script hangs in."""

    def __init__(self, made):
        self.made, self.hook = made, None

    def register_forward_hook(self, hook):
        self.hook = hook
        return types.SimpleNamespace(remove=lambda: setattr(self, "hook", None))


def turned_back(query, frequencies):
    """Queries [H, T, d] without the rotation of their positions."""
    angle = np.arange(query.shape[1])[:, None] * frequencies.astype(np.float64)
    cosine, sine = np.cos(angle), np.sin(angle)
    half = len(frequencies)
    a, b = query[..., :half].astype(np.float64), query[..., half:2 * half].astype(np.float64)
    rest = query[..., 2 * half:]
    return np.concatenate([a * cosine + b * sine, b * cosine - a * sine, rest], axis=-1).astype(np.float32)


def logits_of(file, vocabulary):
    """Log-probabilities of whole rows that have the kept candidates and the token that came; the rest shares what is left."""
    ids, top_id = file["tokens/id"][()], file["logits/top_id"][()]
    top, logprob = file["logits/top_logprob"][()], file["logits/logprob"][()]
    rows = np.zeros((len(ids), vocabulary), np.float64)
    for i in range(len(ids)):
        known = dict(zip(top_id[i].tolist(), top[i].astype(np.float64)))
        if i + 1 < len(ids):
            known[int(ids[i + 1])] = float(logprob[i + 1])
        rest = max(1e-12, 1 - np.exp(list(known.values())).sum()) / (vocabulary - len(known))
        rows[i] = np.log(rest)
        for token, value in known.items():
            rows[i, token] = value
    return rows


class Network:
    device = "cpu"

    def __init__(self, file):
        attrs = file.attrs
        layers, heads = int(attrs["n_layers"]), int(attrs["n_heads"])
        self.config = types.SimpleNamespace(num_attention_heads=heads, model_type=str(attrs["model_arch"]),
                                            vocab_size=int(attrs["vocab_size"]))
        frequencies, scale = attrs["rope_frequencies"][()], float(attrs["head_dim"]) ** -0.5
        projections = []
        for layer in range(layers):
            raw = turned_back(file["cache/query"][layer], frequencies)
            projections.append(Projection(tensor(raw.swapaxes(0, 1).reshape(1, raw.shape[1], -1))))
        self.model = types.SimpleNamespace(
            layers=[types.SimpleNamespace(self_attn=types.SimpleNamespace(q_proj=p, scaling=scale)) for p in projections],
            rotary_emb=types.SimpleNamespace(inv_freq=tensor(frequencies), attention_scaling=1.0))
        self.projections = projections
        self.file = file

    def __call__(self, ids, output_attentions, use_cache, past_key_values):
        assert output_attentions and use_cache and ids.shape[0] == 1
        file = self.file
        n = file["map/full"].shape[2]
        for projection in self.projections:
            projection.hook(projection, None, projection.made)
        rows, caches = [], []
        for layer in range(len(self.projections)):
            total = ids.shape[1]
            square = np.zeros((1, self.config.num_attention_heads, total, total), np.float32)
            square[0, :, :n] = file["map/full"][layer]
            if total > n:
                square[0, :, n:] = file["rows/decode"][layer]
            rows.append(tensor(square))
            caches.append(types.SimpleNamespace(keys=tensor(file["cache/key"][layer][None]),
                                                values=tensor(file["cache/value"][layer][None])))
        return types.SimpleNamespace(attentions=rows, past_key_values=types.SimpleNamespace(layers=caches),
                                     logits=tensor(logits_of(file, self.config.vocab_size)[None]))


def main():
    with open(sys.argv[1], encoding="utf-8") as handle:
        code = re.search(r"```python\n(.*?)```", handle.read(), re.S).group(1)
    assert len([line for line in code.splitlines() if line.strip()]) <= 28, "the script must stay short"
    sys.modules["torch"] = fake_torch()
    sys.modules["transformers"] = types.SimpleNamespace(DynamicCache=dict)
    names = {}
    exec(compile(code, sys.argv[1], "exec"), names)
    with h5py.File(sys.argv[2], "r") as file:
        ids, n = file["tokens/id"][()].tolist(), int(file["prompt"].attrs["n_prompt"])
        assert file["rows/window"].shape[2] == n, "the capture must keep all prompt queries"
        texts = file["tokens/text"].asstr()[()].tolist()
        names["save"](sys.argv[3], Network(file), ids, n, texts, model="from Python", task="mine")
    print("ok")


if __name__ == "__main__":
    main()
