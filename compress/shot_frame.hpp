// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// ShotKV's budget rule (methods.md 5.8): what becomes of the tokens outside any shot, and the plan of the chosen shots.
#pragma once

#include "compress/method.hpp"
#include "compress/shots.hpp"

#include <functional>

namespace kvviz::compress {

class ShotFrame {
public:
    /// Reads `frame` (keep_charged, keep_free, as_unit).
    explicit ShotFrame(const Params& params) : m_rule(params.text("frame")) {}
    [[nodiscard]] static ParamSpec param();

    [[nodiscard]] const std::string& rule() const { return m_rule; }
    /// The units that compete; the frame is the last of them under as_unit, unless there is no shot at all.
    [[nodiscard]] PromptUnits units(const LayerInput& input) const;
    /// The plan that `choose` makes for the tokens left for shots. Without shots nothing could be dropped as a whole:
    /// everything stays, flag no_shots. Flag frame_exceeds_budget when the frame alone takes `capacity` or more.
    [[nodiscard]] LayerPlan plan(const LayerInput& input, const PromptUnits& units, std::int64_t capacity,
                                 const std::function<LayerPlan(std::int64_t room)>& choose) const;

private:
    std::string m_rule;
};

/// The frame and these shots, for all heads of the layer.
[[nodiscard]] LayerPlan shotPlan(const LayerInput& input, const PromptUnits& units,
                                 const std::vector<std::size_t>& shots, std::int64_t tiesAtCut = 0);

} // namespace kvviz::compress
