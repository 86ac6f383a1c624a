// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz share-search`: which layers of a model can read the cache of another one (KVSharer).
#include "app/commands.hpp"
#include "app/console.hpp"
#include "app/engine/loaded_model.hpp"
#include "app/engine/table_output.hpp"
#include "app/engine/text_file.hpp"
#include "app/json_output.hpp"
#include "capture/calibration_text.hpp"
#include "capture/layer_sharing.hpp"
#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::app {
namespace {

using core::Error;
using core::ErrorCode;

constexpr std::int64_t kSentenceTokens = 64; ///< as in the paper, and 30 of them
constexpr std::int64_t kSentences = 30;

capture::Sentences sentencesFor(const ShareSearchOptions& options, const std::string& text, const LoadedModel& loaded)
{
    const std::int64_t tokens = std::min<std::int64_t>(kSentenceTokens, loaded.model->info.contextLength);
    if (options.text.empty())
        return capture::calibrationPieces(*loaded.tokenizer, tokens);
    try {
        return capture::textPieces(*loaded.tokenizer, text, tokens, kSentences * tokens, /*whole=*/true);
    } catch (const Error& error) {
        throw Error(error.code(), fmt::format("{}: {}", options.text, error.what()));
    }
}

int layersToShare(const ShareSearchOptions& options, const core::ModelInfo& model)
{
    if (options.layersToShare < 0)
        return model.nLayers / 4;
    if (options.layersToShare >= model.nLayers)
        throw Error(ErrorCode::usage, fmt::format("--layers-to-share {}: {} has {} layers, and at least one keeps its "
                                                  "own cache",
                                                  options.layersToShare, model.name, model.nLayers));
    return options.layersToShare;
}

/// Layers that use another one's cache.
std::vector<int> sharedLayers(const core::SharingMap& map)
{
    std::vector<int> layers;
    for (int layer = 0; layer < std::ssize(map.source); ++layer)
        if (map.source[static_cast<std::size_t>(layer)] != layer)
            layers.push_back(layer);
    return layers;
}

void printReport(const ShareSearchOptions& options, const core::ModelTables& tables)
{
    const core::SharingMap& map = *tables.sharing;
    const std::vector<int> layers = sharedLayers(map);
    printOut(fmt::format("{}: {} of {} layers of {} use the cache of another one; {} pieces of text, cosine above {}\n",
                         options.output, layers.size(), map.source.size(), tables.modelName, map.sentences,
                         map.threshold));
    if (layers.empty())
        return;
    TextTable table({">layer", ">uses", ">cosine when accepted"});
    for (const int layer : layers)
        table.add({std::to_string(layer), std::to_string(map.source[static_cast<std::size_t>(layer)]),
                   fmt::format("{:.4f}", map.similarity[static_cast<std::size_t>(layer)])});
    printOut("\n" + table.text("  "));
}

Json reportOf(const ShareSearchOptions& options, const core::ModelTables& tables, int wanted)
{
    const core::SharingMap& map = *tables.sharing;
    Json shared = Json::array();
    for (const int layer : sharedLayers(map))
        shared.push_back({{"layer", layer}, {"source", map.source[static_cast<std::size_t>(layer)]},
                          {"cosine", map.similarity[static_cast<std::size_t>(layer)]}});
    Json report = jsonReport("share-search");
    report.update({{"output", options.output}, {"model", tables.modelName}, {"layers", map.source.size()},
                   {"layers_to_share", wanted}, {"threshold", map.threshold}, {"sentences", map.sentences},
                   {"shared", shared}});
    return report;
}

} // namespace

int runShareSearch(const ShareSearchOptions& options, const CommonOptions& common)
{
    requireWritable(options.output, options.force);
    const std::string text = options.text.empty() ? "" : readTextFile(options.text);
    const core::Progress progress = consoleProgress(common);
    const LoadedModel loaded = loadModelFile(options.model, capture::WeightType::float32, common);
    const int wanted = layersToShare(options, loaded.model->info);
    core::ModelTables tables = newTables(loaded.model->info, common);
    tables.sharing = capture::searchSharing(loaded.model, sentencesFor(options, text, loaded), wanted,
                                            options.threshold, progress);
    finishProgress();
    tables.extra["sharing text"] = options.text.empty() ? "kvviz's own paragraphs" : options.text;
    writeTableFile(options.output, tables, options.force);
    if (const auto found = std::ssize(sharedLayers(*tables.sharing)); found < wanted)
        note(common, fmt::format("only {} of {} layers were found: no other pair keeps a cosine above {}", found,
                                 wanted, options.threshold));
    if (common.json)
        printJson(reportOf(options, tables, wanted));
    else
        printReport(options, tables);
    return 0;
}

} // namespace kvviz::app
