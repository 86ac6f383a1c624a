// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/capture_list.hpp"

namespace kvviz::views {

QString CaptureList::label(int index) const
{
    const io::CaptureRef& ref = m_refs.at(static_cast<std::size_t>(index));
    const QString file = QString::fromStdString(ref.file.filename().string());
    return ref.group == "/"
               ? file
               : file + QStringLiteral(" : ") + QString::fromStdString(ref.group).section(QLatin1Char('/'), -1);
}

std::shared_ptr<const io::CaptureReader> CaptureList::reader(int index)
{
    const std::lock_guard lock(m_mutex);
    auto& reader = m_readers.at(static_cast<std::size_t>(index));
    if (!reader)
        reader = std::make_shared<const io::CaptureReader>(m_refs.at(static_cast<std::size_t>(index)));
    return reader;
}

} // namespace kvviz::views
