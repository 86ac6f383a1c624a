// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "core/token_features.hpp"

#include "core/error.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace kvviz::core {
namespace {

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::badInput, message); }

} // namespace

std::vector<float> tokenFeatures(const LayerData& data, const Rotary& rotary, std::int64_t tokens)
{
    const std::int64_t d = data.headDim, total = data.total(), kvHeads = data.heads.kvHeads();
    if (tokens > total || std::ssize(data.key) != kvHeads * total * d || std::ssize(data.value) != kvHeads * total * d)
        refuse(fmt::format("token features of layer {} need keys and values of {} tokens, which are not loaded",
                           data.layer, tokens));
    if (rotary.dim() > d)
        refuse(fmt::format("the rotary embedding turns {} channels, but a head has only {}", rotary.dim(), d));
    const std::int64_t width = 2 * kvHeads * d;
    std::vector<float> features(static_cast<std::size_t>(tokens * width));
    for (std::int64_t kvHead = 0; kvHead < kvHeads; ++kvHead) {
        float* const keys = features.data() + kvHead * d;
        for (std::int64_t token = 0; token < tokens; ++token) {
            const std::int64_t from = (kvHead * total + token) * d;
            std::copy_n(data.key.data() + from, d, keys + token * width);
            std::copy_n(data.value.data() + from, d, keys + token * width + kvHeads * d);
        }
        rotary.rotateRows(keys, tokens, width, 0, -1);
    }
    return features;
}

} // namespace kvviz::core
