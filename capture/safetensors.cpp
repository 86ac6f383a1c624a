// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The rules are those of the reference reader: ranges follow each other without holes and end where the file ends.
#include "capture/safetensors.hpp"

#include "capture/dequantise.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <set>

namespace kvviz::capture {
namespace {

using Json = nlohmann::json;
static_assert(std::endian::native == std::endian::little, "safetensors files are read in place, as little endian");

constexpr std::uint64_t kMostHeader = 100'000'000; ///< bytes, as in the reference reader
constexpr std::size_t kMostDimensions = 8;

[[noreturn]] void fail(const std::string& path, const std::string& what)
{
    throw core::Error(core::ErrorCode::badInput, fmt::format("'{}': {}", path, what));
}

struct ElementType {
    const char* name;
    std::uint64_t bytes;
    std::optional<TensorType> type; ///< none: known, but not a type of weights here
};
constexpr ElementType kTypes[] = {
    {"F32", 4, TensorType::f32}, {"F16", 2, TensorType::f16},   {"BF16", 2, TensorType::bf16},
    {"F8_E4M3", 1, TensorType::f8_e4m3}, {"F8_E5M2", 1, std::nullopt}, {"F64", 8, std::nullopt},
    {"I64", 8, std::nullopt},    {"I32", 4, std::nullopt},      {"I16", 2, std::nullopt},
    {"I8", 1, std::nullopt},     {"U64", 8, std::nullopt},      {"U32", 4, std::nullopt},
    {"U16", 2, std::nullopt},    {"U8", 1, std::nullopt},       {"BOOL", 1, std::nullopt}};

/// The header as JSON, refusing a name that stands there twice (JSON libraries keep one of the two silently).
Json parseHeader(const std::string& path, std::string_view text)
{
    std::vector<std::set<std::string>> open;
    const auto watch = [&](int, Json::parse_event_t event, Json& parsed) {
        if (event == Json::parse_event_t::object_start)
            open.emplace_back();
        else if (event == Json::parse_event_t::object_end)
            open.pop_back();
        else if (event == Json::parse_event_t::key && !open.back().insert(parsed.get<std::string>()).second)
            fail(path, fmt::format("the header names '{}' twice", core::displayBytes(parsed.get<std::string>())));
        return true;
    };
    try {
        Json header = Json::parse(text, watch);
        if (!header.is_object())
            fail(path, "the header is no JSON object");
        return header;
    } catch (const Json::exception&) {
        fail(path, "the header is no JSON; this is not a safetensors file, or it is damaged");
    }
}

/// A tensor as the header describes it.
struct Entry {
    TensorInfo info;
    const ElementType* type = nullptr;
    std::uint64_t begin = 0, end = 0;
};

std::uint64_t unsignedNumber(const std::string& path, const std::string& place, const Json& value)
{
    if (!value.is_number_unsigned())
        fail(path, fmt::format("{}: {} is no size", place, value.dump()));
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
    for (const ElementType& known : kTypes)
        if (type.is_string() && type.get<std::string>() == known.name)
            entry.type = &known;
    if (entry.type == nullptr)
        fail(path, fmt::format("{}: the type {} is not known", place, type.dump()));
    const Json &shape = part("shape"), &offsets = part("data_offsets");
    if (!shape.is_array() || shape.size() > kMostDimensions)
        fail(path, fmt::format("{}: its shape is no list of up to {} sizes", place, kMostDimensions));
    std::uint64_t bytes = entry.type->bytes;
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
                               entry.type->name, shape.dump(), bytes));
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
    for (const auto& [name, value] : header.items())
        if (name != "__metadata__")
            entries.push_back(readEntry(m_path, name, value));
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
    checkRanges(m_path, entries, data.size());
    for (Entry& entry : entries) {
        if (!entry.type->type) {
            m_unsupported.emplace(entry.info.name, entry.type->name);
            continue;
        }
        entry.info.type = *entry.type->type;
        entry.info.data = data.subspan(entry.begin, entry.end - entry.begin);
        m_tensors.push_back(std::move(entry.info));
    }
}

} // namespace kvviz::capture
