// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Common words, each with its one plain opposite. A word is asked only in the direction that a small model can be
// expected to know, so that a lost answer says something about the cache and not about the model.
#include "datasets/opposites.hpp"

#include "datasets/answers.hpp"

#include <array>
#include <string_view>
#include <utility>

namespace kvviz::datasets {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

constexpr std::array<Pair, 107> kWords{{
    {"hot", "cold"}, {"big", "small"}, {"up", "down"}, {"day", "night"}, {"black", "white"}, {"open", "closed"},
    {"fast", "slow"}, {"high", "low"}, {"rich", "poor"}, {"long", "short"}, {"hard", "soft"}, {"strong", "weak"},
    {"light", "dark"}, {"near", "far"}, {"full", "empty"}, {"wet", "dry"}, {"thick", "thin"}, {"wide", "narrow"},
    {"true", "false"}, {"win", "lose"}, {"buy", "sell"}, {"give", "take"}, {"push", "pull"}, {"start", "stop"},
    {"begin", "end"}, {"come", "go"}, {"love", "hate"}, {"remember", "forget"}, {"increase", "decrease"},
    {"inside", "outside"}, {"above", "below"}, {"before", "after"}, {"always", "never"}, {"more", "less"},
    {"north", "south"}, {"east", "west"}, {"summer", "winter"}, {"success", "failure"}, {"front", "back"},
    {"top", "bottom"}, {"male", "female"}, {"yes", "no"}, {"alive", "dead"}, {"cheap", "expensive"},
    {"public", "private"}, {"internal", "external"}, {"possible", "impossible"}, {"maximum", "minimum"},
    {"positive", "negative"}, {"odd", "even"}, {"guilty", "innocent"}, {"borrow", "lend"}, {"major", "minor"},
    {"junior", "senior"}, {"down", "up"}, {"night", "day"}, {"white", "black"}, {"closed", "open"}, {"slow", "fast"},
    {"low", "high"}, {"young", "old"}, {"poor", "rich"}, {"sad", "happy"}, {"bad", "good"}, {"short", "long"},
    {"soft", "hard"}, {"weak", "strong"}, {"dark", "light"}, {"far", "near"}, {"empty", "full"}, {"dirty", "clean"},
    {"dry", "wet"}, {"shallow", "deep"}, {"quiet", "loud"}, {"false", "true"}, {"take", "give"}, {"hate", "love"},
    {"decrease", "increase"}, {"outside", "inside"}, {"below", "above"}, {"after", "before"}, {"last", "first"},
    {"less", "more"}, {"south", "north"}, {"west", "east"}, {"winter", "summer"}, {"evening", "morning"},
    {"war", "peace"}, {"failure", "success"}, {"bottom", "top"}, {"female", "male"}, {"off", "on"}, {"dead", "alive"},
    {"sour", "sweet"}, {"rough", "smooth"}, {"complex", "simple"}, {"expensive", "cheap"}, {"dangerous", "safe"},
    {"private", "public"}, {"external", "internal"}, {"minimum", "maximum"}, {"negative", "positive"},
    {"even", "odd"}, {"cowardly", "brave"}, {"ugly", "beautiful"}, {"export", "import"}, {"minor", "major"},
}};

Item makeItem(std::size_t word)
{
    const std::string asked(kWords[word].first);
    const std::string answer(kWords[word].second);
    return {"Word: " + asked + "\nOpposite:", " The opposite of " + asked + " is " + answer + ".", answer,
            {asked, answer}};
}

} // namespace

TaskInfo OppositesTask::describe()
{
    return {"opposites", "language", "Sentences that end with the opposite of a common word.", "built in", 8, "", 16};
}

OppositesTask::OppositesTask(const TaskOptions& options)
    : GeneratedTask(describe(), options, "Name the opposite of each word.\n\n"),
      m_order(shuffled(kWords.size()))
{
}

Item OppositesTask::question(std::int64_t index) const
{
    return makeItem(m_order[static_cast<std::size_t>(index) % m_order.size()]);
}

Item OppositesTask::drawShot(std::int64_t, int, Random& random) const
{
    return makeItem(static_cast<std::size_t>(random.below(kWords.size())));
}

bool OppositesTask::isCorrect(const Prompt& prompt, const std::string& continuation) const
{
    return completes(untilStop(continuation, prompt.stops), prompt);
}

} // namespace kvviz::datasets
