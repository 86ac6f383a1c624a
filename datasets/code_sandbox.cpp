// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// fork, limits, fences, exec; then a pipe and a clock. Between fork and exec only system calls are made, as another
// thread may have held any lock at the moment of the fork.
#include "datasets/code_sandbox.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <poll.h>
#include <sched.h>
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
constexpr uid_t kNobody = 65534;
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

constexpr unsigned char kNetworkBit = 1;
constexpr unsigned char kFilesBit = 2;

void limit(int what, std::int64_t most, std::int64_t slack = 0)
{
    const rlimit both{static_cast<rlim_t>(most), static_cast<rlim_t>(most + slack)};
    if (::setrlimit(static_cast<__rlimit_resource_t>(what), &both) != 0)
        ::_exit(kNoExec);
}

/// Landlock (Linux 5.13): changes to the file system only below the working folder.
bool fenceFiles()
{
    landlock_ruleset_attr ruleset{};
    ruleset.handled_access_fs = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR
                                | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR
                                | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG
                                | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO
                                | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;
    const auto rules = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &ruleset, sizeof ruleset, 0));
    if (rules < 0)
        return false;
    landlock_path_beneath_attr below{};
    below.allowed_access = ruleset.handled_access_fs;
    below.parent_fd = ::open(".", O_PATH | O_CLOEXEC);
    const bool done = below.parent_fd >= 0
                      && ::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &below, 0) == 0
                      && ::syscall(SYS_landlock_restrict_self, rules, 0) == 0;
    ::close(below.parent_fd);
    ::close(rules);
    return done;
}

/// Only system calls from here on.
[[noreturn]] void runChild(const Child& child, char* const* arguments, char* const* environment)
{
    ::setpgid(0, 0);
    const int nowhere = ::open("/dev/null", O_RDONLY);
    if (nowhere < 0 || ::dup2(nowhere, 0) < 0 || ::dup2(child.output, 1) < 0 || ::dup2(child.output, 2) < 0
        || ::chdir(child.folder.c_str()) != 0)
        ::_exit(kNoExec);
    unsigned char fences = 0;
    // An administrator's processes are not counted and could undo the limits. A new network needs a new user space, or
    // the rights of an administrator before they are given up.
    const bool root = ::geteuid() == 0;
    if (::unshare(root ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) == 0)
        fences |= kNetworkBit;
    if (root && (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0
                 || ::setresuid(kNobody, kNobody, kNobody) != 0))
        ::_exit(kNoExec);
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && fenceFiles())
        fences |= kFilesBit;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    limit(RLIMIT_CPU, child.limits.cpuSeconds, 1); // the warning signal comes before the deadly one
    limit(RLIMIT_AS, child.limits.memoryBytes);
    limit(RLIMIT_FSIZE, child.limits.fileBytes);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NPROC, 0); // no further process or thread
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
    if (network && files)
        return {};
    return fmt::format("the system does not let kvviz {}{}{} the code that it runs",
                       network ? "" : "cut off the network of", !network && !files ? " and " : "",
                       files ? "" : "fence in the file changes of");
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
    run.fences = {(granted & kNetworkBit) != 0, (granted & kFilesBit) != 0};
    const bool cpuOver = WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU;
    const bool whole = WIFEXITED(status) && WEXITSTATUS(status) == 0 && last.ends_with("\n" + mark + "\n");
    run.result = !ended || cpuOver ? RunResult::timeout : whole ? RunResult::passed : RunResult::failed;
    return run;
}

} // namespace kvviz::datasets
