// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A few different layers are drawn and take turns, so that neighbours differ and drawing costs little.
#include "tests/support/capture_folder.hpp"

#include "core/hash_random.hpp"
#include "core/pooling.hpp"
#include "tests/support/synthetic_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>

#include <fcntl.h>
#include <unistd.h>

namespace kvviz::test {
namespace {

constexpr std::array kTasks{"addition", "needle", "sentiment"};
constexpr int kDifferentLayers = 4;
constexpr float kMasked = std::numeric_limits<float>::quiet_NaN();

class Draws {
public:
    explicit Draws(std::uint64_t seed) : m_state(seed) {}
    /// [0, 1)
    float uniform() { return static_cast<float>(core::nextBits(m_state) >> 40) * 0x1.0p-24f; }
    float normal() { return 1.73f * (uniform() + uniform() + uniform() + uniform() - 2); } ///< nearly, of variance 1
    std::vector<float> normals(std::int64_t count)
    {
        std::vector<float> values(static_cast<std::size_t>(count));
        std::generate(values.begin(), values.end(), [this] { return normal(); });
        return values;
    }

private:
    std::uint64_t m_state;
};

/// Attention of one query on keys 0 .. reach - 1, sum 1; the rest of `row` stays 0.
void drawRow(Draws& draws, float* row, std::int64_t reach, int sinks)
{
    double sum = 0;
    for (std::int64_t key = 0; key < reach; ++key) {
        const float u = draws.uniform();
        const float nearness = key + 32 > reach ? 20.0f : 0.0f;
        row[key] = u * u * u * u + nearness * u + (key < sinks ? 0.3f * static_cast<float>(reach) * u : 0.0f);
        sum += row[key];
    }
    for (std::int64_t key = 0; key < reach; ++key)
        row[key] = static_cast<float>(row[key] / sum);
}

void drawRows(Draws& draws, core::LayerData& layer, int sinks)
{
    const int heads = layer.heads.queryHeads();
    layer.windowRows.assign(static_cast<std::size_t>(heads * layer.w * layer.n), 0.0f);
    layer.decodeRows.assign(static_cast<std::size_t>(heads * layer.t * layer.total()), 0.0f);
    for (int head = 0; head < heads; ++head) {
        for (std::int64_t i = 0; i < layer.w; ++i)
            drawRow(draws, layer.windowRows.data() + (head * layer.w + i) * layer.n, layer.n - layer.w + i + 1, sinks);
        for (std::int64_t i = 0; i < layer.t; ++i)
            drawRow(draws, layer.decodeRows.data() + (head * layer.t + i) * layer.total(), layer.n + i + 1, sinks);
    }
}

/// Sums over queries, as if every query looked at keys like the first window row of its head does.
void addSums(core::LayerData& layer, int sinks)
{
    const auto size = static_cast<std::size_t>(layer.heads.queryHeads() * layer.total());
    for (auto* array : {&layer.received, &layer.receivedWindow, &layer.receivedSq, &layer.receivedSqFar,
                        &layer.entropy, &layer.sinkMass})
        array->assign(size, 0.0f);
    for (int head = 0; head < layer.heads.queryHeads(); ++head)
        for (std::int64_t key = 0; key < layer.total(); ++key) {
            const auto at = static_cast<std::size_t>(head * layer.total() + key);
            layer.entropy[at] = 0.8f * std::log(static_cast<float>(key + 1));
            layer.sinkMass[at] = key < sinks ? 1.0f : 0.3f;
            if (key >= layer.n)
                continue;
            const float seen = layer.windowRow(head, 0)[key];
            layer.received[at] = seen * static_cast<float>(layer.n - key);
            layer.receivedSq[at] = layer.receivedSqFar[at] = seen * layer.received[at];
            for (std::int64_t i = 0; i < layer.w; ++i)
                layer.receivedWindow[at] += layer.windowRow(head, i)[key];
        }
}

core::LayerData drawLayer(const core::CaptureInfo& info, std::uint64_t seed)
{
    Draws draws(seed);
    core::LayerData layer;
    layer.heads = info.headMap();
    layer.n = info.prompt.nPrompt;
    layer.t = info.prompt.nGenerated;
    layer.w = info.window;
    layer.headDim = info.model.headDim;
    const std::int64_t d = layer.headDim, heads = layer.heads.queryHeads();
    drawRows(draws, layer, info.sinkTokens);
    addSums(layer, info.sinkTokens);
    layer.key = draws.normals(layer.heads.kvHeads() * layer.total() * d);
    layer.value = draws.normals(layer.heads.kvHeads() * layer.total() * d);
    layer.query = draws.normals(heads * (layer.w + layer.t) * d);
    layer.queryMean = draws.normals(heads * d);
    layer.queryCovariance.assign(static_cast<std::size_t>(heads * d * d), 0.0f);
    for (std::int64_t i = 0; i < heads * d; ++i)
        layer.queryCovariance[static_cast<std::size_t>(i * d + i % d)] = 1.0f;
    return layer;
}

struct Level {
    std::int64_t cells = 0;
    std::vector<float> max, mean; // [H, cells, cells], NaN above the diagonal
};

Level finestLevel(const core::CaptureInfo& info, std::int64_t cells, std::uint64_t seed)
{
    Draws draws(seed);
    const auto heads = std::ssize(info.heads);
    Level level{cells, std::vector<float>(static_cast<std::size_t>(heads * cells * cells), kMasked), {}};
    level.mean = level.max;
    for (std::int64_t row = 0; row < heads * cells; ++row)
        for (std::int64_t column = 0; column <= row % cells; ++column) {
            const auto at = static_cast<std::size_t>(row * cells + column);
            const float u = draws.uniform();
            level.mean[at] = (column == 0 ? 0.1f : u * u * u) / static_cast<float>(row % cells + 1);
            level.max[at] = std::min(1.0f, level.mean[at] * (1 + 20 * u));
        }
    return level;
}

/// Two by two cells become one.
Level coarser(const Level& fine, std::int64_t heads, std::int64_t cells)
{
    Level level{cells, std::vector<float>(static_cast<std::size_t>(heads * cells * cells), kMasked), {}};
    level.mean = level.max;
    for (std::int64_t head = 0; head < heads; ++head)
        for (std::int64_t row = 0; row < cells; ++row)
            for (std::int64_t column = 0; column <= row; ++column) {
                const auto to = static_cast<std::size_t>((head * cells + row) * cells + column);
                const std::int64_t below = std::min(2 * row + 1, fine.cells - 1);
                for (const std::int64_t r : {2 * row, below}) {
                    const auto from = static_cast<std::size_t>((head * fine.cells + r) * fine.cells + 2 * column);
                    level.max[to] = std::isnan(level.max[to]) ? fine.max[from] : std::max(level.max[to], fine.max[from]);
                    level.mean[to] = fine.mean[from];
                }
            }
    return level;
}

void drawCapture(const std::filesystem::path& file, const std::string& task, std::uint64_t seed,
                 const CaptureFolderOptions& options)
{
    SyntheticOptions shape = options.shape;
    shape.seed = seed;
    core::CaptureInfo info = syntheticInfo(shape);
    info.tier = core::Tier::map;
    info.prompt.task = task;
    info.prompt.id = task + "-0000";
    info.extra["correct"] = seed % 2 ? "true" : "false";
    io::WriterOptions writing;
    writing.mapLevels = core::MapPyramid::levelCount(shape.n, options.mapCap);
    writing.mapCells = core::MapPyramid::levelCells(shape.n, options.mapCap, 0);
    io::CaptureWriter writer(file, info, writing);
    std::array<core::LayerData, kDifferentLayers> layers;
    for (std::size_t i = 0; i < layers.size(); ++i)
        layers[i] = drawLayer(info, 100 * seed + i);
    for (std::int64_t slot = 0; slot < shape.layers; ++slot) {
        Level level = finestLevel(info, writing.mapCells, 1000 * seed + static_cast<std::uint64_t>(slot));
        for (int index = 0; index < writing.mapLevels; ++index) {
            writer.writeMapLevel(slot, index, level.cells, level.max, level.mean);
            if (index + 1 < writing.mapLevels)
                level = coarser(level, std::ssize(info.heads),
                                core::MapPyramid::levelCells(shape.n, options.mapCap, index + 1));
        }
        writer.writeLayer(slot, arraysOf(layers[static_cast<std::size_t>(slot % kDifferentLayers)]));
    }
    std::vector<float> logprob(static_cast<std::size_t>(info.nTokens()), -1.0f);
    logprob[0] = kMasked;
    writer.writeLogits(logprob, {}, {}, 0);
    writer.finish(info);
}

} // namespace

CaptureFolder writeCaptureFolder(const std::filesystem::path& folder, const CaptureFolderOptions& options)
{
    CaptureFolder made;
    for (std::size_t i = 0; i < kTasks.size() || made.bytes < options.bytes; ++i) {
        const std::string task = kTasks[i % kTasks.size()];
        const std::filesystem::path file = folder / fmt::format("{}-{:04}.kvh5", task, i / kTasks.size());
        if (!std::filesystem::exists(file)) {
            if (i < kTasks.size()) {
                drawCapture(file, task, i + 1, options);
            } else { // under another name until it is whole
                const std::filesystem::path part = file.string() + ".part";
                std::filesystem::copy_file(made.files[i % kTasks.size()], part,
                                           std::filesystem::copy_options::overwrite_existing);
                std::filesystem::rename(part, file);
            }
        }
        made.bytes += std::filesystem::file_size(file);
        made.files.push_back(file);
    }
    std::sort(made.files.begin(), made.files.end());
    return made;
}

void dropFromPageCache(const std::vector<std::filesystem::path>& files)
{
    for (const std::filesystem::path& file : files) {
        const int handle = open(file.c_str(), O_RDONLY | O_CLOEXEC);
        if (handle < 0)
            throw std::runtime_error("cannot open " + file.string());
        const bool forgotten = fsync(handle) == 0 && posix_fadvise(handle, 0, 0, POSIX_FADV_DONTNEED) == 0;
        close(handle);
        if (!forgotten)
            throw std::runtime_error("cannot drop the pages of " + file.string());
    }
}

} // namespace kvviz::test
