// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Named arrays of a file that Python wrote: .npz or .safetensors. Arrays are read in pieces, so that one layer at a
// time is in memory.
#pragma once

#include "core/io/element_type.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace kvviz::io {

struct NamedArray {
    std::string name;
    ElementType type = ElementType::f32;
    std::size_t itemBytes = 0;       ///< of one element
    std::vector<std::int64_t> shape; ///< outermost first; empty: one element

    [[nodiscard]] std::int64_t elements() const;
    [[nodiscard]] std::string shapeText() const; ///< "[2, 4, 70]"
};

class ArraySource {
public:
    virtual ~ArraySource() = default;
    /// Of the file, for messages.
    [[nodiscard]] virtual const std::string& path() const = 0;
    [[nodiscard]] virtual const std::map<std::string, NamedArray>& arrays() const = 0;
    /// Elements [begin, begin + count) as they lie in the file. Pieces of one array are read fastest from its beginning
    /// to its end. Throws Error(badInput) when the file is damaged.
    virtual void read(const NamedArray& array, std::int64_t begin, std::int64_t count, std::byte* out) = 0;
    /// Texts that stand beside the arrays, by name; of safetensors.
    [[nodiscard]] virtual std::map<std::string, std::string> texts() const { return {}; }

    /// nullptr when absent.
    [[nodiscard]] const NamedArray* find(const std::string& name) const;
    // The same pieces as values. Throw Error(badInput) that names the array when its type is another one.
    [[nodiscard]] std::vector<float> floats(const NamedArray& array, std::int64_t begin, std::int64_t count);
    [[nodiscard]] std::vector<std::int64_t> integers(const NamedArray& array);
    /// An array of texts as UTF-8.
    [[nodiscard]] std::vector<std::string> strings(const NamedArray& array);
};

/// By content. Throws Error(badInput): neither of the two, damaged, truncated, an array that cannot be read without
/// running Python (dtype object).
[[nodiscard]] std::unique_ptr<ArraySource> openArrays(const std::filesystem::path& path);

} // namespace kvviz::io
