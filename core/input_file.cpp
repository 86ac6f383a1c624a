// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Files are opened by POSIX calls: the standard streams wait at pipes and do not say why something failed.
#include "core/input_file.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace kvviz::core {

InputFile::InputFile(const std::filesystem::path& path) : m_path(path)
{
    // O_NONBLOCK: a named pipe must give an error, not wait for a writer.
    m_descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status {};
    const bool known = m_descriptor >= 0 && ::fstat(m_descriptor, &status) == 0;
    const int reason = errno;
    const auto refuse = [this](const std::string& why) { // the destructor does not run
        if (m_descriptor >= 0)
            ::close(m_descriptor);
        fail(why);
    };
    if (!known)
        refuse(std::strerror(reason));
    if (S_ISDIR(status.st_mode))
        refuse("it is a folder; give the file inside it");
    if (!S_ISREG(status.st_mode))
        refuse("it is not a regular file");
    m_size = static_cast<std::uint64_t>(status.st_size);
    m_changed = status.st_mtim;
}

InputFile::~InputFile() { ::close(m_descriptor); }

bool InputFile::isChanged() const noexcept
{
    struct stat status {};
    return ::fstat(m_descriptor, &status) != 0 || static_cast<std::uint64_t>(status.st_size) != m_size
           || status.st_mtim.tv_sec != m_changed.tv_sec || status.st_mtim.tv_nsec != m_changed.tv_nsec;
}

bool InputFile::isAtPath() const noexcept
{
    struct stat mine {}, there {};
    return ::fstat(m_descriptor, &mine) == 0 && ::stat(m_path.c_str(), &there) == 0 && mine.st_dev == there.st_dev
           && mine.st_ino == there.st_ino;
}

void InputFile::fail(const std::string& reason) const
{
    throw Error(ErrorCode::badInput, fmt::format("'{}' cannot be read: {}", m_path.string(), reason));
}

std::string readInputText(const std::filesystem::path& path, std::uint64_t limit)
{
    const InputFile file(path);
    const auto tooLarge = [&] {
        file.fail(fmt::format("it has more than {} bytes, which no file of this kind has", limit));
    };
    if (file.size() > limit)
        tooLarge();
    std::string text(static_cast<std::size_t>(file.size()), '\0');
    std::size_t done = 0;
    while (true) { // to the end, wherever that is by now: files of some systems have no size
        if (done == text.size())
            text.resize(done + 4096);
        const ssize_t count = ::read(file.descriptor(), text.data() + done, text.size() - done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            file.fail(std::strerror(errno));
        if (count == 0)
            break;
        done += static_cast<std::size_t>(count);
        if (done > limit)
            tooLarge();
    }
    text.resize(done);
    return text;
}

bool nameExists(const std::filesystem::path& path) noexcept
{
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0;
}

bool isFolder(const std::filesystem::path& path) noexcept
{
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

} // namespace kvviz::core
