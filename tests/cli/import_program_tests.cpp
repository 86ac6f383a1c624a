// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The script of docs/import.md and `kvviz import` together: what Python saves of a model is our own capture of it.
#include "core/io/capture_reader.hpp"
#include "tests/cli/engine_runs.hpp"

#include <cmath>

using namespace kvviz;
using Catch::Contains;
using core::LayerData;
using test::EngineFolder;
using test::Outcome;

namespace {

constexpr float kTolerance = 2e-4f;

float largestDifference(const std::vector<float>& a, const std::vector<float>& b)
{
    REQUIRE(a.size() == b.size());
    float largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (std::isnan(a[i]) != std::isnan(b[i]))
            return INFINITY;
        else if (!std::isnan(a[i]))
            largest = std::max(largest, std::abs(a[i] - b[i]));
    return largest;
}

void requireGood(const Outcome& outcome)
{
    INFO(outcome.out << outcome.err);
    REQUIRE(outcome.status == 0);
}

} // namespace

TEST_CASE("an import of what Python saved of a model agrees with our capture of it in every array", "[cli][engine]")
{
    if (test::runShell("/usr/bin/python3 -c 'import numpy, h5py'").status != 0) {
        WARN("skipped: /usr/bin/python3 has no numpy or h5py");
        return;
    }
    const EngineFolder folder;
    const std::vector<std::string> exactly{"--tier", "full", "--window", "100000", "--rows-dtype", "float32",
                                           "--cache-dtype", "float32", "--map-dtype", "float32"};
    const auto with = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), exactly.begin(), exactly.end());
        return arguments;
    };
    requireGood(folder.capture(with({"--task", "opposites", "--shots", "3", "--generate", "9", "-o", folder.path("own.kvh5")})));
    requireGood(test::runShell(fmt::format("/usr/bin/python3 '{0}/tests/python/run_import_snippet.py' '{0}/docs/import.md' {1} {2}",
                                           KVVIZ_SOURCE_DIR, folder.path("own.kvh5"), folder.path("saved.npz"))));
    const Outcome imported = test::runProgram(
        "kvviz", with({"import", folder.path("saved.npz"), "-o", folder.path("imported.kvh5"), "--json"}));
    requireGood(imported);
    const nlohmann::json report = test::jsonObject(imported).at("captures").at(0);
    CHECK(report.at("tier") == "full");
    CHECK(report.at("missing").empty());
    CHECK(report.at("scaled_rows") == 0);
    requireGood(folder.verify("imported.kvh5"));

    const io::CaptureReader own(std::filesystem::path(folder.path("own.kvh5")));
    const io::CaptureReader made(std::filesystem::path(folder.path("imported.kvh5")));
    CHECK(made.info().model.name == "from Python");
    CHECK(made.info().prompt.nPrompt == own.info().prompt.nPrompt);
    CHECK(made.info().nGenerated() == own.info().nGenerated());
    CHECK(made.info().tokens.ids == own.info().tokens.ids);
    CHECK(made.available() == own.available());
    CHECK(largestDifference(made.logprob(), own.logprob()) < kTolerance);
    CHECK(made.topIds() == own.topIds());
    CHECK(largestDifference(made.topLogprobs(), own.topLogprobs()) < kTolerance);
    for (std::int64_t slot = 0; slot < std::ssize(own.info().layers); ++slot) {
        const LayerData a = own.loadLayer(slot, own.available()), b = made.loadLayer(slot, own.available());
        for (const auto array : {&LayerData::received, &LayerData::receivedWindow, &LayerData::receivedSq,
                                 &LayerData::receivedSqFar, &LayerData::entropy, &LayerData::sinkMass,
                                 &LayerData::windowRows, &LayerData::decodeRows, &LayerData::key, &LayerData::value,
                                 &LayerData::query, &LayerData::queryMean, &LayerData::queryCovariance})
            CHECK(largestDifference(a.*array, b.*array) < kTolerance);
        for (std::int64_t head = 0; head < std::ssize(own.info().heads); ++head)
            for (int level = 0; level < own.mapLevels(); ++level)
                CHECK(largestDifference(own.mapLevel(slot, head, level, io::Pooling::mean).values,
                                        made.mapLevel(slot, head, level, io::Pooling::mean).values)
                      < kTolerance);
    }
}
