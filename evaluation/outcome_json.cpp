// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// JSON holds no bytes that are not UTF-8, so each byte of an answer becomes the character of that number.
#include "evaluation/outcome_json.hpp"

#include "core/error.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>

namespace kvviz::evaluation {
namespace {

using nlohmann::json;

std::string bytesToText(const std::string& bytes)
{
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            text += c;
        } else {
            text += static_cast<char>(0xc0 | (byte >> 6));
            text += static_cast<char>(0x80 | (byte & 0x3f));
        }
    }
    return text;
}

std::string textToBytes(const std::string& text)
{
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte < 0x80) {
            bytes += text[i];
        } else if ((byte == 0xc2 || byte == 0xc3) && i + 1 < text.size()) {
            bytes += static_cast<char>(((byte & 0x03) << 6) | (static_cast<unsigned char>(text[i + 1]) & 0x3f));
            ++i;
        } else {
            throw core::Error(core::ErrorCode::badInput, "an answer with a character that stands for no byte");
        }
    }
    return bytes;
}

json number(double value) { return std::isnan(value) ? json(nullptr) : json(value); }
double number(const json& value) { return value.is_null() ? kNotKnown : value.get<double>(); }

json toJson(const CacheOutcome& cache)
{
    if (!cache.obstacle.empty())
        return {{"obstacle", bytesToText(cache.obstacle)}};
    return {{"answer", bytesToText(cache.answer)}, {"score", number(cache.score)},
            {"gold", number(cache.goldLogprob)},   {"generated", cache.generated},
            {"kept", cache.keptTokens},            {"kept_ratio", number(cache.keptRatio)},
            {"size_ratio", number(cache.sizeRatio)}, {"held", cache.heldBytes},
            {"decode_s", number(cache.decodeSeconds)}, {"flags", cache.flags}};
}

CacheOutcome cacheFromJson(const json& value)
{
    CacheOutcome cache;
    if (value.contains("obstacle")) {
        cache.obstacle = textToBytes(value.at("obstacle").get<std::string>());
        return cache;
    }
    cache.answer = textToBytes(value.at("answer").get<std::string>());
    cache.score = number(value.at("score"));
    cache.goldLogprob = number(value.at("gold"));
    cache.generated = value.at("generated").get<std::int64_t>();
    cache.keptTokens = value.at("kept").get<std::int64_t>();
    cache.keptRatio = number(value.at("kept_ratio"));
    cache.sizeRatio = number(value.at("size_ratio"));
    cache.heldBytes = value.at("held").get<std::uint64_t>();
    cache.decodeSeconds = number(value.at("decode_s"));
    cache.flags = value.at("flags").get<std::vector<std::string>>();
    return cache;
}

} // namespace

std::string toJsonLine(const PromptOutcome& outcome)
{
    json line{{"task", bytesToText(outcome.task)}, {"id", bytesToText(outcome.id)}, {"index", outcome.index}};
    if (!outcome.refused.empty()) {
        line["refused"] = bytesToText(outcome.refused);
        return line.dump();
    }
    line["prompt_tokens"] = outcome.promptTokens;
    line["prefill_s"] = number(outcome.prefillSeconds);
    line["full"] = toJson(outcome.full);
    line["pairs"] = json::array();
    for (const CacheOutcome& pair : outcome.pairs)
        line["pairs"].push_back(toJson(pair));
    return line.dump();
}

PromptOutcome fromJsonLine(std::string_view text, const std::string& where)
{
    try {
        const json line = json::parse(text);
        PromptOutcome outcome;
        outcome.task = textToBytes(line.at("task").get<std::string>());
        outcome.id = textToBytes(line.at("id").get<std::string>());
        outcome.index = line.at("index").get<std::int64_t>();
        if (line.contains("refused")) {
            outcome.refused = textToBytes(line.at("refused").get<std::string>());
            return outcome;
        }
        outcome.promptTokens = line.at("prompt_tokens").get<std::int64_t>();
        outcome.prefillSeconds = number(line.at("prefill_s"));
        outcome.full = cacheFromJson(line.at("full"));
        for (const json& pair : line.at("pairs"))
            outcome.pairs.push_back(cacheFromJson(pair));
        return outcome;
    } catch (const json::exception& error) {
        throw core::Error(core::ErrorCode::badInput, fmt::format("{}: not the outcome of a prompt ({})", where,
                                                                 error.what()));
    } catch (const core::Error& error) {
        throw core::Error(core::ErrorCode::badInput, fmt::format("{}: {}", where, error.what()));
    }
}

} // namespace kvviz::evaluation
