// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Runs real programs in tests and keeps what they print.
#pragma once

#include <string>
#include <vector>

namespace kvviz::test {

struct Outcome {
    int status = -1; ///< exit status, or 128 + signal
    std::string out, err;
};

/// `sh -c COMMAND` with empty standard input.
[[nodiscard]] Outcome runShell(const std::string& command);
/// A program of this build with arguments, no shell in between.
[[nodiscard]] Outcome runProgram(const std::string& program, const std::vector<std::string>& arguments);

} // namespace kvviz::test
