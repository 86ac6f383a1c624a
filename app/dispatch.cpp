// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Looking up and starting helpers.
#include "app/dispatch.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace kvviz::app {
namespace {

bool isExecutable(const std::filesystem::path& path)
{
    std::error_code ignored;
    return std::filesystem::is_regular_file(path, ignored) && access(path.c_str(), X_OK) == 0;
}

std::string_view howToBuild(Program program)
{
    return program == Program::engine ? "-DKVVIZ_ENGINE=ON (needs LibTorch)"
                                      : "-DKVVIZ_GUI=ON (needs Qt 6 and QCustomPlot)";
}

} // namespace

std::filesystem::path programFolder()
{
    std::error_code error;
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
    return error ? std::filesystem::path() : self.parent_path();
}

std::optional<std::filesystem::path> findProgram(std::string_view name, const std::filesystem::path& ownFolder,
                                                 std::string_view searchPath)
{
    if (!ownFolder.empty() && isExecutable(ownFolder / name))
        return ownFolder / name;
    while (!searchPath.empty()) {
        const std::size_t end = std::min(searchPath.find(':'), searchPath.size());
        // An empty element means the current folder; starting programs from there is never wanted.
        if (end > 0 && isExecutable(std::filesystem::path(searchPath.substr(0, end)) / name))
            return std::filesystem::path(searchPath.substr(0, end)) / name;
        searchPath.remove_prefix(std::min(end + 1, searchPath.size()));
    }
    return std::nullopt;
}

std::optional<std::filesystem::path> findHelper(Program program)
{
    const char* path = std::getenv("PATH");
    return findProgram(programName(program), programFolder(), path == nullptr ? "" : path);
}

std::filesystem::path requireHelper(Program program, const std::string& command)
{
    if (const std::optional<std::filesystem::path> helper = findHelper(program))
        return *helper;
    throw core::Error(core::ErrorCode::failure,
                      fmt::format("'kvviz {}' needs the program {}, which is neither in {} nor in PATH; build it "
                                  "with {}, or put a build of it beside kvviz",
                                  command, programName(program), programFolder().string(), howToBuild(program)));
}

void startHelper(Program program, const std::string& command, char** argv)
{
    const std::filesystem::path helper = requireHelper(program, command);
    std::fflush(nullptr);
    execv(helper.c_str(), argv);
    throw core::Error(core::ErrorCode::failure,
                      fmt::format("{} could not be started: {}", helper.string(), std::strerror(errno)));
}

} // namespace kvviz::app
