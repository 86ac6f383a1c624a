// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A network namespace, another user, Landlock, and a list of system calls that are refused.
#include "datasets/code_fence.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <iterator>

namespace kvviz::datasets {
namespace {

constexpr uid_t kNobody = 65534;

/// A new network needs a new user space, or the rights of an administrator before they are given up.
bool fenceNetwork(bool root)
{
    return ::unshare(root ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

/// An administrator's processes are not counted and could undo the limits.
bool becomeNobody()
{
    return ::setgroups(0, nullptr) == 0 && ::setresgid(kNobody, kNobody, kNobody) == 0
           && ::setresuid(kNobody, kNobody, kNobody) == 0;
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

#if defined(__x86_64__)
constexpr unsigned int kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned int kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr unsigned int kArchitecture = 0;
#endif

/// Calls that reach another process, or that would leave this one's group (which is killed when the time is over).
constexpr long kRefused[] = {
    SYS_kill,   SYS_tkill,  SYS_tgkill,           SYS_rt_sigqueueinfo,   SYS_rt_tgsigqueueinfo, SYS_pidfd_send_signal,
    SYS_ptrace, SYS_setsid, SYS_process_vm_readv, SYS_process_vm_writev, SYS_setpgid,           SYS_pidfd_open,
};

/// Seccomp: the calls above fail with EPERM; a call of another architecture's numbering kills.
bool fenceProcesses()
{
    if (kArchitecture == 0)
        return false;
    constexpr std::size_t kCalls = std::size(kRefused);
    constexpr std::size_t kHead = 5;
    std::array<sock_filter, kHead + kCalls + 2> program{};
    const auto load = [](std::size_t offset) {
        return sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<unsigned int>(offset)};
    };
    const auto result = [](unsigned int value) { return sock_filter{BPF_RET | BPF_K, 0, 0, value}; };
    const auto skip = [](unsigned short test, unsigned int value, std::size_t ifSo, std::size_t ifNot) {
        return sock_filter{static_cast<unsigned short>(BPF_JMP | BPF_K | test), static_cast<unsigned char>(ifSo),
                           static_cast<unsigned char>(ifNot), value};
    };
    constexpr unsigned int kOtherNumbering = 0x40000000; // of x32, the same calls under other numbers
    program[0] = load(offsetof(seccomp_data, arch));
    program[1] = skip(BPF_JEQ, kArchitecture, 1, 0);
    program[2] = result(SECCOMP_RET_KILL_PROCESS);
    program[3] = load(offsetof(seccomp_data, nr));
    program[4] = skip(BPF_JGE, kOtherNumbering, kCalls + 1, 0);
    for (std::size_t i = 0; i < kCalls; ++i)
        program[kHead + i] = skip(BPF_JEQ, static_cast<unsigned int>(kRefused[i]), kCalls - i, 0);
    program[kHead + kCalls] = result(SECCOMP_RET_ALLOW);
    program[kHead + kCalls + 1] = result(SECCOMP_RET_ERRNO | EPERM);
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

} // namespace

int fenceIn() noexcept
{
    const bool root = ::geteuid() == 0;
    int granted = fenceNetwork(root) ? kNetworkFence : 0;
    if (root && !becomeNobody())
        return -1;
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return granted;
    granted |= fenceFiles() ? kFileFence : 0;
    granted |= fenceProcesses() ? kProcessFence : 0;
    return granted;
}

bool limitResource(int what, std::int64_t most, std::int64_t slack) noexcept
{
    const rlimit both{static_cast<rlim_t>(most), static_cast<rlim_t>(most + slack)};
    return ::setrlimit(static_cast<__rlimit_resource_t>(what), &both) == 0;
}

} // namespace kvviz::datasets
