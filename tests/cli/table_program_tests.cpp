// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz train-scorer`, `kvviz weight-table` and `kvviz share-search` as programs, on the tiny model.
#include "core/io/tables.hpp"
#include "tests/cli/engine_runs.hpp"

#include <cmath>

using namespace kvviz;
using nlohmann::json;
using test::EngineFolder;
using test::Outcome;
using test::checkRefused;
using test::jsonObject;

namespace {

/// So many captures of the task opposites in `name`, each another prompt.
void captureRun(const EngineFolder& folder, const std::string& name, int count, const std::string& more = "")
{
    const Outcome outcome = test::runShell(folder.captureLine(
        fmt::format("--task opposites --limit {} --generate 6 {} -q -o {}", count, more, folder.path(name))));
    INFO(outcome.err);
    REQUIRE(outcome.status == 0);
}

Outcome train(const EngineFolder& folder, const std::vector<std::string>& arguments)
{
    std::vector<std::string> all{"train-scorer", folder.path("run"), "-o", folder.path("scorer.kvtab.h5")};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return test::runProgram("kvviz", all);
}

Outcome weightTable(const EngineFolder& folder, const std::vector<std::string>& arguments)
{
    std::vector<std::string> all{"weight-table", "--model", folder.model(), "-o", folder.path("weights.kvtab.h5")};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return test::runProgram("kvviz", all);
}

Outcome shareSearch(const EngineFolder& folder, const std::vector<std::string>& arguments)
{
    std::vector<std::string> all{"share-search", "--model", folder.model(), "-o", folder.path("sharing.kvtab.h5")};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return test::runProgram("kvviz", all);
}

} // namespace

TEST_CASE("a scorer is trained on a folder of captures and written for their model", "[cli][engine]")
{
    const EngineFolder folder;
    captureRun(folder, "run", 6);
    const json report = jsonObject(train(folder, {"--json", "--hidden", "4", "--epochs", "3", "--layer", "1"}));
    CHECK(report.at("command") == "train-scorer");
    CHECK(report.at("layer") == 1);
    CHECK(report.at("inputs") == 32);
    CHECK(report.at("held_out").at("captures") == 1);
    CHECK(report.at("held_out_captures").size() == 1);
    const json& kept = report.at("held_out").at("retained_mass");
    CHECK(kept.at("scorer").get<double>() <= kept.at("oracle").get<double>());
    CHECK(kept.at("random").get<double>() == Approx(0.3).margin(0.05));
    const core::ModelTables tables = io::readTables(folder.path("scorer.kvtab.h5"));
    REQUIRE(tables.scorer);
    CHECK_FALSE(tables.weights);
    CHECK(tables.scorer->layer == 1);
    CHECK(tables.scorer->inputs == 32);
    CHECK(tables.scorer->hidden == 4);
    CHECK(tables.scorer->captures == 4);
    CHECK(tables.modelName == report.at("model"));
    CHECK(tables.modelSha256.size() == 64);
    CHECK_THAT(tables.commandLine, Catch::Contains("train-scorer"));
    CHECK(tables.extra.contains("scorer held-out retained mass"));

    SECTION("the same seed gives the same numbers, another seed others")
    {
        const auto w1 = [&](const std::string& seed) {
            REQUIRE(train(folder, {"-q", "--force", "--hidden", "4", "--epochs", "3", "--layer", "1", "--seed", seed})
                        .status == 0);
            return io::readTables(folder.path("scorer.kvtab.h5")).scorer->w1;
        };
        CHECK(w1("0") == tables.scorer->w1);
        CHECK(w1("1") != tables.scorer->w1);
    }
    SECTION("an existing file is kept without --force")
    {
        const std::string before = test::bytesOfFile(folder.path("scorer.kvtab.h5"));
        checkRefused(train(folder, {"-q"}), 1, {"exists already", "--force"});
        CHECK(test::bytesOfFile(folder.path("scorer.kvtab.h5")) == before);
    }
    SECTION("people get a table")
    {
        const Outcome outcome = train(folder, {"-q", "--force", "--hidden", "4", "--epochs", "2"});
        REQUIRE(outcome.status == 0);
        CHECK(outcome.err.empty());
        for (const char* part : {"this scorer", "chance", "short keys", "the future itself"})
            CHECK_THAT(outcome.out, Catch::Contains(part));
    }
}

TEST_CASE("too few captures, two models and a layer that is not there are refused before a file is made",
          "[cli][engine]")
{
    const EngineFolder folder;
    captureRun(folder, "run", 3);
    checkRefused(train(folder, {"-q"}), 3, {"at least 4 different prompts", "3 found"});
    checkRefused(train(folder, {"-q", "--layer", "2"}), 2, {"--layer 2", "layers 0 to 1"});
    checkRefused(train(folder, {"-q", folder.path("nothing")}), 3, {"nothing"});
    checkRefused(train(folder, {"-q", "--hidden", "0"}), 2, {"--hidden"});

    test::TinyLlama other;
    other.context = 2048;
    other.seed = 2;
    test::writeTinyLlama(folder.path("other.gguf"), other);
    captureRun(folder, "run", 4, fmt::format("--force --model {}", folder.path("other.gguf")));
    captureRun(folder, "more", 1);
    checkRefused(train(folder, {"-q", folder.path("more")}), 3, {"belongs to one model"});
    CHECK_FALSE(folder.has("scorer.kvtab.h5"));
    CHECK_FALSE(folder.has("scorer.kvtab.h5.part"));
}

