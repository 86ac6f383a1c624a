// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Parts with heartbeats, and what status makes of the files of a run.
#include "core/error.hpp"
#include "core/io/capture_reader.hpp"
#include "core/io/folder_clock.hpp"
#include "core/io/run_folder.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"

#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace kvviz;
using namespace std::chrono_literals;
using test::ScratchFolder;
namespace fs = std::filesystem;

namespace {

constexpr std::time_t kNow = 2'000'000'000;

/// A file whose last change was `age` seconds before kNow.
fs::path touched(const ScratchFolder& folder, const std::string& name, std::time_t age, const std::string& content = "x")
{
    const fs::path path = folder.write(name, content);
    const timespec times[2] = {{kNow - age, 0}, {kNow - age, 0}};
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
    return path;
}

std::string manifest(const std::string& prompts)
{
    return R"({"format":"kvviz-run","model":{"name":"tiny"},"tasks":["addition"],"tier":"cache","prompts":)" + prompts + "}";
}

/// A process number that nobody has.
std::string deadWriter()
{
    const std::string own = io::partWriterName();
    return own.substr(0, own.rfind('-') + 1) + "999999999";
}

} // namespace

TEST_CASE("a part is stale when nobody touches it, or when its process here is gone", "[io]")
{
    const ScratchFolder folder;
    touched(folder, "a.kvh5.far-17.part", 5);
    touched(folder, "b.kvh5.far-17.part", 121);
    touched(folder, "c.kvh5." + io::partWriterName() + ".part", 5);
    touched(folder, "d.kvh5." + deadWriter() + ".part", 5);
    touched(folder, "e.kvh5.part", 5);
    touched(folder, "f.kvh5.part", 500);
    touched(folder, "capture.json.far-17.part", 500); // no capture
    touched(folder, "g.kvh5", 500);
    const std::vector<io::PartState> parts = io::findParts(folder.path(), kNow);
    REQUIRE(parts.size() == 6);
    std::string stale;
    for (const io::PartState& part : parts) {
        CHECK(part.target.extension() == ".kvh5");
        stale += part.stale ? part.target.stem().string() : "";
    }
    CHECK(stale == "bdf");
    CHECK(parts[0].host == "far");
    CHECK(parts[0].pid == 17);
    CHECK(parts[0].age == 5s);
    CHECK(parts[4].host.empty());
    CHECK(io::removeStaleParts(folder.path(), kNow) == 3);
    CHECK(io::findParts(folder.path(), kNow).size() == 3);
    CHECK(fs::exists(folder / "capture.json.far-17.part"));
    CHECK(fs::exists(folder / "g.kvh5"));
}

TEST_CASE("a writer's name can be read out of its part, and holds nothing that a path could not", "[io]")
{
    const std::string name = io::partWriterName();
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == std::string::npos);
    const ScratchFolder folder;
    touched(folder, "task.v2-3.kvh5." + name + ".part", 0);
    const auto parts = io::findParts(folder.path(), kNow);
    REQUIRE(parts.size() == 1);
    CHECK(parts[0].target == folder / "task.v2-3.kvh5");
    CHECK(parts[0].pid == ::getpid());
}

TEST_CASE("a heartbeat touches its file and leaves one that is gone alone", "[io]")
{
    const ScratchFolder folder;
    const fs::path file = folder.write("a.part", "x");
    const timespec past[2] = {{1000, 0}, {1000, 0}};
    REQUIRE(::utimensat(AT_FDCWD, file.c_str(), past, 0) == 0);
    {
        const io::Heartbeat heartbeat(file, 5ms);
        for (int i = 0; i < 1000 && io::changeTime(file) == 1000; ++i)
            std::this_thread::sleep_for(5ms);
        CHECK(io::changeTime(file) > 1000);
        fs::remove(file);
        std::this_thread::sleep_for(30ms);
    }
    CHECK_FALSE(fs::exists(file));
}

TEST_CASE("a writer with a name has a part of its own, which another writer of the same capture does not touch", "[io]")
{
    const ScratchFolder folder;
    const test::SyntheticCapture capture;
    io::WriterOptions options;
    options.partWriter = "far-17";
    const fs::path target = folder / "a.kvh5";
    {
        const io::CaptureWriter unfinished(target, capture.info(), options);
        CHECK(fs::exists(folder / "a.kvh5.far-17.part"));
        test::writeSynthetic(capture, target);
        CHECK(fs::exists(folder / "a.kvh5.far-17.part"));
    }
    CHECK_FALSE(fs::exists(folder / "a.kvh5.far-17.part"));
    CHECK(io::verifyCapture({target, "/"}).empty());
}

