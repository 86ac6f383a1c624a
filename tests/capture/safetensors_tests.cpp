// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// safetensors files: what is read, and that hostile ones give Error(badInput) and nothing else.
#include "capture/hf_model.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <random>

using namespace kvviz::capture;
using namespace kvviz::test;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

std::string file(const std::string& header, const std::string& data)
{
    const std::uint64_t length = header.size();
    return std::string(reinterpret_cast<const char*>(&length), sizeof length) + header + data;
}

std::string floats(std::initializer_list<float> values)
{
    return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(float)};
}

std::string contentOf(const fs::path& path)
{
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

const char* const kTwo =
    R"({"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"__metadata__":{"format":"pt"},)"
    R"("b":{"dtype":"I64","shape":[1],"data_offsets":[8,16]}})";

} // namespace

TEST_CASE("A safetensors file gives its tensors, and names what it cannot give", "[capture][io]")
{
    const ScratchFolder folder;
    const SafetensorsFile read(folder.write("x.safetensors", file(kTwo, floats({1.5f, -2.0f}) + std::string(8, '\0'))));
    REQUIRE(read.tensors().size() == 1);
    CHECK(read.tensors()[0].name == "a");
    CHECK(read.tensors()[0].shape == std::vector<std::int64_t>{2, 1});
    std::vector<float> values(2);
    dequantise(read.tensors()[0], values);
    CHECK(values == std::vector<float>{1.5f, -2.0f});
    CHECK(read.unsupported().at("b") == "I64");
}

