// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A journal makes a long run resumable: one line for each finished piece of work, on the disk before the next begins.
// Whatever kills the run, every line that append() wrote is there, and at most the one in flight is lost.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::io {

/// What to do with a journal that is there.
enum class JournalStart {
    fresh,    ///< refuse it
    resume,   ///< go on after its last line; start one if there is none
    overwrite ///< discard it
};

/// The first line names the format and a hash of the run's settings; the others are the caller's (JSON objects),
/// without line breaks.
class Journal {
public:
    /// `settings`: canonical text of all that must be the same for earlier lines to be of use (model, task, methods,
    /// seed, version). A line that was torn by a kill is cut off. Throws Error(usage) if a journal is there and `start`
    /// is fresh, or if it is of a run with other settings; Error(badInput) if the file is no journal; Error(failure) if
    /// it cannot be written, or another process has it open.
    Journal(std::filesystem::path path, std::string_view settings, JournalStart start);
    ~Journal();
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    /// Lines that were there when it was opened, in order.
    [[nodiscard]] const std::vector<std::string>& earlier() const noexcept { return m_earlier; }

    /// Returns when the line is on the disk. Throws Error(failure), "No space left on device", ...; the journal is then
    /// as it was before. Throws Error(usage) for a line with a line break.
    void append(std::string_view line);

private:
    void openFile();
    void readEarlier(const std::string& header, JournalStart start);
    void write(std::string_view text);
    [[noreturn]] void fail(const char* what, int reason) const;

    std::filesystem::path m_path;
    int m_descriptor = -1;
    std::int64_t m_size = 0; ///< of all whole lines
    std::vector<std::string> m_earlier;
};

/// The lines of a journal, also of one that is being written; a torn last line is left out. Throws Error(badInput) if
/// the file cannot be read or is no journal, Error(usage) if it is of a run with other settings.
[[nodiscard]] std::vector<std::string> readJournal(const std::filesystem::path& path, std::string_view settings);

} // namespace kvviz::io
