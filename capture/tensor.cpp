// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "capture/tensor.hpp"

#include "core/error.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <numeric>

namespace kvviz::capture {

std::int64_t TensorInfo::elements() const
{
    return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

const TensorInfo& TensorSource::tensor(std::string_view name, const std::vector<std::int64_t>& shape) const
{
    const TensorInfo* const found = findTensor(name);
    if (found == nullptr) {
        const std::string why = obstacle(name);
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("'{}': tensor '{}' {}", path(), name,
                                      why.empty() ? "is missing; this is not a complete model" : why));
    }
    if (found->shape != shape)
        throw core::Error(core::ErrorCode::badInput, fmt::format("'{}': tensor '{}' has the shape {}, expected {}",
                                                                 path(), name, found->shape, shape));
    requireReadable(*found);
    return *found;
}

WeightVector<float> readStacked(const TensorSource& source, const TensorParts& parts)
{
    std::vector<const TensorInfo*> tensors;
    std::int64_t total = 0;
    for (const auto& [name, shape] : parts) {
        tensors.push_back(&source.tensor(name, shape));
        total += tensors.back()->elements();
    }
    WeightVector<float> values(static_cast<std::size_t>(total));
    std::int64_t at = 0;
    for (const TensorInfo* tensor : tensors) {
        source.read(*tensor, std::span(values).subspan(static_cast<std::size_t>(at),
                                                       static_cast<std::size_t>(tensor->elements())));
        at += tensor->elements();
    }
    return values;
}

std::vector<float> readVector(const TensorSource& source, const TensorParts& parts)
{
    const WeightVector<float> values = readStacked(source, parts);
    return {values.begin(), values.end()};
}

} // namespace kvviz::capture
