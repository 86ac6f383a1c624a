// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The survey pass and the input of a layer.
#include "compress/planning.hpp"

#include "compress/memo.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"

#include <fmt/format.h>

namespace kvviz::compress {

std::vector<Candidate> makeCandidates(const std::vector<std::string>& specifications)
{
    std::vector<Candidate> candidates;
    for (const std::string& specification : specifications)
        candidates.push_back({makeMethod(specification), nullptr, false});
    return candidates;
}

void requireSameModel(const core::CaptureSource& capture, const core::ModelTables* tables)
{
    if (tables && tables->modelSha256 != capture.info().model.sha256)
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("{}: captured from model '{}' ({:.12}...), but the table is of '{}' ({:.12}...); "
                                      "make a table of the captured model",
                                      capture.name(), capture.info().model.name, capture.info().model.sha256,
                                      tables->modelName, tables->modelSha256));
}

void parallelFor(std::int64_t count, int threads, const core::Progress& progress,
                 const std::function<void(std::int64_t)>& body)
{
    core::parallelFor(count, threads, [&](std::int64_t i) {
        if (!progress.stop.stop_requested())
            body(i);
    });
    progress.throwIfStopped();
}

Planning::Planning(const core::CaptureSource& capture, std::shared_ptr<const core::ModelTables> tables,
                   std::uint64_t seed, Load load)
    : m_capture(capture), m_tables(std::move(tables)), m_seed(seed), m_load(std::move(load)),
      m_kvHeads(capture.info().kvHeads())
{
    requireSameModel(capture, m_tables.get());
}

LayerInput Planning::input(const core::LayerData& data, std::int64_t slot, LayerMemo& memo)
{
    return {.data = data,
            .segments = m_capture.info().segments,
            .slot = slot,
            .layers = std::ssize(m_capture.info().layers),
            .seed = m_seed,
            .kvHeads = m_kvHeads,
            .info = &m_capture.info(),
            .tables = m_tables.get(),
            .memo = &memo,
            .otherLayer = [this](std::int64_t other, core::Need needs) {
                return m_others.get(other, needs, [&] { return m_load(other, needs); });
            }};
}

void Planning::survey(std::span<Candidate* const> candidates, core::Need needs, int threads,
                      const core::Progress& progress)
{
    std::vector<Candidate*> asking;
    for (Candidate* candidate : candidates)
        if (candidate->survey)
            asking.push_back(candidate);
    const auto layers = std::ssize(m_capture.info().layers);
    for (std::int64_t slot = 0; slot < layers && !asking.empty(); ++slot) {
        progress.throwIfStopped();
        progress("survey", slot, layers);
        const core::LayerData data = m_load(slot, needs);
        LayerMemo memo;
        const LayerInput shared = input(data, slot, memo);
        parallelFor(std::ssize(asking), threads, progress,
                    [&](std::int64_t i) { asking[static_cast<std::size_t>(i)]->survey->look(shared); });
    }
    for (Candidate* candidate : asking)
        candidate->survey->finish();
}

} // namespace kvviz::compress
