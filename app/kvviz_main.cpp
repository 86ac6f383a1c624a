// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// kvviz: the one command people type. Runs what needs neither LibTorch nor Qt, hands the rest to its helpers.
#include "app/commands.hpp"
#include "app/run_program.hpp"

int main(int argc, char** argv)
{
    using namespace kvviz::app;
    ProgramTable table;
    table.program = Program::kvviz;
    table.commands = {
        {"info", [](const Invocation& i) { return runInfo(i.info, i.common); }},
        {"verify", [](const Invocation& i) { return runVerify(i.verify, i.common); }},
        {"pack", [](const Invocation& i) { return runPack(i.pack, i.common); }},
        {"status", [](const Invocation& i) { return runStatus(i.status, i.common); }},
        {"import", [](const Invocation& i) { return runImport(i.importing, i.common); }},
        {"replay", [](const Invocation& i) { return runReplay(i.replay, i.common); }},
        {"head-table", [](const Invocation& i) { return runHeadTable(i.headTable, i.common); }},
        {"calibrate", [](const Invocation& i) { return runCalibrate(i.calibrate, i.common); }},
        {"methods", [](const Invocation& i) { return runMethods(i.methods, i.common); }},
        {"tasks", [](const Invocation& i) { return runTasks(i.tasks, i.common); }},
        {"study", [](const Invocation& i) { return runStudy(i.study, i.common); }},
    };
    return runProgram(argc, argv, table);
}
