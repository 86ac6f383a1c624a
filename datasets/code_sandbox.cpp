// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// fork, limits, fences, exec; then a pipe and a clock. Between fork and exec only system calls are made, as another
// thread may have held any lock at the moment of the fork.
#include "datasets/code_sandbox.hpp"

#include "core/error.hpp"
#include "datasets/code_fence.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string_view>
#include <vector>

namespace kvviz::datasets {
namespace {

constexpr std::size_t kMostOutput = std::size_t{1} << 16;
constexpr uid_t kNobody = 65534; ///< as in code_fence.cpp
constexpr int kNoExec = 127;

[[noreturn]] void fail(const std::string& what)
{
    throw core::Error(core::ErrorCode::device, fmt::format("cannot run generated code: {}: {}", what,
                                                           std::strerror(errno)));
}

/// A folder that only its owner may enter, removed at the end.
class TemporaryFolder {
public:
    TemporaryFolder()
    {
        std::string pattern = (std::filesystem::temp_directory_path() / "kvviz-code-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr)
            fail("no temporary folder");
        m_path = pattern;
    }
    ~TemporaryFolder()
    {
        std::error_code ignored;
        using Iterator = std::filesystem::recursive_directory_iterator;
        for (Iterator entry(m_path, ignored), end; entry != end; entry.increment(ignored))
            if (entry->is_directory(ignored) && !entry->is_symlink(ignored)) // a closed folder could not be emptied
                std::filesystem::permissions(entry->path(), std::filesystem::perms::owner_all, ignored);
        std::filesystem::remove_all(m_path, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return m_path; }

private:
    std::filesystem::path m_path;
};

/// Everything the child needs, made before the fork.
struct Child {
    std::string python;
    std::string folder;
    SandboxLimits limits;
    int output = -1; ///< writing end: standard output and errors
    int fences = -1; ///< writing end: one byte of bits, before exec
};

/// Only system calls from here on.
[[noreturn]] void runChild(const Child& child, char* const* arguments, char* const* environment)
{
    ::setpgid(0, 0);
    const int nowhere = ::open("/dev/null", O_RDONLY);
    if (nowhere < 0 || ::dup2(nowhere, 0) < 0 || ::dup2(child.output, 1) < 0 || ::dup2(child.output, 2) < 0
        || ::chdir(child.folder.c_str()) != 0)
        ::_exit(kNoExec);
    const int granted = fenceIn();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // Of processor time, the warning signal comes before the deadly one; no process or thread beside this one.
    if (granted < 0 || !limitResource(RLIMIT_CPU, child.limits.cpuSeconds, 1)
        || !limitResource(RLIMIT_AS, child.limits.memoryBytes) || !limitResource(RLIMIT_FSIZE, child.limits.fileBytes)
        || !limitResource(RLIMIT_CORE, 0) || !limitResource(RLIMIT_NPROC, 0))
        ::_exit(kNoExec);
    const auto fences = static_cast<unsigned char>(granted);
    if (::write(child.fences, &fences, 1) != 1)
        ::_exit(kNoExec);
    ::syscall(SYS_close_range, 3U, ~0U, 0U);
    ::execve(arguments[0], arguments, environment);
    ::_exit(kNoExec);
}

/// A pipe whose ends close by themselves.
struct Pipe {
    Pipe()
    {
        if (::pipe2(ends.data(), O_CLOEXEC) != 0)
            fail("no pipe");
    }
    ~Pipe()
    {
        closeEnd(0);
        closeEnd(1);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    void closeEnd(std::size_t end)
    {
        if (ends[end] >= 0)
            ::close(ends[end]);
        ends[end] = -1;
    }
    std::array<int, 2> ends{-1, -1};
};

/// Reads until the pipe is closed; false if the time was over first. Output beyond the most is thrown away, its end is
/// kept in `last`.
bool readAll(int pipe, std::chrono::steady_clock::time_point deadline, std::string& first, std::string& last)
{
    std::array<char, 4096> buffer{};
    while (true) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0)
            return false;
        pollfd wait{pipe, POLLIN, 0};
        const int ready = ::poll(&wait, 1, static_cast<int>(left.count()));
        if (ready < 0 && errno != EINTR)
            fail("poll");
        if (ready <= 0)
            continue;
        const ssize_t n = ::read(pipe, buffer.data(), buffer.size());
        if (n == 0)
            return true;
        if (n < 0)
            continue;
        const std::string_view got(buffer.data(), static_cast<std::size_t>(n));
        first += got.substr(0, kMostOutput - std::min(kMostOutput, first.size()));
        last += got;
        if (last.size() > buffer.size())
            last.erase(0, last.size() - buffer.size());
    }
}

/// Waits for the child, but no longer than the deadline; then kills its group, and takes its status.
bool finish(pid_t child, std::chrono::steady_clock::time_point deadline, int& status)
{
    bool inTime = false;
    while (!inTime && std::chrono::steady_clock::now() < deadline) {
        inTime = ::waitpid(child, &status, WNOHANG) == child;
        if (!inTime)
            ::usleep(1000);
    }
    ::kill(-child, SIGKILL);
    while (!inTime && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return inTime;
}

std::string randomMark()
{
    std::random_device source;
    return fmt::format("kvviz-done-{:08x}{:08x}", source(), source());
}

bool isProgram(const std::filesystem::path& path)
{
    std::array<char, 4> head{};
    std::ifstream(path, std::ios::binary).read(head.data(), head.size());
    return std::string_view(head.data(), head.size()) == "\x7f" "ELF" && ::access(path.c_str(), X_OK) == 0;
}

} // namespace

std::string SandboxFences::missing() const
{
    std::vector<std::string_view> gaps;
    if (!network)
        gaps.push_back("cut off its network");
    if (!files)
        gaps.push_back("confine its changes to files");
    if (!processes)
        gaps.push_back("keep it from other processes");
    if (gaps.empty())
        return {};
    return fmt::format("the system does not let kvviz fence in the code that it runs wholly: it cannot {}",
                       fmt::join(gaps, " and cannot "));
}

std::string findPython()
{
    const char* const searchPath = std::getenv("PATH");
    std::string_view rest = searchPath == nullptr ? "/usr/bin:/bin" : searchPath;
    while (!rest.empty()) {
        const std::string_view folder = rest.substr(0, rest.find(':'));
        rest.remove_prefix(std::min(folder.size() + 1, rest.size()));
        const std::filesystem::path path = std::filesystem::path(folder) / "python3";
        if (!folder.empty() && isProgram(path))
            return path.string();
    }
    return {};
}

SandboxRun runPython(const std::string& program, const SandboxLimits& limits)
{
    Child child;
    child.python = findPython();
    child.limits = limits;
    if (child.python.empty())
        throw core::Error(core::ErrorCode::device, "generated code needs 'python3' in PATH, and it is not there");
    const TemporaryFolder folder;
    child.folder = folder.path().string();
    const std::string mark = randomMark();
    {
        std::ofstream script(folder.path() / "program.py", std::ios::binary);
        script << program << "\n__import__('sys').stdout.flush()\n__import__('os').write(1, b'\\n" << mark << "\\n')\n";
        if (!script.flush())
            fail("the temporary folder cannot be written");
    }
    if (::geteuid() == 0
        && (::chown(folder.path().c_str(), kNobody, kNobody) != 0
            || ::chown((folder.path() / "program.py").c_str(), kNobody, kNobody) != 0))
        fail("the temporary folder cannot be handed over");

    Pipe output;
    Pipe fences;
    child.output = output.ends[1];
    child.fences = fences.ends[1];
    std::string isolated = "-I";
    std::string noCache = "-B";
    std::string script = "program.py";
    std::string home = "HOME=" + child.folder;
    std::array<char*, 5> arguments{child.python.data(), isolated.data(), noCache.data(), script.data(), nullptr};
    std::array<char*, 2> environment{home.data(), nullptr};
    const auto deadline = std::chrono::steady_clock::now() + limits.wallTime;
    const pid_t pid = ::fork();
    if (pid < 0)
        fail("no new process");
    if (pid == 0)
        runChild(child, arguments.data(), environment.data());
    ::setpgid(pid, pid); // both sides set it, so that it holds whoever comes first
    output.closeEnd(1);
    fences.closeEnd(1);

    SandboxRun run;
    std::string last;
    const bool closed = readAll(output.ends[0], deadline, run.output, last);
    int status = 0;
    const bool ended = finish(pid, deadline, status) && closed;
    unsigned char granted = 0;
    if (::read(fences.ends[0], &granted, 1) != 1 || (WIFEXITED(status) && WEXITSTATUS(status) == kNoExec))
        fail(fmt::format("'{}' could not be started", child.python));
    run.fences = {(granted & kNetworkFence) != 0, (granted & kFileFence) != 0, (granted & kProcessFence) != 0};
    const bool cpuOver = WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU;
    const bool whole = WIFEXITED(status) && WEXITSTATUS(status) == 0 && last.ends_with("\n" + mark + "\n");
    run.result = !ended || cpuOver ? RunResult::timeout : whole ? RunResult::passed : RunResult::failed;
    return run;
}

} // namespace kvviz::datasets
