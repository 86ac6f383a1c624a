// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Preloaded into a program (LD_PRELOAD), lets its clock go wrong by KVVIZ_TEST_CLOCK_SHIFT seconds. Files still get the
// kernel's times, as those of a network folder get its server's.
#include <cstdlib>
#include <ctime>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

std::time_t shift()
{
    const char* const seconds = std::getenv("KVVIZ_TEST_CLOCK_SHIFT");
    return seconds == nullptr ? 0 : std::atol(seconds);
}

} // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept
{
    const long status = ::syscall(SYS_clock_gettime, clock, now);
    if (status == 0 && clock == CLOCK_REALTIME)
        now->tv_sec += shift();
    return static_cast<int>(status);
}

extern "C" std::time_t time(std::time_t* out) noexcept
{
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != nullptr)
        *out = now.tv_sec;
    return now.tv_sec;
}
