// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The arithmetic of the attention kernels, run on the CPU, against every row written out in double.
#include "capture/device/attention_reducer.hpp"
#include "capture/linear.hpp"
#include "core/capture_source.hpp"
#include "core/half.hpp"
#include "core/pooling.hpp"
#include "core/score_rule.hpp"
#include "tests/support/catch.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <random>

using namespace kvviz;
using namespace kvviz::capture;

namespace {

struct Shape {
    std::int64_t n = 0;
    int heads = 4, kvHeads = 2, d = 16;
    core::ScoreRule rule = {};
    at::ScalarType type = at::kFloat;
};

/// Random queries and keys, and their attention in double.
struct Attention {
    explicit Attention(const Shape& given) : shape(given)
    {
        std::mt19937 random(static_cast<unsigned>(shape.n * 31 + shape.d));
        std::normal_distribution<float> normal(0, 1.5f);
        const auto made = [&](std::vector<std::int64_t> sizes) {
            at::Tensor tensor = at::empty(sizes, at::kFloat);
            for (std::int64_t i = 0; i < tensor.numel(); ++i)
                tensor.mutable_data_ptr<float>()[i] = normal(random);
            return tensor.to(shape.type);
        };
        const at::Tensor query = made({shape.n, shape.heads, shape.d});
        const at::Tensor cache = made({shape.kvHeads, shape.n + 5, shape.d}); // longer than the prompt, as a cache is
        tensors = {query, cache.narrow(1, 0, shape.n), at::empty({shape.heads, shape.n}, at::kFloat),
                   shape.rule.scaleFor(shape.d), shape.rule.softcap, shape.rule.window,
                   std::max<std::int64_t>(0, shape.n - 20), 4};
        writeRows(query.to(at::kDouble), tensors.key.to(at::kDouble));
    }

    void writeRows(const at::Tensor& query, const at::Tensor& key)
    {
        const at::Tensor logits =
            at::matmul(query.transpose(0, 1), key.repeat_interleave(shape.heads / shape.kvHeads, 0).transpose(1, 2));
        rows.assign(static_cast<std::size_t>(shape.heads * shape.n * shape.n), 0.0);
        for (int h = 0; h < shape.heads; ++h)
            for (std::int64_t i = 0; i < shape.n; ++i) {
                double total = 0;
                for (std::int64_t k = shape.rule.firstKey(i); k <= i; ++k) {
                    double logit = logits[h][i][k].item<double>() * static_cast<double>(tensors.scale);
                    if (shape.rule.softcap > 0)
                        logit = shape.rule.softcap * std::tanh(logit / shape.rule.softcap);
                    total += at(h, i, k) = std::exp(logit);
                }
                for (std::int64_t k = 0; k <= i; ++k)
                    at(h, i, k) /= total;
                tensors.logSumExp.mutable_data_ptr<float>()[h * shape.n + i] = static_cast<float>(std::log(total));
            }
    }

    double& at(int h, std::int64_t i, std::int64_t k)
    {
        return rows[static_cast<std::size_t>((h * shape.n + i) * shape.n + k)];
    }

    Shape shape;
    AttentionTensors tensors;
    std::vector<double> rows; // [H, n, n]
};

std::vector<float> floats(std::int64_t count) { return std::vector<float>(static_cast<std::size_t>(count), -7.0f); }

std::vector<Shape> shapes()
{
    std::vector<Shape> all;
    for (const std::int64_t n : {1, 9, 63, 64, 65, 130, 150})
        all.push_back({n});
    for (const core::ScoreRule rule : {core::ScoreRule{0, 0, 5}, {0, 0, 70}, {0.5f, 30, 0}, {0, 2, 64}, {0, 0, 1}})
        all.push_back({150, 4, 2, 16, rule});
    all.push_back({140, 3, 1, 20});
    all.push_back({140, 2, 2, 80});
    all.push_back({140, 4, 2, 16, {}, at::kHalf});
    all.push_back({140, 4, 2, 16, {}, at::kBFloat16});
    return all;
}

} // namespace

TEST_CASE("column sums of the kernels are those of the rows", "[device][unit]")
{
    for (const Shape& shape : shapes()) {
        CAPTURE(shape.n, shape.d, shape.rule.window, shape.rule.softcap, shape.type);
        Attention a(shape);
        std::vector<float> received = floats(shape.heads * shape.n), window = received, squares = received, far = received;
        hostReducer().columnSums(a.tensors, {received.data(), window.data(), squares.data(), far.data()});
        for (int h = 0; h < shape.heads; ++h)
            for (std::int64_t k = 0; k < shape.n; ++k) {
                double all = 0, late = 0, sq = 0, sqFar = 0;
                for (std::int64_t i = k; i < shape.n; ++i) {
                    const double p = a.at(h, i, k);
                    all += p;
                    late += i >= a.tensors.windowBegin ? p : 0;
                    sq += p * p;
                    sqFar += i - k >= core::kNearQueries ? p * p : 0;
                }
                const auto at = static_cast<std::size_t>(h * shape.n + k);
                REQUIRE(received[at] == Approx(all).margin(2e-5));
                REQUIRE(window[at] == Approx(late).margin(2e-5));
                REQUIRE(squares[at] == Approx(sq).margin(2e-5));
                REQUIRE(far[at] == Approx(sqFar).margin(2e-5));
            }
    }
}

