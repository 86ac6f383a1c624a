#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: The kvviz authors
"""Trains random tokenizers and compares `kvviz tokenize` with the libraries on unfriendly texts; then damaged files, which
must be read or refused with one sentence (made with tokenizers 0.22.2, sentencepiece 0.2.3).

    fuzz_tokenizers.py PROGRAM FOLDER [KIND,KIND... [ROUNDS [SEED]]]     kinds: json, model, fields, flips

A mismatch is printed with the text and both lists of ids; its file stays in FOLDER (exit code 1).
"""
import collections
import json
import pathlib
import random
import re
import subprocess
import sys

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from make_pretokenize_fixture import ALPHABET, LLAMA3, QWEN2, TRICKY
from make_tokenizer_fixtures import DEEPSEEK, MARK, MORE, corpus, pieces_of, spaces_back, train_pieces

ODD = ["", "\0", "a\0b", "\r\n\r\n \r", " \u00a0\u2007\u3000\u200b", "a\u0323\u0307\u0302 a\u0302\u0323 \u0f71\u0f74\u0f72", "\ufffe",
       "\u1100\u1161\u11a8\uac01", "👩\u200d👩\u200d👧 🏳\ufe0f\u200d🌈", "\ue000\U0010fffd", "١٢٣ १२३ ๔๕ 𝟘𝟙 Ⅷ½²", "ΑΣ İ ıI ẞ ŉ ǰ ﷺ ﬃ",
       "\u05e9\u05b8\u05c1 \u202eabc\u202c \u0645\u064e\u0631\u0652", "\x1b[31m\x07\x7f\x80\x9f", "\u2028\u2029\u0085", "\u180e\ufeff",
       " " * 300 + "x", "a" * 3000, "\n" * 200, "_\u203f_ a\u200cb", "x" + "\u0301" * 40, "\t<mask>\u3000<mask>\n", "<0x0A>\u2581<unk>"]
ADDED = ["<s>", "</s>", "<mask>", "WORD", "word", "the Norm", "NORM", " sp ", "\n\n", "é", "\u212b", "日本", MARK + "a", "ab", "...", "''"]
PATTERNS = [r"\s+", r"\d{1,3}(?=(\d{3})*\b)", r"(?=(\d{3})+(?!\d))", r"\p{N}{1,3}+", r"\w+|[^\w\s]+", r"[^\r\n\p{L}\p{N}]?\p{L}+", r"\b",
            r"^.|.$", r" ?[^\s\p{L}\p{N}]+[\r\n]*", r"(?i)[a-m]+", r"\p{M}+", r"(?<=a)b|a(?!b)", r"[\p{Lu}\p{Lt}]*[\p{Ll}\p{Lo}]+", r"\W",
            r"[[:punct:]]|[[:space:]]", r"x*", r"(?:a|ab)(?:c|bcd)?", r"\h+", r"[^\x00-\x7F]+", r"a++", r".+?\n", r"[[:alpha:]]+", r"\R"]
FAMILIES = [[LLAMA3], [QWEN2], [r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK]]
SCHEMES, FLAGS = ["always", "first", "never"], ["lstrip", "rstrip", "single_word", "normalized", "special"]
GREETING = [("Hello, wörld <mask>\n  12", None, None)]


def texts(draw):
    extra = ALPHABET + ADDED + ["\u0323", "\u1161", "\u11a8", "\0", "\r\n", MARK, "İ", "ﬁ", "<", ">", "\U0010fffd"]
    return ODD + draw.sample(TRICKY + MORE, 40) + ["".join(draw.choices(extra, k=draw.randint(2, 40))) for _ in range(60)]


def normalizer(draw, charsmaps):
    n, regex = normalizers, Regex(draw.choice(PATTERNS))
    some = [n.NFC(), n.NFD(), n.NFKC(), n.NFKD(), n.Lowercase(), n.StripAccents(), n.Strip(draw.random() < .5, draw.random() < .5),
            n.Prepend(draw.choice([MARK, " ", "> ", "e\u0301"])), n.Replace(regex, draw.choice([" ", "", "#", "\u0323"])),
            n.Replace(draw.choice([" ", "a", "\u0301", "  "]), draw.choice([MARK, "", "xx", " "])), n.Precompiled(draw.choice(charsmaps))]
    return n.Sequence(draw.sample(some, draw.randint(0, 3)))


