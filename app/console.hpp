// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a command shows on the terminal: progress with rate and ETA on stderr (a moving line on a terminal, plain lines
// otherwise, nothing with -q), notes, colours, and SIGINT as a stop token.
#pragma once

#include "app/options.hpp"
#include "core/error.hpp"
#include "core/progress.hpp"

#include <span>
#include <string_view>

namespace kvviz::app {

/// A Progress that draws on stderr and stops on SIGINT or SIGTERM (first signal: stop token; second: default action).
[[nodiscard]] core::Progress consoleProgress(const CommonOptions& common);
/// Ends the moving line, if any.
void finishProgress();
/// "kvviz: error: ..." on stderr, below what was printed on stdout so far; control characters shown as such, a message of
/// kilobytes cut. `hint`: a second line.
void printError(std::string_view message, std::string_view hint = {});
/// All of them, for commands that show what can be shown; returns the exit status: that of the first, 0 without any.
[[nodiscard]] int printErrors(std::span<const core::Error> errors);
/// One line on stderr unless quiet.
void note(const CommonOptions& common, std::string_view message);
[[nodiscard]] bool useColor(const CommonOptions& common, int fileDescriptor);

/// "0-3,7" as ascending distinct numbers, each in [0, count); throws Error(usage) naming `what`. Empty text: all.
[[nodiscard]] std::vector<int> parseIndexList(std::string_view text, int count, std::string_view what);
/// "0.9,0.5" or "0.9,...,0.1" (equal steps). Throws Error(usage).
[[nodiscard]] std::vector<double> parseNumberList(std::string_view text, std::string_view what);
/// "snapkv:window=16,kernel=7;h2o,tova" is three specifications; "all" stays as it is. Throws Error(usage) when there are
/// none.
[[nodiscard]] std::vector<std::string> splitMethods(std::string_view text);
/// "2GB", "500M", "1048576" (decimal units; KiB, MiB, GiB binary). Throws Error(usage) naming `what`, the option.
[[nodiscard]] std::uint64_t parseByteSize(std::string_view text, std::string_view what);
/// "2026-11-22T20:00:00Z"
[[nodiscard]] std::string utcNow();
/// "kvviz 0.1.0"
[[nodiscard]] std::string creatorName();

} // namespace kvviz::app
