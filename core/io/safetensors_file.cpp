// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The rules are those of the reference reader: ranges follow each other without holes and end where the file ends.
#include "core/io/safetensors_file.hpp"

#include "core/error.hpp"
#include "core/io/json_text.hpp"
#include "core/text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <limits>

namespace kvviz::io {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMostHeader = 100'000'000; ///< bytes, as in the reference reader
constexpr std::size_t kMostDimensions = 8;

[[noreturn]] void fail(const std::string& path, const std::string& what)
{
    throw core::Error(core::ErrorCode::badInput, fmt::format("'{}': {}", path, what));
}

Json parseHeader(const std::string& path, std::string_view text)
{
    Json header = parseJson(text, fmt::format("'{}': the safetensors header", path));
    if (!header.is_object())
        fail(path, "the header is no JSON object");
    return header;
}

/// A tensor as the header describes it.
struct Entry {
    SafetensorsEntry info;
    std::uint64_t begin = 0, end = 0;
};

std::uint64_t unsignedNumber(const std::string& path, const std::string& place, const Json& value)
{
    if (!value.is_number_unsigned())
        fail(path, fmt::format("{}: {} in its shape or data_offsets; expected whole numbers from 0 on", place,
                               core::shown(value.dump())));
    return value.get<std::uint64_t>();
}

Entry readEntry(const std::string& path, const std::string& name, const Json& given)
{
    const std::string place = fmt::format("tensor '{}'", core::displayBytes(name));
    Entry entry;
    entry.info.name = name;
    const auto part = [&](const char* key) -> const Json& {
        if (!given.is_object() || !given.contains(key))
            fail(path, fmt::format("{} has no {}", place, key));
        return given.at(key);
    };
    const Json& type = part("dtype");
    const auto known = type.is_string() ? elementTypeFromName(type.get<std::string>()) : std::nullopt;
    if (!known)
        fail(path, fmt::format("{}: the type {} is not known", place, type.dump()));
    entry.info.type = *known;
    const Json &shape = part("shape"), &offsets = part("data_offsets");
    if (!shape.is_array() || shape.size() > kMostDimensions)
        fail(path, fmt::format("{}: its shape is no list of up to {} sizes", place, kMostDimensions));
    std::uint64_t bytes = elementBytes(*known);
    for (const Json& size : shape) {
        const std::uint64_t value = unsignedNumber(path, place, size);
        if (value > std::numeric_limits<std::int64_t>::max() || __builtin_mul_overflow(bytes, value, &bytes))
            fail(path, fmt::format("{}: its size overflows 64 bits", place));
        entry.info.shape.push_back(static_cast<std::int64_t>(value));
    }
    if (!offsets.is_array() || offsets.size() != 2)
        fail(path, fmt::format("{}: data_offsets is no pair", place));
    entry.begin = unsignedNumber(path, place, offsets[0]);
    entry.end = unsignedNumber(path, place, offsets[1]);
    if (entry.end < entry.begin || entry.end - entry.begin != bytes)
        fail(path, fmt::format("{}: bytes {} to {} cannot be {} values {} ({} bytes)", place, entry.begin, entry.end,
                               elementTypeName(*known), shape.dump(), bytes));
    return entry;
}

/// Ranges in order, one after the other.
void checkRanges(const std::string& path, const std::vector<Entry>& entries, std::uint64_t room)
{
    std::uint64_t at = 0;
    for (const Entry& entry : entries) {
        const std::string name = core::displayBytes(entry.info.name);
        if (entry.end > room)
            fail(path, fmt::format("tensor '{}' ends at byte {} of the data, but there are {}; the file is truncated or "
                                   "damaged, fetch it again", name, entry.end, room));
        if (entry.begin < at)
            fail(path, fmt::format("tensor '{}' begins at byte {} of the data, inside of the tensor before it", name,
                                   entry.begin));
        if (entry.begin > at)
            fail(path, fmt::format("before tensor '{}' lie {} bytes that belong to no tensor", name, entry.begin - at));
        at = entry.end;
    }
    if (at != room)
        fail(path, fmt::format("{} bytes after the last tensor belong to none", room - at));
}

} // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : m_path(path.string()), m_file(path)
{
    const std::span<const std::byte> bytes = m_file.bytes();
    std::uint64_t length = 0;
    if (bytes.size() < sizeof length)
        fail(m_path, "it is too short to be a safetensors file");
    std::memcpy(&length, bytes.data(), sizeof length);
    if (length > kMostHeader || length > bytes.size() - sizeof length)
        fail(m_path, fmt::format("a header of {} bytes does not fit into a file of {}; this is not a safetensors file, or "
                                 "it is truncated", length, bytes.size()));
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + sizeof length, length);
    const std::span<const std::byte> data = bytes.subspan(sizeof length + length);
    std::vector<Entry> entries;
    const Json header = parseHeader(m_path, text);
    for (const auto& [name, value] : header.items()) {
        if (name != "__metadata__")
            entries.push_back(readEntry(m_path, name, value));
        else if (value.is_object())
            for (const auto& [key, entry] : value.items())
                if (entry.is_string())
                    m_metadata.emplace(key, entry.get<std::string>());
    }
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
    checkRanges(m_path, entries, data.size());
    for (Entry& entry : entries) {
        entry.info.data = data.subspan(entry.begin, entry.end - entry.begin);
        m_entries.push_back(std::move(entry.info));
    }
}

} // namespace kvviz::io
