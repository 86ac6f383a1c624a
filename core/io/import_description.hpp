// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What an import is of: which arrays there are, in which shapes, and what the metadata says of model and prompt. See
// docs/import.md for the names. Internal to core/io.
#pragma once

#include "core/io/import_metadata.hpp"

namespace kvviz::io {

/// One array [layers, ...] or one array a layer (NAME.0, NAME.1, ...). Axes of 1 for a batch are dropped.
class LayeredArray {
public:
    /// No array of the name: an empty one. Throws Error(badInput): a gap between layers, layers of different shapes, not
    /// `rank` axes in a layer.
    LayeredArray(ArraySource& source, const std::string& name, std::size_t rank);

    [[nodiscard]] bool isThere() const { return m_layers > 0; }
    [[nodiscard]] std::int64_t layers() const { return m_layers; }
    [[nodiscard]] const std::vector<std::int64_t>& shape() const { return m_shape; } ///< of a layer
    [[nodiscard]] const std::string& name() const { return m_name; }
    [[nodiscard]] ElementType type() const { return m_arrays.front()->type; }
    /// All elements of a layer in float32.
    [[nodiscard]] std::vector<float> load(std::int64_t layer) const;

private:
    void takeStack(const NamedArray& array, std::size_t rank);
    void takeLayers(std::size_t rank);

    ArraySource* m_source;
    std::string m_name;
    std::vector<const NamedArray*> m_arrays;
    std::int64_t m_layers = 0;
    std::vector<std::int64_t> m_shape;
};

struct ImportDescription {
    core::CaptureInfo info;  ///< all but tier, window, creator, created, command line
    LayeredArray attention;  ///< [H, T, T]
    LayeredArray key, value; ///< [G, T, d]; both or none
    LayeredArray query;      ///< [H, T, d], after rotation, or before it if rawQueries
    bool rawQueries = false;
    Rotation rotation = Rotation::unknown;
    std::vector<std::string> missing; ///< "keys and values ('key', 'value')", ...
};

/// `metadata` is JSON text, or empty for the file's own. Throws Error(badInput) that names the array or the key.
[[nodiscard]] ImportDescription describeImport(ArraySource& source, const std::string& metadata);

} // namespace kvviz::io
