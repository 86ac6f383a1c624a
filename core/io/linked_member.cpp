// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// External links: written, and looked through.
#include "core/io/linked_member.hpp"

#include <fmt/format.h>

#include <vector>

namespace kvviz::io {

using core::Error;
using core::ErrorCode;

std::optional<CaptureRef> linkedMember(hid_t file, const std::string& group, const std::filesystem::path& pack)
{
    H5L_info_t info{};
    if (group == "/" || H5Lget_info(file, group.c_str(), &info, H5P_DEFAULT) < 0) {
        H5Eclear2(H5E_DEFAULT); // the member does not exist, which whoever opens it says
        return std::nullopt;
    }
    if (info.type != H5L_TYPE_EXTERNAL)
        return std::nullopt;
    std::vector<char> value(info.u.val_size);
    const char *targetFile = nullptr, *targetGroup = nullptr;
    const std::string what = fmt::format("'{}': {}: cannot read the link", pack.string(), group);
    check(H5Lget_val(file, group.c_str(), value.data(), value.size(), H5P_DEFAULT), ErrorCode::badInput, what);
    check(H5Lunpack_elink_val(value.data(), value.size(), nullptr, &targetFile, &targetGroup), ErrorCode::badInput, what);
    const std::filesystem::path path(targetFile);
    return CaptureRef{path.is_absolute() ? path : pack.parent_path() / path, targetGroup};
}

void requireLinkedFile(hid_t file, const CaptureRef& member)
{
    const std::optional<CaptureRef> target = linkedMember(file, member.group, member.file);
    std::error_code ignored;
    if (target && !std::filesystem::exists(target->file, ignored))
        throw Error(ErrorCode::badInput,
                    fmt::format("'{}': {} is a link to '{}', which does not exist; a virtual pack needs its captures "
                                "where they were when it was made, relative to it",
                                member.file.string(), member.group, target->file.string()));
}

void linkMember(hid_t pack, const std::string& path, const CaptureRef& target, const std::filesystem::path& folder)
{
    std::error_code error;
    const std::filesystem::path from = std::filesystem::canonical(folder.empty() ? "." : folder, error);
    const std::filesystem::path to = error ? std::filesystem::path() : std::filesystem::canonical(target.file, error);
    if (error)
        throw Error(ErrorCode::failure, fmt::format("cannot link '{}' into the pack: {}", target.file.string(),
                                                    error.message()));
    check(H5Lcreate_external(to.lexically_relative(from).c_str(), target.group.c_str(), pack, path.c_str(),
                             linkCreation().get(), H5P_DEFAULT),
          ErrorCode::failure, fmt::format("cannot link '{}' into the pack", target.file.string()));
}

} // namespace kvviz::io
