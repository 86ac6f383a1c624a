// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What every method of the registry shares: its description, its parameters, and the check that its arrays are there.
#pragma once

#include "compress/kept_sets.hpp"

namespace kvviz::compress {

/// Throws Error(badInput) naming the first array of `needs` whose size does not fit the layer.
void requireArrays(const core::LayerData& data, core::Need needs, std::string_view who);

class MethodBase : public Method {
public:
    MethodBase(const MethodInfo& info, Params params) : m_info(info), m_params(std::move(params)) {}
    [[nodiscard]] const MethodInfo& info() const final { return m_info; }
    [[nodiscard]] const Params& params() const final { return m_params; }
    [[nodiscard]] LayerPlan plan(const LayerInput& input, const Budget& budget) const final;
    [[nodiscard]] StepRules stepRules(const LayerInput& input, const LayerPlan& plan, const Budget& budget) const final;

protected:
    /// The method itself; the arrays of needs() are there, at t = 0 those of promptNeeds(). A method that has
    /// decodeRules() leaves keptDecode to them.
    [[nodiscard]] virtual LayerPlan select(const LayerInput& input, const Budget& budget) const = 0;
    /// See Method::stepRules; replay and live runs take them from here. Must not look at decode rows, nor keep
    /// references to `input`, `plan` or the method.
    [[nodiscard]] virtual StepRules decodeRules(const LayerInput& input, const LayerPlan& plan,
                                                const Budget& budget) const;

private:
    const MethodInfo& m_info; // lives in the method's file, for ever
    Params m_params;
};

/// "none" or "kvpress": how ratios are rounded to tokens.
[[nodiscard]] ParamSpec compatParam();
[[nodiscard]] bool compatKvpress(const Params& params);

} // namespace kvviz::compress
