// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The only file that includes libsentencepiece. Control tokens are added tokens of ours: the library itself does not
// look for them in a text.
#include "capture/sentencepiece_model.hpp"

#include "capture/byte_fallback.hpp"
#include "capture/utf8.hpp"
#include "core/error.hpp"
#include "core/input_file.hpp"

#include <sentencepiece_processor.h>

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::capture {
namespace {

using sentencepiece::SentencePieceProcessor;

constexpr std::string_view kSpaceMark = "\u2581";

std::unique_ptr<SentencePieceProcessor> load(const std::string& bytes, const std::string& place)
{
    auto processor = std::make_unique<SentencePieceProcessor>();
    const sentencepiece::util::Status status = processor->LoadFromSerializedProto(bytes);
    if (!status.ok())
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("{} is no SentencePiece model, or is cut off ({})", place, status.ToString()));
    if (processor->GetPieceSize() < 1)
        throw core::Error(core::ErrorCode::badInput, fmt::format("{}: the vocabulary has no tokens", place));
    return processor;
}

std::string textOf(const SentencePieceProcessor& processor, int id)
{
    const std::string& piece = processor.IdToPiece(id);
    if (const auto byte = processor.IsByte(id) ? namedByte(piece) : std::nullopt)
        return {static_cast<char>(*byte)};
    if (processor.IsControl(id) || processor.IsUnknown(id))
        return piece;
    return replacedAll(piece, kSpaceMark, " ").value_or(piece);
}

/// What Decode() leaves out in front follows from the settings add_dummy_prefix and remove_extra_whitespaces, which the
/// library does not show: so it is asked what it makes of a piece that begins with a space.
DecodeTrim trimOf(const SentencePieceProcessor& processor)
{
    const auto isPlain = [&](int id) {
        return !processor.IsControl(id) && !processor.IsUnknown(id) && !processor.IsByte(id);
    };
    const int space = processor.PieceToId(kSpaceMark);
    if (isPlain(space)) {
        const std::size_t left = processor.DecodeIds({space, space}).size();
        return left == 2 ? DecodeTrim::none : left == 1 ? DecodeTrim::oneSpace : DecodeTrim::spaceOfEachToken;
    }
    for (int id = 0; id < processor.GetPieceSize(); ++id) // no token is a space alone: only the first one matters
        if (isPlain(id) && processor.IdToPiece(id).starts_with(kSpaceMark))
            return processor.DecodeIds({id}).starts_with(' ') ? DecodeTrim::none : DecodeTrim::oneSpace;
    return DecodeTrim::none;
}

class Model final : public TokenModel {
public:
    explicit Model(const TokenizerDescription& description)
        : m_processor(load(description.sentencePieceModel, description.place))
    {
    }

    void encode(const TextPiece& piece, EncodeWorkspace&, std::vector<Token>& tokens) const override
    {
        if (characterLength(piece.text) == 0)
            return encodeByte(piece, tokens);
        const auto encoded = m_processor->EncodeAsImmutableProto(piece.text);
        for (const auto& part : encoded.pieces())
            tokens.push_back({static_cast<std::int32_t>(part.id()),
                              piece.at(std::min<std::size_t>(part.begin(), piece.text.size() - 1)), 0});
    }

private:
    /// A stray byte: its own token, or the unknown one.
    void encodeByte(const TextPiece& piece, std::vector<Token>& tokens) const
    {
        const int id =
            m_processor->PieceToId(fmt::format("<0x{:02X}>", static_cast<unsigned char>(piece.text.front())));
        tokens.push_back({m_processor->IsByte(id) ? id : m_processor->unk_id(), piece.at(0), 0});
    }

    std::unique_ptr<SentencePieceProcessor> m_processor;
};

} // namespace

TokenizerDescription describeSentencePiece(const std::filesystem::path& path)
{
    TokenizerDescription result;
    result.place = fmt::format("'{}'", path.string());
    result.kind = TokenModelKind::sentencePiece;
    result.sentencePieceModel = core::readInputText(path);
    const auto processor = load(result.sentencePieceModel, result.place);
    for (int id = 0; id < processor->GetPieceSize(); ++id) {
        result.bytes.push_back(textOf(*processor, id));
        if (processor->IsControl(id))
            result.added.push_back({.text = processor->IdToPiece(id), .id = id});
    }
    result.pieces.resize(result.bytes.size());
    result.unknown = processor->unk_id();
    if (const int bos = processor->bos_id(); bos >= 0)
        result.bos = bos;
    result.addsBos = result.bos.has_value();
    if (const int eos = processor->eos_id(); eos >= 0)
        result.ends = {eos};
    result.trim = trimOf(*processor);
    return result;
}

std::unique_ptr<TokenModel> makeSentencePieceModel(const TokenizerDescription& description)
{
    return std::make_unique<Model>(description);
}

} // namespace kvviz::capture
