// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Whole captures of a tiny model: every tier verifies, selections hold what they say, nothing is left after a failure.
#include "capture/gguf_model.hpp"
#include "capture/session.hpp"
#include "core/io/capture_reader.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/gguf_builder.hpp"
#include "tests/support/scratch_folder.hpp"

#include <cmath>
#include <fstream>

using namespace kvviz;
using namespace kvviz::capture;

namespace {

struct Tiny {
    Tiny()
    {
        test::TinyLlama shape;
        shape.context = 700;
        test::writeTinyLlama(folder / "tiny.gguf", shape);
        const GgufFile file(folder / "tiny.gguf");
        model = loadModel(file, WeightType::float32);
        tokenizer = std::make_shared<Tokenizer>(file);
    }
    CaptureSummary run(const CaptureSettings& settings, const PromptSource& source, const std::string& name) const
    {
        return Session(model, tokenizer, settings).run(source, folder / name, {});
    }
    test::ScratchFolder folder;
    std::shared_ptr<const Model> model;
    std::shared_ptr<const Tokenizer> tokenizer;
};

PromptSource longPrompt(int letters = 300)
{
    PromptSource source;
    source.task = "made up";
    source.id = "long";
    for (int i = 0; i < letters; ++i)
        source.text += static_cast<char>('a' + i * i % 23);
    const std::int64_t half = letters / 2;
    source.segments = {{core::SegmentKind::shot, 0, {0, half}, "shot 1"},
                       {core::SegmentKind::question, 0, {half, letters}, "question"}};
    source.target = " xyz abc";
    return source;
}

} // namespace

TEST_CASE("captures of every tier verify and hold the tokens and segments", "[capture][io]")
{
    const Tiny tiny;
    const core::Tier tier = GENERATE(core::Tier::stats, core::Tier::cache, core::Tier::map, core::Tier::full);
    CaptureSettings settings;
    settings.tier = tier;
    settings.generate = 6;
    settings.mapCap = 64;
    const CaptureSummary summary = tiny.run(settings, longPrompt(), "x.kvh5");
    const io::CaptureReader reader(tiny.folder / "x.kvh5");
    const core::CaptureInfo& info = reader.info();
    CHECK(info.tier == tier);
    CHECK(info.nPrompt() == summary.nPrompt);
    CHECK(info.tokens.bytes == longPrompt().text + summary.continuation);
    REQUIRE(info.segments.size() >= 2);
    CHECK(info.segments[0].span.begin == 0);
    CHECK(info.segments[0].span.end == info.segments[1].span.begin);
    const std::vector<std::string> problems = io::verifyCapture({tiny.folder / "x.kvh5", "/"});
    for (const std::string& problem : problems)
        FAIL_CHECK(problem);
    CHECK(std::isnan(reader.logprob()[0]));
    CHECK(reader.logprob()[1] < 0);
}

TEST_CASE("the full map holds the window rows and sums to the received attention", "[capture][io]")
{
    const Tiny tiny;
    CaptureSettings settings;
    settings.tier = core::Tier::full;
    settings.continuation = Continuation::none;
    settings.rowsType = settings.mapType = core::StorageType::float32;
    tiny.run(settings, longPrompt(), "full.kvh5");
    const io::CaptureReader reader(tiny.folder / "full.kvh5");
    const std::int64_t n = reader.info().nPrompt();
    REQUIRE(n > 256); // more than one chunk a side
    for (std::int64_t slot = 0; slot < 2; ++slot) {
        const core::LayerData layer = reader.loadLayer(slot, core::Need::stats | core::Need::windowRows);
        for (int head = 0; head < 4; ++head) {
            const io::MapTile tile = reader.tile(slot, head, {0, n}, {0, n}, n, n, core::Pooling::max);
            REQUIRE(tile.rows == n);
            for (std::int64_t k = 0; k < n; ++k) {
                double column = 0;
                for (std::int64_t q = k; q < n; ++q)
                    column += tile.values[static_cast<std::size_t>(q * n + k)];
                REQUIRE(layer.received[static_cast<std::size_t>(head * layer.total() + k)]
                        == Approx(column).margin(1e-4));
            }
            for (std::int64_t i = 0; i < layer.w; ++i)
                for (std::int64_t k = 0; k <= n - layer.w + i; ++k)
                    REQUIRE(layer.windowRow(head, i)[k]
                            == tile.values[static_cast<std::size_t>((n - layer.w + i) * n + k)]);
        }
    }
}

TEST_CASE("chosen layers, heads and queries are what the file holds", "[capture][io]")
{
    const Tiny tiny;
    CaptureSettings settings;
    settings.tier = core::Tier::full;
    settings.layers = {1};
    settings.heads = {3}; // its KV group is heads 2 and 3
    settings.lastQueries = 10;
    settings.queryRanges = {{0, 2}};
    settings.continuation = Continuation::none;
    settings.cacheType = core::StorageType::float32;
    tiny.run(settings, longPrompt(), "part.kvh5");
    settings.layers.clear();
    settings.heads.clear();
    tiny.run(settings, longPrompt(), "whole.kvh5");
    const io::CaptureReader part(tiny.folder / "part.kvh5");
    const io::CaptureReader whole(tiny.folder / "whole.kvh5");
    CHECK(part.info().layers == std::vector<int>{1});
    CHECK(part.info().heads == std::vector<int>{2, 3});
    CHECK(part.info().kvHeads() == std::vector<int>{1});
    const core::LayerData a = part.loadLayer(0, part.available());
    const core::LayerData b = whole.loadLayer(1, whole.available());
    CHECK(std::equal(a.key.begin(), a.key.end(), b.key.begin() + std::ssize(b.key) / 2));
    CHECK(std::equal(a.windowRows.begin(), a.windowRows.end(), b.windowRows.begin() + std::ssize(b.windowRows) / 2));
    CHECK(std::equal(a.received.begin(), a.received.end(), b.received.begin() + std::ssize(b.received) / 2));
    CHECK(io::verifyCapture({tiny.folder / "part.kvh5", "/"}).empty());
}

