// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// /texts/bytes and /texts/offset: name, text, name, text, ...
#include "core/io/text_copy.hpp"

#include "core/io/h5_values.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::io {

using core::Error;
using core::ErrorCode;

namespace {

std::string keyOf(const std::string& path, const std::string& name) { return path + "@" + name; }

bool isText(hid_t object, const std::string& name)
{
    const Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT));
    const Handle type(attribute ? H5Aget_type(attribute.get()) : H5I_INVALID_HID);
    const H5T_class_t kind = type ? H5Tget_class(type.get()) : H5T_NO_CLASS;
    return kind == H5T_STRING || kind == H5T_VLEN;
}

Handle openPath(hid_t root, const std::string& path, const std::string& where)
{
    return openGroup(root, path.empty() ? "." : path, where);
}

} // namespace

void writeTextCopy(hid_t root, const std::vector<std::string>& groups)
{
    std::string bytes;
    std::vector<std::int64_t> offsets{0};
    const auto append = [&](const std::string& text) {
        bytes += text;
        offsets.push_back(std::ssize(bytes));
    };
    for (const std::string& path : groups) {
        const Handle group = openPath(root, path, "/");
        for (const std::string& name : attributeNames(group.get(), path)) {
            if (!isText(group.get(), name))
                continue;
            append(keyOf(path, name));
            append(readText(group.get(), name.c_str(), path));
        }
    }
    const std::span data(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    writeDataset(root, "texts/bytes", data, {bytes.size()});
    writeDataset(root, "texts/offset", std::span<const std::int64_t>(offsets), {offsets.size()});
}

TextCopy::TextCopy(hid_t root, const std::string& where)
    : m_root(root), m_where(where), m_present(hasGroup(root, "texts"))
{
    if (!m_present)
        return;
    const auto length = [&](const char* path) {
        const std::vector<hsize_t> shape = datasetShape(openDataset(root, path, where).get());
        return shape.size() == 1 ? shape[0] : 0;
    };
    const hsize_t size = length("texts/bytes");
    const std::vector<std::uint8_t> bytes = readBytes(root, "texts/bytes", {size}, where);
    const auto offsets = readInt64s(root, "texts/offset", {length("texts/offset")}, where);
    if (offsets.size() % 2 == 0 || offsets.front() != 0 || offsets.back() != static_cast<std::int64_t>(size)
        || !std::is_sorted(offsets.begin(), offsets.end()))
        throw Error(ErrorCode::badInput, where + "texts/offset: expected ascending offsets of names and texts");
    const auto piece = [&](std::size_t i) {
        return std::string(bytes.begin() + offsets[i], bytes.begin() + offsets[i + 1]);
    };
    for (std::size_t i = 0; i + 2 < offsets.size(); i += 2)
        m_texts[piece(i)] = piece(i + 1);
}

bool TextCopy::has(const std::string& path, const char* name) const
{
    if (m_present)
        return m_texts.contains(keyOf(path, name));
    return hasAttribute(openPath(m_root, path, m_where).get(), name);
}

std::string TextCopy::read(const std::string& path, const char* name) const
{
    if (!m_present)
        return readText(openPath(m_root, path, m_where).get(), name, m_where + path);
    const auto found = m_texts.find(keyOf(path, name));
    if (found == m_texts.end())
        throw Error(ErrorCode::badInput, fmt::format("{}{}: the attribute '{}' is missing", m_where, path, name));
    return found->second;
}

} // namespace kvviz::io
