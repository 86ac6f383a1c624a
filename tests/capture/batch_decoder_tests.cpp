// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Streams that decode together over compressed caches, against the decoder's own steps and against a transformer
// written out in double that cannot see what was dropped.
#include "capture/batch_decoder.hpp"
#include "capture/decoder.hpp"
#include "capture/gguf_model.hpp"
#include "capture/recorders.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/gguf_builder.hpp"
#include "tests/support/h5_fixture.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/naive_llama.hpp"
#include "tests/support/plain_attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

using namespace kvviz;
using namespace kvviz::capture;

namespace {

using test::tinyModel;

std::vector<std::int32_t> someIds(std::int64_t count, std::int64_t seed = 0)
{
    std::vector<std::int32_t> ids;
    for (std::int64_t i = 0; i < count; ++i)
        ids.push_back(static_cast<std::int32_t>((i * 7919 + seed * 101 + i * i % (31 + seed)) % 256));
    return ids;
}

template <class Expected> double maxDifference(std::span<const float> ours, const Expected& expected)
{
    REQUIRE(ours.size() == expected.size());
    double worst = 0;
    for (std::size_t i = 0; i < ours.size(); ++i) {
        const double difference = std::abs(static_cast<double>(ours[i]) - static_cast<double>(expected[i]));
        worst = difference <= worst ? worst : difference; // NaN stays
    }
    return worst;
}

using Kept = std::function<bool(int layer, int kvHead, std::int64_t key)>;

bool all(int, int, std::int64_t) { return true; }
bool none(int, int, std::int64_t) { return false; }
/// Another third of the keys in each layer and head, and fewer of them the deeper: heads differ in length.
bool everyThird(int layer, int kvHead, std::int64_t key) { return (key + layer + 2 * kvHead) % (3 + layer) == 0; }

/// A prompt's cache and the logits after it.
struct Prefilled {
    Prefilled(std::shared_ptr<const Model> theModel, std::vector<std::int32_t> ids)
        : model(std::move(theModel)),
          prompt(std::move(ids)),
          decoder(model, {std::min<std::int64_t>(std::ssize(prompt) + 64, model->info.contextLength), 1, 4, false})
    {
        const std::span<const float> row = decoder.prefill(prompt);
        logits.assign(row.begin(), row.end());
        whole = CompactCache::whole(model->info, decoder.cache());
    }
    [[nodiscard]] std::int64_t n() const { return std::ssize(prompt); }
    [[nodiscard]] CompactCache kept(const Kept& isKept) const
    {
        CompactCache cache = whole;
        for (int layer = 0; layer < model->info.nLayers; ++layer)
            for (int g = 0; g < model->info.nKvHeads; ++g) {
                std::vector<std::int32_t> places;
                for (std::int32_t key = 0; key < n(); ++key)
                    if (isKept(layer, g, key))
                        places.push_back(key);
                cache.keep(layer, g, places);
            }
        return cache;
    }
    std::shared_ptr<const Model> model;
    std::vector<std::int32_t> prompt;
    Decoder decoder;
    std::vector<float> logits;
    CompactCache whole{0, 0, 0};
};

/// One step of these streams; logits a stream.
std::vector<std::vector<float>> step(BatchDecoder& batch, const Model& model, const std::vector<std::int64_t>& streams,
                                     const std::vector<std::int32_t>& ids)
{
    const auto vocab = static_cast<std::size_t>(model.info.vocabSize);
    std::vector<float> logits(streams.size() * vocab);
    batch.step(streams, ids, logits.data());
    std::vector<std::vector<float>> rows;
    for (std::size_t s = 0; s < streams.size(); ++s)
        rows.emplace_back(logits.begin() + static_cast<std::ptrdiff_t>(s * vocab),
                          logits.begin() + static_cast<std::ptrdiff_t>((s + 1) * vocab));
    return rows;
}

/// Lets every stream read the same tokens; [stream] of [tokens, vocab].
std::vector<std::vector<float>> readAll(BatchDecoder& batch, const Model& model,
                                        const std::vector<std::int64_t>& streams, const std::vector<std::int32_t>& ids)
{
    std::vector<std::vector<float>> logits(streams.size());
    for (const std::int32_t id : ids) {
        const auto rows = step(batch, model, streams, std::vector<std::int32_t>(streams.size(), id));
        for (std::size_t s = 0; s < streams.size(); ++s)
            logits[s].insert(logits[s].end(), rows[s].begin(), rows[s].end());
    }
    return logits;
}

std::vector<double> naiveTail(const Model& model, std::vector<std::int32_t> ids,
                              const std::vector<std::int32_t>& continuation, const test::Visible& visible)
{
    ids.insert(ids.end(), continuation.begin(), continuation.end());
    const test::NaiveRun run = test::naiveRun(model, ids, visible);
    return {run.logits.end() - std::ssize(continuation) * model.info.vocabSize, run.logits.end()};
}

/// What a policy was shown at one step of one layer.
struct Seen {
    std::vector<std::vector<std::int32_t>> live; // [G]
    std::vector<std::vector<float>> rows;        // [H]
};
using Diary = std::map<std::pair<int, std::int64_t>, Seen>; // layer, step

/// Writes down what it sees; drops one key of each KV head a step, or none.
class DiaryPolicy final : public core::EvictionPolicy {
public:
    DiaryPolicy(Diary& diary, bool drops) : m_diary(diary), m_drops(drops) {}
    std::vector<std::vector<std::int32_t>> stay(const core::StepAttention& attention) override
    {
        Seen& seen = m_diary[{attention.layer, attention.step}];
        for (const auto& row : attention.rows)
            seen.rows.emplace_back(row.begin(), row.end());
        std::vector<std::vector<std::int32_t>> places;
        for (const auto& live : attention.live) {
            seen.live.emplace_back(live.begin(), live.end());
            const auto g = static_cast<std::int64_t>(places.size());
            const std::int64_t gone = (attention.step * 5 + attention.layer + 3 * g) % std::ssize(live);
            std::vector<std::int32_t>& stays = places.emplace_back();
            for (std::int32_t place = 0; place < std::ssize(live); ++place)
                if (!m_drops || place != gone)
                    stays.push_back(place);
        }
        return places;
    }

private:
    Diary& m_diary;
    bool m_drops;
};

/// Gives a fixed answer.
class FixedPolicy final : public core::EvictionPolicy {
public:
    explicit FixedPolicy(std::vector<std::vector<std::int32_t>> answer) : m_answer(std::move(answer)) {}
    std::vector<std::vector<std::int32_t>> stay(const core::StepAttention&) override { return m_answer; }

private:
    std::vector<std::vector<std::int32_t>> m_answer;
};

/// Keeps the last few keys of every KV head.
class LastPolicy final : public core::EvictionPolicy {
public:
    explicit LastPolicy(std::int32_t most) : m_most(most) {}
    std::vector<std::vector<std::int32_t>> stay(const core::StepAttention& attention) override
    {
        std::vector<std::vector<std::int32_t>> places;
        for (const auto& live : attention.live) {
            const auto size = static_cast<std::int32_t>(live.size());
            std::vector<std::int32_t>& stays = places.emplace_back(static_cast<std::size_t>(std::min(size, m_most)));
            std::iota(stays.begin(), stays.end(), std::max(0, size - m_most));
        }
        return places;
    }

private:
    std::int32_t m_most;
};

/// Decode rows of a decoder: (layer, step) -> [H] of [keys].
struct DecodeRows final : AttentionHook {
    [[nodiscard]] bool wantsRows(int, Phase phase, std::int64_t, std::int64_t) const override
    {
        return phase == Phase::decode;
    }
    void onRows(const AttentionRows& rows) override
    {
        auto& to = kept[{rows.layer, rows.queryBegin - n}];
        for (int h = 0; h < heads; ++h)
            to.emplace_back(rows.probabilities + h * rows.headStride,
                            rows.probabilities + h * rows.headStride + rows.keys);
    }
    void onLayer(const LayerState&, const AttentionStatistics&) override {}
    std::int64_t n = 0;
    int heads = 0;
    std::map<std::pair<int, std::int64_t>, std::vector<std::vector<float>>> kept;
};

} // namespace

