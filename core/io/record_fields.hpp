// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Visitors that carry the fields of a record of a results file to and from its group: numbers and texts as attributes,
// lists as compressed arrays. One function of a record names its fields for both directions. Internal to core/io.
#pragma once

#include "core/io/h5_values.hpp"
#include "core/io/text_copy.hpp"

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace kvviz::io {

using Labels = std::vector<const char*>;

struct ScalarWriter {
    hid_t group;
    void operator()(const char* name, const std::string& value) const { writeAttribute(group, name, value); }
    void operator()(const char* name, std::int64_t value) const { writeAttribute(group, name, value); }
    void operator()(const char* name, std::uint64_t value) const { writeAttribute(group, name, value); }
    void operator()(const char* name, double value) const { writeAttribute(group, name, value); }
    /// Lists of texts without line breaks: one a line.
    void operator()(const char* name, const std::vector<std::string>& lines) const;
};

struct ScalarReader {
    hid_t group;
    const TextCopy& texts;
    const std::string& path;
    const std::string& where;
    void operator()(const char* name, std::string& value) const { value = texts.read(path, name); }
    void operator()(const char* name, std::int64_t& value) const { value = readInteger(group, name, where); }
    void operator()(const char* name, std::uint64_t& value) const { value = readUnsigned(group, name, where); }
    void operator()(const char* name, double& value) const { value = readReal(group, name, where); }
    void operator()(const char* name, std::vector<std::string>& lines) const;

    [[nodiscard]] bool has(const char* name, const std::string&) const { return texts.has(path, name); }
    template <typename T>
    [[nodiscard]] bool has(const char* name, const T&) const
    {
        return hasAttribute(group, name);
    }
};

/// Throws Error(badInput) for a number that cannot be an extent.
void requireExtents(const std::vector<std::int64_t>& sizes, const std::string& where);

/// Type of an element in the file and in memory.
inline std::pair<hid_t, hid_t> typesOf(double) { return {H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE}; }
inline std::pair<hid_t, hid_t> typesOf(float) { return {H5T_IEEE_F32LE, H5T_NATIVE_FLOAT}; }
inline std::pair<hid_t, hid_t> typesOf(std::uint8_t) { return {H5T_STD_U8LE, H5T_NATIVE_UINT8}; }
inline std::pair<hid_t, hid_t> typesOf(std::int64_t) { return {H5T_STD_I64LE, H5T_NATIVE_INT64}; }

/// Empty arrays are not in the file.
struct ArrayWriter {
    hid_t group;
    std::string place; ///< "/replay/0", for messages

    template <typename T>
    void operator()(const char* name, const std::vector<T>& values, const std::vector<hsize_t>& dims,
                    const Labels& labels) const
    {
        if (!values.empty())
            write(name, typesOf(T{}), dims, values.data(), values.size(), labels);
    }

private:
    /// One compressed chunk for each index of the first axis; lists are one.
    void write(const char* name, std::pair<hid_t, hid_t> types, const std::vector<hsize_t>& dims, const void* data,
               std::size_t count, const Labels& labels) const;
};

/// What the file does not hold stays as it is.
struct ArrayReader {
    hid_t group;
    std::string where;

    template <typename T>
    void operator()(const char* name, std::vector<T>& values, const std::vector<hsize_t>& dims, const Labels&) const
    {
        if (!hasDataset(group, name))
            return;
        if constexpr (std::is_same_v<T, std::uint8_t>)
            values = readBytes(group, name, dims, where + "/");
        else if constexpr (std::is_same_v<T, std::int64_t>)
            values = readInt64s(group, name, dims, where + "/");
        else if constexpr (std::is_same_v<T, double>)
            values = readDoubles(group, name, dims, where + "/");
        else
            values = readFloats(group, name, dims, where + "/");
    }
};

} // namespace kvviz::io
