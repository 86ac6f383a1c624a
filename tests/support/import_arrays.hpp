// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A made-up capture taken apart into the arrays of an import, and imports of them.
#pragma once

#include "core/io/capture_import.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/safetensors_builder.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace kvviz::test {

using core::LayerData;

inline constexpr std::int64_t kPrompt = 70, kSteps = 5, kTotal = kPrompt + kSteps, kHeads = 4, kKvHeads = 2, kChannels = 8;

/// All queries are kept, so that the capture can be taken apart completely.
[[nodiscard]] inline SyntheticCapture whole() { return SyntheticCapture({.n = kPrompt, .t = kSteps, .window = kPrompt}); }

/// [H, T, T] of a layer.
[[nodiscard]] inline std::vector<float> attentionOf(const SyntheticCapture& capture, std::int64_t slot)
{
    std::vector<float> rows(static_cast<std::size_t>(kHeads * kTotal * kTotal), 0.0f);
    for (std::int64_t h = 0; h < kHeads; ++h)
        for (std::int64_t q = 0; q < kTotal; ++q) {
            float* const row = rows.data() + (h * kTotal + q) * kTotal;
            if (q < kPrompt)
                std::copy_n(capture.fullMap(slot).data() + (h * kPrompt + q) * kPrompt, kPrompt, row);
            else
                std::copy_n(capture.layer(slot).decodeRow(static_cast<int>(h), q - kPrompt), kTotal, row);
        }
    return rows;
}

[[nodiscard]] inline std::vector<std::int64_t> idsOf(const SyntheticCapture& capture)
{
    return {capture.info().tokens.ids.begin(), capture.info().tokens.ids.end()};
}

inline const char* const kMetadata = R"({"n_prompt": 70, "rope_theta": 10000, "model": "elsewhere", "task": "mine",
    "segments": [{"kind": "shot", "begin": 0, "end": 30}, {"kind": "shot", "begin": 30, "end": 60, "label": "second"},
                 {"kind": "question", "begin": 60, "end": 70}], "laboratory": "ours", "year": 2026})";

struct Without {
    bool cache = false, query = false;
};

/// One array a layer, as the script in docs/import.md writes them.
[[nodiscard]] inline SafetensorsBuilder arraysOf(const SyntheticCapture& capture, const Without& without = {})
{
    SafetensorsBuilder file;
    file.add("input_ids", "I64", {1, kTotal}, idsOf(capture));
    for (std::int64_t layer = 0; layer < 2; ++layer) {
        const LayerData& data = capture.layer(layer);
        const auto name = [&](const char* array) { return fmt::format("{}.{}", array, layer); };
        file.floats(name("attention"), {1, kHeads, kTotal, kTotal}, attentionOf(capture, layer));
        if (!without.cache) {
            file.floats(name("key"), {kKvHeads, kTotal, kChannels}, data.key);
            file.floats(name("value"), {kKvHeads, kTotal, kChannels}, data.value);
        }
        if (!without.query)
            file.floats(name("query"), {kHeads, kTotal, kChannels}, data.query);
    }
    return file;
}

[[nodiscard]] inline io::ImportSettings exactly(const std::string& metadata = kMetadata)
{
    io::ImportSettings settings;
    settings.metadata = metadata;
    settings.tier = core::Tier::full;
    settings.window = kPrompt;
    settings.rowsType = settings.cacheType = settings.mapType = core::StorageType::float32;
    settings.creator = "kvviz test";
    return settings;
}

inline io::ImportSummary import(const ScratchFolder& folder, const SafetensorsBuilder& file,
                         const io::ImportSettings& settings = exactly())
{
    io::ImportSettings again = settings;
    again.force = true;
    return io::importCapture(folder.write("in.safetensors", file.bytes()), folder / "out.kvh5", again, {});
}

inline std::string refusal(const ScratchFolder& folder, const SafetensorsBuilder& file,
                           const io::ImportSettings& settings = exactly())
{
    const std::string message = badInputMessage([&] { static_cast<void>(import(folder, file, settings)); });
    CHECK_FALSE(std::filesystem::exists(folder / "out.kvh5"));
    return message;
}

} // namespace kvviz::test
