// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Pages of several figures, images for the clipboard, and the panel that makes them.
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/views/made_up.hpp"
#include "tests/views/svg_texts.hpp"
#include "views/export_panel.hpp"
#include "views/figure_csv.hpp"
#include "views/method_data.hpp"
#include "views/page_exporter.hpp"

#include <nlohmann/json.hpp>

#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QGuiApplication>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>

#include <fstream>
#include <set>

using namespace kvviz;
using Catch::Contains;

namespace {

plot::Figure map()
{
    test::MapShape shape;
    shape.n = 120;
    shape.t = 6;
    shape.cells = 40;
    return test::madeUpHeatmap(shape);
}

plot::Figure curves() { return plot::methodsFigure(test::madeUpRecords(2), {}, {}); }

plot::PageOptions optionsFor(const std::filesystem::path& path)
{
    plot::PageOptions options;
    options.path = path;
    options.creator = "kvviz test";
    return options;
}

std::string contents(const std::filesystem::path& path)
{
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> lettersOf(const std::vector<plot::Figure>& figures)
{
    std::vector<std::string> letters;
    for (const plot::Figure& figure : figures)
        std::visit(
            [&](const auto& content) {
                for (const auto& panel : content.panels)
                    letters.push_back(panel.letter);
            },
            figure.content);
    return letters;
}

/// A panel with what its user would do.
struct Bench {
    std::vector<std::pair<QString, plot::Figure>> figures{{"Map", map()}, {"Methods", curves()}};
    views::ExportPanel panel{[this] { return figures; }};
    QStringList written, failures;
    int copies = 0;

    Bench()
    {
        QObject::connect(&panel, &views::ExportPanel::exported, [this](const QString& path) { written << path; });
        QObject::connect(&panel, &views::ExportPanel::failed, [this](const QString& text) { failures << text; });
        QObject::connect(&panel, &views::ExportPanel::copied, [this] { ++copies; });
    }
    template <typename Widget>
    Widget* child(const char* name)
    {
        auto* found = panel.findChild<Widget*>(QLatin1String(name));
        REQUIRE(found != nullptr);
        return found;
    }
    void press(const char* name) { child<QPushButton>(name)->click(); }
    [[nodiscard]] std::string message() { return child<QLabel>("message")->text().toStdString(); }
};

} // namespace

TEST_CASE("Panels of a page are lettered from one figure to the next", "[views][unit]")
{
    const auto figures = plot::letteredFigures({map(), curves(), map()});
    CHECK(lettersOf(figures) == std::vector<std::string>{"a", "b", "c", "d"});
    CHECK(lettersOf(plot::letteredFigures({map()})) == std::vector<std::string>{""});
    plot::Figure tasks = map();
    auto& content = std::get<plot::HeatmapFigure>(tasks.content);
    content.panels.push_back(content.panels.front());
    content.panels[0].letter = "a";
    content.panels[1].letter = "b";
    tasks.parameters = {{"layer (a)", "3"}, {"layer (b)", "5"}};
    const auto renamed = plot::letteredFigures({map(), tasks});
    CHECK(renamed[1].parameters[0].first == "layer (b)");
    CHECK(renamed[1].parameters[1].first == "layer (c)");
}

TEST_CASE("A page has the width asked for, every letter once, and no text on another", "[views]")
{
    auto options = optionsFor("a.svg");
    options.columns = GENERATE(0, 1, 2);
    options.dark = GENERATE(false, true);
    const QByteArray svg = plot::renderPage({map(), curves(), map()}, options);
    const test::SvgPage page = test::readSvg(svg);
    CHECK(page.wellFormed);
    CHECK(page.page.width() == Approx(178 / 25.4 * 288).margin(1));
    INFO(test::misplaced(page));
    CHECK(test::misplaced(page).empty());
    std::multiset<QString> texts;
    for (const test::SvgText& text : page.texts)
        texts.insert(text.text);
    for (const char* letter : {"(a)", "(b)", "(c)", "(d)"})
        CHECK(texts.count(QLatin1String(letter)) == 1);
}

TEST_CASE("Figures of a page stand side by side where they have room", "[views]")
{
    auto options = optionsFor("a.png");
    options.dpi = 60;
    const QImage wide = plot::pageImage({map(), map()}, options);
    options.widthMm = 85;
    const QImage narrow = plot::pageImage({map(), map()}, options);
    CHECK(wide.width() == Approx(178 / 25.4 * 60).margin(1));
    CHECK(narrow.width() == Approx(85 / 25.4 * 60).margin(1));
    CHECK(narrow.height() > 1.7 * wide.height());
    const auto isBlank = [](const QImage& image, int x) {
        for (int y = 0; y < image.height(); ++y)
            if (image.pixelColor(x, y) != QColor(Qt::white))
                return false;
        return true;
    };
    CHECK(isBlank(wide, wide.width() / 2)); // the gap between them
}

TEST_CASE("Two exports of a page are the same bytes", "[views]")
{
    const std::string name = GENERATE("a.pdf", "a.svg", "a.png");
    const std::vector<plot::Figure> figures{map(), curves()};
    CHECK(plot::renderPage(figures, optionsFor(name)) == plot::renderPage(figures, optionsFor(name)));
}

TEST_CASE("The image for the clipboard is the picture of the PNG", "[views]")
{
    plot::ExportOptions options;
    options.path = "a.png";
    options.dpi = 90;
    QImage png;
    REQUIRE(png.loadFromData(plot::renderFigure(curves(), options), "PNG"));
    CHECK(plot::figureImage(curves(), options).convertToFormat(QImage::Format_RGB32)
          == png.convertToFormat(QImage::Format_RGB32));
}

TEST_CASE("Exporting a page writes it with one JSON file and a table for each figure", "[views]")
{
    const test::ScratchFolder folder;
    auto options = optionsFor(folder / "page.pdf");
    options.csv = true;
    plot::exportPage({map(), curves()}, options);
    CHECK_THAT(contents(folder / "page.pdf"), Catch::StartsWith("%PDF"));
    const auto json = nlohmann::json::parse(contents(folder / "page.pdf.json"));
    CHECK(json["figure"] == "page");
    REQUIRE(json["figures"].size() == 2);
    CHECK(json["figures"][0]["figure"] == "heatmap");
    CHECK(json["figures"][0]["panels"][0]["letter"] == "a");
    CHECK(json["figures"][1]["panels"][1]["letter"] == "c");
    CHECK_THAT(contents(folder / "page.pdf.1.csv"), Catch::StartsWith("panel,title,part"));
    CHECK_THAT(contents(folder / "page.pdf.2.csv"), Catch::StartsWith("panel,title,series"));
    CHECK_THROWS_WITH(plot::exportPage({map(), curves()}, options), Contains("--force"));
    options.path = folder / "other.pdf";
    CHECK_THROWS_WITH(plot::exportPage({}, options), Contains("nothing to put on the page"));
    CHECK_FALSE(std::filesystem::exists(folder / "other.pdf"));
}

TEST_CASE("The panel writes one view, or all of them as a page", "[views]")
{
    const test::ScratchFolder folder;
    Bench bench;
    bench.panel.setProvenance("kvviz 1", "kvviz view a.kvh5");
    bench.panel.choose("Methods");
    bench.panel.setFile(QString::fromStdString(folder / "m.svg"));
    bench.child<QCheckBox>("csv")->setChecked(true);
    bench.press("save");
    CHECK(bench.failures.isEmpty());
    CHECK(bench.written == QStringList{QString::fromStdString(folder / "m.svg")});
    CHECK(contents(folder / "m.svg.csv") == plot::figureCsv(curves()));
    CHECK(nlohmann::json::parse(contents(folder / "m.svg.json"))["command"] == "kvviz view a.kvh5");
    bench.panel.choose("");
    bench.panel.setFile(QString::fromStdString(folder / "page.pdf"));
    bench.press("save");
    CHECK(nlohmann::json::parse(contents(folder / "page.pdf.json"))["figures"].size() == 2);
    CHECK_THAT(bench.message(), Contains("page.pdf"));
}

TEST_CASE("The panel asks before it overwrites, in place", "[views]")
{
    const test::ScratchFolder folder;
    static_cast<void>(folder.write("m.png", "mine"));
    Bench bench;
    bench.panel.choose("Map");
    bench.panel.setFile(QString::fromStdString(folder / "m.png"));
    bench.press("save");
    CHECK(contents(folder / "m.png") == "mine");
    CHECK_THAT(bench.message(), Contains("exists"));
    CHECK(bench.failures.isEmpty());
    CHECK(bench.child<QPushButton>("save")->text().remove('&') == "Overwrite");
    bench.panel.setFile(QString::fromStdString(folder / "m.png")); // another thought: asked again
    CHECK(bench.child<QPushButton>("save")->text().remove('&') == "Save");
    bench.press("save");
    CHECK(contents(folder / "m.png") == "mine");
    bench.press("save");
    CHECK(bench.written.size() == 1);
    CHECK_THAT(contents(folder / "m.png"), Contains("PNG"));
}

TEST_CASE("The panel asks, too, when only a file beside it exists", "[views]")
{
    const test::ScratchFolder folder;
    static_cast<void>(folder.write("m.png.csv", "mine"));
    Bench bench;
    bench.panel.choose("Map");
    bench.panel.setFile(QString::fromStdString(folder / "m.png"));
    bench.child<QCheckBox>("csv")->setChecked(true);
    bench.press("save");
    CHECK(contents(folder / "m.png.csv") == "mine");
    CHECK_THAT(bench.message(), Contains("exists"));
    bench.child<QCheckBox>("csv")->setChecked(false);
    bench.press("save");
    CHECK(bench.written.size() == 1);
}

TEST_CASE("What cannot be written is said in the panel and to the window", "[views]")
{
    Bench bench;
    bench.panel.setFile("/nowhere/at/all.pdf");
    bench.press("save");
    REQUIRE(bench.failures.size() == 1);
    CHECK_THAT(bench.failures[0].toStdString(), Contains("does not exist"));
    CHECK(bench.message() == bench.failures[0].toStdString());
    bench.panel.setFile("a.gif");
    bench.press("save");
    CHECK_THAT(bench.failures.last().toStdString(), Contains(".pdf, .svg or .png"));
    bench.panel.setFile("  ");
    bench.press("save");
    CHECK(bench.failures.size() == 3);
    bench.panel.choose("Map");
    bench.figures.erase(bench.figures.begin()); // the view went away meanwhile
    bench.panel.setFile("a.pdf");
    bench.press("copy");
    CHECK_THAT(bench.failures.last().toStdString(), Contains("'Map'"));
    CHECK(bench.written.isEmpty());
}

TEST_CASE("Without anything to export the buttons are off and say why", "[views]")
{
    Bench bench;
    bench.figures.clear();
    bench.panel.refresh();
    CHECK_FALSE(bench.child<QPushButton>("save")->isEnabled());
    CHECK_FALSE(bench.child<QPushButton>("copy")->isEnabled());
    CHECK_THAT(bench.message(), Contains("No view"));
    bench.figures = {{"Map", map()}};
    bench.panel.refresh();
    CHECK(bench.child<QPushButton>("save")->isEnabled());
}

TEST_CASE("Format and ending follow each other, and the choice of view survives a refresh", "[views]")
{
    Bench bench;
    bench.panel.setFile("dir.v1/out.pdf");
    bench.child<QComboBox>("format")->setCurrentIndex(1);
    CHECK(bench.panel.file() == "dir.v1/out.svg");
    bench.panel.setFile("dir.v1/out.PNG");
    CHECK(bench.child<QComboBox>("format")->currentIndex() == 2);
    bench.panel.setFile("out");
    bench.child<QComboBox>("format")->setCurrentIndex(0);
    CHECK(bench.panel.file() == "out.pdf");
    bench.panel.choose("Methods");
    bench.figures.insert(bench.figures.begin(), {"New", map()});
    bench.panel.refresh();
    CHECK(bench.child<QComboBox>("what")->currentText() == "Methods");
    CHECK_FALSE(bench.child<QSpinBox>("columns")->isEnabled());
}

TEST_CASE("Sizes chosen in the panel are those of the picture on the clipboard", "[views]")
{
    Bench bench;
    bench.panel.choose("Methods");
    const auto widthOnClipboard = [&] {
        bench.press("copy");
        return QGuiApplication::clipboard()->image().width() / 300.0 * 25.4;
    };
    bench.child<QComboBox>("preset")->setCurrentIndex(1);
    CHECK(widthOnClipboard() == Approx(85).margin(0.2));
    bench.child<QComboBox>("preset")->setCurrentIndex(bench.child<QComboBox>("preset")->count() - 1);
    CHECK(bench.child<QDoubleSpinBox>("width")->isEnabled());
    bench.child<QDoubleSpinBox>("width")->setValue(64);
    CHECK(widthOnClipboard() == Approx(64).margin(0.2));
    CHECK(bench.copies == 2);
}

TEST_CASE("Everything in the panel has a name for screen readers and room to be hit", "[views]")
{
    Bench bench;
    bench.panel.resize(420, 460);
    bench.panel.show();
    int checked = 0;
    for (const auto* widget : bench.panel.findChildren<QWidget*>()) {
        if (widget->focusPolicy() == Qt::NoFocus || !widget->isVisible() || widget->objectName().startsWith("qt_"))
            continue;
        INFO(widget->metaObject()->className() << ' ' << widget->objectName().toStdString());
        CHECK_FALSE(widget->accessibleName().isEmpty());
        CHECK(widget->height() >= 24);
        ++checked;
    }
    CHECK(checked >= 12);
}
