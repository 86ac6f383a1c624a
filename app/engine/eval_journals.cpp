// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Names and joining of journals.
#include "app/engine/eval_journals.hpp"

#include "app/json_output.hpp"
#include "core/error.hpp"
#include "core/io/part_file.hpp"
#include "core/io/run_folder.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::app {
namespace {

constexpr std::string_view kEnding = ".journal";

void takeAll(const std::vector<std::string>& lines, const std::filesystem::path& path, const TakeLine& take)
{
    for (std::size_t i = 0; i < lines.size(); ++i)
        take(lines[i], fmt::format("{}, line {}", path.string(), i + 2));
}

} // namespace

std::filesystem::path journalPath(const std::filesystem::path& output, const Shard& shard)
{
    return output.string() + (shard.isWhole() ? "" : fmt::format(".{}-of-{}", shard.index, shard.count))
           + std::string(kEnding);
}

std::vector<std::filesystem::path> otherJournals(const std::filesystem::path& output, const Shard& shard)
{
    const std::filesystem::path folder = output.has_parent_path() ? output.parent_path() : ".";
    const std::string begin = output.filename().string() + ".", own = journalPath(output, shard).filename().string();
    std::vector<std::filesystem::path> paths;
    std::error_code error;
    std::filesystem::directory_iterator entry(folder, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        if (name.starts_with(begin) && name.ends_with(kEnding) && name != own)
            paths.push_back(entry->path());
    }
    std::sort(paths.begin(), paths.end());
    return paths;
}

void refuseShards(const std::filesystem::path& output, const Shard& shard, io::JournalStart start)
{
    if (start != io::JournalStart::fresh || !shard.isWhole())
        return;
    if (const std::vector<std::filesystem::path> others = otherJournals(output, shard); !others.empty())
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("'{}' is the journal of a shard; join them with --resume, or discard what they hold "
                                      "with --force", others.front().string()));
}

void readEarlierLines(const io::Journal& own, const std::filesystem::path& output, const Shard& shard,
                      std::string_view settings, io::JournalStart start, const TakeLine& take)
{
    takeAll(own.earlier(), journalPath(output, shard), take);
    if (start == io::JournalStart::resume)
        for (const std::filesystem::path& other : otherJournals(output, shard))
            takeAll(io::readJournal(other, settings), other, take);
}

void writeEvalTotal(const std::filesystem::path& output, std::int64_t prompts)
{
    const Json total{{"format", "kvviz-run"}, {"format_version", "1.1"}, {"prompts", prompts}};
    io::PartFile file(output.string() + ".run.json", true, io::partWriterName());
    file.write(total.dump(2) + '\n');
    file.publish();
}

} // namespace kvviz::app
