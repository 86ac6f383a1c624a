// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The main of all three programs: parse, run or hand over, and turn every exception into one line and an exit status.
#pragma once

#include "app/cli.hpp"

#include <functional>
#include <map>

namespace kvviz::app {

/// What makes one program differ from another.
struct ProgramTable {
    Program program = Program::kvviz;
    /// The commands this program runs itself.
    std::map<std::string, std::function<int(const Invocation&)>> commands;
    /// Libraries beyond those every program has, with their versions, for --version.
    std::vector<std::pair<std::string, std::string>> libraries;
};

[[nodiscard]] int runProgram(int argc, char** argv, const ProgramTable& table);

} // namespace kvviz::app
