// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Files that are not what they should be, opened in the window: the message bar names file and cause, and everything
// else keeps working.
#include "core/io/h5_values.hpp"
#include "core/io/results.hpp"
#include "core/io/tables.hpp"
#include "tests/views/made_up.hpp"
#include "tests/views/window_fixture.hpp"
#include "views/capture_browser.hpp"
#include "views/session.hpp"

#include <nlohmann/json.hpp>

#include <fstream>
#include <functional>
#include <unistd.h>

using namespace kvviz;
using Catch::Contains;
using test::captureFile;
using test::ScratchFolder;
using test::WindowBench;

namespace {

namespace fs = std::filesystem;

/// Changes a written file behind everybody's back.
void tamper(const fs::path& path, const std::function<void(hid_t)>& change)
{
    const io::H5Lock lock;
    const io::Handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT));
    REQUIRE(file);
    change(file.get());
}

/// As a program of the future would write it, which need not write the copy of the texts.
void makeNewer(const fs::path& path)
{
    tamper(path, [](hid_t file) {
        io::writeAttribute(file, "format_version", "9.0");
        if (io::hasDataset(file, "texts") || io::hasGroup(file, "texts"))
            H5Ldelete(file, "texts", H5P_DEFAULT);
    });
}

fs::path resultsFile(const fs::path& path)
{
    io::writeReplayResults(path, test::madeUpRecords(1), "test", "test", true);
    return path;
}

fs::path foreignFile(const fs::path& path)
{
    const io::H5Lock lock;
    const io::Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
    REQUIRE(file);
    io::writeAttribute(file.get(), "title", "somebody else's measurements");
    return path;
}

void halve(const fs::path& path) { fs::resize_file(path, fs::file_size(path) / 2); }

struct BadFile {
    const char* name; ///< of the file
    std::function<void(const ScratchFolder&, const fs::path&)> make;
    std::vector<std::string> said; ///< words that the message must have
    bool listed; ///< it becomes a line of the table of captures
};

const std::vector<BadFile>& badFiles()
{
    static const std::vector<BadFile> files{
        {"text.kvh5", [](auto&, const auto& path) { std::ofstream(path) << "not a capture"; }, {"text.kvh5", "HDF5"}, true},
        {"empty.kvh5", [](auto&, const auto& path) { std::ofstream{path}; }, {"empty.kvh5", "HDF5"}, true},
        {"cut.kvh5",
         [](const auto& folder, const auto&) { halve(captureFile(folder, "cut")); },
         {"cut.kvh5"},
         true},
        {"foreign.kvh5", [](auto&, const auto& path) { foreignFile(path); }, {"foreign.kvh5", "no 'kvviz-capture'"}, true},
        {"newer.kvh5",
         [](const auto& folder, const auto&) { makeNewer(captureFile(folder, "newer")); },
         {"newer.kvh5", "9.0", "update kvviz"},
         true},
        {"results.kvh5", [](auto&, const auto& path) { resultsFile(path); }, {"results.kvh5", "expected 'kvviz-capture'"}, true},
        {"part.kvh5.part", [](auto&, const auto& path) { std::ofstream(path) << "x"; }, {"part.kvh5.part", "unfinished"}, false},
        {"heads.kvtab.h5", [](auto&, const auto& path) { foreignFile(path); }, {"heads.kvtab.h5", "--table"}, false},
        {"text.kvres.h5", [](auto&, const auto& path) { std::ofstream(path) << "x"; }, {"text.kvres.h5", "HDF5"}, false},
        {"cut.kvres.h5", [](auto&, const auto& path) { halve(resultsFile(path)); }, {"cut.kvres.h5"}, false},
        {"newer.kvres.h5", [](auto&, const auto& path) { makeNewer(resultsFile(path)); }, {"newer.kvres.h5", "9.0", "newer"}, false},
        {"foreign.kvres.h5", [](auto&, const auto& path) { foreignFile(path); }, {"foreign.kvres.h5", "kvviz-results"}, false},
        {"capture.kvres.h5",
         [](const auto& folder, const auto& path) { fs::rename(captureFile(folder, "moved"), path); },
         {"capture.kvres.h5", "kvviz-capture"},
         false},
        {"notes.json", [](auto&, const auto& path) { std::ofstream(path) << R"({"hello": 1})"; }, {"notes.json"}, false},
        {"broken.json", [](auto&, const auto& path) { std::ofstream(path) << "{"; }, {"broken.json"}, false},
        {"broken.kvsession.json", [](auto&, const auto& path) { std::ofstream(path) << "{"; }, {"broken.kvsession.json", "no session"}, false},
        {"newer.kvsession.json",
         [](auto&, const auto& path) { std::ofstream(path) << R"({"format": "kvviz-session", "format_version": 7})"; },
         {"newer.kvsession.json", "7", "newer kvviz"},
         false},
        {"absent.kvh5", [](auto&, const auto&) {}, {"absent.kvh5", "does not exist"}, false},
        {"nothing in it", [](auto&, const auto& path) { fs::create_directory(path); }, {"nothing in it", "no captures"}, false},
    };
    return files;
}

