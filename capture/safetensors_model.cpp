// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Types that weights can have, shards, and the scales of 8-bit floats.
#include "capture/safetensors.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <optional>
#include <set>

namespace kvviz::capture {
namespace {

namespace fs = std::filesystem;
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr std::int64_t kBlock = 128; ///< rows and columns that share a scale

[[noreturn]] void fail(const fs::path& path, const std::string& what)
{
    throw core::Error(core::ErrorCode::badInput, fmt::format("'{}': {}", path.string(), what));
}

/// Tensor to shard, as the index of a folder says.
std::map<std::string, std::string> readIndex(const fs::path& path)
{
    std::ifstream stream(path);
    const nlohmann::json index = nlohmann::json::parse(stream, nullptr, false);
    if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
        fail(path, "it is no index of safetensors files (a JSON object with 'weight_map')");
    std::map<std::string, std::string> shards;
    for (const auto& [tensor, file] : index["weight_map"].items()) {
        if (!file.is_string())
            fail(path, fmt::format("the file of '{}' is no text", core::displayBytes(tensor)));
        const fs::path name = file.get<std::string>();
        if (name.empty() || name != name.filename() || name == "." || name == "..")
            fail(path, fmt::format("'{}' is no file of this folder", core::displayBytes(name.string())));
        shards.emplace(tensor, name.string());
    }
    return shards;
}

/// The weights of a folder without an index.
fs::path onlyFile(const fs::path& folder)
{
    if (fs::exists(folder / "model.safetensors"))
        return folder / "model.safetensors";
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder))
        if (entry.path().extension() == ".safetensors")
            found.push_back(entry.path());
    if (found.empty())
        fail(folder, "there are no *.safetensors files; kvviz reads no pickled weights (*.bin, *.pth): convert the model "
                     "with safetensors or transformers");
    if (found.size() > 1)
        fail(folder, fmt::format("there are {} *.safetensors files and no {} that says which of them make the model",
                                 found.size(), kIndex));
    return found.front();
}

/// None: known, but not a type of weights here.
std::optional<TensorType> weightType(io::ElementType type)
{
    switch (type) {
    case io::ElementType::f32: return TensorType::f32;
    case io::ElementType::f16: return TensorType::f16;
    case io::ElementType::bf16: return TensorType::bf16;
    case io::ElementType::f8_e4m3: return TensorType::f8_e4m3;
    default: return std::nullopt;
    }
}

std::int64_t blocks(std::int64_t size) { return (size + kBlock - 1) / kBlock; }

std::vector<float> valuesOf(const TensorInfo& tensor)
{
    std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
    dequantise(tensor, values);
    return values;
}

} // namespace

SafetensorsFile::SafetensorsFile(const fs::path& path) : m_file(path)
{
    for (const io::SafetensorsEntry& entry : m_file.entries()) {
        if (const std::optional<TensorType> type = weightType(entry.type))
            m_tensors.push_back({entry.name, *type, entry.shape, entry.data});
        else
            m_unsupported.emplace(entry.name, io::elementTypeName(entry.type));
    }
}

SafetensorsModel::SafetensorsModel(const fs::path& path) : m_path(path.string())
{
    if (!fs::is_directory(path)) {
        add(path);
        return;
    }
    if (!fs::exists(path / kIndex)) {
        add(onlyFile(path));
        return;
    }
    const std::map<std::string, std::string> shards = readIndex(path / kIndex);
    std::set<std::string> names;
    for (const auto& [tensor, file] : shards)
        names.insert(file);
    m_files.reserve(names.size()); // m_index points into it
    for (const std::string& name : names)
        add(path / name);
    for (const auto& [tensor, file] : shards) {
        const bool known = std::any_of(m_files.begin(), m_files.end(), [&tensor = tensor](const SafetensorsFile& shard) {
            return shard.unsupported().contains(tensor);
        });
        if (!known && !m_index.contains(tensor))
            fail(path / kIndex, fmt::format("it places '{}' in '{}', which does not hold it", core::displayBytes(tensor),
                                            core::displayBytes(file)));
    }
}

