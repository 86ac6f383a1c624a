// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The handler of SIGBUS may run in any thread at any time: it reads a fixed table of atomics and calls mmap, no more.
#include "core/io/mapping_guard.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <sys/mman.h>
#include <unistd.h>

namespace kvviz::io {
namespace {

struct Range {
    std::atomic<std::uintptr_t> begin{0}; ///< 0: not in use
    std::atomic<std::uintptr_t> end{0};   ///< 0: not yet, or no longer
    std::atomic<bool> lost{false};
};

constexpr std::uintptr_t kClaimed = 1;
std::array<Range, 1024> ranges; // more files than any model has
std::uintptr_t pageSize = 4096;
struct sigaction earlier {};

void onBusError(int, siginfo_t* info, void*)
{
    const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
    for (Range& range : ranges) {
        const std::uintptr_t end = range.end.load();
        if (at < range.begin.load() || at >= end)
            continue;
        // All up to the end: of a file that was cut short nothing is there any more, and each page would fault.
        const std::uintptr_t page = at / pageSize * pageSize;
        if (::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
            == MAP_FAILED)
            break;
        range.lost.store(true);
        return;
    }
    ::sigaction(SIGBUS, &earlier, nullptr); // not ours: the same access faults again, as without us
}

void installHandler() noexcept
{
    pageSize = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    struct sigaction action {};
    action.sa_sigaction = onBusError;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGBUS, &action, &earlier);
}

} // namespace

int guardMapping(const std::byte* begin, std::size_t size) noexcept
{
    static const bool installed = (installHandler(), true);
    (void)installed;
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        std::uintptr_t unused = 0;
        if (!ranges[i].begin.compare_exchange_strong(unused, kClaimed))
            continue;
        ranges[i].lost.store(false);
        ranges[i].begin.store(reinterpret_cast<std::uintptr_t>(begin));
        ranges[i].end.store(reinterpret_cast<std::uintptr_t>(begin) + size);
        return static_cast<int>(i);
    }
    return -1;
}

void releaseGuard(int guard) noexcept
{
    if (guard < 0)
        return;
    Range& range = ranges[static_cast<std::size_t>(guard)];
    range.end.store(0);
    range.begin.store(0);
}

bool lostPages(int guard) noexcept { return guard >= 0 && ranges[static_cast<std::size_t>(guard)].lost.load(); }

} // namespace kvviz::io
