// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Tables of a model come back as they were, alone and joined, and damaged or foreign files are one clear sentence.
#include "core/error.hpp"
#include "core/io/h5_values.hpp"
#include "core/io/tables.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"

#include <cmath>
#include <fstream>
#include <numeric>
#include <random>

using namespace kvviz;
using core::ModelTables;
using test::ScratchFolder;

namespace {

template <typename T>
std::vector<T> counted(std::size_t count, T first, T step = T(1))
{
    std::vector<T> values(count);
    for (std::size_t i = 0; i < count; ++i)
        values[i] = first + step * static_cast<T>(i);
    return values;
}

/// Every kind of table, of a model of 3 layers, 4 heads, 2 KV heads of 3 channels.
ModelTables everyTable()
{
    ModelTables tables;
    tables.modelSha256 = std::string(64, 'b');
    tables.modelName = "tiny";
    tables.creator = "kvviz test";
    tables.commandLine = "kvviz-engine tables \"x\"";
    tables.extra = {{"sentences", "a\nb"}, {"empty", ""}};
    tables.heads = core::HeadImportance{3, 4, counted(12, 0.1), 77};
    core::WeightFactors weights;
    weights.layers = 3;
    weights.kvWidth = 6;
    weights.keyBasis = counted(108, -0.5f, 0.01f);
    weights.valueBasis = counted(108, 0.5f, 0.01f);
    for (int layer = 0; layer < 3; ++layer)
        for (int i = 6; i > 0; --i) {
            weights.keySingular.push_back(i + 0.1);
            weights.valueSingular.push_back(i / 3.0);
        }
    weights.keyRead = counted(108, 1.0f);
    weights.keyWrite = counted(108, 2.0f);
    weights.valueRead = counted(108, 3.0f);
    weights.valueWrite = counted(108, 4.0f);
    tables.weights = weights;
    tables.scorer = core::TokenScorer{2, 12, 5, counted(12, 0.1f), counted(12, 1.0f), counted(60, -3.0f, 0.1f),
                                      counted(5, 0.25f), counted(5, -0.75f), 0.1f, 9};
    tables.sharing = core::SharingMap{{0, 1, 0}, {std::nan(""), std::nan(""), 0.7}, 0.5, 30};
    return tables;
}

void requireSame(const ModelTables& a, const ModelTables& b)
{
    CHECK(std::tie(a.modelSha256, a.modelName, a.creator, a.commandLine, a.extra)
          == std::tie(b.modelSha256, b.modelName, b.creator, b.commandLine, b.extra));
    REQUIRE(std::tuple(!a.heads, !a.weights, !a.scorer, !a.sharing)
            == std::tuple(!b.heads, !b.weights, !b.scorer, !b.sharing));
    if (a.heads) {
        const auto fields = [](const core::HeadImportance& t) {
            return std::tie(t.layers, t.heads, t.values, t.samples);
        };
        CHECK(fields(*a.heads) == fields(*b.heads));
    }
    if (a.weights) {
        const auto fields = [](const core::WeightFactors& t) {
            return std::tie(t.layers, t.kvWidth, t.keyBasis, t.valueBasis, t.keySingular, t.valueSingular, t.keyRead,
                            t.keyWrite, t.valueRead, t.valueWrite);
        };
        CHECK(fields(*a.weights) == fields(*b.weights));
    }
    if (a.scorer) {
        const auto fields = [](const core::TokenScorer& t) {
            return std::tie(t.layer, t.inputs, t.hidden, t.mean, t.scale, t.w1, t.b1, t.w2, t.b2, t.captures);
        };
        CHECK(fields(*a.scorer) == fields(*b.scorer));
    }
    if (a.sharing) {
        const auto fields = [](const core::SharingMap& t) { return std::tie(t.source, t.threshold, t.sentences); };
        CHECK(fields(*a.sharing) == fields(*b.sharing));
        REQUIRE(a.sharing->similarity.size() == b.sharing->similarity.size());
        for (std::size_t i = 0; i < a.sharing->similarity.size(); ++i) {
            const double x = a.sharing->similarity[i], y = b.sharing->similarity[i];
            CHECK((x == y || (std::isnan(x) && std::isnan(y))));
        }
    }
}

std::string readError(const std::filesystem::path& path)
{
    try {
        (void)io::readTables(path);
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::badInput);
        CHECK_THAT(error.what(), Catch::Contains(path.filename().string()));
        return error.what();
    }
    return "no error";
}