TEST_CASE("a stream that holds every key gives the logits of the decoder's steps", "[capture][unit]")
{
    const auto [heads, kvHeads] = GENERATE(std::pair(4, 2), std::pair(4, 4), std::pair(4, 1));
    const std::int64_t count = GENERATE(1, 2, 5);
    test::TinyLlama shape;
    shape.heads = heads;
    shape.kvHeads = kvHeads;
    shape.tied = count == 1;
    const auto model = tinyModel(shape);
    // Streams of other prompts and lengths, and other tokens: every row is at a position of its own.
    std::vector<std::unique_ptr<Prefilled>> prompts;
    BatchDecoder batch(model);
    std::vector<std::int64_t> streams;
    for (std::int64_t s = 0; s < count; ++s) {
        prompts.push_back(std::make_unique<Prefilled>(model, someIds(1 + s * 17, s)));
        streams.push_back(batch.add(prompts.back()->whole, prompts.back()->n()));
    }
    for (std::int64_t i = 0; i < 12; ++i) {
        std::vector<std::int32_t> ids;
        for (std::int64_t s = 0; s < count; ++s)
            ids.push_back(static_cast<std::int32_t>((i * 37 + s * 11) % 256));
        const auto logits = step(batch, *model, streams, ids);
        for (std::size_t s = 0; s < streams.size(); ++s)
            CHECK(maxDifference(logits[s], prompts[s]->decoder.step(ids[s])) < 1e-5);
    }
    CHECK(batch.position(streams.back()) == prompts.back()->n() + 12);
}

