// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz figure` and `kvviz report` as typed, without a display: files they write, what they refuse and with what words.
#include "tests/cli/process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"

#include <nlohmann/json.hpp>

#include <fstream>
#include <iterator>

using namespace kvviz;
using Catch::Contains;
using nlohmann::json;

namespace {

test::Outcome runKvviz(std::vector<std::string> arguments) { return test::runProgram("kvviz", arguments); }

std::string contentOf(const std::filesystem::path& file)
{
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

std::string makeCapture(const test::ScratchFolder& folder, const std::string& name, const std::string& task)
{
    test::SyntheticCapture capture;
    capture.mutableInfo().tier = core::Tier::full;
    capture.mutableInfo().prompt.task = task;
    capture.mutableInfo().prompt.id = task + "-0";
    std::filesystem::create_directories((folder / name).parent_path());
    test::writeSynthetic(capture, folder / name);
    return folder / name;
}

} // namespace

TEST_CASE("kvviz figure draws figures of the paper from captures, twice the same bytes, with table and JSON", "[cli]")
{
    const test::ScratchFolder folder;
    const std::string a = makeCapture(folder, "a.kvh5", "addition"), b = makeCapture(folder, "b.kvh5", "needle");
    for (const std::string name : {"fig2", "fig3"})
        for (const std::string ending : {".pdf", ".svg", ".png"}) {
            const std::string first = folder / (name + ending);
            const std::vector<std::string> command{"figure", name, a, b, "-o", first, "--csv", "--force"};
            const test::Outcome outcome = runKvviz(command);
            INFO(outcome.err);
            REQUIRE(outcome.status == 0);
            CHECK(outcome.out == first + "\n");
            const std::string before = contentOf(first), tableBefore = contentOf(first + ".csv"),
                              jsonBefore = contentOf(first + ".json");
            REQUIRE(runKvviz(command).status == 0); // it is part of the picture: the same one
            CHECK(contentOf(first) == before);
            CHECK(contentOf(first + ".csv") == tableBefore);
            CHECK(contentOf(first + ".json") == jsonBefore);
            const json sidecar = json::parse(contentOf(first + ".json"));
            CHECK(sidecar["figure"] == name);
            CHECK_THAT(std::string(sidecar["parameters"]["paper"]), Contains("arXiv 2502.01941v4"));
            CHECK_THAT(contentOf(first + ".csv"), Catch::StartsWith("panel,title,"));
        }
}

TEST_CASE("kvviz figure says which files a figure of the paper needs", "[cli]")
{
    const test::ScratchFolder folder;
    const std::string capture = makeCapture(folder, "a.kvh5", "addition");
    const std::string output = folder / "f.pdf";
    const test::Outcome wrong = runKvviz({"figure", "fig5", capture, "-o", output});
    CHECK(wrong.status == 2);
    CHECK_THAT(wrong.err, Contains("is a capture") && Contains("'fig5'") && Contains("kvviz eval --task"));
    CHECK_FALSE(std::filesystem::exists(output));
    const auto results = folder.write("r.kvres.h5", "no HDF5");
    const test::Outcome other = runKvviz({"figure", "fig2", results.string(), "-o", output});
    CHECK(other.status == 2);
    CHECK_THAT(other.err, Contains("kvviz capture"));
    CHECK(runKvviz({"figure", "fig1", results.string(), "-o", output}).status == 3);
}

TEST_CASE("kvviz figure follows a style file, and refuses one before it reads anything", "[cli]")
{
    const test::ScratchFolder folder;
    const std::string capture = makeCapture(folder, "a.kvh5", "addition");
    const auto style = folder.write("s.json", R"({"theme": "dark", "width": 50, "dpi": 100})");
    const auto wrong = folder.write("w.json", R"({"themes": "dark"})");
    const std::string output = folder / "f.png";
    REQUIRE(runKvviz({"figure", "heatmap", capture, "-o", output, "--style", style.string()}).status == 0);
    const std::string png = contentOf(output); // width of the picture: bytes 16 to 19
    REQUIRE(png.size() > 24);
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(png[i]); };
    CHECK(byte(18) * 256 + byte(19) == Approx(50 / 25.4 * 100).margin(1));
    const test::Outcome refused =
        runKvviz({"figure", "heatmap", "/no/such.kvh5", "-o", folder / "g.png", "--style", wrong.string()});
    CHECK(refused.status == 3);
    CHECK_THAT(refused.err, Contains("'themes'") && Contains("did you mean 'theme'?"));
}

TEST_CASE("kvviz report writes a page about a folder, and keeps one that is there", "[cli]")
{
    const test::ScratchFolder folder;
    static_cast<void>(makeCapture(folder, "run/a.kvh5", "addition"));
    static_cast<void>(makeCapture(folder, "run/b.kvh5", "needle"));
    static_cast<void>(folder.write("run/bad.kvh5", "no HDF5"));
    const std::string run = folder / "run";
    REQUIRE(runKvviz({"replay", run + "/a.kvh5", "--methods", "snapkv;h2o", "--ratios", "0.5", "-o",
                      run + "/replay.kvres.h5", "-q"})
                .status
            == 0);
    const std::string output = folder / "report.html";
    const test::Outcome outcome = runKvviz({"report", run, "-o", output, "--json"});
    INFO(outcome.err);
    REQUIRE(outcome.status == 0);
    const json said = json::parse(outcome.out);
    CHECK(said["captures"] == 2);
    CHECK(said["maps"] == 20);
    CHECK(said["bytes"] == std::filesystem::file_size(output));
    REQUIRE(said["left_out"].size() == 1);
    CHECK(said["left_out"][0]["what"] == "bad.kvh5");
    CHECK_THAT(outcome.err, Contains("left out: bad.kvh5"));
    const std::string html = contentOf(output);
    CHECK_THAT(html, Contains("methods-mass") && Contains("methods-output") && Contains("kvviz report"));
    CHECK(runKvviz({"report", run, "-o", output}).status == 1);
    CHECK(contentOf(output) == html);
    CHECK(runKvviz({"report", run, "-o", output, "--force", "-q", "--layers", "1", "--cells", "16"}).status == 0);
    CHECK(contentOf(output).size() < html.size());
}

TEST_CASE("kvviz report refuses what it cannot make", "[cli]")
{
    const test::ScratchFolder folder;
    const std::string capture = makeCapture(folder, "a.kvh5", "addition");
    const test::Outcome ending = runKvviz({"report", capture, "-o", folder / "report.pdf"});
    CHECK(ending.status == 2);
    CHECK_THAT(ending.err, Contains(".html"));
    CHECK(runKvviz({"report", capture, "-o", folder / "r.html", "--cells", "300"}).status == 2);
    CHECK(runKvviz({"report", folder / "missing", "-o", folder / "r.html"}).status == 3);
    std::filesystem::create_directory(folder / "empty");
    CHECK(runKvviz({"report", folder / "empty", "-o", folder / "r.html"}).status == 3);
    CHECK_FALSE(std::filesystem::exists(folder / "r.html"));
}
