// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Tables and pages: layout, what is published, what is missing, and names that would like to be markup.
#include "datasets/published.hpp"
#include "study/paper_tables.hpp"
#include "study/study_page.hpp"
#include "tests/study/made_up.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <set>

using namespace kvviz;
using Catch::Contains;
using study::Table;

namespace {

const std::string kHostile = "<script>alert('x')</script> | `a` & \"b\" \x01 \xff";

/// Tags in order, so that a page can be checked without a browser: every element that opens must close, in order, no
/// attribute holds a bare quote, and no bare & or < stands in a text. Empty if all is well.
std::string faultOf(const std::string& html)
{
    static const std::set<std::string> kVoid{"meta", "br", "img"};
    std::vector<std::string> open;
    for (std::size_t i = html.find('>') + 1; i < html.size();) {
        if (html[i] == '&') {
            const std::string_view rest = std::string_view(html).substr(i, 7);
            const char* const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
            if (std::none_of(std::begin(known), std::end(known), [&](auto name) { return rest.starts_with(name); }))
                return "bare & at " + html.substr(i, 40);
        }
        if (html[i] != '<') {
            ++i;
            continue;
        }
        const std::size_t end = html.find('>', i);
        if (end == std::string::npos)
            return "open tag at the end";
        std::string tag = html.substr(i + 1, end - i - 1);
        if (std::count(tag.begin(), tag.end(), '"') % 2 != 0 || tag.find('<') != std::string::npos)
            return "broken tag " + tag;
        i = end + 1;
        if (tag.front() == '/') {
            if (open.empty() || open.back() != tag.substr(1))
                return "unexpected " + tag + ", open is " + (open.empty() ? "nothing" : open.back());
            open.pop_back();
            continue;
        }
        const std::string name = tag.substr(0, tag.find(' '));
        if (name == "style")
            i = html.find("</style>", i);
        if (!kVoid.contains(name))
            open.push_back(name);
    }
    return open.empty() ? "" : open.back() + " is not closed";
}

study::ScoreBlocks someData(const std::string& model = "Tiny-Instruct")
{
    std::vector<io::EvalRecord> records;
    const auto kept = [](const std::string&, double ratio) { return ratio > 0.35 ? 1.0 : 0.5; };
    for (const char* task : {"facts", "everyday", "addition", "code_lines"})
        test::append(records, {.task = task, .model = model, .prompts = 20, .kept = kept});
    test::append(records, {.model = model, .setting = "shots=1", .shots = 1, .prompts = 20, .kept = kept});
    test::append(records, {.model = model, .setting = "shots=50", .shots = 50, .prompts = 20, .kept = kept});
    test::append(records, {.task = "sums", .model = model, .setting = "questions=8", .shots = 4, .prompts = 20,
                           .kept = kept});
    return study::collectBlocks(records);
}

const study::PaperTable& tableOf(const std::vector<study::PaperTable>& tables, int number)
{
    const auto found = std::find_if(tables.begin(), tables.end(), [&](const auto& t) { return t.number == number; });
    REQUIRE(found != tables.end());
    return *found;
}

/// The cell in a row and column by their names; empty text for none.
study::TableCell cellOf(const Table& table, const std::string& row, const std::string& column)
{
    const auto name = std::find(table.columns.begin(), table.columns.end(), column);
    REQUIRE(name != table.columns.end());
    for (const study::TableRow& line : table.rows)
        if (line.cells.front().text == row)
            return line.cells[static_cast<std::size_t>(name - table.columns.begin())];
    FAIL("no row " << row);
    return {};
}

study::PageContent pageContent(const study::ScoreBlocks& data, const std::string& name)
{
    study::PageContent content;
    content.data = data;
    content.manifest.observations = {1, 2, 3, 4, 5, 6};
    content.manifest.commandLine = "kvviz study all -o " + name;
    content.manifest.creator = "kvviz";
    content.manifest.notes = {name};
    study::StepRecord step;
    step.label = step.modelLabel = step.file = step.message = name;
    step.state = "failed";
    content.manifest.steps = {step};
    content.verdicts = study::judge(data, content.manifest.observations);
    content.figures = {{1, {"figures/" + name + ".svg", "<svg/>", name}}};
    return content;
}

} // namespace

TEST_CASE("all six tables have the paper's rows and columns, whole, with and without data", "[study][unit]")
{
    for (const study::ScoreBlocks& data : {someData(), study::ScoreBlocks{}}) {
        const std::vector<study::PaperTable> tables = study::paperTables(data);
        std::vector<int> numbers;
        for (const study::PaperTable& table : tables) {
            numbers.push_back(table.number);
            CHECK_FALSE(table.parts.empty());
            for (const Table& part : table.parts)
                for (const study::TableRow& row : part.rows)
                    CHECK(row.cells.size() == part.columns.size());
        }
        CHECK(numbers == std::vector<int>{2, 4, 5, 7, 9, 10});
        CHECK(tableOf(tables, 2).parts[0].columns
              == std::vector<std::string>{"method", "40 %", "35 %", "30 %", "25 %", "20 %", "10 %"});
        CHECK(tableOf(tables, 7).parts.size() == 4);
        CHECK(tableOf(tables, 9).parts.size() == 5);
        CHECK(tableOf(tables, 7).parts[0].columns
              == std::vector<std::string>{"kept", "StreamingLLM", "H2O", "SnapKV", "PyramidKV", "ChunkKV"});
        CHECK(tableOf(tables, 7).parts[0].rows.size() == 20);
    }
}