TEST_CASE("streams of a real model give the decoder's logits and its greedy text", "[capture][model]")
{
    setThreads(0);
    const auto model = loadModel(GgufFile(KVVIZ_TEST_MODEL), WeightType::float32);
    std::vector<std::int32_t> ids = test::H5Fixture(KVVIZ_TEST_DATA "/kvpress-smollm2.h5").ints("input_ids");
    const std::vector<std::int32_t> shorter(ids.begin(), ids.begin() + 40);
    Prefilled one(model, ids), two(model, shorter);
    BatchDecoder batch(model);
    const std::vector<std::int64_t> streams{batch.add(one.whole, one.n()), batch.add(two.whole, two.n()),
                                            batch.add(one.kept(everyThird), one.n())};
    std::int32_t first = mostLikely(one.logits, 1).front();
    std::int32_t second = mostLikely(two.logits, 1).front();
    std::vector<std::int32_t> ours, theirs;
    std::int32_t next[] = {first, second, first};
    double worst = 0;
    for (int i = 0; i < 24; ++i) {
        const auto logits = step(batch, *model, streams, {next, next + 3});
        const std::span<const float> expected = one.decoder.step(first);
        worst = std::max(worst, maxDifference(logits[0], expected));
        first = mostLikely(expected, 1).front();
        const std::span<const float> expected2 = two.decoder.step(second);
        worst = std::max(worst, maxDifference(logits[1], expected2));
        second = mostLikely(expected2, 1).front();
        for (std::size_t s = 0; s < 3; ++s)
            next[s] = mostLikely(logits[s], 1).front();
        ours.insert(ours.end(), {next[0], next[1]});
        theirs.insert(theirs.end(), {first, second});
    }
    INFO("max abs difference of logits: " << worst);
    CHECK(worst < 1e-4);
    CHECK(ours == theirs);
    // Alone, a stream runs the decoder's own kernels.
    const std::int64_t alone = batch.add(two.whole, two.n());
    Prefilled again(model, shorter);
    const double difference = maxDifference(step(batch, *model, {alone}, {5}).front(), again.decoder.step(5));
    INFO("one stream: " << difference);
    CHECK(difference < 1e-4);
}

