// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Asks the desktop's portal (D-Bus) whether it prefers dark colours: Qt 6.4 does not on every desktop.
#pragma once

#include <QObject>
#include <QVariant>

#include <functional>

class QDBusPendingCallWatcher;
class QDBusVariant;

namespace kvviz::views {

/// What is inside of variants in variants, as settings of the portal come.
[[nodiscard]] QVariant unwrapped(QVariant value);

class DesktopColors : public QObject {
    Q_OBJECT

public:
    /// Tells whether dark is preferred, once it is known and whenever it changes; nothing where there is no portal.
    /// Never waits.
    static void follow(std::function<void(bool dark)> told);
    static void ignore();

private Q_SLOTS:
    void settingChanged(const QString& space, const QString& key, const QDBusVariant& value);

private:
    explicit DesktopColors(std::function<void(bool dark)> told);
    void answered(QDBusPendingCallWatcher* call);

    std::function<void(bool dark)> m_told;
};

} // namespace kvviz::views