def splits(draw, by_bytes):
    p, invert, regex = pre_tokenizers, draw.random() < .3, Regex(draw.choice(PATTERNS))
    behavior = draw.choice(["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"])
    some = [p.Split(draw.choice([" ", "a", "\n", "ab", MARK]), behavior, invert), p.Split(regex, behavior, invert), p.Digits(invert),
            p.Punctuation(behavior), p.Whitespace(), p.WhitespaceSplit(), p.BertPreTokenizer(), p.CharDelimiterSplit(draw.choice(" a\n"))]
    steps = draw.sample(some + [p.Metaspace(MARK, scheme, invert) for scheme in SCHEMES], draw.choice([0, 1, 1, 2, 3]))
    if by_bytes:
        families = [[p.Digits(True)]] + [[p.Split(Regex(pattern), "isolated") for pattern in family] for family in FAMILIES]
        steps = draw.choice(families + [steps] * 5) + [p.ByteLevel(add_prefix_space=invert, use_regex=draw.random() < .5)]
    return p.Sequence(steps)


def random_tokenizer(draw, charsmaps):
    kind, size = draw.choice(["bytes", "bytes", "characters", "characters", "unigram"]), draw.choice([300, 500, 900])
    by_bytes, unknown = kind == "bytes", [] if kind == "bytes" else ["<unk>"]
    tokenizer = Tokenizer(models.Unigram() if kind == "unigram" else models.BPE())
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer(draw, charsmaps), splits(draw, by_bytes)
    back = [spaces_back(True), spaces_back(False), decoders.Metaspace(MARK, draw.choice(SCHEMES))]
    tokenizer.decoder = draw.choice([decoders.ByteLevel()] if by_bytes else back)
    trainer = trainers.UnigramTrainer(vocab_size=size, unk_token="<unk>", special_tokens=unknown, show_progress=False)
    if kind != "unigram":
        alphabet = pre_tokenizers.ByteLevel.alphabet() if by_bytes and draw.random() < .8 else []
        trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False, initial_alphabet=alphabet, special_tokens=unknown)
    tokenizer.train_from_iterator(corpus(), trainer)
    own = (content := json.loads(tokenizer.to_str()))["model"]
    own["byte_fallback"] = not by_bytes and draw.random() < .5
    pieces = [f"<0x{number:02X}>" for number in range(256)] * own["byte_fallback"]
    if kind == "unigram":  # rounded: the library reads long decimals a last bit off
        own["vocab"] = [[text, round(score, 3)] for text, score in own["vocab"]] + [[piece, -20.0] for piece in pieces]
    else:
        own["vocab"].update({piece: len(own["vocab"]) + i for i, piece in enumerate(pieces)})
        own.update(ignore_merges=draw.random() < .3, fuse_unk=draw.random() < .5, unk_token=draw.choice([None, *unknown]))
    tokenizer = Tokenizer.from_str(json.dumps(content))
    tokenizer.add_special_tokens(["<begin>"])
    template = processors.TemplateProcessing(single="<begin> $A", special_tokens=[("<begin>", tokenizer.token_to_id("<begin>"))])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=draw.random() < .5), template])
    for text in draw.sample(ADDED, draw.choice([0, 2, 6])):
        tokenizer.add_tokens([AddedToken(text, **{name: draw.random() < .4 for name in FLAGS})])
    content = json.loads(tokenizer.to_str())
    if kind != "unigram" and draw.random() < .4 and not any(" " in part for pair in own["merges"] for part in pair):
        content["model"]["merges"] = [" ".join(pair) for pair in own["merges"]]
    return content


def json_round(draw, state):
    content, rows = json.dumps(random_tokenizer(draw, state.charsmaps)), []
    tokenizer = Tokenizer.from_str(content)
    for text in texts(draw):
        try:
            ids = tokenizer.encode(text, add_special_tokens=False).ids
        except BaseException as error:  # where stripped tokens overlap, the library may cut within a character
            assert "Panic" in type(error).__name__, error
            continue
        decoded = tokenizer.decode(ids, skip_special_tokens=False)  # bytes that are no text: each in its way
        rows.append((text, ids, None if "\ufffd" in decoded else decoded))
    state.check("tokenizer.json", content.encode(), rows)


def random_pieces(draw):
    return train_pieces(model_type=draw.choice(["bpe", "unigram"]), vocab_size=draw.choice([600, 900]), hard_vocab_limit=False,
                        normalization_rule_name=draw.choice(["identity", "nmt_nfkc", "nfkc_cf"]), character_coverage=.99,
                        control_symbols=["<|im_start|>"], user_defined_symbols=draw.choice([[], ["<mask>", "\n\n", "WORD"]]),
                        **{name: draw.random() < .5 for name in ("byte_fallback", "remove_extra_whitespaces", "add_dummy_prefix")})