TEST_CASE("streams that lost keys equal a transformer that cannot see them", "[capture][unit]")
{
    const auto [heads, kvHeads] = GENERATE(std::pair(4, 2), std::pair(6, 2), std::pair(2, 1));
    test::TinyLlama shape;
    shape.layers = 3;
    shape.heads = heads;
    shape.kvHeads = kvHeads;
    const Prefilled prompt(tinyModel(shape), someIds(50));
    const std::vector<std::int32_t> continuation = someIds(9, 3);
    BatchDecoder batch(prompt.model);
    const std::vector<std::int64_t> streams{batch.add(prompt.whole, 50), batch.add(prompt.kept(everyThird), 50),
                                            batch.add(prompt.kept(none), 50)};
    const auto logits = readAll(batch, *prompt.model, streams, continuation);
    const auto expected = [&](const Kept& kept) {
        return naiveTail(*prompt.model, prompt.prompt, continuation,
                         [&](int layer, int kvHead, std::int64_t query, std::int64_t key) {
                             return query < 50 || key >= 50 || kept(layer, kvHead, key);
                         });
    };
    CHECK(maxDifference(logits[0], expected(all)) < 1e-4);
    CHECK(maxDifference(logits[1], expected(everyThird)) < 1e-4);
    CHECK(maxDifference(logits[2], expected(none)) < 1e-4);
    CHECK(maxDifference(logits[1], logits[0]) > 0.01); // losing keys is felt
    CHECK(maxDifference(logits[2], logits[1]) > 0.01);
    CHECK(batch.cache(streams[2]).size(0, 0) == 9);
}

TEST_CASE("replaced keys and values are what later tokens see", "[capture][unit]")
{
    const Prefilled prompt(tinyModel(), someIds(30));
    const core::ModelInfo& info = prompt.model->info;
    KvCache changed = prompt.decoder.cache();
    CompactCache cache = prompt.whole;
    for (int layer = 0; layer < info.nLayers; ++layer)
        for (int g = 0; g < info.nKvHeads; ++g)
            for (std::int64_t place = layer + g; place < 30; place += 4) {
                float* const key = changed.key(layer, g, place);
                float* const value = changed.value(layer, g, place);
                for (int c = 0; c < info.headDim; ++c) {
                    key[c] = std::round(key[c] * 2) / 2;
                    value[c] = place % 3 == 0 ? value[c] : -value[c];
                }
                cache.replace(layer, g, place, key, place % 3 == 0 ? nullptr : value);
            }
    const std::vector<std::int32_t> ids = someIds(6, 1);
    BatchDecoder batch(prompt.model);
    const std::vector<std::int64_t> streams{batch.add(std::move(cache), 30), batch.add(prompt.whole, 30)};
    const auto logits = readAll(batch, *prompt.model, streams, ids);
    const test::PlainAttention attention(info, changed, 30, std::ssize(ids));
    Continuation run(prompt.model, 30, ids, 1);
    for (int layer = 0; layer < info.nLayers; ++layer)
        run.runLayer(layer, 0, attention);
    std::vector<float> expected(static_cast<std::size_t>(run.tokens() * info.vocabSize));
    run.logits(0, expected.data());
    CHECK(maxDifference(logits[0], expected) < 1e-4);
    CHECK(maxDifference(logits[1], expected) > 0.01);
}

TEST_CASE("a stream does not feel its neighbours", "[capture][unit]")
{
    const Prefilled prompt(tinyModel(), someIds(40));
    CompactCache broken = prompt.whole;
    const std::vector<float> nan(static_cast<std::size_t>(prompt.model->info.headDim),
                                 std::numeric_limits<float>::quiet_NaN());
    broken.replace(0, 0, 3, nan.data(), nan.data());
    const std::vector<std::int32_t> ids = someIds(7, 2);
    const auto run = [&](const CompactCache& neighbour) {
        BatchDecoder batch(prompt.model);
        const std::vector<std::int64_t> streams{batch.add(prompt.whole, 40), batch.add(neighbour, 40),
                                                batch.add(prompt.kept(everyThird), 40)};
        return readAll(batch, *prompt.model, streams, ids);
    };
    const auto healthy = run(prompt.whole);
    const auto beside = run(broken);
    CHECK(healthy[0] == beside[0]); // bit for bit, although its neighbour is NaN throughout
    CHECK(healthy[2] == beside[2]);
    CHECK(std::isnan(beside[1].front()));
}

