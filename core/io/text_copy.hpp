// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Text attributes are variable-length, for the people who read them with h5py. HDF5 keeps such values in a heap without
// checksums and does not survive damage there, so our own files hold every text once more in /texts, compressed and
// thereby checked; our readers use that. Internal to core/io.
#pragma once

#include "core/io/h5_handle.hpp"

#include <map>
#include <string>
#include <vector>

namespace kvviz::io {

/// Copies the text attributes of `groups` below `root` ("" is the root itself) to /texts.
void writeTextCopy(hid_t root, const std::vector<std::string>& groups);

class TextCopy {
public:
    /// Throws Error(badInput) if the copy is damaged.
    TextCopy(hid_t root, const std::string& where);
    /// A text attribute of the group `path`; from the attribute itself where the file has no copy (other writers).
    [[nodiscard]] std::string read(const std::string& path, const char* name) const;
    [[nodiscard]] bool has(const std::string& path, const char* name) const;

private:
    hid_t m_root;
    std::string m_where;
    bool m_present = false;
    std::map<std::string, std::string> m_texts; // by "path@name"
};

} // namespace kvviz::io
