// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Attributes and small datasets.
#include "core/io/h5_values.hpp"

#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace kvviz::io {
namespace {

using core::Error;
using core::ErrorCode;

constexpr hsize_t kMostElements = hsize_t{1} << 40; ///< far above any real capture; stops overflow in sizes

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

/// A damaged group is an error, not an absence.
bool linkExists(hid_t parent, const std::string& path)
{
    const htri_t found = H5Lexists(parent, path.c_str(), H5P_DEFAULT);
    check(found, ErrorCode::badInput, fmt::format("'{}' cannot be looked up, the file may be damaged", path));
    return found > 0;
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

/// Compressed in chunks: the zlib stream's checksum guards the values.
void writeRaw(hid_t parent, const char* path, hid_t fileType, hid_t memoryType, const std::vector<hsize_t>& dims,
              const void* data)
{
    constexpr hsize_t kMostRows = hsize_t{1} << 18;
    const std::string what = fmt::format("cannot write '{}'", path);
    const bool empty = std::find(dims.begin(), dims.end(), 0U) != dims.end();
    const Handle space = checked(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr),
                                 ErrorCode::failure, what);
    const Handle creation(H5Pcreate(H5P_DATASET_CREATE));
    if (!empty) {
        std::vector<hsize_t> chunk = dims;
        chunk[0] = std::min(chunk[0], kMostRows);
        check(H5Pset_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data()), ErrorCode::failure, what);
        check(H5Pset_shuffle(creation.get()), ErrorCode::failure, what);
        check(H5Pset_deflate(creation.get(), 1), ErrorCode::failure, what);
    }
    const Handle dataset = checked(H5Dcreate2(parent, path, fileType, space.get(), linkCreation().get(), creation.get(),
                                              H5P_DEFAULT),
                                   ErrorCode::failure, what);
    if (!empty)
        check(H5Dwrite(dataset.get(), memoryType, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), ErrorCode::failure, what);
}

