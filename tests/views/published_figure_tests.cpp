// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Printed numbers beside evaluations.
#include "app/gui/published_source.hpp"
#include "datasets/published.hpp"
#include "tests/support/catch.hpp"
#include "tests/views/made_up.hpp"
#include "views/delta_data.hpp"

#include <algorithm>

using namespace kvviz;
using io::EvalRecord;

namespace {

plot::CurveFigure drawnWith(const std::vector<EvalRecord>& records, const std::string& by = "task")
{
    plot::DeltaRequest request;
    request.by = by;
    request.published = app::publishedSource();
    return std::get<plot::CurveFigure>(plot::deltaFigure(records, {}, request).content);
}

const std::vector<double> kRatios{0.9, 0.5, 0.1};

} // namespace

TEST_CASE("Published lines hold what was printed, dashed and hollow, in the colour of the measured ones", "[views]")
{
    const auto curves = drawnWith(
        test::madeUpEvaluations({{"sums", "arithmetic", 20, 0.8, 1, 8}, {"facts", "world knowledge", 20, 0.8, 1, 8}},
                                {"snapkv", "knorm"}, kRatios));
    REQUIRE(curves.panels.size() == 2);
    REQUIRE(curves.panels[0].series.size() == 4);
    CHECK(curves.panels[1].series.size() == 2); // the paper has no Knorm
    const plot::CurveSeries& measured = curves.panels[0].series[0];
    const plot::CurveSeries& line = curves.panels[0].series[2];
    CHECK(line.name == "sums, published, LLaMA-3.1-8B-Instruct");
    CHECK((line.dashed && line.hollow && line.markers && !line.named));
    CHECK(line.color == measured.color);
    CHECK(line.low.empty());
    REQUIRE(line.x.size() == 10);
    for (std::size_t i = 0; i < 9; ++i) {
        datasets::PublishedQuery query;
        query.table = 6;
        query.benchmark = "AR";
        query.method = "SnapKV";
        query.ratio = line.x[i];
        const auto rows = datasets::findPublished(query);
        REQUIRE(rows.size() == 1);
        CHECK(line.y[i] == Approx(rows[0]->deltaPercent).margin(0.055)); // as printed, to its last digit
        CHECK(line.remarks[i] == "table 6");
    }
    CHECK((line.x[9] == 1 && line.y[9] == 0));
    REQUIRE(curves.legendNotes.size() == 1);
    CHECK(curves.legendNotes[0].text == "published, LLaMA-3.1-8B-Instruct");
    CHECK((curves.legendNotes[0].dashed && curves.legendNotes[0].hollow));
}

TEST_CASE("Scores are drawn beside printed scores", "[views]")
{
    plot::DeltaRequest request;
    request.published = app::publishedSource();
    request.metric = "score";
    const auto figure = plot::deltaFigure(
        test::madeUpEvaluations({{"sums", "arithmetic", 20, 0.8, 1, 8}}, {"h2o"}, kRatios), {}, request);
    const plot::CurveSeries& line = std::get<plot::CurveFigure>(figure.content).panels[0].series[1];
    CHECK(line.y.back() == Approx(0.7945));
    CHECK(line.y.front() == Approx(0.4503)); // 10 %
}

TEST_CASE("Misprints stay, with their flags in the sidecar and a word in the small print", "[views]")
{
    auto records = test::madeUpEvaluations({{"gsm8k", "arithmetic", 20, 0.8, 1, 50}}, {"snapkv"}, kRatios);
    for (EvalRecord& record : records)
        record.modelName = "DeepSeek-R1-Distill-Llama-8B";
    const auto curves = drawnWith(records);
    const plot::CurveSeries& line = curves.panels[0].series[1];
    CHECK(line.remarks.front() == "table 10; delta_mismatch");
    CHECK(line.y.front() == Approx(-24.02).margin(0.01)); // from the printed scores, not the printed -22.94
    CHECK(std::any_of(curves.notes.begin(), curves.notes.end(),
                      [](const std::string& note) { return note.find("misprints") != std::string::npos; }));
}

TEST_CASE("Two tasks of one ability share one printed line", "[views]")
{
    const auto records = test::madeUpEvaluations(
        {{"sums", "arithmetic", 20, 0.8, 1, 8}, {"addition", "arithmetic", 20, 0.8, 1, 8}}, {"snapkv"}, kRatios);
    CHECK(drawnWith(records).panels[0].series.size() == 3);
    const auto byMethod = drawnWith(records, "method");
    CHECK(byMethod.panels[0].series.size() == 2); // a panel each
    CHECK(byMethod.panels[1].series.size() == 2);
}

TEST_CASE("By shots, lines have printed numbers of as many examples, known from the setting in older files", "[views]")
{
    std::vector<EvalRecord> records;
    for (const std::int64_t shots : {1, 3, 50}) {
        const auto part = test::madeUpEvaluations({{"gsm8k", "arithmetic", 10, 0.8, 1, shots}}, {"snapkv"}, kRatios);
        records.insert(records.end(), part.begin(), part.end());
    }
    for (EvalRecord& record : records) {
        record.setting = "shots=" + std::to_string(record.shots);
        record.shots = -1;
    }
    const auto curves = drawnWith(records, "shots");
    const auto& series = curves.panels[0].series;
    REQUIRE(series.size() == 5);
    CHECK(series[3].origin == "arXiv 2502.01941v4: LLaMA-3.1-8B-Instruct, AR (shots=1)");
    CHECK(series[3].shade == series[0].shade);
    CHECK(series[4].origin == "arXiv 2502.01941v4: LLaMA-3.1-8B-Instruct, many-shot AR (shots=50)");
    CHECK(series[4].shade == series[2].shade);
}

TEST_CASE("Without anything printed there is no mark of it", "[views]")
{
    const auto curves = drawnWith(test::madeUpEvaluations({{"x", "sentiment", 20, 0.8, 1, 8}}, {"snapkv"}, kRatios));
    CHECK(curves.panels[0].series.size() == 1);
    CHECK(curves.legendNotes.empty());
    for (const std::string& note : curves.notes)
        CHECK(note.find("published") == std::string::npos);
}
