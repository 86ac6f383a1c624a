// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Reads GGUF's little-endian primitives out of a byte range. Nothing is read, and no memory is asked for, before the
// bytes are known to be there.
#pragma once

#include "capture/gguf.hpp"

#include <bit>
#include <cstring>

namespace kvviz::capture {

static_assert(std::endian::native == std::endian::little, "GGUF files are read in place, as little endian");

class GgufCursor {
public:
    GgufCursor(std::span<const std::byte> bytes, std::string path) : m_bytes(bytes), m_path(std::move(path)) {}

    /// What is being read, for messages: "metadata key 3", "tensor 'output.weight'".
    void setPlace(std::string place) { m_place = std::move(place); }
    [[nodiscard]] std::uint64_t position() const { return m_position; }
    [[nodiscard]] std::uint64_t remaining() const { return m_bytes.size() - m_position; }
    /// Throws Error(badInput): "'model.gguf', tensor 3: <what>".
    [[noreturn]] void fail(std::string_view what) const;
    /// Throws unless `count` items of at least `itemBytes` each can still follow.
    void requireItems(std::uint64_t count, std::uint64_t itemBytes, std::string_view items) const;

    template <class T> [[nodiscard]] T read()
    {
        requireItems(1, sizeof(T), "value");
        T value;
        std::memcpy(&value, m_bytes.data() + m_position, sizeof(T));
        m_position += sizeof(T);
        return value;
    }
    /// A length (uint64) and that many bytes.
    [[nodiscard]] std::string readString();
    /// A type number (uint32) and the value.
    [[nodiscard]] GgufFile::Value readValue();

private:
    [[nodiscard]] GgufFile::Value readArray();
    [[nodiscard]] GgufFile::Value readScalar(std::uint32_t type);

    std::span<const std::byte> m_bytes;
    std::string m_path;
    std::string m_place = "the header";
    std::uint64_t m_position = 0;
};

} // namespace kvviz::capture
