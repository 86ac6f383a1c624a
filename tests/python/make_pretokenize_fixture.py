#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: The kvviz authors
"""Writes tests/data/pretokenize.jsonl: lines {pre, text, pieces}, cut by the tokenizers library (made with 0.22.2).

The patterns of Llama 3 and Qwen 2 are those of their published tokenizer.json; gpt-2 and smollm use the library's own
ByteLevel and Digits. Random strings are drawn from characters on which the patterns disagree easily.
"""
import json
import pathlib
import random

from tokenizers import Regex
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence, Split

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
PRE = {
    "gpt-2": ByteLevel(add_prefix_space=False, use_regex=True),
    "smollm": Sequence([Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)]),
    "llama-bpe": Split(Regex(LLAMA3), behavior="isolated"),
    "qwen2": Split(Regex(QWEN2), behavior="isolated"),
}
TRICKY = [
    "", " ", "  ", "\n", "\r\n", " \n", "\n ", "\t\t x", "a  b   c", "x   ", "   x", "\n\n\n  y", "a \n b", "Hello, world!",
    "I'm you're they'll we've he'd it's DON'T I'LL 'S 's'S", "'ſ 'ſt it'ſ", "''''s", "rock'n'roll", "1234567890", "12 345 6789",
    "3.14159e-10", "a1b22c333d4444", "x²+y³=½", "٣٤٥٦ ۱۲۳", "Ⅻ ⅷ ㊿ 一二三", "naïve café", "cafe\u0301 a\u0308", "日本語テキスト、漢字。",
    "한국어 텍스트", "ไทยภาษา", "हिन्दी में", "עברית ‏ערבית", "🙂👩‍👩‍👧‍👦🇩🇪", "a\u00a0b \u00a0 c", "\u3000x\u3000\u3000y", "\u180e a\u180eb",
    "\u2028x\u2029 y", "\u0085x \u0085", "\u200bx \u200b", "\ufeffBOM", "tab\tand\vvertical\ffeed", "a\rb\r\rc", "!!\n\n??", "...\r\n\r\nx",
    "# ## ###\n```py\nx = 1\n```", "foo_bar __init__ a-b", "$72 / 8 = 9", "https://x.y/z?a=1&b=2", "_a -a .a \ta", "\x00\x01a\x7f",
    "ǅ ʰ ª º", "ß ẞ ŉ ﬁ", "\U0001d7d9\U0001d400", "𐍈𐌰 𞤀", "a\u0300\u0301 \u0300b", "     \n     \n  z", "KELVIN \u212a'll \u212aS",
]
ALPHABET = list("ab Z 09'sStTdDmMlLvVeErR\n\r\t  ._-!?#") + ["é", "ß", "ſ", "中", "٣", "²", "½", "\u00a0", "\u3000", "\u0301", "\u180e",
                                                      "\u2028", "\u0085", "🙂", "\u200d", "ª", "Ⅷ"]


def pieces(name, text):
    return [text[begin:end] for _, (begin, end) in PRE[name].pre_tokenize_str(text)] if text else []


def main():
    draw = random.Random(7)
    texts = TRICKY + ["".join(draw.choices(ALPHABET, k=draw.randint(3, 40))) for _ in range(150)]
    target = pathlib.Path(__file__).resolve().parents[1] / "data" / "pretokenize.jsonl"
    with open(target, "w", encoding="utf-8", newline="\n") as file:
        for name in PRE:
            for text in texts:
                cut = pieces(name, text)
                assert "".join(cut) == text, (name, text, cut)
                file.write(json.dumps({"pre": name, "text": text, "pieces": cut}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
