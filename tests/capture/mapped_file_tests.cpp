// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// MappedFile and the SHA-256 of a file: contents, ownership, and every way a path can be wrong.
#include "tests/support/catch.hpp"

#include "capture/gguf.hpp"
#include "capture/sha256.hpp"
#include "core/io/mapped_file.hpp"
#include "core/error.hpp"
#include "core/input_file.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/scratch_folder.hpp"

#include <chrono>
#include <fstream>
#include <sys/stat.h>
#include <thread>
#include <utility>

using kvviz::io::MappedFile;
using kvviz::test::ScratchFolder;

namespace {

std::string textOf(const MappedFile& file)
{
    return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

} // namespace

TEST_CASE("a mapped file shows its bytes, also after its pages were dropped", "[capture][unit]")
{
    const ScratchFolder folder;
    const MappedFile file(folder.write("a.bin", "some bytes"));
    CHECK(textOf(file) == "some bytes");
    file.dropPages();
    CHECK(textOf(file) == "some bytes");
}

TEST_CASE("a mapping can be moved and moved over another", "[capture][unit]")
{
    const ScratchFolder folder;
    MappedFile first(folder.write("a.bin", "first"));
    MappedFile second(std::move(first));
    CHECK(first.bytes().empty()); // NOLINT: a moved-from mapping is empty by contract
    CHECK(textOf(second) == "first");
    MappedFile third(folder.write("b.bin", "third"));
    third = std::move(second);
    CHECK(textOf(third) == "first");
    CHECK(MappedFile().bytes().empty());
}

TEST_CASE("a file that is cut short while it is mapped gives zeros and an error that names it", "[capture][unit]")
{
    const ScratchFolder folder;
    const auto path = folder.write("a.bin", std::string(3 << 20, 'x'));
    const MappedFile file(path), untouched(folder.write("b.bin", std::string(1 << 20, 'y')));
    CHECK(std::to_integer<char>(file.bytes().front()) == 'x');
    CHECK_NOTHROW(file.requireWhole());
    std::filesystem::resize_file(path, 5000);
    file.dropPages();
    std::size_t there = 0, zeros = 0;
#pragma omp parallel for reduction(+ : there, zeros)
    for (std::size_t i = 0; i < file.bytes().size(); ++i)
        (file.bytes()[i] == std::byte{'x'} ? there : zeros) += 1;
    CHECK(there == 5000);
    CHECK(there + zeros == file.bytes().size());
    CHECK_THAT(kvviz::test::badInputMessage([&] { file.requireWhole(); }),
               Catch::Matchers::Contains(path.string()) && Catch::Matchers::Contains("became shorter"));
    CHECK_NOTHROW(untouched.requireWhole());
    // The place in the table is used again, and is clean then.
    for (int i = 0; i < 2000; ++i)
        REQUIRE_NOTHROW(MappedFile(folder / "b.bin").requireWhole());
}

TEST_CASE("a file that is changed or replaced while it is mapped is noticed without a page that is missing", "[capture][unit]")
{
    const ScratchFolder folder;
    const auto path = folder.write("a.bin", std::string(5000, 'x'));
    const auto faultAfter = [&](auto&& change) {
        folder.write("a.bin", std::string(5000, 'x'));
        const MappedFile file(path);
        std::this_thread::sleep_for(std::chrono::milliseconds(20)); // the clock of file times moves in steps
        change();
        return kvviz::test::badInputMessage([&] {
            file.requireWhole();
            file.requireInPlace();
        });
    };
    const auto changed = Catch::Matchers::Contains("was changed while it was read");
    CHECK_THAT(faultAfter([&] { std::filesystem::resize_file(path, 4990); }), changed); // within its last page
    CHECK_THAT(faultAfter([&] {
                   std::filesystem::resize_file(path, 0);
                   std::filesystem::resize_file(path, 5000);
               }), changed);
    CHECK_THAT(faultAfter([&] { folder.write("a.bin", std::string(5000, 'y')); }), changed);
    CHECK_THAT(faultAfter([&] { std::filesystem::rename(folder.write("b.bin", std::string(5000, 'x')), path); }),
               Catch::Matchers::Contains("took its place"));
    const MappedFile untouched(path);
    CHECK_NOTHROW(untouched.requireWhole());
    CHECK_NOTHROW(untouched.requireInPlace());
}

TEST_CASE("a path that is no readable file gives bad input with the path and the reason", "[capture][unit]")
{
    const ScratchFolder folder;
    const auto pipe = folder / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    std::filesystem::create_symlink("round", folder / "round");
    const std::pair<std::filesystem::path, std::string> cases[] = {
        {folder / "missing.gguf", "No such file"},
        {folder / "", "folder"},
        {folder.write("empty.gguf", ""), "empty"},
        {pipe, "not a regular file"},
        {folder / "round", "symbolic links"},
    };
    for (const auto& [path, reason] : cases) {
        const auto check = [&path = path, &reason = reason](const std::string& message) {
            CHECK_THAT(message, Catch::Matchers::Contains(path.string()) && Catch::Matchers::Contains(reason));
        };
        check(kvviz::test::badInputMessage([&path = path] { MappedFile file(path); }));
        if (reason != "empty")
            check(kvviz::test::badInputMessage([&path = path] { (void)kvviz::core::readInputText(path); }));
    }
}

TEST_CASE("a text is read whole, and not beyond its limit", "[capture][unit]")
{
    const ScratchFolder folder;
    const std::string text = std::string("a\0b", 3) + std::string(10000, 'z');
    const auto path = folder.write("a.txt", text);
    CHECK(kvviz::core::readInputText(path) == text);
    CHECK(kvviz::core::readInputText(path, 10003) == text);
    CHECK(kvviz::core::readInputText(folder.write("empty", "")).empty());
    CHECK_THAT(kvviz::test::badInputMessage([&] { (void)kvviz::core::readInputText(path, 10002); }),
               Catch::Matchers::Contains("more than 10002 bytes"));
    CHECK_FALSE(kvviz::core::readInputText("/proc/self/status").empty()); // its size is 0
    CHECK_THAT(kvviz::test::badInputMessage([&] { (void)kvviz::core::readInputText("/proc/self/status", 10); }),
               Catch::Matchers::Contains("more than 10 bytes"));
}

TEST_CASE("the SHA-256 of a file is that of its bytes", "[capture][unit]")
{
    const ScratchFolder folder;
    // The vectors of FIPS 180-2, the last one over several reads.
    CHECK(kvviz::capture::sha256OfFile(folder.write("empty", ""))
          == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(kvviz::capture::sha256OfFile(folder.write("abc", "abc"))
          == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(kvviz::capture::sha256OfFile(folder.write("million", std::string(1'000'000, 'a')))
          == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    const auto missing = folder / "missing";
    CHECK_THAT(kvviz::test::badInputMessage([&] { (void)kvviz::capture::sha256OfFile(missing); }),
               Catch::Matchers::Contains(missing.string()));
    CHECK_THAT(kvviz::test::badInputMessage([&] { (void)kvviz::capture::sha256OfFile(folder / ""); }),
               Catch::Matchers::Contains("cannot be read"));
}
