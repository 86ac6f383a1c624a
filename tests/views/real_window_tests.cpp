// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The program as a user has it: `kvviz view` on an X server of its own, with keys that are pressed and screenshots that
// are looked at. Needs Xvfb, xdotool and import (imagemagick).
#include "core/color_map.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"

#include <QElapsedTimer>
#include <QImage>
#include <QProcess>
#include <QSet>
#include <QStandardPaths>
#include <QThread>

#include <functional>
#include <memory>

using namespace kvviz;

namespace {

constexpr int kWaitMs = 60'000; // for a machine that is busy with other tests

/// Names what is missing; empty when everything is there.
QString missingTool()
{
    for (const char* name : {"Xvfb", "xdotool", "import"})
        if (QStandardPaths::findExecutable(QLatin1String(name)).isEmpty())
            return QLatin1String(name);
    return {};
}

bool holdsInTime(const std::function<bool()>& condition)
{
    QElapsedTimer timer;
    timer.start();
    while (!condition()) {
        if (timer.elapsed() > kWaitMs)
            return false;
        QThread::msleep(100);
    }
    return true;
}

/// A screen in memory, without a window manager.
class Screen {
public:
    explicit Screen(QSize size)
    {
        m_server.setStandardErrorFile(QProcess::nullDevice());
        m_server.start(QStringLiteral("Xvfb"),
                       {QStringLiteral("-displayfd"), QStringLiteral("1"), QStringLiteral("-nolisten"),
                        QStringLiteral("tcp"), QStringLiteral("-screen"), QStringLiteral("0"),
                        QStringLiteral("%1x%2x24").arg(size.width()).arg(size.height())});
        REQUIRE(m_server.waitForStarted());
        REQUIRE(holdsInTime([this] { return m_server.canReadLine() || m_server.waitForReadyRead(100); }));
        m_environment.insert(QStringLiteral("DISPLAY"),
                             QLatin1Char(':') + QString::fromLatin1(m_server.readLine().trimmed()));
        m_environment.insert(QStringLiteral("QT_QPA_PLATFORM"), QStringLiteral("xcb"));
        for (const char* name : {"WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "QT_QPA_PLATFORMTHEME"})
            m_environment.remove(QLatin1String(name));
    }
    ~Screen()
    {
        m_server.kill();
        m_server.waitForFinished();
    }
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    [[nodiscard]] const QProcessEnvironment& environment() const { return m_environment; }
    [[nodiscard]] QByteArray run(const QString& program, const QStringList& arguments) const
    {
        QProcess process;
        process.setProcessEnvironment(m_environment);
        process.start(program, arguments);
        return process.waitForFinished(kWaitMs) ? process.readAllStandardOutput() : QByteArray();
    }
    [[nodiscard]] QByteArray tool(const QStringList& arguments) const { return run(QStringLiteral("xdotool"), arguments); }
    [[nodiscard]] QString windowCalled(const QString& pattern) const
    {
        const QByteArray found =
            tool({QStringLiteral("search"), QStringLiteral("--onlyvisible"), QStringLiteral("--name"), pattern});
        return QString::fromLatin1(found.split('\n').value(0));
    }

private:
    QProcess m_server;
    QProcessEnvironment m_environment = QProcessEnvironment::systemEnvironment();
};

/// `kvviz view` with a capture of its own, in front and with the keyboard.
class Program {
public:
    Program(const Screen& screen, const QStringList& options) : m_screen(screen)
    {
        test::SyntheticCapture capture;
        capture.mutableInfo().tier = core::Tier::full;
        test::writeSynthetic(capture, m_folder / "a.kvh5");
        QStringList arguments{QStringLiteral("view"), QStringLiteral("--fresh"),
                              QString::fromStdString((m_folder / "a.kvh5").string())};
        m_process.setProcessEnvironment(screen.environment());
        m_process.setProcessChannelMode(QProcess::ForwardedErrorChannel);
        m_process.start(QStringLiteral(KVVIZ_BIN_DIR "/kvviz"), arguments + options);
        REQUIRE(m_process.waitForStarted());
        REQUIRE(holdsInTime([this] {
            m_window = m_screen.windowCalled(QStringLiteral("a.kvh5 - kvviz"));
            return !m_window.isEmpty();
        }));
        (void)screen.tool({QStringLiteral("windowmove"), QStringLiteral("--sync"), m_window, QStringLiteral("0"),
                           QStringLiteral("0")});
        focus();
    }
    ~Program()
    {
        m_process.kill();
        m_process.waitForFinished();
    }
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    void focus() const { (void)m_screen.tool({QStringLiteral("windowfocus"), QStringLiteral("--sync"), m_window}); }
    void key(const char* name) const { (void)m_screen.tool({QStringLiteral("key"), QLatin1String(name)}); }
    [[nodiscard]] QImage picture() const
    {
        return QImage::fromData(m_screen.run(QStringLiteral("import"), {QStringLiteral("-window"), m_window,
                                                                         QStringLiteral("png:-")}))
            .convertToFormat(QImage::Format_RGB32);
    }
    /// Two pictures in a row are the same: nothing is being read any more.
    [[nodiscard]] QImage quietPicture() const
    {
        QImage last = picture();
        CHECK(holdsInTime([&] {
            QThread::msleep(400);
            const QImage next = picture();
            const bool same = next == last;
            last = next;
            return same;
        }));
        return last;
    }
    [[nodiscard]] bool endsBy(const char* keyName)
    {
        key(keyName);
        return m_process.waitForFinished(kWaitMs) && m_process.exitStatus() == QProcess::NormalExit
               && m_process.exitCode() == 0;
    }

private:
    const Screen& m_screen;
    test::ScratchFolder m_folder;
    QProcess m_process;
    QString m_window;
};

/// The share of pixels that one of the map's colours has exactly.
double shareOfMapColors(const QImage& picture)
{
    QSet<QRgb> colors;
    for (const core::Rgb& color : core::colorTable(core::ColorMap::viridis))
        colors.insert(qRgb(color.red, color.green, color.blue));
    qsizetype found = 0;
    for (int y = 0; y < picture.height(); ++y)
        for (int x = 0; x < picture.width(); ++x)
            found += colors.contains(picture.pixel(x, y)) ? 1 : 0;
    return static_cast<double>(found) / (double(picture.width()) * picture.height());
}

double shareThatDiffers(const QImage& a, const QImage& b)
{
    if (a.size() != b.size())
        return 1;
    qsizetype found = 0;
    for (int y = 0; y < a.height(); ++y)
        for (int x = 0; x < a.width(); ++x)
            found += a.pixel(x, y) != b.pixel(x, y) ? 1 : 0;
    return static_cast<double>(found) / (double(a.width()) * a.height());
}

double meanLightness(const QImage& picture)
{
    double sum = 0;
    int count = 0;
    for (int y = 0; y < picture.height(); y += 4)
        for (int x = 0; x < picture.width(); x += 4, ++count)
            sum += picture.pixelColor(x, y).lightnessF();
    return sum / count;
}

bool leftOut()
{
    const QString missing = missingTool();
    if (missing.isEmpty())
        return false;
    WARN("skipped: there is no " << missing.toStdString()
                                 << " in PATH (Debian: apt-get install xvfb xdotool imagemagick)");
    return true;
}

} // namespace

TEST_CASE("A real window shows a map in its colours and obeys the keyboard", "[views][slow]")
{
    if (leftOut())
        return;
    const Screen screen({1280, 800});
    Program program(screen, {QStringLiteral("--theme"), QStringLiteral("light")});
    REQUIRE(holdsInTime([&] { return shareOfMapColors(program.picture()) > 0.03; }));
    const QImage first = program.quietPicture();
    CHECK(first.size() == QSize(1280, 800));
    CHECK(meanLightness(first) > 0.7);
    QImage before = first;
    for (const char* key : {"s", "braceright", "m", "ctrl+2", "ctrl+shift+p"}) {
        CAPTURE(key);
        program.key(key);
        CHECK(holdsInTime([&] { return shareThatDiffers(program.picture(), before) > 0.002; }));
        before = program.quietPicture();
    }
    CHECK(before.size() == QSize(1280, 800)); // larger letters push nothing out of the window
    program.key("question");
    CHECK(holdsInTime([&] { return !screen.windowCalled(QStringLiteral("^Keys$")).isEmpty(); }));
    program.focus();
    CHECK(program.endsBy("ctrl+q"));
}

TEST_CASE("A real window is dark or light as it is asked to be", "[views][slow]")
{
    if (leftOut())
        return;
    const Screen screen({1920, 1080});
    Program program(screen, {QStringLiteral("--theme"), QStringLiteral("dark")});
    REQUIRE(holdsInTime([&] { return shareOfMapColors(program.picture()) > 0.03; }));
    const QImage dark = program.quietPicture();
    CHECK(meanLightness(dark) < 0.3);
    program.key("ctrl+shift+d");
    CHECK(holdsInTime([&] { return meanLightness(program.picture()) > 0.7; }));
    CHECK(shareOfMapColors(program.quietPicture()) == Approx(shareOfMapColors(dark)).epsilon(0.2));
    CHECK(program.endsBy("ctrl+q"));
}
