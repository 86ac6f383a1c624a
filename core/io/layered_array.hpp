// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Arrays of all layers of a model in a file of arrays: one, or one a layer. Internal to core/io.
#pragma once

#include "core/io/array_source.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace kvviz::io {

/// Is an array named as one layer of `name`: NAME.0, NAME.1, ...?
[[nodiscard]] bool isLayerOf(std::string_view array, std::string_view name);

/// One array [layers, ...] or one array a layer (NAME.0, NAME.1, ...). Axes of 1 for a batch are dropped.
class LayeredArray {
public:
    /// No array of the name: an empty one. Throws Error(badInput): a gap between layers, layers of different shapes, not
    /// `rank` axes in a layer, one array of all layers beside one of a layer.
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
    void takeLayers(std::size_t rank, std::int64_t named);

    ArraySource* m_source;
    std::string m_name;
    std::vector<const NamedArray*> m_arrays;
    std::int64_t m_layers = 0;
    std::vector<std::int64_t> m_shape;
};

} // namespace kvviz::io