TEST_CASE("entropy, sink mass and mass of the kernels are those of the rows", "[device][unit]")
{
    for (const Shape& shape : shapes()) {
        CAPTURE(shape.n, shape.d, shape.rule.window, shape.rule.softcap, shape.type);
        Attention a(shape);
        std::vector<float> entropy = floats(shape.heads * shape.n), sinks = entropy, mass = entropy;
        hostReducer().rowSums(a.tensors, {entropy.data(), sinks.data(), mass.data()});
        for (int h = 0; h < shape.heads; ++h)
            for (std::int64_t i = 0; i < shape.n; ++i) {
                double expected = 0, first = 0;
                for (std::int64_t k = 0; k <= i; ++k) {
                    const double p = a.at(h, i, k);
                    expected -= p > 0 ? p * std::log(p) : 0;
                    first += k < 4 ? p : 0;
                }
                const auto at = static_cast<std::size_t>(h * shape.n + i);
                REQUIRE(entropy[at] == Approx(expected).margin(5e-5));
                REQUIRE(sinks[at] == Approx(first).margin(1e-5));
                REQUIRE(mass[at] == Approx(1.0).margin(1e-5));
            }
    }
}

TEST_CASE("exact rows of any range are written whole, with zeros where a key is not seen", "[device][unit]")
{
    for (const Shape& shape : shapes()) {
        CAPTURE(shape.n, shape.d, shape.rule.window, shape.rule.softcap, shape.type);
        Attention a(shape);
        const std::int64_t begin = shape.n / 3, end = shape.n, stride = (end + 15) / 16 * 16;
        std::vector<float> rows = floats(shape.heads * (end - begin) * stride);
        hostReducer().exactRows(a.tensors, {rows.data(), begin, end, (end - begin) * stride, stride});
        for (int h = 0; h < shape.heads; ++h)
            for (std::int64_t i = begin; i < end; ++i)
                for (std::int64_t k = 0; k < stride; ++k) {
                    const float got = rows[static_cast<std::size_t>((h * (end - begin) + i - begin) * stride + k)];
                    if (k > i || k < shape.rule.firstKey(i))
                        REQUIRE(got == 0.0f);
                    else
                        REQUIRE(got == Approx(a.at(h, i, k)).margin(1e-5));
                }
    }
}

TEST_CASE("pooled cells of any size are those of the pyramid that is fed with rows", "[device][unit]")
{
    for (const Shape& shape : shapes())
        for (const std::int64_t cap : {8, 30, 149, 1000, 1}) {
            const std::int64_t cell = core::MapPyramid::levelCellSize(shape.n, cap, 0);
            const std::int64_t cells = core::MapPyramid::levelCells(shape.n, cap, 0);
            CAPTURE(shape.n, shape.d, shape.rule.window, shape.rule.softcap, shape.type, cell);
            Attention a(shape);
            core::MapPyramid fed(shape.heads, shape.n, cap), given(shape.heads, shape.n, cap);
            const std::vector<float> rows(a.rows.begin(), a.rows.end());
            fed.addRows(0, shape.n, rows.data(), shape.n * shape.n, shape.n);
            std::vector<float> max(static_cast<std::size_t>(shape.heads * cells * cells), 0.0f), sum = max;
            hostReducer().pooledCells(a.tensors, {max.data(), sum.data(), cell, cells});
            for (int h = 0; h < shape.heads; ++h)
                given.setHead(h, max.data() + h * cells * cells, sum.data() + h * cells * cells);
            const auto expected = fed.result(), got = given.result();
            REQUIRE(got.size() == expected.size());
            for (std::size_t level = 0; level < got.size(); ++level)
                for (std::size_t i = 0; i < got[level].max.size(); ++i) {
                    REQUIRE(std::isnan(got[level].max[i]) == std::isnan(expected[level].max[i]));
                    if (std::isnan(got[level].max[i]))
                        continue;
                    REQUIRE(got[level].max[i] == Approx(expected[level].max[i]).margin(1e-5));
                    REQUIRE(got[level].mean[i] == Approx(expected[level].mean[i]).margin(1e-5));
                }
        }
}

TEST_CASE("the number of threads does not change what the kernels' arithmetic gives", "[device][unit]")
{
    Attention a({150});
    const auto run = [&](int threads) {
        setThreads(threads);
        std::vector<float> received = floats(4 * 150), window = received, squares = received, far = received;
        hostReducer().columnSums(a.tensors, {received.data(), window.data(), squares.data(), far.data()});
        return received;
    };
    const auto one = run(1), three = run(3);
    setThreads(0);
    CHECK(one == three);
}
