// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "capture/device/weight_store.hpp"

#include <ATen/ATen.h>

namespace kvviz::capture {
namespace {

std::uint64_t bytesOf(const at::Tensor& tensor) { return tensor.defined() ? tensor.nbytes() : 0; }

std::uint64_t bytesOf(const DeviceLayer& layer)
{
    std::uint64_t total = 0;
    for (const at::Tensor* tensor :
         {&layer.attentionNorm, &layer.qkv, &layer.qkvBias, &layer.queryNorm, &layer.keyNorm, &layer.attentionOutput,
          &layer.attentionOutputBias, &layer.attentionOutputNorm, &layer.ffnNorm, &layer.gateUp, &layer.gateUpBias,
          &layer.down, &layer.downBias, &layer.ffnOutputNorm})
        total += bytesOf(*tensor);
    return total;
}

} // namespace

WeightStore::WeightStore(std::shared_ptr<const Model> model, std::vector<c10::Device> devices, at::ScalarType type)
    : m_model(std::move(model)), m_devices(std::move(devices)), m_type(type),
      m_layers(static_cast<std::size_t>(m_model->info.nLayers))
{
}

void WeightStore::place(const DevicePlan& plan)
{
    for (std::size_t i = 0; i < m_layers.size(); ++i) // first, so that there is room for the others
        if (m_layers[i] && (!plan.resident[i] || plan.deviceOfLayer[i] != m_plan.deviceOfLayer[i]))
            m_layers[i].reset();
    m_plan = plan;
    if (!m_embedding.defined()) {
        const c10::Device last = m_devices.back();
        m_embedding = toDevice(m_model->embedding, m_devices.front(), m_type);
        m_outputNorm = toDevice(m_model->outputNorm, last);
        m_head = m_model->output.outputs() > 0 ? toDevice(m_model->output, last, m_type) : m_embedding.to(last);
    }
    for (std::size_t i = 0; i < m_layers.size(); ++i)
        if (plan.resident[i] && !m_layers[i]) {
            const int layer = static_cast<int>(i);
            m_layers[i] = std::make_shared<const DeviceLayer>(toDevice(*m_model->layer(layer), deviceOf(layer), m_type));
        }
}

std::uint64_t WeightStore::bytesOn(std::size_t device) const
{
    std::uint64_t total = device == 0 ? bytesOf(m_embedding) : 0;
    if (device + 1 == m_devices.size() && !m_head.is_same(m_embedding))
        total += bytesOf(m_head);
    for (std::size_t i = 0; i < m_layers.size(); ++i)
        if (m_layers[i] && m_plan.deviceOfLayer[i] == static_cast<int>(device))
            total += bytesOf(*m_layers[i]);
    return total;
}

c10::Device WeightStore::deviceOf(int layer) const
{
    return m_devices[static_cast<std::size_t>(m_plan.deviceOfLayer[static_cast<std::size_t>(layer)])];
}

std::shared_ptr<const DeviceLayer> WeightStore::layer(int index)
{
    if (const auto& kept = m_layers.at(static_cast<std::size_t>(index)))
        return kept;
    const std::shared_ptr<const LayerWeights> weights =
        m_ahead == index && m_reading.valid() ? m_reading.get() : m_model->layer(index);
    readAhead(index);
    return std::make_shared<const DeviceLayer>(toDevice(*weights, deviceOf(index), m_type));
}

/// Starts to read the streamed layer that comes next; after the last one the first, for the next step.
void WeightStore::readAhead(int after)
{
    const int layers = m_model->info.nLayers;
    for (int i = 1; i <= layers; ++i) {
        const int next = (after + i) % layers;
        if (m_layers[static_cast<std::size_t>(next)])
            continue;
        m_ahead = next;
        m_reading = std::async(std::launch::async, [model = m_model, next] { return model->layer(next); });
        return;
    }
}

} // namespace kvviz::capture
