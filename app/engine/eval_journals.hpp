// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The journals of one evaluation: of the whole run, or one of each shard, all beside the results file. Shards read each
// other's, so that a run with another number of shards loses nothing; the run without a shard joins them all.
#pragma once

#include "app/shard.hpp"
#include "core/io/journal.hpp"

#include <functional>

namespace kvviz::app {

/// "e.kvres.h5.journal", or "e.kvres.h5.3-of-8.journal" for a shard.
[[nodiscard]] std::filesystem::path journalPath(const std::filesystem::path& output, const Shard& shard);
/// The other journals of the same results file that are there, by name.
[[nodiscard]] std::vector<std::filesystem::path> otherJournals(const std::filesystem::path& output, const Shard& shard);

/// Takes a finished prompt; `place` is its file and line, for messages.
using TakeLine = std::function<void(const std::string& line, const std::string& place)>;

/// Throws Error(usage) when a run that is neither resumed nor a shard finds journals of shards.
void refuseShards(const std::filesystem::path& output, const Shard& shard, io::JournalStart start);
/// Hands out the lines of the own journal, and with `resume` those of the others. Throws as io::readJournal does.
void readEarlierLines(const io::Journal& own, const std::filesystem::path& output, const Shard& shard,
                      std::string_view settings, io::JournalStart start, const TakeLine& take);

/// Says for `kvviz status` how many prompts all shards have together. Throws Error(failure).
void writeEvalTotal(const std::filesystem::path& output, std::int64_t prompts);

} // namespace kvviz::app
