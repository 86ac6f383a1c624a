// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// GGUF primitives and metadata values, each checked against the bytes that are left.
#include "capture/gguf_cursor.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <limits>

namespace kvviz::capture {
namespace {

enum ValueType : std::uint32_t {
    kUint8 = 0, kInt8 = 1, kUint16 = 2, kInt16 = 3, kUint32 = 4, kInt32 = 5, kFloat32 = 6, kBool = 7, kString = 8,
    kArray = 9, kUint64 = 10, kInt64 = 11, kFloat64 = 12
};

template <class T, class Out> std::vector<Out> readNumbers(GgufCursor& cursor, std::uint64_t count)
{
    cursor.requireItems(count, sizeof(T), "array elements");
    std::vector<Out> values;
    values.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) {
        const T value = cursor.read<T>();
        if constexpr (std::is_same_v<T, std::uint64_t>)
            if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
                cursor.fail(fmt::format("the array element {} is beyond a signed 64-bit integer", value));
        values.push_back(static_cast<Out>(value));
    }
    return values;
}

std::vector<std::string> readStrings(GgufCursor& cursor, std::uint64_t count)
{
    cursor.requireItems(count, sizeof(std::uint64_t), "strings");
    std::vector<std::string> values;
    values.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i)
        values.push_back(cursor.readString());
    return values;
}

std::vector<bool> readBooleans(GgufCursor& cursor, std::uint64_t count)
{
    cursor.requireItems(count, 1, "array elements");
    std::vector<bool> values(count);
    for (std::uint64_t i = 0; i < count; ++i)
        values[i] = cursor.read<std::uint8_t>() != 0;
    return values;
}

} // namespace

void GgufCursor::fail(std::string_view what) const
{
    throw core::Error(core::ErrorCode::badInput, fmt::format("'{}', {}: {}", m_path, m_place, what));
}

void GgufCursor::requireItems(std::uint64_t count, std::uint64_t itemBytes, std::string_view items) const
{
    if (count <= remaining() / itemBytes)
        return;
    fail(fmt::format("{} {} are announced at byte {} but the file ends at byte {}; it is truncated or damaged, "
                     "fetch it again", count, items, m_position, m_bytes.size()));
}

std::string GgufCursor::readString()
{
    const auto length = read<std::uint64_t>();
    requireItems(length, 1, "bytes of text");
    std::string text(reinterpret_cast<const char*>(m_bytes.data() + m_position), length);
    m_position += length;
    return text;
}

GgufFile::Value GgufCursor::readValue()
{
    const auto type = read<std::uint32_t>();
    return type == kArray ? readArray() : readScalar(type);
}

GgufFile::Value GgufCursor::readScalar(std::uint32_t type)
{
    switch (type) {
    case kUint8: return std::uint64_t{read<std::uint8_t>()};
    case kInt8: return std::int64_t{read<std::int8_t>()};
    case kUint16: return std::uint64_t{read<std::uint16_t>()};
    case kInt16: return std::int64_t{read<std::int16_t>()};
    case kUint32: return std::uint64_t{read<std::uint32_t>()};
    case kInt32: return std::int64_t{read<std::int32_t>()};
    case kFloat32: return double{read<float>()};
    case kBool: return read<std::uint8_t>() != 0;
    case kString: return readString();
    case kUint64: return read<std::uint64_t>();
    case kInt64: return read<std::int64_t>();
    case kFloat64: return read<double>();
    default: fail(fmt::format("metadata type {} is not one of GGUF's (0 to 12)", type));
    }
}

GgufFile::Value GgufCursor::readArray()
{
    const auto type = read<std::uint32_t>();
    const auto count = read<std::uint64_t>();
    switch (type) {
    case kUint8: return readNumbers<std::uint8_t, std::int64_t>(*this, count);
    case kInt8: return readNumbers<std::int8_t, std::int64_t>(*this, count);
    case kUint16: return readNumbers<std::uint16_t, std::int64_t>(*this, count);
    case kInt16: return readNumbers<std::int16_t, std::int64_t>(*this, count);
    case kUint32: return readNumbers<std::uint32_t, std::int64_t>(*this, count);
    case kInt32: return readNumbers<std::int32_t, std::int64_t>(*this, count);
    case kUint64: return readNumbers<std::uint64_t, std::int64_t>(*this, count);
    case kInt64: return readNumbers<std::int64_t, std::int64_t>(*this, count);
    case kFloat32: return readNumbers<float, double>(*this, count);
    case kFloat64: return readNumbers<double, double>(*this, count);
    case kBool: return readBooleans(*this, count);
    case kString: return readStrings(*this, count);
    case kArray: fail("it is an array of arrays, which no supported model uses and kvviz does not read");
    default: fail(fmt::format("metadata type {} is not one of GGUF's (0 to 12)", type));
    }
}

} // namespace kvviz::capture
