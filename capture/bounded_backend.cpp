// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "capture/bounded_backend.hpp"

#include "capture/size_estimate.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

namespace kvviz::capture {
namespace {

/// The longest run, up to the model's context, that takes no more than `free` bytes.
std::int64_t longestRun(const Model& model, std::uint64_t free)
{
    std::int64_t fitting = 0;
    for (std::int64_t step = std::int64_t{1} << 30; step > 0; step /= 2)
        if (fitting + step <= model.info.contextLength
            && runBytes(model.info, model.arch.ffnSize, fitting + step) <= free)
            fitting += step;
    return fitting;
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
        const std::uint64_t free = m_freeBytes();
        const std::uint64_t needs = runBytes(m_model->info, m_model->arch.ffnSize, options.capacity);
        if (free > 0 && needs > free)
            refuse(options.capacity, needs, free);
        return m_backend->newRunner(options);
    }
    std::string device() const override { return m_backend->device(); }
    std::string dtype() const override { return m_backend->dtype(); }

private:
    [[noreturn]] void refuse(std::int64_t tokens, std::uint64_t needs, std::uint64_t free) const
    {
        const std::int64_t longest = longestRun(*m_model, free);
        throw core::Error(core::ErrorCode::device,
                          fmt::format("a run of {} tokens (prompt and continuation) with {} takes {} beside the weights, but "
                                      "{} of memory are free; {}", tokens, m_model->info.name, core::humanBytes(needs),
                                      core::humanBytes(free),
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
