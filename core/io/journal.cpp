// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A line counts when its line break is there. Each is one write at the end of the file, followed by fsync.
#include "core/io/journal.hpp"

#include "core/error.hpp"
#include "core/hash_random.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace kvviz::io {
namespace {

using core::Error;
using core::ErrorCode;

constexpr std::string_view kHeaderStart = R"({"format":"kvviz-journal","version":1,"settings":")";

std::string headerOf(std::string_view settings)
{
    return fmt::format("{}{:016x}\"}}\n", kHeaderStart, core::hashText(settings));
}

struct Content {
    bool begun = false;            ///< there is a whole first line
    std::int64_t size = 0;         ///< of all whole lines
    std::vector<std::string> lines; ///< after the first
};

/// Throws unless `text` is a journal of these settings, or the torn beginning of one.
Content parse(const std::string& text, const std::string& header, const std::filesystem::path& path)
{
    const std::size_t firstEnd = text.find('\n');
    if (firstEnd == std::string::npos) {
        // Killed while the first line was written: nothing but a piece of that line may go.
        const std::size_t length = std::min(text.size(), kHeaderStart.size());
        if (text.size() < header.size() && text.compare(0, length, kHeaderStart, 0, length) == 0)
            return {};
    } else if (text.compare(0, firstEnd + 1, header) == 0) {
        Content content{true, static_cast<std::int64_t>(firstEnd + 1), {}};
        std::size_t begin = firstEnd + 1;
        for (std::size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
            content.lines.push_back(text.substr(begin, end - begin));
        content.size = static_cast<std::int64_t>(begin);
        return content;
    } else if (text.compare(0, kHeaderStart.size(), kHeaderStart) == 0 && firstEnd + 1 == header.size()) {
        throw Error(ErrorCode::usage, fmt::format("'{}' is the journal of a run with other settings; repeat that "
                                                  "command, or choose another output", path.string()));
    }
    throw Error(ErrorCode::badInput, fmt::format("'{}' is no journal of kvviz", path.string()));
}

std::string readAll(int descriptor, const std::filesystem::path& path)
{
    std::string text;
    char block[1 << 16];
    for (;;) {
        const ssize_t count = ::pread(descriptor, block, sizeof block, static_cast<off_t>(text.size()));
        if (count == 0)
            return text;
        if (count > 0)
            text.append(block, static_cast<std::size_t>(count));
        else if (errno != EINTR)
            throw Error(ErrorCode::badInput, fmt::format("cannot read '{}': {}", path.string(), std::strerror(errno)));
    }
}

/// 0, or what went wrong. A file system without fsync says EINVAL.
int sync(int descriptor) { return ::fsync(descriptor) == 0 || errno == EINVAL ? 0 : errno; }

} // namespace

Journal::Journal(std::filesystem::path path, std::string_view settings, JournalStart start) : m_path(std::move(path))
{
    openFile();
    try {
        const std::string header = headerOf(settings);
        if (start != JournalStart::overwrite)
            readEarlier(header, start);
        if (::ftruncate(m_descriptor, m_size) != 0)
            fail("write", errno);
        if (m_size == 0)
            write(header);
    } catch (...) {
        ::close(m_descriptor);
        throw;
    }
}

Journal::~Journal() { ::close(m_descriptor); }

void Journal::append(std::string_view line)
{
    if (line.find('\n') != std::string_view::npos)
        throw Error(ErrorCode::usage, "a line of a journal cannot hold a line break");
    write(fmt::format("{}\n", line));
}

void Journal::openFile()
{
    m_descriptor = ::open(m_path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (m_descriptor < 0)
        fail("open", errno);
    // Network folders may know no locks; then nothing guards against a second run.
    if (::flock(m_descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        ::close(m_descriptor);
        throw Error(ErrorCode::failure, fmt::format("'{}' is being written by another run", m_path.string()));
    }
    // The name is to last as the lines do; a file system that cannot sync a folder is no error.
    const std::filesystem::path folder = m_path.has_parent_path() ? m_path.parent_path() : ".";
    if (const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); descriptor >= 0) {
        static_cast<void>(::fsync(descriptor));
        ::close(descriptor);
    }
}

void Journal::readEarlier(const std::string& header, JournalStart start)
{
    Content content = parse(readAll(m_descriptor, m_path), header, m_path);
    if (content.begun && start == JournalStart::fresh)
        throw Error(ErrorCode::usage, fmt::format("'{}' is the journal of an unfinished run; go on with --resume, or "
                                                  "discard it with --force", m_path.string()));
    m_size = content.size;
    m_earlier = std::move(content.lines);
}

void Journal::write(std::string_view text)
{
    int reason = 0;
    for (std::size_t done = 0; done < text.size() && reason == 0;) {
        const ssize_t count = ::write(m_descriptor, text.data() + done, text.size() - done);
        if (count > 0)
            done += static_cast<std::size_t>(count);
        else if (count == 0 || errno != EINTR)
            reason = count == 0 ? ENOSPC : errno;
    }
    if (reason == 0)
        reason = sync(m_descriptor);
    if (reason != 0) {
        static_cast<void>(::ftruncate(m_descriptor, m_size)); // a piece of a line must not stand before the next
        fail("write", reason);
    }
    m_size += std::ssize(text);
}

void Journal::fail(const char* what, int reason) const
{
    throw Error(ErrorCode::failure, fmt::format("cannot {} '{}': {}", what, m_path.string(), std::strerror(reason)));
}

std::vector<std::string> readJournal(const std::filesystem::path& path, std::string_view settings)
{
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        throw Error(ErrorCode::badInput, fmt::format("cannot read '{}': {}", path.string(), std::strerror(errno)));
    std::string text;
    try {
        text = readAll(descriptor, path);
    } catch (...) {
        ::close(descriptor);
        throw;
    }
    ::close(descriptor);
    return parse(text, headerOf(settings), path).lines;
}

} // namespace kvviz::io
