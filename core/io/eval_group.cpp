// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Answers are kept to the byte (a token may end within a character) as those of tokens are, with a text for display.
#include "core/io/eval_group.hpp"

#include "core/io/dimension_scales.hpp"
#include "core/io/record_fields.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::io {

using core::Error;
using core::ErrorCode;

namespace {

template <typename Record, typename Visit>
void visitScalars(Record& r, Visit&& visit)
{
    visit("task", r.task), visit("category", r.category), visit("model_name", r.modelName);
    visit("setting", r.setting), visit("shots", r.shots), visit("budget_use", r.budgetUse);
    visit("actual_ratio", r.actualRatio), visit("size_ratio", r.sizeRatio);
    visit("prompt_tokens", r.promptTokens), visit("generated_tokens", r.generatedTokens);
    visit("method", r.method), visit("variant", r.variant), visit("params", r.params);
    visit("ratio", r.ratio), visit("budget_tokens", r.budgetTokens), visit("n", r.n);
    visit("score", r.score), visit("base_score", r.baseScore);
    visit("delta", r.delta), visit("ci_low", r.ciLow), visit("ci_high", r.ciHigh), visit("p_value", r.pValue);
    visit("gold_logprob_delta", r.goldLogprobDelta);
    visit("prefill_seconds", r.prefillSeconds), visit("decode_seconds", r.decodeSeconds);
    visit("tokens_per_second", r.tokensPerSecond);
    visit("cache_bytes", r.cacheBytes), visit("full_cache_bytes", r.fullCacheBytes);
    visit("flags", r.flags);
}

template <typename Record, typename Visit>
void visitArrays(Record& r, Visit&& visit)
{
    const std::vector<hsize_t> dims{static_cast<hsize_t>(r.n)};
    visit("score", r.scores, dims, Labels{"prompt"});
    visit("base_score", r.baseScores, dims, Labels{"prompt"});
    visit("gold_logprob_delta", r.goldLogprobDeltas, dims, Labels{"prompt"});
    visit("kept_tokens", r.keptTokens, dims, Labels{"prompt"});
}

void label(hid_t group, const char* name, const char* axis)
{
    labelAxes(openDataset(group, name, "/eval/").get(), {axis});
}

void requireCount(const std::vector<std::string>& texts, std::int64_t n, const std::string& place)
{
    if (std::ssize(texts) != n)
        throw Error(ErrorCode::failure,
                    fmt::format("{}: {} values do not fill the shape [{}]", place, texts.size(), n));
}

void writeTexts(hid_t group, const char* name, const std::vector<std::string>& texts)
{
    writeDataset(group, name, texts);
    label(group, name, "prompt");
}

void writeAnswers(hid_t group, const std::vector<std::string>& answers)
{
    std::string bytes;
    std::vector<std::int64_t> offsets{0};
    std::vector<std::string> display;
    for (const std::string& answer : answers) {
        bytes += answer;
        offsets.push_back(std::ssize(bytes));
        display.push_back(core::displayBytes(answer));
    }
    const std::span data(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    writeDataset(group, "answer_bytes", data, {bytes.size()});
    label(group, "answer_bytes", "byte");
    writeDataset(group, "answer_offset", std::span<const std::int64_t>(offsets), {offsets.size()});
    label(group, "answer_offset", "prompt");
    writeTexts(group, "answer", display);
}

std::vector<std::string> readAnswers(hid_t group, hsize_t n, const std::string& where)
{
    const std::vector<std::int64_t> offsets = readInt64s(group, "answer_offset", {n + 1}, where);
    const std::vector<hsize_t> shape = datasetShape(openDataset(group, "answer_bytes", where).get());
    const hsize_t size = shape.size() == 1 ? shape[0] : 0;
    if (offsets.front() != 0 || offsets.back() != static_cast<std::int64_t>(size)
        || !std::is_sorted(offsets.begin(), offsets.end()))
        throw Error(ErrorCode::badInput, where + "answer_offset: expected ascending offsets of answer_bytes");
    const std::vector<std::uint8_t> bytes = readBytes(group, "answer_bytes", {size}, where);
    std::vector<std::string> answers;
    for (hsize_t i = 0; i < n; ++i)
        answers.emplace_back(bytes.begin() + offsets[i], bytes.begin() + offsets[i + 1]);
    return answers;
}

} // namespace

void writeEval(hid_t parent, std::size_t index, const EvalRecord& record)
{
    const std::string place = fmt::format("/eval/{}", index);
    const Handle group = createGroup(parent, std::to_string(index).c_str());
    visitScalars(record, ScalarWriter{group.get()});
    visitArrays(record, ArrayWriter{group.get(), place});
    if (!record.promptIds.empty()) {
        requireCount(record.promptIds, record.n, place + "/prompt_id");
        writeTexts(group.get(), "prompt_id", record.promptIds);
    }
    if (!record.answers.empty()) {
        requireCount(record.answers, record.n, place + "/answer");
        writeAnswers(group.get(), record.answers);
    }
}

EvalRecord readEval(hid_t root, const TextCopy& texts, const std::string& path, const std::string& fileWhere,
                    bool arrays)
{
    const std::string where = fileWhere + path;
    const Handle group = openGroup(root, path, fileWhere);
    EvalRecord record;
    visitScalars(record, ScalarReader{group.get(), texts, path, where});
    requireExtents({record.n}, where);
    if (!arrays)
        return record;
    visitArrays(record, ArrayReader{group.get(), where});
    const hsize_t n = static_cast<hsize_t>(record.n);
    if (hasDataset(group.get(), "prompt_id"))
        record.promptIds = readTexts(group.get(), "prompt_id", n, where + "/");
    if (hasDataset(group.get(), "answer_offset"))
        record.answers = readAnswers(group.get(), n, where + "/");
    return record;
}

} // namespace kvviz::io
