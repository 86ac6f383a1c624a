// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Word problems from our own templates. The worked answer has one fixed pattern, which a small model can follow.
#include "datasets/addition.hpp"

#include "datasets/answers.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace kvviz::datasets {
namespace {

/// Small enough that a small model can add them.
constexpr int kLargest = 9;

struct Template {
    std::string_view problem;
    std::string_view step;
};

constexpr std::array<Template, 8> kTemplates{{
    {"{name} has {a} {things}. {name} buys {b} more {things}. How many {things} does {name} have now?",
     "{name} has {a} {things} and buys {b} more."},
    {"There are {a} {things} in a box. {name} puts {b} more {things} into the box. How many {things} are in the box "
     "now?",
     "The box has {a} {things} and {name} puts in {b} more."},
    {"{name} finds {a} {things} on Monday and {b} {things} on Tuesday. How many {things} does {name} find in all?",
     "{name} finds {a} {things} and then {b} more."},
    {"{name} has {a} {things}. {other} has {b} {things}. How many {things} do they have together?",
     "{name} has {a} {things} and {other} has {b} more."},
    {"A shop sells {a} {things} in the morning and {b} {things} in the afternoon. How many {things} does the shop sell "
     "that day?",
     "The shop sells {a} {things} and then {b} more."},
    {"{name} counts {a} {things} in one bag and {b} {things} in another bag. How many {things} are in both bags?",
     "One bag has {a} {things} and the other has {b} more."},
    {"{name} has {a} {things}. {other} gives {name} {b} more {things}. How many {things} does {name} have now?",
     "{name} has {a} {things} and gets {b} more."},
    {"{a} {things} lie on the table and {b} {things} lie on the floor. How many {things} are there in all?",
     "The table has {a} {things} and the floor has {b} more."},
}};

constexpr std::array<std::string_view, 32> kNames{
    "Anna", "Ben",  "Carla", "David", "Ella", "Frank", "Grace", "Henry", "Irene", "Jack",  "Kate",
    "Leo",  "Mary", "Nina",  "Oscar", "Paul", "Rosa",  "Sam",   "Tina",  "Victor", "Wendy", "Alice",
    "Bob",  "Clara", "Daniel", "Emma", "George", "Helen", "Ivan", "Julia", "Kevin", "Lucy"};

constexpr std::array<std::string_view, 28> kThings{
    "apples", "marbles", "stickers", "pencils", "coins",   "shells",  "buttons", "cards",  "stamps",  "beads",
    "books",  "balloons", "cookies", "oranges", "pears",   "ribbons", "tickets", "toys",   "candles", "cups",
    "nuts",   "flowers", "stones",  "lemons",  "eggs",    "plums",   "spoons",  "bottles"};

Item makeItem(Random& random)
{
    const Template& form = random.pick(kTemplates);
    const std::string_view name = random.pick(kNames);
    std::string_view other = random.pick(kNames);
    while (other == name)
        other = random.pick(kNames);
    const std::string_view things = random.pick(kThings);
    const int a = random.between(2, kLargest);
    const int b = random.between(2, kLargest);
    const auto fill = [&](std::string_view text) {
        return fmt::format(fmt::runtime(text), fmt::arg("name", name), fmt::arg("other", other),
                           fmt::arg("things", things), fmt::arg("a", a), fmt::arg("b", b));
    };
    return {fmt::format("Q: {}\nA:", fill(form.problem)),
            fmt::format(" {} {} + {} = {}. The answer is {}.", fill(form.step), a, b, a + b, a + b),
            std::to_string(a + b),
            {fmt::format("{}+{}", a, b), fmt::format("{}+{}", b, a)}};
}

} // namespace

TaskInfo AdditionTask::describe()
{
    return {"addition", "arithmetic", "Word problems of one addition with worked steps.", "built in", 8, "AR", 48};
}

AdditionTask::AdditionTask(const TaskOptions& options)
    : GeneratedTask(describe(), options, "Solve each problem step by step.\n\n")
{
}

Item AdditionTask::question(std::int64_t index) const
{
    Random random(seed(), "addition question", index);
    return makeItem(random);
}

Item AdditionTask::drawShot(std::int64_t, int, Random& random) const
{
    return makeItem(random);
}

bool AdditionTask::isCorrect(const Prompt& prompt, const std::string& continuation) const
{
    return extractAnswerNumber(untilStop(continuation, prompt.stops)) == prompt.answer;
}

} // namespace kvviz::datasets
