// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Groups and small datasets of h5_values.hpp.
#include "core/io/h5_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace kvviz::io {
namespace {

using core::Error;
using core::ErrorCode;

constexpr hsize_t kMostElements = hsize_t{1} << 40; ///< far above any real capture; stops overflow in sizes

/// A damaged group is an error, not an absence.
bool linkExists(hid_t parent, const std::string& path)
{
    const htri_t found = H5Lexists(parent, path.c_str(), H5P_DEFAULT);
    check(found, ErrorCode::badInput, fmt::format("'{}' cannot be looked up, the file may be damaged", path));
    return found > 0;
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

void writeDataset(hid_t parent, const char* path, std::span<const float> values, const std::vector<hsize_t>& dims)
{
    writeRaw(parent, path, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, dims, values.data());
}

void writeDataset(hid_t parent, const char* path, std::span<const double> values, const std::vector<hsize_t>& dims)
{
    writeRaw(parent, path, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, dims, values.data());
}

void writeDataset(hid_t parent, const char* path, std::span<const std::int32_t> values,
                  const std::vector<hsize_t>& dims)
{
    writeRaw(parent, path, H5T_STD_I32LE, H5T_NATIVE_INT32, dims, values.data());
}

void writeDataset(hid_t parent, const char* path, std::span<const std::int64_t> values,
                  const std::vector<hsize_t>& dims)
{
    writeRaw(parent, path, H5T_STD_I64LE, H5T_NATIVE_INT64, dims, values.data());
}

void writeDataset(hid_t parent, const char* path, std::span<const std::uint8_t> values,
                  const std::vector<hsize_t>& dims)
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
        throw Error(ErrorCode::badInput,
                    fmt::format("{}: holds less data than its shape {} needs", where, shapeText(shape)));
}

std::vector<float> readFloats(hid_t parent, const std::string& path, const std::vector<hsize_t>& shape,
                              const std::string& where)
{
    return readWhole<float>(parent, path, shape, where, H5T_NATIVE_FLOAT, H5T_FLOAT, "floating-point numbers");
}

std::vector<double> readDoubles(hid_t parent, const std::string& path, const std::vector<hsize_t>& shape,
                                const std::string& where)
{
    return readWhole<double>(parent, path, shape, where, H5T_NATIVE_DOUBLE, H5T_FLOAT, "floating-point numbers");
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

namespace {

std::vector<std::string> fixedTexts(hid_t dataset, hid_t type, hsize_t count, const std::string& what)
{
    const std::size_t length = H5Tget_size(type);
    std::string cells(count * length, '\0');
    check(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, cells.data()), ErrorCode::badInput, what);
    std::vector<std::string> texts;
    for (hsize_t i = 0; i < count; ++i) {
        const std::string cell = cells.substr(i * length, length);
        texts.push_back(cell.substr(0, cell.find_last_not_of('\0') + 1)); // npos + 1 is 0
    }
    return texts;
}

std::vector<std::string> variableTexts(hid_t dataset, hid_t type, hsize_t count, const std::string& what)
{
    std::vector<char*> pointers(count, nullptr);
    check(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, static_cast<void*>(pointers.data())),
          ErrorCode::badInput, what);
    std::vector<std::string> texts;
    for (char* const pointer : pointers) {
        texts.emplace_back(pointer ? pointer : "");
        H5free_memory(pointer);
    }
    return texts;
}

} // namespace

std::vector<std::string> readTexts(hid_t parent, const std::string& path, hsize_t count, const std::string& where)
{
    const Handle dataset = openDataset(parent, path, where);
    const Handle type(H5Dget_type(dataset.get()));
    if (!type || H5Tget_class(type.get()) != H5T_STRING)
        throw Error(ErrorCode::badInput, fmt::format("{}{}: expected texts", where, path));
    requireShape(dataset.get(), {count}, where + path);
    requireStored(dataset.get(), where + path);
    if (count == 0)
        return {};
    const std::string what = fmt::format("{}{} cannot be read", where, path);
    return H5Tis_variable_str(type.get()) > 0 ? variableTexts(dataset.get(), type.get(), count, what)
                                              : fixedTexts(dataset.get(), type.get(), count, what);
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
