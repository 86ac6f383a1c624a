// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// H5DS calls.
#include "core/io/dimension_scales.hpp"

#include "core/io/h5_values.hpp"

#include <fmt/format.h>
#include <hdf5_hl.h>

#include <set>

namespace kvviz::io {
namespace {

using core::ErrorCode;

void makeScale(hid_t root, const Scale& scale)
{
    const std::string path = "scales/" + scale.name;
    writeDataset(root, path.c_str(), std::span<const std::int64_t>(scale.values), {scale.values.size()});
    const Handle dataset = openDataset(root, path, "/");
    check(H5DSset_scale(dataset.get(), scale.name.c_str()), ErrorCode::failure, "cannot make the scale /" + path);
}

void attach(hid_t dataset, hid_t root, const std::string& scalePath, unsigned axis)
{
    const Handle scale = openDataset(root, scalePath, "/");
    check(H5DSattach_scale(dataset, scale.get(), axis), ErrorCode::failure, "cannot attach the scale /" + scalePath);
}

/// Name of the (first) scale of an axis below `rootName`, "" if none.
std::string scaleOf(hid_t dataset, unsigned axis, const std::string& rootName)
{
    std::string name;
    H5DSiterate_scales(dataset, axis, nullptr,
                       [](hid_t, unsigned, hid_t scale, void* data) -> herr_t {
                           const ssize_t length = H5Iget_name(scale, nullptr, 0);
                           std::string& text = *static_cast<std::string*>(data);
                           text.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
                           H5Iget_name(scale, text.data(), text.size() + 1);
                           return 1;
                       }, &name);
    H5Eclear2(H5E_DEFAULT);
    return name.starts_with(rootName) ? name.substr(rootName.size()) : std::string();
}

std::string objectName(hid_t object)
{
    const ssize_t length = H5Iget_name(object, nullptr, 0);
    std::string name(length > 0 ? static_cast<std::size_t>(length) : 0, '\0');
    H5Iget_name(object, name.data(), name.size() + 1);
    return name.ends_with('/') ? name : name + "/";
}

} // namespace

void labelAxes(hid_t dataset, const std::vector<const char*>& labels)
{
    for (unsigned axis = 0; axis < labels.size(); ++axis)
        check(H5DSset_label(dataset, axis, labels[axis]), ErrorCode::failure, "cannot label a dataset");
}

void writeDimensionScales(hid_t root, const core::CaptureInfo& info, const Sizes& sizes)
{
    std::vector<ArraySpec> arrays = captureArrays(sizes);
    std::erase_if(arrays, [&](const ArraySpec& array) { return !hasDataset(root, array.path); });
    std::set<std::string> used;
    for (const ArraySpec& array : arrays)
        for (const Axis& axis : array.axes)
            used.insert(axis.scale);
    for (const Scale& scale : captureScales(info, sizes))
        if (used.contains(scale.name))
            makeScale(root, scale);
    for (const ArraySpec& array : arrays) {
        const Handle dataset = openDataset(root, array.path, "/");
        requireShape(dataset.get(), array.shape(), "/" + array.path);
        std::vector<const char*> labels;
        for (const Axis& axis : array.axes)
            labels.push_back(axis.label.c_str());
        labelAxes(dataset.get(), labels);
        for (unsigned axis = 0; axis < array.axes.size(); ++axis)
            attach(dataset.get(), root, "scales/" + array.axes[axis].scale, axis);
    }
    labelAxes(openDataset(root, "tokens/bytes", "/").get(), {"byte"});
    labelAxes(openDataset(root, "tokens/offset", "/").get(), {"token"});
}

void restoreDimensionScales(hid_t original, hid_t copy)
{
    const std::vector<std::string> paths = datasetPaths(copy);
    for (const std::string& path : paths) {
        const Handle dataset = openDataset(copy, path, "/");
        for (const char* stale : {"DIMENSION_LIST", "REFERENCE_LIST"})
            if (hasAttribute(dataset.get(), stale))
                check(H5Adelete(dataset.get(), stale), ErrorCode::failure, "cannot detach the scales of " + path);
    }
    const std::string rootName = objectName(original);
    for (const std::string& path : paths) {
        const Handle source = openDataset(original, path, "/"), target = openDataset(copy, path, "/");
        for (unsigned axis = 0; axis < datasetShape(source.get()).size(); ++axis)
            if (const std::string scale = scaleOf(source.get(), axis, rootName); !scale.empty())
                attach(target.get(), copy, scale, axis);
    }
}

} // namespace kvviz::io
