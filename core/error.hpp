// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The one exception type of kvviz. Thrown where a fault is found, caught at the four doors (main, thread entry,
// HDF5 callback, torch boundary). Its code is the process exit status.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace kvviz::core {

/// Exit statuses of every kvviz program (docs: "CLI manners").
enum class ErrorCode {
    failure = 1,   ///< anything else: disk full, folder not writable, ...
    usage = 2,     ///< a wrong option, name or value
    badInput = 3,  ///< a file that cannot be read, is foreign, truncated or contradicts itself
    device = 4,    ///< device missing or out of memory
    partial = 5,   ///< stopped early, a usable partial result is kept
    cancelled = 130 ///< SIGINT
};

/// One clear sentence: the file, the place in it, what was expected, what to do.
class Error : public std::runtime_error {
public:
    Error(ErrorCode code, const std::string& message) : std::runtime_error(message), m_code(code) {}
    [[nodiscard]] ErrorCode code() const noexcept { return m_code; }
    [[nodiscard]] int exitStatus() const noexcept { return static_cast<int>(m_code); }

private:
    ErrorCode m_code;
};

} // namespace kvviz::core
