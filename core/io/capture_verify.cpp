// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The whole file against docs/format.md. Tolerances follow from the storage: a float16 keeps 11 bits (relative error
// 2^-11) and steps of 2^-24 near 0, a float32 sum over a long prompt about 1e-4.
#include "core/capture_source.hpp"
#include "core/io/capture_reader.hpp"
#include "core/io/capture_writer.hpp"
#include "core/io/h5_values.hpp"
#include "core/io/open_capture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace kvviz::io {

using core::Error;
using core::Need;
using core::Span;

namespace {

constexpr std::size_t kMostProblems = 50;

class Verifier {
public:
    explicit Verifier(const CaptureRef& ref) : m_capture(ref), m_sizes(m_capture.sizes) {}

    std::vector<std::string> run();

private:
    void problem(std::string text)
    {
        if (m_problems.size() < kMostProblems)
            m_problems.push_back(m_capture.where + std::move(text));
    }
    template <typename Work>
    void attempt(Work&& work)
    {
        try {
            work();
        } catch (const Error& error) {
            if (m_problems.size() < kMostProblems)
                m_problems.emplace_back(error.what());
        }
    }
    [[nodiscard]] bool has(const std::string& path) const { return hasDataset(m_capture.root.get(), path); }
    void requireArrays();
    void checkTokens();
    void checkLayer(std::int64_t slot);
    void checkStats(std::int64_t slot);
    void checkFarSquares(std::int64_t slot);
    void checkQueryStats(std::int64_t slot);
    /// Symmetric, variances >= 0, and no covariance larger than the variances allow.
    void checkCovariance(const float* matrix, const std::string& place);
    void checkFinite(const char* path, std::int64_t slot);
    /// Rows sum to 1 and are 0 above the diagonal; adds them to column sums [H, n] when given.
    void checkRows(const char* path, std::int64_t slot, const std::vector<std::int64_t>& queries,
                   std::vector<double>* sums);
    bool checkRow(const float* row, std::int64_t length, std::int64_t query, const std::string& place);
    void compareSums(const char* path, std::int64_t slot, const std::vector<double>& sums, std::int64_t rows);
    void checkLevels(std::int64_t slot);
    void checkLogits();
    void checkReadout();

