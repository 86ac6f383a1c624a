// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One of the four doors where exceptions end (the others: threads, HDF5 callbacks, the torch boundary).
#include "app/run_program.hpp"

#include "app/completion.hpp"
#include "app/console.hpp"
#include "app/dispatch.hpp"
#include "app/manual.hpp"
#include "app/openmp_wait.hpp"
#include "app/output.hpp"
#include "app/version.hpp"
#include "core/error.hpp"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <new>
#include <system_error>

namespace kvviz::app {
namespace {

using core::ErrorCode;

int fail(ErrorCode code, std::string_view message, std::string_view hint = {})
{
    printError(message, hint);
    return static_cast<int>(code);
}

std::string versionText(const ProgramTable& table)
{
    std::string result = fmt::format("{} {}\n", programName(table.program), version());
    auto libraries = commonLibraries();
    libraries.insert(libraries.end(), table.libraries.begin(), table.libraries.end());
    for (const auto& [name, number] : libraries)
        result += fmt::format("  {:<14}{}\n", name, number);
    if (table.program == Program::kvviz)
        for (const Program helper : {Program::engine, Program::gui}) {
            const auto path = findHelper(helper);
            result += fmt::format("  {:<14}{}\n", programName(helper), path ? path->string() : "not found");
        }
    return result;
}

/// A command of kvviz that, asked for so, needs a model.
bool runsModel(const Invocation& invocation)
{
    return invocation.command == "replay" && invocation.replay.depth == "decode";
}

int runCommand(const CommandLine& line, const Invocation& invocation, const ProgramTable& table, char** argv)
{
    if (invocation.command == "completion" && table.program == Program::kvviz) {
        printOut(completionScript(line, invocation.completionShell));
        return 0;
    }
    if (invocation.command == "man" && table.program == Program::kvviz) {
        printOut(manPage(line, invocation.manPage));
        return 0;
    }
    if (table.program == Program::kvviz && runsModel(invocation))
        startHelper(Program::engine, invocation.command, argv);
    if (const auto found = table.commands.find(invocation.command); found != table.commands.end()) {
        if (invocation.common.threads > 0)
            omp_set_num_threads(invocation.common.threads);
        return found->second(invocation);
    }
    const Program owner = commandEntry(invocation.command).program;
    if (table.program == Program::kvviz && owner != Program::kvviz)
        startHelper(owner, invocation.command, argv);
    throw core::Error(ErrorCode::usage, fmt::format("{} does not run '{}'; use 'kvviz {}'", programName(table.program),
                                                    invocation.command, invocation.command));
}

int parseAndRun(int argc, char** argv, const ProgramTable& table, CommandLine& line)
{
    switch (line.parse({argv + std::min(1, argc), argv + argc})) {
    case CommandLine::Action::help: printOut(line.help(line.command())); return 0;
    case CommandLine::Action::version: printOut(versionText(table)); return 0;
    case CommandLine::Action::run: break;
    }
    Invocation invocation = line.invocation();
    invocation.common.commandLine = commandLineText(argc, argv);
    const int status = runCommand(line, invocation, table, argv);
    finishProgress();
    return status;
}

/// A program started with closed standard streams (>&-) would get its files under their numbers and mix the two up.
void openMissingStreams()
{
    for (int descriptor = 0; descriptor <= 2; ++descriptor)
        if (fcntl(descriptor, F_GETFD) == -1)
            static_cast<void>(open("/dev/null", O_RDWR)); // takes the lowest free number, this one
}

} // namespace

int runProgram(int argc, char** argv, const ProgramTable& table)
{
    openMissingStreams();
    limitSpinning(argv);
    std::signal(SIGPIPE, SIG_IGN); // a reader that leaves early (| head) must not kill a run that also writes files
    CommandLine line(table.program);
    try {
        const int status = parseAndRun(argc, argv, table, line);
        flushOut();
        return status;
    } catch (const core::Error& error) {
        const std::string command = line.command();
        if (error.code() != ErrorCode::usage)
            return fail(error.code(), error.what());
        return fail(error.code(), error.what(),
                    fmt::format("see 'kvviz {}--help'", command.empty() ? "" : command + " "));
    } catch (const std::bad_alloc&) {
        return fail(ErrorCode::device, "out of memory; use fewer threads or layers, or a machine with more memory");
    } catch (const std::filesystem::filesystem_error& error) {
        return fail(ErrorCode::failure, fmt::format("'{}': {}", error.path1().string(), error.code().message()));
    } catch (const std::system_error& error) {
        if (error.code() == std::errc::broken_pipe)
            return 0; // thrown by fmt::print when the reader has left
        if (error.code() == std::errc::resource_unavailable_try_again)
            return fail(ErrorCode::device, "no thread could be started: memory or a limit (ulimit -u, -v) is used up");
        return fail(ErrorCode::failure, error.what());
    } catch (const std::exception& error) {
        return fail(ErrorCode::failure, error.what());
    }
}

} // namespace kvviz::app
