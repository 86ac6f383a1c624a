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

/// What to do with a file whose arrays are not read, for messages.
inline constexpr const char* kHowToSave = "save the arrays with safetensors or numpy.savez; see docs/import.md";
/// Bytes of an array of texts, at most: numpy gives each text the room of the longest, four bytes a character, and an
/// array of blanks takes a thousandth of that in a file.
inline constexpr std::int64_t kMostTextBytes = std::int64_t{1} << 28;

struct NamedArray {
    std::string name;
    ElementType type = ElementType::f32;
    std::size_t itemBytes = 0;       ///< of one element
    std::vector<std::int64_t> shape; ///< outermost first; empty: one element
    /// Why its elements cannot be read (a type of Python's, an order that is not ours); empty: they can. Type and shape of
    /// such an array mean nothing.
    std::string obstacle;

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

    /// Throws Error(badInput): the file, then what is wrong with it.
    [[noreturn]] void fail(const std::string& what) const;
    /// nullptr when absent. Throws Error(badInput) with the obstacle of an array that has one: what nothing asks for may
    /// be of any type.
    [[nodiscard]] const NamedArray* find(const std::string& name) const;
    // The same pieces as values. Throw Error(badInput) that names the array when its type is another one. Memory is taken
    // for all that is asked for: hold the shape against what is expected first.
    [[nodiscard]] std::vector<float> floats(const NamedArray& array, std::int64_t begin, std::int64_t count);
    [[nodiscard]] std::vector<std::int64_t> integers(const NamedArray& array);
    /// An array of texts as UTF-8. Throws Error(badInput) for more than kMostTextBytes, too.
    [[nodiscard]] std::vector<std::string> strings(const NamedArray& array);
};

/// By content. Throws Error(badInput): neither of the two (pickled files, torch.save's among them, and single arrays are
/// named), damaged, truncated, no regular file.
[[nodiscard]] std::unique_ptr<ArraySource> openArrays(const std::filesystem::path& path);

} // namespace kvviz::io
