// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Files of the data folder.
#include "datasets/data_files.hpp"

#include "core/error.hpp"

#include <fmt/format.h>
#include <libdeflate.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>

namespace kvviz::datasets {
namespace {

std::filesystem::path find(const std::string& task, const TaskOptions& options,
                           const std::vector<std::string>& candidates, bool folder)
{
    const std::string what = fmt::format("the {} '{}'", folder ? "folder" : "file", candidates.front());
    if (options.dataDir.empty())
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("task '{}' reads {} of a data folder; name that folder with --data-dir", task,
                                      what));
    for (const std::string& candidate : candidates) {
        const std::filesystem::path path = options.dataDir / candidate;
        std::error_code ignored;
        if (folder ? std::filesystem::is_directory(path, ignored) : std::filesystem::is_regular_file(path, ignored))
            return path;
    }
    throw core::Error(core::ErrorCode::badInput,
                      fmt::format("task '{}' expects {} in the data folder '{}' and it is not there; --data-dir sets "
                                  "the data folder",
                                  task, what, options.dataDir.string()));
}

/// The content of one gzip member; its size is the last word of the file, modulo 2^32.
std::string unpacked(const std::string& packed, const std::filesystem::path& path)
{
    constexpr std::size_t kMost = std::size_t{1} << 30;
    constexpr std::size_t kBestRatio = 1032; ///< of the format; a larger size is no size
    constexpr std::size_t kSmallest = 18; ///< header and trailer
    std::size_t size = 0;
    for (std::size_t i = 0; i < 4 && packed.size() >= kSmallest; ++i)
        size |= static_cast<std::size_t>(static_cast<unsigned char>(packed[packed.size() - 4 + i])) << (8 * i);
    const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> decompressor(
        libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
    std::string bytes(std::min({size, kMost, kBestRatio * packed.size()}), '\0');
    std::size_t written = 0;
    if (packed.size() < kSmallest || size != bytes.size() || !decompressor
        || libdeflate_gzip_decompress(decompressor.get(), packed.data(), packed.size(), bytes.data(), bytes.size(),
                                      &written)
               != LIBDEFLATE_SUCCESS)
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("'{}' is a damaged gzip file; fetch it again", path.string()));
    bytes.resize(written);
    return bytes;
}

} // namespace

std::filesystem::path findDataFile(const std::string& task, const TaskOptions& options,
                                   const std::vector<std::string>& candidates)
{
    return find(task, options, candidates, false);
}

std::filesystem::path findDataFolder(const std::string& task, const TaskOptions& options,
                                     const std::vector<std::string>& candidates)
{
    return find(task, options, candidates, true);
}

std::string readWholeFile(const std::filesystem::path& path)
{
    std::ifstream file(path, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file.is_open() || file.bad())
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("'{}' cannot be read; check that it exists and may be read", path.string()));
    if (bytes.starts_with("\x1f\x8b"))
        bytes = unpacked(bytes, path);
    if (bytes.starts_with("\xef\xbb\xbf"))
        bytes.erase(0, 3);
    return bytes;
}

} // namespace kvviz::datasets
