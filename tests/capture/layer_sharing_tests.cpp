// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Layer sharing and its search against a transformer written out in double and a search written from the definition.
#include "capture/layer_sharing.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/gguf_builder.hpp"
#include "tests/support/naive_llama.hpp"
#include "tests/support/tiny_model.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

using namespace kvviz;
using namespace kvviz::capture;

namespace {

std::shared_ptr<const Model> tinyModel(int layers = 6, int kvHeads = 2)
{
    test::TinyLlama shape;
    shape.layers = layers;
    shape.kvHeads = kvHeads;
    shape.seed = 5;
    return test::tinyModel(shape);
}

Sentences someSentences(std::size_t count, std::size_t tokens)
{
    Sentences sentences(count);
    for (std::size_t s = 0; s < count; ++s)
        for (std::size_t i = 0; i < tokens; ++i)
            sentences[s].push_back(static_cast<std::int32_t>((s * 5003 + i * 7919 + i * i % (31 + s)) % 256));
    return sentences;
}

double worst(std::span<const float> ours, const std::vector<double>& expected)
{
    REQUIRE(ours.size() == expected.size());
    double result = 0;
    for (std::size_t i = 0; i < ours.size(); ++i) {
        const double difference = std::abs(ours[i] - expected[i]);
        result = difference <= result ? result : difference; // NaN stays
    }
    return result;
}

double cosine(const std::vector<double>& a, const std::vector<double>& b)
{
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0)
           / std::sqrt(std::inner_product(a.begin(), a.end(), a.begin(), 0.0)
                       * std::inner_product(b.begin(), b.end(), b.begin(), 0.0));
}

/// D(i, j) from the keys and values of naive runs.
double naiveDistance(const std::vector<test::NaiveRun>& runs, std::size_t i, std::size_t j, std::size_t d)
{
    const std::size_t size = runs.front().key[i].size();
    double sum = 0;
    for (std::size_t vector = 0; vector < size / d; ++vector) {
        double keySquares = 0, valueSquares = 0;
        for (std::size_t c = vector * d; c < (vector + 1) * d; ++c) {
            double key = 0, value = 0;
            for (const test::NaiveRun& run : runs) {
                key += (run.key[i][c] - run.key[j][c]) / static_cast<double>(runs.size());
                value += (run.value[i][c] - run.value[j][c]) / static_cast<double>(runs.size());
            }
            keySquares += key * key;
            valueSquares += value * value;
        }
        sum += (std::sqrt(keySquares) + std::sqrt(valueSquares)) / 2;
    }
    return sum / static_cast<double>(size / d);
}

/// The search as the method's code does it: a map from layer to layer, flattened from the first layer on.
core::SharingMap naiveSearch(const Model& model, const Sentences& sentences, int layersToShare, double threshold)
{
    std::vector<test::NaiveRun> original;
    for (const auto& sentence : sentences)
        original.push_back(test::naiveRun(model, sentence));
    const auto layers = static_cast<std::size_t>(model.info.nLayers);
    std::vector<std::tuple<double, int, int>> pairs;
    for (std::size_t i = 1; i < layers; ++i)
        for (std::size_t j = 0; j < i; ++j)
            pairs.emplace_back(-naiveDistance(original, i, j, static_cast<std::size_t>(model.info.headDim)),
                               static_cast<int>(i), static_cast<int>(j));
    std::sort(pairs.begin(), pairs.end());
    core::SharingMap map;
    map.source.resize(layers);
    std::iota(map.source.begin(), map.source.end(), 0);
    map.similarity.assign(layers, NAN);
    for (const auto& [negative, i, j] : pairs) {
        const auto at = static_cast<std::size_t>(i);
        if (layersToShare == 0 || !std::isnan(map.similarity[at]))
            continue;
        std::vector<int> tentative = map.source;
        tentative[at] = j;
        for (std::size_t layer = 0; layer < layers; ++layer)
            tentative[layer] = tentative[static_cast<std::size_t>(tentative[layer])];
        double similarity = 0;
        for (std::size_t s = 0; s < sentences.size(); ++s)
            similarity += cosine(original[s].hidden, test::naiveRun(model, sentences[s], {}, tentative).hidden)
                          / static_cast<double>(sentences.size());
        if (similarity > threshold) {
            map.source = tentative;
            map.similarity[at] = similarity;
            --layersToShare;
        }
    }
    return map;
}

} // namespace

TEST_CASE("final hidden states equal those of a transformer in double, whatever layers share", "[capture][unit]")
{
    const int kvHeads = GENERATE(1, 2, 4);
    const auto model = tinyModel(6, kvHeads);
    const auto source = GENERATE(std::vector<int>{0, 1, 2, 3, 4, 5}, std::vector<int>{0, 0, 2, 0, 2, 5},
                                 std::vector<int>{0, 0, 0, 0, 0, 0}, std::vector<int>{0, 1, 2, 3, 4, 1});
    for (const std::size_t tokens : {std::size_t{1}, std::size_t{37}, std::size_t{64}}) {
        const std::vector<std::int32_t> ids = someSentences(1, tokens).front();
        const test::NaiveRun expected = test::naiveRun(*model, ids, {}, source);
        CHECK(worst(finalHidden(model, ids, source), expected.hidden) < 1e-4);
    }
}

