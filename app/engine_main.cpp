// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// kvviz-engine: the commands that need LibTorch.
#include "app/commands.hpp"
#include "app/run_program.hpp"

#include <torch/headeronly/version.h>

int main(int argc, char** argv)
{
    using namespace kvviz::app;
    ProgramTable table;
    table.program = Program::engine;
    table.commands = {
        {"capture", [](const Invocation& i) { return runCapture(i.capture, i.common); }},
        {"tokenize", [](const Invocation& i) { return runTokenize(i.tokenize, i.common); }},
    };
    table.libraries = {{"LibTorch", TORCH_VERSION}, {"PCRE2", KVVIZ_PCRE2_VERSION}};
    return runProgram(argc, argv, table);
}
