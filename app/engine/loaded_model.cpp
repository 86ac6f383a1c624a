// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Tokenizer, weights, identity; a GGUF file or a Hugging Face folder.
#include "app/engine/loaded_model.hpp"

#include "app/console.hpp"
#include "app/engine/free_memory.hpp"
#include "app/engine/model_location.hpp"
#include "app/engine/model_sum.hpp"
#include "capture/gguf_model.hpp"
#include "capture/hf_model.hpp"
#include "capture/sha256.hpp"
#include "capture/size_estimate.hpp"
#include "capture/tokenizer_description.hpp"
#include "capture/tokenizer_files.hpp"
#include "core/error.hpp"
#include "core/input_file.hpp"
#include "core/stopwatch.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::app {
namespace {

namespace fs = std::filesystem;
constexpr std::int64_t kUsualRun = 1024; ///< tokens for which room is left beside weights that are kept

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

/// Must the layers be read from the files each time they are used, so that a usual run has room beside them? Says so,
/// then. Throws Error(device) when not even that fits.
bool mustStream(const core::ModelInfo& info, std::int64_t ffnSize, bool tied, capture::WeightType type,
                const CommonOptions& common)
{
    const std::uint64_t each = type == capture::WeightType::float32 ? 4 : 2;
    const std::uint64_t layer = capture::layerWeightCount(info, ffnSize), count = capture::weightCount(info, ffnSize, tied);
    const std::int64_t tokens = std::min<std::int64_t>(kUsualRun, info.contextLength);
    const std::uint64_t run = capture::runBytes(info, ffnSize, tokens), free = freeMemory();
    if (free == 0 || count * each + run <= free)
        return false;
    // Embeddings, one layer (float32 first, whatever it becomes), and the shortest run.
    const std::uint64_t least = (count - static_cast<std::uint64_t>(info.nLayers) * layer) * each + layer * 4
                                + capture::runBytes(info, ffnSize, 1);
    if (least > free)
        throw core::Error(core::ErrorCode::device,
                          fmt::format("{} does not fit: even with its layers read from the files one by one it takes {}, but {} "
                                      "of memory are free{}", info.name, core::humanBytes(least), core::humanBytes(free),
                                      each == 4 ? "; --dtype bfloat16 takes less" : ""));
    note(common, fmt::format("the weights take {} and a run of {} tokens {}, but {} of memory are free: each layer is read "
                             "from the files each time it is used, which is slow", core::humanBytes(count * each), tokens,
                             core::humanBytes(run), core::humanBytes(free)));
    return true;
}

LoadedModel loadFolder(const fs::path& path, capture::WeightType type, const CommonOptions& common, ModelUse use)
{
    const capture::HfFolder folder(path);
    LoadedModel loaded;
    if (capture::hasTokenizer(path)) {
        loaded.tokenizer = std::make_shared<capture::Tokenizer>(capture::loadTokenizer(path));
    } else {
        loaded.tokenizer = std::make_shared<capture::Tokenizer>(numberedTokens(folder.spec().info.vocabSize, path));
    }
    if (use == ModelUse::described) {
        loaded.model = folder.describe();
        return loaded;
    }
    const capture::HfModelSpec& spec = folder.spec();
    const std::shared_ptr<capture::Model> model = folder.load(
        type, use == ModelUse::elsewhere || mustStream(spec.info, spec.arch.ffnSize, spec.tied, type, common));
    model->info.sha256 = rememberedSum(folder.files(), [&] { return folder.sha256(); });
    folder.tensors().requireSame(); // the sum is of what lies at the paths
    loaded.model = model;
    return loaded;
}

LoadedModel loadFile(const fs::path& path, capture::WeightType type, const CommonOptions& common, ModelUse use)
{
    const auto file = std::make_shared<const capture::GgufFile>(path);
    LoadedModel loaded;
    loaded.tokenizer = std::make_shared<capture::Tokenizer>(*file);
    const capture::Model described = capture::describeModel(*file);
    if (use == ModelUse::described) {
        loaded.model = std::make_shared<const capture::Model>(described);
        return loaded;
    }
    const bool streams = use == ModelUse::elsewhere
                         || mustStream(described.info, described.arch.ffnSize, capture::isTied(*file), type, common);
    const std::shared_ptr<capture::Model> model =
        streams ? capture::streamModel(file, type) : capture::loadModel(*file, type);
    model->info.sha256 = rememberedSum({path}, [&] { return capture::sha256OfFile(path); });
    file->requireSame(); // the sum is of what lies at the path
    loaded.model = model;
    return loaded;
}

} // namespace

LoadedModel loadModelFile(const std::string& given, capture::WeightType type, const CommonOptions& common,
                          ModelUse use)
{
    const core::Stopwatch watch;
    capture::setThreads(common.threads);
    const fs::path path = folderOfModel(findModel(given));
    LoadedModel loaded = core::isFolder(path) ? loadFolder(path, type, common, use)
                                              : loadFile(path, type, common, use);
    loaded.seconds = watch.seconds();
    return loaded;
}

} // namespace kvviz::app
