// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Arrays that numpy wrote are read as numpy reads them, and no file, however damaged, does more than give an Error.
#include "core/error.hpp"
#include "core/io/array_source.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/safetensors_builder.hpp"
#include "tests/support/scratch_folder.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <sys/stat.h>

using namespace kvviz;
using Catch::Contains;
using test::ScratchFolder;

namespace {

/// Runs Python with numpy; false, with a warning, where there is none.
bool numpy(const ScratchFolder& folder, const std::string& code)
{
    const auto script = folder.write("make.py", "import numpy as n\n" + code);
    if (std::system("/usr/bin/python3 -c 'import numpy' 2> /dev/null") != 0) {
        WARN("skipped: /usr/bin/python3 has no numpy");
        return false;
    }
    REQUIRE(std::system(fmt::format("cd '{}' && /usr/bin/python3 '{}'", folder.path().string(), script.string()).c_str()) == 0);
    return true;
}

const char* const kMake = R"(
save = n.savez_compressed if packed else n.savez
save("a.npz", f4=n.arange(24, dtype="f4").reshape(2, 3, 4) / 3, f2=n.array([1.5, -2, 65504], "f2"), f8=n.array(0.1),
     i8=n.array([-5, 2**40]), u1=n.array([[0, 255]], "u1"), text=n.array(["a", "\u00e9\u20ac", "\U0001f600 b"]),
     one=n.array('{"n_prompt": 3}'), big=n.tile(n.arange(1000, dtype="f4"), 300), none=n.zeros((0, 4), "f4"))
)";

std::string contentOf(const std::filesystem::path& path)
{
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

/// Reads everything. Anything but a success or Error(badInput) fails the test.
void readAll(const std::filesystem::path& path)
{
    try {
        const auto source = io::openArrays(path);
        for (const auto& [name, array] : source->arrays()) {
            if (!array.obstacle.empty())
                continue;
            std::vector<std::byte> bytes(static_cast<std::size_t>(array.elements()) * array.itemBytes);
            source->read(array, 0, array.elements(), bytes.data());
        }
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::badInput);
    }
}

} // namespace

TEST_CASE("arrays of npz files come out as numpy wrote them, stored and deflated, whole and in pieces", "[io]")
{
    const ScratchFolder folder;
    for (const std::string packed : {"False", "True"}) {
        if (!numpy(folder, "packed = " + packed + kMake))
            return;
        const auto source = io::openArrays(folder / "a.npz");
        CHECK(source->arrays().size() == 9);
        const auto& array = [&](const char* name) -> const io::NamedArray& { return *source->find(name); };
        CHECK(array("f4").shape == std::vector<std::int64_t>{2, 3, 4});
        CHECK(source->floats(array("f4"), 12, 2) == std::vector<float>{12.0f / 3, 13.0f / 3});
        CHECK(source->floats(array("f4"), 0, 1) == std::vector<float>{0}); // back to the beginning
        CHECK(source->floats(array("f2"), 0, 3) == std::vector<float>{1.5f, -2, 65504});
        CHECK(source->floats(array("f8"), 0, 1) == std::vector<float>{0.1f});
        CHECK(source->integers(array("i8")) == std::vector<std::int64_t>{-5, std::int64_t{1} << 40});
        CHECK(source->integers(array("u1")) == std::vector<std::int64_t>{0, 255});
        CHECK(source->strings(array("text")) == std::vector<std::string>{"a", "é€", "😀 b"});
        CHECK(source->strings(array("one")) == std::vector<std::string>{R"({"n_prompt": 3})"});
        CHECK(array("none").elements() == 0);
        for (const std::int64_t at : {0, 299'000, 150'000, 100})
            CHECK(source->floats(array("big"), at, 2)
                  == std::vector<float>{static_cast<float>(at % 1000), static_cast<float>(at % 1000 + 1)});
        CHECK_THROWS_WITH(source->integers(array("f4")), Contains("'f4' holds F32, expected integers"));
        CHECK_THROWS_WITH(source->floats(array("i8"), 0, 1), Contains("'i8' holds I64"));
        CHECK(source->find("nothing") == nullptr);
    }
}

