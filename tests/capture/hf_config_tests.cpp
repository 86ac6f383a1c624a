// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Settings as published files have them, with keys missing, doubled or left over. What is expected is what transformers
// 5.2.0 makes of the same files (tests/python/fuzz_models.py holds the two against each other on random ones).
#include "capture/hf_config.hpp"
#include "capture/hf_model.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/safetensors_builder.hpp"
#include "tests/support/scratch_folder.hpp"

#include <nlohmann/json.hpp>

#include <fstream>

using namespace kvviz::capture;
using namespace kvviz::test;
using Catch::Matchers::Contains;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

HfModelSpec specOf(const json& settings)
{
    const ScratchFolder folder;
    return readHfConfig(folder.write("config.json", settings.dump()));
}

std::string refusal(const json& settings)
{
    return badInputMessage([&] { (void)specOf(settings); });
}

json longRope()
{
    return {{"rope_type", "longrope"}, {"original_max_position_embeddings", 16}, {"short_factor", {1, 1}}, {"long_factor", {2, 4}}};
}

json settingsIn(const fs::path& folder)
{
    std::ifstream stream(folder / "config.json");
    return json::parse(stream);
}

} // namespace

TEST_CASE("Settings that a file leaves out are those of the architecture", "[capture][model]")
{
    const json inner = {{"hidden_size", 2560}, {"intermediate_size", 10240}, {"num_hidden_layers", 34}, {"sliding_window", 1024},
                        {"rope_scaling", {{"factor", 8.0}, {"rope_type", "linear"}}}, {"model_type", "gemma3_text"}};
    const HfModelSpec gemma = specOf({{"model_type", "gemma3"}, {"text_config", inner}}); // of gemma-3-4b-it
    CHECK(gemma.info.nHeads == 8);
    CHECK(gemma.info.nKvHeads == 4);
    CHECK(gemma.info.headDim == 256);
    CHECK(gemma.info.vocabSize == 262208);
    CHECK(gemma.arch.rope.kind == RopeSpec::Kind::linear);
    CHECK(gemma.arch.rope.theta == 1e6);
    CHECK(gemma.arch.localRope.theta == 1e4);
    CHECK(gemma.tied);
    const HfModelSpec llama = specOf({{"model_type", "llama"}});
    CHECK(llama.info.nLayers == 32);
    CHECK(llama.info.headDim == 128);
    CHECK(llama.arch.ffnSize == 11008);
    CHECK_FALSE(llama.tied);
    CHECK(specOf({{"model_type", "mistral"}}).info.nKvHeads == 8);
    CHECK(specOf({{"model_type", "mistral"}, {"num_key_value_heads", nullptr}}).info.nKvHeads == 32);
}

TEST_CASE("The list of layer kinds counts for Mistral's files, too, and not for Phi-3's", "[capture][model]")
{
    const json kinds = {"full_attention", "sliding_attention"};
    const json shared = {{"num_hidden_layers", 2}, {"sliding_window", 16}, {"layer_types", kinds}};
    for (const char* name : {"mistral", "ministral", "phi3"}) {
        json settings = shared;
        settings["model_type"] = name;
        const bool ignores = settings["model_type"] == "phi3";
        CHECK(specOf(settings).info.slidingWindows == std::vector<int>{ignores ? 16 : 0, 16});
    }
}

