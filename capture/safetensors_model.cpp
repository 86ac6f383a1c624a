// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Types that weights can have, shards, and the scales of 8-bit floats.
#include "capture/safetensors.hpp"
#include "core/error.hpp"
#include "core/input_file.hpp"
#include "core/io/json_text.hpp"
#include "core/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <set>

namespace kvviz::capture {
namespace {

namespace fs = std::filesystem;
constexpr const char* kIndex = "model.safetensors.index.json";

[[noreturn]] void fail(const fs::path& path, const std::string& what)
{
    throw core::Error(core::ErrorCode::badInput, fmt::format("'{}': {}", path.string(), what));
}

/// Tensor to shard, as the index of a folder says.
std::map<std::string, std::string> readIndex(const fs::path& path)
{
    const nlohmann::json index = io::parseJson(core::readInputText(path), fmt::format("'{}'", path.string()));
    if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
        fail(path, "it is no index of safetensors files (a JSON object with 'weight_map')");
    std::map<std::string, std::string> shards;
    for (const auto& [tensor, file] : index["weight_map"].items()) {
        if (!file.is_string())
            fail(path, fmt::format("the file of '{}' is no text", core::displayBytes(tensor)));
        const fs::path name = file.get<std::string>();
        if (name.empty() || name != name.filename() || name == "." || name == ".."
            || name.native().find('\0') != std::string::npos)
            fail(path, fmt::format("'{}' is no file of this folder", core::displayBytes(name.string())));
        shards.emplace(tensor, name.string());
    }
    return shards;
}

/// The weights of a folder without an index.
fs::path onlyFile(const fs::path& folder)
{
    if (core::nameExists(folder / "model.safetensors"))
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

std::int64_t blocksOf(std::int64_t size, std::int64_t block) { return (size + block - 1) / block; }

std::int64_t columnsOf(const TensorInfo& tensor) { return tensor.shape.empty() ? 1 : tensor.shape.back(); }

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

SafetensorsModel::SafetensorsModel(const fs::path& path, ScaleBlock block) : m_path(path.string()), m_block(block)
{
    if (!core::isFolder(path)) {
        add(path);
        return;
    }
    if (!core::nameExists(path / kIndex)) {
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
    for (const auto& [tensor, file] : shards)
        if (!holds(path / file, tensor))
            fail(path / kIndex, fmt::format("it places '{}' in '{}', which does not hold it", core::displayBytes(tensor),
                                            core::displayBytes(file)));
}

bool SafetensorsModel::holds(const fs::path& file, const std::string& tensor) const
{
    const auto shard = std::find_if(m_files.begin(), m_files.end(),
                                    [&](const SafetensorsFile& one) { return one.path() == file.string(); });
    if (shard == m_files.end() || shard->unsupported().contains(tensor))
        return shard != m_files.end();
    const TensorInfo* const found = findTensor(tensor);
    return found != nullptr && &fileOf(*found) == &*shard;
}

const SafetensorsFile& SafetensorsModel::fileOf(const TensorInfo& tensor) const
{
    return *std::find_if(m_files.begin(), m_files.end(), [&](const SafetensorsFile& file) {
        const std::vector<TensorInfo>& own = file.tensors();
        return &tensor >= own.data() && &tensor < own.data() + own.size();
    });
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
    fileOf(tensor).requireWhole();
    if (tensor.type == TensorType::f8_e4m3)
        scale(tensor, out);
}

void SafetensorsModel::requireReadable(const TensorInfo& tensor) const
{
    if (tensor.type == TensorType::f8_e4m3)
        (void)scalesOf(tensor);
}

SafetensorsModel::Scales SafetensorsModel::scalesOf(const TensorInfo& tensor) const
{
    const std::int64_t columns = columnsOf(tensor);
    const std::int64_t rows = columns > 0 ? tensor.elements() / columns : 0;
    const TensorInfo* const inBlocks = findTensor(tensor.name + "_scale_inv");
    const TensorInfo* const byRow = findTensor(tensor.name + "_scale");
    const TensorInfo* const scale = inBlocks != nullptr ? inBlocks : byRow;
    if (scale == nullptr)
        fail(m_path, fmt::format("tensor '{}' holds 8-bit floats without scales ('{}_scale_inv' or '{}_scale')",
                                 tensor.name, tensor.name, tensor.name));
    if (scale->elements() == 1)
        return {scale, rows, columns};
    const std::vector<std::int64_t> blocks{blocksOf(rows, m_block.rows), blocksOf(columns, m_block.columns)};
    if (inBlocks != nullptr && scale->shape == blocks)
        return {scale, m_block.rows, m_block.columns};
    if (byRow != nullptr && inBlocks == nullptr && scale->elements() == rows && scale->shape.front() == rows)
        return {scale, 1, columns};
    fail(m_path, fmt::format("tensor '{}' has the shape {}, which does not fit the scales of '{}', {}{}", scale->name,
                             scale->shape, tensor.name, tensor.shape,
                             inBlocks == nullptr ? "" : fmt::format(", in blocks of {} x {}: {}", m_block.rows,
                                                                    m_block.columns, blocks)));
}

void SafetensorsModel::scale(const TensorInfo& tensor, std::span<float> out) const
{
    const std::int64_t columns = columnsOf(tensor), rows = columns > 0 ? tensor.elements() / columns : 0;
    const Scales scales = scalesOf(tensor);
    const std::vector<float> values = valuesOf(*scales.tensor);
    fileOf(*scales.tensor).requireWhole();
    const std::int64_t across = blocksOf(columns, scales.columns);
#pragma omp parallel for schedule(static)
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < columns; ++c)
            out[static_cast<std::size_t>(r * columns + c)] *=
                values[static_cast<std::size_t>(r / scales.rows * across + c / scales.columns)];
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

void SafetensorsModel::requireSame() const
{
    for (const SafetensorsFile& file : m_files) {
        file.requireWhole();
        file.requireInPlace();
    }
}

void SafetensorsModel::dropPages() const
{
    for (const SafetensorsFile& file : m_files)
        file.dropPages();
}

} // namespace kvviz::capture
