// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Attributes of h5_values.hpp.
#include "core/io/h5_values.hpp"

#include "core/text.hpp"

#include <fmt/format.h>

namespace kvviz::io {
namespace {

using core::Error;
using core::ErrorCode;

void writeAttributeRaw(hid_t object, const char* name, hid_t fileType, hid_t memoryType, hid_t space, const void* data)
{
    if (H5Aexists(object, name) > 0)
        check(H5Adelete(object, name), ErrorCode::failure, fmt::format("cannot replace the attribute '{}'", name));
    const Handle attribute = checked(H5Acreate2(object, name, fileType, space, H5P_DEFAULT, H5P_DEFAULT),
                                     ErrorCode::failure, fmt::format("cannot create the attribute '{}'", name));
    check(H5Awrite(attribute.get(), memoryType, data), ErrorCode::failure,
          fmt::format("cannot write the attribute '{}'", name));
}

void writeScalar(hid_t object, const char* name, hid_t fileType, hid_t memoryType, const void* data)
{
    const Handle space(H5Screate(H5S_SCALAR));
    writeAttributeRaw(object, name, fileType, memoryType, space.get(), data);
}

/// An open attribute with its type and number of elements.
struct OpenAttribute {
    Handle attribute, type;
    hsize_t count = 0;
};

OpenAttribute openAttribute(hid_t object, const char* name, const std::string& where)
{
    OpenAttribute result;
    if (H5Aexists(object, name) <= 0)
        throw Error(ErrorCode::badInput, fmt::format("{}: the attribute '{}' is missing", where, name));
    result.attribute = checked(H5Aopen(object, name, H5P_DEFAULT), ErrorCode::badInput,
                               fmt::format("{}: cannot open the attribute '{}'", where, name));
    result.type = checked(H5Aget_type(result.attribute.get()), ErrorCode::badInput,
                          fmt::format("{}: cannot read the type of the attribute '{}'", where, name));
    const Handle space(H5Aget_space(result.attribute.get()));
    const hssize_t count = space ? H5Sget_simple_extent_npoints(space.get()) : -1;
    if (count < 0)
        throwH5(ErrorCode::badInput, fmt::format("{}: cannot read the shape of the attribute '{}'", where, name));
    result.count = static_cast<hsize_t>(count);
    return result;
}

void readNumber(hid_t object, const char* name, const std::string& where, hid_t memoryType, bool real, void* value)
{
    const OpenAttribute open = openAttribute(object, name, where);
    const H5T_class_t kind = H5Tget_class(open.type.get());
    if (open.count != 1 || (kind != H5T_INTEGER && !(real && kind == H5T_FLOAT)))
        throw Error(ErrorCode::badInput, fmt::format("{}: the attribute '{}' is not one {}", where, name,
                                                     real ? "number" : "integer"));
    check(H5Aread(open.attribute.get(), memoryType, value), ErrorCode::badInput,
          fmt::format("{}: cannot read the attribute '{}'", where, name));
}

template <typename T>
std::vector<T> readList(hid_t object, const char* name, const std::string& where, hid_t memoryType, H5T_class_t kind,
                        const char* what)
{
    const OpenAttribute open = openAttribute(object, name, where);
    if (H5Tget_class(open.type.get()) != kind || open.count == 0 || open.count > 100000)
        throw Error(ErrorCode::badInput, fmt::format("{}: the attribute '{}' is not a list of {}", where, name, what));
    std::vector<T> values(open.count);
    check(H5Aread(open.attribute.get(), memoryType, values.data()), ErrorCode::badInput,
          fmt::format("{}: cannot read the attribute '{}'", where, name));
    return values;
}

std::string readFixedText(const OpenAttribute& open, const std::string& what)
{
    const std::size_t size = H5Tget_size(open.type.get());
    if (size > (1U << 20))
        throw Error(ErrorCode::badInput, what + " is longer than a fixed-length attribute can be");
    std::string text(size, '\0');
    check(H5Aread(open.attribute.get(), open.type.get(), text.data()), ErrorCode::badInput, what + " cannot be read");
    return text.substr(0, text.find('\0'));
}

std::string readVariableText(const OpenAttribute& open, const std::string& what)
{
    char* text = nullptr;
    const Handle type(H5Tcopy(open.type.get()));
    check(H5Aread(open.attribute.get(), type.get(), static_cast<void*>(&text)), ErrorCode::badInput,
          what + " cannot be read");
    std::string result = text ? text : "";
    H5free_memory(text);
    return result;
}

std::string readVariableBytes(const OpenAttribute& open, const std::string& what)
{
    const Handle memory(H5Tvlen_create(H5T_NATIVE_UINT8));
    hvl_t bytes{};
    check(H5Aread(open.attribute.get(), memory.get(), &bytes), ErrorCode::badInput, what + " cannot be read");
    std::string result(static_cast<const char*>(bytes.p), bytes.len);
    H5free_memory(bytes.p);
    return result;
}

} // namespace

void writeAttribute(hid_t object, const char* name, std::string_view text)
{
    if (core::isUtf8(text) && text.find('\0') == std::string_view::npos) {
        const std::string terminated(text);
        const char* pointer = terminated.c_str();
        const Handle type = textType();
        writeScalar(object, name, type.get(), type.get(), static_cast<const void*>(&pointer));
        return;
    }
    const Handle fileType(H5Tvlen_create(H5T_STD_U8LE)), memoryType(H5Tvlen_create(H5T_NATIVE_UINT8));
    std::string copy(text);
    const hvl_t bytes{copy.size(), copy.data()};
    writeScalar(object, name, fileType.get(), memoryType.get(), &bytes);
}

void writeAttribute(hid_t object, const char* name, std::int64_t value)
{
    writeScalar(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

void writeAttribute(hid_t object, const char* name, std::uint64_t value)
{
    writeScalar(object, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, &value);
}

void writeAttribute(hid_t object, const char* name, double value)
{
    writeScalar(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

void writeAttribute(hid_t object, const char* name, std::span<const std::int32_t> values)
{
    const hsize_t count = values.size();
    const Handle space(H5Screate_simple(1, &count, nullptr));
    writeAttributeRaw(object, name, H5T_STD_I32LE, H5T_NATIVE_INT32, space.get(), values.data());
}

void writeAttribute(hid_t object, const char* name, std::span<const float> values)
{
    const hsize_t count = values.size();
    const Handle space(H5Screate_simple(1, &count, nullptr));
    writeAttributeRaw(object, name, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, space.get(), values.data());
}

bool hasAttribute(hid_t object, const char* name) { return H5Aexists(object, name) > 0; }

std::string readText(hid_t object, const char* name, const std::string& where)
{
    const OpenAttribute open = openAttribute(object, name, where);
    const std::string what = fmt::format("{}: the attribute '{}'", where, name);
    const H5T_class_t kind = H5Tget_class(open.type.get());
    if (open.count != 1)
        throw Error(ErrorCode::badInput, what + " is not one text");
    if (kind == H5T_STRING)
        return H5Tis_variable_str(open.type.get()) > 0 ? readVariableText(open, what) : readFixedText(open, what);
    if (kind == H5T_VLEN) {
        const Handle base(H5Tget_super(open.type.get()));
        if (base && H5Tget_class(base.get()) == H5T_INTEGER && H5Tget_size(base.get()) == 1)
            return readVariableBytes(open, what);
    }
    throw Error(ErrorCode::badInput, what + " is not a text");
}

std::int64_t readInteger(hid_t object, const char* name, const std::string& where)
{
    std::int64_t value = 0;
    readNumber(object, name, where, H5T_NATIVE_INT64, false, &value);
    return value;
}

std::uint64_t readUnsigned(hid_t object, const char* name, const std::string& where)
{
    std::uint64_t value = 0;
    readNumber(object, name, where, H5T_NATIVE_UINT64, false, &value);
    return value;
}

double readReal(hid_t object, const char* name, const std::string& where)
{
    double value = 0;
    readNumber(object, name, where, H5T_NATIVE_DOUBLE, true, &value);
    return value;
}

std::vector<std::int32_t> readIntegers(hid_t object, const char* name, const std::string& where)
{
    return readList<std::int32_t>(object, name, where, H5T_NATIVE_INT32, H5T_INTEGER, "integers");
}

std::vector<float> readReals(hid_t object, const char* name, const std::string& where)
{
    return readList<float>(object, name, where, H5T_NATIVE_FLOAT, H5T_FLOAT, "floating-point numbers");
}

std::vector<std::string> attributeNames(hid_t object, const std::string& where)
{
    std::vector<std::string> names;
    check(H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, nullptr,
                      [](hid_t, const char* name, const H5A_info_t*, void* data) -> herr_t {
                          static_cast<std::vector<std::string>*>(data)->emplace_back(name);
                          return 0;
                      }, &names),
          ErrorCode::badInput, where + ": cannot list the attributes");
    return names;
}

} // namespace kvviz::io
