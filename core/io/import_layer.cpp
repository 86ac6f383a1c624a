// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Checks and pieces of a layer.
#include "core/io/import_layer.hpp"

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/rotary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

namespace kvviz::io {
namespace {

using core::Error;
using core::ErrorCode;

constexpr double kOwnTolerance = 1e-3;   ///< of the sum of a row, below what verifyCapture allows
constexpr float kMaskRounding = 1e-6f;   ///< of weights that should be 0
constexpr float kLargestHalf = 65504.0f;

[[noreturn]] void fail(const std::string& place, std::int64_t layer, const std::string& what)
{
    throw Error(ErrorCode::badInput, fmt::format("{}, layer {}, {}", place, layer, what));
}

/// One row of attention, and what is said of it.
struct Row {
    float* weights; // [T]
    std::int64_t head, query, total, layer;
    std::int64_t firstKey; ///< that the query sees
    const std::string& place;

    /// Weights of keys that the query does not see become exactly 0.
    void clear(std::int64_t begin, std::int64_t end, const char* verdict) const
    {
        for (std::int64_t key = begin; key < end; ++key) {
            if (!(std::abs(weights[key]) <= kMaskRounding))
                fail(place, layer, fmt::format("head {}: query {} attends to key {} ({}), {}", head, query, key, weights[key],
                                               verdict));
            weights[key] = 0;
        }
    }
};

/// Returns the sum of the row's weights.
double checkRow(const Row& row)
{
    row.clear(0, row.firstKey, "outside of the layer's window; sliding_windows of the metadata, or 'attention', is wrong");
    row.clear(row.query + 1, row.total, "a later one; expected a causal model");
    double sum = 0;
    for (std::int64_t key = row.firstKey; key <= row.query; ++key) {
        const float weight = row.weights[key];
        if (!(weight >= 0 && weight <= 1 + static_cast<float>(kRowTolerance)))
            fail(row.place, row.layer, fmt::format("head {}, query {}, key {}: {} is no attention weight; expected what "
                                                   "softmax gives", row.head, row.query, key, weight));
        sum += static_cast<double>(weight);
    }
    if (!(std::abs(sum - 1) <= kRowTolerance))
        fail(row.place, row.layer, fmt::format("head {}, query {}: the row sums to {}, expected 1", row.head, row.query, sum));
    return sum;
}

} // namespace

ImportedRows loadRows(const ImportDescription& description, std::int64_t layer, const std::string& place)
{
    ImportedRows result;
    result.heads = description.attention.shape()[0];
    result.total = description.attention.shape()[1];
    result.rows = description.attention.load(layer);
    std::atomic<std::int64_t> scaled = 0;
    const std::string where = place + "'attention'";
    const core::ScoreRule rule = description.info.model.scoreRule(static_cast<int>(layer));
    core::parallelFor(result.heads, [&](std::int64_t head) {
        for (std::int64_t query = 0; query < result.total; ++query) {
            float* const row = result.rows.data() + (head * result.total + query) * result.total;
            const double sum = checkRow({row, head, query, result.total, layer, rule.firstKey(query), where});
            if (std::abs(sum - 1) <= kOwnTolerance)
                continue;
            ++scaled;
            for (std::int64_t key = 0; key <= query; ++key)
                row[key] = static_cast<float>(static_cast<double>(row[key]) / sum);
        }
    });
    result.scaled = scaled;
    return result;
}

std::vector<float> loadFinite(const LayeredArray& array, std::int64_t layer, core::StorageType storage,
                              const std::string& place)
{
    std::vector<float> values = array.load(layer);
    const float most = storage == core::StorageType::float16 ? kLargestHalf : std::numeric_limits<float>::max();
    const auto bad = std::find_if(values.begin(), values.end(), [most](float value) { return !(std::abs(value) <= most); });
    if (bad != values.end())
        fail(place + fmt::format("'{}'", array.name()), layer,
             fmt::format("element {}: {} {}", bad - values.begin(), *bad,
                         std::isfinite(*bad) ? "does not fit into float16; use --cache-dtype float32" : "is not finite"));
    return values;
}

std::vector<float> windowRowsOf(const ImportedRows& rows, const core::CaptureInfo& info)
{
    const std::int64_t n = info.nPrompt(), w = info.window;
    std::vector<float> out(static_cast<std::size_t>(rows.heads * w * n));
    for (std::int64_t head = 0; head < rows.heads; ++head)
        for (std::int64_t i = 0; i < w; ++i)
            std::copy_n(rows.row(head, n - w + i), n, out.data() + (head * w + i) * n);
    return out;
}

std::vector<float> decodeRowsOf(const ImportedRows& rows, const core::CaptureInfo& info)
{
    const std::int64_t n = info.nPrompt(), t = info.nGenerated(), total = rows.total;
    std::vector<float> out(static_cast<std::size_t>(rows.heads * t * total));
    for (std::int64_t head = 0; head < rows.heads && t > 0; ++head)
        std::copy_n(rows.row(head, n), t * total, out.data() + head * t * total);
    return out;
}

std::vector<float> cacheQueriesOf(const std::vector<float>& queries, const core::CaptureInfo& info)
{
    const std::int64_t total = info.nTokens(), d = info.model.headDim, kept = info.window + info.nGenerated();
    std::vector<float> out(static_cast<std::size_t>(info.model.nHeads * kept * d));
    for (std::int64_t head = 0; head < info.model.nHeads; ++head)
        std::copy_n(queries.data() + ((head + 1) * total - kept) * d, kept * d, out.data() + head * kept * d);
    return out;
}

void turnQueries(std::vector<float>& queries, const core::CaptureInfo& info, int layer, int sign)
{
    const std::int64_t total = info.nTokens(), d = info.model.headDim;
    const core::Rotary rotary(info.model, layer);
    const std::vector<float> angles = rotary.table(0, total);
    const auto factor = static_cast<float>(sign > 0 ? info.model.ropeFactor : 1 / info.model.ropeFactor);
    core::parallelFor(info.model.nHeads, [&](std::int64_t head) {
        float* const rows = queries.data() + head * total * d;
        for (std::int64_t i = 0; i < total; ++i) {
            core::Rotary::rotateBy(angles.data() + i * rotary.dim(), rows + i * d, rotary.dim(), sign);
            for (std::int64_t c = 0; c < rotary.dim(); ++c)
                rows[i * d + c] *= factor;
        }
    });
}

namespace {

/// Of one head: `count` rows.
void headStatistics(const float* rows, std::int64_t count, std::int64_t d, float* mean, float* covariance)
{
    std::vector<double> sum(static_cast<std::size_t>(d), 0.0), products(static_cast<std::size_t>(d * d), 0.0);
    const auto at = [d](std::int64_t a, std::int64_t b) { return static_cast<std::size_t>(a * d + b); };
    for (std::int64_t i = 0; i < count; ++i)
        for (std::int64_t c = 0; c < d; ++c)
            sum[static_cast<std::size_t>(c)] += static_cast<double>(rows[i * d + c]) / static_cast<double>(count);
    for (std::int64_t i = 0; i < count; ++i)
        for (std::int64_t a = 0; a < d; ++a)
            for (std::int64_t b = 0; b <= a; ++b)
                products[at(a, b)] += (static_cast<double>(rows[i * d + a]) - sum[static_cast<std::size_t>(a)])
                                      * (static_cast<double>(rows[i * d + b]) - sum[static_cast<std::size_t>(b)]);
    for (std::int64_t a = 0; a < d; ++a) {
        mean[a] = static_cast<float>(sum[static_cast<std::size_t>(a)]);
        for (std::int64_t b = 0; b <= a; ++b)
            covariance[at(a, b)] = covariance[at(b, a)] =
                static_cast<float>(products[at(a, b)] / static_cast<double>(count));
    }
}

} // namespace

QueryStatistics queryStatisticsOf(const std::vector<float>& queries, const core::CaptureInfo& info)
{
    const std::int64_t total = info.nTokens(), d = info.model.headDim, first = info.sinkTokens;
    const std::int64_t count = std::max<std::int64_t>(0, info.nPrompt() - first);
    QueryStatistics result;
    result.mean.assign(static_cast<std::size_t>(info.model.nHeads * d), 0.0f);
    result.covariance.assign(static_cast<std::size_t>(info.model.nHeads * d * d), 0.0f);
    core::parallelFor(count > 0 ? info.model.nHeads : 0, [&](std::int64_t head) {
        headStatistics(queries.data() + (head * total + first) * d, count, d, result.mean.data() + head * d,
                       result.covariance.data() + head * d * d);
    });
    return result;
}

} // namespace kvviz::io
