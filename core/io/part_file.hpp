// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The `.part` that becomes PATH only when it is whole: written beside it, synced, renamed. Whatever goes wrong before,
// nothing stays under either name.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace kvviz::io {

class PartFile {
public:
    /// Throws Error(failure) when `path` exists without `force`, or cannot be a file in an existing folder. Where
    /// several may write the same file at once, each names itself as `writer`, and PATH.writer.part is its own.
    PartFile(std::filesystem::path path, bool force, const std::string& writer = {});
    /// Removes an unpublished .part that was claimed.
    ~PartFile();
    PartFile(const PartFile&) = delete;
    PartFile& operator=(const PartFile&) = delete;

    [[nodiscard]] const std::filesystem::path& partPath() const { return m_part; }
    /// Creates the .part anew (one of a killed writer is overwritten), so that it is ours to remove.
    void claim();
    /// Claims the .part and fills it. Throws Error(failure).
    void write(std::string_view bytes);
    /// fsync, rename, fsync of the folder. The file must be closed by now. Throws Error(failure) while the file does
    /// not have its name; from then on nothing can fail.
    void publish();

private:
    std::filesystem::path m_path, m_part;
    bool m_claimed = false;
};

} // namespace kvviz::io