TEST_CASE("streams come, pause and go as they like", "[capture][unit]")
{
    const auto model = tinyModel();
    const Prefilled one(model, someIds(40)), two(model, someIds(25, 4));
    const std::vector<std::int32_t> ids = someIds(10, 1);
    const auto alone = [&](const CompactCache& cache, std::int64_t n) {
        BatchDecoder batch(model);
        return readAll(batch, *model, {batch.add(cache, n)}, ids).front();
    };
    const std::vector<float> first = alone(one.whole, 40), second = alone(two.whole, 25),
                             third = alone(one.kept(everyThird), 40);
    BatchDecoder batch(model);
    std::map<std::int64_t, std::vector<float>> got;
    std::map<std::int64_t, std::size_t> read;
    const auto advance = [&](const std::vector<std::int64_t>& streams) {
        std::vector<std::int32_t> next;
        for (const std::int64_t s : streams)
            next.push_back(ids[read[s]++]);
        const auto rows = step(batch, *model, streams, next);
        for (std::size_t i = 0; i < streams.size(); ++i)
            got[streams[i]].insert(got[streams[i]].end(), rows[i].begin(), rows[i].end());
    };
    const std::int64_t a = batch.add(one.whole, 40), b = batch.add(two.whole, 25);
    for (int i = 0; i < 3; ++i)
        advance({a, b});
    const std::int64_t c = batch.add(one.kept(everyThird), 40);
    for (int i = 0; i < 7; ++i)
        advance({c, a});
    batch.remove(a);
    CHECK(batch.streams() == 2);
    const std::int64_t d = batch.add(two.whole, 25);
    CHECK(d != a);
    for (int i = 0; i < 3; ++i)
        advance({b, c});
    for (int i = 0; i < 4; ++i)
        advance({b});
    CHECK(maxDifference(got[a], first) < 1e-5);
    CHECK(maxDifference(got[b], second) < 1e-5);
    CHECK(maxDifference(got[c], third) < 1e-5);
    CHECK(batch.position(d) == 25); // never run
    CHECK_THROWS_AS(step(batch, *model, {a}, {1}), core::Error);
}

TEST_CASE("a policy sees the rows that the decoder computes", "[capture][unit]")
{
    const auto model = tinyModel();
    Prefilled prompt(model, someIds(33));
    DecodeRows rows;
    rows.n = 33;
    rows.heads = model->info.nHeads;
    prompt.decoder.addHook(&rows);
    Diary diary, other;
    BatchDecoder batch(model);
    const std::vector<std::int64_t> streams{
        batch.add(prompt.whole, 33, std::make_unique<DiaryPolicy>(diary, false)),
        batch.add(prompt.kept(everyThird), 33, std::make_unique<DiaryPolicy>(other, true))};
    const std::vector<std::int32_t> ids = someIds(8, 1);
    readAll(batch, *model, streams, ids);
    for (const std::int32_t id : ids)
        prompt.decoder.step(id);
    REQUIRE(diary.size() == rows.kept.size());
    for (const auto& [place, seen] : diary) {
        REQUIRE(seen.rows.size() == rows.kept[place].size());
        for (std::size_t h = 0; h < seen.rows.size(); ++h)
            REQUIRE(maxDifference(seen.rows[h], rows.kept[place][h]) < 1e-6);
        REQUIRE(seen.live.size() == 2);
        for (const std::vector<std::int32_t>& live : seen.live) {
            REQUIRE(std::ssize(live) == 33 + place.second + 1);
            REQUIRE(live.front() == 0);
            REQUIRE(live.back() == 33 + place.second);
        }
    }
    // The queries of the first layer depend on the token alone, so what is left of a row is the whole row renormalised.
    for (std::int64_t s = 0; s < std::ssize(ids); ++s) {
        const Seen& seen = other.at({0, s});
        for (std::size_t h = 0; h < seen.rows.size(); ++h) {
            const std::vector<std::int32_t>& live = seen.live[h / 2]; // two query heads a KV head
            std::vector<double> expected;
            for (const std::int32_t position : live)
                expected.push_back(rows.kept.at({0, s})[h][static_cast<std::size_t>(position)]);
            const double sum = std::accumulate(expected.begin(), expected.end(), 0.0);
            for (double& value : expected)
                value /= sum;
            REQUIRE(maxDifference(seen.rows[h], expected) < 1e-5);
        }
    }
}

