// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Low-rank bases against an independent decomposition (one-sided Jacobi) and against the papers' own two-factor form.
#include "capture/decoder.hpp"
#include "capture/gguf_model.hpp"
#include "capture/weight_factors.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/gguf_builder.hpp"
#include "tests/support/tiny_model.hpp"

#include <cmath>
#include <limits>
#include <numeric>
#include <random>

using namespace kvviz;
using namespace kvviz::capture;
using test::tinyModel;

namespace {

std::vector<std::int32_t> someIds(std::int64_t count, int step = 7919)
{
    std::vector<std::int32_t> ids;
    for (std::int64_t i = 0; i < count; ++i)
        ids.push_back(static_cast<std::int32_t>((i * step + i * i % 31) % 256));
    return ids;
}

/// What the projections of each layer read: the residual stream after the layer's RMS norm, computed here in double.
struct InputKeeper final : StreamHook {
    explicit InputKeeper(const Model& theModel) : model(theModel), streams(theModel.layers.size()) {}
    void onLayerInput(int layer, std::int64_t begin, std::int64_t rows, const float* stream,
                      std::int64_t hidden) override
    {
        std::vector<float>& kept = streams.at(static_cast<std::size_t>(layer));
        CHECK(std::ssize(kept) == begin * hidden);
        for (std::int64_t i = 0; i < rows; ++i) {
            double square = 0;
            for (std::int64_t c = 0; c < hidden; ++c)
                square += static_cast<double>(stream[i * hidden + c]) * stream[i * hidden + c];
            const double scale = 1 / std::sqrt(square / static_cast<double>(hidden) + model.arch.normEps);
            for (std::int64_t c = 0; c < hidden; ++c)
                kept.push_back(static_cast<float>(stream[i * hidden + c] * scale
                                                  * model.layers[static_cast<std::size_t>(layer)]->attentionNorm[static_cast<std::size_t>(c)]));
        }
    }
    const Model& model;
    std::vector<std::vector<float>> streams; // [layer][tokens, hidden]
};

/// Columns of a matrix, as the tests need them.
using Columns = std::vector<std::vector<double>>;

double dot(const std::vector<double>& a, const std::vector<double>& b)
{
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

struct Svd {
    Columns left;                // columns of U S, largest first
    Columns right;               // columns of V
    std::vector<double> singular;
};

/// One-sided Jacobi: turns pairs of columns until all are orthogonal; what is left of M is U S, the turns are V.
Svd jacobi(Columns m)
{
    const std::size_t n = m.size();
    Columns v(n, std::vector<double>(n, 0.0));
    for (std::size_t i = 0; i < n; ++i)
        v[i][i] = 1;
    const auto turn = [](std::vector<double>& a, std::vector<double>& b, double c, double s) {
        for (std::size_t i = 0; i < a.size(); ++i) {
            const double x = a[i], y = b[i];
            a[i] = c * x - s * y;
            b[i] = s * x + c * y;
        }
    };
    for (int sweep = 0; sweep < 60; ++sweep) {
        double worst = 0;
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = i + 1; j < n; ++j) {
                const double aa = dot(m[i], m[i]), bb = dot(m[j], m[j]), ab = dot(m[i], m[j]);
                if (std::abs(ab) <= 1e-15 * std::sqrt(aa * bb))
                    continue;
                worst = std::max(worst, std::abs(ab) / std::sqrt(aa * bb));
                const double angle = 0.5 * std::atan2(2 * ab, bb - aa);
                turn(m[i], m[j], std::cos(angle), std::sin(angle));
                turn(v[i], v[j], std::cos(angle), std::sin(angle));
            }
        if (worst < 1e-14)
            break;
    }
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), 0u);
    const auto longer = [&](std::size_t a, std::size_t b) { return dot(m[a], m[a]) > dot(m[b], m[b]); };
    std::sort(order.begin(), order.end(), longer);
    Svd result;
    for (const std::size_t i : order) {
        result.left.push_back(m[i]);
        result.right.push_back(v[i]);
        result.singular.push_back(std::sqrt(dot(m[i], m[i])));
    }
    return result;
}

/// W as [hidden, out] by columns, each entry times the scale of its input: D W.
Columns scaledWeights(const Linear& linear, std::int64_t first, std::int64_t count, const std::vector<double>& scale)
{
    Columns columns;
    std::vector<float> row(static_cast<std::size_t>(linear.inputs()));
    for (std::int64_t r = first; r < first + count; ++r) {
        linear.copyRow(r, row.data());
        columns.emplace_back(row.begin(), row.end());
        for (std::size_t c = 0; c < row.size(); ++c)
            columns.back()[c] *= scale[c];
    }
    return columns;
}