TEST_CASE("Ctrl-C ends a training with status 130 and no file", "[cli][engine]")
{
    const EngineFolder folder;
    captureRun(folder, "run", 4);
    const Outcome outcome = test::runShell(
        fmt::format("timeout --preserve-status -s INT 0.5 '{}/kvviz-engine' train-scorer {} -o {} --hidden 2048 "
                    "--epochs 1000000 -q",
                    KVVIZ_BIN_DIR, folder.path("run"), folder.path("scorer.kvtab.h5")));
    // Early stopping may win the race on a fast machine; then the file is whole.
    INFO(outcome.err);
    if (outcome.status == 0)
        CHECK(io::readTables(folder.path("scorer.kvtab.h5")).scorer);
    else
        CHECK((outcome.status == 130 && !folder.has("scorer.kvtab.h5")));
}

TEST_CASE("the factors of a model's weights are written, scaled ones where there is calibration text",
          "[cli][engine]")
{
    const EngineFolder folder;
    const json plain = jsonObject(weightTable(folder, {"--json"}));
    CHECK(plain.at("layers") == 2);
    CHECK(plain.at("kv_width") == 16);
    CHECK(plain.at("activation_scaled") == false);
    const core::ModelTables first = io::readTables(folder.path("weights.kvtab.h5"));
    REQUIRE(first.weights);
    CHECK(first.weights->keyRead.empty());
    CHECK(first.weights->keyBasis.size() == 2 * 16 * 16);
    const auto& singular = first.weights->keySingular;
    double half = 0, all = 0;
    for (std::size_t i = 0; i < 16; ++i) {
        half += i < 8 ? singular[i] * singular[i] : 0;
        all += singular[i] * singular[i];
    }
    double second = 0, total = 0;
    for (std::size_t i = 16; i < 32; ++i) {
        second += i < 24 ? singular[i] * singular[i] : 0;
        total += singular[i] * singular[i];
    }
    CHECK(plain.at("energy").at(2).at("rank") == 8);
    CHECK(plain.at("energy").at(2).at("keys").at("mean").get<double>()
          == Approx((half / all + second / total) / 2).epsilon(1e-6));

    checkRefused(weightTable(folder, {"-q"}), 1, {"exists already"});
    const std::string text = folder.write("text.txt", std::string(700, 'x') + " some words and an end");
    const json scaled =
        jsonObject(weightTable(folder, {"--json", "--force", "--calibration", text, "--limit-tokens", "600"}));
    CHECK(scaled.at("calibration_tokens") == 600);
    const core::ModelTables both = io::readTables(folder.path("weights.kvtab.h5"));
    CHECK(both.weights->keyBasis == first.weights->keyBasis);
    CHECK(both.weights->keyRead.size() == 2 * 16 * 16);
    CHECK(both.weights->keyRead == both.weights->keyWrite);
    CHECK(both.modelSha256 == first.modelSha256);
}

TEST_CASE("calibration text that is missing or empty is refused with its name", "[cli][engine]")
{
    const EngineFolder folder;
    checkRefused(weightTable(folder, {"-q", "--calibration", folder.path("none.txt")}), 3, {"none.txt"});
    const std::string empty = folder.write("empty.txt", "");
    checkRefused(weightTable(folder, {"-q", "--calibration", empty}), 3, {"empty.txt", "no tokens"});
    CHECK_FALSE(folder.has("weights.kvtab.h5"));
}

TEST_CASE("a sharing search writes the layers that use another one's cache", "[cli][engine]")
{
    const EngineFolder folder;
    const json found = jsonObject(shareSearch(folder, {"--json", "--layers-to-share", "1", "--threshold", "-1"}));
    CHECK(found.at("layers") == 2);
    CHECK(found.at("sentences") == 30);
    REQUIRE(found.at("shared").size() == 1); // any cosine is above -1
    CHECK(found.at("shared").at(0).at("layer") == 1);
    CHECK(found.at("shared").at(0).at("source") == 0);
    const core::ModelTables tables = io::readTables(folder.path("sharing.kvtab.h5"));
    REQUIRE(tables.sharing);
    CHECK(tables.sharing->source == std::vector<int>{0, 0});
    CHECK(std::isnan(tables.sharing->similarity.at(0)));
    CHECK(tables.sharing->similarity.at(1) == found.at("shared").at(0).at("cosine").get<double>());

    checkRefused(shareSearch(folder, {"-q"}), 1, {"exists already"});
    const std::string text = folder.write("text.txt", std::string(64 * 2 + 10, 'q'));
    const Outcome strict =
        shareSearch(folder, {"--force", "--layers-to-share", "1", "--threshold", "1", "--text", text});
    INFO(strict.err);
    CHECK(strict.status == 0);
    CHECK_THAT(strict.err, Catch::Contains("only 0 of 1 layers"));
    CHECK_THAT(strict.out, Catch::Contains("2 pieces of text"));
    CHECK(io::readTables(folder.path("sharing.kvtab.h5")).sharing->source == std::vector<int>{0, 1});
}

TEST_CASE("more layers than there are, a threshold that is no cosine and too little text are refused",
          "[cli][engine]")
{
    const EngineFolder folder;
    checkRefused(shareSearch(folder, {"-q", "--layers-to-share", "2"}), 2, {"--layers-to-share 2", "2 layers"});
    checkRefused(shareSearch(folder, {"-q", "--threshold", "1.5"}), 2, {"--threshold"});
    const std::string text = folder.write("short.txt", "too short");
    checkRefused(shareSearch(folder, {"-q", "--text", text}), 3, {"short.txt", "shorter than one piece of 64"});
    CHECK_FALSE(folder.has("sharing.kvtab.h5"));
}