TEST_CASE("what a policy drops is gone for good", "[capture][unit]")
{
    test::TinyLlama shape;
    shape.layers = 3;
    const Prefilled prompt(tinyModel(shape), someIds(30));
    Diary diary;
    BatchDecoder batch(prompt.model);
    const std::int64_t stream = batch.add(prompt.whole, 30, std::make_unique<DiaryPolicy>(diary, true));
    const std::int64_t beside = batch.add(prompt.whole, 30);
    const std::vector<std::int32_t> ids = someIds(12, 5);
    const auto logits = readAll(batch, *prompt.model, {stream, beside}, ids);
    const auto wasLive = [&](int layer, int kvHead, std::int64_t query, std::int64_t key) {
        if (query < 30)
            return true;
        const auto& live = diary.at({layer, query - 30}).live[static_cast<std::size_t>(kvHead)];
        return std::find(live.begin(), live.end(), key) != live.end();
    };
    CHECK(maxDifference(logits[0], naiveTail(*prompt.model, prompt.prompt, ids, wasLive)) < 1e-4);
    CHECK(maxDifference(logits[1], naiveTail(*prompt.model, prompt.prompt, ids, {})) < 1e-4);
    CHECK(maxDifference(logits[0], logits[1]) > 1e-3);
    for (int layer = 0; layer < 3; ++layer)
        for (int g = 0; g < 2; ++g) {
            CHECK(batch.cache(stream).size(layer, g) == 30); // one in, one out at each step
            CHECK(batch.cache(beside).size(layer, g) == 42);
        }
}

TEST_CASE("eviction while decoding frees memory", "[capture][unit]")
{
    const Prefilled prompt(tinyModel(), someIds(190));
    BatchDecoder batch(prompt.model);
    const std::int64_t whole = batch.add(prompt.whole, 190);
    const std::int64_t small = batch.add(prompt.whole, 190, std::make_unique<LastPolicy>(20));
    CHECK(batch.cache(small).bytes() == batch.cache(whole).bytes());
    readAll(batch, *prompt.model, {whole, small}, someIds(3));
    CHECK(batch.cache(small).nominalBytes() == 2 * 2 * 20 * 8 * 2 * 2); // layers, KV heads, keys, d, K and V, 2 bytes
    CHECK(batch.cache(small).bytes() < batch.cache(whole).bytes() / 4);
    CHECK(batch.cache(small).positions(1, 0).back() == 192);
}

TEST_CASE("known tokens score as they do step by step", "[capture][unit]")
{
    const Prefilled prompt(tinyModel(), someIds(35));
    const std::vector<std::int32_t> ids = someIds(GENERATE(1, 2, 40), 2);
    const bool evicts = GENERATE(false, true);
    const auto make = [&](BatchDecoder& batch) {
        return std::vector<std::int64_t>{
            batch.add(prompt.whole, 35), batch.add(prompt.kept(everyThird), 35),
            batch.add(prompt.whole, 35, evicts ? std::make_unique<LastPolicy>(12) : nullptr)};
    };
    BatchDecoder batch(prompt.model), stepped(prompt.model);
    const auto streams = make(batch);
    const std::vector<double> scores = batch.score(streams, ids);
    const std::vector<std::int32_t> run(ids.begin(), ids.end() - 1);
    const auto steps = make(stepped);
    const auto logits = readAll(stepped, *prompt.model, steps, run);
    REQUIRE(scores.size() == 3 * run.size());
    const auto vocab = static_cast<std::size_t>(prompt.model->info.vocabSize);
    for (std::size_t s = 0; s < 3; ++s) {
        for (std::size_t i = 0; i < run.size(); ++i) {
            double sum = 0;
            for (std::size_t v = 0; v < vocab; ++v)
                sum += std::exp(static_cast<double>(logits[s][i * vocab + v]));
            const double expected = logits[s][i * vocab + static_cast<std::size_t>(ids[i + 1])] - std::log(sum);
            REQUIRE(scores[s * run.size() + i] == Approx(expected).margin(1e-4));
        }
        CHECK(batch.position(streams[s]) == stepped.position(steps[s]));
        CHECK(batch.cache(streams[s]).size(1, 1) == stepped.cache(steps[s]).size(1, 1));
    }
}

TEST_CASE("dozens of streams, and any number of threads, give each its own logits", "[capture][unit]")
{
    const Prefilled prompt(tinyModel(), someIds(60));
    const std::vector<std::int32_t> ids = someIds(4, 7);
    const auto run = [&](int count, int threads) {
        setThreads(threads);
        BatchDecoder batch(prompt.model);
        std::vector<std::int64_t> streams;
        const CompactCache third = prompt.kept(everyThird);
        for (int i = 0; i < count; ++i)
            streams.push_back(batch.add(i % 7 == 0 ? third : prompt.whole, 60));
        return readAll(batch, *prompt.model, streams, ids);
    };
    const auto two = run(2, 1);
    const auto many = run(54, 1);
    CHECK(many == run(54, 3));
    setThreads(0);
    for (std::size_t s = 0; s < many.size(); ++s)
        REQUIRE(maxDifference(many[s], two[s % 7 == 0 ? 0 : 1]) < 1e-5);
}

