// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Rows and bases do not depend on the rank, so the budgets of a layer share them.
#include "compress/low_rank_cache.hpp"

#include "compress/changed_plans.hpp"
#include "compress/low_rank.hpp"
#include "compress/memo.hpp"
#include "core/error.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

int widthOf(const core::LayerData& data) { return data.heads.kvHeads() * data.headDim; }

void rotateToken(const core::Rotary* rotary, float* vector, std::int64_t offset)
{
    if (rotary)
        rotary->rotate(vector, offset);
}

std::string tableObstacle(const core::ModelTables* tables, LowRankSource source, std::int64_t width)
{
    if (!tables || !tables->weights)
        return "it needs a table of this model with factors of its weights";
    if (source == LowRankSource::scaledWeights && tables->weights->keyRead.empty())
        return "it needs a table whose factors are scaled by activations";
    if (tables->weights->kvWidth != width)
        return fmt::format("the weights span {} channels of all KV heads, the capture holds {}",
                           tables->weights->kvWidth, width);
    return {};
}

/// The layer's rows of an [L, Gd, Gd] array.
std::span<const float> layerPart(const std::vector<float>& all, int layer, std::int64_t width)
{
    const auto size = static_cast<std::size_t>(width * width), first = static_cast<std::size_t>(layer) * size;
    if (all.size() < first + size)
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("the table's weight factors do not hold layer {}; make the table of this model",
                                      layer));
    return std::span(all).subspan(first, size);
}

struct Tensor {
    const char* name;
    const std::vector<float>& heads;
    const core::Rotary* rotary;
    const std::vector<float> core::WeightFactors::*basis;
    const std::vector<float> core::WeightFactors::*read;
    const std::vector<float> core::WeightFactors::*write;
};

std::vector<float> formsOf(const LayerInput& input, const Tensor& tensor, LowRankSource source, std::int64_t rank)
{
    const core::LayerData& data = input.data;
    const int width = widthOf(data);
    const auto rows = memoised(input, fmt::format("token_rows/{}", tensor.name),
                               [&] { return rowsOfHeads(data, tensor.heads, tensor.rotary); });
    const auto angles = memoised(input, fmt::format("rotary_table/{}", tensor.name), [&] {
        return tensor.rotary ? tensor.rotary->table(0, data.total()) : std::vector<float>();
    });
    const auto through = [&](std::span<const float> read, std::span<const float> write) {
        return headsOfRows(data, throughLowRank(*rows, width, read, write, rank), *angles,
                           tensor.rotary ? tensor.rotary->dim() : 0);
    };
    if (source == LowRankSource::prompt) {
        const auto basis = memoised(input, fmt::format("principal_basis/{}", tensor.name), [&] {
            return principalBasis(std::span(*rows).first(static_cast<std::size_t>(data.n * width)), width);
        });
        return through(basis->directions, basis->directions);
    }
    const core::WeightFactors& weights = *input.tables->weights;
    if (source == LowRankSource::scaledWeights)
        return through(layerPart(weights.*tensor.read, data.layer, width),
                       layerPart(weights.*tensor.write, data.layer, width));
    const std::span<const float> basis = layerPart(weights.*tensor.basis, data.layer, width);
    return through(basis, basis);
}

} // namespace

std::string lowRankObstacle(const core::CaptureInfo& info, const core::ModelTables* tables, LowRankSource source)
{
    try {
        const core::Rotary rotary(info.model, 0);
    } catch (const core::Error& error) {
        return error.what();
    }
    if (source == LowRankSource::prompt)
        return {};
    return tableObstacle(tables, source, std::int64_t{info.model.headDim} * std::ssize(info.kvHeads()));
}

LowRankForms lowRankForms(const LayerInput& input, std::string_view who, LowRankSource source, std::int64_t keyRank,
                          std::int64_t valueRank)
{
    using Factors = core::WeightFactors;
    const core::Rotary rotary(requireInfo(input, who).model, input.data.layer);
    if (source != LowRankSource::prompt)
        if (const std::string reason = tableObstacle(input.tables, source, widthOf(input.data)); !reason.empty())
            throw core::Error(core::ErrorCode::badInput, fmt::format("{}: {}", who, reason));
    const Tensor key{"key", input.data.key, &rotary, &Factors::keyBasis, &Factors::keyRead, &Factors::keyWrite};
    const Tensor value{"value", input.data.value, nullptr, &Factors::valueBasis, &Factors::valueRead,
                       &Factors::valueWrite};
    return {formsOf(input, key, source, keyRank), formsOf(input, value, source, valueRank)};
}

std::vector<float> rowsOfHeads(const core::LayerData& data, const std::vector<float>& heads, const core::Rotary* rotary)
{
    const std::int64_t d = data.headDim, total = data.total(), count = data.heads.kvHeads();
    std::vector<float> rows(heads.size());
    for (std::int64_t token = 0; token < total; ++token)
        for (std::int64_t g = 0; g < count; ++g) {
            float* const to = rows.data() + (token * count + g) * d;
            std::copy_n(heads.data() + (g * total + token) * d, d, to);
            rotateToken(rotary, to, -token);
        }
    return rows;
}

std::vector<float> headsOfRows(const core::LayerData& data, const std::vector<float>& rows, const core::Rotary* rotary)
{
    return rotary ? headsOfRows(data, rows, rotary->table(0, data.total()), rotary->dim())
                  : headsOfRows(data, rows, {}, 0);
}

std::vector<float> headsOfRows(const core::LayerData& data, const std::vector<float>& rows,
                               const std::vector<float>& angles, int ropeDim)
{
    const std::int64_t d = data.headDim, total = data.total(), count = data.heads.kvHeads();
    std::vector<float> heads(rows.size());
    for (std::int64_t g = 0; g < count; ++g)
        for (std::int64_t token = 0; token < total; ++token) {
            float* const to = heads.data() + (g * total + token) * d;
            std::copy_n(rows.data() + (token * count + g) * d, d, to);
            if (ropeDim > 0)
                core::Rotary::rotateBy(angles.data() + token * ropeDim, to, ropeDim, 1);
        }
    return heads;
}

} // namespace kvviz::compress
