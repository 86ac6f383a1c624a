// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One small text for each first path: the state of the files, then the sum.
#include "app/engine/model_sum.hpp"

#include "core/error.hpp"
#include "core/hash_random.hpp"
#include "core/input_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

namespace kvviz::app {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kSumLength = 64;        ///< hexadecimal digits
constexpr std::uint64_t kLargestNote = 1 << 20; ///< bytes
constexpr std::int64_t kSettled = 2;          ///< seconds: a file changed twice within one tick of its clock looks unchanged

struct FileState {
    std::string first;        ///< path
    std::string text;         ///< of all files, a line each
    std::uint64_t bytes = 0;  ///< together
    std::int64_t changed = 0; ///< latest, in seconds since 1970
};

/// Nothing when one of them cannot be looked at: whoever computes the sum says why.
std::optional<FileState> stateOf(const std::vector<fs::path>& files)
{
    FileState state;
    for (const fs::path& file : files) {
        struct stat status {};
        std::error_code failed;
        const fs::path real = fs::canonical(file, failed);
        if (failed || ::stat(real.c_str(), &status) != 0)
            return std::nullopt;
        if (state.text.empty())
            state.first = real.string();
        state.text += fmt::format("{} {} {}:{} {}.{:09} {}.{:09}\n", real.string(), status.st_size, status.st_dev,
                                  status.st_ino, status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
                                  status.st_ctim.tv_nsec);
        state.bytes += static_cast<std::uint64_t>(status.st_size);
        state.changed = std::max<std::int64_t>({state.changed, status.st_mtim.tv_sec, status.st_ctim.tv_sec});
    }
    return state;
}

/// Names differ where paths do, nearly always, and a wrong text is seen by its contents.
fs::path notePath(const fs::path& folder, const std::string& path)
{
    return folder / fmt::format("{:016x}.txt", core::hashText(path));
}

std::string readNote(const fs::path& note, const std::string& state)
{
    try {
        const std::string text = core::readInputText(note, kLargestNote);
        if (text.size() == state.size() + kSumLength + 1 && text.starts_with(state))
            return text.substr(state.size(), kSumLength);
    } catch (const core::Error&) { // not there yet
    }
    return {};
}

void writeNote(const fs::path& note, const std::string& text)
{
    std::error_code ignored;
    fs::create_directories(note.parent_path(), ignored);
    const fs::path fresh = note.string() + fmt::format(".{}", ::getpid()); // others may write it at the same time
    std::ofstream out(fresh, std::ios::binary);
    out << text;
    out.close();
    if (out)
        fs::rename(fresh, note, ignored);
    else
        fs::remove(fresh, ignored);
}

} // namespace

fs::path sumFolder()
{
    const auto of = [](const char* name) {
        const char* const value = std::getenv(name);
        return value == nullptr ? std::string() : std::string(value);
    };
    if (const std::string cache = of("XDG_CACHE_HOME"); fs::path(cache).is_absolute())
        return fs::path(cache) / "kvviz" / "sums";
    if (const std::string home = of("HOME"); fs::path(home).is_absolute())
        return fs::path(home) / ".cache" / "kvviz" / "sums";
    return {};
}

std::string rememberedSum(const std::vector<fs::path>& files, const std::function<std::string()>& compute,
                          const fs::path& folder, std::uint64_t least)
{
    const std::optional<FileState> before = stateOf(files);
    if (folder.empty() || !before || before->bytes < least)
        return compute();
    const fs::path note = notePath(folder, before->first);
    if (std::string sum = readNote(note, before->text); !sum.empty())
        return sum;
    std::string sum = compute();
    const std::optional<FileState> after = stateOf(files);
    const std::int64_t now = std::time(nullptr);
    const bool settled = before->changed + kSettled < now;
    if (after && after->text == before->text && settled && sum.size() == kSumLength)
        writeNote(note, before->text + sum + "\n");
    return sum;
}

} // namespace kvviz::app
