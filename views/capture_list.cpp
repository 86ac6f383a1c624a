// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/capture_list.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <QCoreApplication>
#include <QThread>
#include <QThreadPool>

#include <algorithm>

namespace kvviz::views {

namespace {

/// Closing a file waits for whoever reads from any other, so it must not happen on the GUI thread, wherever the last
/// one who holds the reader lets it go.
std::shared_ptr<const io::CaptureReader> openReader(const io::CaptureRef& ref)
{
    return {new io::CaptureReader(ref), [](const io::CaptureReader* reader) {
                const QCoreApplication* const application = QCoreApplication::instance();
                if (application && QThread::currentThread() == application->thread())
                    QThreadPool::globalInstance()->start([reader] { delete reader; });
                else
                    delete reader;
            }};
}

} // namespace

int CaptureList::size() const
{
    const std::lock_guard lock(m_mutex);
    return static_cast<int>(m_refs.size());
}

io::CaptureRef CaptureList::ref(int index) const
{
    const std::lock_guard lock(m_mutex);
    if (index < 0 || index >= static_cast<int>(m_refs.size()))
        throw core::Error(core::ErrorCode::usage, fmt::format("there is no capture {} among {}", index, m_refs.size()));
    return m_refs[static_cast<std::size_t>(index)];
}

std::vector<io::CaptureRef> CaptureList::refs() const
{
    const std::lock_guard lock(m_mutex);
    return m_refs;
}

QString CaptureList::label(int index) const
{
    const io::CaptureRef wanted = ref(index);
    const QString file = QString::fromStdString(wanted.file.filename().string());
    return wanted.group == "/"
               ? file
               : file + QStringLiteral(" : ") + QString::fromStdString(wanted.group).section(QLatin1Char('/'), -1);
}

int CaptureList::find(const io::CaptureRef& wanted) const
{
    const std::lock_guard lock(m_mutex);
    const auto found = std::find(m_refs.begin(), m_refs.end(), wanted);
    return found == m_refs.end() ? -1 : static_cast<int>(found - m_refs.begin());
}

std::shared_ptr<const io::CaptureReader> CaptureList::reader(int index)
{
    const io::CaptureRef wanted = ref(index);
    const std::lock_guard opening(m_opening);
    {
        const std::lock_guard lock(m_mutex);
        const auto found = std::find_if(m_opened.begin(), m_opened.end(),
                                        [&](const Opened& opened) { return opened.ref == wanted; });
        if (found != m_opened.end()) {
            std::rotate(found, found + 1, m_opened.end());
            return m_opened.back().reader;
        }
    }
    auto reader = openReader(wanted);
    const std::lock_guard lock(m_mutex);
    m_opened.push_back({wanted, reader});
    if (m_opened.size() > kMostOpen)
        m_opened.erase(m_opened.begin());
    return reader;
}

int CaptureList::add(const std::vector<io::CaptureRef>& refs)
{
    const std::lock_guard lock(m_mutex);
    int first = -1;
    for (const io::CaptureRef& ref : refs) {
        auto found = std::find(m_refs.begin(), m_refs.end(), ref);
        if (found == m_refs.end())
            found = m_refs.insert(m_refs.end(), ref);
        if (first < 0)
            first = static_cast<int>(found - m_refs.begin());
    }
    return first;
}

void CaptureList::replace(std::vector<io::CaptureRef> refs)
{
    const std::lock_guard lock(m_mutex);
    m_refs = std::move(refs);
    m_opened.clear();
}

void CaptureList::reload()
{
    const std::lock_guard lock(m_mutex);
    m_opened.clear();
}

} // namespace kvviz::views