TEST_CASE("every published cell of the tables is the printed number, in a row marked published", "[study][unit]")
{
    const std::vector<study::PaperTable> tables = study::paperTables(someData());
    const Table& safety = tableOf(tables, 7).parts[3];
    CHECK(cellOf(safety, "10 %, published", "StreamingLLM").text == "0.5314 (\u221240.3 %)");
    CHECK(cellOf(safety, "100 % (FullKV), published", "H2O").text == "0.8895");
    const Table& manyShot = tableOf(tables, 4).parts[0];
    CHECK(cellOf(manyShot, "ShotKV, published", "10 %").text == "0.8037 (\u22122.4 %)"); // not printed: computed
    CHECK(cellOf(manyShot, "H2O, published", "10 %").text == "0.5127 (\u221237.7 %)");
    CHECK(cellOf(tableOf(tables, 2).parts[0], "PyramidInfer, published", "25 %").text == "0.1667 (\u221263.8 %)");
    CHECK(cellOf(tableOf(tables, 2).parts[0], "ShotKV, published", "10 %").text.empty()); // not in the paper
    CHECK(cellOf(tableOf(tables, 9).parts[4], "10 %, published", "ChunkKV").text.starts_with("0."));
    for (const study::PaperTable& table : tables)
        for (const Table& part : table.parts)
            for (const study::TableRow& row : part.rows)
                CHECK(row.published == (row.cells.front().text.find("published") != std::string::npos));
}

TEST_CASE("misprints keep their flag, and the model that was printed is named", "[study][unit]")
{
    const std::vector<study::PaperTable> tables = study::paperTables(someData());
    const study::PaperTable& table = tableOf(tables, 10);
    REQUIRE(table.parts.size() == 2); // measured beside LLaMA, and the reasoning model's published block
    const Table& reasoning = table.parts[1];
    const std::string cell = cellOf(reasoning, "90 %, published", "H2O").text;
    CHECK_THAT(cell, Contains("0.6612 (\u22125.9 %)") || Contains("0.6612 (\u22125.8 %)"));
    const std::string mark = cell.substr(cell.rfind('('));
    CHECK(std::any_of(reasoning.notes.begin(), reasoning.notes.end(), [&](const std::string& note) {
        return note.starts_with(mark) && note.find("does not follow from the printed scores") != std::string::npos;
    }));
    CHECK_THAT(reasoning.notes.back(), Contains("DeepSeek-R1-Distill-Llama-8B"));
    CHECK_THAT(tableOf(tables, 2).parts[0].notes.back(),
               Contains("LLaMA-3-8B-Instruct") && Contains("two models"));
    CHECK_THAT(tableOf(tables, 7).parts[0].notes.back(), Contains("names no model"));
    CHECK(study::paperTables(someData("DeepSeek-R1-Tiny"))[5].parts[0].notes.back().find("R1-Distill")
          != std::string::npos);
}

TEST_CASE("measured cells have score, change and interval, and missing ones say why", "[study][unit]")
{
    const study::ScoreBlocks data = someData();
    const std::vector<study::PaperTable> tables = study::paperTables(data);
    const Table& facts = tableOf(tables, 7).parts[0];
    CHECK_THAT(facts.caption, Contains("Tiny-Instruct: facts, 8 shots (WK)"));
    const study::TableCell cell = cellOf(facts, "30 %", "SnapKV");
    CHECK(cell.text == "0.40 (\u221250.0 %)");
    CHECK_THAT(cell.small, Contains("[\u2212") && Contains("]"));
    CHECK(cellOf(facts, "100 % (FullKV)", "SnapKV").text == "0.80");
    CHECK(cellOf(facts, "100 % (FullKV)", "SnapKV").small == "20 prompts");
    const Table& safety = tableOf(tables, 7).parts[3]; // requests was not run
    CHECK(cellOf(safety, "30 %", "SnapKV").text == "(a)");
    CHECK_THAT(safety.notes.front(), Contains("(a) not measured: this task was not run"));
    const Table& generation = tableOf(tables, 2).parts[0];
    const std::string mark = cellOf(generation, "PyramidInfer", "40 %").text;
    CHECK(mark.size() == 3);
    CHECK(std::any_of(generation.notes.begin(), generation.notes.end(), [&](const std::string& note) {
        return note.starts_with(mark) && note.find("not run at this ratio") != std::string::npos;
    }));
    const std::vector<study::MeasuredLatency> latencies{
        {.model = "Tiny", .method = "fullkv", .inputTokens = 512, .outputTokens = 64, .seconds = 4},
        {.model = "Tiny", .method = "chunkkv", .ratio = 0.3, .inputTokens = 512, .outputTokens = 64, .seconds = 2,
         .latencyGain = 1, .cacheBytes = 3e6},
        {.model = "Tiny", .method = "shotkv", .inputTokens = 512, .outputTokens = 64, .obstacle = "no window"},
        {.model = "Tiny", .method = "fullkv", .inputTokens = 2048, .outputTokens = 64, .seconds = 9}};
    const study::PaperTable latency = tableOf(study::paperTables(data, latencies), 5);
    REQUIRE(latency.parts.size() == 3); // two lengths and the paper's rows
    CHECK(cellOf(latency.parts[0], "ChunkKV", "latency s").text == "2.00");
    CHECK(cellOf(latency.parts[0], "ChunkKV", "latency gain").text == "100.0 %");
    CHECK(cellOf(latency.parts[0], "ChunkKV", "cache held").text == "3.0 MB");
    CHECK(cellOf(latency.parts[0], "ShotKV", "latency s").text == "(a)");
    CHECK(latency.parts[0].notes.front() == "(a) not measured: no window");
    CHECK(cellOf(latency.parts[2], "ShotKV, published", "latency s").text == "162.85");
    CHECK_THAT(tables[2].parts[0].notes.front(), Contains("kvviz bench was not run"));
}

