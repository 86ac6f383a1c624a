// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// File, tokenizer, weights, identity.
#include "app/engine/loaded_model.hpp"

#include "app/engine/model_location.hpp"
#include "capture/gguf_model.hpp"
#include "capture/sha256.hpp"
#include "core/stopwatch.hpp"

namespace kvviz::app {

LoadedModel loadModelFile(const std::string& given, capture::WeightType type, int threads)
{
    const core::Stopwatch watch;
    capture::setThreads(threads);
    const std::filesystem::path path = findModel(given);
    const capture::GgufFile file(path);
    LoadedModel loaded;
    loaded.tokenizer = std::make_shared<capture::Tokenizer>(file);
    const std::shared_ptr<capture::Model> model = capture::loadModel(file, type);
    model->info.sha256 = capture::sha256OfFile(path);
    loaded.model = model;
    loaded.seconds = watch.seconds();
    return loaded;
}

} // namespace kvviz::app
