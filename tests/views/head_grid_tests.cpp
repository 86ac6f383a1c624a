// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Measures of heads against plain sums over the attention rows; grid and table of heads driven as a user does.
#include "tests/views/view_fixture.hpp"
#include "views/figure_exporter.hpp"
#include "views/head_grid.hpp"
#include "views/head_table_view.hpp"
#include "views/sidecar.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <limits>

using namespace kvviz;
using plot::HeadMeasure;
using test::ViewBench;

namespace {

/// Mean absolute difference of all pairs, over twice the mean.
double plainGini(const std::vector<float>& values)
{
    double differences = 0, sum = 0;
    for (const float a : values) {
        sum += static_cast<double>(a);
        for (const float b : values)
            differences += std::abs(static_cast<double>(a) - static_cast<double>(b));
    }
    const auto n = static_cast<double>(values.size());
    return differences / (n * n) / (2 * sum / n);
}

struct Plain {
    double entropy = 0, effective = 0, sinkMass = 0;
    std::vector<float> received;
};

/// From all rows of a head's map.
Plain plainStatistics(const test::SyntheticCapture& capture, std::int64_t slot, std::int64_t head, std::int64_t sinks)
{
    const std::int64_t n = capture.info().nPrompt();
    Plain plain;
    plain.received.assign(static_cast<std::size_t>(n), 0.0f);
    for (std::int64_t query = 0; query < n; ++query) {
        double entropy = 0, mass = 0;
        for (std::int64_t key = 0; key <= query; ++key) {
            const auto p =
                static_cast<double>(capture.fullMap(slot)[static_cast<std::size_t>((head * n + query) * n + key)]);
            entropy -= p > 0 ? p * std::log(p) : 0;
            mass += key < sinks ? p : 0;
            plain.received[static_cast<std::size_t>(key)] += static_cast<float>(p);
        }
        plain.entropy += entropy / static_cast<double>(n);
        plain.effective += std::exp(entropy) / static_cast<double>(n);
        plain.sinkMass += mass / static_cast<double>(n);
    }
    return plain;
}

QPointF cellCenter(const views::HeadGrid& grid, int row, int column)
{
    return grid.canvas()->item().cellRect(row, column).center();
}

} // namespace

TEST_CASE("The Gini coefficient is half the relative mean difference of all pairs", "[views][unit]")
{
    CHECK(plot::gini(std::vector<float>{3, 3, 3, 3}) == Approx(0).margin(1e-12));
    CHECK(plot::gini(std::vector<float>{0, 0, 0, 8}) == Approx(0.75));
    CHECK(std::isnan(plot::gini(std::vector<float>{})));
    CHECK(std::isnan(plot::gini(std::vector<float>{0, 0})));
    const test::SyntheticCapture capture;
    const auto& layer = capture.layer(0);
    const std::vector<float> received(layer.received.begin(), layer.received.begin() + layer.n);
    CHECK(plot::gini(received) == Approx(plainGini(received)).epsilon(1e-9));
}

TEST_CASE("Measures of heads agree with sums over the rows of their maps", "[views]")
{
    const test::SyntheticCapture capture({.layers = 2, .heads = 6, .kvHeads = 3, .n = 50, .t = 3});
    const std::int64_t sinks = GENERATE(0, 1, 4, 50);
    for (std::int64_t slot = 0; slot < 2; ++slot) {
        const plot::HeadStatistics statistics = plot::headStatistics(capture.layer(slot), sinks);
        REQUIRE(statistics.entropy.size() == 6);
        for (std::size_t head = 0; head < 6; ++head) {
            const Plain plain = plainStatistics(capture, slot, static_cast<std::int64_t>(head), sinks);
            CHECK(statistics.entropy[head] == Approx(plain.entropy).epsilon(1e-4));
            CHECK(statistics.effectiveTokens[head] == Approx(plain.effective).epsilon(1e-4));
            CHECK(statistics.sinkMass[head] == Approx(plain.sinkMass).epsilon(1e-4).margin(1e-6));
            CHECK(statistics.gini[head] == Approx(plainGini(plain.received)).epsilon(1e-4));
            const std::vector<float> rest(plain.received.begin() + sinks, plain.received.end());
            if (rest.empty())
                CHECK(std::isnan(statistics.giniNonSink[head]));
            else
                CHECK(statistics.giniNonSink[head] == Approx(plainGini(rest)).epsilon(1e-4).margin(1e-6));
        }
    }
}

