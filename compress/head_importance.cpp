// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Attention on known answers, and the text work that finds them.
#include "compress/head_importance.hpp"

#include "compress/layer_prep.hpp"
#include "compress/top_k.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <map>
#include <span>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

/// What one query head adds over all decode steps.
double lookedAt(const core::LayerData& data, int head, core::Span needle)
{
    double sum = 0;
    std::vector<double> row(static_cast<std::size_t>(data.n));
    for (std::int64_t step = 0; step < data.t; ++step) {
        const float* const attention = data.decodeRow(head, step);
        std::copy(attention, attention + data.n, row.begin());
        for (const std::int32_t key : topK(row, needle.size()).positions)
            sum += needle.contains(key) ? row[static_cast<std::size_t>(key)] : 0.0;
    }
    return sum / static_cast<double>(needle.size());
}

bool isWordByte(char c)
{
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte >= 0x80;
}

bool isSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Does the text at [begin, end) stand alone, not as a piece of a longer word?
bool onWordBoundaries(std::string_view text, std::size_t begin, std::size_t end)
{
    const bool joinedBefore = begin > 0 && isWordByte(text[begin - 1]) && isWordByte(text[begin]);
    const bool joinedAfter = end < text.size() && isWordByte(text[end - 1]) && isWordByte(text[end]);
    return !joinedBefore && !joinedAfter;
}

/// Byte where the last whole-word occurrence begins that ends at or before `limit`.
std::optional<std::size_t> lastOccurrence(std::string_view text, std::string_view wanted, std::size_t limit)
{
    if (wanted.empty() || wanted.size() > limit)
        return std::nullopt;
    std::size_t found = text.rfind(wanted, limit - wanted.size());
    while (found != std::string_view::npos && !onWordBoundaries(text, found, found + wanted.size()))
        found = found == 0 ? std::string_view::npos : text.rfind(wanted, found - 1);
    if (found == std::string_view::npos)
        return std::nullopt;
    return found;
}

/// Lower case, punctuation left out, articles dropped.
std::vector<std::string> answerWords(std::string_view text)
{
    std::vector<std::string> words;
    std::string word;
    const auto flush = [&] {
        if (!word.empty() && word != "a" && word != "an" && word != "the")
            words.push_back(word);
        word.clear();
    };
    for (const char c : text) {
        if (isSpace(c))
            flush();
        else if (isWordByte(c))
            word += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    flush();
    return words;
}

/// Harmonic mean of precision and recall of the words in common, each as often as it occurs.
double wordF1(std::span<const std::string> found, std::span<const std::string> expected)
{
    std::map<std::string_view, std::int64_t> left;
    for (const std::string& word : expected)
        ++left[word];
    std::int64_t common = 0;
    for (const std::string& word : found)
        if (const auto entry = left.find(word); entry != left.end() && entry->second-- > 0)
            ++common;
    return 2.0 * static_cast<double>(common) / static_cast<double>(found.size() + expected.size());
}

std::string generatedText(const core::CaptureInfo& info)
{
    std::string text;
    for (std::int64_t token = info.nPrompt(); token < info.nTokens(); ++token) {
        const std::string_view piece = info.tokens.bytesOf(token);
        const bool special = piece.size() > 2 && piece.front() == '<' && piece.back() == '>';
        text += special ? std::string_view(" ") : piece;
    }
    return text;
}

} // namespace

void HeadImportanceBuilder::check(const core::CaptureSource& capture, core::Span needle) const
{
    const core::CaptureInfo& info = capture.info();
    const auto refuse = [&](const std::string& why) {
        throw core::Error(core::ErrorCode::badInput, fmt::format("{}: {}", capture.name(), why));
    };
    if (needle.empty() || needle.begin < 0 || needle.end > info.nPrompt())
        refuse(fmt::format("the answer span [{}, {}) is not within the {} tokens of the prompt", needle.begin,
                           needle.end, info.nPrompt()));
    if (!core::includes(capture.available(), core::Need::decodeRows) || info.nGenerated() < 1)
        refuse(
            "holds no decode rows, which show where each head looks while it answers; capture with --tier cache and a "
            "continuation");
    if (static_cast<int>(info.layers.size()) != info.model.nLayers
        || static_cast<int>(info.heads.size()) != info.model.nHeads)
        refuse("holds some layers or heads of the model only; the importance table needs all");
    if (m_sum.samples > 0
        && (info.model.sha256 != m_modelSha256 || info.model.nLayers != m_sum.layers
            || info.model.nHeads != m_sum.heads))
        refuse("is of another model than the captures before it; make a table of one model");
}

void HeadImportanceBuilder::add(const core::CaptureSource& capture, core::Span needle)
{
    check(capture, needle);
    const core::CaptureInfo& info = capture.info();
    std::vector<double> values;
    for (std::int64_t slot = 0; slot < std::ssize(info.layers); ++slot) {
        core::LayerData data = capture.loadLayer(slot, core::Need::decodeRows);
        renormaliseRows(data); // rows may have been stored in half precision
        for (int head = 0; head < data.heads.queryHeads(); ++head)
            values.push_back(lookedAt(data, head, needle));
    }
    if (m_sum.samples == 0) {
        m_modelSha256 = info.model.sha256;
        m_sum.layers = info.model.nLayers;
        m_sum.heads = info.model.nHeads;
        m_sum.values.assign(values.size(), 0.0);
    }
    for (std::size_t i = 0; i < values.size(); ++i)
        m_sum.values[i] += values[i];
    ++m_sum.samples;
}

core::HeadImportance HeadImportanceBuilder::finish() const
{
    if (m_sum.samples == 0)
        throw core::Error(
            core::ErrorCode::badInput,
            "no capture counts for the head-importance table; it takes captures whose answer stands in the "
            "prompt and was given");
    core::HeadImportance table = m_sum;
    for (double& value : table.values)
        value /= static_cast<double>(table.samples);
    return table;
}

std::optional<core::Span> answerSpan(const core::CaptureInfo& info)
{
    const std::vector<std::int64_t>& offsets = info.tokens.offsets;
    const std::int64_t n = std::min(info.nPrompt(), info.tokens.size());
    if (n < 1)
        return std::nullopt;
    std::int64_t end = n;
    for (const core::Segment& segment : info.segments)
        if (segment.kind == core::SegmentKind::question)
            end = std::clamp<std::int64_t>(segment.span.begin, 0, n);
    const auto byteOf = [&](std::int64_t token) {
        return static_cast<std::size_t>(offsets.at(static_cast<std::size_t>(token)));
    };
    const std::string_view answer = core::trimmed(info.prompt.answer, " \t\n\v\f\r");
    const auto found = lastOccurrence(std::string_view(info.tokens.bytes).substr(0, byteOf(n)), answer, byteOf(end));
    if (!found)
        return std::nullopt;
    core::Span span;
    while (byteOf(span.begin + 1) <= *found)
        ++span.begin;
    span.end = span.begin + 1;
    while (byteOf(span.end) < *found + answer.size())
        ++span.end;
    return span;
}

bool answered(const core::CaptureInfo& info)
{
    const std::vector<std::string> expected = answerWords(info.prompt.answer);
    const std::vector<std::string> words = answerWords(generatedText(info));
    if (expected.empty() || words.empty())
        return false;
    const std::span<const std::string> all(words);
    if (wordF1(all, expected) > 0.5)
        return true;
    for (std::size_t from = 0; from + expected.size() <= all.size(); ++from)
        if (wordF1(all.subspan(from, expected.size()), expected) > 0.5)
            return true;
    return false;
}

} // namespace kvviz::compress
