// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Singular value decompositions of the K and V rows of each layer's fused projection.
#include "capture/weight_factors.hpp"

#include "capture/cpu_kernels.hpp"
#include "capture/decoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace kvviz::capture {
namespace {

/// Adds up |x| per layer and channel, x the output of the attention norm.
class MagnitudeRecorder final : public StreamHook {
public:
    explicit MagnitudeRecorder(const Model& model)
        : m_model(model), m_normed(static_cast<std::size_t>(model.info.hiddenSize)),
          m_sums(static_cast<std::size_t>(model.info.nLayers) * m_normed.size(), 0.0)
    {
    }
    void onLayerInput(int layer, std::int64_t, std::int64_t rows, const float* stream, std::int64_t hidden) override
    {
        const std::shared_ptr<const LayerWeights> weights = m_model.layer(layer);
        double* const sums = m_sums.data() + layer * hidden;
        for (std::int64_t i = 0; i < rows; ++i) {
            rmsNorm(stream + i * hidden, weights->attentionNorm.data(), m_normed.data(), hidden, m_model.arch.normEps);
            for (std::int64_t c = 0; c < hidden; ++c)
                sums[c] += std::abs(static_cast<double>(m_normed[static_cast<std::size_t>(c)]));
        }
    }
    [[nodiscard]] std::vector<double> meansOver(std::int64_t tokens) const
    {
        std::vector<double> means = m_sums;
        for (double& value : means)
            value /= static_cast<double>(tokens);
        return means;
    }

private:
    const Model& m_model;
    std::vector<float> m_normed; // [hidden]
    std::vector<double> m_sums;  // [L, hidden]
};

/// Rows [first, first + count) of a projection, each column times its scale (empty: 1).
std::vector<double> scaledRows(const Linear& linear, std::int64_t first, std::int64_t count,
                               std::span<const double> scale)
{
    const std::int64_t columns = linear.inputs();
    std::vector<float> row(static_cast<std::size_t>(columns));
    std::vector<double> result;
    result.reserve(static_cast<std::size_t>(count * columns));
    for (std::int64_t r = first; r < first + count; ++r) {
        linear.copyRow(r, row.data());
        for (std::size_t c = 0; c < row.size(); ++c)
            result.push_back(row[c] * (scale.empty() ? 1.0 : scale[c]));
    }
    return result;
}

LeftSingular factor(const Linear& linear, std::int64_t first, std::int64_t count, std::span<const double> scale)
{
    return leftSingular(scaledRows(linear, first, count, scale), count, linear.inputs());
}

template <class To> void append(std::vector<To>& to, const std::vector<double>& from)
{
    std::transform(from.begin(), from.end(), std::back_inserter(to), [](double v) { return static_cast<To>(v); });
}

/// D of one layer, [hidden].
std::vector<double> columnScales(const InputMagnitudes& inputs, int layer, std::int64_t hidden)
{
    std::vector<double> scales;
    for (std::int64_t c = 0; c < hidden; ++c)
        scales.push_back(std::sqrt(inputs.meanAbsolute[static_cast<std::size_t>(layer * hidden + c)] + 1e-6));
    return scales;
}

} // namespace

InputMagnitudes measureInputs(const std::shared_ptr<const Model>& model,
                              const std::vector<std::vector<std::int32_t>>& pieces, const core::Progress& progress)
{
    const auto total = std::ssize(pieces);
    MagnitudeRecorder recorder(*model);
    InputMagnitudes result;
    for (std::int64_t i = 0; i < total; ++i) {
        progress.throwIfStopped();
        progress("calibrate", i, total);
        const std::vector<std::int32_t>& ids = pieces[static_cast<std::size_t>(i)];
        Decoder decoder(model, {std::ssize(ids), 0, 0, /*promptLogits=*/false});
        decoder.addHook(&recorder);
        decoder.prefill(ids, {{}, progress.stop});
        result.tokens += std::ssize(ids);
    }
    if (result.tokens == 0)
        throw core::Error(core::ErrorCode::badInput, "the calibration text has no tokens");
    result.meanAbsolute = recorder.meansOver(result.tokens);
    return result;
}

core::WeightFactors weightFactors(const Model& model, const InputMagnitudes* inputs, const core::Progress& progress)
{
    const core::ModelInfo& info = model.info;
    const std::int64_t width = static_cast<std::int64_t>(info.nKvHeads) * info.headDim;
    const std::int64_t keyBegin = static_cast<std::int64_t>(info.nHeads) * info.headDim;
    core::WeightFactors result;
    result.layers = info.nLayers;
    result.kvWidth = static_cast<int>(width);
    for (int layer = 0; layer < info.nLayers; ++layer) {
        progress.throwIfStopped();
        progress("factor", layer, info.nLayers);
        const std::shared_ptr<const LayerWeights> weights = model.layer(layer);
        if (!weights->qkvBias.empty() || !weights->keyNorm.empty())
            throw core::Error(core::ErrorCode::badInput,
                              fmt::format("keys and values of {} have a bias or a norm, so they are no product of "
                                          "weights alone, and singular vectors of the weights do not describe them",
                                          info.name));
        const Linear& qkv = weights->qkv;
        const LeftSingular key = factor(qkv, keyBegin, width, {});
        const LeftSingular value = factor(qkv, keyBegin + width, width, {});
        append(result.keyBasis, key.directions);
        append(result.keySingular, key.values);
        append(result.valueBasis, value.directions);
        append(result.valueSingular, value.values);
        if (inputs == nullptr)
            continue;
        const std::vector<double> scales = columnScales(*inputs, layer, info.hiddenSize);
        append(result.keyRead, factor(qkv, keyBegin, width, scales).directions);
        append(result.valueRead, factor(qkv, keyBegin + width, width, scales).directions);
    }
    result.keyWrite = result.keyRead;
    result.valueWrite = result.valueRead;
    return result;
}

} // namespace kvviz::capture
