// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz head-table`: HeadKV's importance of query heads, measured on captures that hold and give the answer.
#include "app/commands.hpp"
#include "app/commands/capture_summary.hpp"
#include "app/console.hpp"
#include "app/json_output.hpp"
#include "compress/head_importance.hpp"
#include "core/error.hpp"
#include "core/io/capture_reader.hpp"
#include "core/io/part_file.hpp"
#include "core/io/tables.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

namespace kvviz::app {
namespace {

struct LeftOut {
    std::string capture, reason;
};

/// Why a capture says nothing about looking back; empty: it does.
std::string reasonAgainst(const core::CaptureInfo& info)
{
    if (info.prompt.answer.empty())
        return "has no known answer";
    if (!compress::answerSpan(info))
        return fmt::format("its prompt does not hold the answer '{}'", info.prompt.answer);
    if (!compress::answered(info))
        return fmt::format("the model did not answer '{}'", info.prompt.answer);
    return {};
}

struct Ranked {
    int layer = 0, head = 0;
    double importance = 0;
};

std::vector<Ranked> best(const core::HeadImportance& table, std::size_t count)
{
    std::vector<Ranked> all;
    for (int i = 0; i < std::ssize(table.values); ++i)
        all.push_back({i / table.heads, i % table.heads, table.values[static_cast<std::size_t>(i)]});
    std::stable_sort(all.begin(), all.end(), [](const Ranked& a, const Ranked& b) { return a.importance > b.importance; });
    all.resize(std::min(count, all.size()));
    return all;
}

void print(const HeadTableOptions& options, const CommonOptions& common, const core::ModelTables& tables,
           const std::vector<LeftOut>& leftOut)
{
    const core::HeadImportance& table = *tables.heads;
    const double sum = std::accumulate(table.values.begin(), table.values.end(), 0.0);
    if (common.json) {
        Json report = jsonReport("head-table");
        report["output"] = options.output;
        report["model"] = {{"name", tables.modelName}, {"sha256", tables.modelSha256}};
        report["samples"] = table.samples;
        report["importance"] = table.values;
        report["layers"] = table.layers;
        report["heads"] = table.heads;
        report["left_out"] = Json::array();
        for (const LeftOut& one : leftOut)
            report["left_out"].push_back({{"capture", one.capture}, {"reason", one.reason}});
        printJson(report);
        return;
    }
    TextTable text({">layer", ">head", ">importance", ">share"});
    for (const Ranked& head : best(table, 10))
        text.add({std::to_string(head.layer), std::to_string(head.head), fmt::format("{:.4f}", head.importance),
                  fmt::format("{:.1f} %", sum > 0 ? 100 * head.importance / sum : 0.0)});
    printOut(fmt::format("{}\n{} captures counted, {} left out; the heads that look back most are above. Table in {}\n",
                         text.text(), table.samples, leftOut.size(), options.output));
}

} // namespace

int runHeadTable(const HeadTableOptions& options, const CommonOptions& common)
{
    const io::PartFile check(options.output, options.force); // refuses a name before the work is done
    const std::vector<std::filesystem::path> paths(options.captures.begin(), options.captures.end());
    const std::vector<io::CaptureRef> captures = io::findCaptures(paths);
    const core::Progress progress = consoleProgress(common);
    compress::HeadImportanceBuilder builder;
    core::ModelTables tables;
    std::vector<LeftOut> leftOut;
    for (std::size_t i = 0; i < captures.size(); ++i) {
        progress.throwIfStopped();
        progress("head table", static_cast<std::int64_t>(i), std::ssize(captures));
        const io::CaptureReader reader(captures[i]);
        if (std::string reason = reasonAgainst(reader.info()); !reason.empty()) {
            leftOut.push_back({refName(captures[i]), std::move(reason)});
            continue;
        }
        builder.add(reader, compress::answerSpan(reader.info()).value());
        tables.modelName = reader.info().model.name;
        tables.modelSha256 = reader.info().model.sha256;
    }
    progress("head table", std::ssize(captures), std::ssize(captures));
    finishProgress();
    for (const LeftOut& one : leftOut)
        note(common, fmt::format("left out {}: {}", one.capture, one.reason));
    if (builder.samples() == 0)
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("none of the {} captures counts: a prompt must hold its answer before the "
                                      "question, and the model must give it; capture the task needle",
                                      captures.size()));
    tables.heads = builder.finish();
    tables.creator = creatorName();
    tables.commandLine = common.commandLine;
    io::writeTables(options.output, tables, options.force);
    print(options, common, tables, leftOut);
    return 0;
}

} // namespace kvviz::app