/// y -> sum_{i<rank} read_i (write_i . y)
std::vector<double> project(const float* read, const float* write, int width, int rank, const std::vector<double>& y)
{
    std::vector<double> result(y.size(), 0.0);
    for (int i = 0; i < rank; ++i) {
        double along = 0;
        for (int c = 0; c < width; ++c)
            along += write[i * width + c] * y[static_cast<std::size_t>(c)];
        for (int c = 0; c < width; ++c)
            result[static_cast<std::size_t>(c)] += read[i * width + c] * along;
    }
    return result;
}

/// x A_r B_r with A_r = D^-1 U_r S_r^0.5, B_r = S_r^0.5 V_r^T, as CSKV computes it.
std::vector<double> twoFactors(const Svd& svd, const std::vector<double>& scale, int rank, const std::vector<double>& x)
{
    std::vector<double> result(svd.right.front().size(), 0.0);
    for (int r = 0; r < rank; ++r) {
        const auto i = static_cast<std::size_t>(r);
        const double root = std::sqrt(svd.singular[i]);
        double compressed = 0;
        for (std::size_t c = 0; c < x.size(); ++c)
            compressed += x[c] / scale[c] * (svd.left[i][c] / svd.singular[i]) * root;
        for (std::size_t c = 0; c < result.size(); ++c)
            result[c] += compressed * root * svd.right[i][c];
    }
    return result;
}

double distance(const std::vector<double>& a, const std::vector<double>& b)
{
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return std::sqrt(sum);
}

/// Largest relative difference of the two forms over tokens of `stream` and all given ranks.
double worstDifference(const Model& model, int layer, bool keys, const core::WeightFactors& factors,
                       const std::vector<double>& scale, const std::vector<float>& stream,
                       const std::vector<int>& ranks, std::size_t everyToken)
{
    const Linear& qkv = model.layers[static_cast<std::size_t>(layer)]->qkv;
    const int width = factors.kvWidth;
    const std::int64_t first = model.info.nHeads * model.info.headDim + (keys ? 0 : width);
    const Columns plain = scaledWeights(qkv, first, width, std::vector<double>(scale.size(), 1.0));
    const Svd svd = jacobi(scaledWeights(qkv, first, width, scale));
    const auto at = static_cast<std::size_t>(layer * width * width);
    const float* const read = (keys ? factors.keyRead : factors.valueRead).data() + at;
    const float* const write = (keys ? factors.keyWrite : factors.valueWrite).data() + at;
    double worst = 0;
    for (std::size_t token = 0; token * scale.size() < stream.size(); token += everyToken) {
        const std::vector<double> x(stream.begin() + static_cast<std::ptrdiff_t>(token * scale.size()),
                                    stream.begin() + static_cast<std::ptrdiff_t>((token + 1) * scale.size()));
        std::vector<double> y;
        for (const std::vector<double>& column : plain)
            y.push_back(dot(column, x));
        for (const int rank : ranks) {
            const double off = distance(project(read, write, width, rank, y), twoFactors(svd, scale, rank, x));
            worst = std::max(worst, off / std::sqrt(dot(y, y)));
        }
    }
    return worst;
}

std::vector<double> scalesOf(const InputMagnitudes& inputs, int layer, std::size_t hidden)
{
    std::vector<double> scale;
    for (std::size_t c = 0; c < hidden; ++c)
        scale.push_back(std::pow(inputs.meanAbsolute[static_cast<std::size_t>(layer) * hidden + c] + 1e-6, 0.5));
    return scale;
}

} // namespace

