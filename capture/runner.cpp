// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The CPU as a place to run, and checks that every runner makes.
#include "capture/runner.hpp"

#include "capture/decoder.hpp"
#include "capture/layer_math.hpp"
#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace kvviz::capture {
namespace {

class CpuBackend final : public Backend {
public:
    explicit CpuBackend(std::shared_ptr<const Model> model) : m_model(std::move(model)) {}
    [[nodiscard]] std::unique_ptr<Runner> newRunner(const DecoderOptions& options) const override
    {
        return std::make_unique<Decoder>(m_model, options);
    }
    [[nodiscard]] std::string device() const override { return "cpu"; }
    [[nodiscard]] std::string dtype() const override
    {
        return m_model->embedding.type() == WeightType::float32 ? "float32" : "bfloat16";
    }

private:
    std::shared_ptr<const Model> m_model;
};

} // namespace

std::shared_ptr<const Backend> cpuBackend(std::shared_ptr<const Model> model)
{
    return std::make_shared<const CpuBackend>(std::move(model));
}

void requireFinite(std::span<const float> logits, std::int64_t position)
{
    // A sum tells at once, but may overflow where no number does.
    float sum = 0;
    for (const float logit : logits)
        sum += logit;
    if (!std::isfinite(sum) && !std::all_of(logits.begin(), logits.end(), [](float x) { return std::isfinite(x); }))
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("the model's logits after token {} are not finite: its weights hold numbers that are "
                                      "not (or too large ones for the arithmetic)", position));
}

void requireContext(const Model& model, std::int64_t capacity)
{
    if (capacity > model.info.contextLength)
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("{} tokens (prompt and continuation) exceed the context of {} tokens of {}",
                                      capacity, model.info.contextLength, model.info.name));
}

void requireFits(const Model& model, std::span<const std::int32_t> ids, std::int64_t held, std::int64_t capacity)
{
    checkIds(model, ids);
    if (held + std::ssize(ids) > capacity)
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("{} tokens do not fit into a cache of {}", held + std::ssize(ids), capacity));
}

} // namespace kvviz::capture
