// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Names, ages and heartbeats of parts.
#include "core/io/part_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <csignal>
#include <fcntl.h>
#include <mutex>
#include <optional>
#include <stop_token>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace kvviz::io {
namespace {

constexpr std::string_view kEnding = ".part";

std::string hostName()
{
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0)
        return "unknown";
    std::string host(name.data());
    host = host.substr(0, host.find('.'));
    for (char& c : host)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-')
            c = '_';
    return host.empty() ? "unknown" : host;
}

bool processIsThere(int pid) { return ::kill(pid, 0) == 0 || errno == EPERM; }

/// What the name of a file says; nothing if it is no part of a capture.
std::optional<PartState> fromName(const std::filesystem::path& path)
{
    std::string name = path.filename().string();
    if (!name.ends_with(kEnding))
        return std::nullopt;
    name.resize(name.size() - kEnding.size());
    PartState part;
    part.path = path;
    // HOST has no point, so the last point of NAME.kvh5.HOST-PID ends the target's name.
    const std::size_t point = name.rfind('.'), dash = name.rfind('-');
    if (point != std::string::npos && dash != std::string::npos && dash > point + 1) {
        const char* const end = name.data() + name.size();
        const auto number = std::from_chars(name.data() + dash + 1, end, part.pid);
        if (number.ec == std::errc() && number.ptr == end && part.pid > 0) {
            part.host = name.substr(point + 1, dash - point - 1);
            name.resize(point);
        } else {
            part.pid = 0;
        }
    }
    if (!name.ends_with(".kvh5"))
        return std::nullopt;
    part.target = path.parent_path() / name;
    return part;
}

} // namespace

std::string partWriterName() { return fmt::format("{}-{}", hostName(), ::getpid()); }

std::time_t changeTime(const std::filesystem::path& file)
{
    struct stat status {};
    return ::stat(file.c_str(), &status) == 0 ? status.st_mtime : 0;
}

std::vector<PartState> findParts(const std::filesystem::path& folder, std::time_t now)
{
    std::vector<PartState> parts;
    std::error_code error;
    std::filesystem::directory_iterator entry(folder, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        std::optional<PartState> part = fromName(entry->path());
        const std::time_t changed = part ? changeTime(part->path) : 0;
        if (changed == 0) // no part, or renamed meanwhile
            continue;
        part->age = std::chrono::seconds(std::max<std::time_t>(0, now - changed));
        const bool gone = part->pid > 0 && part->host == hostName() && !processIsThere(part->pid);
        part->stale = gone || part->age > kStaleAfter;
        parts.push_back(std::move(*part));
    }
    std::sort(parts.begin(), parts.end(), [](const PartState& a, const PartState& b) { return a.path < b.path; });
    return parts;
}

int removeStaleParts(const std::filesystem::path& folder, std::time_t now)
{
    int removed = 0;
    std::error_code ignored;
    for (const PartState& part : findParts(folder, now))
        removed += part.stale && std::filesystem::remove(part.path, ignored) ? 1 : 0;
    return removed;
}

struct Heartbeat::Impl {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::jthread thread;
};

Heartbeat::Heartbeat(std::filesystem::path file, std::chrono::milliseconds pause) : m_impl(std::make_unique<Impl>())
{
    m_impl->thread = std::jthread([impl = m_impl.get(), file = std::move(file), pause](const std::stop_token& stop) {
        std::unique_lock lock(impl->mutex);
        while (!impl->wake.wait_for(lock, stop, pause, [&stop] { return stop.stop_requested(); }))
            static_cast<void>(::utimensat(AT_FDCWD, file.c_str(), nullptr, 0)); // times of the file's server
    });
}

Heartbeat::~Heartbeat() = default;

} // namespace kvviz::io
