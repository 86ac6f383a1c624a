// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Rows of resources/paper, their names in our words, and the full cache's score that each belongs to.
#include "datasets/published.hpp"

#include "core/error.hpp"
#include "datasets/csv.hpp"
#include "datasets/paper_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace kvviz::datasets {
namespace {

using core::Error;
using core::ErrorCode;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kFullCache = "FullKV";

struct Name {
    std::string_view printed, ours;
};

/// The first of several rows with one printed name is what the paper's code (KVCache-Factory) does.
constexpr Name kMethods[] = {
    {kFullCache, "fullkv"},
    {"StreamingLLM", "streaming_noshift"}, // cuts the prompt once, keys keep their positions
    {"StreamingLLM", "streaming"},
    {"H2O", "h2o"},
    {"H2O", "h2o_online"},
    {"SnapKV", "snapkv"},
    {"PyramidKV", "pyramidkv"},
    {"ChunkKV", "chunkkv"},
    {"PyramidInfer", "pyramidinfer"},
    {"ShotKV", "shotkv"},
    {"Prefill-only", "shotkv:prefill_only"},
    {"Random Shot", "random_shot"},
};

constexpr Name kCategories[] = {
    {"WK", "world knowledge"},         {"CSR", "commonsense"},
    {"AR", "arithmetic"},              {"R1-AR", "arithmetic"},
    {"many-shot AR", "arithmetic"},    {"CG", "code"},
    {"SA", "safety"},                  {"LG-GSM8K", "long-context generation"},
    {"HotpotQA", "document QA"},       {"LongBench", ""},
};

template <std::size_t count>
std::string ours(const Name (&names)[count], const std::string& printed)
{
    const auto* const found = std::find_if(names, names + count, [&](const Name& n) { return n.printed == printed; });
    if (found == names + count)
        throw Error(ErrorCode::failure,
                    fmt::format("the paper's tables name '{}', which kvviz does not know", printed));
    return std::string(found->ours);
}

/// A record of one of the tables; fields are taken in order.
class Row {
public:
    Row(const char* table, const CsvRecord& record) : m_table(table), m_record(record) {}

    std::string text() { return m_next < m_record.fields.size() ? m_record.fields[m_next++] : fail("a field"); }
    double real()
    {
        const std::string field = text();
        double value = 0;
        const auto [end, fault] = std::from_chars(field.data(), field.data() + field.size(), value);
        return fault == std::errc() && end == field.data() + field.size() ? value : (fail("a number"), 0.0);
    }
    double realOrNone()
    {
        if (m_next < m_record.fields.size() && m_record.fields[m_next].empty())
            return ++m_next, kNone;
        return real();
    }
    std::int64_t integer() { return std::llround(real()); }
    void end() const
    {
        if (m_next != m_record.fields.size() || !m_record.fault.empty())
            fail("the end of the line");
    }

private:
    [[noreturn]] std::string fail(const char* expected) const
    {
        throw Error(ErrorCode::failure, fmt::format("the paper's table '{}', line {}, field {}: expected {}", m_table,
                                                    m_record.line, m_next + 1, expected));
    }

    const char* m_table;
    const CsvRecord& m_record;
    std::size_t m_next = 0;
};

/// Calls `read` for each line after the first.
template <typename Read>
auto readRows(const char* table, std::string_view csv, Read read)
{
    std::vector<decltype(read(std::declval<Row&>()))> rows;
    CsvReader reader(csv);
    CsvRecord record;
    for (bool heading = true; reader.next(record); heading = false) {
        if (heading)
            continue;
        Row row(table, record);
        rows.push_back(read(row));
        row.end();
    }
    return rows;
}

std::vector<std::string> split(const std::string& text, char separator)
{
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find(separator, begin), text.size());
        parts.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return parts;
}

