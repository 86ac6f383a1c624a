#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: The kvviz authors
"""Reads a capture of tier full with h5py alone and checks it against docs/format.md.

usage: read_capture.py FILE.kvh5 [FORMAT.md or ""] [GROUP]
GROUP is a member of a pack. With FORMAT.md, its ```python block is run too, on a copy of the file named run.kvh5.
"""
import os
import re
import shutil
import sys
import tempfile

import h5py
import numpy as np

HALF = ["rows/window", "rows/decode", "cache/key", "cache/value", "cache/query", "map/full", "map/level_0/max"]
LABELS = {
    "stats/received": ["layer", "head", "key"],
    "stats/received_sq_far": ["layer", "head", "key"],
    "stats/entropy": ["layer", "head", "query"],
    "stats/query_mean": ["layer", "head", "channel"],
    "stats/query_covariance": ["layer", "head", "channel", "channel"],
    "rows/window": ["layer", "head", "query", "key"],
    "rows/decode": ["layer", "head", "query", "key"],
    "cache/key": ["layer", "kv_head", "token", "channel"],
    "cache/query": ["layer", "head", "query", "channel"],
    "map/full": ["layer", "head", "query", "key"],
    "map/level_0/max": ["layer", "head", "row", "column"],
    "logits/top_id": ["token", "rank"],
    "tokens/id": ["token"],
    "segments/kind": ["segment"],
}


def check_file(file):
    assert file.attrs["format"] == "kvviz-capture" and file.attrs["format_version"] == "1.3"
    assert file.attrs["complete"] == 1
    layers, heads = len(file.attrs["layers"]), len(file.attrs["heads"])
    n, t = int(file["prompt"].attrs["n_prompt"]), int(file["prompt"].attrs["n_generated"])
    w = int(file.attrs["window"])
    assert file.attrs["rope_frequencies"].shape == (file.attrs["rope_dim"] // 2,)
    for path in HALF:
        assert file[path].dtype == np.float16, (path, file[path].dtype)
        assert file[path].compression == "gzip" and file[path].shuffle
    for path, labels in LABELS.items():
        dims = file[path].dims
        assert [dim.label for dim in dims] == labels, path
        for axis, dim in enumerate(dims):
            assert len(dim) == 1 and dim[0].shape == (file[path].shape[axis],), (path, axis)
    assert list(file["rows/window"].dims[2][0]) == list(range(n - w, n))
    assert list(file["rows/decode"].dims[2][0]) == list(range(n, n + t))
    assert list(file["stats/received"].dims[0][0]) == list(file.attrs["layers"])
    assert file["rows/window"].shape == (layers, heads, w, n)
    assert file["map/full"].shape == (layers, heads, n, n + t)


def check_text(file):
    blob, offset = file["tokens/bytes"][()].tobytes(), file["tokens/offset"][()]
    shown = file["tokens/text"].asstr()[()]
    assert len(shown) == len(offset) - 1 == len(file["tokens/id"])
    prompt = blob[: offset[file["prompt"].attrs["n_prompt"]]]
    text = file["prompt"].attrs["prompt_text"]
    assert prompt == (text.encode() if isinstance(text, str) else bytes(text))
    assert all(begin <= end for begin, end in zip(file["segments/begin"], file["segments/end"]))
    assert "shot" in list(file["segments/kind"].asstr())


def check_numbers(file):
    n = int(file["prompt"].attrs["n_prompt"])
    full = file["map/full"][()].astype(np.float64)
    for rows in (full, file["rows/window"][()].astype(np.float64), file["rows/decode"][()].astype(np.float64)):
        assert np.abs(rows.sum(axis=-1) - 1).max() < 2e-3
    assert np.all(full[..., :n][..., np.triu_indices(n, 1)[0], np.triu_indices(n, 1)[1]] == 0)
    assert np.allclose(full.sum(axis=2), file["stats/received"], rtol=1e-3, atol=1e-3)
    assert np.array_equal(full[:, :, n - int(file.attrs["window"]):, :n], file["rows/window"])
    squares = np.tril(full[..., :n], -10) ** 2
    assert np.allclose(squares.sum(axis=2), file["stats/received_sq_far"][..., :n], rtol=2e-3, atol=1e-3)
    covariance = file["stats/query_covariance"][()]
    assert np.array_equal(covariance, covariance.swapaxes(2, 3)) and (np.linalg.eigvalsh(covariance) > -1e-4).all()
    level = file["map/level_0/max"][()]
    cell = int(file["map/level_0"].attrs["cell_size"])
    row, column = level.shape[2] - 1, 0
    block = full[:, :, row * cell:(row + 1) * cell, :cell]
    assert np.array_equal(level[:, :, row, column], block.max(axis=(2, 3)).astype(np.float16))
    assert np.isnan(level[:, :, 0, 1]).all()


def run_example(path, markdown):
    with open(markdown, encoding="utf-8") as handle:
        code = re.search(r"```python\n(.*?)```", handle.read(), re.S).group(1)
    assert code.count("\n") <= 6, "the example must stay at six lines"
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(path, os.path.join(folder, "run.kvh5"))
        os.chdir(folder)
        exec(compile(code, markdown, "exec"), {})
        os.chdir("/")


def main():
    path = os.path.abspath(sys.argv[1])
    markdown = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2] else None
    with h5py.File(path, "r") as file:
        root = file[sys.argv[3]] if len(sys.argv) > 3 else file
        check_file(root)
        check_text(root)
        check_numbers(root)
    if markdown:
        run_example(path, markdown)
    print("ok")


if __name__ == "__main__":
    main()
