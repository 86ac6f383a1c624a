// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Models of tiny random weights, written, loaded and forgotten, and prompts for them.
#pragma once

#include "capture/gguf_model.hpp"
#include "capture/model.hpp"
#include "tests/support/gguf_builder.hpp"
#include "tests/support/scratch_folder.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace kvviz::test {

inline std::shared_ptr<const capture::Model> tinyModel(const TinyLlama& shape = {},
                                                       capture::WeightType type = capture::WeightType::float32)
{
    const ScratchFolder folder;
    writeTinyLlama(folder / "tiny.gguf", shape);
    return capture::loadModel(capture::GgufFile(folder / "tiny.gguf"), type);
}

/// Token ids without a pattern.
inline std::vector<std::int32_t> someIds(std::int64_t count)
{
    std::vector<std::int32_t> ids;
    for (std::int64_t i = 0; i < count; ++i)
        ids.push_back(static_cast<std::int32_t>((i * 7919 + i * i % 31) % 256));
    return ids;
}

} // namespace kvviz::test
