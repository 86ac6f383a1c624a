// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A tokenizer as a value. Readers of GGUF, tokenizer.json and tokenizer.model fill it, class Tokenizer runs it:
// added tokens, then normalizer, then splits, then the model.
#pragma once

#include "capture/token_decoder.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kvviz::capture {

/// One change of the text. Those that put something in front do so once for each stretch between added tokens.
struct NormalizerStep {
    enum class Kind : std::uint8_t {
        nfc,
        nfd,
        nfkc,
        nfkd,
        lowercase,
        stripAccents, ///< drops combining marks
        prepend,      ///< `content` in front of a text that is not empty
        replace,      ///< what `pattern` matches becomes `content`
        strip,        ///< white space at the `left` and the `right`
        charsMap      ///< SentencePiece's compiled map, its bytes in `content`
    };
    Kind kind = Kind::nfc;
    std::string content = {};
    std::string pattern = {};
    bool isExpression = false; ///< `pattern` is a regular expression (PCRE2) and not the text itself
    bool left = false, right = false;
};

/// One way to cut pieces into smaller ones, or what a cutter does to them before.
struct SplitStep {
    enum class Kind : std::uint8_t {
        split,
        prefixSpace, ///< a space in front of each piece that does not begin with one
        metaspace    ///< spaces become `pattern`, and it is put in front as `prefix` says
    };
    enum class Behavior : std::uint8_t { isolated, removed, mergedWithPrevious, mergedWithNext, contiguous };
    enum class Prefix : std::uint8_t { never, first, always };
    Kind kind = Kind::split;
    std::string pattern;  ///< split: a regular expression (PCRE2); metaspace: the character for a space
    bool foreign = false; ///< the expression comes from a file: its faults are the file's
    Behavior behavior = Behavior::isolated;
    bool invert = false; ///< what lies between the matches counts as the matches
    Prefix prefix = Prefix::never;
};

/// A token that is looked for in the text before the model sees it.
struct AddedToken {
    std::string text;
    std::int32_t id = 0;
    bool singleWord = false;                    ///< only where no letter, digit or underscore touches it
    bool leftStrip = false, rightStrip = false; ///< takes the white space at that side with it
    bool normalized = false;                    ///< looked for in the normalised text, and itself normalised
};

enum class TokenModelKind : std::uint8_t {
    mergeRanks,   ///< byte-pair encoding with a list of merges
    mergeScores,  ///< SentencePiece's: of all pairs that make a piece, the one with the best score is joined
    unigram,      ///< the pieces with the greatest sum of scores
    sentencePiece ///< left to libsentencepiece
};

/// What stands in front of a decoded text only because the encoder put it there.
enum class DecodeTrim : std::uint8_t {
    none,
    oneSpace,
    spaceOfEachToken ///< one of each token until the text has begun
};

struct TokenizerDescription {
    std::string place; ///< of the file, for messages: "'tokenizer.json'"

    std::vector<NormalizerStep> normalizer;
    std::vector<SplitStep> splits;
    std::vector<AddedToken> added; ///< of two with equal texts the first counts

    TokenModelKind kind = TokenModelKind::mergeRanks;
    bool byteLevel = false;                          ///< pieces are made of bytes and not of characters
    std::vector<std::string> pieces;                 ///< by id, as the model meets them in the text; empty: never met
    std::vector<std::string> bytes;                  ///< by id, what a token stands for in decoded text; same size
    std::vector<double> scores;                      ///< by id; of mergeScores and unigram
    std::vector<std::array<std::int32_t, 3>> merges; ///< left, right, merged; the first is the best
    std::optional<std::int32_t> unknown;             ///< stands for what has no token; without it, that is left out
    bool fuseUnknown = false;                        ///< one `unknown` for a whole stretch
    bool byteFallback = false;                       ///< tokens <0x00> to <0xFF> stand for what has none of its own
    bool ignoreMerges = false;                       ///< a piece of text that is a token is taken as it is
    std::string sentencePieceModel;                  ///< bytes of the file

    std::optional<std::int32_t> bos;
    bool addsBos = false;
    std::vector<std::int32_t> ends; ///< ids that end a generation
    TokenDecoder decoder;
    DecodeTrim trim = DecodeTrim::none;
    std::string noText; ///< why no text can be encoded, with what to do; empty: it can
    std::string chatTemplate; ///< the model's own, in Jinja; empty: none
};

} // namespace kvviz::capture
