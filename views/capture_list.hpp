// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The captures that a window can show. Opened when first looked at, so that a folder of many opens at once.
#pragma once

#include "core/io/capture_reader.hpp"

#include <QString>

#include <memory>
#include <mutex>
#include <vector>

namespace kvviz::views {

class CaptureList {
public:
    explicit CaptureList(std::vector<io::CaptureRef> refs) : m_refs(std::move(refs)), m_readers(m_refs.size()) {}

    [[nodiscard]] int size() const { return static_cast<int>(m_refs.size()); }
    /// File name, and the member of a pack.
    [[nodiscard]] QString label(int index) const;
    /// Thread-safe. Throws core::Error for a file that cannot be read.
    [[nodiscard]] std::shared_ptr<const io::CaptureReader> reader(int index);

private:
    std::vector<io::CaptureRef> m_refs;
    std::vector<std::shared_ptr<const io::CaptureReader>> m_readers;
    std::mutex m_mutex;
};

} // namespace kvviz::views
