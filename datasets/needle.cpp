// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Needle prompts: instruction, worked examples if asked for, the text with its needle, the question.
#include "datasets/needle.hpp"

#include "core/error.hpp"
#include "datasets/answers.hpp"
#include "datasets/haystack.hpp"
#include "datasets/prompt_builder.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <set>
#include <utility>

namespace kvviz::datasets {
namespace {

constexpr std::int64_t kDefaultLength = 300;     ///< words
constexpr std::int64_t kMaxLength = 1'000'000;   ///< words
constexpr std::int64_t kExampleLength = 40;      ///< words of the text of a worked example
constexpr std::int64_t kPassageLength = 50;      ///< words after which a passage ends
constexpr std::int64_t kDepths = 11;             ///< 0, 0.1, ..., 1 in turn when no depth is given

constexpr std::array<std::string_view, 40> kOwners{
    "Abigail", "Boris",  "Cecilia", "Dominic", "Edith",  "Fiona",  "Gustav", "Harriet", "Isaac",  "Jasmine",
    "Klaus",   "Lydia",  "Marcus",  "Nadia",   "Oliver", "Petra",  "Quentin", "Ramona", "Stella", "Tobias",
    "Ursula",  "Vincent", "Walter", "Xavier",  "Yvonne", "Zelda",  "Agnes",  "Bruno",   "Connie", "Derek",
    "Elsa",    "Felix",  "Gloria",  "Hugo",    "Ingrid", "Jonas",  "Karen",  "Lorenzo", "Monica", "Norman"};

struct Needle {
    std::string owner;
    std::string code; ///< four figures

    [[nodiscard]] std::string stem() const { return fmt::format("The locker code of {} is", owner); }
    [[nodiscard]] std::string sentence() const { return fmt::format("{} {}.", stem(), code); }
    [[nodiscard]] std::string question() const
    {
        return fmt::format("Question: What is the locker code of {}?\nAnswer: {}", owner, stem());
    }
};

/// A needle whose code is not among `codes` yet.
Needle makeNeedle(Random& random, std::set<std::string>& codes)
{
    Needle needle{std::string(random.pick(kOwners)), std::to_string(random.between(1000, 9999))};
    while (!codes.insert(needle.code).second)
        needle.code = std::to_string(random.between(1000, 9999));
    return needle;
}

/// The sentence boundary nearest to `depth` of the words.
std::size_t placeOf(double depth, const std::vector<std::string>& sentences)
{
    std::vector<std::int64_t> before{0};
    for (const std::string& sentence : sentences)
        before.push_back(before.back() + countWords(sentence));
    const double wanted = depth * static_cast<double>(before.back());
    std::size_t best = 0;
    for (std::size_t i = 1; i < before.size(); ++i)
        if (std::abs(static_cast<double>(before[i]) - wanted) < std::abs(static_cast<double>(before[best]) - wanted))
            best = i;
    return best;
}

std::string makeExample(Random& random, std::set<std::string>& codes)
{
    const Needle needle = makeNeedle(random, codes);
    std::vector<std::string> sentences = makeHaystack(random, kExampleLength);
    const auto place = static_cast<std::ptrdiff_t>(random.below(sentences.size() + 1));
    sentences.insert(sentences.begin() + place, needle.sentence());
    std::string text;
    for (const std::string& sentence : sentences)
        text += sentence + "\n";
    return text + "\n" + needle.question() + " " + needle.code + ".\n\n";
}

/// Passages end with a newline, so that no token spans two of them.
void addText(PromptBuilder& builder, const std::vector<std::string>& sentences, std::size_t place, const Needle& needle)
{
    int passages = 0;
    std::string passage;
    const auto flush = [&](std::string_view separator) {
        if (!passage.empty())
            builder.add(core::SegmentKind::shot, passage.append(separator), fmt::format("passage {}", ++passages));
        passage.clear();
    };
    const std::size_t end = sentences.size();
    for (std::size_t i = 0; i <= end; ++i) {
        if (i == place) {
            flush("\n");
            builder.add(core::SegmentKind::shot, needle.sentence() + (i == end ? "\n\n" : "\n"), "needle");
        }
        if (i == end)
            break;
        passage += (passage.empty() ? "" : " ") + sentences[i];
        if (countWords(passage) >= kPassageLength && i + 1 < end)
            flush("\n");
    }
    flush("\n\n");
}

} // namespace

std::int64_t countWords(std::string_view text)
{
    std::int64_t words = 0;
    bool inside = false;
    for (const char c : text) {
        const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
        words += !space && !inside;
        inside = !space;
    }
    return words;
}

NeedleBase::NeedleBase(TaskInfo info, const TaskOptions& options)
    : TaskBase(std::move(info), options), m_seed(options.seed),
      m_length(options.length == 0 ? kDefaultLength : options.length), m_depth(options.depth)
{
    if (m_length < 1 || m_length > kMaxLength)
        throw core::Error(core::ErrorCode::usage, fmt::format("task '{}': the length must be 1 to {} words, not {}",
                                                              this->info().name, kMaxLength, m_length));
    if (m_depth != -1 && !(m_depth >= 0 && m_depth <= 1))
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("task '{}': the depth must be 0 (start) to 1 (end), not {}", this->info().name,
                                      m_depth));
}

Prompt NeedleBase::prompt(std::int64_t index) const
{
    checkIndex(index);
    PromptBuilder builder(info().name, promptId(index));
    builder.add(core::SegmentKind::instruction, "Read the text and answer the question.\n\n");

    std::set<std::string> codes;
    Random random(m_seed, "needle", index);
    const Needle needle = makeNeedle(random, codes);
    Random examples(m_seed, "needle examples", index);
    for (int shot = 0; shot < shots(); ++shot)
        builder.add(core::SegmentKind::shot, makeExample(examples, codes));

    const double depth = m_depth == -1 ? static_cast<double>(index % kDepths) / (kDepths - 1) : m_depth;
    const std::vector<std::string> sentences = haystack(index);
    addText(builder, sentences, placeOf(depth, sentences), needle);
    builder.add(core::SegmentKind::question, needle.question());
    return builder.finish(" " + needle.code + ".", needle.code, {"\n"});
}

bool NeedleBase::isCorrect(const Prompt& prompt, const std::string& continuation) const
{
    return extractFirstNumber(untilStop(continuation, prompt.stops)) == prompt.answer;
}

TaskInfo NeedleTask::describe()
{
    return {"needle", "long-context retrieval", "A locker code hidden in a long generated text.",
            "built in", 0, "LCR", 12, {TaskKnob::length, TaskKnob::depth}};
}

NeedleTask::NeedleTask(const TaskOptions& options) : NeedleBase(describe(), options) {}

std::vector<std::string> NeedleTask::haystack(std::int64_t index) const
{
    Random random(seed(), "needle text", index);
    return makeHaystack(random, length());
}

} // namespace kvviz::datasets
