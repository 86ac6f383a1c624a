// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Finding captures in folders and packs, packing them, and reading with h5py alone.
#include "core/io/capture_reader.hpp"
#include "core/io/h5_values.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"

#include <cstdlib>
#include <fstream>

using namespace kvviz;
using test::ScratchFolder;
using test::SyntheticCapture;

namespace {

bool pythonReads(const std::filesystem::path& file, const std::string& group = "")
{
    const std::string tests = std::string(KVVIZ_TEST_DATA) + "/..";
    const std::string format = group.empty() ? " '" + tests + "/../docs/format.md'" : " '' " + group;
    return std::system(("/usr/bin/python3 '" + tests + "/python/read_capture.py' '" + file.string() + "'" + format
                        + " > /dev/null").c_str()) == 0;
}

bool hasH5py() { return std::system("/usr/bin/python3 -c 'import h5py' 2> /dev/null") == 0; }

} // namespace

TEST_CASE("h5py alone reads a capture, and the example of docs/format.md runs", "[io]")
{
    if (!hasH5py()) {
        WARN("skipped: /usr/bin/python3 has no h5py");
        return;
    }
    const ScratchFolder folder;
    SyntheticCapture capture({.n = 300, .t = 5});
    capture.mutableInfo().model.ropeFrequencies = {1.0f, 0.1f, 0.01f, 0.001f};
    test::writeSynthetic(capture, folder / "a.kvh5");
    CHECK(pythonReads(folder / "a.kvh5"));
    io::packCaptures({{folder / "a.kvh5", "/"}}, folder / "pack.kvh5", false);
    CHECK(pythonReads(folder / "pack.kvh5", "/captures/a"));
}

TEST_CASE("captures are found in folders and packs, in order, and unfinished ones are not", "[io]")
{
    const ScratchFolder folder;
    for (const char* name : {"b.kvh5", "a.kvh5"})
        test::writeSynthetic(SyntheticCapture(), folder / name);
    std::filesystem::create_directory(folder / "sub");
    std::filesystem::create_directory(folder / "none");
    test::writeSynthetic(SyntheticCapture({.seed = 9}), folder / "sub/c.kvh5");
    std::ofstream(folder / "d.kvh5.part") << "unfinished";
    std::ofstream(folder / "capture.json") << "{}";
    const auto found = io::findCaptures({folder.path(), folder / "a.kvh5"});
    REQUIRE(found.size() == 3);
    CHECK(found[0] == io::CaptureRef{folder / "a.kvh5", "/"});
    CHECK(found[1] == io::CaptureRef{folder / "b.kvh5", "/"});
    CHECK(found[2] == io::CaptureRef{folder / "sub/c.kvh5", "/"});
    CHECK_THROWS_WITH(io::findCaptures({folder / "none"}), Catch::Contains("holds no captures"));
    CHECK_THROWS_WITH(io::findCaptures({folder / "missing"}), Catch::Contains("does not exist"));
    CHECK_THROWS_WITH(io::findCaptures({folder / "d.kvh5.part"}), Catch::Contains("unfinished"));
}

TEST_CASE("a pack gives back its captures, and packs can be packed again", "[io]")
{
    const ScratchFolder folder;
    std::filesystem::create_directory(folder / "sub");
    const SyntheticCapture one({.seed = 1});
    SyntheticCapture two({.n = 90, .seed = 2});
    two.mutableInfo().model.ropeFrequencies = {1.0f, 0.1f, 0.01f, 0.001f};
    test::writeSynthetic(one, folder / "a.kvh5");
    test::writeSynthetic(two, folder / "sub/a.kvh5"); // the same name
    CHECK(io::packCaptures(io::findCaptures({folder.path()}), folder / "p.kvh5", false) == 2);
    CHECK_THROWS_WITH(io::packCaptures({{folder / "a.kvh5", "/"}}, folder / "p.kvh5", false),
                      Catch::Contains("exists already"));
    const auto members = io::findCaptures({folder / "p.kvh5"});
    REQUIRE(members.size() == 2);
    CHECK(members[0].group == "/captures/a");
    CHECK(members[1].group == "/captures/a-2");
    const io::CaptureReader reader(members[1]);
    CHECK(reader.info().prompt == two.info().prompt);
    CHECK(reader.loadLayer(1, core::Need::stats).received == two.layer(1).received);
    CHECK(reader.available() == two.available());
    const core::LayerData layer = reader.loadLayer(1, core::Need::queryStats | core::Need::farSquares);
    CHECK(layer.receivedSqFar == two.layer(1).receivedSqFar);
    CHECK(layer.queryMean == two.layer(1).queryMean);
    CHECK(layer.queryCovariance == two.layer(1).queryCovariance);
    CHECK(reader.info().model == two.info().model);
    CHECK(reader.name() == "p.kvh5:/captures/a-2");
    for (const io::CaptureRef& member : members)
        CHECK(io::verifyCapture(member).empty());
    CHECK_THROWS_WITH(io::CaptureReader(folder / "p.kvh5"), Catch::Contains("pack"));
    CHECK_THROWS_AS(io::CaptureReader(io::CaptureRef{folder / "p.kvh5", "/captures/zzz"}), core::Error);
    CHECK(io::packCaptures(members, folder / "again.kvh5", false) == 2);
    CHECK(io::verifyCapture(io::findCaptures({folder / "again.kvh5"}).at(1)).empty());
}

