// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Search order of the default model.
#include "app/engine/model_location.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace kvviz::app {
namespace {

std::string environment(const char* name)
{
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
}

std::vector<std::filesystem::path> modelFolders()
{
    std::vector<std::filesystem::path> folders;
    if (const std::string data = environment("XDG_DATA_HOME"); !data.empty())
        folders.push_back(std::filesystem::path(data) / "kvviz/models");
    else if (const std::string home = environment("HOME"); !home.empty())
        folders.push_back(std::filesystem::path(home) / ".local/share/kvviz/models");
    if (const std::string deps = environment("KVVIZ_DEPS"); !deps.empty())
        folders.push_back(std::filesystem::path(deps) / "models");
    folders.emplace_back(KVVIZ_DEFAULT_MODEL_DIR);
    return folders;
}

} // namespace

std::filesystem::path findModel(const std::string& given)
{
    if (!given.empty())
        return given;
    if (const std::string model = environment("KVVIZ_MODEL"); !model.empty())
        return model;
    for (const std::filesystem::path& folder : modelFolders()) {
        std::vector<std::filesystem::path> models;
        std::error_code ignored;
        for (const auto& entry : std::filesystem::directory_iterator(folder, ignored))
            if (entry.path().extension() == ".gguf")
                models.push_back(entry.path());
        std::sort(models.begin(), models.end());
        if (!models.empty())
            return models.front();
    }
    throw core::Error(core::ErrorCode::badInput,
                      "no model was found; give one with --model FILE.gguf or KVVIZ_MODEL, or run scripts/setup");
}

std::filesystem::path folderOfModel(const std::filesystem::path& path)
{
    const bool part = path.filename() == "config.json" || path.extension() == ".safetensors";
    return part ? std::filesystem::absolute(path).parent_path() : path;
}

} // namespace kvviz::app
