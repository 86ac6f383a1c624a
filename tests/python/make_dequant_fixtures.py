#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: The kvviz authors
"""Writes tests/data/dequant/<type>.bin (random blocks) and <type>.f32 (what gguf-py makes of them).

Needs numpy and gguf (made with gguf 0.19.0). All values that a block can hold are drawn, not only those that a
quantiser would choose; the scales are finite float16 numbers, subnormal ones among them.
"""
import pathlib

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize

# Where each block keeps its float16 scales (byte offsets).
SCALES = {T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0], T.Q4_K: [0, 2], T.Q5_K: [0, 2],
          T.Q6_K: [208]}
ELEMENTS = 512


def random_blocks(rng, kind):
    block, size = GGML_QUANT_SIZES[kind]
    data = rng.integers(0, 256, (ELEMENTS // block, size), dtype=np.uint8)
    for place in SCALES.get(kind, []):
        scales = (rng.standard_normal(len(data)) * 10.0 ** rng.integers(-6, 2, len(data))).astype(np.float16)
        data[:, place:place + 2] = scales.view(np.uint8).reshape(-1, 2)
    return data


def main():
    folder = pathlib.Path(__file__).resolve().parents[1] / "data" / "dequant"
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(20250207)
    for kind in SCALES:
        data = random_blocks(rng, kind)
        write(folder, kind, data.tobytes(), dequantize(data, kind))
    wide = rng.standard_normal(ELEMENTS) * 10.0 ** rng.integers(-8, 5, ELEMENTS)
    wide[:6] = [0.0, -0.0, np.inf, -np.inf, 6e-8, 65504.0]
    for kind, dtype in ((T.F32, np.float32), (T.F16, np.float16)):
        with np.errstate(over="ignore"):
            values = wide.astype(dtype)
        write(folder, kind, values.tobytes(), values.astype(np.float32))
    bfloat = (wide.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    write(folder, T.BF16, bfloat.tobytes(), dequantize(bfloat.view(np.uint8), T.BF16))


def write(folder, kind, data, values):
    name = kind.name.lower()
    (folder / f"{name}.bin").write_bytes(data)
    (folder / f"{name}.f32").write_bytes(np.ascontiguousarray(values, dtype="<f4").tobytes())


if __name__ == "__main__":
    main()
