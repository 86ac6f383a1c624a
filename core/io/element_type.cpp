// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Types and conversions.
#include "core/io/element_type.hpp"

#include "core/half.hpp"

#include <bit>
#include <cstring>

namespace kvviz::io {
namespace {

static_assert(std::endian::native == std::endian::little, "elements are read in place, as little endian");

struct TypeFacts {
    ElementType type;
    std::string_view name;
    std::size_t bytes;
};
constexpr TypeFacts kFacts[] = {
    {ElementType::f64, "F64", 8},         {ElementType::f32, "F32", 4}, {ElementType::f16, "F16", 2},
    {ElementType::bf16, "BF16", 2},       {ElementType::f8_e4m3, "F8_E4M3", 1},
    {ElementType::f8_e5m2, "F8_E5M2", 1}, {ElementType::i64, "I64", 8}, {ElementType::i32, "I32", 4},
    {ElementType::i16, "I16", 2},         {ElementType::i8, "I8", 1},   {ElementType::u64, "U64", 8},
    {ElementType::u32, "U32", 4},         {ElementType::u16, "U16", 2}, {ElementType::u8, "U8", 1},
    {ElementType::boolean, "BOOL", 1},    {ElementType::text, "text", 0}};

const TypeFacts& factsOf(ElementType type) { return kFacts[static_cast<std::size_t>(type)]; }

/// Elements may lie at any address.
template <typename From, typename To, typename Convert>
void convertAll(const std::byte* from, std::size_t count, To* to, Convert convert)
{
    for (std::size_t i = 0; i < count; ++i) {
        From value;
        std::memcpy(&value, from + i * sizeof value, sizeof value);
        to[i] = convert(value);
    }
}

template <typename From>
void copyIntegers(const std::byte* from, std::size_t count, std::int64_t* to)
{
    convertAll<From>(from, count, to, [](From value) { return static_cast<std::int64_t>(value); });
}

} // namespace

std::string_view elementTypeName(ElementType type) { return factsOf(type).name; }

std::optional<ElementType> elementTypeFromName(std::string_view name)
{
    for (const TypeFacts& facts : kFacts)
        if (facts.bytes > 0 && facts.name == name)
            return facts.type;
    return std::nullopt;
}

std::size_t elementBytes(ElementType type) { return factsOf(type).bytes; }

bool isReal(ElementType type) { return type <= ElementType::bf16; }

bool isInteger(ElementType type) { return type >= ElementType::i64 && type <= ElementType::u8; }

void toFloats(ElementType type, const std::byte* from, std::size_t count, float* to)
{
    switch (type) {
    case ElementType::f64:
        return convertAll<double>(from, count, to, [](double value) { return static_cast<float>(value); });
    case ElementType::f16:
        return convertAll<core::Half>(from, count, to, [](core::Half value) { return core::halfToFloat(value); });
    case ElementType::bf16:
        return convertAll<core::BFloat16>(from, count, to,
                                          [](core::BFloat16 value) { return core::bfloat16ToFloat(value); });
    default: std::memcpy(to, from, count * sizeof *to); // f32
    }
}

void toIntegers(ElementType type, const std::byte* from, std::size_t count, std::int64_t* to)
{
    switch (type) {
    case ElementType::i32: return copyIntegers<std::int32_t>(from, count, to);
    case ElementType::i16: return copyIntegers<std::int16_t>(from, count, to);
    case ElementType::i8: return copyIntegers<std::int8_t>(from, count, to);
    case ElementType::u64: return copyIntegers<std::uint64_t>(from, count, to);
    case ElementType::u32: return copyIntegers<std::uint32_t>(from, count, to);
    case ElementType::u16: return copyIntegers<std::uint16_t>(from, count, to);
    case ElementType::u8: return copyIntegers<std::uint8_t>(from, count, to);
    default: return copyIntegers<std::int64_t>(from, count, to);
    }
}

} // namespace kvviz::io