TEST_CASE("the bases of a model's projections are orthonormal, and each rank leaves what its singular values say",
          "[capture][tables][unit]")
{
    test::TinyLlama shape;
    const auto [heads, kvHeads] = GENERATE(std::pair(4, 2), std::pair(4, 4), std::pair(4, 1));
    shape.heads = heads;
    shape.kvHeads = kvHeads;
    const auto model = tinyModel(shape);
    const core::WeightFactors factors = weightFactors(*model);
    const int width = kvHeads * shape.headDim;
    REQUIRE(factors.layers == shape.layers);
    REQUIRE(factors.kvWidth == width);
    REQUIRE(std::ssize(factors.keyBasis) == shape.layers * width * width);
    REQUIRE(std::ssize(factors.valueSingular) == shape.layers * width);
    CHECK(factors.keyRead.empty());
    CHECK(factors.valueWrite.empty());
    for (int layer = 0; layer < shape.layers; ++layer)
        for (const bool keys : {true, false}) {
            const float* const basis =
                (keys ? factors.keyBasis : factors.valueBasis).data() + layer * width * width;
            const double* const singular = (keys ? factors.keySingular : factors.valueSingular).data() + layer * width;
            for (int i = 0; i < width; ++i)
                for (int j = 0; j < width; ++j) {
                    double product = 0;
                    for (int c = 0; c < width; ++c)
                        product += static_cast<double>(basis[i * width + c]) * basis[j * width + c];
                    REQUIRE(product == Approx(i == j ? 1.0 : 0.0).margin(1e-5));
                }
            CHECK(std::is_sorted(singular, singular + width, std::greater<>()));
            const std::int64_t first = heads * shape.headDim + (keys ? 0 : width);
            const Columns weights = scaledWeights(model->layers[static_cast<std::size_t>(layer)]->qkv, first, width,
                                                  std::vector<double>(static_cast<std::size_t>(shape.hidden), 1.0));
            for (const int rank : {1, width / 2, width}) {
                // Frobenius norm of W - P_r W, one input channel at a time, against Eckart and Young.
                double left = 0, told = 0;
                for (int c = 0; c < shape.hidden; ++c) {
                    std::vector<double> y;
                    for (const std::vector<double>& column : weights)
                        y.push_back(column[static_cast<std::size_t>(c)]);
                    const double off = distance(project(basis, basis, width, rank, y), y);
                    left += off * off;
                }
                for (int i = rank; i < width; ++i)
                    told += singular[i] * singular[i];
                CHECK(left == Approx(told).epsilon(1e-4).margin(1e-8));
            }
        }
}

TEST_CASE("singular values and directions equal those of another algorithm", "[capture][tables][unit]")
{
    const std::int64_t rows = GENERATE(1, 7, 12), columns = GENERATE(1, 9);
    std::mt19937_64 random(static_cast<std::uint64_t>(rows * 100 + columns));
    std::normal_distribution<double> normal;
    std::vector<double> matrix(static_cast<std::size_t>(rows * columns));
    std::generate(matrix.begin(), matrix.end(), [&] { return normal(random); });
    const LeftSingular found = leftSingular(matrix, rows, columns);
    Columns transposed; // its columns are the rows
    for (std::int64_t r = 0; r < rows; ++r)
        transposed.emplace_back(matrix.begin() + r * columns, matrix.begin() + (r + 1) * columns);
    const Svd expected = jacobi(transposed);
    for (std::int64_t i = 0; i < rows; ++i) {
        const std::vector<double> direction(found.directions.begin() + i * rows,
                                            found.directions.begin() + (i + 1) * rows);
        CHECK(dot(direction, direction) == Approx(1.0));
        CHECK(*std::max_element(direction.begin(), direction.end(),
                                [](double a, double b) { return std::abs(a) < std::abs(b); }) > 0);
        CHECK(found.values[static_cast<std::size_t>(i)]
              == Approx(expected.singular[static_cast<std::size_t>(i)]).margin(1e-9));
        if (i < columns)
            CHECK(std::abs(dot(direction, expected.right[static_cast<std::size_t>(i)])) == Approx(1.0));
    }
}

TEST_CASE("a matrix that is not finite is refused, one of zeros is not", "[capture][tables][unit]")
{
    std::vector<double> matrix(6, 0.0);
    const LeftSingular zeros = leftSingular(matrix, 2, 3);
    CHECK(zeros.values == std::vector<double>{0.0, 0.0});
    matrix[3] = GENERATE(std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity());
    CHECK_THROWS_AS(leftSingular(matrix, 2, 3), core::Error);
    CHECK_THROWS_AS(leftSingular(matrix, 3, 3), core::Error);
}

TEST_CASE("mean magnitudes are those of the projections' inputs over all pieces", "[capture][tables][unit]")
{
    const auto model = tinyModel();
    const std::vector<std::vector<std::int32_t>> pieces{someIds(30), someIds(1), someIds(64, 13)};
    const InputMagnitudes inputs = measureInputs(model, pieces);
    CHECK(inputs.tokens == 95);
    const auto hidden = static_cast<std::size_t>(model->info.hiddenSize);
    std::vector<double> sums(2 * hidden, 0.0);
    for (const std::vector<std::int32_t>& ids : pieces) {
        Decoder decoder(model, {64, 1, 4, true});
        InputKeeper keeper(*model);
        decoder.addHook(&keeper);
        decoder.prefill(ids);
        REQUIRE(keeper.streams.size() == 2);
        for (std::size_t layer = 0; layer < 2; ++layer)
            for (std::size_t i = 0; i < keeper.streams[layer].size(); ++i)
                sums[layer * hidden + i % hidden] += std::abs(keeper.streams[layer][i]);
    }
    REQUIRE(inputs.meanAbsolute.size() == sums.size());
    for (std::size_t i = 0; i < sums.size(); ++i)
        CHECK(inputs.meanAbsolute[i] == Approx(sums[i] / 95));
}

