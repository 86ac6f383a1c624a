// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A method's rules inside a generating model. After prefill, for each layer in turn: plan it with t = 0, take its
// stepRules(), keep startKeys() of the prompt, add the rules here, and let the layer's arrays go.
#pragma once

#include "compress/online_steps.hpp"
#include "core/eviction_policy.hpp"

#include <map>
#include <memory>

namespace kvviz::compress {

/// The rules of all layers of one prompt.
class LiveRules {
public:
    /// `layer` is its number in the model. Layers without rules keep every key.
    void add(int layer, StepRules rules);
    /// For one stream from the end of prefill on; as many as wanted. Null when no layer has rules: nothing is evicted
    /// while decoding. Its stay() throws Error(badInput) for rows that do not fit the live keys.
    [[nodiscard]] std::unique_ptr<core::EvictionPolicy> policy() const;

private:
    std::map<int, StepRules> m_layers;
};

} // namespace kvviz::compress
