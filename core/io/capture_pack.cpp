// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Many captures: found in folders and packs, joined into a pack.
#include "core/io/capture_layout.hpp"
#include "core/io/capture_reader.hpp"
#include "core/io/dimension_scales.hpp"
#include "core/io/h5_values.hpp"
#include "core/io/linked_member.hpp"
#include "core/io/open_capture.hpp"
#include "core/io/output_file.hpp"
#include "core/io/part_file.hpp"
#include "core/io/text_copy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

namespace kvviz::io {

using core::Error;
using core::ErrorCode;

namespace {

constexpr const char* kMembers = "/captures";

/// A capture, and where it really is when it is a link in a virtual pack.
struct Found {
    CaptureRef ref;
    std::optional<CaptureRef> target;
};

/// The members of a pack; the file itself for anything else, also for what cannot be opened: the reader will say why.
std::vector<Found> capturesIn(const std::filesystem::path& file)
{
    const H5Lock lock;
    std::vector<Found> found;
    try {
        const Handle opened = openFileForReading(file.string());
        const Handle root = openGroup(opened.get(), "/", file.string());
        const TextCopy texts(root.get(), file.string());
        if (texts.has("", "format") && texts.read("", "format") == kPackFormat) {
            const Handle members = openGroup(root.get(), kMembers, file.string());
            for (const std::string& name : childNames(members.get(), file.string())) {
                const std::string group = fmt::format("{}/{}", kMembers, name);
                found.push_back({{file, group}, linkedMember(opened.get(), group, file)});
            }
            return found;
        }
    } catch (const Error&) {
        found.clear();
    }
    found.push_back({{file, "/"}, std::nullopt});
    return found;
}

/// In order, each once: also what is there itself and as a link in a pack beside it.
std::vector<CaptureRef> distinct(std::vector<Found> found)
{
    const auto key = [](const CaptureRef& ref) {
        std::error_code ignored;
        return std::pair(std::filesystem::weakly_canonical(ref.file, ignored), ref.group);
    };
    std::set<std::pair<std::filesystem::path, std::string>> there;
    for (const Found& capture : found)
        if (!capture.target)
            there.insert(key(capture.ref));
    std::vector<CaptureRef> refs;
    for (Found& capture : found)
        if (!capture.target || !there.contains(key(*capture.target)))
            refs.push_back(std::move(capture.ref));
    const auto place = [](const CaptureRef& ref) { return std::tie(ref.file, ref.group); };
    std::sort(refs.begin(), refs.end(), [&](const CaptureRef& a, const CaptureRef& b) { return place(a) < place(b); });
    refs.erase(std::unique(refs.begin(), refs.end()), refs.end());
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

void addMember(hid_t pack, const CaptureRef& ref, const std::string& name, PackKind kind,
               const std::filesystem::path& folder)
{
    const OpenCapture source(ref); // refuses what is not a whole capture
    const std::string path = fmt::format("{}/{}", kMembers, name);
    if (kind == PackKind::linked)
        return linkMember(pack, path, linkedMember(source.file.get(), ref.group, ref.file).value_or(ref), folder);
    check(H5Ocopy(source.file.get(), ref.group.c_str(), pack, path.c_str(), H5P_DEFAULT, linkCreation().get()),
          ErrorCode::failure, fmt::format("cannot copy {} into the pack", source.where));
    const Handle copy = openGroup(pack, path, "");
    restoreDimensionScales(source.root.get(), copy.get());
}

} // namespace

std::vector<CaptureRef> findCaptures(const std::vector<std::filesystem::path>& paths)
{
    std::vector<Found> found;
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
            for (Found& capture : capturesIn(file))
                found.push_back(std::move(capture));
    }
    return distinct(std::move(found));
}

int packCaptures(const std::vector<CaptureRef>& captures, const std::filesystem::path& output, bool force,
                 PackKind kind)
{
    if (captures.empty())
        throw Error(ErrorCode::usage, "there are no captures to pack");
    PartFile part(output, force);
    part.claim();
    return guarded(fmt::format("'{}'", output.string()), [&] {
        OutputFile file(part.partPath().string());
        std::set<std::string> taken;
        for (const CaptureRef& ref : captures)
            addMember(file.get(), ref, memberName(ref, taken), kind, output.parent_path());
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
