// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Row-wise arithmetic in ATen, over chunks of rows.
#include "capture/device/device_math.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

namespace kvviz::capture {
namespace {

constexpr std::int64_t kChunk = 1024; ///< rows of one projection; deviceNeeds() counts with it

/// body(first, count) over chunks of rows.
template <class Body> void overChunks(std::int64_t rows, const Body& body)
{
    for (std::int64_t first = 0; first < rows; first += kChunk)
        body(first, std::min(kChunk, rows - first));
}

at::Tensor onDevice(const std::vector<float>& values, std::int64_t rows, c10::Device device)
{
    return toDevice(values, device).view({rows, 1, std::ssize(values) / rows});
}

} // namespace

at::Tensor DeviceMath::embed(std::span<const std::int32_t> ids) const
{
    const at::Tensor rows =
        at::from_blob(const_cast<std::int32_t*>(ids.data()), {std::ssize(ids)}, at::TensorOptions().dtype(at::kInt))
            .to(at::TensorOptions(m_weights.embedding().device()).dtype(at::kLong));
    at::Tensor stream = m_weights.embedding().index_select(0, rows).to(at::kFloat);
    if (m_model->arch.embeddingScale != 1)
        stream.mul_(m_model->arch.embeddingScale);
    return stream;
}

void DeviceMath::setPositions(std::int64_t first, std::int64_t count)
{
    std::vector<std::int64_t> positions(static_cast<std::size_t>(count));
    std::iota(positions.begin(), positions.end(), first);
    m_count = count;
    m_rotations.clear();
    m_global = ropeTable(m_model->arch.rope, positions);
    if (!m_model->info.localRopeFrequencies.empty())
        m_local = ropeTable(m_model->arch.localRope, positions);
}

const DeviceMath::Rotation& DeviceMath::rotationOf(int layer, c10::Device device) const
{
    const bool local = m_model->info.slidingWindow(layer) > 0 && !m_model->info.localRopeFrequencies.empty();
    Rotation& rotation = m_rotations[{local, device.index()}];
    if (!rotation.cosine.defined()) {
        const RopeTable& table = local ? m_local : m_global;
        rotation = {onDevice(table.cosine, m_count, device), onDevice(table.sine, m_count, device)};
    }
    return rotation;
}

at::Tensor DeviceMath::norm(const at::Tensor& rows, const at::Tensor& weight) const
{
    const at::Tensor factor = rows.square().mean({-1}, /*keepdim=*/true).add_(m_model->arch.normEps).rsqrt_();
    return rows.mul(factor).mul_(weight);
}

at::Tensor DeviceMath::product(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias) const
{
    at::Tensor result = at::linear(rows.to(weight.scalar_type()), weight).to(at::kFloat);
    return bias.defined() ? result.add_(bias) : result;
}

void DeviceMath::rotate(const Rotation& rotation, std::int64_t first, at::Tensor heads) const
{
    const std::int64_t half = rotation.cosine.size(2);
    const at::Tensor cosine = rotation.cosine.narrow(0, first, heads.size(0));
    const at::Tensor sine = rotation.sine.narrow(0, first, heads.size(0));
    at::Tensor left = heads.narrow(2, 0, half), right = heads.narrow(2, half, half);
    const at::Tensor turned = right * cosine + left * sine;
    left.copy_(left * cosine - right * sine);
    right.copy_(turned);
}

void DeviceMath::projectQkv(int layer, const DeviceLayer& weights, const at::Tensor& stream, const DeviceQkv& places,
                            const DeviceQueryWatch& watch) const
{
    const core::ModelInfo& info = m_model->info;
    const std::int64_t heads = info.nHeads, kvHeads = info.nKvHeads, d = info.headDim;
    const Rotation& rotation = rotationOf(layer, stream.device());
    overChunks(stream.size(0), [&](std::int64_t first, std::int64_t count) {
        const at::Tensor qkv =
            product(norm(stream.narrow(0, first, count), weights.attentionNorm), weights.qkv, weights.qkvBias)
                .view({count, heads + 2 * kvHeads, d});
        at::Tensor query = qkv.narrow(1, 0, heads), key = qkv.narrow(1, heads, kvHeads);
        if (weights.queryNorm.defined()) {
            query = norm(query, weights.queryNorm);
            key = norm(key, weights.keyNorm);
        }
        if (watch)
            watch(first, query);
        rotate(rotation, first, query);
        rotate(rotation, first, key);
        places.query.narrow(0, first, count).copy_(query);
        places.key.narrow(1, first, count).copy_(key.transpose(0, 1));
        places.value.narrow(1, first, count).copy_(qkv.narrow(1, heads + kvHeads, kvHeads).transpose(0, 1));
    });
}

void DeviceMath::addProduct(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias,
                            const at::Tensor& outputNorm, at::Tensor stream) const
{
    const at::Tensor result = product(rows, weight, bias);
    stream.add_(outputNorm.defined() ? norm(result, outputNorm) : result);
}

void DeviceMath::addAttentionOutput(const DeviceLayer& weights, const at::Tensor& attended, at::Tensor& stream) const
{
    overChunks(stream.size(0), [&](std::int64_t first, std::int64_t count) {
        addProduct(attended.narrow(0, first, count), weights.attentionOutput, weights.attentionOutputBias,
                   weights.attentionOutputNorm, stream.narrow(0, first, count));
    });
}

at::Tensor DeviceMath::activate(const at::Tensor& gate) const
{
    switch (m_model->arch.activation) {
    case Activation::silu: return at::silu(gate);
    case Activation::gelu: return at::gelu(gate, "none");
    case Activation::geluTanh: break;
    }
    return at::gelu(gate, "tanh");
}

void DeviceMath::addFeedForward(const DeviceLayer& weights, at::Tensor& stream) const
{
    const std::int64_t ffn = m_model->arch.ffnSize;
    overChunks(stream.size(0), [&](std::int64_t first, std::int64_t count) {
        const at::Tensor rows = stream.narrow(0, first, count);
        const at::Tensor gateUp = product(norm(rows, weights.ffnNorm), weights.gateUp, weights.gateUpBias);
        addProduct(activate(gateUp.narrow(1, 0, ffn)).mul_(gateUp.narrow(1, ffn, ffn)), weights.down, weights.downBias,
                   weights.ffnOutputNorm, rows);
    });
}

at::Tensor DeviceMath::logits(const at::Tensor& stream) const
{
    const at::Tensor rows = stream.to(m_weights.head().device());
    at::Tensor result = product(norm(rows, m_weights.outputNorm()), m_weights.head(), {});
    if (const float cap = m_model->arch.logitCap; cap > 0)
        result.div_(cap).tanh_().mul_(cap);
    return result;
}

} // namespace kvviz::capture
