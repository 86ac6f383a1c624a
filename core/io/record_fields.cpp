// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The parts of the visitors that no type of element changes.
#include "core/io/record_fields.hpp"

#include "core/io/dimension_scales.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>

namespace kvviz::io {

using core::Error;
using core::ErrorCode;

void ScalarWriter::operator()(const char* name, const std::vector<std::string>& lines) const
{
    std::string text;
    for (const std::string& line : lines)
        text += (text.empty() ? "" : "\n") + line;
    writeAttribute(group, name, text);
}

void ScalarReader::operator()(const char* name, std::vector<std::string>& lines) const
{
    const std::string text = texts.read(path, name);
    lines.clear();
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        lines.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
}

void requireExtents(const std::vector<std::int64_t>& sizes, const std::string& where)
{
    constexpr std::int64_t kMost = std::int64_t{1} << 31;
    for (const std::int64_t size : sizes)
        if (size < 0 || size > kMost)
            throw Error(ErrorCode::badInput, fmt::format("{}: the size {} of an array; expected 0 to {}", where, size, kMost));
}

void ArrayWriter::write(const char* name, std::pair<hid_t, hid_t> types, const std::vector<hsize_t>& dims,
                        const void* data, std::size_t count, const Labels& labels) const
{
    if (count != std::accumulate(dims.begin(), dims.end(), hsize_t{1}, std::multiplies<>()))
        throw Error(ErrorCode::failure, fmt::format("{}/{}: {} values do not fill the shape {}", place, name, count,
                                                    shapeText(dims)));
    const std::string what = fmt::format("cannot write '{}'", name);
    const Handle space = checked(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr),
                                 ErrorCode::failure, what);
    const Handle creation(H5Pcreate(H5P_DATASET_CREATE));
    std::vector<hsize_t> chunk = dims;
    if (chunk.size() > 1)
        chunk[0] = 1;
    check(H5Pset_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data()), ErrorCode::failure, what);
    check(H5Pset_shuffle(creation.get()), ErrorCode::failure, what);
    check(H5Pset_deflate(creation.get(), 1), ErrorCode::failure, what);
    const Handle dataset =
        checked(H5Dcreate2(group, name, types.first, space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
                ErrorCode::failure, what);
    check(H5Dwrite(dataset.get(), types.second, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), ErrorCode::failure, what);
    labelAxes(dataset.get(), labels);
}

} // namespace kvviz::io
