// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The handler only writes a byte to a pipe; a thread turns it into the stop request, because request_stop takes a lock
// and must not run inside a signal handler.
#include "app/interrupt.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <thread>
#include <unistd.h>

namespace kvviz::app {
namespace {

std::array<int, 2> g_pipe{-1, -1};

extern "C" void onStopSignal(int)
{
    const int saved = errno;
    const char byte = 1;
    [[maybe_unused]] const auto written = write(g_pipe[1], &byte, 1);
    errno = saved;
}

std::stop_source* install()
{
    auto* source = new std::stop_source; // lives as long as the process: the thread below may outlast static objects
    if (pipe2(g_pipe.data(), O_CLOEXEC) != 0)
        return source;
    std::thread([source] {
        char byte = 0;
        while (read(g_pipe[0], &byte, 1) < 0 && errno == EINTR) {
        }
        source->request_stop();
    }).detach();
    struct sigaction action {};
    action.sa_handler = onStopSignal;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    return source;
}

} // namespace

std::stop_token interruptToken()
{
    static std::stop_source* const kSource = install();
    return kSource->get_token();
}

} // namespace kvviz::app
