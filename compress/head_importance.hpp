// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Builds HeadKV-R2's table (methods.md 5.10) from captures whose prompt holds the answer: how much each query head
// looks at the answer's tokens while the answer is generated.
#pragma once

#include "core/capture_source.hpp"
#include "core/model_tables.hpp"
#include "core/span.hpp"

#include <optional>

namespace kvviz::compress {

/// Adds captures up, one after the other; not thread-safe.
class HeadImportanceBuilder {
public:
    /// For each decode step and query head: attention / K of each of the K prompt keys attended to most that lies
    /// inside `needle`, K = tokens of `needle`; summed over the steps. Reads one layer at a time. Throws
    /// Error(badInput), and leaves what was added before as it is, for an empty span or one outside of the prompt, for
    /// a capture without decode rows, of some layers or heads only, or of another model than the first.
    void add(const core::CaptureSource& capture, core::Span needle);
    [[nodiscard]] std::int64_t samples() const noexcept { return m_sum.samples; }
    /// The mean over the captures added. Throws Error(badInput) if there is none.
    [[nodiscard]] core::HeadImportance finish() const;

private:
    void check(const core::CaptureSource& capture, core::Span needle) const;

    std::string m_modelSha256;  ///< of the first capture
    core::HeadImportance m_sum; ///< not yet divided by the samples
};

/// Tokens of the last occurrence of the answer in the prompt before its question (the last segment of that kind; the
/// whole prompt if there is none). The spelling must be the same; white space around the answer does not count, an
/// answer inside of a longer word or number is none. A token counts if it holds any of the answer's bytes. Nothing if
/// the answer is empty or does not occur.
[[nodiscard]] std::optional<core::Span> answerSpan(const core::CaptureInfo& info);

/// Whether the generated text holds the answer: F1 of the words in common is above 0.5 for the text as a whole or for
/// some run of as many words as the answer has. Words are compared as question-answering scores do: lower case, without
/// punctuation, without a, an, the. Special tokens ("<|im_end|>") separate words.
[[nodiscard]] bool answered(const core::CaptureInfo& info);

} // namespace kvviz::compress