    OpenCapture m_capture;
    const Sizes& m_sizes;
    std::vector<std::string> m_problems;
};

std::vector<std::int64_t> queriesFrom(std::int64_t begin, std::int64_t end)
{
    std::vector<std::int64_t> queries;
    for (std::int64_t query = begin; query < end; ++query)
        queries.push_back(query);
    return queries;
}

void Verifier::requireArrays()
{
    using core::Tier;
    const Tier tier = m_capture.info.tier;
    for (const ArraySpec& array : captureArrays(m_sizes)) {
        const bool wanted = !array.optional && tier >= array.tier && m_capture.minorVersion >= array.sinceMinor;
        if (wanted && !has(array.path))
            problem(fmt::format("{}: the array is missing from a capture of tier {}", array.path, tierName(tier)));
        if (has(array.path))
            attempt([&] {
                const Handle dataset = openDataset(m_capture.root.get(), array.path, m_capture.where);
                requireShape(dataset.get(), array.shape(), m_capture.where + array.path);
            });
    }
    if (tier >= Tier::map && m_sizes.levelCells.empty())
        problem(fmt::format("map: the pyramid is missing from a capture of tier {}", tierName(tier)));
}

void Verifier::checkTokens()
{
    const core::CaptureInfo& info = m_capture.info;
    for (std::int64_t i = 0; i < info.tokens.size(); ++i)
        if (const std::int32_t id = info.tokens.ids[static_cast<std::size_t>(i)];
            id < 0 || (info.model.vocabSize > 0 && id >= info.model.vocabSize))
            return problem(fmt::format("tokens/id: token {} is {}, outside of the vocabulary", i, id));
    const auto count = static_cast<hsize_t>(m_sizes.total());
    const std::vector<std::string> texts = readTexts(m_capture.root.get(), "tokens/text", count, m_capture.where);
    for (std::int64_t i = 0; i < info.tokens.size(); ++i)
        if (texts[static_cast<std::size_t>(i)] != info.tokens.displayText(i))
            return problem(fmt::format("tokens/text: token {} does not show its bytes", i));
}

bool Verifier::checkRow(const float* row, std::int64_t length, std::int64_t query, const std::string& place)
{
    double sum = 0;
    for (std::int64_t key = 0; key < length; ++key) {
        if (!(row[key] >= 0 && row[key] <= 1.001f) || (key > query && row[key] != 0)) {
            problem(fmt::format("{}, query {}, key {}: {} is no attention weight", place, query, key, row[key]));
            return false;
        }
        sum += static_cast<double>(row[key]);
    }
    // Each weight may be off by its relative error, and by half a step (2^-25) where it is tiny.
    if (std::abs(sum - 1) > 2e-3 + static_cast<double>(query + 1) * 0x1p-25) {
        problem(fmt::format("{}, query {}: the row sums to {}, expected 1", place, query, sum));
        return false;
    }
    return true;
}

void Verifier::checkRows(const char* path, std::int64_t slot, const std::vector<std::int64_t>& queries,
                         std::vector<double>* sums)
{
    const Handle dataset = m_capture.open(path);
    const auto columns = static_cast<std::int64_t>(datasetShape(dataset.get()).back());
    for (std::int64_t head = 0; head < m_sizes.heads; ++head) {
        for (std::int64_t band = 0; band < std::ssize(queries); band += kMapChunk) {
            const std::int64_t end = std::min(band + kMapChunk, std::ssize(queries));
            const std::vector<float> rows =
                m_capture.readRows(dataset.get(), path, slot, head, {band, end}, {0, columns});
            for (std::int64_t i = band; i < end; ++i) {
                const float* row = rows.data() + (i - band) * columns;
                if (!checkRow(row, columns, queries[static_cast<std::size_t>(i)],
                              fmt::format("{}: layer slot {}, head {}", path, slot, head)))
                    return;
                for (std::int64_t key = 0; sums && key < m_sizes.n; ++key)
                    (*sums)[static_cast<std::size_t>(head * m_sizes.n + key)] += static_cast<double>(row[key]);
            }
        }
    }
}

void Verifier::compareSums(const char* path, std::int64_t slot, const std::vector<double>& sums, std::int64_t rows)
{
    const std::vector<float> stored = m_capture.readLayer(path, slot);
    for (std::int64_t head = 0; head < m_sizes.heads; ++head) {
        for (std::int64_t key = 0; key < m_sizes.n; ++key) {
            const double sum = sums[static_cast<std::size_t>(head * m_sizes.n + key)];
            const auto value = static_cast<double>(stored[static_cast<std::size_t>(head * m_sizes.total() + key)]);
            if (std::abs(value - sum) > 1e-3 * std::abs(sum) + static_cast<double>(rows) * 0x1p-25 + 1e-5)
                return problem(fmt::format("{}: layer slot {}, head {}, key {} is {}, but its rows sum to {}", path,
                                           slot, head, key, value, sum));
        }
    }
}

void Verifier::checkStats(std::int64_t slot)
{
    const auto mass = [&](const char* path, double expected) {
        const std::vector<float> values = m_capture.readLayer(path, slot);
        for (std::int64_t head = 0; head < m_sizes.heads; ++head) {
            double sum = 0;
            for (std::int64_t key = 0; key < m_sizes.total(); ++key)
                sum += static_cast<double>(values[static_cast<std::size_t>(head * m_sizes.total() + key)]);
            if (!(std::abs(sum - expected) <= 2e-3 * expected))
                return problem(fmt::format("{}: layer slot {}, head {} sums to {}, expected {} (one for each query)",
                                           path, slot, head, sum, expected));
        }
    };
    mass(path::received, static_cast<double>(m_sizes.n));
    mass(path::receivedWindow, static_cast<double>(m_sizes.window));
    const auto range = [&](const char* path, auto&& most) {
        const std::vector<float> values = m_capture.readLayer(path, slot);
        for (std::size_t i = 0; i < values.size(); ++i)
            if (!(values[i] >= -1e-4f && static_cast<double>(values[i]) <= most(static_cast<std::int64_t>(i)) + 1e-3))
                return problem(fmt::format("{}: layer slot {}, head {}, position {} is {}, outside of its range", path,
                                           slot, static_cast<std::int64_t>(i) / m_sizes.total(),
                                           static_cast<std::int64_t>(i) % m_sizes.total(), values[i]));
    };
    range(path::receivedSq, [&](std::int64_t) { return static_cast<double>(m_sizes.n); });
    range(path::entropy, [&](std::int64_t i) { return std::log(static_cast<double>(i % m_sizes.total() + 1)); });
    range(path::sinkMass, [](std::int64_t) { return 1.0; });
}

void Verifier::checkFarSquares(std::int64_t slot)
{
    const std::vector<float> all = m_capture.readLayer(path::receivedSq, slot);
    const std::vector<float> far = m_capture.readLayer(path::receivedSqFar, slot);
    for (std::size_t i = 0; i < far.size(); ++i) {
        const std::int64_t head = static_cast<std::int64_t>(i) / m_sizes.total();
        const std::int64_t key = static_cast<std::int64_t>(i) % m_sizes.total();
        const bool seen = key + core::kNearQueries < m_sizes.n; // by a prompt query that is far enough
        if (!(far[i] >= 0 && far[i] <= (seen ? all[i] * 1.001f + 1e-6f : 0)))
            return problem(fmt::format("{}: layer slot {}, head {}, key {} is {}, outside of [0, {}]",
                                       path::receivedSqFar, slot, head, key, far[i], seen ? all[i] : 0));
    }
}

void Verifier::checkCovariance(const float* matrix, const std::string& place)
{
    const std::int64_t d = m_sizes.headDim;
    const auto at = [&](std::int64_t i, std::int64_t j) { return static_cast<double>(matrix[i * d + j]); };
    double largest = 0;
    for (std::int64_t i = 0; i < d; ++i) {
        if (!(at(i, i) >= 0))
            return problem(fmt::format("{}: the variance of channel {} is {}", place, i, at(i, i)));
        largest = std::max(largest, at(i, i));
    }
    for (std::int64_t i = 0; i < d; ++i)
        for (std::int64_t j = 0; j < i; ++j) {
            const double bound = std::sqrt(at(i, i) * at(j, j)), rounding = 1e-4 * bound + 1e-6 * largest;
            if (!(std::abs(at(i, j) - at(j, i)) <= rounding))
                return problem(fmt::format("{}: [{}, {}] is {} but [{}, {}] is {}", place, i, j, at(i, j), j, i,
                                           at(j, i)));
            if (!(std::abs(at(i, j)) <= bound + rounding))
                return problem(fmt::format("{}: [{}, {}] is {}, but the variances allow {} at most", place, i, j,
                                           at(i, j), bound));
        }
}

void Verifier::checkQueryStats(std::int64_t slot)
{
    checkFinite(path::queryMean, slot);
    checkFinite(path::queryCovariance, slot);
    const std::vector<float> values = m_capture.readLayer(path::queryCovariance, slot);
    for (std::int64_t head = 0; head < m_sizes.heads; ++head)
        checkCovariance(values.data() + head * m_sizes.headDim * m_sizes.headDim,
                        fmt::format("{}: layer slot {}, head {}", path::queryCovariance, slot, head));
}

void Verifier::checkFinite(const char* path, std::int64_t slot)
{
    const std::vector<float> values = m_capture.readLayer(path, slot);
    const auto bad = std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
    if (bad != values.end())
        problem(fmt::format("{}: layer slot {}, element {} is not finite", path, slot, bad - values.begin()));
}

void Verifier::checkLevels(std::int64_t slot)
{
    for (int level = 0; level < std::ssize(m_sizes.levelCells); ++level) {
        const std::int64_t cells = m_sizes.levelCells[static_cast<std::size_t>(level)];
        const std::string maxPath = path::level(level, "max"), meanPath = path::level(level, "mean");
        const std::vector<float> max = m_capture.readLayer(maxPath.c_str(), slot);
        const std::vector<float> mean = m_capture.readLayer(meanPath.c_str(), slot);
        for (std::int64_t i = 0; i < std::ssize(max); ++i) {
            const float high = max[static_cast<std::size_t>(i)], middle = mean[static_cast<std::size_t>(i)];
            const bool masked = i % cells > i / cells % cells;
            const bool sound = masked ? std::isnan(high) && std::isnan(middle)
                                      : middle >= 0 && middle <= high * 1.002f + 1e-6f && high <= 1.001f;
            if (!sound)
                return problem(fmt::format("{}: layer slot {}, head {}, cell {}, {} holds max {} and mean {}", maxPath,
                                           slot, i / (cells * cells), i / cells % cells, i % cells, high, middle));
        }
    }
}

void Verifier::checkLayer(std::int64_t slot)
{
    const std::int64_t n = m_sizes.n;
    std::vector<double> sums(static_cast<std::size_t>(m_sizes.heads * n));
    const auto onceThere = [&](const char* path, auto&& work) {
        if (has(path) && m_problems.size() < kMostProblems)
            attempt(work);
    };
    onceThere(path::received, [&] { checkStats(slot); });
    onceThere(path::receivedSqFar, [&] { checkFarSquares(slot); });
    if (includes(m_capture.available, Need::queryStats))
        attempt([&] { checkQueryStats(slot); });
    onceThere(path::windowRows, [&] {
        checkRows(path::windowRows, slot, queriesFrom(n - m_sizes.window, n), &sums);
        compareSums(path::receivedWindow, slot, sums, m_sizes.window);
    });
    onceThere(path::decodeRows, [&] { checkRows(path::decodeRows, slot, queriesFrom(n, m_sizes.total()), nullptr); });
    for (const char* path : {path::key, path::value, path::query, path::readout, path::written})
        onceThere(path, [&] { checkFinite(path, slot); });
    onceThere(path::full, [&] {
        std::fill(sums.begin(), sums.end(), 0.0);
        checkRows(path::full, slot, m_sizes.fullQueries, &sums);
        if (std::ssize(m_sizes.fullQueries) == n)
            compareSums(path::received, slot, sums, n);
    });
    attempt([&] { checkLevels(slot); });
}

void Verifier::checkLogits()
{
    const hid_t root = m_capture.root.get();
    const auto values = readFloats(root, "logits/logprob", {static_cast<hsize_t>(m_sizes.total())}, m_capture.where);
    for (std::size_t i = 0; i < values.size(); ++i)
        if (!std::isnan(values[i]) && !(values[i] <= 1e-4f))
            return problem(fmt::format("logits/logprob: token {} is {}, expected the logarithm of a probability", i,
                                       values[i]));
    if (m_sizes.topK == 0)
        return;
    const ArraySpec spec = captureArray(m_sizes, "logits/top_logprob");
    const std::vector<float> top = readFloats(root, spec.path, spec.shape(), m_capture.where);
    for (std::size_t i = 1; i < top.size(); ++i)
        if (static_cast<std::int64_t>(i) % m_sizes.topK != 0 && top[i] > top[i - 1])
            return problem(fmt::format("logits/top_logprob: token {} is not in descending order",
                                       static_cast<std::int64_t>(i) / m_sizes.topK));
}

/// The token that followed comes first; probabilities of one query's candidates, all different, are at most 1 together.
void Verifier::checkReadout()
{
    const auto parts = {path::readout, path::written, path::readoutIds, path::readoutLogprob};
    if (std::none_of(parts.begin(), parts.end(), [&](const char* path) { return has(path); }))
        return;
    for (const char* path : parts)
        if (!has(path))
            return problem(fmt::format("{}: the array is missing from the readout", path));
    const std::vector<hsize_t> shape = captureArray(m_sizes, path::readoutIds).shape();
    const auto ids = readInt32s(m_capture.root.get(), path::readoutIds, shape, m_capture.where);
    const auto logprob = readFloats(m_capture.root.get(), path::readoutLogprob, shape, m_capture.where);
    const auto& tokens = m_capture.info.tokens.ids;
    for (std::int64_t step = 0; step < m_sizes.t; ++step) {
        const auto next = static_cast<std::size_t>(m_sizes.n + step + 1);
        const std::int32_t follows = next < tokens.size() ? tokens[next] : -1;
        double sum = 0;
        for (std::int64_t i = 0; i < m_sizes.candidates; ++i) {
            const auto at = static_cast<std::size_t>(step * m_sizes.candidates + i);
            if ((i == 0 && ids[at] != follows) || (ids[at] >= 0 && !(logprob[at] <= 1e-4f)))
                return problem(fmt::format("{}: query {}, candidate {} is {} with log-probability {}",
                                           path::readoutIds, m_sizes.n + step, i, ids[at], logprob[at]));
            sum += ids[at] >= 0 ? std::exp(static_cast<double>(logprob[at])) : 0.0;
        }
        if (!(sum <= 1.001))
            return problem(fmt::format("{}: the candidates of query {} have probability {} together",
                                       path::readoutLogprob, m_sizes.n + step, sum));
    }
}

std::vector<std::string> Verifier::run()
{
    requireArrays();
    attempt([&] { checkTokens(); });
    attempt([&] { checkReadout(); });
    if (m_capture.hasLogits)
        attempt([&] { checkLogits(); });
    for (std::int64_t slot = 0; slot < m_sizes.layers && m_problems.size() < kMostProblems; ++slot)
        checkLayer(slot);
    return std::move(m_problems);
}

} // namespace

std::vector<std::string> verifyCapture(const CaptureRef& ref)
{
    try {
        return guarded(fmt::format("'{}'", ref.file.string()), [&] { return Verifier(ref).run(); });
    } catch (const Error& error) {
        return {error.what()};
    }
}

} // namespace kvviz::io
