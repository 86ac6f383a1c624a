// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// MappedFile and the SHA-256 of a file: contents, ownership, and every way a path can be wrong.
#include "tests/support/catch.hpp"

#include "capture/gguf.hpp"
#include "capture/sha256.hpp"
#include "core/io/mapped_file.hpp"
#include "core/error.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/scratch_folder.hpp"

#include <fstream>
#include <sys/stat.h>
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

TEST_CASE("a path that is no readable file gives bad input with the path and the reason", "[capture][unit]")
{
    const ScratchFolder folder;
    const auto pipe = folder / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    const std::pair<std::filesystem::path, std::string> cases[] = {
        {folder / "missing.gguf", "No such file"},
        {folder / "", "folder"},
        {folder.write("empty.gguf", ""), "empty"},
        {pipe, "not a regular file"},
    };
    for (const auto& [path, reason] : cases) {
        const std::string message = kvviz::test::badInputMessage([&path = path] { MappedFile file(path); });
        CHECK_THAT(message, Catch::Matchers::Contains(path.string()) && Catch::Matchers::Contains(reason));
    }
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
