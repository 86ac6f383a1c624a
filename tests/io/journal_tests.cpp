// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A journal survives what ends its writer: kill -9 at any moment, a file cut at any byte, a full disk.
#include "core/error.hpp"
#include "core/io/journal.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iterator>
#include <random>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace kvviz;
using io::Journal;
using io::JournalStart;
using io::readJournal;
using test::ScratchFolder;

namespace {

constexpr const char* kSettings = "model=m task=addition seed=1";

std::string contentOf(const std::filesystem::path& path)
{
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

void writeContent(const std::filesystem::path& path, const std::string& content)
{
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

/// Line i of a run: most are short, some are longer than a page.
std::string lineOf(std::size_t i)
{
    return "{\"i\":" + std::to_string(i) + ",\"answer\":\"" + std::string(i % 17 == 0 ? 20000 : i % 97, 'x') + "\"}";
}

/// Lines that a run must have written: 0, 1, 2, ...
void requireRun(const std::vector<std::string>& lines)
{
    for (std::size_t i = 0; i < lines.size(); ++i)
        REQUIRE(lines[i] == lineOf(i));
}

/// The child of a fork: goes on with the journal until it is killed, and tells through a pipe of each line it has
/// appended.
[[noreturn]] void appendUntilKilled(const std::filesystem::path& path, int told)
{
    try {
        Journal journal(path, kSettings, JournalStart::resume);
        for (std::size_t i = journal.earlier().size();; ++i) {
            journal.append(lineOf(i));
            if (::write(told, "l", 1) != 1)
                ::_exit(2);
        }
    } catch (...) {
        ::_exit(3);
    }
}

/// Bytes that are still in the pipe when its writer is gone.
std::size_t drain(int pipe)
{
    std::size_t total = 0;
    char bytes[4096];
    for (ssize_t count; (count = ::read(pipe, bytes, sizeof bytes)) > 0;)
        total += static_cast<std::size_t>(count);
    return total;
}

} // namespace

TEST_CASE("a journal gives back its lines and goes on after them", "[io]")
{
    const ScratchFolder folder;
    const std::filesystem::path path = folder / "run.jsonl";
    {
        Journal journal(path, kSettings, JournalStart::fresh);
        CHECK(journal.earlier().empty());
        CHECK(readJournal(path, kSettings).empty());
        journal.append(R"({"prompt":0})");
        CHECK(readJournal(path, kSettings).size() == 1); // beside the writer
        journal.append("");
        CHECK_THROWS_WITH(journal.append("two\nlines"), Catch::Contains("line break"));
        journal.append(std::string("NUL \0 and \xff", 11));
    }
    const std::vector<std::string> expected{R"({"prompt":0})", "", std::string("NUL \0 and \xff", 11)};
    CHECK(readJournal(path, kSettings) == expected);
    {
        Journal journal(path, kSettings, JournalStart::resume);
        CHECK(journal.earlier() == expected);
        journal.append("last");
    }
    CHECK(readJournal(path, kSettings).back() == "last");
    CHECK(readJournal(path, kSettings).size() == 4);
    CHECK_THROWS_WITH(Journal(path, kSettings, JournalStart::fresh), Catch::Contains("--resume"));
    CHECK(readJournal(path, kSettings).size() == 4);
    Journal(path, kSettings, JournalStart::overwrite).append("new");
    CHECK(readJournal(path, kSettings) == std::vector<std::string>{"new"});
}

TEST_CASE("the journal of another run is refused and left alone", "[io]")
{
    const ScratchFolder folder;
    const std::filesystem::path path = folder / "run.jsonl";
    Journal(path, kSettings, JournalStart::fresh).append("line");
    const std::string before = contentOf(path);
    const auto codeOf = [&](JournalStart start) {
        try {
            Journal journal(path, "model=m task=addition seed=2", start);
        } catch (const core::Error& error) {
            CHECK_THAT(error.what(), Catch::Contains("run.jsonl") && Catch::Contains("other settings"));
            return error.exitStatus();
        }
        return 0;
    };
    CHECK(codeOf(JournalStart::resume) == 2);
    CHECK(codeOf(JournalStart::fresh) == 2);
    CHECK_THROWS_WITH(readJournal(path, ""), Catch::Contains("other settings"));
    CHECK(contentOf(path) == before);
    CHECK(codeOf(JournalStart::overwrite) == 0);
    CHECK(readJournal(path, "model=m task=addition seed=2").empty());
}

TEST_CASE("a file that is no journal is refused and left alone", "[io]")
{
    const ScratchFolder folder;
    const std::filesystem::path path = folder / "notes.txt";
    for (const std::string content :
         {"my notes", "my notes\n", R"({"format":"kvvis)", "{\"format\":\"kvviz-journal\"}\n", "\n", "\x89HDF\r\n"}) {
        writeContent(path, content);
        CHECK_THROWS_WITH(Journal(path, kSettings, JournalStart::resume), Catch::Contains("no journal"));
        CHECK_THROWS_WITH(Journal(path, kSettings, JournalStart::fresh), Catch::Contains("no journal"));
        CHECK_THROWS_WITH(readJournal(path, kSettings), Catch::Contains("no journal"));
        CHECK(contentOf(path) == content);
    }
    CHECK_THROWS_WITH(readJournal(folder / "missing.jsonl", kSettings), Catch::Contains("No such file"));
    CHECK_THROWS_WITH(Journal(folder / "missing/run.jsonl", kSettings, JournalStart::fresh),
                      Catch::Contains("No such file"));
    CHECK_THROWS_AS(Journal(folder.path(), kSettings, JournalStart::resume), core::Error);
}

TEST_CASE("a journal cut at any byte keeps all lines before the cut", "[io]")
{
    const ScratchFolder folder;
    const std::filesystem::path whole = folder / "whole.jsonl", path = folder / "cut.jsonl";
    {
        Journal journal(whole, kSettings, JournalStart::fresh);
        for (std::size_t i = 1; i < 6; ++i)
            journal.append(lineOf(i));
    }
    const std::string content = contentOf(whole);
    const std::vector<std::string> all = readJournal(whole, kSettings);
    for (std::size_t size = 0; size <= content.size(); ++size) {
        writeContent(path, content.substr(0, size));
        const auto breaks = std::count(content.begin(), content.begin() + static_cast<std::ptrdiff_t>(size), '\n');
        const std::vector<std::string> expected(all.begin(), all.begin() + std::max<std::ptrdiff_t>(breaks - 1, 0));
        REQUIRE(readJournal(path, kSettings) == expected);
        {
            Journal journal(path, kSettings, breaks == 0 ? JournalStart::fresh : JournalStart::resume);
            REQUIRE(journal.earlier() == expected);
            journal.append("after");
        }
        const std::vector<std::string> resumed = readJournal(path, kSettings);
        REQUIRE(resumed.size() == expected.size() + 1);
        REQUIRE(resumed.back() == "after");
    }
}

TEST_CASE("kill -9 loses at most the line in flight", "[io]")
{
    const ScratchFolder folder;
    const std::filesystem::path path = folder / "run.jsonl";
    std::mt19937 random(12);
    std::size_t lines = 0;
    for (int round = 0; round < 40; ++round) {
        int pipe[2];
        REQUIRE(::pipe(pipe) == 0);
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            ::close(pipe[0]);
            appendUntilKilled(path, pipe[1]);
        }
        ::close(pipe[1]);
        std::size_t told = 0;
        if (char byte; round % 2 == 0) // half of the runs get to work, the others may be killed while they begin
            told += ::read(pipe[0], &byte, 1) == 1;
        ::usleep(random() % 15000);
        REQUIRE(::kill(child, SIGKILL) == 0);
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        REQUIRE(WIFSIGNALED(status)); // it did not end by itself
        told += drain(pipe[0]);
        ::close(pipe[0]);
        if (!std::filesystem::exists(path))
            continue; // killed before it began
        const std::vector<std::string> found = readJournal(path, kSettings);
        requireRun(found);
        CHECK(found.size() >= lines + told);
        CHECK(found.size() <= lines + told + 1); // written, and killed before it could tell
        lines = found.size();
    }
    CHECK(lines >= 20);
    Journal journal(path, kSettings, JournalStart::resume);
    CHECK(journal.earlier().size() == lines);
}

TEST_CASE("two runs do not write one journal", "[io]")
{
    const ScratchFolder folder;
    const std::filesystem::path path = folder / "run.jsonl";
    Journal first(path, kSettings, JournalStart::fresh);
    first.append("line");
    for (const JournalStart start : {JournalStart::fresh, JournalStart::resume, JournalStart::overwrite})
        CHECK_THROWS_WITH(Journal(path, kSettings, start), Catch::Contains("another run"));
    first.append("more");
    CHECK(readJournal(path, kSettings).size() == 2);
}

TEST_CASE("a line that does not fit on the disk leaves none of it", "[io]")
{
    const ScratchFolder folder;
    const std::filesystem::path path = folder / "run.jsonl";
    Journal journal(path, kSettings, JournalStart::fresh);
    journal.append("first");
    const std::string before = contentOf(path);

    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit small = limit;
    small.rlim_cur = before.size() + 100; // the next line's beginning fits
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
    std::string message;
    try {
        journal.append(std::string(1000, 'x'));
    } catch (const core::Error& error) {
        message = error.what();
    }
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
    std::signal(SIGXFSZ, handler);

    CHECK_THAT(message, Catch::Contains("cannot write") && Catch::Contains("File too large"));
    CHECK(contentOf(path) == before);
    journal.append("second");
    CHECK(readJournal(path, kSettings) == std::vector<std::string>{"first", "second"});
}
