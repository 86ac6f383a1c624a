// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// An HDF5 file that is being written. When the disk is full, closing fails and HDF5 keeps an identifier of freed
// memory, which crashes at exit; so a file that cannot be written any more is abandoned instead, and the library is left
// open after one that could not be made. Internal to core/io.
#pragma once

#include "core/io/h5_handle.hpp"

#include <string>

namespace kvviz::io {

class OutputFile {
public:
    OutputFile() = default;
    /// Creates (truncates) a file of the HDF5 1.10 format, whose metadata carries checksums. Throws Error(failure).
    explicit OutputFile(const std::string& path);
    OutputFile(OutputFile&&) = default;
    OutputFile& operator=(OutputFile&&) = default;
    /// Discards a file that was not finished.
    ~OutputFile();

    [[nodiscard]] hid_t get() const noexcept { return m_file.get(); }
    /// Flushes and closes. Throws Error(failure), "File too large", "No space left on device", ...
    void finish();
    /// Closes a file nobody wants any more; abandons it if it cannot be written.
    void discard() noexcept;
    /// Frees the file's disk space and leaves its identifiers open for good: nothing in it may be touched again.
    void abandon() noexcept;

private:
    /// Writes all there is and gives the file its final size, so that closing has nothing left that could fail.
    void settle();
    [[nodiscard]] int descriptor() const;

    Handle m_file;
};

} // namespace kvviz::io
