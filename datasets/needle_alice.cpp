// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From a Project Gutenberg text file to sentences.
#include "datasets/needle_alice.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "datasets/data_files.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::datasets {
namespace {

/// The part between the Gutenberg marks, without the lines they stand in.
std::string_view bookBody(std::string_view text)
{
    const std::size_t start = text.find("*** START OF");
    if (start != std::string_view::npos)
        text.remove_prefix(std::min(text.find('\n', start), text.size()));
    return text.substr(0, text.find("*** END OF"));
}

/// True if the sentence is over: . ! or ?, perhaps followed by closing quotes or brackets.
bool endsSentence(std::string_view word)
{
    while (!word.empty() && (word.back() == '\'' || word.back() == '"' || word.back() == ')'))
        word.remove_suffix(1);
    return !word.empty() && (word.back() == '.' || word.back() == '!' || word.back() == '?');
}

} // namespace

std::vector<std::string> bookSentences(std::string_view text)
{
    const std::string_view body = bookBody(text);
    std::vector<std::string> sentences;
    std::string sentence;
    const auto flush = [&] {
        if (!sentence.empty())
            sentences.push_back(std::move(sentence));
        sentence.clear();
    };
    std::size_t pos = 0;
    while (pos < body.size()) {
        const std::size_t wordBegin = std::min(body.find_first_not_of(" \t\r\n", pos), body.size());
        const std::string_view gap = body.substr(pos, wordBegin - pos);
        if (gap.find('\n') != gap.rfind('\n'))
            flush();
        pos = std::min(body.find_first_of(" \t\r\n", wordBegin), body.size());
        const std::string_view word = body.substr(wordBegin, pos - wordBegin);
        if (word.empty())
            break;
        sentence += (sentence.empty() ? "" : " ") + std::string(word);
        if (endsSentence(word))
            flush();
    }
    flush();
    return sentences;
}

TaskInfo NeedleAliceTask::describe()
{
    return {"needle_alice", "long-context retrieval",
            "A locker code hidden in a stretch of Alice's Adventures in Wonderland.", "haystack_alice/alice.txt", 0,
            "LCR", 12, {TaskKnob::length, TaskKnob::depth}};
}

NeedleAliceTask::NeedleAliceTask(const TaskOptions& options) : NeedleBase(describe(), options)
{
    const auto path = findDataFile(info().name, options, {"haystack_alice/alice.txt"});
    const std::string text = readWholeFile(path);
    if (!core::isUtf8(text))
        throw core::Error(core::ErrorCode::badInput, fmt::format("'{}' is not UTF-8 text", path.string()));
    m_sentences = bookSentences(text);
    std::int64_t words = 0;
    for (const std::string& sentence : m_sentences)
        words += countWords(sentence);
    if (words < length())
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("'{}' holds {} words, fewer than the length of {} that was asked for",
                                      path.string(), words, length()));
}

std::vector<std::string> NeedleAliceTask::haystack(std::int64_t index) const
{
    Random random(seed(), "needle_alice text", index);
    std::vector<std::string> result;
    std::size_t at = static_cast<std::size_t>(random.below(m_sentences.size()));
    for (std::int64_t words = 0; words < length(); at = (at + 1) % m_sentences.size()) {
        result.push_back(m_sentences[at]);
        words += countWords(result.back());
    }
    return result;
}

} // namespace kvviz::datasets
