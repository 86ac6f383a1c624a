// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/application.hpp"

#include "core/error.hpp"
#include "views/resources.hpp"
#include "views/theme.hpp"

#include <QHashSeed>
#include <QPainter>
#include <QProxyStyle>
#include <QStyleOption>

#include <cstdio>

namespace kvviz::views {

namespace {

bool hasDisplay()
{
    return !qEnvironmentVariableIsEmpty("DISPLAY") || !qEnvironmentVariableIsEmpty("WAYLAND_DISPLAY")
           || !qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM");
}

bool verboseMessages = false;

/// Fusion takes outlines darker than what is around them: on dark, nobody sees where a box or a line is.
class WindowStyle : public QProxyStyle {
public:
    WindowStyle() : QProxyStyle(QStringLiteral("Fusion")) {}

    void drawPrimitive(PrimitiveElement element, const QStyleOption* option, QPainter* painter,
                       const QWidget* widget) const override
    {
        QProxyStyle::drawPrimitive(element, option, painter, widget);
        const bool outlined = element == PE_IndicatorCheckBox || element == PE_FrameLineEdit;
        if (!outlined || !option || !isDark(option->palette))
            return;
        painter->save();
        painter->setPen(option->palette.color(QPalette::Disabled, QPalette::WindowText));
        painter->setBrush(Qt::NoBrush);
        painter->drawRect(option->rect.adjusted(0, 0, -1, -1));
        painter->restore();
    }
};

void handleMessage(QtMsgType type, const QMessageLogContext&, const QString& message)
{
    if (verboseMessages || type == QtCriticalMsg || type == QtFatalMsg)
        std::fprintf(stderr, "Qt: %s\n", qUtf8Printable(message));
}

} // namespace

std::unique_ptr<QApplication> makeApplication(Display display, bool verbose)
{
    verboseMessages = verbose;
    QHashSeed::setDeterministicGlobalSeed(); // Qt's hash order shows in exported files
    qInstallMessageHandler(handleMessage);
    if (display == Display::wanted && !hasDisplay())
        throw core::Error(
            core::ErrorCode::failure,
            "there is no display to open a window on; draw into a file with `kvviz figure`, or the window "
            "itself with `kvviz view --screenshot FILE.png`");
    if (display == Display::none || !hasDisplay())
        qputenv("QT_QPA_PLATFORM", "offscreen");
    // Qt keeps references to these for as long as the application lives.
    static int argumentCount = 1;
    static char name[] = "kvviz";
    static char* arguments[] = {name, nullptr};
    auto application = std::make_unique<QApplication>(argumentCount, arguments);
    QApplication::setApplicationName(QStringLiteral("kvviz"));
    useProgramIcon();
    QApplication::setStyle(new WindowStyle); // follows light and dark palettes everywhere
    return application;
}

} // namespace kvviz::views
