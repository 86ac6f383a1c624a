// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.1.
#include "compress/methods/entries.hpp"

#include "compress/method_base.hpp"

namespace kvviz::compress {
namespace {

class FullKv final : public MethodBase {
public:
    using MethodBase::MethodBase;
    [[nodiscard]] core::Need needs() const override { return core::Need::none; }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget&) const override { return keepAll(input); }
};

const MethodInfo& fullkvInfo()
{
    static const MethodInfo info{
        .name = "fullkv",
        .title = "FullKV",
        .klass = "E",
        .acts = "never",
        .idea = "Keeps the whole cache, whatever the budget. The control: every loss is exactly 0.",
        .equation = "S = {0..n-1}",
        .source = "no compression",
        .params = {},
        .presets = {}};
    return info;
}

} // namespace

MethodEntry fullkvEntry() { return entryOf<FullKv>(fullkvInfo); }

} // namespace kvviz::compress