/// File access as a user who is not root while it lives.
class Unprivileged {
public:
    Unprivileged() : m_root(geteuid() == 0) { REQUIRE((!m_root || seteuid(65534) == 0)); }
    ~Unprivileged()
    {
        if (m_root)
            CHECK(seteuid(0) == 0);
    }
    Unprivileged(const Unprivileged&) = delete;
    Unprivileged& operator=(const Unprivileged&) = delete;

private:
    bool m_root;
};

} // namespace

TEST_CASE("Whatever is opened, the window says what is wrong with it and goes on", "[views][io]")
{
    const ScratchFolder folder;
    const WindowBench window({captureFile(folder, "good")});
    int lines = 1;
    for (const BadFile& bad : badFiles()) {
        CAPTURE(bad.name);
        const fs::path path = folder / bad.name;
        bad.make(folder, path);
        window.open({path});
        for (const std::string& words : bad.said)
            CHECK_THAT(window.messages(), Contains(words));
        CHECK_THAT(window.messages(), Contains(path.string()) || Contains(path.filename().string()));
        lines += bad.listed ? 1 : 0;
        CHECK(window->captures()->size() == lines);
        CHECK(window->browser()->model()->rowCount() == lines);
        if (bad.listed)
            CHECK(!window->browser()->model()->line(lines - 1)->fault.isEmpty());
        window->selection()->setCapture(0);
        window.window->findChild<views::MessageBar*>()->clear();
        window.requireWorks(0);
    }
}

TEST_CASE("In a folder, bad files are lines with their reasons among the good ones", "[views][io]")
{
    const ScratchFolder folder;
    captureFile(folder, "run/a");
    captureFile(folder, "run/c");
    std::ofstream(folder / "run/b.kvh5") << "x";
    resultsFile(folder / "run/replay.kvres.h5");
    std::ofstream(folder / "run/broken.kvres.h5") << "x";
    const WindowBench window(std::vector<fs::path>{captureFile(folder, "first")});
    window.open({folder / "run"});
    CHECK(window->captures()->size() == 4);
    CHECK_THAT(window.messages(), Contains("broken.kvres.h5") && Contains("HDF5"));
    CHECK(window->session().results.size() == 2);
    const views::CaptureLine* bad = window->browser()->model()->line(2);
    REQUIRE(bad);
    CHECK_THAT(bad->fault.toStdString(), Contains("b.kvh5"));
    window.window->findChild<views::MessageBar*>()->clear();
    window.requireWorks(1);
    window.select(2);
    CHECK_THAT(window.messages(), Contains("b.kvh5"));
    CHECK(!window->mapView()->map());
    window.requireWorks(3);
}

TEST_CASE("A folder that may not be read is said with the reason", "[views][io]")
{
    const ScratchFolder folder;
    fs::permissions(folder.path(), fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec
                                       | fs::perms::others_read | fs::perms::others_exec);
    captureFile(folder, "closed/a");
    fs::permissions(folder / "closed", fs::perms::none);
    {
        const Unprivileged user;
        const views::OpenedFiles found = views::sortFiles({folder / "closed", folder / "closed" / "a.kvh5"});
        REQUIRE(found.faults.size() == 2);
        CHECK_THAT(found.faults[0], Contains("closed'") && Contains("Permission denied"));
        CHECK_THAT(found.faults[1], Contains("a.kvh5'") && Contains("Permission denied"));
        CHECK(found.captures.empty());
        CHECK_THROWS_WITH(io::findCaptures({folder / "closed"}), Contains("Permission denied"));
    }
    fs::permissions(folder / "closed", fs::perms::owner_all);
}

