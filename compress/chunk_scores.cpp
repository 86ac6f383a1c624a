// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Both rules order chunks by (score descending, number ascending).
#include "compress/chunk_scores.hpp"

#include <algorithm>
#include <numeric>

namespace kvviz::compress {
namespace {

struct Chunk {
    std::int64_t begin, end;
    double score;
};

std::vector<Chunk> makeChunks(std::span<const double> scores, std::int64_t size, bool mean)
{
    std::vector<Chunk> chunks;
    for (std::int64_t begin = 0; begin < std::ssize(scores); begin += size) {
        const std::int64_t end = std::min(begin + size, std::int64_t{std::ssize(scores)});
        const double total = std::accumulate(scores.begin() + begin, scores.begin() + end, 0.0);
        chunks.push_back({begin, end, mean ? total / static_cast<double>(end - begin) : total});
    }
    return chunks;
}

void append(std::vector<std::int32_t>& positions, const Chunk& chunk)
{
    for (std::int64_t position = chunk.begin; position < chunk.end; ++position)
        positions.push_back(static_cast<std::int32_t>(position));
}

} // namespace

TopK fillWithChunks(std::span<const double> scores, std::int64_t chunkSize, std::int64_t room)
{
    std::vector<Chunk> chunks = makeChunks(scores, chunkSize, false);
    std::stable_sort(chunks.begin(), chunks.end(), [](const Chunk& a, const Chunk& b) { return a.score > b.score; });
    TopK result;
    double lastScore = 0;
    std::vector<double> skipped;
    for (const Chunk& chunk : chunks) {
        if (chunk.end - chunk.begin > room) {
            skipped.push_back(chunk.score);
            continue;
        }
        room -= chunk.end - chunk.begin;
        lastScore = chunk.score;
        append(result.positions, chunk);
    }
    if (!result.positions.empty())
        if (const auto ties = std::count(skipped.begin(), skipped.end(), lastScore); ties > 0)
            result.tiesAtCut = ties + 1;
    std::sort(result.positions.begin(), result.positions.end());
    return result;
}

TopK bestChunks(std::span<const double> scores, std::int64_t chunkSize, std::int64_t count)
{
    const std::vector<Chunk> chunks = makeChunks(scores, chunkSize, true);
    std::vector<double> means;
    for (const Chunk& chunk : chunks)
        means.push_back(chunk.score);
    const TopK best = topK(means, count);
    TopK result{{}, best.tiesAtCut};
    for (const std::int32_t number : best.positions)
        append(result.positions, chunks[static_cast<std::size_t>(number)]);
    return result;
}

} // namespace kvviz::compress