TEST_CASE("arrays of numpy that cannot be read are refused where they are needed, and only there", "[io]")
{
    const ScratchFolder folder;
    const std::pair<const char*, const char*> cases[] = {
        {"n.array([[1, 2], [3]], dtype=object)", "Python objects (dtype=object"},
        {"n.array({'n_prompt': 3})", "save the arrays with safetensors or numpy.savez; see docs/import.md"},
        {"n.zeros(3, '>f4')", "big-endian"},
        {"n.zeros(3, 'c8')", "'<c8' is not read"},
        {"n.array([b'ab'])", "'|S2' is not read"},
        {"n.zeros(2, 'M8[s]')", "is not read"},
        {"n.asfortranarray(n.ones((3, 2)))", "ascontiguousarray"},
        {"n.zeros(2, dtype=[('shape', 'f4'), ('b', 'i4')])", "records"},
    };
    for (const auto& [array, part] : cases) {
        if (!numpy(folder, fmt::format("n.savez('a.npz', x={}, y=n.arange(3))", array)))
            return;
        CAPTURE(array);
        const auto source = io::openArrays(folder / "a.npz");
        CHECK(source->integers(*source->find("y")) == std::vector<std::int64_t>{0, 1, 2});
        CHECK_THAT(test::badInputMessage([&] { static_cast<void>(source->find("x")); }),
                   Contains("a.npz': 'x': ") && Contains(part));
    }
}

TEST_CASE("files of Python that are not read say what they are and what to do", "[io]")
{
    const ScratchFolder folder;
    const std::pair<const char*, const char*> cases[] = {
        {"n.save(open('a.npz', 'wb'), n.zeros(3))", "single array"},
        {"n.save(open('a.npz', 'wb'), n.array([None, 'x'], dtype=object), allow_pickle=True)", "single array"},
        {"import pickle\npickle.dump({'a': 1}, open('a.npz', 'wb'))", "is pickled (pickle.dump, or torch.save)"},
        {"import pickle\npickle.dump({'a': 1}, open('a.npz', 'wb'), protocol=2)", "is pickled"},
        {"import zipfile\nz = zipfile.ZipFile('a.npz', 'w')\nz.writestr('archive/data.pkl', 'y')\n"
         "z.writestr('archive/data/0', 'y')", "was written by torch.save"},
        {"import zipfile\nzipfile.ZipFile('a.npz', 'w').writestr('x.txt', 'y')", "'x.txt': it is no array"},
    };
    for (const auto& [code, part] : cases) {
        if (!numpy(folder, code))
            return;
        CAPTURE(code);
        CHECK_THAT(test::badInputMessage([&] { static_cast<void>(io::openArrays(folder / "a.npz")); }),
                   Contains(part) && Contains("save the arrays with safetensors or numpy.savez; see docs/import.md"));
    }
    const auto refusal = [&](const char* name, const std::string& bytes) {
        return test::badInputMessage([&] { static_cast<void>(io::openArrays(folder.write(name, bytes))); });
    };
    CHECK_THAT(refusal("old.pkl", "(dp0\nI1\ns."), Contains("old.pkl' is pickled")); // protocol 0 is text
    CHECK_THAT(refusal("a.pt", "anything"), Contains("a.pt' is pickled"));
    CHECK_THAT(refusal("a.kvh5", "\x89HDF\r\n\x1a\n"), Contains("is an HDF5 file"));
    CHECK_THAT(refusal("a.npz", "hello, this is no file of arrays"), Contains("not a safetensors file"));
    CHECK_THAT(refusal("a.npz", ""), Contains("empty"));
    REQUIRE(numpy(folder, "import zipfile\nzipfile.ZipFile('a.npz', 'w').writestr('x.npy', 'y')"));
    CHECK_THROWS_WITH(io::openArrays(folder / "a.npz"), Contains("'x'"));
    CHECK_THROWS_WITH(io::openArrays(folder / "missing.npz"), Contains("missing.npz"));
    CHECK_THROWS_WITH(io::openArrays(folder.path()), Contains("it is a folder"));
    REQUIRE(::mkfifo((folder / "pipe.npz").c_str(), 0600) == 0); // nobody will ever write into it
    CHECK_THROWS_WITH(io::openArrays(folder / "pipe.npz"), Contains("not a regular file"));
}

