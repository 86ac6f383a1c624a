// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Weights in safetensors files: one, or the shards of a model. Opening touches no weights.
#pragma once

#include "capture/tensor.hpp"
#include "core/io/safetensors_file.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace kvviz::capture {

class SafetensorsFile {
public:
    /// Throws Error(badInput): not a safetensors file, truncated, contradictory (says where).
    explicit SafetensorsFile(const std::filesystem::path& path);

    [[nodiscard]] const std::string& path() const { return m_file.path(); }
    /// In the order of their bytes. Tensors of types that cannot be converted are in unsupported() instead.
    [[nodiscard]] const std::vector<TensorInfo>& tensors() const { return m_tensors; }
    /// Names with their types: integers and the like, which no weight of a supported model has.
    [[nodiscard]] const std::map<std::string, std::string, std::less<>>& unsupported() const { return m_unsupported; }
    void requireWhole() const { m_file.requireWhole(); }
    void requireInPlace() const { m_file.requireInPlace(); }
    void dropPages() const { m_file.dropPages(); }

private:
    io::SafetensorsFile m_file;
    std::vector<TensorInfo> m_tensors;
    std::map<std::string, std::string, std::less<>> m_unsupported;
};

/// Rows and columns of a matrix of 8-bit floats that share a scale ("weight_block_size").
struct ScaleBlock {
    std::int64_t rows = 128, columns = 128;
};

/// The tensors of a model: one file, or the shards that model.safetensors.index.json lists.
class SafetensorsModel final : public TensorSource {
public:
    /// A folder, or one file. Throws Error(badInput): no weights there, a shard missing or damaged, a name in two
    /// shards, an index that names a tensor its shard does not hold.
    explicit SafetensorsModel(const std::filesystem::path& path, ScaleBlock block = {});

    [[nodiscard]] const std::string& path() const override { return m_path; }
    [[nodiscard]] const TensorInfo* findTensor(std::string_view name) const override;
    /// 8-bit floats are multiplied by the scales beside them: NAME_scale_inv, one a block (DeepSeek), or
    /// NAME_scale, one number or one a row (compressed-tensors). Throws Error(badInput) where there are none.
    void read(const TensorInfo& tensor, std::span<float> out) const override;
    void requireReadable(const TensorInfo& tensor) const override;
    /// A type that is not supported, or weights of GPTQ or AWQ (NAME.qweight) instead of plain ones.
    [[nodiscard]] std::string obstacle(std::string_view name) const override;
    [[nodiscard]] std::size_t tensorCount() const { return m_index.size(); }
    /// In order of their names.
    [[nodiscard]] std::vector<const TensorInfo*> tensors() const;
    [[nodiscard]] std::uint64_t bytes() const; ///< of all tensors
    /// Shard files, in order of their names.
    [[nodiscard]] std::vector<std::filesystem::path> files() const;
    /// Throws Error(badInput) when what lies at the paths is not what was mapped, or not any more.
    void requireSame() const;
    void dropPages() const;

private:
    struct Scales {
        const TensorInfo* tensor = nullptr; // [ceil(rows / rows of a block), ceil(columns / columns of a block)]
        std::int64_t rows = 0, columns = 0; // of a block
    };

    void add(const std::filesystem::path& file);
    /// The file that one of findTensor()'s tensors lies in.
    [[nodiscard]] const SafetensorsFile& fileOf(const TensorInfo& tensor) const;
    [[nodiscard]] bool holds(const std::filesystem::path& file, const std::string& tensor) const;
    [[nodiscard]] Scales scalesOf(const TensorInfo& tensor) const;
    void scale(const TensorInfo& tensor, std::span<float> out) const;

    std::string m_path;
    ScaleBlock m_block;
    std::vector<SafetensorsFile> m_files;
    std::map<std::string, const TensorInfo*, std::less<>> m_index;
};

} // namespace kvviz::capture