std::string writeError(const ModelTables& tables)
{
    const ScratchFolder folder;
    try {
        io::writeTables(folder / "t.kvtab.h5", tables, false);
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::failure);
        CHECK(std::filesystem::is_empty(folder.path()));
        return error.what();
    }
    return "no error";
}

} // namespace

TEST_CASE("tables come back exactly, all kinds and each alone", "[io]")
{
    const ScratchFolder folder;
    const ModelTables all = everyTable();
    std::vector<ModelTables> some(6, all);
    some[0].weights.reset(), some[0].scorer.reset(), some[0].sharing.reset();
    some[1].heads.reset(), some[1].scorer.reset(), some[1].sharing.reset();
    some[2].heads.reset(), some[2].weights.reset(), some[2].sharing.reset();
    some[3].heads.reset(), some[3].weights.reset(), some[3].scorer.reset();
    core::WeightFactors& weights = *some[4].weights; // no activations were measured
    weights.keyRead = weights.keyWrite = weights.valueRead = weights.valueWrite = {};
    some[4].extra.clear();
    for (std::size_t i = 0; i < some.size(); ++i) {
        const auto path = folder / ("t" + std::to_string(i) + ".kvtab.h5");
        io::writeTables(path, some[i], false);
        requireSame(io::readTables(path), some[i]);
        CHECK_FALSE(std::filesystem::exists(path.string() + ".part"));
    }
}

TEST_CASE("files of tables are joined, and two of one kind or of two models are refused by name", "[io]")
{
    const ScratchFolder folder;
    const ModelTables all = everyTable();
    ModelTables heads = all, rest = all;
    heads.weights.reset(), heads.scorer.reset(), heads.sharing.reset();
    rest.heads.reset();
    rest.commandLine = "kvviz-engine other";
    rest.extra = {{"sentences", "c"}, {"rank", "3"}, {"empty", ""}};
    io::writeTables(folder / "heads.kvtab.h5", heads, false);
    io::writeTables(folder / "rest.kvtab.h5", rest, false);
    ModelTables expected = all;
    expected.commandLine += "\nkvviz-engine other";
    expected.extra = {{"sentences", "a\nb"}, {"empty", ""}, {"rank", "3"}, {"sentences (rest.kvtab.h5)", "c"}};
    requireSame(io::mergeTables({folder / "heads.kvtab.h5", folder / "rest.kvtab.h5"}), expected);
    requireSame(io::mergeTables({folder / "rest.kvtab.h5"}), rest);

    using Catch::Contains;
    io::writeTables(folder / "all.kvtab.h5", all, false);
    CHECK_THROWS_WITH(io::mergeTables({folder / "rest.kvtab.h5", folder / "all.kvtab.h5"}),
                      Contains("rest.kvtab.h5") && Contains("all.kvtab.h5")
                          && Contains("both hold the table /weights"));
    heads.modelSha256.back() = 'c';
    heads.modelName = "other";
    io::writeTables(folder / "other.kvtab.h5", heads, false);
    CHECK_THROWS_WITH(io::mergeTables({folder / "rest.kvtab.h5", folder / "other.kvtab.h5"}),
                      Contains("rest.kvtab.h5") && Contains("other.kvtab.h5") && Contains("'tiny'")
                          && Contains("'other'"));
    CHECK_THROWS_AS(io::mergeTables({}), core::Error);
}