TEST_CASE("A capture that is deleted, cut or replaced while it is open does no harm", "[views][io]")
{
    const ScratchFolder folder;
    const fs::path good = captureFile(folder, "a"), file = captureFile(folder, "b");
    const WindowBench window({good, file});
    window.select(1);
    SECTION("deleted: what is open can still be read, F5 says that it is gone")
    {
        fs::remove(file);
        window.requireWorks(1);
        window->reload();
        window.settle();
        CHECK_THAT(window.messages(), Contains("b.kvh5"));
        CHECK(!window->mapView()->map());
        CHECK(!window->browser()->model()->line(1)->fault.isEmpty());
    }
    SECTION("cut: the layer that cannot be read is said, not shown")
    {
        fs::resize_file(file, 4096);
        window->reload();
        window.settle();
        CHECK_THAT(window.messages(), Contains("b.kvh5"));
        CHECK(!window->mapView()->map());
    }
    SECTION("cut under an open file: other layers fail with a message")
    {
        fs::resize_file(file, 4096);
        window->selection()->change([](auto& s) { s.layer = 1; });
        window.settle();
        CHECK_THAT(window.messages(), Contains("b.kvh5"));
    }
    SECTION("replaced by one with fewer layers and heads: F5 shows it")
    {
        window->selection()->change([](auto& s) {
            s.layer = 1;
            s.head = 3;
        });
        window->selection()->setVisible({30, 60}, {30, 60});
        window.settle();
        fs::remove(file);
        captureFile(folder, "b", {.layers = 1, .heads = 2, .kvHeads = 1, .n = 40});
        window->reload();
        window.settle();
        CHECK(window->selection()->state().layer == 0);
        CHECK(window->selection()->state().head == 1);
        REQUIRE(window->mapView()->map());
        CHECK(window->mapView()->panel().heads == std::vector<int>{1});
        CHECK(window->mapView()->panel().keys.end <= 45);
    }
    window.requireWorks(0);
}

TEST_CASE("A session with captures that are gone opens, says which, and shows the others", "[views][io]")
{
    const ScratchFolder folder;
    const fs::path good = captureFile(folder, "a");
    views::Session session;
    session.captures = {{folder / "gone.kvh5", "/"}, {good, "/"}, {folder / "lost.kvh5", "/"}};
    session.selection.capture = 1;
    session.results = {folder / "away.kvres.h5"};
    views::saveSession(session, folder / "s.kvsession.json");
    const WindowBench window(std::vector<fs::path>{captureFile(folder, "other")});
    window.open({folder / "s.kvsession.json"});
    CHECK_THAT(window.messages(), Contains("2 of the captures are not there") && Contains("gone.kvh5")
                                      && Contains("lost.kvh5") && Contains("away.kvres.h5"));
    CHECK(window->captures()->size() == 3);
    window.window->findChild<views::MessageBar*>()->clear();
    window.requireWorks(1);
    SECTION("from the command line, too")
    {
        views::WindowStart start;
        start.session = views::loadSession(folder / "s.kvsession.json");
        const WindowBench again(start);
        CHECK_THAT(again.messages(), Contains("2 of the captures are not there"));
        CHECK(again->mapView()->map());
    }
}

TEST_CASE("A session that cannot be read is not what Save would overwrite", "[views][io]")
{
    const ScratchFolder folder;
    const WindowBench window({captureFile(folder, "a")});
    const fs::path newer = folder.write("newer.kvsession.json", R"({"format": "kvviz-session", "format_version": 7})");
    const fs::path own = folder / "own.kvsession.json";
    views::saveSession(window->session(), own);
    window.open({own});
    window.open({newer});
    CHECK_THAT(window.messages(), Contains("newer kvviz"));
    window->selection()->change([](auto& s) { s.withoutSinks = true; });
    window->windowActions()->action("save_session")->trigger();
    window.settle();
    CHECK(views::loadSession(own).selection.withoutSinks);
    std::ifstream in(newer);
    CHECK_THAT(std::string(std::istreambuf_iterator<char>(in), {}), Contains("7"));
}

TEST_CASE("A session without captures, and one that names more than it lists, open", "[views][io]")
{
    const ScratchFolder folder;
    views::WindowStart start;
    start.session.selection.capture = 5;
    const WindowBench window(start);
    CHECK(window->selection()->state().capture == 0);
    CHECK(window->captures()->size() == 0);
    window.open({captureFile(folder, "a")});
    window.requireWorks(0);
}
