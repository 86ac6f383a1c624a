// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Attributes and small datasets as C++ values. Readers check class and extent before they read, and throw
// Error(badInput) that names the object; `where` is the file and object for messages. Internal to core/io.
#pragma once

#include "core/io/h5_handle.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::io {

// Attributes. A text with a NUL or broken UTF-8 is stored as variable-length bytes, so that it comes back exactly.
void writeAttribute(hid_t object, const char* name, std::string_view text);
void writeAttribute(hid_t object, const char* name, std::int64_t value);
void writeAttribute(hid_t object, const char* name, std::uint64_t value);
void writeAttribute(hid_t object, const char* name, double value);
void writeAttribute(hid_t object, const char* name, std::span<const std::int32_t> values);
void writeAttribute(hid_t object, const char* name, std::span<const float> values);

[[nodiscard]] bool hasAttribute(hid_t object, const char* name);
[[nodiscard]] std::string readText(hid_t object, const char* name, const std::string& where);
[[nodiscard]] std::int64_t readInteger(hid_t object, const char* name, const std::string& where);
[[nodiscard]] std::uint64_t readUnsigned(hid_t object, const char* name, const std::string& where);
[[nodiscard]] double readReal(hid_t object, const char* name, const std::string& where);
[[nodiscard]] std::vector<std::int32_t> readIntegers(hid_t object, const char* name, const std::string& where);
[[nodiscard]] std::vector<float> readReals(hid_t object, const char* name, const std::string& where);
/// Names of all attributes.
[[nodiscard]] std::vector<std::string> attributeNames(hid_t object, const std::string& where);

// Small compressed datasets, written whole; `dims` is the shape.
void writeDataset(hid_t parent, const char* path, std::span<const float> values, const std::vector<hsize_t>& dims);
void writeDataset(hid_t parent, const char* path, std::span<const double> values, const std::vector<hsize_t>& dims);
void writeDataset(hid_t parent, const char* path, std::span<const std::int32_t> values,
                  const std::vector<hsize_t>& dims);
void writeDataset(hid_t parent, const char* path, std::span<const std::int64_t> values,
                  const std::vector<hsize_t>& dims);
void writeDataset(hid_t parent, const char* path, std::span<const std::uint8_t> values,
                  const std::vector<hsize_t>& dims);
/// As fixed-length UTF-8, padded with NUL.
void writeDataset(hid_t parent, const char* path, const std::vector<std::string>& values);

/// True if `path` exists below `parent` and is a dataset; a damaged group throws.
[[nodiscard]] bool hasDataset(hid_t parent, const std::string& path);
[[nodiscard]] bool hasGroup(hid_t parent, const std::string& path);
[[nodiscard]] Handle openDataset(hid_t parent, const std::string& path, const std::string& where);
[[nodiscard]] Handle openGroup(hid_t parent, const std::string& path, const std::string& where);
[[nodiscard]] std::vector<hsize_t> datasetShape(hid_t dataset);
/// Throws unless the dataset has this shape.
void requireShape(hid_t dataset, const std::vector<hsize_t>& expected, const std::string& where);
/// Throws when a dataset stores too little for its shape, before memory is taken for that shape.
void requireStored(hid_t dataset, const std::string& where);

// Whole datasets; the shape is checked before anything is allocated.
[[nodiscard]] std::vector<float> readFloats(hid_t parent, const std::string& path, const std::vector<hsize_t>& shape,
                                            const std::string& where);
[[nodiscard]] std::vector<double> readDoubles(hid_t parent, const std::string& path, const std::vector<hsize_t>& shape,
                                              const std::string& where);
[[nodiscard]] std::vector<std::int32_t> readInt32s(hid_t parent, const std::string& path,
                                                   const std::vector<hsize_t>& shape, const std::string& where);
[[nodiscard]] std::vector<std::int64_t> readInt64s(hid_t parent, const std::string& path,
                                                   const std::vector<hsize_t>& shape, const std::string& where);
[[nodiscard]] std::vector<std::uint8_t> readBytes(hid_t parent, const std::string& path,
                                                  const std::vector<hsize_t>& shape, const std::string& where);
[[nodiscard]] std::vector<std::string> readTexts(hid_t parent, const std::string& path, hsize_t count,
                                                 const std::string& where);

/// Names of the links in a group, in name order.
[[nodiscard]] std::vector<std::string> childNames(hid_t group, const std::string& where);
/// Paths of all datasets below a group.
[[nodiscard]] std::vector<std::string> datasetPaths(hid_t group);

} // namespace kvviz::io
