// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The dictionary is read by what numpy writes: keys in quotes, a text, a truth value, a tuple of numbers.
#include "core/io/npy_header.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstring>

namespace kvviz::io {
namespace {

constexpr std::size_t kMostHeader = 1 << 20;
constexpr std::size_t kMostDimensions = 16;

[[noreturn]] void fail(const std::string& place, const std::string& what)
{
    throw core::Error(core::ErrorCode::badInput, fmt::format("{}: {}", place, what));
}

/// What follows 'key': in the dictionary, without blanks before it.
std::string_view valueOf(std::string_view dictionary, std::string_view key, const std::string& place)
{
    const std::size_t found = dictionary.find(fmt::format("'{}'", key));
    const std::size_t colon = found == std::string_view::npos ? found : dictionary.find(':', found);
    if (colon == std::string_view::npos)
        fail(place, fmt::format("its header has no '{}'", key));
    const std::string_view rest = dictionary.substr(colon + 1);
    return rest.substr(std::min(rest.size(), rest.find_first_not_of(' ')));
}

/// "U16" of numpy is a text of 16 characters; false for a length that is none, or larger than any text needs.
bool setText(NamedArray& array, std::string_view length)
{
    std::size_t characters = 0;
    const auto parsed = std::from_chars(length.data(), length.data() + length.size(), characters);
    if (parsed.ec != std::errc() || parsed.ptr != length.data() + length.size()
        || characters > static_cast<std::size_t>(kMostTextBytes) / sizeof(std::uint32_t))
        return false;
    array.type = ElementType::text;
    array.itemBytes = characters * sizeof(std::uint32_t);
    return true;
}

/// Returns why the type is not read; empty: it is set.
std::string setType(NamedArray& array, std::string_view value)
{
    const std::size_t end = value.starts_with('\'') ? value.find('\'', 1) : std::string_view::npos;
    if (end == std::string_view::npos)
        return "its elements are records, which are not read";
    const std::string_view descr = value.substr(1, end - 1);
    const std::string shown = core::displayBytes(descr);
    if (descr.starts_with("|O"))
        return fmt::format("it holds Python objects (dtype=object, which lists of unequal length and dicts become), pickled: "
                           "they cannot be read without running what is in them; {}", kHowToSave);
    if (descr.starts_with('>'))
        return fmt::format("its elements are big-endian ('{}'); save them as little-endian", shown);
    const std::string_view kind = descr.empty() ? descr : descr.substr(1);
    if (kind.starts_with('U'))
        return setText(array, kind.substr(1)) ? "" : fmt::format("a text of the type '{}' is longer than is read", shown);
    const std::pair<std::string_view, ElementType> kTypes[] = {
        {"f8", ElementType::f64}, {"f4", ElementType::f32}, {"f2", ElementType::f16}, {"i8", ElementType::i64},
        {"i4", ElementType::i32}, {"i2", ElementType::i16}, {"i1", ElementType::i8},  {"u8", ElementType::u64},
        {"u4", ElementType::u32}, {"u2", ElementType::u16}, {"u1", ElementType::u8},  {"b1", ElementType::boolean}};
    for (const auto& [name, type] : kTypes)
        if (kind == name) {
            array.type = type;
            array.itemBytes = elementBytes(type);
            return {};
        }
    return fmt::format("its type '{}' is not read; expected floats, integers or texts", shown);
}

void setShape(NamedArray& array, std::string_view value, const std::string& place)
{
    const std::size_t end = value.starts_with('(') ? value.find(')') : std::string_view::npos;
    if (end == std::string_view::npos)
        fail(place, "its shape is no tuple");
    std::int64_t bytes = static_cast<std::int64_t>(std::max<std::size_t>(array.itemBytes, 1));
    for (std::string_view part : core::splitAt(value.substr(1, end - 1), ',')) {
        part = core::trimmed(part);
        if (part.empty()) // "(3,)" and "()"
            continue;
        std::int64_t size = 0;
        const auto parsed = std::from_chars(part.data(), part.data() + part.size(), size);
        if (parsed.ec != std::errc() || parsed.ptr != part.data() + part.size() || size < 0
            || array.shape.size() == kMostDimensions || __builtin_mul_overflow(bytes, size, &bytes))
            fail(place, "its shape is not possible");
        array.shape.push_back(size);
    }
}

} // namespace

std::size_t npyHeaderBytes(std::string_view preamble, const std::string& place)
{
    if (preamble.size() < kNpyPreamble || !preamble.starts_with(kNpyMagic))
        fail(place, "it is no array of numpy, or it is truncated");
    const int major = static_cast<unsigned char>(preamble[6]);
    if (major < 1 || major > 3)
        fail(place, fmt::format("version {} of the .npy format is not known", major));
    const std::size_t width = major == 1 ? 2 : 4, at = kNpyMagic.size() + 2;
    std::uint32_t length = 0;
    std::memcpy(&length, preamble.data() + at, width);
    if (length > kMostHeader)
        fail(place, "its header is too long");
    return at + width + length;
}

NamedArray parseNpyHeader(std::string_view header, const std::string& place)
{
    const std::size_t begin = std::min(header.size(), header.find('{'));
    const std::string_view dictionary = header.substr(begin);
    NamedArray array;
    array.obstacle = setType(array, valueOf(dictionary, "descr", place));
    if (!array.obstacle.empty()) // records have names of their own, "shape" maybe
        return array;
    setShape(array, valueOf(dictionary, "shape", place), place);
    if (!valueOf(dictionary, "fortran_order", place).starts_with("False") && array.shape.size() > 1)
        array.obstacle = "it lies in Fortran order; save numpy.ascontiguousarray(...) of it";
    return array;
}

} // namespace kvviz::io
