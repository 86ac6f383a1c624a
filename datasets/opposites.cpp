// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Pairs of common words, each the plain opposite of the other, asked in both directions. No word stands in two pairs,
// so one answer is right.
#include "datasets/opposites.hpp"

#include "datasets/answers.hpp"

#include <array>
#include <numeric>
#include <string_view>
#include <utility>

namespace kvviz::datasets {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

constexpr std::array<Pair, 88> kPairs{{
    {"hot", "cold"},           {"big", "small"},          {"up", "down"},             {"left", "right"},
    {"day", "night"},          {"black", "white"},        {"open", "closed"},         {"fast", "slow"},
    {"high", "low"},           {"old", "young"},          {"rich", "poor"},           {"happy", "sad"},
    {"good", "bad"},           {"long", "short"},         {"hard", "soft"},           {"strong", "weak"},
    {"light", "dark"},         {"early", "late"},         {"near", "far"},            {"full", "empty"},
    {"clean", "dirty"},        {"wet", "dry"},            {"thick", "thin"},          {"wide", "narrow"},
    {"deep", "shallow"},       {"loud", "quiet"},         {"absent", "present"},      {"true", "false"},
    {"win", "lose"},           {"buy", "sell"},           {"give", "take"},           {"push", "pull"},
    {"start", "stop"},         {"begin", "end"},          {"come", "go"},             {"love", "hate"},
    {"laugh", "cry"},          {"live", "die"},           {"remember", "forget"},     {"increase", "decrease"},
    {"inside", "outside"},     {"above", "below"},        {"before", "after"},        {"first", "last"},
    {"always", "never"},       {"more", "less"},          {"many", "few"},            {"north", "south"},
    {"east", "west"},          {"summer", "winter"},      {"morning", "evening"},     {"friend", "enemy"},
    {"peace", "war"},          {"success", "failure"},    {"question", "answer"},     {"front", "back"},
    {"top", "bottom"},         {"male", "female"},        {"yes", "no"},              {"in", "out"},
    {"on", "off"},             {"alive", "dead"},         {"asleep", "awake"},        {"sweet", "sour"},
    {"smooth", "rough"},       {"sharp", "dull"},         {"simple", "complex"},      {"cheap", "expensive"},
    {"safe", "dangerous"},     {"public", "private"},     {"internal", "external"},   {"possible", "impossible"},
    {"maximum", "minimum"},    {"positive", "negative"},  {"odd", "even"},            {"ancient", "modern"},
    {"guilty", "innocent"},    {"brave", "cowardly"},     {"beautiful", "ugly"},      {"attack", "defend"},
    {"accept", "reject"},      {"arrive", "leave"},       {"borrow", "lend"},         {"import", "export"},
    {"major", "minor"},        {"junior", "senior"},      {"husband", "wife"},        {"king", "queen"},
}};

Item makeItem(int word)
{
    auto [from, to] = kPairs[static_cast<std::size_t>(word / 2)];
    if (word % 2 == 1)
        std::swap(from, to);
    const std::string asked(from);
    const std::string answer(to);
    return {"Word: " + asked + "\nOpposite:", " " + answer, answer, {asked, answer}};
}

} // namespace

TaskInfo OppositesTask::describe()
{
    return {"opposites", "language", "The opposite of a common word.", "built in", 8};
}

OppositesTask::OppositesTask(const TaskOptions& options)
    : GeneratedTask(describe(), options, "Write the opposite of each word.\n\n"), m_order(2 * kPairs.size())
{
    std::iota(m_order.begin(), m_order.end(), 0);
    Random random(seed(), "opposites order", 0);
    for (std::size_t i = m_order.size(); i > 1; --i)
        std::swap(m_order[i - 1], m_order[static_cast<std::size_t>(random.below(i))]);
}

Item OppositesTask::question(std::int64_t index) const
{
    return makeItem(m_order[static_cast<std::size_t>(index) % m_order.size()]);
}

Item OppositesTask::drawShot(std::int64_t, int, Random& random) const
{
    return makeItem(static_cast<int>(random.below(m_order.size())));
}

bool OppositesTask::isCorrect(const Prompt& prompt, const std::string& continuation) const
{
    return firstWord(untilStop(continuation, prompt.stops)) == prompt.answer;
}

} // namespace kvviz::datasets
