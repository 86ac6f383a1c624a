// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The fence around generated code: what passes, what fails, what is stopped, and that nothing is left behind.
#include "datasets/code_sandbox.hpp"
#include "tests/support/catch.hpp"

#include <unistd.h>

#include <filesystem>
#include <string>

using namespace kvviz::datasets;

namespace {

bool lacksPython()
{
    if (!findPython().empty())
        return false;
    WARN("skipped: there is no python3 in PATH");
    return true;
}

} // namespace

TEST_CASE("A program passes if it reaches its last line and fails otherwise", "[unit]")
{
    if (lacksPython())
        return;
    CHECK(runPython("x = 1\nassert x == 1").result == RunResult::passed);
    CHECK(runPython("").result == RunResult::passed);
    CHECK(runPython("print('y' * 10 ** 6)").result == RunResult::passed);
    CHECK(runPython("print = None").result == RunResult::passed);
    for (const char* program :
         {"assert 1 == 2", "raise ValueError('no')", "def f(:", "import sys\nsys.exit(0)", "import os\nos._exit(0)",
          "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "import no_such_module"}) {
        INFO(program);
        CHECK(runPython(program).result == RunResult::failed);
    }
    CHECK_THAT(runPython("raise ValueError('no such luck')").output, Catch::Matchers::Contains("no such luck"));
}

TEST_CASE("A program that takes too long is stopped by the wall clock or by its processor time", "[unit]")
{
    if (lacksPython())
        return;
    SandboxLimits wall;
    wall.wallTime = std::chrono::milliseconds(400);
    const auto start = std::chrono::steady_clock::now();
    CHECK(runPython("import time\ntime.sleep(60)", wall).result == RunResult::timeout);
    // It closes its output at once, so that only the clock is left to tell.
    CHECK(runPython("import os, time\nos.close(1)\nos.close(2)\ntime.sleep(60)", wall).result == RunResult::timeout);
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
    SandboxLimits processor;
    processor.cpuSeconds = 1;
    processor.wallTime = std::chrono::seconds(60);
    CHECK(runPython("while True: pass", processor).result == RunResult::timeout);
}

TEST_CASE("Memory, file size and further processes are refused to a program", "[unit]")
{
    if (lacksPython())
        return;
    CHECK_THAT(runPython("x = bytearray(4 << 30)").output, Catch::Matchers::Contains("MemoryError"));
    CHECK(runPython("open('a', 'wb').write(b'x' * (4 << 20))").result == RunResult::failed);
    CHECK(runPython("open('a', 'wb').write(b'x' * 1000)").result == RunResult::passed);
    CHECK_THAT(runPython("import os\nos.fork()").output, Catch::Matchers::Contains("BlockingIOError"));
    CHECK(runPython("import subprocess\nsubprocess.run(['true'])").result == RunResult::failed);
}

TEST_CASE("A program starts in an empty folder of its own, without the environment of its caller", "[unit]")
{
    if (lacksPython())
        return;
    const SandboxRun run = runPython("import os\nassert os.listdir('.') == ['program.py']\n"
                                     "assert 'PATH' not in os.environ and os.getuid() != 0\nprint(os.getcwd())");
    REQUIRE(run.result == RunResult::passed);
    const std::string folder = run.output.substr(0, run.output.find('\n'));
    CHECK_THAT(folder, Catch::Matchers::Contains("kvviz-code-"));
    CHECK_FALSE(std::filesystem::exists(folder));
}

TEST_CASE("Network and foreign files are out of reach, or the run says that they are not", "[unit]")
{
    if (lacksPython())
        return;
    const SandboxRun net = runPython("import socket\nassert [n for _, n in socket.if_nameindex()] == ['lo']\n"
                                     "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                                     "try:\n    s.connect(('192.0.2.1', 9))\nexcept OSError:\n    pass\n"
                                     "else:\n    assert False");
    if (net.fences.network)
        CHECK(net.result == RunResult::passed);
    else
        CHECK_THAT(net.fences.missing(), Catch::Matchers::Contains("network"));

    const auto path = std::filesystem::temp_directory_path() / ("kvviz-outside-" + std::to_string(::getpid()));
    const SandboxRun file = runPython("open('" + path.string() + "', 'w').write('x')");
    if (file.fences.files) {
        CHECK(file.result == RunResult::failed);
        CHECK_FALSE(std::filesystem::exists(path));
    } else {
        CHECK_THAT(file.fences.missing(), Catch::Matchers::Contains("file"));
        std::filesystem::remove(path);
    }
}

TEST_CASE("A fence that could not be had is named", "[unit]")
{
    CHECK(SandboxFences{true, true}.missing().empty());
    CHECK_THAT((SandboxFences{false, true}.missing()), Catch::Matchers::Contains("network of the code"));
    CHECK_THAT((SandboxFences{false, false}.missing()),
               Catch::Matchers::Contains("network of and fence in the file changes of the code"));
}