TEST_CASE("an npz of a few kilobytes takes no more memory than what is asked for", "[io]")
{
    const ScratchFolder folder;
    if (!numpy(folder, "n.savez_compressed('a.npz', x=n.zeros(200_000_000, 'u1'), t=n.full(80, 'x' * 1_000_000))"))
        return;
    const auto source = io::openArrays(folder / "a.npz");
    CHECK(source->find("x")->elements() == 200'000'000);
    CHECK_THROWS_WITH(source->strings(*source->find("t")), Contains("the texts of 't' take 320 MB, more than 268 MB"));
    // The size of the entry, of the array, and of what there is: all are held against each other.
    const std::string longer = R"(
import zipfile, io
with zipfile.ZipFile('b.npz', 'w', zipfile.ZIP_DEFLATED) as z:
    file = io.BytesIO(); n.save(file, n.zeros(1000, 'u1')); z.writestr('x.npy', file.getvalue() + bytes(MORE))
)";
    REQUIRE(numpy(folder, "MORE = 100_000_000" + longer));
    CHECK_THROWS_WITH(io::openArrays(folder / "b.npz"), Contains("but [1000] values of U8 need 1128"));
    // The archive's directory says 1128 bytes as the array does, the stream goes on.
    REQUIRE(numpy(folder, "MORE = 50_000" + longer + R"(
data = bytearray(open('b.npz', 'rb').read())
at = data.rfind(b'PK') + 24
data[at:at + 4] = (1128).to_bytes(4, 'little')
open('c.npz', 'wb').write(data)
)"));
    const auto cut = io::openArrays(folder / "c.npz");
    CHECK_THROWS_WITH(cut->integers(*cut->find("x")), Contains("'x'") && Contains("goes on after the end that the archive states"));
    // More than deflate can hold.
    REQUIRE(numpy(folder, "MORE = 0" + longer + R"(
data = bytearray(open('b.npz', 'rb').read())
at = data.rfind(b'PK') + 24
data[at:at + 4] = (4_000_000_000).to_bytes(4, 'little')
open('d.npz', 'wb').write(data)
)"));
    CHECK_THROWS_WITH(io::openArrays(folder / "d.npz"), Contains("compressed bytes cannot hold 4000000000"));
}

TEST_CASE("damaged npz files give an error, and a changed number never passes", "[io]")
{
    const ScratchFolder folder;
    if (!numpy(folder, std::string("packed = True") + kMake))
        return;
    const std::string whole = contentOf(folder / "a.npz");
    std::mt19937 random(3);
    for (int round = 0; round < 300; ++round) {
        std::string damaged = whole;
        if (round % 3 == 0)
            damaged.resize(random() % whole.size());
        else
            for (unsigned change = 0; change <= random() % 4; ++change)
                damaged[random() % damaged.size()] = static_cast<char>(random());
        readAll(folder.write("b.npz", damaged));
    }
    // One bit of the data of a stored array: its checksum does not fit.
    REQUIRE(numpy(folder, "n.savez('c.npz', x=n.arange(1000, dtype='f4'))"));
    std::string stored = contentOf(folder / "c.npz");
    stored[2000] = static_cast<char>(stored[2000] ^ 1);
    const auto source = io::openArrays(folder.write("c.npz", stored));
    CHECK_THROWS_WITH(source->floats(*source->find("x"), 0, 1000), Contains("'x'") && Contains("damaged"));
}

TEST_CASE("damaged safetensors files give an error", "[io]")
{
    const ScratchFolder folder;
    test::SafetensorsBuilder file;
    file.floats("a", {2, 3}, {1, 2, 3, 4, 5, 6}).add("b", "U8", {3}, std::vector<char>{1, 2, 3});
    const auto source = io::openArrays(folder.write("a.safetensors", file.bytes()));
    CHECK(source->floats(*source->find("a"), 4, 2) == std::vector<float>{5, 6});
    CHECK(source->integers(*source->find("b")) == std::vector<std::int64_t>{1, 2, 3});
    std::mt19937 random(5);
    for (int round = 0; round < 300; ++round) {
        std::string damaged = file.bytes();
        for (unsigned change = 0; change <= random() % 3; ++change)
            damaged[random() % damaged.size()] = static_cast<char>(random());
        readAll(folder.write("b.safetensors", damaged.substr(0, damaged.size() - (round % 2) * (random() % 40))));
    }
}