TEST_CASE("Colour ranges of measures are round and hold every value", "[views][unit]")
{
    const std::vector<std::vector<double>> lists{{0.31, 2.9},  {0.971, 0.979},       {5, 5}, {-7.3, -0.2}, {0, 0},
                                                 {1e-5, 3e-5}, {std::nan(""), 4, 90}};
    for (const std::vector<double>& values : lists) {
        const auto [low, high] = plot::roundRange(values);
        CHECK(low < high);
        for (const double value : values)
            if (!std::isnan(value)) {
                CHECK(low <= value + 1e-12);
                CHECK(high >= value - 1e-12);
            }
    }
    CHECK(plot::roundRange(std::vector<double>{}) == std::pair(0.0, 1.0));
}

TEST_CASE("The grid groups query heads under their KV heads and chooses by click, label and keyboard", "[views][io]")
{
    ViewBench bench({test::syntheticOf(core::Tier::full, {.layers = 3, .heads = 6, .kvHeads = 2})});
    views::HeadGrid grid(bench.context());
    test::present(grid, {500, 500});
    CHECK(grid.notice().isEmpty());
    const plot::MatrixItem& item = grid.canvas()->item();
    REQUIRE(item.rows() == 3);
    REQUIRE(item.columns() == 6);
    CHECK(item.panel().groups == std::vector<std::string>{"KV 0", "KV 1"});
    const auto step = [&](int column) { return item.cellRect(0, column + 1).left() - item.cellRect(0, column).left(); };
    CHECK(step(0) == step(1));
    CHECK(step(2) > step(1)); // a gap before the second KV head
    CHECK(item.cellAt(QPointF(item.cellRect(0, 2).right() + 1, item.cellRect(0, 2).center().y())) == std::nullopt);

    test::click(grid.canvas(), cellCenter(grid, 2, 4));
    CHECK(bench.selection.state().layer == 2);
    CHECK(bench.selection.state().head == 4);
    CHECK(item.panel().markedRow == 2);
    CHECK(item.panel().markedColumn == 4);
    const QRectF row = item.cellRect(1, 0);
    test::click(grid.canvas(), QPointF(row.left() - 6, row.center().y()));
    CHECK(bench.selection.state().layer == 1);
    CHECK(bench.selection.state().head == -1);
    CHECK(item.panel().markedColumn == -1);

    for (const int key : {Qt::Key_Home, Qt::Key_Right, Qt::Key_Right, Qt::Key_Down})
        test::pressKey(grid.canvas(), key);
    CHECK(bench.selection.state().layer == 1); // moving looks, Enter chooses
    test::pressKey(grid.canvas(), Qt::Key_Return);
    CHECK(bench.selection.state().layer == 2);
    CHECK(bench.selection.state().head == 2);
    for (int i = 0; i < 20; ++i)
        test::pressKey(grid.canvas(), Qt::Key_Right);
    test::pressKey(grid.canvas(), Qt::Key_Return);
    CHECK(bench.selection.state().head == 5);
}

TEST_CASE("Hovering a head tells layer, head, KV head and its values", "[views][io]")
{
    ViewBench bench({test::syntheticOf(core::Tier::stats, {.layers = 2, .heads = 4, .kvHeads = 2})});
    views::HeadGrid grid(bench.context());
    test::present(grid, {400, 400});
    QString told;
    QObject::connect(&grid, &views::View::hovered, [&](const QString& text) { told = text; });
    test::hover(grid.canvas(), cellCenter(grid, 1, 3));
    CHECK(told.contains(QStringLiteral("layer 1")));
    CHECK(told.contains(QStringLiteral("head 3")));
    CHECK(told.contains(QStringLiteral("KV head 1")));
    const double entropy = static_cast<double>(grid.table().of(HeadMeasure::entropy, false)[grid.table().index(1, 3)]);
    CHECK(told.contains(QStringLiteral("entropy %1").arg(entropy, 0, 'g', 3)));
    test::hover(grid.canvas(), QPointF(1, 1));
    CHECK(told.isEmpty());
}