TEST_CASE("Keys without effect in an architecture have none", "[capture][model]")
{
    json llama = {{"model_type", "llama"}, {"partial_rotary_factor", 0.5}};
    CHECK(specOf(llama).info.ropeDim == 128);
    llama["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 2.0}};
    CHECK_THAT(refusal(llama), Contains("partial_rotary_factor"));
    CHECK(specOf({{"model_type", "phi3"}, {"partial_rotary_factor", 0.5}}).info.ropeDim == 48);
    CHECK(specOf({{"model_type", "gemma2"}, {"hidden_act", "silu"}}).arch.activation == Activation::geluTanh);
    const json capped = {{"final_logit_softcapping", 30.0}};
    CHECK(specOf({{"model_type", "gemma3"}, {"text_config", capped}}).arch.logitCap == 0);
    json alone = capped;
    alone["model_type"] = "gemma3_text";
    CHECK(specOf(alone).arch.logitCap == 30);
}

TEST_CASE("Rotations take their settings from where the architecture keeps them", "[capture][model]")
{
    // Phi-3's trained length stands outside or is 4096; others have it inside.
    json phi = {{"model_type", "phi3"}, {"hidden_size", 128}, {"max_position_embeddings", 131072}, {"rope_scaling", longRope()}};
    CHECK(specOf(phi).arch.rope.originalContext == 4096);
    phi["original_max_position_embeddings"] = 64;
    CHECK(specOf(phi).arch.rope.originalContext == 64);
    json qwen = phi;
    qwen["model_type"] = "qwen2";
    qwen.erase("original_max_position_embeddings");
    CHECK(specOf(qwen).arch.rope.originalContext == 16);
    // The old key wins over the new one.
    const json linear = {{"rope_type", "linear"}, {"factor", 4.0}};
    json both = {{"model_type", "llama"}, {"rope_parameters", json::object()}, {"rope_scaling", linear}};
    CHECK(specOf(both).arch.rope.factor == 4);
    both["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 5.0}};
    CHECK(specOf(both).arch.rope.kind == RopeSpec::Kind::linear);
    both["rope_scaling"] = nullptr;
    CHECK(specOf(both).arch.rope.kind == RopeSpec::Kind::plain);
    CHECK(specOf(both).arch.rope.theta == 5);
    // Where layers have their own, it changes those of full attention.
    const json parts = {{"full_attention", {{"rope_theta", 7.0}}}, {"sliding_attention", {{"rope_theta", 3.0}}}};
    const HfModelSpec gemma = specOf({{"model_type", "gemma3_text"}, {"rope_parameters", parts}, {"rope_scaling", linear}});
    CHECK(gemma.arch.rope.kind == RopeSpec::Kind::linear);
    CHECK(gemma.arch.rope.theta == 7);
    CHECK(gemma.arch.localRope.kind == RopeSpec::Kind::plain);
    CHECK_THAT(refusal({{"model_type", "gemma3_text"}, {"rope_parameters", linear}}), Contains("full_attention"));
    CHECK_THAT(refusal({{"model_type", "gemma3_text"}, {"rope_parameters", {{"full_attention", 5}}}, {"rope_scaling", linear}}),
               Contains("full_attention") && Contains("no JSON object"));
    // Zeros of YaRN are as good as none.
    const json yarn = {{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 16}, {"mscale", 0}};
    CHECK(specOf({{"model_type", "llama"}, {"rope_scaling", yarn}}).arch.rope.attentionFactor == Approx(0.1 * std::log(4.0) + 1));
    CHECK_THAT(refusal({{"model_type", "llama"}, {"rope_scaling", {{"rope_type", "linear"}}}}),
               Contains("config.json") && Contains("factor"));
}

TEST_CASE("An output matrix that is there counts, whatever the settings say of ties", "[capture][model]")
{
    CHECK(specOf({{"model_type", "gemma3"}, {"tie_word_embeddings", false}, {"text_config", {{"tie_word_embeddings", true}}}})
              .tied == false);
    const fs::path source = KVVIZ_TEST_DATA "/models/made-linear"; // not tied
    const ScratchFolder folder;
    fs::copy(source / "model.safetensors", folder / "model.safetensors");
    json settings = settingsIn(source);
    settings["tie_word_embeddings"] = true;
    folder.write("config.json", settings.dump());
    const auto free = HfFolder(source).load(WeightType::float32), tied = HfFolder(folder.path()).load(WeightType::float32);
    REQUIRE(tied->output.outputs() == free->output.outputs());
    std::vector<float> a(32), b(32);
    tied->head().copyRow(5, a.data());
    free->head().copyRow(5, b.data());
    CHECK(a == b);
}

TEST_CASE("Integer weights are refused with their type", "[capture][model]")
{
    const fs::path source = KVVIZ_TEST_DATA "/models/made-linear";
    const auto message = [&](const char* name, const char* type) {
        const ScratchFolder folder;
        folder.write("config.json", settingsIn(source).dump());
        folder.write("model.safetensors", SafetensorsBuilder()
                                              .floats("model.embed_tokens.weight", {96, 32}, std::vector<float>(96 * 32))
                                              .floats("model.layers.0.input_layernorm.weight", {32}, std::vector<float>(32))
                                              .add(name, type, {4}, std::vector<std::int8_t>(type[1] == '8' ? 4 : 16))
                                              .bytes());
        return badInputMessage([&] { (void)HfFolder(folder.path()); });
    };
    CHECK_THAT(message("model.layers.0.self_attn.q_proj.qweight", "I32"), Contains("GPTQ") && Contains("q_proj.qweight"));
    CHECK_THAT(message("model.layers.0.self_attn.q_proj.weight", "U8"), Contains("type U8") && Contains("q_proj.weight"));
}

TEST_CASE("A weight that the settings know nothing of is refused", "[capture][model]")
{
    const ScratchFolder folder;
    fs::copy(KVVIZ_TEST_DATA "/models/made-biases-mqa", folder / "model");
    json settings = settingsIn(folder / "model");
    settings["attention_bias"] = false;
    folder.write("model/config.json", settings.dump());
    CHECK_THAT(badInputMessage([&] { (void)HfFolder(folder / "model"); }), Contains("_proj.bias") && Contains("without it"));
}