template <typename T>
std::vector<T> readWhole(hid_t parent, const std::string& path, const std::vector<hsize_t>& shape,
                         const std::string& where, hid_t memoryType, H5T_class_t expectedClass, const char* expected)
{
    const std::string place = where + path;
    const Handle dataset = openDataset(parent, path, where);
    requireShape(dataset.get(), shape, place);
    const Handle type(H5Dget_type(dataset.get()));
    if (!type || H5Tget_class(type.get()) != expectedClass)
        throw Error(ErrorCode::badInput, fmt::format("{}: expected {}", place, expected));
    requireStored(dataset.get(), place);
    std::vector<T> values(std::accumulate(shape.begin(), shape.end(), hsize_t{1}, std::multiplies<>()));
    if (!values.empty())
        check(H5Dread(dataset.get(), memoryType, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), ErrorCode::badInput,
              place + " cannot be read");
    return values;
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
    const OpenAttribute open = openAttribute(object, name, where);
    if (H5Tget_class(open.type.get()) != H5T_INTEGER || open.count == 0 || open.count > 100000)
        throw Error(ErrorCode::badInput, fmt::format("{}: the attribute '{}' is not a list of integers", where, name));
    std::vector<std::int32_t> values(open.count);
    check(H5Aread(open.attribute.get(), H5T_NATIVE_INT32, values.data()), ErrorCode::badInput,
          fmt::format("{}: cannot read the attribute '{}'", where, name));
    return values;
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

void writeDataset(hid_t parent, const char* path, std::span<const float> values, const std::vector<hsize_t>& dims)
{
    writeRaw(parent, path, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, dims, values.data());
}

void writeDataset(hid_t parent, const char* path, std::span<const std::int32_t> values, const std::vector<hsize_t>& dims)
{
    writeRaw(parent, path, H5T_STD_I32LE, H5T_NATIVE_INT32, dims, values.data());
}

void writeDataset(hid_t parent, const char* path, std::span<const std::int64_t> values, const std::vector<hsize_t>& dims)
{
    writeRaw(parent, path, H5T_STD_I64LE, H5T_NATIVE_INT64, dims, values.data());
}

void writeDataset(hid_t parent, const char* path, std::span<const std::uint8_t> values, const std::vector<hsize_t>& dims)
{
    writeRaw(parent, path, H5T_STD_U8LE, H5T_NATIVE_UINT8, dims, values.data());
}

void writeDataset(hid_t parent, const char* path, const std::vector<std::string>& values)
{
    std::size_t length = 1;
    for (const std::string& value : values)
        length = std::max(length, value.size());
    std::string cells;
    for (const std::string& value : values)
        cells.append(value).append(length - value.size(), '\0');
    const Handle type = fixedTextType(length);
    writeRaw(parent, path, type.get(), type.get(), {values.size()}, cells.data());
}

bool hasDataset(hid_t parent, const std::string& path)
{
    for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
        if (!linkExists(parent, path.substr(0, slash)))
            return false;
    if (!linkExists(parent, path))
        return false;
    H5O_info_t info{};
    check(H5Oget_info_by_name2(parent, path.c_str(), &info, H5O_INFO_BASIC, H5P_DEFAULT), ErrorCode::badInput,
          fmt::format("'{}' cannot be opened, it may be damaged", path));
    return info.type == H5O_TYPE_DATASET;
}

bool hasGroup(hid_t parent, const std::string& path) { return linkExists(parent, path); }

Handle openDataset(hid_t parent, const std::string& path, const std::string& where)
{
    if (!hasDataset(parent, path))
        throw Error(ErrorCode::badInput, fmt::format("{}{}: the dataset is missing", where, path));
    return checked(H5Dopen2(parent, path.c_str(), H5P_DEFAULT), ErrorCode::badInput,
                   fmt::format("{}{} cannot be opened", where, path));
}

Handle openGroup(hid_t parent, const std::string& path, const std::string& where)
{
    return checked(H5Gopen2(parent, path.c_str(), H5P_DEFAULT), ErrorCode::badInput,
                   fmt::format("{}{}: the group is missing or cannot be opened", where, path));
}

std::vector<hsize_t> datasetShape(hid_t dataset)
{
    const Handle space = checked(H5Dget_space(dataset), ErrorCode::badInput, "cannot read the shape of a dataset");
    return extents(space.get());
}

void requireShape(hid_t dataset, const std::vector<hsize_t>& expected, const std::string& where)
{
    const std::vector<hsize_t> shape = datasetShape(dataset);
    if (shape != expected)
        throw Error(ErrorCode::badInput,
                    fmt::format("{}: the shape is {}, expected {}", where, shapeText(shape), shapeText(expected)));
    hsize_t count = 1;
    for (const hsize_t dim : shape) {
        if (dim > kMostElements || count * std::max<hsize_t>(dim, 1) > kMostElements)
            throw Error(ErrorCode::badInput, fmt::format("{}: the shape {} is absurd", where, shapeText(shape)));
        count *= std::max<hsize_t>(dim, 1);
    }
}

void requireStored(hid_t dataset, const std::string& where)
{
    constexpr double kHarmless = 64e6;
    constexpr double kMostShrink = 4000; // DEFLATE reaches 1032, and chunks above the diagonal are not stored
    const std::vector<hsize_t> shape = datasetShape(dataset);
    const Handle type(H5Dget_type(dataset));
    const double bytes = std::accumulate(shape.begin(), shape.end(), 1.0, std::multiplies<>())
                         * static_cast<double>(H5Tget_size(type.get()));
    if (bytes > kHarmless && static_cast<double>(H5Dget_storage_size(dataset)) * kMostShrink < bytes)
        throw Error(ErrorCode::badInput, fmt::format("{}: holds less data than its shape {} needs", where, shapeText(shape)));
}

std::vector<float> readFloats(hid_t parent, const std::string& path, const std::vector<hsize_t>& shape,
                              const std::string& where)
{
    return readWhole<float>(parent, path, shape, where, H5T_NATIVE_FLOAT, H5T_FLOAT, "floating-point numbers");
}

std::vector<std::int32_t> readInt32s(hid_t parent, const std::string& path, const std::vector<hsize_t>& shape,
                                     const std::string& where)
{
    return readWhole<std::int32_t>(parent, path, shape, where, H5T_NATIVE_INT32, H5T_INTEGER, "integers");
}

std::vector<std::int64_t> readInt64s(hid_t parent, const std::string& path, const std::vector<hsize_t>& shape,
                                     const std::string& where)
{
    return readWhole<std::int64_t>(parent, path, shape, where, H5T_NATIVE_INT64, H5T_INTEGER, "integers");
}

std::vector<std::uint8_t> readBytes(hid_t parent, const std::string& path, const std::vector<hsize_t>& shape,
                                    const std::string& where)
{
    return readWhole<std::uint8_t>(parent, path, shape, where, H5T_NATIVE_UINT8, H5T_INTEGER, "bytes");
}

std::vector<std::string> readTexts(hid_t parent, const std::string& path, hsize_t count, const std::string& where)
{
    const Handle dataset = openDataset(parent, path, where);
    const Handle type(H5Dget_type(dataset.get()));
    if (!type || H5Tget_class(type.get()) != H5T_STRING || H5Tis_variable_str(type.get()) != 0)
        throw Error(ErrorCode::badInput, fmt::format("{}{}: expected texts of fixed length", where, path));
    requireShape(dataset.get(), {count}, where + path);
    requireStored(dataset.get(), where + path);
    const std::size_t length = H5Tget_size(type.get());
    std::string cells(count * length, '\0');
    if (count > 0)
        check(H5Dread(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, cells.data()), ErrorCode::badInput,
              fmt::format("{}{} cannot be read", where, path));
    std::vector<std::string> texts;
    for (hsize_t i = 0; i < count; ++i) {
        const std::string cell = cells.substr(i * length, length);
        texts.push_back(cell.substr(0, cell.find_last_not_of('\0') + 1)); // npos + 1 is 0
    }
    return texts;
}

std::vector<std::string> childNames(hid_t group, const std::string& where)
{
    std::vector<std::string> names;
    check(H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, nullptr,
                     [](hid_t, const char* name, const H5L_info_t*, void* data) -> herr_t {
                         static_cast<std::vector<std::string>*>(data)->emplace_back(name);
                         return 0;
                     }, &names),
          ErrorCode::badInput, where + ": cannot list the group");
    return names;
}

std::vector<std::string> datasetPaths(hid_t group)
{
    std::vector<std::string> paths;
    check(H5Ovisit2(group, H5_INDEX_NAME, H5_ITER_INC,
                    [](hid_t, const char* name, const H5O_info_t* info, void* data) -> herr_t {
                        if (info->type == H5O_TYPE_DATASET)
                            static_cast<std::vector<std::string>*>(data)->emplace_back(name);
                        return 0;
                    }, &paths, H5O_INFO_BASIC),
          ErrorCode::badInput, "cannot list the datasets");
    return paths;
}

} // namespace kvviz::io
