// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Models in Hugging Face folders: config.json and safetensors.
#pragma once

#include "capture/hf_config.hpp"
#include "capture/model.hpp"
#include "capture/safetensors.hpp"

namespace kvviz::capture {

/// A folder that has been opened: settings read, tensors found and their shapes checked, no weight touched.
class HfFolder {
public:
    /// Throws Error(badInput): see readHfConfig and SafetensorsModel; a tensor that is missing or whose shape contradicts
    /// the settings (names the tensor and both shapes).
    explicit HfFolder(const std::filesystem::path& folder);

    [[nodiscard]] const HfModelSpec& spec() const { return m_spec; }
    [[nodiscard]] const SafetensorsModel& tensors() const { return *m_tensors; }

    /// Sizes and arithmetic, without any weight.
    [[nodiscard]] std::shared_ptr<Model> describe() const;
    /// The weights; with `streamed`, those of a layer are read each time it is used, for models larger than the memory.
    [[nodiscard]] std::shared_ptr<Model> load(WeightType type, bool streamed = false) const;
    /// What makes the model: config.json and all weight files.
    [[nodiscard]] std::vector<std::filesystem::path> files() const;
    /// SHA-256 over their names and SHA-256 sums; reads every byte.
    [[nodiscard]] std::string sha256() const;

private:
    std::filesystem::path m_folder;
    HfModelSpec m_spec;
    std::shared_ptr<const SafetensorsModel> m_tensors;
    std::string m_prefix; ///< of the decoder's tensors: "model."
};

} // namespace kvviz::capture
