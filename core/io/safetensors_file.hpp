// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// safetensors: a JSON header with names, types, shapes and byte ranges, then the bytes. Files are memory-mapped; the
// header is checked whole (sizes, overlaps, holes, duplicate names, types) before any tensor is handed out, so a
// hostile file gives an Error and nothing else. Opening touches no data.
#pragma once

#include "core/io/element_type.hpp"
#include "core/io/mapped_file.hpp"

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace kvviz::io {

struct SafetensorsEntry {
    std::string name;
    ElementType type = ElementType::f32;
    std::vector<std::int64_t> shape; ///< outermost first
    std::span<const std::byte> data; ///< inside the mapped file
};

class SafetensorsFile {
public:
    /// Throws Error(badInput): not a safetensors file, truncated, contradictory (says where).
    explicit SafetensorsFile(const std::filesystem::path& path);

    [[nodiscard]] const std::string& path() const { return m_path; }
    /// In the order of their bytes.
    [[nodiscard]] const std::vector<SafetensorsEntry>& entries() const { return m_entries; }
    /// The texts of `__metadata__`.
    [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return m_metadata; }
    /// MappedFile::requireWhole() of its bytes.
    void requireWhole() const { m_file.requireWhole(); }
    void requireInPlace() const { m_file.requireInPlace(); }
    void dropPages() const { m_file.dropPages(); }

private:
    std::string m_path;
    MappedFile m_file;
    std::vector<SafetensorsEntry> m_entries;
    std::map<std::string, std::string> m_metadata;
};

} // namespace kvviz::io
