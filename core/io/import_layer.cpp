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

/// Returns the sum of the row's weights; beyond the query they become 0.
double checkRow(float* row, std::int64_t head, std::int64_t query, std::int64_t total, std::int64_t layer,
                const std::string& place)
{
    double sum = 0;
    for (std::int64_t key = 0; key <= query; ++key) {
        if (!(row[key] >= 0 && row[key] <= 1 + static_cast<float>(kRowTolerance)))
            fail(place, layer, fmt::format("head {}, query {}, key {}: {} is no attention weight; expected what softmax "
                                           "gives", head, query, key, row[key]));
        sum += static_cast<double>(row[key]);
    }
    for (std::int64_t key = query + 1; key < total; ++key) {
        if (!(std::abs(row[key]) <= kMaskRounding))
            fail(place, layer, fmt::format("head {}: query {} attends to the later key {} ({}); expected a causal model",
                                           head, query, key, row[key]));
        row[key] = 0;
    }
    if (!(std::abs(sum - 1) <= kRowTolerance))
        fail(place, layer, fmt::format("head {}, query {}: the row sums to {}, expected 1", head, query, sum));
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
    core::parallelFor(result.heads, [&](std::int64_t head) {
        for (std::int64_t query = 0; query < result.total; ++query) {
            float* const row = result.rows.data() + (head * result.total + query) * result.total;
            const double sum = checkRow(row, head, query, result.total, layer, where);
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
