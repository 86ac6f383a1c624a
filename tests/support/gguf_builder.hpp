// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Writes small GGUF files for tests: any metadata, any tensors (also contradictory ones), and a complete tiny llama
// model with random weights. Knows nothing of the reader under test.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::test {

class GgufBuilder {
public:
    explicit GgufBuilder(std::uint32_t version = 3) : m_version(version) {}

    // Metadata, in the order of the calls; the same key twice is written twice.
    GgufBuilder& u32(const std::string& key, std::uint32_t value);
    GgufBuilder& u64(const std::string& key, std::uint64_t value);
    GgufBuilder& i32(const std::string& key, std::int32_t value);
    GgufBuilder& f32(const std::string& key, float value);
    GgufBuilder& f64(const std::string& key, double value);
    GgufBuilder& boolean(const std::string& key, bool value);
    GgufBuilder& string(const std::string& key, std::string_view value);
    GgufBuilder& strings(const std::string& key, const std::vector<std::string>& values);
    GgufBuilder& i32s(const std::string& key, const std::vector<std::int32_t>& values);
    GgufBuilder& f32s(const std::string& key, const std::vector<float>& values);
    /// Any type number with ready-made bytes.
    GgufBuilder& raw(const std::string& key, std::uint32_t type, std::string_view bytes);

    /// Shape outermost first, as TensorInfo has it; `type` is ggml's number. Offsets are laid out by write().
    GgufBuilder& tensor(const std::string& name, const std::vector<std::uint64_t>& shape, std::uint32_t type,
                        std::string bytes);
    GgufBuilder& tensor(const std::string& name, const std::vector<std::uint64_t>& shape,
                        const std::vector<float>& values);
    /// The offset of the last tensor, in place of its natural one.
    GgufBuilder& atOffset(std::uint64_t offset);
    /// Used for the layout; does not write general.alignment.
    GgufBuilder& alignment(std::uint64_t bytes);

    [[nodiscard]] std::string build() const;
    void write(const std::filesystem::path& path) const;

private:
    struct Tensor {
        std::string name;
        std::vector<std::uint64_t> shape;
        std::uint32_t type;
        std::string bytes;
        std::optional<std::uint64_t> offset; ///< in place of the natural one
    };
    std::uint32_t m_version;
    std::uint64_t m_alignment = 32;
    std::uint64_t m_keys = 0;
    std::string m_metadata;
    std::vector<Tensor> m_tensors;
};

struct TinyLlama {
    int layers = 2;
    int hidden = 32;
    int heads = 4;
    int kvHeads = 2;
    int headDim = 8;
    int ffn = 48;
    int vocab = 0;   ///< 0: as many as the tiny vocabulary has; more are filled with unused tokens
    int context = 256;
    std::uint64_t seed = 1;
    bool tied = true; ///< no output.weight
    std::uint32_t version = 3;
    std::string preTokenizer = "gpt-2";
};

/// 256 byte tokens (ids 0-255 by byte value), the results of tinyMerges(), <|endoftext|>, <|im_start|>, <|im_end|>.
[[nodiscard]] std::vector<std::string> tinyVocabulary();
[[nodiscard]] std::vector<std::string> tinyMerges();
/// The metadata of the tokenizer over that vocabulary; BOS and EOS are <|endoftext|> and <|im_end|>.
void addTinyTokenizer(GgufBuilder& builder, const std::string& preTokenizer, int vocab = 0);
/// A model with float32 weights named as llama.cpp names them, equal for equal arguments.
void writeTinyLlama(const std::filesystem::path& path, const TinyLlama& model = {});

} // namespace kvviz::test
