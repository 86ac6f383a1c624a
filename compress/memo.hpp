// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Results that several methods and budgets of one layer share: window scores, column sums, sorted orders. The first who
// asks computes, the others wait for it.
#pragma once

#include "compress/method.hpp"

#include <any>
#include <mutex>

namespace kvviz::compress {

class LayerMemo {
public:
    /// The value of `key`, made by `make` the first time. A key stands for one type and one meaning; put every
    /// parameter that changes the value into it.
    template <class Make>
    auto get(const std::string& key, const Make& make) -> std::shared_ptr<const decltype(make())>
    {
        using Value = decltype(make());
        const std::shared_ptr<Entry> entry = entryOf(key);
        std::call_once(entry->once, [&] { entry->value = std::make_shared<const Value>(make()); });
        return std::any_cast<std::shared_ptr<const Value>>(entry->value);
    }

private:
    struct Entry {
        std::once_flag once;
        std::any value;
    };
    std::shared_ptr<Entry> entryOf(const std::string& key)
    {
        const std::lock_guard lock(m_mutex);
        std::shared_ptr<Entry>& entry = m_entries[key];
        if (!entry)
            entry = std::make_shared<Entry>();
        return entry;
    }

    std::mutex m_mutex;
    std::map<std::string, std::shared_ptr<Entry>> m_entries;
};

/// From the layer's memo, or computed when it has none.
template <class Make>
auto memoised(const LayerInput& input, const std::string& key, const Make& make)
    -> std::shared_ptr<const decltype(make())>
{
    if (input.memo)
        return input.memo->get(key, make);
    return std::make_shared<const decltype(make())>(make());
}

} // namespace kvviz::compress
