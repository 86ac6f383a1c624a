// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Streams and events through c10, so that this file knows no particular kind of device. On the CPU nothing is copied.
#include "capture/device/host_feed.hpp"

#include <ATen/ATen.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <optional>

namespace kvviz::capture {

struct HostFeed::Item {
    std::vector<at::Tensor> device; // held until they have been copied
    std::vector<at::Tensor> host;
    std::optional<c10::Event> copied;
    Take take;
};

/// The copying stream of each device.
struct HostFeed::Streams {
    std::map<c10::DeviceIndex, c10::Stream> copying;

    c10::Stream of(c10::Device device)
    {
        const auto found = copying.find(device.index());
        if (found != copying.end())
            return found->second;
        const c10::Stream stream = c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device);
        copying.emplace(device.index(), stream);
        return stream;
    }
};

HostFeed::HostFeed(std::size_t depth) : m_depth(depth), m_streams(std::make_unique<Streams>()) {}

HostFeed::~HostFeed()
{
    // After an exception: what is being copied must stay until it has arrived; nobody takes it any more.
    for (; !m_items.empty(); m_items.pop())
        if (m_items.front()->copied)
            m_items.front()->copied->synchronize();
}

void HostFeed::send(std::vector<at::Tensor> parts, Take take)
{
    auto item = std::make_unique<Item>();
    item->take = std::move(take);
    for (at::Tensor& part : parts)
        part = part.to(at::kFloat).contiguous();
    if (parts.empty() || parts.front().is_cpu()) {
        item->host = std::move(parts);
    } else {
        const c10::Device device = parts.front().device();
        const c10::Stream computing = c10::impl::VirtualGuardImpl(device.type()).getStream(device);
        const c10::Stream copying = m_streams->of(device);
        c10::Event computed(device.type());
        computed.record(computing);
        computed.block(copying);
        const c10::StreamGuard guard(copying);
        for (const at::Tensor& part : parts) {
            at::Tensor& host = item->host.emplace_back(
                at::empty(part.sizes(), at::TensorOptions().dtype(at::kFloat).pinned_memory(true)));
            host.copy_(part, /*non_blocking=*/true);
        }
        item->copied.emplace(device.type());
        item->copied->record(copying);
        item->device = std::move(parts);
    }
    m_items.push(std::move(item));
    while (m_items.size() > m_depth)
        takeOldest();
}

void HostFeed::takeOldest()
{
    const std::unique_ptr<Item> item = std::move(m_items.front());
    m_items.pop();
    if (item->copied)
        item->copied->synchronize();
    item->device.clear();
    item->take(item->host);
}

void HostFeed::flush()
{
    while (!m_items.empty())
        takeOldest();
}

} // namespace kvviz::capture
