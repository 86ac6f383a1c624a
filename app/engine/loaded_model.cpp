// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Reading weights and vocabulary of a model file.
#include "app/engine/loaded_model.hpp"

#include "app/engine/model_location.hpp"
#include "capture/gguf.hpp"
#include "core/error.hpp"

#include <chrono>

#include <fmt/format.h>

namespace kvviz::app {

LoadedModel loadModelFile(const std::string& given, const std::string& dtype, const std::string& device, int threads)
{
    using core::Error;
    using core::ErrorCode;
    if (device != "cpu")
        throw Error(ErrorCode::device,
                    fmt::format("--device {}: this build runs on the CPU only; use --device cpu", device));
    if (dtype != "float32" && dtype != "bfloat16")
        throw Error(ErrorCode::usage, fmt::format("--dtype {}: expected float32 or bfloat16", dtype));
    const auto start = std::chrono::steady_clock::now();
    capture::setThreads(threads);
    const std::filesystem::path path = findModel(given);
    const capture::GgufFile file(path);
    const auto type = dtype == "float32" ? capture::WeightType::float32 : capture::WeightType::bfloat16;
    LoadedModel loaded;
    loaded.tokenizer = std::make_shared<capture::Tokenizer>(file);
    const std::shared_ptr<capture::Model> model = capture::loadModel(file, type);
    model->info.sha256 = capture::sha256OfFile(path);
    loaded.model = model;
    loaded.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return loaded;
}

} // namespace kvviz::app