TEST_CASE("tables that contradict themselves are not written", "[io]")
{
    using Catch::Contains;
    const auto with = [](auto&& change) {
        ModelTables tables = everyTable();
        change(tables);
        return writeError(tables);
    };
    CHECK_THAT(with([](ModelTables& t) { t.heads->values.pop_back(); }),
               Contains("/heads/importance: 11 values do not fill the shape [3, 4]"));
    CHECK_THAT(with([](ModelTables& t) { t.heads->values[5] = -0.5; }),
               Contains("/heads/importance: element 5 is -0.5, expected a number >= 0"));
    CHECK_THAT(with([](ModelTables& t) { t.heads->layers = 0; }), Contains("0 layers"));
    CHECK_THAT(with([](ModelTables& t) { t.weights->keyBasis[7] = std::nanf(""); }),
               Contains("/weights/key_basis: element 7 is nan"));
    CHECK_THAT(with([](ModelTables& t) { t.weights->valueSingular[8] = 9; }),
               Contains("/weights/value_singular: element 8 is larger"));
    CHECK_THAT(with([](ModelTables& t) { t.weights->keyRead.clear(); }), Contains("come together"));
    CHECK_THAT(with([](ModelTables& t) { t.scorer->w1.push_back(0); }), Contains("/scorer/w1: 61 values"));
    CHECK_THAT(with([](ModelTables& t) { t.scorer->b2 = INFINITY; }), Contains("b2"));
    CHECK_THAT(with([](ModelTables& t) { t.sharing->source = {0, 0, 1}; }),
               Contains("/sharing/source: element 2 is 1, expected a layer that has its own cache"));
    CHECK_THAT(with([](ModelTables& t) { t.sharing->source[1] = 3; }), Contains("element 1 is 3"));
    CHECK_THAT(with([](ModelTables& t) { t.sharing->similarity.pop_back(); }), Contains("similarity: 2 values"));
    CHECK_THAT(with([](ModelTables& t) { t.sharing->similarity[2] = 7; }), Contains("expected a cosine"));
    CHECK_THAT(with([](ModelTables& t) { t.modelSha256.clear(); }), Contains("model_sha256"));
    CHECK_THAT(writeError({}), Contains("there is no table"));
}

TEST_CASE("an existing tables file is kept without force", "[io]")
{
    const ScratchFolder folder;
    const auto path = folder / "t.kvtab.h5";
    std::ofstream(path) << "precious";
    CHECK_THROWS_WITH(io::writeTables(path, everyTable(), false), Catch::Contains("exists already"));
    CHECK(std::filesystem::file_size(path) == 8);
    io::writeTables(path, everyTable(), true);
    requireSame(io::readTables(path), everyTable());
    CHECK_THROWS_WITH(io::writeTables(folder / "none/t.kvtab.h5", everyTable(), false),
                      Catch::Contains("does not exist"));
}

