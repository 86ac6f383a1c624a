// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The way from a device to the hooks: results are copied to pinned memory on a stream of their own while the device goes
// on computing, and are handed on in the order in which they were sent.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <vector>

namespace kvviz::capture {

class HostFeed {
public:
    /// Called on the thread that sends, with contiguous float32 tensors in host memory, in the order of the parts.
    using Take = std::function<void(const std::vector<at::Tensor>& parts)>;

    /// So many results are on their way at most: two, so that one is copied while the other is taken.
    explicit HostFeed(std::size_t depth = 2);
    ~HostFeed();
    HostFeed(const HostFeed&) = delete;
    HostFeed& operator=(const HostFeed&) = delete;

    /// Sends tensors that nobody changes from now on, all of one device. What was sent earlier may be taken meanwhile.
    void send(std::vector<at::Tensor> parts, Take take);
    /// Waits until all has been taken.
    void flush();

private:
    struct Item;
    void takeOldest();

    std::size_t m_depth;
    std::queue<std::unique_ptr<Item>> m_items;
    struct Streams;
    std::unique_ptr<Streams> m_streams;
};

} // namespace kvviz::capture
