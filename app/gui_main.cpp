// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// kvviz-gui: the commands that need Qt. --help and --version open no display; the commands make the application object.
#include "app/commands.hpp"
#include "app/run_program.hpp"
#include "views/qcustomplot.hpp"

int main(int argc, char** argv)
{
    using namespace kvviz::app;
    ProgramTable table;
    table.program = Program::gui;
    table.commands = {
        {"figure", [](const Invocation& i) { return runFigure(i.figure, i.common); }},
        {"report", [](const Invocation& i) { return runReport(i.report, i.common); }},
        {"view", [](const Invocation& i) { return runView(i.view, i.common); }},
    };
    table.libraries = {{"Qt", qVersion()}, {"QCustomPlot", QCUSTOMPLOT_VERSION_STR}};
    return runProgram(argc, argv, table);
}