PublishedScore readScore(Row& row)
{
    PublishedScore score;
    score.table = static_cast<int>(row.integer());
    score.model = row.text();
    score.benchmark = row.text();
    score.setting = row.text();
    score.method = row.text();
    score.ratio = row.real();
    score.score = row.real();
    score.deltaPercent = row.realOrNone();
    score.unit = row.text();
    score.flags = split(row.text(), ';');
    score.deltaPoints = row.realOrNone();
    score.kvvizMethod = ours(kMethods, score.method);
    score.category = ours(kCategories, score.benchmark);
    score.fraction = score.unit == "percent" ? score.score / 100 : score.score;
    return score;
}

/// Some tables leave out the full cache because another one has it; a table's own goes first.
double baseOf(const PublishedScore& score, const std::vector<PublishedScore>& all)
{
    double base = kNone;
    for (const PublishedScore& other : all)
        if (other.method == kFullCache && other.model == score.model && other.benchmark == score.benchmark
            && other.setting == score.setting && (std::isnan(base) || other.table == score.table))
            base = other.fraction;
    return base;
}

std::vector<PublishedScore> readScores()
{
    std::vector<PublishedScore> scores = readRows("kvfundabench.csv", paperScoresCsv(), readScore);
    for (PublishedScore& score : scores) {
        score.base = baseOf(score, scores);
        score.change = (score.fraction - score.base) / score.base;
    }
    return scores;
}

PublishedLatency readLatency(Row& row)
{
    PublishedLatency latency;
    latency.method = row.text();
    latency.kvvizMethod = ours(kMethods, latency.method);
    latency.inputTokens = row.integer();
    latency.outputTokens = row.integer();
    latency.seconds = row.real();
    latency.tokensPerSecond = row.real();
    latency.latencyGainPercent = row.realOrNone();
    latency.throughputGainPercent = row.realOrNone();
    return latency;
}

PublishedDataset readDataset(Row& row)
{
    PublishedDataset dataset;
    dataset.name = row.text();
    dataset.task = row.text();
    dataset.questions = row.integer();
    dataset.metric = row.text();
    for (std::string& shots : dataset.shots)
        shots = row.text();
    dataset.questionsAtOnce = row.text();
    dataset.answersAtOnce = row.text();
    return dataset;
}

bool agrees(const std::string& wanted, const std::string& value) { return wanted.empty() || wanted == value; }

} // namespace

const std::vector<PublishedScore>& publishedScores()
{
    static const std::vector<PublishedScore> scores = readScores();
    return scores;
}

const std::vector<PublishedLatency>& publishedLatencies()
{
    static const std::vector<PublishedLatency> rows = readRows("latency.csv", paperLatencyCsv(), readLatency);
    return rows;
}

const std::vector<PublishedDataset>& publishedDatasets()
{
    static const std::vector<PublishedDataset> rows = readRows("datasets.csv", paperDatasetsCsv(), readDataset);
    return rows;
}

std::vector<const PublishedScore*> findPublished(const PublishedQuery& query)
{
    const std::string ourMethod = publishedName(query.method);
    std::vector<const PublishedScore*> found;
    for (const PublishedScore& score : publishedScores())
        if ((!query.table || *query.table == score.table) && agrees(query.model, score.model)
            && agrees(query.benchmark, score.benchmark) && agrees(query.setting, score.setting)
            && agrees(query.category, score.category)
            && (agrees(query.method, score.method) || score.method == ourMethod)
            && (!query.ratio || std::abs(*query.ratio - score.ratio) < 1e-6))
            found.push_back(&score);
    return found;
}

std::string publishedName(std::string_view specification)
{
    if (specification.find('+') != std::string_view::npos)
        return "";
    const std::string_view preset = specification.substr(0, specification.find(','));
    const std::string_view name = preset.substr(0, preset.find(':'));
    for (const std::string_view wanted : {preset, name})
        for (const Name& method : kMethods)
            if (method.ours == wanted)
                return std::string(method.printed);
    return "";
}

} // namespace kvviz::datasets
