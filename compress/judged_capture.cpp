// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "compress/judged_capture.hpp"

#include "compress/method_base.hpp"
#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::compress {

using core::Need;

JudgedCapture::JudgedCapture(const core::CaptureSource& capture, Depth depth)
    : m_capture(capture), m_depth(depth), m_available(capture.available()), m_nPrompt(capture.info().nPrompt()),
      m_nQueries(capture.info().nGenerated())
{
    const core::CaptureInfo& info = capture.info();
    if (core::includes(m_available, Need::decodeRows) && info.nGenerated() > 0) {
        m_evaluatedOn = fmt::format("{} decode queries", info.nGenerated());
    } else if (core::includes(m_available, Need::windowRows) && depth != Depth::decode) {
        m_split = windowSplit(info.nPrompt(), info.window, capture.name());
        m_nPrompt = m_split->promptEnd;
        m_nQueries = m_split->evaluated;
        m_available = core::without(m_available | Need::decodeRows, Need::queryStats | Need::farSquares | Need::readout);
        m_evaluatedOn = fmt::format("the last {} of {} window queries (no decode rows); prompt cut at {}",
                                    m_split->evaluated, info.window, m_split->promptEnd);
    } else {
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("{}: this capture (tier {}) holds {}, so no loss can be computed; capture with "
                                      "--tier cache or higher{}",
                                      capture.name(), core::tierName(info.tier),
                                      depth == Depth::decode ? "no decode rows" : "neither decode rows nor window rows",
                                      depth == Depth::decode ? " and a continuation (--generate)" : ""));
    }
    if (depth != Depth::mass && !core::includes(m_available, Need::values))
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("{}: this capture (tier {}) holds no values, which depth {} needs; use "
                                      "--depth mass or capture with --tier cache",
                                      capture.name(), core::tierName(info.tier), depthName(depth)));
}

std::string JudgedCapture::reasonAgainst(const Method& method, const core::ModelTables* tables) const
{
    const std::string obstacle = method.obstacle(m_capture.info(), tables);
    if (!obstacle.empty() || core::includes(m_available, replayNeeds(method)))
        return obstacle;
    return fmt::format("needs {}; this capture (tier {}{}) lacks {}", core::needNames(replayNeeds(method)),
                       core::tierName(m_capture.info().tier), m_split ? ", judged on its window rows" : "",
                       core::needNames(core::without(replayNeeds(method), m_available)));
}

std::optional<core::ReadoutTokens> JudgedCapture::readout() const
{
    const core::CaptureInfo& info = m_capture.info();
    if (m_depth != Depth::mass && !m_split && core::includes(m_available, Need::readout)
        && std::ssize(info.layers) == info.model.nLayers && std::ssize(info.heads) == info.model.nHeads)
        return m_capture.readoutTokens();
    return std::nullopt;
}

core::LayerData JudgedCapture::load(std::int64_t slot, Need needs)
{
    if (m_split) // the later window rows stand in for decode rows
        needs = core::without(needs, Need::decodeRows) | Need::windowRows;
    core::LayerData data = m_capture.loadLayer(slot, needs);
    requireArrays(data, needs, m_capture.name());
    m_maxRowDeviation = std::max(m_maxRowDeviation, renormaliseRows(data));
    return m_split ? splitAtWindow(data, *m_split) : data;
}

Depth deepestFor(const core::CaptureSource& capture)
{
    return core::includes(capture.available(), Need::values) ? Depth::output : Depth::mass;
}

} // namespace kvviz::compress