TEST_CASE("Hostile safetensors files are refused with the tensor and the reason", "[capture][io]")
{
    const ScratchFolder folder;
    const auto tensor = [](const std::string& text) { return fmt::format(R"({{"t":{}}})", text); };
    const std::string eight(8, 'x');
    struct Case {
        std::string bytes, reason;
    };
    const std::string huge = "18446744073709551615";
    const std::vector<Case> cases{
        {"short", "too short"},
        {file("{}", "") + "more", "belong to none"},
        {std::string("\xff\xff\xff\xff\xff\xff\xff\x7f", 8) + "{}", "does not fit"},
        {std::string("\x09\0\0\0\0\0\0\0", 8) + "{}", "does not fit"},
        {file("[]", ""), "no JSON object"},
        {file("{", ""), "no JSON"},
        {file(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", eight),
         "'t' twice"},
        {file(tensor("3"), ""), "'t' has no dtype"},
        {file(tensor(R"({"dtype":"F32","shape":[2]})"), eight), "no data_offsets"},
        {file(tensor(R"({"dtype":"Q4","shape":[2],"data_offsets":[0,8]})"), eight), "\"Q4\" is not known"},
        {file(tensor(R"({"dtype":7,"shape":[2],"data_offsets":[0,8]})"), eight), "is not known"},
        {file(tensor(R"({"dtype":"F32","shape":"2","data_offsets":[0,8]})"), eight), "shape"},
        {file(tensor(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"), eight), "no size"},
        {file(tensor(R"({"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})"), eight), "no size"},
        {file(tensor(R"({"dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]})"), eight), "shape"},
        {file(tensor(fmt::format(R"({{"dtype":"F32","shape":[{},{}],"data_offsets":[0,8]}})", huge, huge)), eight), "overflows"},
        {file(tensor(R"({"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]})"), ""), "overflows"},
        {file(tensor(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})"), eight), "cannot be"},
        {file(tensor(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"), eight), "cannot be"},
        {file(tensor(R"({"dtype":"F32","shape":[2],"data_offsets":[0]})"), eight), "no pair"},
        {file(tensor(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})"), "xxxx"), "truncated"},
        {file(tensor(R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})"), eight), "belong to no tensor"},
        {file(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"u":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
              eight + "xxxx"), "inside of the tensor before it"},
    };
    for (const Case& item : cases) {
        CAPTURE(item.reason);
        const fs::path path = folder.write("hostile.safetensors", item.bytes);
        const std::string message = badInputMessage([&] { (void)SafetensorsFile(path); });
        CHECK_THAT(message, Contains("hostile.safetensors"));
        CHECK_THAT(message, Contains(item.reason));
    }
}

TEST_CASE("Headers of many tensors are read at once, deep ones refused", "[capture][io]")
{
    const ScratchFolder folder;
    std::string header = "{";
    for (int i = 0; i < 60000; ++i) // minutes, when each tensor looked at those before it
        header += fmt::format("{}\"t{}\":{{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}", i > 0 ? "," : "", i);
    CHECK(SafetensorsFile(folder.write("many.safetensors", file(header + "}", ""))).tensors().size() == 60000);
    const std::string deep = "{\"a\":{\"dtype\":" + std::string(200000, '[') + std::string(200000, ']') + "}}";
    const fs::path path = folder.write("deep.safetensors", file(deep, ""));
    CHECK_THAT(badInputMessage([&] { (void)SafetensorsFile(path); }), Contains("nests deeper"));
}

TEST_CASE("A damaged model folder loads or is refused, whatever byte is wrong", "[capture][io]")
{
    const fs::path source = KVVIZ_TEST_DATA "/models/made-biases-mqa";
    const ScratchFolder folder;
    const std::string config = contentOf(source / "config.json"), weights = contentOf(source / "model.safetensors");
    std::mt19937 random(7);
    int refused = 0;
    for (int round = 0; round < 400; ++round) {
        std::string bad = round % 2 == 0 ? config : weights;
        // Damage where the structure is: all of the settings, the header of the weights.
        const std::size_t reach = round % 2 == 0 ? bad.size() : std::min<std::size_t>(bad.size(), 2600);
        for (int i = 0; i <= round % 3; ++i)
            bad[random() % reach] = static_cast<char>(random());
        if (round % 7 == 0)
            bad.resize(random() % bad.size() + 1);
        folder.write("config.json", round % 2 == 0 ? bad : config);
        folder.write("model.safetensors", round % 2 == 0 ? weights : bad);
        try {
            (void)HfFolder(folder.path()).load(WeightType::float32);
        } catch (const kvviz::core::Error& error) {
            CHECK(error.code() == kvviz::core::ErrorCode::badInput);
            ++refused;
        }
    }
    CHECK(refused > 200);
}

TEST_CASE("Settings that contradict the tensors name the tensor and both shapes", "[capture][io]")
{
    const fs::path source = KVVIZ_TEST_DATA "/models/made-linear";
    const ScratchFolder folder;
    const std::string weights = contentOf(source / "model.safetensors");
    const auto refusal = [&](const std::string& from, const std::string& to) {
        std::string config = contentOf(source / "config.json");
        const std::size_t at = config.find(from);
        REQUIRE(at != std::string::npos);
        config.replace(at, from.size(), to);
        folder.write("config.json", config);
        folder.write("model.safetensors", weights);
        return badInputMessage([&] { (void)HfFolder(folder.path()); });
    };
    CHECK_THAT(refusal(R"("num_key_value_heads": 2)", R"("num_key_value_heads": 1)"),
               Contains("model.layers.0.self_attn.k_proj.weight") && Contains("[16, 32]") && Contains("[8, 32]"));
    CHECK_THAT(refusal(R"("vocab_size": 96)", R"("vocab_size": 95)"),
               Contains("embed_tokens.weight") && Contains("[96, 32]") && Contains("[95, 32]"));
    CHECK_THAT(refusal(R"("num_hidden_layers": 2)", R"("num_hidden_layers": 3)"), Contains("model.layers.2.") && Contains("missing"));
    CHECK_THAT(refusal(R"("num_hidden_layers": 2)", R"("num_hidden_layers": 1)"), Contains("says 1 layers"));
    CHECK_THAT(refusal(R"("attention_bias": false)", R"("attention_bias": true)"), Contains("q_proj.bias") && Contains("missing"));
    CHECK_THAT(refusal(R"("model_type": "llama")", R"("model_type": "mamba")"),
               Contains("'mamba'") && Contains("llama, mistral, ministral, qwen2, qwen3, gemma2, gemma3_text, gemma3, phi3"));
    CHECK_THAT(refusal(R"("rope_type": "linear")", R"("rope_type": "mrope")"), Contains("'mrope'") && Contains("yarn"));
    CHECK_THAT(refusal(R"("factor": 2.5)", R"("factor": -2.5)"), Contains("factor"));
    CHECK_THAT(refusal(R"("hidden_act": "silu")", R"("hidden_act": "relu")"), Contains("'relu'"));
    CHECK_THAT(refusal(R"("num_attention_heads": 4)", R"("num_attention_heads": 0)"), Contains("num_attention_heads"));
    CHECK_THAT(refusal(R"("num_attention_heads": 4)", R"("num_attention_heads": "four")"), Contains("num_attention_heads"));
}

TEST_CASE("Shards are joined by their index, and a bad index is refused", "[capture][io]")
{
    const fs::path source = KVVIZ_TEST_DATA "/models/qwen2";
    CHECK(SafetensorsModel(source).files().size() == 3);
    const ScratchFolder folder;
    for (const auto& entry : fs::directory_iterator(source))
        fs::copy(entry.path(), folder / entry.path().filename().string());
    const std::string index = contentOf(source / "model.safetensors.index.json");
    const auto refusal = [&](const std::string& text) {
        folder.write("model.safetensors.index.json", text);
        return badInputMessage([&] { (void)HfFolder(folder.path()); });
    };
    CHECK_THAT(refusal("[]"), Contains("weight_map"));
    CHECK_THAT(refusal(R"({"weight_map":{"a":"../x.safetensors"}})"), Contains("no file of this folder"));
    CHECK_THAT(refusal(R"({"weight_map":{"a":"gone.safetensors"}})"), Contains("gone.safetensors"));
    CHECK_THAT(refusal(R"({"weight_map":{"a":"model-00001-of-00003.safetensors"}})"), Contains("does not hold it"));
    CHECK_THAT(refusal("{\"weight_map\":{\"a\":\"model-00001-of-00003.safetensors\\u0000.bin\"}}"), Contains("no file of this folder"));
    std::string elsewhere = index; // transformers looks for it there and fails, too
    const std::size_t last = elsewhere.find("model-00003-of-00003");
    REQUIRE(last != std::string::npos);
    elsewhere.replace(last, 20, "model-00001-of-00003");
    CHECK_THAT(refusal(elsewhere), Contains("'model-00001-of-00003.safetensors', which does not hold it"));
    fs::copy(folder / "model-00001-of-00003.safetensors", folder / "again.safetensors");
    std::string twice = index;
    twice.insert(twice.find("\"weight_map\": {") + 15, R"("zzz":"again.safetensors",)");
    CHECK_THAT(refusal(twice), Contains("in another file"));
    fs::remove(folder / "model.safetensors.index.json");
    CHECK_THAT(badInputMessage([&] { (void)HfFolder(folder.path()); }), Contains("4 *.safetensors files"));
    const ScratchFolder empty;
    empty.write("config.json", contentOf(source / "config.json"));
    CHECK_THAT(badInputMessage([&] { (void)HfFolder(empty.path()); }), Contains("no *.safetensors"));
    CHECK_THAT(badInputMessage([&] { (void)HfFolder(empty / "nowhere"); }), Contains("config.json"));
}

TEST_CASE("8-bit floats are read with their scales", "[capture][io]")
{
    const ScratchFolder folder;
    // 1, 2, -0.5, the largest (448), the smallest (2^-9), 0
    const std::string bits("\x38\x40\xb0\x7e\x01\x80", 6);
    const auto header = [](const std::string& scale) {
        return R"({"w":{"dtype":"F8_E4M3","shape":[2,3],"data_offsets":[0,6]},)" + scale + "}";
    };
    const auto read = [&](const std::string& bytes) {
        const SafetensorsModel model(folder.write("f8.safetensors", bytes));
        std::vector<float> values(6);
        model.read(model.tensor("w", {2, 3}), values);
        return values;
    };
    const std::string inBlocks = R"("w_scale_inv":{"dtype":"F32","shape":[1,1],"data_offsets":[6,10]})";
    CHECK(read(file(header(inBlocks), bits + floats({2.0f})))
          == std::vector<float>{2.0f, 4.0f, -1.0f, 896.0f, 0x1p-8f, -0.0f});
    const std::string byRow = R"("w_scale":{"dtype":"F32","shape":[2,1],"data_offsets":[6,14]})";
    CHECK(read(file(header(byRow), bits + floats({2.0f, 10.0f})))
          == std::vector<float>{2.0f, 4.0f, -1.0f, 4480.0f, 10 * 0x1p-9f, -0.0f});
    const std::string wrong = R"("w_scale":{"dtype":"F32","shape":[3],"data_offsets":[6,18]})";
    CHECK_THAT(badInputMessage([&] { (void)read(file(header(wrong), bits + floats({1, 1, 1}))); }),
               Contains("w_scale") && Contains("[3]") && Contains("[2, 3]"));
    const std::string none = R"("other":{"dtype":"F32","shape":[],"data_offsets":[6,10]})";
    CHECK_THAT(badInputMessage([&] { (void)read(file(header(none), bits + floats({1}))); }), Contains("without scales"));
    // Blocks of 1 x 2: scales [2, 2], and the last block of a row is cut off.
    const std::string small = R"("w_scale_inv":{"dtype":"F32","shape":[2,2],"data_offsets":[6,22]})";
    const std::string blocks = file(header(small), bits + floats({2, 10, 100, 1000}));
    const SafetensorsModel model(folder.write("blocks.safetensors", blocks), {1, 2});
    std::vector<float> values(6);
    model.read(model.tensor("w", {2, 3}), values);
    CHECK(values == std::vector<float>{2.0f, 4.0f, -5.0f, 44800.0f, 100 * 0x1p-9f, -0.0f});
    // That scales do not fit is known before anything is read.
    const SafetensorsModel other(folder / "blocks.safetensors");
    CHECK_THAT(badInputMessage([&] { (void)other.tensor("w", {2, 3}); }),
               Contains("w_scale_inv") && Contains("[2, 2]") && Contains("128 x 128"));
    const std::string nan(1, '\x7f');
    const SafetensorsModel odd(folder.write("nan.safetensors", file(
        R"({"w":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]},"w_scale":{"dtype":"F32","shape":[],"data_offsets":[1,5]}})",
        nan + floats({1}))));
    std::vector<float> value(1);
    odd.read(odd.tensor("w", {1}), value);
    CHECK(std::isnan(value[0]));
}
