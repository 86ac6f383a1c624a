// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The fence around generated code: what passes, what fails, what is stopped, and that nothing is left behind.
#include "datasets/code_sandbox.hpp"
#include "tests/support/catch.hpp"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
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
    CHECK(SandboxFences{true, true, true}.missing().empty());
    using Catch::Matchers::Contains;
    CHECK_THAT((SandboxFences{false, true, true}.missing()), Contains("network") && !Contains("files"));
    CHECK_THAT((SandboxFences{true, false, true}.missing()), Contains("files") && !Contains("processes"));
    CHECK_THAT((SandboxFences{false, false, false}.missing()),
               Contains("network") && Contains("files") && Contains("processes"));
}

TEST_CASE("A program that multiplies itself gets no second process", "[unit]")
{
    if (lacksPython())
        return;
    const auto start = std::chrono::steady_clock::now();
    for (const char* program : {"import os\nwhile True:\n    os.fork()",
                                "import multiprocessing\nmultiprocessing.Process(target=print).start()",
                                "import threading\nthreading.Thread(target=print).start()",
                                "import os\nos.posix_spawn('/bin/true', ['true'], {})"}) {
        INFO(program);
        CHECK(runPython(program).result == RunResult::failed);
    }
    // What a grandchild would do after its parent has gone: hold the pipe open, and leave the group.
    CHECK(runPython("import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)").result
          == RunResult::failed);
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(15));
}

TEST_CASE("A program cannot leave its group, by which it is killed when the time is over", "[unit]")
{
    if (lacksPython())
        return;
    SandboxLimits limits;
    limits.wallTime = std::chrono::milliseconds(600);
    const SandboxRun run = runPython("import os, time\ntry:\n    os.setpgid(0, os.getppid())\n"
                                     "except OSError:\n    pass\n"
                                     "print(os.getpid(), flush=True)\ntime.sleep(60)",
                                     limits);
    CHECK(run.result == RunResult::timeout);
    const pid_t pid = std::atoi(run.output.c_str());
    REQUIRE(pid > 1);
    CHECK((::kill(pid, 0) != 0 && errno == ESRCH));
}

TEST_CASE("A program harms no other process and reads nothing of kvviz", "[unit]")
{
    if (lacksPython())
        return;
    // This test goes on, so the signal did not arrive.
    const SandboxRun run = runPython("import os, signal\nfor pid in (os.getppid(), -1, 0):\n    try:\n"
                                     "        os.kill(pid, signal.SIGKILL)\n    except PermissionError:\n        pass\n"
                                     "    else:\n        assert False");
    if (run.fences.processes)
        CHECK(run.result == RunResult::passed);
    else
        CHECK_THAT(run.fences.missing(), Catch::Matchers::Contains("processes"));
    const std::string parent = "/proc/" + std::to_string(::getpid());
    for (const char* file : {"/environ", "/mem", "/maps", "/fd"}) {
        INFO(file);
        const SandboxRun look = runPython("import os\np = '" + parent + file
                                          + "'\nos.listdir(p) if os.path.isdir(p) else open(p, 'rb').read(1)");
        if (::geteuid() == 0 || look.fences.processes)
            CHECK(look.result == RunResult::failed);
    }
}

TEST_CASE("Output without end is stopped and hardly kept", "[unit]")
{
    if (lacksPython())
        return;
    SandboxLimits limits;
    limits.wallTime = std::chrono::milliseconds(1500);
    const SandboxRun run = runPython("while True:\n    print('kvviz-done-' * 1000)", limits);
    CHECK(run.result == RunResult::timeout);
    CHECK(run.output.size() <= (std::size_t{1} << 16));
    CHECK(run.output.size() > 10000);
}

TEST_CASE("Nothing a program leaves in its folder stays, closed folders and links neither", "[unit]")
{
    if (lacksPython())
        return;
    const auto outside = std::filesystem::temp_directory_path() / ("kvviz-linked-" + std::to_string(::getpid()));
    std::filesystem::create_directory(outside);
    std::filesystem::permissions(outside, std::filesystem::perms::all);
    const SandboxRun run = runPython("import os\nos.makedirs('a/b/c')\nopen('a/b/c/d', 'w').close()\n"
                                     "os.symlink('" + outside.string() + "', 'link')\nos.mkfifo('pipe')\n"
                                     "os.chmod('a/b', 0)\nos.chmod('a', 0)\nprint(os.getcwd())\nos.chmod('.', 0)");
    CHECK(run.result == RunResult::passed);
    const std::string folder = run.output.substr(0, run.output.find('\n'));
    CHECK_THAT(folder, Catch::Matchers::Contains("kvviz-code-"));
    CHECK_FALSE(std::filesystem::exists(folder));
    CHECK(std::filesystem::is_directory(outside));
    std::filesystem::remove(outside);
}

TEST_CASE("A program cannot pass by guessing what a finished one prints", "[unit]")
{
    if (lacksPython())
        return;
    for (const char* program :
         {"import os\nos.write(1, b'\\nkvviz-done-0000000000000000\\n')\nos._exit(0)",
          "import atexit, os\natexit.register(lambda: os._exit(0))\nraise SystemExit", "exit()",
          "import sys\nsys.exit(None)",
          "raise KeyboardInterrupt", "import ctypes\nctypes.string_at(0)",
          "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f():\n    f()\nf()"}) {
        INFO(program);
        CHECK(runPython(program).result != RunResult::passed); // a deep recursion may run into the time limit
    }
}
