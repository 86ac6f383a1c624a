// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// GGUF model files, versions 2 and 3: metadata and tensors of a memory-mapped file. Every offset, count and string
// length is checked against the file size before use, so a hostile file gives an Error and nothing else.
#pragma once

#include "capture/mapped_file.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kvviz::capture {

/// Tensor element types that can be dequantised (ggml's numbers).
enum class TensorType : std::uint32_t {
    f32 = 0, f16 = 1, q4_0 = 2, q4_1 = 3, q5_0 = 6, q5_1 = 7, q8_0 = 8, q4_k = 12, q5_k = 13, q6_k = 14, bf16 = 30
};

struct TensorInfo {
    std::string name;
    TensorType type = TensorType::f32;
    std::vector<std::int64_t> shape; ///< outermost first: [rows, columns] for a matrix (GGUF stores it reversed)
    std::span<const std::byte> data; ///< inside the mapped file
    [[nodiscard]] std::int64_t elements() const;
};

class GgufFile {
public:
    using Value = std::variant<std::uint64_t, std::int64_t, double, bool, std::string, std::vector<std::string>,
                               std::vector<std::int64_t>, std::vector<double>, std::vector<bool>>;

    /// Throws Error(badInput): not a GGUF, unsupported version, truncated, contradictory (says where).
    explicit GgufFile(const std::filesystem::path& path);

    [[nodiscard]] const std::string& path() const { return m_path; }
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
    /// nullptr when absent.
    [[nodiscard]] const TensorInfo* findTensor(std::string_view name) const;
    /// Throws Error(badInput) when absent or when the shape differs (names both shapes).
    [[nodiscard]] const TensorInfo& tensor(std::string_view name, const std::vector<std::int64_t>& shape) const;
    void dropPages() const { m_file.dropPages(); }

private:
    std::string m_path;
    MappedFile m_file;
    std::uint32_t m_version = 0;
    std::map<std::string, Value> m_metadata;
    std::vector<TensorInfo> m_tensors;
    std::map<std::string, std::size_t, std::less<>> m_tensorIndex;
};

/// Dequantises the whole tensor to float32, multi-threaded. `out` holds tensor.elements() values.
void dequantise(const TensorInfo& tensor, std::span<float> out);
/// The same for rows [rowBegin, rowBegin + rows) of a matrix.
void dequantiseRows(const TensorInfo& tensor, std::int64_t rowBegin, std::int64_t rows, std::span<float> out);
/// SHA-256 of a file, lower-case hex.
[[nodiscard]] std::string sha256OfFile(const std::filesystem::path& path);

} // namespace kvviz::capture