TEST_CASE("the activation-scaled projection of an output is what CSKV's two factors make of the input",
          "[capture][tables][unit]")
{
    test::TinyLlama shape;
    const auto [kvHeads, headDim] = GENERATE(std::pair(2, 8), std::pair(4, 8), std::pair(4, 12)); // 48 > hidden 32
    shape.kvHeads = kvHeads;
    shape.headDim = headDim;
    const auto model = tinyModel(shape);
    const InputMagnitudes inputs = measureInputs(model, {someIds(200)});
    const core::WeightFactors factors = weightFactors(*model, &inputs);
    const core::WeightFactors plain = weightFactors(*model);
    CHECK(factors.keyBasis == plain.keyBasis);
    CHECK(factors.keyRead == factors.keyWrite);
    CHECK(factors.keyRead != factors.keyBasis); // the scaling changes which directions come first

    Decoder decoder(model, {90, 1, 4, true});
    InputKeeper keeper(*model);
    decoder.addHook(&keeper);
    decoder.prefill(someIds(90, 31)); // other tokens than those of the calibration
    const int full = std::min(factors.kvWidth, shape.hidden);
    for (int layer = 0; layer < shape.layers; ++layer)
        for (const bool keys : {true, false})
            CHECK(worstDifference(*model, layer, keys, factors,
                                  scalesOf(inputs, layer, static_cast<std::size_t>(shape.hidden)),
                                  keeper.streams[static_cast<std::size_t>(layer)], {1, 3, full / 2, full - 1, full}, 1)
                  < 1e-5);
}

TEST_CASE("scaled projections of the default model equal CSKV's two factors on its own hidden states",
          "[capture][tables][model]")
{
    const auto model = loadModel(GgufFile(KVVIZ_TEST_MODEL), WeightType::float32);
    std::vector<std::int32_t> text;
    for (int i = 0; i < 60; ++i)
        text.push_back(200 + 37 * i % 5000);
    const InputMagnitudes inputs = measureInputs(model, {text});
    const core::WeightFactors factors = weightFactors(*model, &inputs);
    CHECK(factors.kvWidth == 192);
    for (int layer = 0; layer < factors.layers; ++layer) {
        CHECK(factors.keySingular[static_cast<std::size_t>(layer * 192)] > 0);
        CHECK(std::isfinite(factors.valueSingular[static_cast<std::size_t>(layer * 192)]));
    }
    Decoder decoder(model, {60, 1, 4, false});
    InputKeeper keeper(*model);
    decoder.addHook(&keeper);
    decoder.prefill(text);
    for (const bool keys : {true, false})
        CHECK(worstDifference(*model, 11, keys, factors, scalesOf(inputs, 11, 576), keeper.streams[11],
                              {1, 48, 96, 192}, 10)
              < 1e-5);
}

TEST_CASE("text without tokens, foreign ids and pieces beyond the context are refused", "[capture][tables][unit]")
{
    const auto model = tinyModel();
    CHECK_THAT(test::badInputMessage([&] { static_cast<void>(measureInputs(model, {})); }),
               Catch::Contains("no tokens"));
    CHECK_THROWS_AS(measureInputs(model, {{1, 2}, {100000}}), core::Error);
    CHECK_THROWS_AS(measureInputs(model, {someIds(1000)}), core::Error);
    std::stop_source stop;
    stop.request_stop();
    CHECK_THROWS_AS(measureInputs(model, {someIds(10)}, {{}, stop.get_token()}), core::Error);
    CHECK_THROWS_AS(weightFactors(*model, nullptr, {{}, stop.get_token()}), core::Error);
}

TEST_CASE("the stream that enters the first layer is the embedding, in a prompt and in steps",
          "[capture][tables][unit]")
{
    struct FirstInputs final : StreamHook {
        void onLayerInput(int layer, std::int64_t begin, std::int64_t rows, const float* stream,
                          std::int64_t hidden) override
        {
            if (layer != 0)
                return;
            CHECK(std::ssize(values) == begin * hidden);
            values.insert(values.end(), stream, stream + rows * hidden);
        }
        std::vector<float> values;
    };
    const auto model = tinyModel();
    const std::vector<std::int32_t> ids = someIds(12);
    Decoder decoder(model, {12, 1, 4, true});
    FirstInputs inputs;
    decoder.addHook(&inputs);
    decoder.prefill({ids.data(), 10});
    decoder.step(ids[10]);
    decoder.step(ids[11]);
    std::vector<float> expected(static_cast<std::size_t>(12 * model->info.hiddenSize));
    for (std::size_t i = 0; i < ids.size(); ++i)
        model->embedding.copyRow(ids[i], expected.data() + i * static_cast<std::size_t>(model->info.hiddenSize));
    CHECK(inputs.values == expected);
}
