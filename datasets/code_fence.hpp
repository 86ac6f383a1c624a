// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a child process gives up before it runs generated code. All of it is system calls only, as the child was forked
// from a program with threads, any of which may have held any lock.
#pragma once

#include <cstdint>

namespace kvviz::datasets {

/// One bit for each fence that the system granted.
enum FenceBit : unsigned char { kNetworkFence = 1, kFileFence = 2, kProcessFence = 4 };

/// Cuts off the network, gives up an administrator's rights, keeps changes to files below the working folder and other
/// processes out of reach, for this process and for ever. Returns the bits of what was granted, or -1 if an
/// administrator's rights could not be given up.
[[nodiscard]] int fenceIn() noexcept;

/// Sets a limit of the process, the hard one by `slack` above it; false if the system refuses.
[[nodiscard]] bool limitResource(int what, std::int64_t most, std::int64_t slack = 0) noexcept;

} // namespace kvviz::datasets