TEST_CASE("Lost mass is said to be missing until it is known, and fills in layer by layer", "[views][io]")
{
    ViewBench bench({test::syntheticOf(core::Tier::cache)});
    views::HeadGrid grid(bench.context());
    test::present(grid, {400, 400});
    grid.setMeasure(HeadMeasure::lostMass);
    CHECK(grid.notice().contains(QStringLiteral("snapkv")));
    CHECK(!grid.figure());
    const float unknown = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> lost{0.1f, 0.2f, 0.3f, 0.4f, unknown, unknown, unknown, unknown};
    const std::vector<float> beside{0.5f, 0.6f, 0.7f, 0.8f, unknown, unknown, unknown, unknown};
    grid.setLost(lost, beside, QStringLiteral("SnapKV, 0.5 kept"));
    CHECK(grid.notice().isEmpty());
    CHECK(grid.canvas()->item().value(0, 2) == Approx(0.3));
    CHECK(std::isnan(grid.canvas()->item().value(1, 0)));
    bench.selection.change([](auto& s) { s.withoutSinks = true; });
    CHECK(grid.canvas()->item().value(0, 2) == Approx(0.7));
    REQUIRE(grid.figure());
    const plot::Figure figure = *grid.figure();
    const auto& content = std::get<plot::MatrixFigure>(figure.content);
    CHECK(content.scale.label.find("SnapKV, 0.5 kept") != std::string::npos);
    CHECK(content.scale.label.find("without the first 4 tokens") != std::string::npos);
}

TEST_CASE("The table of heads sorts by the measure, unknown values last, and chooses the head of a row", "[views][io]")
{
    ViewBench bench({test::syntheticOf(core::Tier::stats, {.layers = 3, .heads = 4, .kvHeads = 2})});
    views::HeadGrid grid(bench.context());
    test::present(grid, {600, 400});
    grid.setSorted(true);
    const QAbstractItemModel* model = grid.tableView()->model();
    REQUIRE(model->rowCount() == 12);
    const auto column = [&](int which) {
        std::vector<double> values;
        for (int row = 0; row < model->rowCount(); ++row)
            values.push_back(model->index(row, which).data(Qt::UserRole).toDouble());
        return values;
    };
    const auto entropies = column(3);
    CHECK(std::is_sorted(entropies.rbegin(), entropies.rend()));
    std::vector<float> lost(12, std::numeric_limits<float>::quiet_NaN());
    lost[5] = 0.2f;
    lost[7] = 0.9f;
    grid.setLost(lost, lost, QStringLiteral("x"));
    grid.setMeasure(HeadMeasure::lostMass);
    for (const auto order : {Qt::DescendingOrder, Qt::AscendingOrder}) {
        grid.tableView()->sortByColumn(7, order);
        const auto values = column(7);
        CHECK(values[0] == Approx(order == Qt::DescendingOrder ? 0.9 : 0.2));
        CHECK(std::isnan(values[2]));
        CHECK(std::isnan(values.back()));
    }
    Q_EMIT grid.tableView()->clicked(model->index(1, 0)); // 0.9: slot 1, head 3
    CHECK(bench.selection.state().layer == 1);
    CHECK(bench.selection.state().head == 3);
    const QStringList copied = grid.tableView()->selectedRows().split(QLatin1Char('\n'));
    REQUIRE(copied.size() == 2);
    CHECK(copied[0].startsWith(QStringLiteral("Layer\tHead\tKV head\tEntropy")));
    CHECK(copied[1].startsWith(QStringLiteral("1\t3\t1\t")));
}

TEST_CASE("Small maps are drawn for captures that hold maps, and missed in one sentence elsewhere", "[views][io]")
{
    ViewBench bench({test::syntheticOf(core::Tier::full), test::syntheticOf(core::Tier::stats)});
    views::HeadGrid grid(bench.context());
    test::present(grid, {500, 400});
    grid.setThumbnails(true);
    REQUIRE(test::waitUntil([&] { return grid.figure().has_value(); }));
    const auto panel = std::get<plot::MatrixFigure>(grid.figure()->content).panels.front();
    REQUIRE(panel.tiles.size() == 8);
    const io::CaptureReader reader(bench.folder / "0.kvh5");
    CHECK(panel.tiles[6].values.size()
          == reader.mapLevel(1, 2, reader.mapLevels() - 1, io::Pooling::max).values.size());
    (void)grid.grab();
    bench.selection.setCapture(1);
    REQUIRE(test::waitUntil([&] { return grid.notice().contains(QStringLiteral("--tier map")); }));
    CHECK(!grid.figure());
    grid.setMeasure(HeadMeasure::entropy);
    REQUIRE(test::waitUntil([&] { return grid.notice().isEmpty(); }));
}

