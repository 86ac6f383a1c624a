// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Many captures: found in folders and packs, joined into a pack.
#include "core/io/capture_layout.hpp"
#include "core/io/capture_reader.hpp"
#include "core/io/dimension_scales.hpp"
#include "core/io/h5_values.hpp"
#include "core/io/open_capture.hpp"
#include "core/io/output_file.hpp"
#include "core/io/part_file.hpp"
#include "core/io/text_copy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace kvviz::io {

using core::Error;
using core::ErrorCode;

namespace {

constexpr const char* kMembers = "/captures";

/// The members of a pack; the file itself for anything else, also for what cannot be opened: the reader will say why.
std::vector<CaptureRef> capturesIn(const std::filesystem::path& file)
{
    const H5Lock lock;
    std::vector<CaptureRef> refs;
    try {
        const Handle opened = openFileForReading(file.string());
        const Handle root = openGroup(opened.get(), "/", file.string());
        const TextCopy texts(root.get(), file.string());
        if (texts.has("", "format") && texts.read("", "format") == kPackFormat) {
            const Handle members = openGroup(root.get(), kMembers, file.string());
            for (const std::string& name : childNames(members.get(), file.string()))
                refs.push_back({file, fmt::format("{}/{}", kMembers, name)});
            return refs;
        }
    } catch (const Error&) {
        refs.clear();
    }
    refs.push_back({file, "/"});
    return refs;
}

void addFolder(const std::filesystem::path& folder, std::vector<std::filesystem::path>& files)
{
    using Iterator = std::filesystem::recursive_directory_iterator;
    std::error_code error;
    const std::filesystem::directory_iterator top(folder, error); // folders below may be closed, this one not
    Iterator entry;
    if (!error)
        entry = Iterator(folder, std::filesystem::directory_options::skip_permission_denied, error);
    for (; !error && entry != Iterator(); entry.increment(error))
        if (entry->path().extension() == ".kvh5" && entry->is_regular_file(error))
            files.push_back(entry->path());
    if (error)
        throw Error(ErrorCode::badInput,
                    fmt::format("cannot read the folder '{}': {}", folder.string(), error.message()));
}

/// A name for a member: the file's stem, made unique.
std::string memberName(const CaptureRef& ref, std::set<std::string>& taken)
{
    const std::string base = ref.group == "/" ? ref.file.stem().string() : ref.group.substr(ref.group.rfind('/') + 1);
    std::string name = base;
    for (int i = 2; !taken.insert(name).second; ++i)
        name = fmt::format("{}-{}", base, i);
    return name;
}

void addMember(hid_t pack, const CaptureRef& ref, const std::string& name)
{
    const OpenCapture source(ref); // refuses what is not a whole capture
    const std::string path = fmt::format("{}/{}", kMembers, name);
    check(H5Ocopy(source.file.get(), ref.group.c_str(), pack, path.c_str(), H5P_DEFAULT, linkCreation().get()),
          ErrorCode::failure, fmt::format("cannot copy {} into the pack", source.where));
    const Handle copy = openGroup(pack, path, "");
    restoreDimensionScales(source.root.get(), copy.get());
}

} // namespace

std::vector<CaptureRef> findCaptures(const std::vector<std::filesystem::path>& paths)
{
    std::vector<CaptureRef> refs;
    for (const std::filesystem::path& path : paths) {
        std::error_code ignored;
        std::vector<std::filesystem::path> files;
        if (std::filesystem::is_directory(path, ignored)) {
            addFolder(path, files);
            if (files.empty())
                throw Error(ErrorCode::badInput,
                            fmt::format("the folder '{}' holds no captures (*.kvh5)", path.string()));
        } else if (std::error_code error; !std::filesystem::exists(path, error)) {
            throw Error(ErrorCode::badInput,
                        error ? fmt::format("'{}' cannot be read: {}", path.string(), error.message())
                              : fmt::format("'{}' does not exist", path.string()));
        } else if (path.extension() == ".part") {
            throw Error(ErrorCode::badInput,
                        fmt::format("'{}' is an unfinished capture; let its run end or repeat it", path.string()));
        } else {
            files.push_back(path);
        }
        for (const std::filesystem::path& file : files)
            for (CaptureRef& ref : capturesIn(file))
                refs.push_back(std::move(ref));
    }
    const auto key = [](const CaptureRef& ref) { return std::pair(ref.file, ref.group); };
    std::sort(refs.begin(), refs.end(), [&](const CaptureRef& a, const CaptureRef& b) { return key(a) < key(b); });
    refs.erase(std::unique(refs.begin(), refs.end()), refs.end());
    return refs;
}

int packCaptures(const std::vector<CaptureRef>& captures, const std::filesystem::path& output, bool force)
{
    if (captures.empty())
        throw Error(ErrorCode::usage, "there are no captures to pack");
    PartFile part(output, force);
    part.claim();
    return guarded(fmt::format("'{}'", output.string()), [&] {
        OutputFile file(part.partPath().string());
        std::set<std::string> taken;
        for (const CaptureRef& ref : captures)
            addMember(file.get(), ref, memberName(ref, taken));
        writeAttribute(file.get(), "format", kPackFormat);
        writeAttribute(file.get(), "format_version", kFormatVersion);
        writeTextCopy(file.get(), {""});
        writeAttribute(file.get(), "complete", std::int64_t{1});
        file.finish();
        part.publish();
        return static_cast<int>(captures.size());
    });
}

} // namespace kvviz::io
