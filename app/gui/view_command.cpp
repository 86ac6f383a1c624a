// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz view`: opens the window, or draws it once into a PNG.
#include "app/commands.hpp"
#include "app/console.hpp"
#include "core/error.hpp"
#include "views/application.hpp"
#include "views/capture_choice.hpp"
#include "views/main_window.hpp"

#include <fmt/format.h>

#include <QElapsedTimer>
#include <QPixmap>
#include <QThread>

#include <algorithm>
#include <filesystem>

namespace kvviz::app {
namespace {

using core::Error;
using core::ErrorCode;

constexpr qint64 kScreenshotWaitMs = 120'000;

/// 0 is also what stands there when nothing was asked for: a capture of other layers starts at its first one.
int startAt(int wanted, const std::vector<int>& captured)
{
    const bool absent = std::find(captured.begin(), captured.end(), wanted) == captured.end();
    return wanted == 0 && absent && !captured.empty() ? captured.front() : wanted;
}

int saveScreenshot(views::MainWindow& window, const std::string& file, const CommonOptions& common)
{
    QElapsedTimer timer;
    timer.start();
    window.show();
    do {
        QApplication::processEvents(QEventLoop::AllEvents, 50);
        QThread::msleep(5);
    } while (!window.settled() && timer.elapsed() < kScreenshotWaitMs);
    QApplication::processEvents(); // queued repaints
    if (!window.message().isEmpty())
        note(common, window.message().toStdString()); // a part that this capture cannot show; it is in the picture, too
    if (!window.settled())
        throw Error(ErrorCode::failure, "the window did not finish reading in two minutes; no screenshot was saved");
    if (!window.grab().save(QString::fromStdString(file), "PNG"))
        throw Error(ErrorCode::failure, fmt::format("cannot write the screenshot '{}'", file));
    return 0;
}

} // namespace

int runView(const ViewOptions& options, const CommonOptions& common)
{
    std::vector<std::filesystem::path> files;
    for (const std::string& file : options.files) {
        if (file.ends_with(".kvres.h5"))
            throw Error(ErrorCode::usage,
                        fmt::format("'{}' holds replay results; 'kvviz view' shows captures (*.kvh5), results are "
                                    "drawn by 'kvviz figure methods'",
                                    file));
        files.emplace_back(file);
    }
    auto captures = std::make_unique<views::CaptureList>(io::findCaptures(files));
    if (captures->size() == 0)
        throw Error(ErrorCode::usage, "name at least one capture (*.kvh5) or a folder of them");
    // Faults of the command line and of the first file are told here, before a window opens.
    const auto first = captures->reader(0);
    const int layer = startAt(options.layer, first->info().layers);
    const int head = startAt(options.head, first->info().heads);
    (void)plot::layerSlot(first->info(), layer, first->name());
    (void)plot::headSlots(first->info(), head, first->name());
    const auto display = options.screenshot.empty() ? views::Display::wanted : views::Display::optional;
    const auto application = views::makeApplication(display, common.verbose > 0);
    views::MainWindow window(std::move(captures), layer, head);
    if (!options.screenshot.empty())
        return saveScreenshot(window, options.screenshot, common);
    window.show();
    return application->exec();
}

} // namespace kvviz::app