TEST_CASE("Hovering a head shows its map before it is chosen", "[views][io]")
{
    for (const bool maps : {true, false}) {
        ViewBench bench({test::syntheticOf(maps ? core::Tier::full : core::Tier::cache)});
        views::HeadGrid grid(bench.context());
        test::present(grid, {360, 460});
        const auto tipAt = [&](int row, int column) {
            test::hover(grid.canvas(), cellCenter(grid, row, column));
            return grid.canvas()->toolTip();
        };
        CHECK_FALSE(tipAt(0, 1).isEmpty());
        if (!maps) {
            CHECK_FALSE(tipAt(0, 2).contains("<img"));
            continue;
        }
        int turn = 0; // the first cell asks for the maps, a later one shows its own
        REQUIRE(test::waitUntil([&] { return tipAt(0, ++turn % 2).contains("<img src=\"data:image/png;base64,"); }));
        const QString one = tipAt(0, 0), other = tipAt(1, 3);
        CHECK(one.section('"', 1, 1) != other.section('"', 1, 1));
        CHECK(other.contains("layer"));
        CHECK(bench.selection.state().head == -1); // a click chooses, not the mouse
    }
}

TEST_CASE("One layer, one head, no decode steps: the grid shows what there is", "[views][io]")
{
    auto tiny =
        test::syntheticOf(core::Tier::stats, {.layers = 1, .heads = 1, .kvHeads = 1, .n = 3, .t = 0, .window = 2});
    tiny.mutableInfo().segments.clear();
    ViewBench bench({tiny});
    views::HeadGrid grid(bench.context());
    test::present(grid, {300, 300});
    CHECK(grid.notice().isEmpty());
    CHECK(grid.canvas()->item().rows() == 1);
    test::click(grid.canvas(), cellCenter(grid, 0, 0));
    CHECK(bench.selection.state().head == 0);
}

TEST_CASE("A file that is gone is told in the grid's area, the next capture works", "[views][io]")
{
    ViewBench bench({test::syntheticOf(core::Tier::stats), test::syntheticOf(core::Tier::stats)});
    std::filesystem::remove(bench.folder / "1.kvh5");
    views::HeadGrid grid(bench.context());
    test::present(grid, {300, 300});
    QString told;
    QObject::connect(&grid, &views::View::failed, [&](const QString& message) { told = message; });
    bench.selection.setCapture(1);
    REQUIRE(test::waitUntil([&] { return !told.isEmpty(); }));
    CHECK(grid.notice().contains(QStringLiteral("1.kvh5")));
    bench.selection.setCapture(0);
    REQUIRE(test::waitUntil([&] { return grid.notice().isEmpty(); }));
}

TEST_CASE("A figure of heads holds labels as text and the numbers in its sidecar", "[views][io]")
{
    ViewBench bench({test::syntheticOf(core::Tier::full)});
    views::HeadGrid grid(bench.context());
    test::present(grid, {400, 400});
    const plot::Figure figure = *grid.figure();
    plot::ExportOptions options;
    options.path = "heads.svg";
    const QByteArray svg = plot::renderFigure(figure, options);
    CHECK(svg == plot::renderFigure(figure, options));
    for (const char* text : {"KV 0", "KV 1", "layer", "Entropy"})
        CHECK(svg.contains(text));
    const auto sidecar = nlohmann::json::parse(plot::sidecarJson(figure, "kvviz test", ""));
    const auto& values = sidecar.at("panels").at(0).at("values");
    REQUIRE(values.size() == 2);
    REQUIRE(values.at(0).size() == 4);
    CHECK(values.at(1).at(3).get<double>()
          == Approx(static_cast<double>(grid.table().of(HeadMeasure::entropy, false)[7])).epsilon(1e-4));
    CHECK(sidecar.at("color_scale").at("label").get<std::string>().find("Entropy") == 0);
}