def model_round(draw, state):
    """Its own ids between the control tokens. Of long runs, its versions choose differently among equal sums."""
    model, rows = random_pieces(draw), []
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    control = [processor.id_to_piece(i) for i in range(processor.get_piece_size()) if processor.is_control(i)]
    for text in texts(draw):
        parts = re.split("(" + "|".join(map(re.escape, control)) + ")", text)
        ids = sum(([processor.piece_to_id(part)] if part in control else processor.encode(part) for part in parts if part), [])
        decoded = None if len(parts) > 1 else processor.decode(ids).replace(" \u2047 ", "<unk>")
        rows.append((text, None if "aaaaaaa" in text else ids, decoded))
    state.check("tokenizer.model", model, rows)


def fields_round(draw, state):
    """One value, at any depth, of another type."""
    content = json.dumps(random_tokenizer(draw, state.charsmaps))
    for _ in range(60):
        changed = inner = json.loads(content)
        key = draw.choice(list(inner))
        while isinstance(inner[key], (dict, list)) and inner[key] and draw.random() < .9:
            inner = inner[key]
            key = draw.choice(list(inner)) if isinstance(inner, dict) else draw.randrange(len(inner))
        inner[key] = draw.choice([None, [], {}, "x", "", -1, 1e99, 2**40, 0, True, [[]]])
        state.check("tokenizer.json", json.dumps(changed).encode(), GREETING)


def flips_round(draw, state):
    """A tokenizer.model with wrong bits, or cut off."""
    model = random_pieces(draw)
    for _ in range(60):
        changed = bytearray(model[:draw.choice([len(model)] * 3 + [draw.randrange(1, len(model))])])
        for _ in range(draw.choice([1, 1, 4, 40])):
            changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
        state.check("tokenizer.model", bytes(changed), GREETING)


class State:
    def __init__(self, program, folder):
        self.program, self.folder, self.files, self.bad, self.refusals = program, folder, 0, 0, collections.Counter()
        made = [train_pieces(model_type="unigram", vocab_size=300, normalization_rule_name=name) for name in ("nmt_nfkc", "nfkc_cf")]
        self.charsmaps = [pieces_of(model).normalizer_spec.precompiled_charsmap for model in made]

    def failures(self, path, rows):
        """What is wrong with the answer to rows of (text, ids, decoded); None: anything is right."""
        stream = "".join(json.dumps({"text": text}) + "\n" for text, _, _ in rows).encode()
        try:
            done = subprocess.run([self.program, "tokenize", "-q", path], input=stream, capture_output=True, timeout=60, check=False)
        except subprocess.TimeoutExpired:
            return (yield "runs longer than 60 s")
        if done.returncode:
            message = done.stderr.decode(errors="replace").strip()
            self.refusals[re.sub(r"'[^']*'|\d+|\(.*\)", "_", message)[:120]] += 1
            rows, refused = [], done.returncode == 3 and message and "\n" not in message
            yield from [] if refused else [f"exit {done.returncode}: {message[:500]}"]
        for (text, ids, decoded), line in zip(rows, done.stdout.decode().split("\n")):
            answer = json.loads(line)
            begins, ends = [begin for begin, _ in answer["offsets"]], [end for _, end in answer["offsets"]]
            if ids is not None and answer["ids"] != ids:
                yield f"ids of {text[:80]!a}: {answer['ids'][:40]}, expected {ids[:40]}"
            elif decoded is not None and answer["decoded"] != decoded:
                yield f"text of {text[:80]!a}: {answer['decoded'][:80]!a}, expected {decoded[:80]!a}"
            if ends and (begins != [0] + ends[:-1] or ends != sorted(ends) or ends[-1] != len(text.encode())):
                yield f"ranges of {text[:80]!a}: {answer['offsets'][:40]}"

    def check(self, name, content, rows):
        (self.folder / name).write_bytes(content)
        self.files += 1
        if failures := sorted(self.failures(self.folder / name, rows)):
            self.bad += 1
            print((self.folder / name).rename(self.folder / f"{self.files}-{name}"), *failures[:4], sep="\n    ", flush=True)


def main():
    program, folder, names, rounds, seed = (sys.argv[1:] + ["json,model,fields,flips", "20", "1"][len(sys.argv) - 3:])[:5]
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    state = State(program, pathlib.Path(folder))
    for name in names.split(","):
        for number in range(int(seed), int(seed) + int(rounds)):
            globals()[f"{name}_round"](random.Random(f"{name}-{number}"), state)
    print(*(f"{count:6} refused: {message}" for message, count in state.refusals.most_common()), sep="\n")
    sys.exit(f"{state.files} files, {state.bad} of them with a mismatch" if state.bad else 0)


if __name__ == "__main__":
    main()
