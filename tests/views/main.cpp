// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Runs the view tests inside a QApplication that needs no display.
#define CATCH_CONFIG_RUNNER
#include "tests/support/catch.hpp"

#include <QApplication>

#include <cstdio>

int main(int argc, char** argv)
{
    qputenv("QT_QPA_PLATFORM", "offscreen");
    qInstallMessageHandler([](QtMsgType type, const QMessageLogContext&, const QString& message) {
        if (type >= QtCriticalMsg && type != QtInfoMsg) // the offscreen plugin warns about what it cannot do
            std::fprintf(stderr, "%s\n", qUtf8Printable(message));
    });
    QApplication application(argc, argv);
    return Catch::Session().run(argc, argv);
}
