// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Evaluations as tables: what was measured, and what the paper printed beside it.
#include "app/commands/eval_table.hpp"
#include "datasets/published_line.hpp"
#include "tests/support/catch.hpp"

#include <fmt/format.h>

#include <algorithm>

using namespace kvviz;
using Catch::Contains;

namespace {

io::EvalRecord record(const std::string& method, double ratio, double score)
{
    io::EvalRecord made;
    made.task = "addition";
    made.category = "arithmetic";
    made.method = method;
    made.modelName = "SmolLM2-135M-Instruct.Q4_1";
    made.budgetUse = "follows";
    made.shots = 8;
    made.n = 40;
    made.ratio = made.actualRatio = made.sizeRatio = ratio;
    made.score = score;
    made.baseScore = 0.875;
    made.delta = (score - 0.875) / 0.875;
    made.ciLow = made.delta - 0.1;
    made.ciHigh = made.delta + 0.1;
    made.pValue = 0.2;
    return made;
}

std::string lineWith(const std::string& text, const std::string& word)
{
    const std::size_t at = text.find(word);
    const std::size_t begin = text.rfind('\n', at) + 1;
    return at == std::string::npos ? "" : text.substr(begin, text.find('\n', at) - begin);
}

} // namespace

TEST_CASE("the detailed table of evaluations shows the printed change beside the measured one", "[unit]")
{
    const std::string text =
        app::evalTables({record("fullkv", 1, 0.875), record("snapkv", 0.1, 0.5), record("knorm", 0.1, 0.5)}, true);
    datasets::PublishedWish wish;
    wish.category = "arithmetic";
    wish.method = "snapkv";
    wish.model = "SmolLM2-135M-Instruct.Q4_1";
    wish.shots = 8;
    const auto line = datasets::publishedLine(wish);
    REQUIRE(line);
    const auto point = std::find_if(line->points.begin(), line->points.end(),
                                    [](const auto& p) { return std::abs(p.ratio - 0.1) < 1e-9; });
    REQUIRE(point != line->points.end());
    const std::string printed = fmt::format(" {:.1f}", 100 * point->change);
    CHECK_THAT(lineWith(text, "snapkv"), Contains(" -42.9 ") && Contains(printed));
    CHECK_THAT(lineWith(text, "knorm"), Contains(" -42.9 ") && !Contains(printed)); // the paper has no such method
    CHECK_THAT(text, Contains("arXiv 2502.01941v4 for " + line->model));
}

TEST_CASE("tables of evaluations without printed numbers do not speak of them, and write no negative zero", "[unit]")
{
    io::EvalRecord same = record("knorm", 0.5, 0.875);
    same.delta = -1e-9;
    const std::string text = app::evalTables({record("fullkv", 1, 0.875), same}, true);
    CHECK_THAT(text, !Contains("arXiv"));
    CHECK_THAT(text, !Contains("-0.0 "));
    io::EvalRecord tokens = record("snapkv", 0.1, 0.5);
    tokens.budgetTokens = 52; // not a ratio that the paper has
    CHECK_THAT(app::evalTables({record("fullkv", 1, 0.875), tokens}, true), !Contains("arXiv"));
}
