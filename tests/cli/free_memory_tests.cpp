// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a process can still have, by files as Linux shows them.
#include "app/engine/free_memory.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"

using kvviz::app::freeMemory;

TEST_CASE("free memory is the least of the machine's and of the control groups'", "[app][unit]")
{
    const kvviz::test::ScratchFolder folder;
    CHECK(freeMemory(folder.path()) == 0);
    for (const char* part : {"proc/self", "sys/fs/cgroup/job/step", "sys/fs/cgroup/memory/job/step"})
        std::filesystem::create_directories(folder / part);
    folder.write("proc/meminfo", "MemTotal: 9000 kB\nMemAvailable:    4000 kB\n");
    CHECK(freeMemory(folder.path()) == 4000 * 1024);
    folder.write("proc/self/cgroup", "0::/job/step\n");
    folder.write("sys/fs/cgroup/job/step/memory.max", "max\n");
    folder.write("sys/fs/cgroup/job/step/memory.current", "1000\n");
    folder.write("sys/fs/cgroup/job/memory.max", "300000\n"); // the limit of the group above counts, too
    folder.write("sys/fs/cgroup/job/memory.current", "250000\n");
    CHECK(freeMemory(folder.path()) == 50000);
    folder.write("sys/fs/cgroup/job/memory.stat", "anon 7\ninactive_file 200000\n");
    CHECK(freeMemory(folder.path()) == 250000);
    folder.write("proc/self/cgroup", "9:cpu,memory:/job/step\n0::/\n"); // version 1
    folder.write("sys/fs/cgroup/memory/job/step/memory.limit_in_bytes", "90000\n");
    folder.write("sys/fs/cgroup/memory/job/step/memory.usage_in_bytes", "100000\n");
    CHECK(freeMemory(folder.path()) == 1);
    folder.write("sys/fs/cgroup/memory/job/step/memory.stat", "total_inactive_file 40000\n");
    CHECK(freeMemory(folder.path()) == 30000);
}