TEST_CASE("a full cache that scores 0 has no relative change in the tables", "[study][unit]")
{
    const Table table = tableOf(study::paperTables(study::collectBlocks(test::recordsOf({.task = "facts", .base = 0}))),
                                7).parts[0];
    const std::string cell = cellOf(table, "30 %", "SnapKV").text;
    CHECK_THAT(cell, Contains("0.00 ("));
    CHECK_THAT(table.notes.front(), Contains("the full cache scores 0"));
}

TEST_CASE("the page is sound HTML, self-contained, with every verdict and its numbers", "[study][unit]")
{
    const study::PageContent content = pageContent(someData(), "study");
    const std::string html = study::toHtml(study::studyPage(content));
    CHECK(faultOf(html).empty());
    for (const char* outside : {"http://", "https://", "@import", "src=\"figures", "<script"})
        CHECK(html.find(outside) == std::string::npos);
    CHECK_THAT(html, Contains("data:image/svg+xml;base64,PHN2Zy8+"));
    CHECK_THAT(html, Contains("prefers-color-scheme: dark") && Contains("@media print"));
    const std::string markdown = study::toMarkdown(study::studyPage(content));
    CHECK_THAT(markdown, Contains("](figures/study.svg)"));
    for (const study::Verdict& verdict : content.verdicts) {
        CHECK(html.find(study::escapedHtml(verdict.reason)) != std::string::npos);
        CHECK(markdown.find(study::escapedMarkdown(verdict.reason)) != std::string::npos);
        for (const study::Finding& finding : verdict.findings)
            CHECK(html.find(study::escapedHtml(finding.statement)) != std::string::npos);
    }
}

TEST_CASE("a study without results still makes a page that says so", "[study][unit]")
{
    study::PageContent content = pageContent({}, "nothing");
    content.figures.clear();
    content.noFigures = "they need kvviz-gui.";
    const std::string html = study::toHtml(study::studyPage(content));
    CHECK(faultOf(html).empty());
    CHECK_THAT(html, Contains("not decidable here") && Contains("nothing was measured")
                         && Contains("Figures were not drawn"));
}

TEST_CASE("the checker of the page finds planted faults", "[study][unit]")
{
    const std::string good = study::toHtml({"t", {study::Paragraph{"x"}}});
    REQUIRE(faultOf(good).empty());
    for (const char* fault : {"</p></p>", "<b>x</p>", "a & b", "<i title=\"x>y</i>"}) {
        std::string bad = good;
        bad.insert(bad.find("<p>") + 3, fault);
        CHECK_FALSE(faultOf(bad).empty());
    }
}

TEST_CASE("names and messages from files cannot become markup", "[study][unit]")
{
    study::PageContent content = pageContent(someData(kHostile), kHostile);
    content.data.faults = {kHostile};
    const study::Document page = study::studyPage(content);
    const std::string html = study::toHtml(page);
    CHECK(faultOf(html).empty());
    CHECK(html.find("<script") == std::string::npos);
    CHECK(html.find("alert('x')") == std::string::npos);
    CHECK_THAT(html, Contains("&lt;script&gt;alert(&#39;x&#39;)"));
    CHECK_THAT(html, Contains("&lt;01&gt;")); // a control byte
    CHECK(html.find('\x01') == std::string::npos);
    const std::string markdown = study::toMarkdown(page);
    for (std::size_t i = markdown.find("<script"); i != std::string::npos; i = markdown.find("<script", i + 1)) {
        const std::size_t line = markdown.rfind('\n', i);
        CHECK(markdown.compare(line + 1, 4, "    ") == 0); // only in the command, which is code
    }
    // Every table row keeps its number of columns although the name holds a bar.
    const std::string reason = study::escapedMarkdown(kHostile);
    CHECK_THAT(reason, Contains("\\|") && Contains("&lt;script") && Contains("\\`a\\`"));
    CHECK(study::escapedMarkdown("a\nb").find('\n') == std::string::npos);
}