TEST_CASE("the state of a run follows from its files", "[io]")
{
    const ScratchFolder folder;
    touched(folder, "capture.json", 1000, manifest(R"(["a","b","c","d","e","f","g","h"])"));
    touched(folder, "a.kvh5", 2000); // of an earlier run
    touched(folder, "b.kvh5", 800);
    touched(folder, "c.kvh5", 100);
    touched(folder, "d.kvh5.far-17.part", 3);
    touched(folder, "d.kvh5.near-4.part", 3); // two tasks at one prompt
    touched(folder, "e.kvh5.far-18.part", 300);
    touched(folder, "other.kvh5", 10);
    io::writeFailure(folder.path(), "f", "does not fit", "2033-05-18T03:33:20Z");
    const io::RunState run = io::readRun(folder.path(), kNow);
    CHECK(run.model == "tiny");
    CHECK(run.total == 8);
    CHECK(run.done == 3);
    CHECK(run.others == 1);
    CHECK(run.running.size() == 2);
    REQUIRE(run.stale.size() == 1);
    CHECK(run.stale[0].target.stem() == "e");
    REQUIRE(run.failed.size() == 1);
    CHECK(run.failed[0].id == "f");
    CHECK(run.failed[0].error == "does not fit");
    CHECK(run.failed[0].writer == io::partWriterName());
    CHECK(run.waiting == 3); // e, g, h
    REQUIRE(run.perSecond);
    CHECK(*run.perSecond == Approx(2.0 / 1000)); // b and c since the last task began
    REQUIRE(run.secondsLeft);
    CHECK(*run.secondsLeft == Approx(4 * 500.0));
    io::clearFailure(folder.path(), "f");
    CHECK(io::readRun(folder.path(), kNow).waiting == 4);
    CHECK(io::readRun(folder.path(), kNow + 500).secondsLeft == std::nullopt); // nothing runs any more
    CHECK(io::readRun(folder.path(), kNow + 500).stale.size() == 3);
}

TEST_CASE("the folder's time is that of a new file, or where there can be none, not before the newest file", "[io]")
{
    const ScratchFolder folder;
    const io::FolderTime time = io::folderTime(folder.path());
    CHECK(time.ofFolder);
    CHECK(std::abs(time.now - std::time(nullptr)) < 5);
    CHECK(fs::is_empty(folder.path()));
    const io::FolderTime closed = io::folderTime("/proc/self"); // where nobody can make a file
    CHECK_FALSE(closed.ofFolder);
    CHECK(std::abs(closed.now - std::time(nullptr)) < 5);
    CHECK_FALSE(io::folderTime(folder / "none").ofFolder);
}

TEST_CASE("journals of evaluations are counted, those of shards together", "[io]")
{
    const ScratchFolder folder;
    touched(folder, "e.kvres.h5.0-of-2.journal", 50, "header\none\ntwo\ntorn");
    touched(folder, "e.kvres.h5.1-of-2.journal", 20, "header\n");
    touched(folder, "e.kvres.h5.run.json", 60, R"({"format":"kvviz-run","prompts":7})");
    touched(folder, "whole.kvres.h5.journal", 5, "header\none\n");
    touched(folder, "whole.kvres.h5", 5);
    const io::RunState run = io::readRun(folder.path(), kNow);
    CHECK_FALSE(run.hasManifest);
    REQUIRE(run.evals.size() == 2);
    CHECK(run.evals[0].output == "e.kvres.h5");
    CHECK(run.evals[0].prompts == 2);
    CHECK(run.evals[0].total == 7);
    CHECK(run.evals[0].journals == 2);
    CHECK(run.evals[0].age == 20s);
    CHECK_FALSE(run.evals[0].written);
    CHECK(run.evals[1].output == "whole.kvres.h5");
    CHECK(run.evals[1].prompts == 1);
    CHECK_FALSE(run.evals[1].total);
    CHECK(run.evals[1].written);
}

TEST_CASE("what is no run is refused with what was expected", "[io]")
{
    const ScratchFolder folder;
    CHECK_THROWS_WITH(io::readRun(folder / "none", kNow), Catch::Contains("is no folder"));
    CHECK_THROWS_WITH(io::readRun(folder.path(), kNow), Catch::Contains("capture.json"));
    for (const char* bad : {"", "{", "[]", R"({"format":"other"})"}) {
        touched(folder, "capture.json", 1, bad);
        CHECK_THROWS_WITH(io::readRun(folder.path(), kNow), Catch::Contains("does not describe a run"));
    }
    // Prompts that are no list would be none, and the run done.
    for (const char* bad : {"3", "null", "{}", "\"a\"", R"([1, "a"])"}) {
        touched(folder, "capture.json", 1, manifest(bad));
        CHECK_THROWS_WITH(io::readRun(folder.path(), kNow),
                          Catch::Contains("capture.json': prompts: expected a list of the ids of prompts"));
    }
    // Damaged records beside a sound manifest are no end of it.
    touched(folder, "capture.json", 1, manifest("[\"a\"]"));
    touched(folder, "x.failed.json", 1, "{");
    const io::RunState run = io::readRun(folder.path(), kNow);
    CHECK(run.total == 1);
    CHECK(run.failed.empty());
}
