// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Search order of the default model.
#include "app/engine/model_location.hpp"

#include "core/error.hpp"
#include "core/input_file.hpp"

#include <fmt/format.h>

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

/// "org/name" where nothing of that name is: people give it to other programs, which fetch the model.
void requireNoHubName(const std::string& given)
{
    const std::size_t slash = given.find('/');
    const bool isName = slash != std::string::npos && slash > 0 && slash + 1 < given.size() && given.front() != '.'
                        && given.find('/', slash + 1) == std::string::npos;
    if (isName && !core::nameExists(given) && !core::isFolder(given.substr(0, slash)))
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("there is no '{}'; models are not fetched by name: download it, and give its folder",
                                      given));
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
    requireNoHubName(path.string());
    const bool part = path.filename() == "config.json" || path.extension() == ".safetensors"
                      || path.native().ends_with(".safetensors.index.json");
    return part ? std::filesystem::absolute(path).parent_path() : path;
}

} // namespace kvviz::app
