// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The GGUF writer and the tiny llama model.
#include "tests/support/gguf_builder.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <random>
#include <stdexcept>

namespace kvviz::test {
namespace {

template <class T> std::string bytesOf(T value)
{
    return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string textOf(std::string_view text)
{
    return bytesOf(std::uint64_t{text.size()}).append(text);
}

template <class T> std::string arrayOf(std::uint32_t type, const std::vector<T>& values)
{
    std::string bytes = bytesOf(type) + bytesOf(std::uint64_t{values.size()});
    for (const T& value : values)
        bytes += bytesOf(value);
    return bytes;
}

void pad(std::string& bytes, std::uint64_t alignment)
{
    while (bytes.size() % alignment != 0)
        bytes += '\0';
}

/// UTF-8 of a code point below U+0800.
std::string utf8(unsigned codePoint)
{
    if (codePoint < 0x80)
        return {static_cast<char>(codePoint)};
    return {static_cast<char>(0xc0 | (codePoint >> 6)), static_cast<char>(0x80 | (codePoint & 0x3f))};
}

/// Uniform numbers that are the same with every standard library.
class Noise {
public:
    explicit Noise(std::uint64_t seed) : m_engine(seed) {}

    std::vector<float> around(float center, float spread, std::uint64_t count)
    {
        std::vector<float> values(count);
        for (float& value : values)
            value = center + spread * (static_cast<float>(m_engine() >> 40) / static_cast<float>(1 << 23) - 1.0f);
        return values;
    }

private:
    std::mt19937_64 m_engine;
};

} // namespace

GgufBuilder& GgufBuilder::raw(const std::string& key, std::uint32_t type, std::string_view bytes)
{
    ++m_keys;
    m_metadata += textOf(key) + bytesOf(type);
    m_metadata += bytes;
    return *this;
}

GgufBuilder& GgufBuilder::u32(const std::string& key, std::uint32_t value) { return raw(key, 4, bytesOf(value)); }
GgufBuilder& GgufBuilder::u64(const std::string& key, std::uint64_t value) { return raw(key, 10, bytesOf(value)); }
GgufBuilder& GgufBuilder::i32(const std::string& key, std::int32_t value) { return raw(key, 5, bytesOf(value)); }
GgufBuilder& GgufBuilder::f32(const std::string& key, float value) { return raw(key, 6, bytesOf(value)); }
GgufBuilder& GgufBuilder::f64(const std::string& key, double value) { return raw(key, 12, bytesOf(value)); }

GgufBuilder& GgufBuilder::boolean(const std::string& key, bool value)
{
    return raw(key, 7, bytesOf(std::uint8_t{value}));
}

GgufBuilder& GgufBuilder::string(const std::string& key, std::string_view value)
{
    return raw(key, 8, textOf(value));
}

GgufBuilder& GgufBuilder::strings(const std::string& key, const std::vector<std::string>& values)
{
    std::string bytes = bytesOf(std::uint32_t{8}) + bytesOf(std::uint64_t{values.size()});
    for (const std::string& value : values)
        bytes += textOf(value);
    return raw(key, 9, bytes);
}

GgufBuilder& GgufBuilder::i32s(const std::string& key, const std::vector<std::int32_t>& values)
{
    return raw(key, 9, arrayOf(5, values));
}

GgufBuilder& GgufBuilder::f32s(const std::string& key, const std::vector<float>& values)
{
    return raw(key, 9, arrayOf(6, values));
}

GgufBuilder& GgufBuilder::tensor(const std::string& name, const std::vector<std::uint64_t>& shape, std::uint32_t type,
                                 std::string bytes)
{
    m_tensors.push_back({name, shape, type, std::move(bytes), std::nullopt});
    return *this;
}

GgufBuilder& GgufBuilder::tensor(const std::string& name, const std::vector<std::uint64_t>& shape,
                                 const std::vector<float>& values)
{
    return tensor(name, shape, 0,
                  {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
}

GgufBuilder& GgufBuilder::atOffset(std::uint64_t offset)
{
    m_tensors.back().offset = offset;
    return *this;
}

GgufBuilder& GgufBuilder::alignment(std::uint64_t bytes)
{
    m_alignment = bytes;
    return *this;
}

std::string GgufBuilder::build() const
{
    std::string bytes = "GGUF" + bytesOf(m_version) + bytesOf(std::uint64_t{m_tensors.size()}) + bytesOf(m_keys);
    bytes += m_metadata;
    std::string data;
    for (const Tensor& tensor : m_tensors) {
        pad(data, m_alignment);
        bytes += textOf(tensor.name) + bytesOf(static_cast<std::uint32_t>(tensor.shape.size()));
        for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size)
            bytes += bytesOf(*size);
        const std::uint64_t natural = data.size();
        bytes += bytesOf(tensor.type) + bytesOf(tensor.offset.value_or(natural));
        data += tensor.bytes;
    }
    pad(bytes, m_alignment);
    return bytes + data;
}

void GgufBuilder::write(const std::filesystem::path& path) const
{
    std::ofstream file(path, std::ios::binary);
    const std::string bytes = build();
    if (!file.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush())
        throw std::runtime_error("cannot write " + path.string());
}

std::vector<std::string> tinyMerges()
{
    const std::string space = utf8(0x120);
    return {"t h", "i n", space + " a", "th e", space + " t", "in g", space + "t h", space + "th e", "e r",
            space + " " + space, "l l", "a n", "an d"};
}

std::vector<std::string> tinyVocabulary()
{
    std::vector<std::string> tokens;
    unsigned shifted = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) {
        const bool printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte != 0xad);
        tokens.push_back(utf8(printable ? byte : shifted++));
    }
    for (std::string merge : tinyMerges())
        tokens.push_back(merge.erase(merge.find(' '), 1));
    for (const char* special : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"})
        tokens.emplace_back(special);
    return tokens;
}

void addTinyTokenizer(GgufBuilder& builder, const std::string& preTokenizer, int vocab)
{
    std::vector<std::string> tokens = tinyVocabulary();
    const auto used = static_cast<std::int32_t>(tokens.size());
    std::vector<std::int32_t> types(tokens.size() - 3, 1);
    types.resize(tokens.size(), 3);
    for (int i = used; i < vocab; ++i) {
        tokens.push_back("[UNUSED" + std::to_string(i) + "]");
        types.push_back(5);
    }
    builder.string("tokenizer.ggml.model", "gpt2").string("tokenizer.ggml.pre", preTokenizer);
    builder.strings("tokenizer.ggml.tokens", tokens).i32s("tokenizer.ggml.token_type", types);
    builder.strings("tokenizer.ggml.merges", tinyMerges());
    builder.u32("tokenizer.ggml.bos_token_id", static_cast<std::uint32_t>(used - 3));
    builder.u32("tokenizer.ggml.eos_token_id", static_cast<std::uint32_t>(used - 1));
    builder.boolean("tokenizer.ggml.add_bos_token", false);
}

namespace {

void addHyperparameters(GgufBuilder& builder, const TinyLlama& model, std::uint32_t vocab)
{
    const auto count = [&builder](const std::string& key, int value) {
        builder.u32("llama." + key, static_cast<std::uint32_t>(value));
    };
    builder.string("general.architecture", "llama").string("general.name", "tiny");
    count("block_count", model.layers);
    count("context_length", model.context);
    count("embedding_length", model.hidden);
    count("feed_forward_length", model.ffn);
    count("attention.head_count", model.heads);
    count("attention.head_count_kv", model.kvHeads);
    count("attention.key_length", model.headDim);
    count("attention.value_length", model.headDim);
    count("rope.dimension_count", model.headDim);
    builder.u32("llama.vocab_size", vocab);
    builder.f32("llama.rope.freq_base", 10000.0f).f32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
}

} // namespace

void writeTinyLlama(const std::filesystem::path& path, const TinyLlama& model)
{
    const auto vocab = static_cast<std::uint64_t>(
        std::max<std::size_t>(tinyVocabulary().size(), static_cast<std::size_t>(model.vocab)));
    GgufBuilder builder(model.version);
    addHyperparameters(builder, model, static_cast<std::uint32_t>(vocab));
    addTinyTokenizer(builder, model.preTokenizer, model.vocab);

    Noise noise(model.seed);
    const auto matrix = [&](const std::string& name, std::uint64_t rows, std::uint64_t columns) {
        const float spread = std::sqrt(3.0f / static_cast<float>(columns)); // variance 1 / columns
        builder.tensor(name, {rows, columns}, noise.around(0.0f, spread, rows * columns));
    };
    const auto norm = [&](const std::string& name, std::uint64_t size) {
        builder.tensor(name, {size}, noise.around(1.0f, 0.2f, size));
    };
    const auto hidden = static_cast<std::uint64_t>(model.hidden);
    const auto ffn = static_cast<std::uint64_t>(model.ffn);
    const auto queries = static_cast<std::uint64_t>(model.heads * model.headDim);
    const auto keys = static_cast<std::uint64_t>(model.kvHeads * model.headDim);
    matrix("token_embd.weight", vocab, hidden);
    for (int layer = 0; layer < model.layers; ++layer) {
        const std::string prefix = "blk." + std::to_string(layer) + ".";
        norm(prefix + "attn_norm.weight", hidden);
        matrix(prefix + "attn_q.weight", queries, hidden);
        matrix(prefix + "attn_k.weight", keys, hidden);
        matrix(prefix + "attn_v.weight", keys, hidden);
        matrix(prefix + "attn_output.weight", hidden, queries);
        norm(prefix + "ffn_norm.weight", hidden);
        matrix(prefix + "ffn_gate.weight", ffn, hidden);
        matrix(prefix + "ffn_up.weight", ffn, hidden);
        matrix(prefix + "ffn_down.weight", hidden, ffn);
    }
    norm("output_norm.weight", hidden);
    if (!model.tied)
        matrix("output.weight", vocab, hidden);
    builder.write(path);
}

} // namespace kvviz::test
