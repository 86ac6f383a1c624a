// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// GGUF model files, versions 2 and 3: metadata and tensors of a memory-mapped file. Every offset, count and string
// length is checked against the file size before use, so a hostile file gives an Error and nothing else.
#pragma once

#include "core/io/mapped_file.hpp"
#include "capture/tensor.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kvviz::capture {

class GgufFile final : public TensorSource {
public:
    using Value = std::variant<std::uint64_t, std::int64_t, double, bool, std::string, std::vector<std::string>,
                               std::vector<std::int64_t>, std::vector<double>, std::vector<bool>>;

    /// Throws Error(badInput): not a GGUF, unsupported version, truncated, contradictory (says where).
    explicit GgufFile(const std::filesystem::path& path);

    [[nodiscard]] const std::string& path() const override { return m_path; }
    [[nodiscard]] std::uint32_t version() const { return m_version; }
    [[nodiscard]] bool has(const std::string& key) const { return m_metadata.contains(key); }
    /// Typed look-ups. A key of another type throws Error(badInput) naming it, and so does a missing one where there
    /// is no fallback.
    [[nodiscard]] std::int64_t integer(const std::string& key) const;
    [[nodiscard]] std::int64_t integer(const std::string& key, std::int64_t fallback) const;
    [[nodiscard]] double real(const std::string& key, double fallback) const;
    [[nodiscard]] bool boolean(const std::string& key, bool fallback) const;
    [[nodiscard]] const std::string& string(const std::string& key) const;
    [[nodiscard]] std::string string(const std::string& key, const std::string& fallback) const;
    [[nodiscard]] const std::vector<std::string>& strings(const std::string& key) const;
    [[nodiscard]] std::vector<std::int64_t> integers(const std::string& key) const;
    [[nodiscard]] const std::map<std::string, Value>& metadata() const { return m_metadata; }

    [[nodiscard]] const std::vector<TensorInfo>& tensors() const { return m_tensors; }
    [[nodiscard]] const TensorInfo* findTensor(std::string_view name) const override;
    void read(const TensorInfo& tensor, std::span<float> out) const override;
    /// Throws Error(badInput) when what lies at the path is not what was mapped, or not any more.
    void requireSame() const;
    void dropPages() const { m_file.dropPages(); }

private:
    std::string m_path;
    io::MappedFile m_file;
    std::uint32_t m_version = 0;
    std::map<std::string, Value> m_metadata;
    std::vector<TensorInfo> m_tensors;
    std::map<std::string, std::size_t, std::less<>> m_tensorIndex;
};

} // namespace kvviz::capture
