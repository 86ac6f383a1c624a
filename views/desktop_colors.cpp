// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/desktop_colors.hpp"

#include "views/theme.hpp"

#include <QApplication>
#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QDBusVariant>
#include <QPointer>

namespace kvviz::views {

namespace {

const QString kService = QStringLiteral("org.freedesktop.portal.Desktop");
const QString kPath = QStringLiteral("/org/freedesktop/portal/desktop");
const QString kInterface = QStringLiteral("org.freedesktop.portal.Settings");
const QString kSpace = QStringLiteral("org.freedesktop.appearance");
const QString kKey = QStringLiteral("color-scheme");

QPointer<DesktopColors> following;

} // namespace

QVariant unwrapped(QVariant value)
{
    while (value.userType() == qMetaTypeId<QDBusVariant>())
        value = value.value<QDBusVariant>().variant();
    return value;
}

void DesktopColors::follow(std::function<void(bool dark)> told)
{
    ignore();
    const QString platform = QGuiApplication::platformName();
    if (platform != QStringLiteral("offscreen") && platform != QStringLiteral("minimal"))
        following = new DesktopColors(std::move(told));
}

void DesktopColors::ignore() { delete following; }

DesktopColors::DesktopColors(std::function<void(bool dark)> told) : QObject(qApp), m_told(std::move(told))
{
    QDBusConnection bus = QDBusConnection::sessionBus();
    if (!bus.isConnected())
        return;
    bus.connect(kService, kPath, kInterface, QStringLiteral("SettingChanged"), this,
                SLOT(settingChanged(QString, QString, QDBusVariant)));
    QDBusMessage ask = QDBusMessage::createMethodCall(kService, kPath, kInterface, QStringLiteral("Read"));
    ask << kSpace << kKey;
    connect(new QDBusPendingCallWatcher(bus.asyncCall(ask), this), &QDBusPendingCallWatcher::finished, this,
            &DesktopColors::answered);
}

void DesktopColors::answered(QDBusPendingCallWatcher* call)
{
    const QDBusPendingReply<QVariant> reply = *call;
    if (!reply.isError())
        m_told(prefersDark(reply.value()));
    call->deleteLater();
}

void DesktopColors::settingChanged(const QString& space, const QString& key, const QDBusVariant& value)
{
    if (space == kSpace && key == kKey)
        m_told(prefersDark(value.variant()));
}

} // namespace kvviz::views
