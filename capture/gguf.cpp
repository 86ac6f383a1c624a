// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// GGUF: header, metadata, tensor table, and the typed look-ups over them.
#include "capture/gguf.hpp"

#include "capture/dequantise.hpp"
#include "capture/gguf_cursor.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <bit>
#include <limits>

namespace kvviz::capture {
namespace {

constexpr std::uint32_t kMaxDimensions = 4;
constexpr std::uint64_t kMaxAlignment = std::uint64_t{1} << 30;

[[noreturn]] void fail(const std::string& path, const std::string& what)
{
    throw core::Error(core::ErrorCode::badInput, fmt::format("'{}': {}", path, what));
}

const char* kindOf(const GgufFile::Value& value)
{
    static constexpr const char* kKinds[] = {"an unsigned integer", "an integer", "a number", "a boolean", "a text",
                                             "an array of texts", "an array of integers", "an array of numbers",
                                             "an array of booleans"};
    return kKinds[value.index()];
}

[[noreturn]] void failKind(const std::string& path, const std::string& key, const GgufFile::Value& value,
                           const char* expected)
{
    fail(path, fmt::format("metadata key '{}' holds {}, expected {}", key, kindOf(value), expected));
}

const GgufFile::Value* find(const GgufFile& file, const std::string& key)
{
    const auto found = file.metadata().find(key);
    return found == file.metadata().end() ? nullptr : &found->second;
}

const GgufFile::Value& require(const GgufFile& file, const std::string& key)
{
    if (const GgufFile::Value* value = find(file, key))
        return *value;
    fail(file.path(), fmt::format("metadata key '{}' is missing; the file is not a complete language model", key));
}

std::int64_t toInteger(const GgufFile& file, const std::string& key, const GgufFile::Value& value)
{
    if (const auto* number = std::get_if<std::int64_t>(&value))
        return *number;
    const auto* number = std::get_if<std::uint64_t>(&value);
    if (number == nullptr)
        failKind(file.path(), key, value, "an integer");
    if (*number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        fail(file.path(), fmt::format("metadata key '{}' holds {}, which is out of range", key, *number));
    return static_cast<std::int64_t>(*number);
}

struct Header {
    std::uint32_t version = 0;
    std::uint64_t tensors = 0;
    std::uint64_t keys = 0;
};

Header readHeader(GgufCursor& cursor, std::span<const std::byte> bytes)
{
    if (bytes.size() < 4 || std::memcmp(bytes.data(), "GGUF", 4) != 0)
        cursor.fail("this is not a GGUF file (it does not start with 'GGUF'); give a model file ending in .gguf");
    (void)cursor.read<std::uint32_t>();
    Header header;
    header.version = cursor.read<std::uint32_t>();
    if (header.version != 0 && (header.version & 0xffffu) == 0)
        cursor.fail("this is a big-endian GGUF file; only little-endian files are read");
    if (header.version != 2 && header.version != 3)
        cursor.fail(fmt::format("GGUF version {} is not supported, only 2 and 3; convert the model again",
                                header.version));
    header.tensors = cursor.read<std::uint64_t>();
    header.keys = cursor.read<std::uint64_t>();
    return header;
}

std::map<std::string, GgufFile::Value> readMetadata(GgufCursor& cursor, std::uint64_t count)
{
    std::map<std::string, GgufFile::Value> metadata;
    cursor.requireItems(count, 13, "metadata keys"); // length, type and one byte of value at least
    for (std::uint64_t i = 0; i < count; ++i) {
        cursor.setPlace(fmt::format("metadata key {} of {}", i + 1, count));
        std::string key = cursor.readString();
        cursor.setPlace(fmt::format("metadata key '{}'", core::displayBytes(key)));
        if (!metadata.try_emplace(std::move(key), cursor.readValue()).second)
            cursor.fail("it appears twice");
    }
    return metadata;
}

struct TensorEntry {
    TensorInfo info;
    std::uint64_t offset = 0; ///< from the start of the data section
    std::uint64_t bytes = 0;
};

/// Dimensions are stored innermost first; we keep them outermost first.
std::vector<std::int64_t> readShape(GgufCursor& cursor)
{
    const auto dimensions = cursor.read<std::uint32_t>();
    if (dimensions < 1 || dimensions > kMaxDimensions)
        cursor.fail(fmt::format("{} dimensions, expected 1 to {}", dimensions, kMaxDimensions));
    std::vector<std::int64_t> shape(dimensions);
    std::int64_t elements = 1;
    for (std::uint32_t i = 0; i < dimensions; ++i) {
        const auto size = cursor.read<std::uint64_t>();
        if (size == 0 || size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())
            || __builtin_mul_overflow(elements, static_cast<std::int64_t>(size), &elements))
            cursor.fail(fmt::format("dimension {} is {}, which cannot be", i, size));
        shape[dimensions - 1 - i] = static_cast<std::int64_t>(size);
    }
    return shape;
}

TensorEntry readTensor(GgufCursor& cursor, std::uint64_t alignment)
{
    TensorEntry entry;
    entry.info.name = cursor.readString();
    cursor.setPlace(fmt::format("tensor '{}'", core::displayBytes(entry.info.name)));
    entry.info.shape = readShape(cursor);
    const auto type = cursor.read<std::uint32_t>();
    const TensorTypeLayout* layout = type < kFirstOwnType ? tensorTypeLayout(type) : nullptr;
    if (layout == nullptr)
        cursor.fail(fmt::format("element type {} is not supported; convert the model to one of {}", type,
                                supportedTensorTypes()));
    entry.info.type = layout->type;
    if (entry.info.shape.back() % layout->blockElements != 0)
        cursor.fail(fmt::format("its rows of {} values are not whole blocks of {} values ({})",
                                entry.info.shape.back(), layout->blockElements, layout->name));
    const auto blocks = static_cast<std::uint64_t>(entry.info.elements() / layout->blockElements);
    if (__builtin_mul_overflow(blocks, static_cast<std::uint64_t>(layout->blockBytes), &entry.bytes))
        cursor.fail("its size overflows 64 bits");
    entry.offset = cursor.read<std::uint64_t>();
    if (entry.offset % alignment != 0)
        cursor.fail(fmt::format("its data offset {} is not a multiple of the alignment {}", entry.offset, alignment));
    return entry;
}

/// Attaches the bytes of the data section, which starts at `begin`.
void locate(GgufCursor& cursor, TensorEntry& entry, std::span<const std::byte> bytes, std::uint64_t begin)
{
    const std::uint64_t room = begin <= bytes.size() ? bytes.size() - begin : 0;
    if (entry.offset > room || entry.bytes > room - entry.offset) {
        cursor.setPlace(fmt::format("tensor '{}'", core::displayBytes(entry.info.name)));
        cursor.fail(fmt::format("its {} bytes at offset {} of the data end beyond the file ({} bytes); it is "
                                "truncated or damaged, fetch it again", entry.bytes, entry.offset, bytes.size()));
    }
    entry.info.data = bytes.subspan(begin + entry.offset, entry.bytes);
}

} // namespace

GgufFile::GgufFile(const std::filesystem::path& path) : m_path(path.string()), m_file(path)
{
    const std::span<const std::byte> bytes = m_file.bytes();
    GgufCursor cursor(bytes, m_path);
    const Header header = readHeader(cursor, bytes);
    m_version = header.version;
    m_metadata = readMetadata(cursor, header.keys);

    const std::int64_t alignment = integer("general.alignment", 32);
    if (alignment < 1 || alignment > static_cast<std::int64_t>(kMaxAlignment)
        || !std::has_single_bit(static_cast<std::uint64_t>(alignment)))
        fail(m_path, fmt::format("metadata key 'general.alignment' is {}, expected a power of two", alignment));
    if (const std::int64_t parts = integer("split.count", 1); parts > 1)
        fail(m_path, fmt::format("this is one of {} parts of a split model; merge them into one file first "
                                 "(llama-gguf-split --merge)", parts));

    const auto step = static_cast<std::uint64_t>(alignment);
    cursor.setPlace("the tensor table");
    cursor.requireItems(header.tensors, 32, "tensors"); // name length, one dimension, type and offset at least
    std::vector<TensorEntry> entries;
    for (std::uint64_t i = 0; i < header.tensors; ++i) {
        cursor.setPlace(fmt::format("tensor {} of {}", i + 1, header.tensors));
        entries.push_back(readTensor(cursor, step));
        if (!m_tensorIndex.try_emplace(entries.back().info.name, i).second)
            cursor.fail("it appears twice");
    }
    const std::uint64_t begin = (cursor.position() + step - 1) / step * step;
    for (TensorEntry& entry : entries) {
        locate(cursor, entry, bytes, begin);
        m_tensors.push_back(std::move(entry.info));
    }
}

std::int64_t GgufFile::integer(const std::string& key) const
{
    return toInteger(*this, key, require(*this, key));
}

std::int64_t GgufFile::integer(const std::string& key, std::int64_t fallback) const
{
    const Value* value = find(*this, key);
    return value == nullptr ? fallback : toInteger(*this, key, *value);
}

double GgufFile::real(const std::string& key, double fallback) const
{
    const Value* value = find(*this, key);
    if (value == nullptr)
        return fallback;
    if (const auto* number = std::get_if<double>(value))
        return *number;
    return static_cast<double>(toInteger(*this, key, *value));
}

bool GgufFile::boolean(const std::string& key, bool fallback) const
{
    const Value* value = find(*this, key);
    if (value == nullptr)
        return fallback;
    if (const auto* flag = std::get_if<bool>(value))
        return *flag;
    failKind(m_path, key, *value, "a boolean");
}

const std::string& GgufFile::string(const std::string& key) const
{
    const Value& value = require(*this, key);
    if (const auto* text = std::get_if<std::string>(&value))
        return *text;
    failKind(m_path, key, value, "a text");
}

std::string GgufFile::string(const std::string& key, const std::string& fallback) const
{
    return has(key) ? string(key) : fallback;
}

const std::vector<std::string>& GgufFile::strings(const std::string& key) const
{
    const Value& value = require(*this, key);
    if (const auto* texts = std::get_if<std::vector<std::string>>(&value))
        return *texts;
    failKind(m_path, key, value, "an array of texts");
}

std::vector<std::int64_t> GgufFile::integers(const std::string& key) const
{
    const Value& value = require(*this, key);
    if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(&value))
        return *numbers;
    failKind(m_path, key, value, "an array of integers");
}

void GgufFile::read(const TensorInfo& tensor, std::span<float> out) const
{
    dequantise(tensor, out);
    m_file.requireWhole();
}

void GgufFile::requireSame() const
{
    m_file.requireWhole();
    m_file.requireInPlace();
}

const TensorInfo* GgufFile::findTensor(std::string_view name) const
{
    const auto found = m_tensorIndex.find(name);
    return found == m_tensorIndex.end() ? nullptr : &m_tensors[found->second];
}

} // namespace kvviz::capture
