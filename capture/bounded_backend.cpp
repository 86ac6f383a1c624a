// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "capture/bounded_backend.hpp"

#include "capture/size_estimate.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

namespace kvviz::capture {
namespace {

/// Of a run of `tokens` tokens with what hooks keep of it, taken in proportion to the options' run.
double bytesOf(const Model& model, const DecoderOptions& options, std::int64_t tokens)
{
    const bool streams = !model.layers.empty() && !model.layers.front(); // one layer at a time, in float32 first
    const std::uint64_t layer = streams ? 4 * layerWeightCount(model.info, model.arch.ffnSize) : 0;
    return static_cast<double>(runBytes(model.info, model.arch.ffnSize, tokens) + layer)
           + static_cast<double>(options.kept) * static_cast<double>(tokens) / static_cast<double>(options.capacity);
}

class BoundedCpuBackend final : public Backend {
public:
    BoundedCpuBackend(std::shared_ptr<const Model> model, std::function<std::uint64_t()> freeBytes)
        : m_model(std::move(model)), m_backend(cpuBackend(m_model)), m_freeBytes(std::move(freeBytes))
    {
    }

    std::unique_ptr<Runner> newRunner(const DecoderOptions& options) const override
    {
        requireContext(*m_model, options.capacity);
        const auto free = static_cast<double>(m_freeBytes());
        if (free > 0 && bytesOf(*m_model, options, options.capacity) > free)
            refuse(options, free);
        return m_backend->newRunner(options);
    }
    std::string device() const override { return m_backend->device(); }
    std::string dtype() const override { return m_backend->dtype(); }

private:
    [[noreturn]] void refuse(const DecoderOptions& options, double free) const
    {
        const std::int64_t longest = longestRun(m_model->info.contextLength, [&](std::int64_t tokens) {
            return bytesOf(*m_model, options, tokens) <= free;
        });
        const double needs = bytesOf(*m_model, options, options.capacity);
        throw core::Error(core::ErrorCode::device,
                          fmt::format("a run of {} tokens (prompt and continuation) with {} takes {} beside the weights, but "
                                      "{} of memory are free; {}", options.capacity, m_model->info.name,
                                      core::humanBytes(static_cast<std::uint64_t>(needs)),
                                      core::humanBytes(static_cast<std::uint64_t>(free)),
                                      longest > 0 ? fmt::format("a run of up to {} tokens would fit", longest)
                                                  : "not even a run of one token would fit"));
    }

    std::shared_ptr<const Model> m_model;
    std::shared_ptr<const Backend> m_backend;
    std::function<std::uint64_t()> m_freeBytes;
};

} // namespace

std::shared_ptr<const Backend> boundedCpuBackend(std::shared_ptr<const Model> model,
                                                 std::function<std::uint64_t()> freeBytes)
{
    return std::make_shared<const BoundedCpuBackend>(std::move(model), std::move(freeBytes));
}

} // namespace kvviz::capture
