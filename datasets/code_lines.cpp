// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Functions of one line, made of an operation and two argument names.
#include "datasets/code_lines.hpp"

#include "datasets/answers.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace kvviz::datasets {
namespace {

/// "{a}" and "{b}" are argument names.
struct Form {
    std::string_view comment;
    std::string_view name;
    std::string_view expression;
};

constexpr std::array kForms{
    Form{"Return the sum of {a} and {b}.", "add_{a}_{b}", "{a} + {b}"},
    Form{"Return the product of {a} and {b}.", "multiply_{a}_{b}", "{a} * {b}"},
    Form{"Return the difference of {a} and {b}.", "subtract_{a}_{b}", "{a} - {b}"},
    Form{"Return {a} divided by {b}.", "divide_{a}_{b}", "{a} / {b}"},
    Form{"Return the larger of {a} and {b}.", "larger_{a}_{b}", "max({a}, {b})"},
    Form{"Return the smaller of {a} and {b}.", "smaller_{a}_{b}", "min({a}, {b})"},
    Form{"Return True if {a} equals {b}.", "same_{a}_{b}", "{a} == {b}"},
    Form{"Return True if {a} is greater than {b}.", "greater_{a}_{b}", "{a} > {b}"},
};

constexpr std::array<std::string_view, 20> kArguments{"width", "height", "price", "count", "speed", "time", "mass",
                                                      "length", "left", "right", "first", "second", "total", "part",
                                                      "high", "low", "start", "end", "rate", "size"};

Item makeItem(const Form& form, Random& random)
{
    const std::string_view a = random.pick(kArguments);
    std::string_view b = random.pick(kArguments);
    while (b == a)
        b = random.pick(kArguments);
    const auto fill = [&](std::string_view text) {
        return fmt::format(fmt::runtime(text), fmt::arg("a", a), fmt::arg("b", b));
    };
    const std::string line = fill(form.expression);
    return {fmt::format("# {}\ndef {}({}, {}):", fill(form.comment), fill(form.name), a, b),
            "\n    return " + line, line, {line}};
}

} // namespace

TaskInfo CodeLinesTask::describe()
{
    return {"code_lines", "code", "The last line of tiny Python functions, judged by the exact line.", "built in", 8,
            "CG", 16};
}

CodeLinesTask::CodeLinesTask(const TaskOptions& options)
    : GeneratedTask(describe(), options, "# Small functions.\n\n", {"\n\n", "\n#"})
{
}

Item CodeLinesTask::question(std::int64_t index) const
{
    Random random(seed(), "code_lines question", index);
    return makeItem(random.pick(kForms), random);
}

Item CodeLinesTask::drawShot(std::int64_t index, int number, Random& random) const
{
    // Every form once in eight shots, in an order of the prompt's own, so that the one asked for has been shown.
    Random start(seed(), "code_lines order", index);
    const auto form = (start.below(kForms.size()) + 3 * static_cast<std::uint64_t>(number)) % kForms.size();
    return makeItem(kForms[static_cast<std::size_t>(form)], random);
}

bool CodeLinesTask::isCorrect(const Prompt& prompt, const std::string& continuation) const
{
    return trimmed(untilStop(continuation, prompt.stops)) == "return " + prompt.answer;
}

} // namespace kvviz::datasets
