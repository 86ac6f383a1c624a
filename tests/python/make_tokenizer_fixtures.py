#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: The kvviz authors
"""Writes tests/data/tokenizers: tiny tokenizers built like those of published models, and what the libraries make of
tricky texts with them (made with tokenizers 0.22.2, sentencepiece 0.2.1 or later, gguf 0.19).

  texts.json              the texts
  NAME.json               a tokenizer.json
  NAME.model, NAME.gguf   the same vocabulary for SentencePiece and as GGUF metadata
  NAME.expected.json      for each text [ids, first byte of each token, decoded text or null where it is the text], and the
                          byte behind each token where a stage makes one character of several
  normalize.json          [normalizer, text, result]

Vocabularies are trained on this project's documents and the texts themselves.
"""
import io
import json
import pathlib
import random
import re

import gguf
import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from make_pretokenize_fixture import ALPHABET, LLAMA3, QWEN2, TRICKY

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = ROOT / "tests" / "data" / "tokenizers"
MARK = "\u2581"

MORE = [
    "<s>", "</s>x", "a<s>b", " <s> b", "<|begin_of_text|>Hi", "<|im_start|>user\nHello<|im_end|>\n", "<|im_start|", "x <mask> y", "x<mask>y",
    "  <mask>  y", "word", "a word here", "sword words word", "word_ word. word", "THE Norm the NORM", "<start_of_turn>user\nq<end_of_turn>\n",
    "<｜begin▁of▁sentence｜><｜User｜>a<｜Assistant｜>", "\n\n\n\n", "a\n\nb\n\n\nc", "▁a ▁ b▁", "▁▁", "ﬁne ﬀ ½ Ⅷ ① ㎏ ｶﾞ ＡＢＣ", "A\u030a \u212b \u1e9b\u0323 \u0344",
    "q\u0307\u0323 q\u0323\u0307", "\u1112\u1161\u11ab 한 \uac00\u11a8", "\u0958 \u0f73 \u0cc6\u0cc2", "İstanbul ΑΣ ßẞ", "é è ñ ü ç", "e\u0301e\u0300 n\u0303", "\u0300abc", "\u200b\u00ad\ufeff x",
    "0x41 <0x41> <0x0A> <unk>", "tab\there", "日本語のテキスト and English", "中文，标点。", "emoji 🙂🙃 👩‍👩‍👧‍👦 🇩🇪🇫🇷", "\U0001f44d\U0001f3fd", "مرحبا بالعالم", "1 12 123 1234 12345",
    "x = [1, 2, 3]; y = {'a': 1}", "def f(x):\n    return x + 1\n", "The quick brown fox jumps over the lazy dog.", "France: Paris\nJapan: Tokyo\nItaly:",
    "    four spaces", "trailing   ", " \t \n mixed", "a" * 40, "ab" * 25, " " * 20 + "x", "…—–‘’“”", "µm Ω K Å", "http://a.b/c?d=e#f",
]


def texts():
    draw = random.Random(11)
    extra = ALPHABET + ["é", "e\u0301", "ﬁ", MARK, "<s>", "<mask>", "word", "ｶﾞ", "\u0323", "\u1112\u1161", "İ"]
    return TRICKY + MORE + ["".join(draw.choices(extra, k=draw.randint(3, 25))) for _ in range(200)]


def corpus():
    paragraphs = []
    for path in sorted((ROOT / "docs").glob("*.md")) + [ROOT / "README.md"]:
        paragraphs += [line for line in path.read_text(encoding="utf-8").split("\n") if line]
    return paragraphs[:1500] + texts() * 2


def special(text, **options):
    return AddedToken(text, special=True, normalized=False, **options)


def byte_level(name, pre, normalizer=None, size=800, specials=(), added=(), trim=False):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=trim)
    trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.add_special_tokens([special(text) for text in specials])
    tokenizer.add_tokens(list(added))
    return tokenizer


def plain_byte_level(use_regex=False, prefix=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=use_regex)


def gpt2():
    return byte_level("gpt2", plain_byte_level(True), specials=["<|endoftext|>"])


def llama3():
    tokenizer = byte_level("llama3", pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"), plain_byte_level()]),
                           specials=["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"])
    begin = tokenizer.token_to_id("<|begin_of_text|>")
    template = processors.TemplateProcessing(single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|> $B:1",
                                             special_tokens=[("<|begin_of_text|>", begin)])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    return with_model(tokenizer, ignore_merges=True)


def qwen2():
    return byte_level("qwen2", pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN2), "isolated"), plain_byte_level()]),
                      normalizers.NFC(), specials=["<|endoftext|>", "<|im_start|>", "<|im_end|>"])