TEST_CASE("sharing the cache of another layer changes the final hidden states", "[capture][unit]")
{
    const auto model = tinyModel(3);
    const std::vector<std::int32_t> ids = someSentences(1, 20).front();
    const std::vector<float> own = finalHidden(model, ids, std::vector<int>{0, 1, 2});
    const std::vector<float> shared = finalHidden(model, ids, std::vector<int>{0, 1, 0});
    CHECK(worst(own, std::vector<double>(shared.begin(), shared.end())) > 0.01);
}

TEST_CASE("layers are compared by the mean distance of their averaged keys and values", "[capture][unit]")
{
    const auto model = tinyModel();
    const Sentences sentences = someSentences(GENERATE(1, 3, 25), 33); // 25 are more than one batch
    std::vector<test::NaiveRun> runs;
    for (const auto& sentence : sentences)
        runs.push_back(test::naiveRun(*model, sentence));
    const std::vector<double> distances = layerDistances(model, sentences);
    REQUIRE(distances.size() == 36);
    for (std::size_t i = 0; i < 6; ++i)
        for (std::size_t j = 0; j < 6; ++j)
            CHECK(distances[i * 6 + j] == Approx(naiveDistance(runs, i, j, 8)).epsilon(1e-5).margin(1e-12));
}

TEST_CASE("the search accepts what a search by the definition accepts", "[capture][unit]")
{
    const auto model = tinyModel();
    const Sentences sentences = someSentences(3, 24);
    const double threshold = GENERATE(-2.0, 0.5, 0.8, 0.9, 2.0);
    const int wanted = GENERATE(0, 1, 3, 5);
    const core::SharingMap expected = naiveSearch(*model, sentences, wanted, threshold);
    const core::SharingMap map = searchSharing(model, sentences, wanted, threshold);
    INFO("threshold " << threshold << ", layers to share " << wanted);
    CHECK(map.source == expected.source);
    CHECK(map.threshold == threshold);
    CHECK(map.sentences == 3);
    REQUIRE(map.similarity.size() == 6);
    int shared = 0;
    for (std::size_t layer = 0; layer < 6; ++layer) {
        const auto source = static_cast<std::size_t>(map.source[layer]);
        CHECK(map.source[source] == map.source[layer]); // no chains
        CHECK(std::isnan(map.similarity[layer]) == (source == layer));
        if (source == layer)
            continue;
        ++shared;
        CHECK(source < layer);
        CHECK(map.similarity[layer] > threshold);
        CHECK(map.similarity[layer] == Approx(expected.similarity[layer]).epsilon(1e-5));
    }
    CHECK(shared <= wanted);
    if (threshold == -2.0)
        CHECK(shared == wanted);
    if (threshold == 2.0)
        CHECK(shared == 0);
}

TEST_CASE("the search reports its progress and stops when asked", "[capture][unit]")
{
    const auto model = tinyModel();
    std::stop_source stop;
    std::int64_t tries = 0;
    core::Progress progress{[&](std::string_view, std::int64_t done, std::int64_t total) {
                                CHECK(done < total);
                                if (++tries == 2)
                                    stop.request_stop();
                            },
                            stop.get_token()};
    try {
        (void)searchSharing(model, someSentences(2, 10), 5, 2.0, progress);
        FAIL_CHECK("the search went on");
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::cancelled);
    }
    CHECK(tries == 2);
}

TEST_CASE("maps and sentences that make no sense are refused", "[capture][unit]")
{
    const auto model = tinyModel(3);
    const std::vector<std::int32_t> ids{1, 2, 3};
    const auto run = [&](std::vector<int> source) { return [&, source] { (void)finalHidden(model, ids, source); }; };
    CHECK(test::badInputMessage(run({0, 1})).find("the model has 3") != std::string::npos);
    CHECK(test::badInputMessage(run({0, 1, 3})).find("layer 3") != std::string::npos);
    CHECK(test::badInputMessage(run({1, 1, 2})).find("an earlier layer") != std::string::npos);
    CHECK(test::badInputMessage(run({0, 0, 1})).find("a cache of its own") != std::string::npos); // a chain
    CHECK(test::badInputMessage(run({0, -1, 2})).find("layer -1") != std::string::npos);
    const std::vector<int> own{0, 1, 2};
    CHECK(test::badInputMessage([&] {
              (void)finalHidden(model, std::vector<std::int32_t>{1, 9999}, own);
          }).find("outside the vocabulary")
          != std::string::npos);
    CHECK_THROWS_AS(finalHidden(model, {}, own), core::Error);
    CHECK_THROWS_AS(finalHidden(model, std::vector<std::int32_t>(300, 1), own), core::Error);

    const auto search = [&](Sentences sentences, int wanted) {
        return
            [&model, sentences = std::move(sentences), wanted] { (void)searchSharing(model, sentences, wanted, 0.5); };
    };
    CHECK(test::badInputMessage(search({}, 1)).find("at least one sentence") != std::string::npos);
    CHECK(test::badInputMessage(search({{1, 2}, {1}}, 1)).find("different lengths") != std::string::npos);
    CHECK(test::badInputMessage(search({{1, -5}}, 1)).find("outside the vocabulary") != std::string::npos);
    CHECK(test::badInputMessage(search({{1, 2}}, 3)).find("at most 2") != std::string::npos);
    CHECK_THROWS_AS(searchSharing(model, {{1, 2}}, -1, 0.5), core::Error);
}
