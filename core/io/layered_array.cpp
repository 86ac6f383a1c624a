// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Which arrays make up the layers, and their shape without axes of a batch.
#include "core/io/layered_array.hpp"

#include "core/error.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <numeric>

namespace kvviz::io {
namespace {

using core::Error;
using core::ErrorCode;

/// Drops axes of 1 from the front until `rank` are left.
std::vector<std::int64_t> withoutBatch(std::vector<std::int64_t> shape, std::size_t rank)
{
    while (shape.size() > rank && shape.front() == 1)
        shape.erase(shape.begin());
    return shape;
}

/// The arrays NAME.0, NAME.1, ... of a file, whatever numbers there are.
std::vector<std::string> layersOf(const ArraySource& source, const std::string& name)
{
    std::vector<std::string> layers;
    for (const auto& [other, array] : source.arrays())
        if (isLayerOf(other, name))
            layers.push_back(other);
    return layers;
}

} // namespace

bool isLayerOf(std::string_view array, std::string_view name)
{
    if (!array.starts_with(name) || array.size() < name.size() + 2 || array[name.size()] != '.')
        return false;
    const std::string_view number = array.substr(name.size() + 1);
    return std::all_of(number.begin(), number.end(), [](char digit) { return digit >= '0' && digit <= '9'; });
}

LayeredArray::LayeredArray(ArraySource& source, const std::string& name, std::size_t rank)
    : m_source(&source), m_name(name)
{
    const std::vector<std::string> layers = layersOf(source, name);
    const NamedArray* const stack = source.find(name);
    if (stack != nullptr && !layers.empty())
        source.fail(fmt::format("'{}' (all layers) and '{}' (one of them) are both there; give one or the other", name,
                                 layers.front()));
    if (stack != nullptr)
        takeStack(*stack, rank);
    else if (!layers.empty())
        takeLayers(rank, std::ssize(layers));
    if (m_layers > 0 && std::any_of(m_shape.begin(), m_shape.end(), [](std::int64_t size) { return size < 1; }))
        source.fail(fmt::format("the array '{}' is empty", name));
}

void LayeredArray::takeStack(const NamedArray& array, std::size_t rank)
{
    const std::vector<std::int64_t> shape =
        array.shape.empty() ? array.shape : withoutBatch({array.shape.begin() + 1, array.shape.end()}, rank);
    if (shape.size() != rank || array.shape.front() < 1)
        m_source->fail(fmt::format("the array '{}' has the shape {}, expected {} axes: layers first", array.name,
                                    array.shapeText(), rank + 1));
    m_arrays = {&array};
    m_layers = array.shape.front();
    m_shape = shape;
}

void LayeredArray::takeLayers(std::size_t rank, std::int64_t named)
{
    while (const NamedArray* layer = m_source->find(fmt::format("{}.{}", m_name, m_arrays.size()))) {
        const std::vector<std::int64_t> shape = withoutBatch(layer->shape, rank);
        if (shape.size() != rank || (!m_arrays.empty() && shape != m_shape))
            m_source->fail(fmt::format("the array '{}' has the shape {}, expected {}", layer->name, layer->shapeText(),
                                        m_arrays.empty() ? fmt::format("{} axes", rank) : fmt::format("{}", m_shape)));
        m_shape = shape;
        m_arrays.push_back(layer);
    }
    m_layers = std::ssize(m_arrays);
    if (named != m_layers)
        m_source->fail(fmt::format("'{}.{}' is missing, but there are {} arrays '{}.NUMBER'", m_name, m_layers, named, m_name));
}

std::vector<float> LayeredArray::load(std::int64_t layer) const
{
    const std::int64_t count = std::accumulate(m_shape.begin(), m_shape.end(), std::int64_t{1}, std::multiplies<>());
    if (m_arrays.size() == 1)
        return m_source->floats(*m_arrays.front(), m_layers == 1 ? 0 : layer * count, count);
    return m_source->floats(*m_arrays[static_cast<std::size_t>(layer)], 0, count);
}

} // namespace kvviz::io
