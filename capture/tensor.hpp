// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Tensors of a memory-mapped model file, whatever its format, and their conversion to float32.
#pragma once

#include "capture/weight_memory.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kvviz::capture {

/// Element types that can be converted. ggml's numbers, and our own from 1000 on.
enum class TensorType : std::uint32_t {
    f32 = 0, f16 = 1, q4_0 = 2, q4_1 = 3, q5_0 = 6, q5_1 = 7, q8_0 = 8, q4_k = 12, q5_k = 13, q6_k = 14, bf16 = 30,
    f8_e4m3 = 1000
};

struct TensorInfo {
    std::string name;
    TensorType type = TensorType::f32;
    std::vector<std::int64_t> shape; ///< outermost first: [rows, columns] for a matrix
    std::span<const std::byte> data; ///< inside the mapped file
    [[nodiscard]] std::int64_t elements() const;
};

/// Converts the whole tensor to float32, multi-threaded. `out` holds tensor.elements() values.
void dequantise(const TensorInfo& tensor, std::span<float> out);
/// The same for rows [rowBegin, rowBegin + rows) of a matrix.
void dequantiseRows(const TensorInfo& tensor, std::int64_t rowBegin, std::int64_t rows, std::span<float> out);

/// Where tensors are found by name.
class TensorSource {
public:
    virtual ~TensorSource() = default;
    /// Of the file or folder, for messages.
    [[nodiscard]] virtual const std::string& path() const = 0;
    /// nullptr when absent.
    [[nodiscard]] virtual const TensorInfo* findTensor(std::string_view name) const = 0;
    /// Values of a tensor of this source; more than dequantise() where a companion tensor holds its scales. Throws
    /// Error(badInput) when the file was cut short since it was opened.
    virtual void read(const TensorInfo& tensor, std::span<float> out) const = 0;

    /// Why a tensor that is not found cannot be used, if the source knows; empty: it is not there.
    [[nodiscard]] virtual std::string obstacle(std::string_view) const { return {}; }

    /// Throws Error(badInput) when what read() needs beside the tensor itself is not there or does not fit to it.
    virtual void requireReadable(const TensorInfo&) const {}

    /// Throws Error(badInput) when absent, when the shape differs (names both shapes), or when it is not readable.
    [[nodiscard]] const TensorInfo& tensor(std::string_view name, const std::vector<std::int64_t>& shape) const;
};

/// Names and shapes of tensors that are read one below the other.
using TensorParts = std::vector<std::pair<std::string, std::vector<std::int64_t>>>;

/// Shapes are checked before anything is allocated: the numbers come from the file. Throws what tensor() throws.
[[nodiscard]] WeightVector<float> readStacked(const TensorSource& source, const TensorParts& parts);
/// The same for norms and biases, which are short.
[[nodiscard]] std::vector<float> readVector(const TensorSource& source, const TensorParts& parts);

} // namespace kvviz::capture
