// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 9: listed so that nobody looks for it in vain, and refused with the reason.
#include "compress/methods/entries.hpp"

#include "core/error.hpp"

namespace kvviz::compress {
namespace {

constexpr const char* kReason =
    "cannot be replayed: the keys and values it keeps are written by adapters trained for it, so no capture of the "
    "plain model holds them; see oracle_token for what pure selection of as many tokens would lose";

class KvDistill final : public MethodBase {
public:
    KvDistill(const MethodInfo& info, Params resolved) : MethodBase(info, std::move(resolved)) {}
    [[nodiscard]] core::Need needs() const override { return core::Need::none; }
    [[nodiscard]] std::string obstacle(const core::CaptureInfo&, const core::ModelTables*) const override
    {
        return kReason;
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput&, const Budget&) const override
    {
        throw core::Error(core::ErrorCode::badInput, std::string("kv_distill: ") + kReason);
    }
};

const MethodInfo& kvDistillInfo()
{
    static const MethodInfo info{
        .name = "kv_distill",
        .title = "KV-Distill (not replayable)",
        .klass = "T",
        .acts = "prefill end",
        .idea = "A trained scorer picks the same few tokens for all layers and heads, and trained adapters write the "
                "whole context into their keys and values. Not replayable: the bound to look at is oracle_token, the "
                "best selection of as many tokens.",
        .equation = "S = top-C of FFN(hidden state of an early layer); K, V of S by adapted projections; trained on "
                    "0.6 KL(p||q) + 0.4 KL(q||p)",
        .source = "Chari et al. 2025, arXiv 2503.10337; no code was published",
        .params = {},
        .presets = {}};
    return info;
}

} // namespace

MethodEntry kvDistillEntry() { return entryOf<KvDistill>(kvDistillInfo); }

} // namespace kvviz::compress
