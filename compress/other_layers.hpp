// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Layers that methods ask for beside the current one (merging, sharing): the last few stay in memory.
#pragma once

#include "core/capture_source.hpp"

#include <deque>
#include <memory>
#include <mutex>

namespace kvviz::compress {

class OtherLayers {
public:
    /// Thread-safe; one load at a time, because the library behind captures is not reentrant.
    template <class Load>
    std::shared_ptr<const core::LayerData> get(std::int64_t slot, core::Need needs, const Load& load)
    {
        const std::lock_guard lock(m_mutex);
        for (const Loaded& loaded : m_loaded)
            if (loaded.slot == slot && core::includes(loaded.needs, needs))
                return loaded.data;
        if (m_loaded.size() == kMost)
            m_loaded.pop_front();
        m_loaded.push_back({slot, needs, std::make_shared<const core::LayerData>(load())});
        return m_loaded.back().data;
    }

private:
    static constexpr std::size_t kMost = 2;
    struct Loaded {
        std::int64_t slot = 0;
        core::Need needs{};
        std::shared_ptr<const core::LayerData> data;
    };
    std::mutex m_mutex;
    std::deque<Loaded> m_loaded;
};

} // namespace kvviz::compress
