// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The captures that a window can show. Opened when looked at and closed again when others are, so that a folder of
// many opens at once and holds little memory.
#pragma once

#include "core/io/capture_reader.hpp"

#include <QString>

#include <memory>
#include <mutex>
#include <vector>

namespace kvviz::views {

class CaptureList {
public:
    explicit CaptureList(std::vector<io::CaptureRef> refs) : m_refs(std::move(refs)) {}

    /// All functions are thread-safe.
    [[nodiscard]] int size() const;
    [[nodiscard]] io::CaptureRef ref(int index) const;
    [[nodiscard]] std::vector<io::CaptureRef> refs() const;
    /// File name, and the member of a pack.
    [[nodiscard]] QString label(int index) const;
    /// Index of a capture, or -1.
    [[nodiscard]] int find(const io::CaptureRef& ref) const;
    /// Throws core::Error for a file that cannot be read, Error(usage) for an index that is not there.
    [[nodiscard]] std::shared_ptr<const io::CaptureReader> reader(int index);

    /// Appends those that are not there yet; indices of the others stay. Returns the index of the first one named.
    int add(const std::vector<io::CaptureRef>& refs);
    /// Other captures in place of all.
    void replace(std::vector<io::CaptureRef> refs);
    /// Files are opened again when next looked at.
    void reload();

    /// Readers that stay open beside those that somebody holds.
    static constexpr std::size_t kMostOpen = 6;

private:
    struct Opened {
        io::CaptureRef ref;
        std::shared_ptr<const io::CaptureReader> reader;
    };

    mutable std::mutex m_mutex;
    std::vector<io::CaptureRef> m_refs;
    std::vector<Opened> m_opened; ///< the one used last stands last
    std::mutex m_opening;         ///< one file is opened at a time, without holding up questions to the list
};

} // namespace kvviz::views