TEST_CASE("bfloat16 weights run in a batch as a block of rows does", "[capture][unit]")
{
    Prefilled prompt(tinyModel({}, WeightType::bfloat16), someIds(40));
    BatchDecoder batch(prompt.model);
    const std::vector<std::int64_t> streams{batch.add(prompt.whole, 40), batch.add(prompt.whole, 40)};
    const auto logits = step(batch, *prompt.model, streams, {7, 7});
    // The decoder's step keeps its activations in float32, a block of rows rounds them to bfloat16.
    CHECK(maxDifference(logits[0], prompt.decoder.step(7)) < 0.1);
    CHECK(logits[0] == logits[1]);
}

TEST_CASE("a batch refuses what it cannot run and leaves its streams as they were", "[capture][unit]")
{
    const auto model = tinyModel();
    const Prefilled prompt(model, someIds(20));
    BatchDecoder batch(model);
    const std::int64_t context = model->info.contextLength;
    const std::int64_t a = batch.add(prompt.whole, 20), b = batch.add(prompt.whole, context - 1);
    const auto fails = [&](const std::vector<std::int64_t>& streams, const std::vector<std::int32_t>& ids) {
        CHECK_THROWS_AS(step(batch, *model, streams, ids), core::Error);
        CHECK(batch.position(a) == 20);
        CHECK(batch.cache(a).size(0, 0) == 20);
    };
    fails({a, a}, {1, 1});
    fails({a, 99}, {1, 1});
    fails({a}, {1, 2});
    fails({a, b}, {1, model->info.vocabSize});
    fails({a}, {-1});
    step(batch, *model, {b}, {1});
    fails({a, b}, {1, 1}); // b is at the end of the context
    CHECK(test::badInputMessage([&] { step(batch, *model, {b}, {1}); }).find("exceed the context")
          != std::string::npos);
    CHECK_THROWS_AS(batch.score(std::vector<std::int64_t>{a}, {}), core::Error);
    CHECK_THROWS_AS(batch.score(std::vector<std::int64_t>{a}, someIds(context)), core::Error);
    CHECK(batch.position(a) == 20);
    CHECK_THROWS_AS(batch.add(prompt.whole, 19), core::Error); // holds position 19
    CHECK_THROWS_AS(batch.add(CompactCache(1, 2, 8), 19), core::Error);
    CHECK_THROWS_AS(batch.remove(99), core::Error);
    CHECK(step(batch, *model, {}, {}).empty());
    step(batch, *model, {a}, {1});
    CHECK(batch.position(a) == 21);
}

TEST_CASE("a policy that answers wrongly ends its stream, not its neighbours", "[capture][unit]")
{
    const auto model = tinyModel();
    const Prefilled prompt(model, someIds(20));
    std::vector<std::vector<std::int32_t>> answer =
        GENERATE(std::vector<std::vector<std::int32_t>>{{0}}, std::vector<std::vector<std::int32_t>>{{0}, {21}},
                 std::vector<std::vector<std::int32_t>>{{1, 0}, {0}});
    BatchDecoder batch(model);
    const std::int64_t healthy = batch.add(prompt.whole, 20);
    const std::int64_t wrong = batch.add(prompt.whole, 20, std::make_unique<FixedPolicy>(std::move(answer)));
    CHECK_THROWS_AS(step(batch, *model, {wrong}, {1}), core::Error);
    CHECK_THROWS_WITH(step(batch, *model, {wrong}, {1}), Catch::Contains("half run"));
    CHECK_THROWS_AS(step(batch, *model, {healthy, wrong}, {1, 1}), core::Error);
    batch.remove(wrong);
    Prefilled again(model, someIds(20));
    CHECK(maxDifference(step(batch, *model, {healthy}, {1}).front(), again.decoder.step(1)) < 1e-5);
}
