// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One array of keys and one of values a KV head, without gaps. Vectors grow by an eighth rather than twofold, so that
// memory follows what is kept.
#include "capture/compact_cache.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <numeric>

namespace kvviz::capture {
namespace {

constexpr std::int64_t kSpareRows = 16; ///< reserve of the smallest caches

/// Rows to allocate for a cache of `rows` that goes on growing.
std::int64_t roomFor(std::int64_t rows) { return rows + rows / 8 + kSpareRows; }

void checkAscending(std::span<const std::int32_t> values, const char* message)
{
    const auto notLess = [](std::int32_t a, std::int32_t b) { return a >= b; };
    if (std::adjacent_find(values.begin(), values.end(), notLess) != values.end()
        || (!values.empty() && values.front() < 0))
        throw core::Error(core::ErrorCode::failure, message);
}

/// Moves rows `places` of [.., d] to the front and forgets the others.
void compact(std::vector<float>& rows, std::span<const std::int32_t> places, std::int64_t d)
{
    float* to = rows.data();
    for (const std::int32_t place : places) {
        if (const float* from = rows.data() + place * d; from != to)
            std::copy_n(from, d, to);
        to += d;
    }
    rows.resize(places.size() * static_cast<std::size_t>(d));
}

/// The same values in an allocation of `capacity` of them.
template <class Value>
void reallocate(std::vector<Value>& values, std::int64_t capacity)
{
    std::vector<Value> other;
    other.reserve(static_cast<std::size_t>(capacity));
    other.assign(values.begin(), values.end());
    values.swap(other);
}

} // namespace

CompactCache::CompactCache(std::int64_t layers, std::int64_t kvHeads, std::int64_t headDim)
    : m_layers(layers),
      m_kvHeads(kvHeads),
      m_headDim(headDim),
      m_heads(static_cast<std::size_t>(layers * kvHeads))
{
}

CompactCache CompactCache::whole(const core::ModelInfo& model, const KvCache& cache)
{
    CompactCache result(model.nLayers, model.nKvHeads, model.headDim);
    std::vector<std::int32_t> all(static_cast<std::size_t>(cache.size()));
    std::iota(all.begin(), all.end(), 0);
    for (std::int64_t layer = 0; layer < model.nLayers; ++layer)
        for (std::int64_t g = 0; g < model.nKvHeads; ++g)
            result.load(layer, g, cache.key(layer) + g * cache.headStride(),
                        cache.value(layer) + g * cache.headStride(), all);
    return result;
}

void CompactCache::load(std::int64_t layer, std::int64_t kvHead, const float* key, const float* value,
                        std::span<const std::int32_t> positions)
{
    checkAscending(positions, "positions to be cached are not ascending");
    Head head;
    reserve(head, roomFor(std::ssize(positions)));
    for (const std::int32_t position : positions) {
        head.key.insert(head.key.end(), key + position * m_headDim, key + (position + 1) * m_headDim);
        head.value.insert(head.value.end(), value + position * m_headDim, value + (position + 1) * m_headDim);
    }
    head.positions.assign(positions.begin(), positions.end());
    at(layer, kvHead) = std::move(head);
}

void CompactCache::append(std::int64_t layer, std::int64_t kvHead, std::int32_t position, const float* key,
                          const float* value)
{
    Head& head = at(layer, kvHead);
    if (!head.positions.empty() && head.positions.back() >= position)
        throw core::Error(core::ErrorCode::failure, "a key was appended to a cache that holds later ones");
    if (head.positions.size() == head.positions.capacity())
        reserve(head, roomFor(std::ssize(head.positions)));
    head.positions.push_back(position);
    head.key.insert(head.key.end(), key, key + m_headDim);
    head.value.insert(head.value.end(), value, value + m_headDim);
}

void CompactCache::keep(std::int64_t layer, std::int64_t kvHead, std::span<const std::int32_t> places)
{
    Head& head = at(layer, kvHead);
    checkAscending(places, "places to be kept are not ascending");
    if (!places.empty() && places.back() >= std::ssize(head.positions))
        throw core::Error(core::ErrorCode::failure, "a place to be kept is not in the cache");
    if (places.size() == head.positions.size())
        return;
    compact(head.key, places, m_headDim);
    compact(head.value, places, m_headDim);
    for (std::size_t i = 0; i < places.size(); ++i)
        head.positions[i] = head.positions[static_cast<std::size_t>(places[i])];
    head.positions.resize(places.size());
    const std::int64_t rows = std::ssize(head.positions);
    if (static_cast<std::int64_t>(head.positions.capacity()) > rows + rows / 4 + 2 * kSpareRows)
        reserve(head, roomFor(rows));
}

void CompactCache::replace(std::int64_t layer, std::int64_t kvHead, std::int64_t place, const float* key,
                           const float* value)
{
    Head& head = at(layer, kvHead);
    if (place < 0 || place >= std::ssize(head.positions))
        throw core::Error(core::ErrorCode::failure, "a place to be changed is not in the cache");
    if (key != nullptr)
        std::copy_n(key, m_headDim, head.key.data() + place * m_headDim);
    if (value != nullptr)
        std::copy_n(value, m_headDim, head.value.data() + place * m_headDim);
}

std::int64_t CompactCache::size(std::int64_t layer, std::int64_t kvHead) const
{
    return std::ssize(at(layer, kvHead).positions);
}

const float* CompactCache::key(std::int64_t layer, std::int64_t kvHead) const { return at(layer, kvHead).key.data(); }

const float* CompactCache::value(std::int64_t layer, std::int64_t kvHead) const
{
    return at(layer, kvHead).value.data();
}

std::span<const std::int32_t> CompactCache::positions(std::int64_t layer, std::int64_t kvHead) const
{
    return at(layer, kvHead).positions;
}

std::int64_t CompactCache::bytes() const
{
    std::size_t values = 0;
    for (const Head& head : m_heads)
        values += head.key.capacity() + head.value.capacity();
    return static_cast<std::int64_t>(values * sizeof(float));
}

std::int64_t CompactCache::nominalBytes() const
{
    std::size_t values = 0;
    for (const Head& head : m_heads)
        values += head.key.size() + head.value.size();
    return static_cast<std::int64_t>(values * 2);
}

void CompactCache::reserve(Head& head, std::int64_t rows) const
{
    reallocate(head.key, rows * m_headDim);
    reallocate(head.value, rows * m_headDim);
    reallocate(head.positions, rows);
}

std::size_t CompactCache::index(std::int64_t layer, std::int64_t kvHead) const
{
    if (layer < 0 || layer >= m_layers || kvHead < 0 || kvHead >= m_kvHeads)
        throw core::Error(core::ErrorCode::failure, "a cache was asked for a layer or KV head that it lacks");
    return static_cast<std::size_t>(layer * m_kvHeads + kvHead);
}

} // namespace kvviz::capture
