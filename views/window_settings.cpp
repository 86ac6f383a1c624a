// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/window_settings.hpp"

#include <QDir>
#include <QFileInfo>
#include <QSettings>

namespace kvviz::views {

WindowSettings::WindowSettings(bool fresh)
{
    if (!fresh)
        m_settings = std::make_unique<QSettings>(QSettings::IniFormat, QSettings::UserScope, QStringLiteral("kvviz"),
                                                 QStringLiteral("kvviz"));
}

WindowSettings::~WindowSettings() = default;

QStringList WindowSettings::recent(const char* key) const
{
    return m_settings ? m_settings->value(QLatin1String(key)).toStringList() : QStringList();
}

void WindowSettings::addRecent(const char* key, const QString& path)
{
    if (!m_settings)
        return;
    const QString whole = QDir::cleanPath(QFileInfo(path).absoluteFilePath());
    QStringList list = recent(key);
    list.removeAll(whole);
    list.prepend(whole);
    while (list.size() > kMostRecent)
        list.removeLast();
    m_settings->setValue(QLatin1String(key), list);
}

void WindowSettings::clearRecent()
{
    if (m_settings)
        m_settings->remove(QStringLiteral("recent"));
}

QByteArray WindowSettings::geometry() const
{
    return m_settings ? m_settings->value(QStringLiteral("window/geometry")).toByteArray() : QByteArray();
}

QByteArray WindowSettings::layout() const
{
    return m_settings ? m_settings->value(QStringLiteral("window/layout")).toByteArray() : QByteArray();
}

void WindowSettings::setLayout(const QByteArray& geometry, const QByteArray& layout)
{
    if (!m_settings)
        return;
    m_settings->setValue(QStringLiteral("window/geometry"), geometry);
    m_settings->setValue(QStringLiteral("window/layout"), layout);
}

PanelSettings WindowSettings::panels() const
{
    PanelSettings panels;
    if (!m_settings)
        return panels;
    m_settings->beginGroup(QStringLiteral("panels"));
    for (const QString& key : m_settings->allKeys())
        if (const QStringList parts = key.split(QLatin1Char('/')); parts.size() == 2)
            panels[parts[0].toStdString()][parts[1].toStdString()] = m_settings->value(key).toString().toStdString();
    m_settings->endGroup();
    return panels;
}

void WindowSettings::setPanels(const PanelSettings& panels)
{
    if (!m_settings)
        return;
    for (const auto& [panel, settings] : panels)
        for (const auto& [name, value] : settings)
            m_settings->setValue(QString::fromStdString("panels/" + panel + "/" + name), QString::fromStdString(value));
}

} // namespace kvviz::views
