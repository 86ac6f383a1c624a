// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// kvviz import: files of arrays to captures, one each.
#include "app/commands.hpp"
#include "app/console.hpp"
#include "app/json_output.hpp"
#include "core/io/capture_import.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace kvviz::app {
namespace {

using core::Error;
using core::ErrorCode;
namespace fs = std::filesystem;

/// The capture of each file. Throws Error(usage) when two would be one.
std::vector<fs::path> outputsOf(const ImportOptions& options)
{
    const fs::path output(options.output);
    if (output.extension() == ".kvh5") {
        if (options.files.size() > 1)
            throw Error(ErrorCode::usage, fmt::format("{} files do not fit into one capture; give a folder with -o",
                                                      options.files.size()));
        return {output};
    }
    std::vector<fs::path> outputs;
    std::set<fs::path> taken;
    for (const std::string& file : options.files) {
        outputs.push_back(output / (fs::path(file).stem().string() + ".kvh5"));
        if (!taken.insert(outputs.back()).second)
            throw Error(ErrorCode::usage, fmt::format("two files would become '{}'", outputs.back().string()));
    }
    std::error_code error;
    fs::create_directories(output, error);
    if (error)
        throw Error(ErrorCode::failure, fmt::format("'{}': the folder cannot be made ({})", options.output, error.message()));
    return outputs;
}

io::ImportSettings settingsOf(const ImportOptions& options, const CommonOptions& common)
{
    io::ImportSettings settings;
    if (!options.metadata.empty())
        settings.metadata = io::readMetadataFile(options.metadata);
    settings.tier = *core::tierFromName(options.tier); // the option table lets no other word through
    settings.window = options.window;
    settings.mapCap = options.mapCap;
    settings.rowsType = *core::storageTypeFromName(options.rowsDtype);
    settings.cacheType = *core::storageTypeFromName(options.cacheDtype);
    settings.mapType = *core::storageTypeFromName(options.mapDtype);
    settings.creator = creatorName();
    settings.created = utcNow();
    settings.commandLine = common.commandLine;
    settings.force = options.force;
    return settings;
}

/// "'a', 'b' and 3 more": a file of weights has thousands.
std::string namesOf(const std::vector<std::string>& names)
{
    constexpr std::size_t kShown = 8;
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i)
        text += fmt::format("{}'{}'", i > 0 ? ", " : "", core::displayBytes(names[i]));
    return names.size() > kShown ? text + fmt::format(" and {} more", names.size() - kShown) : text;
}

std::string toText(const fs::path& output, const io::ImportSummary& summary)
{
    const core::CaptureInfo& info = summary.info;
    std::string text = fmt::format("{}: {}, {} layers, {} heads on {} KV heads, {} prompt tokens, {} generated, tier {}, {}\n",
                                   output.string(), info.model.name, info.model.nLayers, info.model.nHeads,
                                   info.model.nKvHeads, info.nPrompt(), info.nGenerated(), tierName(info.tier),
                                   core::humanBytes(summary.fileBytes));
    for (const std::string& missing : summary.missing)
        text += fmt::format("  not there: {}\n", missing);
    if (!summary.ignored.empty())
        text += fmt::format("  not read: {}\n", namesOf(summary.ignored));
    if (summary.scaledRows > 0)
        text += fmt::format("  {} attention rows were scaled to sum to 1, from within 1 %\n", summary.scaledRows);
    return text;
}

Json toJson(const std::string& input, const fs::path& output, const io::ImportSummary& summary)
{
    const core::CaptureInfo& info = summary.info;
    return {{"input", input}, {"file", output.string()}, {"model", info.model.name}, {"layers", info.model.nLayers},
            {"heads", info.model.nHeads}, {"kv_heads", info.model.nKvHeads}, {"prompt_tokens", info.nPrompt()},
            {"generated_tokens", info.nGenerated()}, {"tier", tierName(info.tier)}, {"missing", summary.missing},
            {"ignored", summary.ignored}, {"scaled_rows", summary.scaledRows}, {"bytes", summary.fileBytes}};
}

} // namespace

int runImport(const ImportOptions& options, const CommonOptions& common)
{
    const std::vector<fs::path> outputs = outputsOf(options);
    const io::ImportSettings settings = settingsOf(options, common);
    const core::Progress progress = consoleProgress(common);
    Json report = jsonReport("import");
    report["captures"] = Json::array();
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        const io::ImportSummary summary = io::importCapture(options.files[i], outputs[i], settings, progress);
        finishProgress();
        report["captures"].push_back(toJson(options.files[i], outputs[i], summary));
        if (!common.json && !common.quiet)
            printOut(toText(outputs[i], summary));
    }
    if (common.json)
        printJson(report);
    return 0;
}

} // namespace kvviz::app
