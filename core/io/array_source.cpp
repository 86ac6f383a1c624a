// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Values of pieces, and the choice of a reader.
#include "core/io/array_source.hpp"

#include "core/error.hpp"
#include "core/io/mapped_file.hpp"
#include "core/io/npy_header.hpp"
#include "core/io/npz_file.hpp"
#include "core/io/safetensors_file.hpp"
#include "core/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <iterator>

namespace kvviz::io {
namespace {

using core::Error;
using core::ErrorCode;

class SafetensorsArrays final : public ArraySource {
public:
    explicit SafetensorsArrays(const std::filesystem::path& path) : m_file(path)
    {
        for (const SafetensorsEntry& entry : m_file.entries()) {
            m_arrays.emplace(entry.name, NamedArray{entry.name, entry.type, elementBytes(entry.type), entry.shape, {}});
            m_data.emplace(entry.name, entry.data);
        }
    }
    [[nodiscard]] const std::string& path() const override { return m_file.path(); }
    [[nodiscard]] const std::map<std::string, NamedArray>& arrays() const override { return m_arrays; }
    [[nodiscard]] std::map<std::string, std::string> texts() const override { return m_file.metadata(); }
    void read(const NamedArray& array, std::int64_t begin, std::int64_t count, std::byte* out) override
    {
        if (count == 0)
            return;
        const std::size_t bytes = array.itemBytes;
        const auto piece = m_data.at(array.name)
                               .subspan(static_cast<std::size_t>(begin) * bytes, static_cast<std::size_t>(count) * bytes);
        std::memcpy(out, piece.data(), piece.size());
        m_file.requireWhole();
    }

private:
    SafetensorsFile m_file;
    std::map<std::string, NamedArray> m_arrays;
    std::map<std::string, std::span<const std::byte>> m_data;
};

[[noreturn]] void wrongType(const ArraySource& source, const NamedArray& array, const char* expected)
{
    throw Error(ErrorCode::badInput, fmt::format("'{}': the array '{}' holds {}, expected {}", source.path(), array.name,
                                                 elementTypeName(array.type), expected));
}

/// Files of Python that hold arrays and are not read, by what they begin with, or by their names.
void refuseForeign(const std::filesystem::path& path, std::string_view begin)
{
    const auto refuse = [&path](const char* what) {
        throw Error(ErrorCode::badInput, fmt::format("'{}' {}; {}", path.string(), what, kHowToSave));
    };
    if (begin.starts_with(kNpyMagic))
        refuse("is a single array (.npy), an import takes several by name");
    if (begin.starts_with("\x89HDF"))
        refuse("is an HDF5 file, which an import does not read (captures of kvviz are such files, and need none)");
    // A pickle of protocol 2 and later begins with its number; those before it are lines of text.
    const bool isPickle = begin.size() > 1 && begin[0] == '\x80' && begin[1] >= 2 && begin[1] <= 5;
    const std::string extension = path.extension().string();
    const auto isNamed = [&](const char* name) { return extension == name; };
    constexpr const char* kNames[] = {".pt", ".pth", ".pkl", ".pickle"};
    if (isPickle || std::any_of(std::begin(kNames), std::end(kNames), isNamed))
        refuse("is pickled (pickle.dump, or torch.save), which cannot be read without running what is in it");
}

/// A character of UCS-4 as UTF-8.
void appendUtf8(std::string& text, std::uint32_t character)
{
    const auto tail = [&](int shift) { text += static_cast<char>(0x80u | (character >> shift & 0x3fu)); };
    if (character < 0x80) {
        text += static_cast<char>(character);
    } else if (character < 0x800) {
        text += static_cast<char>(0xc0u | character >> 6);
        tail(0);
    } else if (character < 0x10000) {
        text += static_cast<char>(0xe0u | character >> 12);
        tail(6), tail(0);
    } else {
        text += static_cast<char>(0xf0u | (character >> 18 & 7u));
        tail(12), tail(6), tail(0);
    }
}

} // namespace

std::int64_t NamedArray::elements() const
{
    std::int64_t count = 1; // the readers refuse shapes that overflow
    for (const std::int64_t size : shape)
        count *= size;
    return count;
}

std::string NamedArray::shapeText() const { return fmt::format("[{}]", fmt::join(shape, ", ")); }

void ArraySource::fail(const std::string& what) const
{
    throw Error(ErrorCode::badInput, fmt::format("'{}': {}", path(), what));
}

const NamedArray* ArraySource::find(const std::string& name) const
{
    const auto found = arrays().find(name);
    if (found == arrays().end())
        return nullptr;
    if (!found->second.obstacle.empty())
        throw Error(ErrorCode::badInput, fmt::format("'{}': '{}': {}", path(), name, found->second.obstacle));
    return &found->second;
}

std::vector<float> ArraySource::floats(const NamedArray& array, std::int64_t begin, std::int64_t count)
{
    if (!isReal(array.type))
        wrongType(*this, array, "F32, F16, BF16 or F64");
    std::vector<float> values(static_cast<std::size_t>(count));
    if (array.type == ElementType::f32) {
        read(array, begin, count, reinterpret_cast<std::byte*>(values.data()));
        return values;
    }
    std::vector<std::byte> bytes(values.size() * array.itemBytes);
    read(array, begin, count, bytes.data());
    toFloats(array.type, bytes.data(), values.size(), values.data());
    return values;
}

std::vector<std::int64_t> ArraySource::integers(const NamedArray& array)
{
    if (!isInteger(array.type))
        wrongType(*this, array, "integers");
    std::vector<std::int64_t> values(static_cast<std::size_t>(array.elements()));
    std::vector<std::byte> bytes(values.size() * array.itemBytes);
    read(array, 0, array.elements(), bytes.data());
    toIntegers(array.type, bytes.data(), values.size(), values.data());
    return values;
}

std::vector<std::string> ArraySource::strings(const NamedArray& array)
{
    if (array.type != ElementType::text)
        wrongType(*this, array, "texts");
    const std::int64_t size = array.elements() * static_cast<std::int64_t>(array.itemBytes); // readers refuse what overflows
    if (size > kMostTextBytes)
        throw Error(ErrorCode::badInput, fmt::format("'{}': the texts of '{}' take {}, more than {}; the longest one sets the "
                                                     "room of all", path(), array.name,
                                                     core::humanBytes(static_cast<std::uint64_t>(size)),
                                                     core::humanBytes(kMostTextBytes)));
    std::vector<std::byte> bytes(static_cast<std::size_t>(size));
    read(array, 0, array.elements(), bytes.data());
    std::vector<std::string> texts(static_cast<std::size_t>(array.elements()));
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const std::size_t characters = array.itemBytes / sizeof(std::uint32_t);
        for (std::size_t c = 0; c < characters; ++c) {
            std::uint32_t character = 0;
            std::memcpy(&character, bytes.data() + i * array.itemBytes + c * sizeof character, sizeof character);
            if (character == 0) // padding; numpy takes trailing NULs for it, too
                break;
            appendUtf8(texts[i], character);
        }
        if (!core::isUtf8(texts[i]))
            throw Error(ErrorCode::badInput, fmt::format("'{}': text {} of '{}' is not Unicode", path(), i, array.name));
    }
    return texts;
}

std::unique_ptr<ArraySource> openArrays(const std::filesystem::path& path)
{
    const MappedFile file(path); // what is no regular file is refused before anything could wait for it
    const std::string begin(reinterpret_cast<const char*>(file.bytes().data()),
                            std::min(file.bytes().size(), kNpyPreamble));
    file.requireWhole();
    if (begin.starts_with("PK"))
        return openNpz(path);
    refuseForeign(path, begin);
    return std::make_unique<SafetensorsArrays>(path);
}

} // namespace kvviz::io