TEST_CASE("a gold continuation is followed to its end and its log-probabilities are the model's", "[capture][io]")
{
    const Tiny tiny;
    CaptureSettings settings;
    settings.continuation = Continuation::gold;
    tiny.run(settings, longPrompt(), "gold.kvh5");
    const io::CaptureReader gold(tiny.folder / "gold.kvh5");
    CHECK(gold.info().tokens.bytes == longPrompt().text + longPrompt().target);
    // The same tokens as one prompt: the decode steps must have seen what a prefill sees.
    PromptSource joined = longPrompt();
    joined.text += joined.target;
    joined.segments = {{core::SegmentKind::question, 0, {0, std::ssize(joined.text)}, ""}};
    settings.continuation = Continuation::none;
    tiny.run(settings, joined, "joined.kvh5");
    const io::CaptureReader whole(tiny.folder / "joined.kvh5");
    REQUIRE(whole.info().tokens.ids == gold.info().tokens.ids);
    for (std::int64_t i = 1; i < whole.info().nTokens(); ++i)
        REQUIRE(gold.logprob()[static_cast<std::size_t>(i)]
                == Approx(whole.logprob()[static_cast<std::size_t>(i)]).margin(1e-4));
}

TEST_CASE("a greedy continuation ends before a stop", "[capture][io]")
{
    const Tiny tiny;
    CaptureSettings settings;
    settings.generate = 20;
    const std::string free = tiny.run(settings, longPrompt(), "free.kvh5").continuation;
    REQUIRE(free.size() > 3);
    PromptSource stopped = longPrompt();
    stopped.stops = {free.substr(2, 1)};
    const std::string text = tiny.run(settings, stopped, "stopped.kvh5").continuation;
    CHECK(text.find(stopped.stops[0]) == std::string::npos);
    CHECK(free.rfind(text, 0) == 0);
}

TEST_CASE("prompts that cannot run are refused and leave nothing", "[capture][io]")
{
    const Tiny tiny;
    CaptureSettings settings;
    const auto refused = [&](const PromptSource& source, core::ErrorCode code, const std::string& part) {
        try {
            tiny.run(settings, source, "no.kvh5");
            FAIL("no error: " << part);
        } catch (const core::Error& error) {
            CHECK(error.code() == code);
            CHECK_THAT(error.what(), Catch::Matchers::Contains(part));
        }
        CHECK_FALSE(std::filesystem::exists(tiny.folder / "no.kvh5"));
        CHECK_FALSE(std::filesystem::exists(tiny.folder / "no.kvh5.part"));
    };
    PromptSource empty;
    refused(empty, core::ErrorCode::badInput, "empty");
    refused(longPrompt(2000), core::ErrorCode::badInput, "context of 700");
    PromptSource ids;
    ids.tokenIds = {1, 2, 1000000};
    refused(ids, core::ErrorCode::badInput, "outside the vocabulary");
    settings.continuation = Continuation::gold;
    PromptSource noTarget = longPrompt();
    noTarget.target.clear();
    refused(noTarget, core::ErrorCode::usage, "no reference continuation");
}

TEST_CASE("an existing file is kept unless forced, an interrupted run leaves nothing", "[capture][io]")
{
    const Tiny tiny;
    CaptureSettings settings;
    settings.generate = 1;
    tiny.run(settings, longPrompt(), "once.kvh5");
    CHECK_THROWS_AS(tiny.run(settings, longPrompt(), "once.kvh5"), core::Error);
    settings.force = true;
    CHECK_NOTHROW(tiny.run(settings, longPrompt(), "once.kvh5"));
    std::stop_source stop;
    core::Progress progress;
    progress.stop = stop.get_token();
    progress.report = [&](std::string_view phase, std::int64_t, std::int64_t) {
        if (phase == "write")
            stop.request_stop();
    };
    CHECK_THROWS_AS(
        Session(tiny.model, tiny.tokenizer, settings).run(longPrompt(), tiny.folder / "cut.kvh5", progress),
        core::Error);
    CHECK_FALSE(std::filesystem::exists(tiny.folder / "cut.kvh5"));
    CHECK_FALSE(std::filesystem::exists(tiny.folder / "cut.kvh5.part"));
}

TEST_CASE("the estimate bounds the stored bytes of every tier", "[capture][io]")
{
    const Tiny tiny;
    CaptureSettings settings;
    settings.continuation = Continuation::gold;
    std::uint64_t before = 0;
    for (const core::Tier tier : {core::Tier::stats, core::Tier::cache, core::Tier::map, core::Tier::full}) {
        settings.tier = tier;
        settings.force = true;
        const Session session(tiny.model, tiny.tokenizer, settings);
        const Session::Estimate estimate = session.estimate(longPrompt());
        const CaptureSummary summary = session.run(longPrompt(), tiny.folder / "sized.kvh5", {});
        const std::uint64_t bytes = estimate.bytes[static_cast<std::size_t>(tier)];
        CHECK(estimate.nPrompt == summary.nPrompt);
        CHECK(bytes > before);
        // A tiny capture is mostly HDF5's own overhead (some 150 kB of headers and scales); real ones are not.
        CHECK(summary.fileBytes < bytes + 300000);
        before = bytes;
    }
}