DEEPSEEK = (r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"""
            r"|\s*[\r\n]+|\s+(?!\S)|\s+")


def deepseek():
    splits = [r"\p{N}{1,3}", r"[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK]
    pre = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in splits] + [plain_byte_level()]
    return byte_level("deepseek", pre_tokenizers.Sequence(pre), normalizers.Sequence([]),
                      specials=["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>"])


def mixed():
    """Everything else at once: normalizers that change lengths, cutters that drop, added tokens with every flag."""
    normalizer = normalizers.Sequence([normalizers.Strip(left=False, right=True), normalizers.NFKC(), normalizers.Lowercase(),
                                       normalizers.Replace(Regex(r"\d+"), "#"), normalizers.Replace("x", "yz")])
    pre = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation("contiguous"),
                                   pre_tokenizers.Split("a", "merged_with_next"), plain_byte_level(True, True)])
    added = [AddedToken("word", single_word=True, normalized=False), AddedToken("<mask>", lstrip=True, rstrip=True, normalized=False),
             AddedToken("NORM", normalized=True), AddedToken("the Norm", single_word=True, normalized=True)]
    return byte_level("mixed", pre, normalizer, added=added)


def accents():
    normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Prepend("> ")])
    pre = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.Split(Regex(r"\s"), "merged_with_previous"),
                                   pre_tokenizers.Split(Regex(r"\p{Han}+|\p{Latin}+"), "removed", invert=True), plain_byte_level()])
    return byte_level("accents", pre, normalizer, specials=["<s>"])


def with_model(tokenizer, **changes):
    content = json.loads(tokenizer.to_str())
    content["model"].update(changes)
    return Tokenizer.from_str(json.dumps(content))


def train_pieces(**options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(corpus()), model_writer=model, minloglevel=2, num_threads=1,
                                             max_sentence_length=100000, **options)
    return model.getvalue()


def llama_model():
    return train_pieces(model_type="bpe", vocab_size=800, byte_fallback=True, normalization_rule_name="identity",
                        remove_extra_whitespaces=False, split_digits=True, allow_whitespace_only_pieces=True, character_coverage=0.985)


def pieces_of(model):
    return model_pb2.ModelProto.FromString(model)


def character_bpe(model, normalizer, pre, decoder, specials, added=(), unknown="<unk>"):
    """As transformers converts a SentencePiece BPE: a merge for each way to make a piece, best score first."""
    pieces = pieces_of(model).pieces
    vocabulary = {piece.piece: number for number, piece in enumerate(pieces)}
    scores = {piece.piece: piece.score for piece in pieces}
    merges = []
    for piece in vocabulary:
        local = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece)) if piece[:cut] in vocabulary and piece[cut:] in vocabulary]
        merges += sorted(local, key=lambda pair: (vocabulary[pair[0]], vocabulary[pair[1]]))
    merges.sort(key=lambda pair: -scores[pair[0] + pair[1]])
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token=unknown, fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizer
    if pre is not None:
        tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoder
    tokenizer.add_special_tokens([special(text) for text in specials])
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in added])
    return tokenizer


def spaces_back(strip):
    steps = [decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence(steps + ([decoders.Strip(" ", 1, 0)] if strip else []))


def llama2(model):
    normalizer = normalizers.Sequence([normalizers.Prepend(MARK), normalizers.Replace(" ", MARK)])
    tokenizer = character_bpe(model, normalizer, None, spaces_back(True), ["<unk>", "<s>", "</s>"])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B:1", special_tokens=[("<s>", 1)])
    return tokenizer


def mistral(model):
    pre = pre_tokenizers.Metaspace(MARK, prepend_scheme="first", split=False)
    return character_bpe(model, normalizers.Sequence([]), pre, spaces_back(True), ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"])


def gemma(model):
    pre = pre_tokenizers.Split(" ", "merged_with_previous")
    return character_bpe(model, normalizers.Replace(" ", MARK), pre, spaces_back(False),
                         ["<unk>", "<s>", "</s>", "<start_of_turn>", "<end_of_turn>"], ["\n\n", "\n\n\n"])


def unigram():
    """As T5: a compiled map, runs of spaces joined, Metaspace; and one with byte fallback."""
    rules = TARGET / "rules.tsv"
    rows = [("ﬁ", "fi"), ("ﬀ", "ff"), ("½", "1/2"), ("é", "E"), ("e\u0301", "E"), ("İ", "i"), ("\u3000", " "), ("\u00ad", ""), ("Å", "A"), ("🇩🇪", "DE")]
    rules.write_text("".join("{}\t{}\n".format(" ".join(f"{ord(c):X}" for c in a), " ".join(f"{ord(c):X}" for c in b)) for a, b in rows))
    model = train_pieces(model_type="unigram", vocab_size=700, normalization_rule_tsv=str(rules), character_coverage=0.985, byte_fallback=False)
    rules.unlink()
    proto = pieces_of(model)
    tokenizer = Tokenizer(models.Unigram([(piece.piece, piece.score) for piece in proto.pieces], 0, False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap),
                                                 normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(MARK, prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(MARK, prepend_scheme="always")
    tokenizer.add_special_tokens([special("<s>"), special("</s>"), special("<mask>", lstrip=True)])
    return tokenizer


def unigram_bytes():
    model = train_pieces(model_type="unigram", vocab_size=900, byte_fallback=True, normalization_rule_name="identity", character_coverage=0.985)
    proto = pieces_of(model)
    tokenizer = Tokenizer(models.Unigram([(piece.piece, piece.score) for piece in proto.pieces], 0, True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(MARK, prepend_scheme="always")])
    tokenizer.decoder = spaces_back(True)
    return tokenizer


WITH_ENDS = ("qwen2", "unigram", "unigram-bytes", "mixed", "accents")


def byte_places(text):
    places = [0]
    for character in text:
        places.append(places[-1] + len(character.encode()))
    return places


def expected(tokenizer, with_ends):
    rows = []
    for text in texts():
        encoding = tokenizer.encode(text, add_special_tokens=False)
        places = byte_places(text)
        decoded = tokenizer.decode(encoding.ids, skip_special_tokens=False)
        row = [encoding.ids, [places[begin] for begin, _ in encoding.offsets], None if decoded == text else decoded]
        rows.append(row + [[places[end] for _, end in encoding.offsets]] if with_ends else row)
    return rows


def expected_pieces(model):
    """SentencePiece itself between control tokens; what GGUF's 'llama' vocabulary and tokenizer.model must give."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    rows = []
    for text in texts():
        ids, places, at = [], [], 0
        for part in re.split("(<s>|</s>)", text):
            if part in ("<s>", "</s>"):
                ids.append(processor.piece_to_id(part))
                places.append(at)
            elif part:
                for piece in processor.encode(part, return_type="proto").pieces:
                    ids.append(piece.id)
                    places.append(at + piece.begin)
            at += len(part.encode())
        rows.append([ids, places, None])
    return rows


def write(name, content):
    (TARGET / name).write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def write_gguf(path, model):
    writer = gguf.GGUFWriter(str(path), "llama")
    pieces = pieces_of(model).pieces
    writer.add_tokenizer_model("llama")
    writer.add_token_list([piece.piece for piece in pieces])
    writer.add_token_scores([piece.score for piece in pieces])
    writer.add_token_types([piece.type for piece in pieces])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def write_normalizers():
    kinds = {"NFC": normalizers.NFC(), "NFD": normalizers.NFD(), "NFKC": normalizers.NFKC(), "NFKD": normalizers.NFKD(),
             "Lowercase": normalizers.Lowercase(), "StripAccents": normalizers.StripAccents()}
    # Characters on which versions of Unicode agree.
    chosen = [text for text in texts() if any(ord(c) > 0x7f for c in text)]
    write("normalize.json", [[kind, text, normalizer.normalize_str(text)] for kind, normalizer in kinds.items() for text in chosen
                             if normalizer.normalize_str(text) != text])


def strings_for_merges(content):
    content["model"]["merges"] = [" ".join(pair) for pair in content["model"]["merges"]]
    return content


def main():
    TARGET.mkdir(exist_ok=True)
    model = llama_model()
    made = {"gpt2": gpt2(), "llama3": llama3(), "qwen2": qwen2(), "deepseek": deepseek(), "mixed": mixed(), "accents": accents(),
            "llama2": llama2(model), "mistral": mistral(model), "gemma": gemma(model), "unigram": unigram(), "unigram-bytes": unigram_bytes()}
    write("texts.json", texts())
    for name, tokenizer in made.items():
        content = json.loads(tokenizer.to_str())
        if name in ("gpt2", "llama2"):  # the older form
            content = strings_for_merges(content)
        write(f"{name}.json", content)
        write(f"{name}.expected.json", expected(tokenizer, name in WITH_ENDS))
    (TARGET / "sentencepiece.model").write_bytes(model)
    write_gguf(TARGET / "sentencepiece.gguf", model)
    write("sentencepiece.expected.json", expected_pieces(model))
    write_normalizers()


if __name__ == "__main__":
    main()