TEST_CASE("a pack of something that is no capture leaves no file", "[io]")
{
    const ScratchFolder folder;
    std::ofstream(folder / "bad.kvh5") << "hello";
    CHECK_THROWS_WITH(io::packCaptures({{folder / "bad.kvh5", "/"}}, folder / "p.kvh5", false),
                      Catch::Contains("bad.kvh5"));
    CHECK_FALSE(std::filesystem::exists(folder / "p.kvh5"));
    CHECK_FALSE(std::filesystem::exists(folder / "p.kvh5.part"));
    CHECK_THROWS_AS(io::packCaptures({}, folder / "p.kvh5", false), core::Error);
}

TEST_CASE("a virtual pack links to its captures, by relative paths, and reads as they do", "[io]")
{
    const ScratchFolder folder;
    for (const char* name : {"run/sub", "moved"})
        std::filesystem::create_directories(folder / name);
    const SyntheticCapture one({.seed = 1}), two({.n = 90, .seed = 2});
    test::writeSynthetic(one, folder / "run/a.kvh5");
    test::writeSynthetic(two, folder / "run/sub/b.kvh5");
    const auto captures = io::findCaptures({folder / "run"});
    CHECK(io::packCaptures(captures, folder / "p.kvh5", false, io::PackKind::linked) == 2);
    CHECK(std::filesystem::file_size(folder / "p.kvh5") < 20'000);
    const auto members = io::findCaptures({folder / "p.kvh5"});
    REQUIRE(members.size() == 2);
    CHECK(members[1].group == "/captures/b");
    for (const io::CaptureRef& member : members)
        CHECK(io::verifyCapture(member).empty());
    {
        const io::CaptureReader reader(members[1]);
        CHECK(reader.info().prompt == two.info().prompt);
        CHECK(reader.loadLayer(1, core::Need::stats).received == two.layer(1).received);
        CHECK(reader.storedBytes().size() > 3);
    }
    // Beside its captures, each is found once.
    CHECK(io::packCaptures(captures, folder / "run/all.kvh5", false, io::PackKind::linked) == 2);
    CHECK(io::findCaptures({folder / "run"}) == captures);
    CHECK(io::findCaptures({folder / "run/all.kvh5"}).size() == 2);
    // A pack of its members is a pack of what they link to, copied or linked.
    CHECK(io::packCaptures(members, folder / "copy.kvh5", false) == 2);
    CHECK(io::packCaptures(members, folder / "moved/link.kvh5", false, io::PackKind::linked) == 2);
    // Moved together, they stay together.
    std::filesystem::rename(folder / "run", folder / "moved/run");
    std::filesystem::rename(folder / "p.kvh5", folder / "moved/p.kvh5");
    for (const io::CaptureRef& member : io::findCaptures({folder / "moved/p.kvh5"}))
        CHECK(io::verifyCapture(member).empty());
    for (const io::CaptureRef& member : io::findCaptures({folder / "copy.kvh5"}))
        CHECK(io::verifyCapture(member).empty());
    for (const io::CaptureRef& member : io::findCaptures({folder / "moved/link.kvh5"})) // it was not told
        CHECK_THAT(io::verifyCapture(member).at(0), Catch::Contains("does not exist") && Catch::Contains("kvh5'"));
}

TEST_CASE("a virtual pack of members of a pack links to that pack", "[io]")
{
    const ScratchFolder folder;
    std::filesystem::create_directory(folder / "links");
    test::writeSynthetic(SyntheticCapture(), folder / "a.kvh5");
    CHECK(io::packCaptures({{folder / "a.kvh5", "/"}}, folder / "p.kvh5", false) == 1);
    std::filesystem::remove(folder / "a.kvh5");
    CHECK(io::packCaptures(io::findCaptures({folder / "p.kvh5"}), folder / "links/v.kvh5", false, io::PackKind::linked) == 1);
    const auto members = io::findCaptures({folder / "links/v.kvh5"});
    REQUIRE(members.size() == 1);
    CHECK(io::verifyCapture(members[0]).empty());
}

TEST_CASE("a member that is missing from a virtual pack, or is another file now, is named", "[io]")
{
    const ScratchFolder folder;
    for (const char* name : {"a.kvh5", "b.kvh5", "c.kvh5"})
        test::writeSynthetic(SyntheticCapture(), folder / name);
    CHECK(io::packCaptures(io::findCaptures({folder.path()}), folder / "p.kvh5", false, io::PackKind::linked) == 3);
    std::filesystem::remove(folder / "b.kvh5");
    std::ofstream(folder / "c.kvh5", std::ios::trunc) << "no capture";
    const auto members = io::findCaptures({folder / "p.kvh5"});
    REQUIRE(members.size() == 3);
    CHECK(io::verifyCapture(members[0]).empty());
    const auto missing = io::verifyCapture(members[1]);
    REQUIRE(missing.size() == 1);
    CHECK_THAT(missing[0], Catch::Contains("/captures/b") && Catch::Contains("b.kvh5', which does not exist"));
    CHECK(io::verifyCapture(members[2]).size() == 1);
    CHECK_THROWS_WITH(io::packCaptures(members, folder / "q.kvh5", false), Catch::Contains("b.kvh5"));
}

TEST_CASE("h5py alone reads a member of a virtual pack", "[io]")
{
    if (!hasH5py()) {
        WARN("skipped: /usr/bin/python3 has no h5py");
        return;
    }
    const ScratchFolder folder;
    std::filesystem::create_directory(folder / "run");
    SyntheticCapture capture({.n = 300, .t = 5});
    capture.mutableInfo().model.ropeFrequencies = {1.0f, 0.1f, 0.01f, 0.001f};
    test::writeSynthetic(capture, folder / "run/a.kvh5");
    io::packCaptures({{folder / "run/a.kvh5", "/"}}, folder / "pack.kvh5", false, io::PackKind::linked);
    CHECK(pythonReads(folder / "pack.kvh5", "/captures/a"));
}