void SafetensorsModel::add(const fs::path& file)
{
    m_files.emplace_back(file);
    for (const TensorInfo& tensor : m_files.back().tensors())
        if (!m_index.emplace(tensor.name, &tensor).second)
            fail(file, fmt::format("tensor '{}' is in another file of the model, too", core::displayBytes(tensor.name)));
}

const TensorInfo* SafetensorsModel::findTensor(std::string_view name) const
{
    const auto found = m_index.find(name);
    return found == m_index.end() ? nullptr : found->second;
}

void SafetensorsModel::read(const TensorInfo& tensor, std::span<float> out) const
{
    dequantise(tensor, out);
    if (tensor.type != TensorType::f8_e4m3)
        return;
    const std::int64_t columns = tensor.shape.empty() ? 1 : tensor.shape.back();
    const std::int64_t rows = columns > 0 ? tensor.elements() / columns : 0;
    const auto multiply = [&](const std::vector<float>& scales, auto&& place) {
#pragma omp parallel for schedule(static)
        for (std::int64_t r = 0; r < rows; ++r)
            for (std::int64_t c = 0; c < columns; ++c)
                out[static_cast<std::size_t>(r * columns + c)] *= scales[static_cast<std::size_t>(place(r, c))];
    };
    const TensorInfo* const inBlocks = findTensor(tensor.name + "_scale_inv");
    const TensorInfo* const byRow = findTensor(tensor.name + "_scale");
    const TensorInfo* const scale = inBlocks != nullptr ? inBlocks : byRow;
    if (scale == nullptr)
        fail(m_path, fmt::format("tensor '{}' holds 8-bit floats without scales ('{}_scale_inv' or '{}_scale')",
                                 tensor.name, tensor.name, tensor.name));
    if (scale->elements() == 1)
        return multiply(valuesOf(*scale), [](std::int64_t, std::int64_t) { return 0; });
    if (inBlocks != nullptr && scale->shape == std::vector<std::int64_t>{blocks(rows), blocks(columns)})
        return multiply(valuesOf(*scale), [&](std::int64_t r, std::int64_t c) {
            return r / kBlock * blocks(columns) + c / kBlock;
        });
    if (byRow != nullptr && inBlocks == nullptr && scale->elements() == rows && scale->shape.front() == rows)
        return multiply(valuesOf(*scale), [](std::int64_t r, std::int64_t) { return r; });
    fail(m_path, fmt::format("tensor '{}' has the shape {}, which does not fit the scales of '{}', {}", scale->name,
                             scale->shape, tensor.name, tensor.shape));
}

std::string SafetensorsModel::obstacle(std::string_view name) const
{
    std::string quantised(name);
    if (const std::size_t at = quantised.rfind("weight"); at != std::string::npos)
        quantised.insert(at, "q");
    for (const SafetensorsFile& file : m_files) {
        if (const auto found = file.unsupported().find(name); found != file.unsupported().end())
            return fmt::format("is of the type {}; supported: F32, F16, BF16, F8_E4M3 with scales. Quantised weights must be "
                               "turned back into one of them", found->second);
        if (file.unsupported().contains(quantised))
            return fmt::format("is missing, but there is '{}': integer weights (GPTQ, AWQ) are not supported and must be "
                               "turned back into F32, F16 or BF16", quantised);
    }
    return {};
}

std::vector<const TensorInfo*> SafetensorsModel::tensors() const
{
    std::vector<const TensorInfo*> result;
    for (const auto& [name, tensor] : m_index)
        result.push_back(tensor);
    return result;
}

std::uint64_t SafetensorsModel::bytes() const
{
    std::uint64_t total = 0;
    for (const auto& [name, tensor] : m_index)
        total += tensor->data.size();
    return total;
}

std::vector<fs::path> SafetensorsModel::files() const
{
    std::vector<fs::path> result;
    for (const SafetensorsFile& file : m_files)
        result.emplace_back(file.path());
    return result;
}

void SafetensorsModel::dropPages() const
{
    for (const SafetensorsFile& file : m_files)
        file.dropPages();
}

} // namespace kvviz::capture