TEST_CASE("a file that is no sound table is refused with its name and the reason", "[io]")
{
    const ScratchFolder folder;
    const auto path = folder / "t.kvtab.h5";
    using Catch::Contains;
    /// What reading says after a change to a fresh file.
    const auto after = [&](auto&& change) {
        io::writeTables(path, everyTable(), true);
        {
            const io::H5Lock lock;
            const io::Handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT));
            REQUIRE(file);
            change(file.get());
        }
        return readError(path);
    };
    const auto replace = [](hid_t file, const char* name, auto values, const std::vector<hsize_t>& dims) {
        H5Ldelete(file, name, H5P_DEFAULT);
        io::writeDataset(file, name, std::span<const typename decltype(values)::value_type>(values), dims);
    };
    const auto setVersion = [](hid_t file, const char* version) {
        io::writeAttribute(file, "format_version", version);
        H5Ldelete(file, "texts", H5P_DEFAULT); // as a writer of another program, which need not write it
    };
    CHECK(after([](hid_t) {}) == "no error");
    CHECK_THAT(readError(folder / "none.kvtab.h5"), Contains("does not exist"));
    std::ofstream(folder / "text.kvtab.h5") << "hello";
    CHECK_THAT(readError(folder / "text.kvtab.h5"), Contains("not an HDF5 file"));
    test::writeSynthetic(test::SyntheticCapture(), folder / "a.kvh5");
    CHECK_THAT(readError(folder / "a.kvh5"), Contains("'kvviz-capture', expected 'kvviz-table'"));
    CHECK_THAT(after([&](hid_t file) { setVersion(file, "2.0"); }), Contains("newer") && Contains("update kvviz"));
    CHECK(after([&](hid_t file) { setVersion(file, "1.9"); }) == "no error");
    CHECK_THAT(after([](hid_t file) { H5Adelete(file, "complete"); }), Contains("incomplete"));
    CHECK_THAT(after([](hid_t file) { H5Ldelete(file, "heads/importance", H5P_DEFAULT); }),
               Contains("/heads/importance: the dataset is missing"));
    CHECK_THAT(after([](hid_t file) {
                   io::writeAttribute(io::openGroup(file, "heads", "").get(), "n_layers", std::int64_t{9});
               }),
               Contains("/heads/importance: the shape is [3, 4], expected [9, 4]"));
    CHECK_THAT(after([](hid_t file) {
                   io::writeAttribute(io::openGroup(file, "scorer", "").get(), "inputs", std::int64_t{-1});
               }),
               Contains("/scorer: the attribute 'inputs' is -1"));
    CHECK_THAT(after([](hid_t file) { H5Adelete(io::openGroup(file, "weights", "").get(), "kv_width"); }),
               Contains("/weights: the attribute 'kv_width' is missing"));
    CHECK_THAT(after([&](hid_t file) { replace(file, "scorer/w1", std::vector<float>(60), {12, 5}); }),
               Contains("/scorer/w1: the shape is [12, 5], expected [5, 12]"));
    CHECK_THAT(after([&](hid_t file) { replace(file, "scorer/mean", std::vector<std::int32_t>(12), {12}); }),
               Contains("/scorer/mean: expected floating-point numbers"));
    CHECK_THAT(after([&](hid_t file) {
                   replace(file, "heads/importance", std::vector<double>(12, std::nan("")), {3, 4});
               }),
               Contains("/heads/importance: element 0 is nan"));
    CHECK_THAT(after([](hid_t file) { H5Ldelete(file, "weights/key_write", H5P_DEFAULT); }), Contains("come together"));
    CHECK_THAT(after([](hid_t file) {
                   for (const char* name : {"heads", "weights", "scorer", "sharing"})
                       H5Ldelete(file, name, H5P_DEFAULT);
               }),
               Contains("there is no table"));
}

TEST_CASE("no damage to the bytes of a tables file brings its reader down", "[io][slow]")
{
    const ScratchFolder folder;
    io::writeTables(folder / "t.kvtab.h5", everyTable(), false);
    std::ifstream in(folder / "t.kvtab.h5", std::ios::binary);
    const std::string sound((std::istreambuf_iterator<char>(in)), {});
    int refused = 0;
    const auto attack = [&](const std::string& bytes) {
        std::ofstream(folder / "b.kvtab.h5", std::ios::binary | std::ios::trunc) << bytes;
        try {
            (void)io::readTables(folder / "b.kvtab.h5");
        } catch (const core::Error& error) {
            CHECK(error.code() == core::ErrorCode::badInput);
            ++refused;
        }
    };
    for (std::size_t part = 0; part < 40; ++part)
        attack(sound.substr(0, sound.size() * part / 40));
    CHECK(refused == 40);
    std::mt19937 random(11);
    for (int round = 0; round < 300; ++round) {
        std::string bytes = sound;
        for (unsigned flips = 1 + random() % 8; flips > 0; --flips)
            bytes[random() % bytes.size()] = static_cast<char>(random());
        attack(bytes);
    }
    CHECK(refused > 40);
}
