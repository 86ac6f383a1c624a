// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Tokenizer, weights, identity; a GGUF file or a Hugging Face folder.
#include "app/engine/loaded_model.hpp"

#include "app/console.hpp"
#include "app/engine/free_memory.hpp"
#include "app/engine/model_location.hpp"
#include "capture/gguf_model.hpp"
#include "capture/hf_model.hpp"
#include "capture/sha256.hpp"
#include "capture/size_estimate.hpp"
#include "capture/tokenizer_description.hpp"
#include "capture/tokenizer_files.hpp"
#include "core/stopwatch.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

namespace kvviz::app {
namespace {

namespace fs = std::filesystem;
constexpr double kMostOfMemory = 0.9; ///< that weights may take: the run needs some, too

/// Tokens that are only numbers: "<17>". No text can be read with it, but ids can.
capture::Tokenizer numberedTokens(int vocabSize, const fs::path& folder)
{
    capture::TokenizerDescription description;
    description.noText = fmt::format("'{}' has no tokenizer (tokenizer.json or tokenizer.model), so text cannot be turned "
                                     "into tokens; put its files there, or give token ids: kvviz capture --token-ids FILE",
                                     folder.string());
    for (int id = 0; id < vocabSize; ++id)
        description.bytes.push_back(fmt::format("<{}>", id));
    description.pieces.resize(description.bytes.size());
    return capture::Tokenizer(std::move(description));
}

/// Must the layers be read from the files each time they are used? Says so, then. `count`: numbers of the model.
bool mustStream(std::uint64_t count, capture::WeightType type, const CommonOptions& common)
{
    const std::uint64_t bytes = count * (type == capture::WeightType::float32 ? 4 : 2);
    const std::uint64_t free = freeMemory();
    const bool streams = free > 0 && static_cast<double>(bytes) > kMostOfMemory * static_cast<double>(free);
    if (streams)
        note(common, fmt::format("the weights take {}, but {} of memory are free: each layer is read from the files each "
                                 "time it is used, which is slow", core::humanBytes(bytes), core::humanBytes(free)));
    return streams;
}

LoadedModel loadFolder(const fs::path& path, capture::WeightType type, const CommonOptions& common, bool readLayers)
{
    const capture::HfFolder folder(path);
    LoadedModel loaded;
    if (capture::hasTokenizer(path)) {
        loaded.tokenizer = std::make_shared<capture::Tokenizer>(capture::loadTokenizer(path));
    } else {
        loaded.tokenizer = std::make_shared<capture::Tokenizer>(numberedTokens(folder.spec().info.vocabSize, path));
    }
    const capture::HfModelSpec& spec = folder.spec();
    const std::uint64_t count = capture::weightCount(spec.info, spec.arch.ffnSize, spec.tied);
    const std::shared_ptr<capture::Model> model = folder.load(type, readLayers || mustStream(count, type, common));
    model->info.sha256 = folder.sha256();
    loaded.model = model;
    return loaded;
}

LoadedModel loadFile(const fs::path& path, capture::WeightType type, const CommonOptions& common, bool readLayers)
{
    const auto file = std::make_shared<const capture::GgufFile>(path);
    LoadedModel loaded;
    loaded.tokenizer = std::make_shared<capture::Tokenizer>(*file);
    const capture::Model described = capture::describeModel(*file);
    const std::uint64_t count =
        capture::weightCount(described.info, described.arch.ffnSize, capture::isTied(*file));
    const std::shared_ptr<capture::Model> model = readLayers || mustStream(count, type, common)
                                                      ? capture::streamModel(file, type)
                                                      : capture::loadModel(*file, type);
    model->info.sha256 = capture::sha256OfFile(path);
    loaded.model = model;
    return loaded;
}

} // namespace

LoadedModel loadModelFile(const std::string& given, capture::WeightType type, const CommonOptions& common,
                          bool readLayers)
{
    const core::Stopwatch watch;
    capture::setThreads(common.threads);
    const fs::path path = folderOfModel(findModel(given));
    std::error_code ignored; // what can be neither is refused as a file
    LoadedModel loaded = fs::is_directory(path, ignored) ? loadFolder(path, type, common, readLayers)
                                                : loadFile(path, type, common, readLayers);
    loaded.seconds = watch.seconds();
    return loaded;
}

} // namespace kvviz::app
