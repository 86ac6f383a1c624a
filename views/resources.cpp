// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/resources.hpp"

#include <QApplication>
#include <QIcon>

// Q_INIT_RESOURCE declares a function, which must lie outside of namespaces.
static void initialiseViewResources() { Q_INIT_RESOURCE(views); }

namespace kvviz::views {

void useResources() { initialiseViewResources(); }

void useProgramIcon()
{
    useResources();
    QIcon icon;
    for (const int size : {16, 24, 32, 48, 64, 128})
        icon.addFile(QStringLiteral(":/icons/kvviz-%1.png").arg(size), QSize(size, size));
    QApplication::setWindowIcon(icon);
    QApplication::setDesktopFileName(QStringLiteral("io.github.kvviz.Kvviz"));
}

} // namespace kvviz::views
