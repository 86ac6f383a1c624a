// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A window on captures in a scratch folder, for tests of the whole program without a display.
#pragma once

#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"
#include "tests/views/wait.hpp"
#include "views/main_window.hpp"
#include "views/map_view.hpp"

#include <memory>
#include <string>
#include <vector>

namespace kvviz::test {

/// NAME.kvh5 of a synthetic capture whose task has that name.
inline std::filesystem::path captureFile(const ScratchFolder& folder, const std::string& name,
                                         const SyntheticOptions& options = {})
{
    SyntheticCapture capture(options);
    capture.mutableInfo().tier = core::Tier::full;
    capture.mutableInfo().prompt.task = name;
    const std::filesystem::path file = folder / (name + ".kvh5");
    std::filesystem::create_directories(file.parent_path());
    writeSynthetic(capture, file);
    return file;
}

class WindowBench {
public:
    explicit WindowBench(const views::WindowStart& start) { show(start); }
    explicit WindowBench(const std::vector<std::filesystem::path>& captures)
    {
        views::WindowStart start;
        start.session.captures = io::findCaptures(captures);
        start.session.selection.head = 1;
        show(start);
    }

    views::MainWindow* operator->() const { return window.get(); }
    void settle() const
    {
        REQUIRE(waitFor([this] { return window->settled(); }));
        QApplication::processEvents();
    }
    void open(const std::vector<std::filesystem::path>& paths) const
    {
        window->open(paths);
        settle();
    }
    void select(int capture) const
    {
        window->selection()->setCapture(capture);
        settle();
    }
    /// All messages of the bar, a line each.
    [[nodiscard]] std::string messages() const
    {
        return window->findChild<views::MessageBar*>()->messages().join(QLatin1Char('\n')).toStdString();
    }
    /// The capture can be looked at: its map is there, another layer is read, nobody complains.
    void requireWorks(int capture) const
    {
        select(capture);
        for (const int layer : {1, 0}) {
            window->selection()->change([layer](views::SelectionState& s) { s.layer = layer; });
            settle();
            CHECK(messages().empty());
            REQUIRE(window->mapView()->map());
            CHECK(window->mapView()->panel().layer == layer);
        }
    }

    std::unique_ptr<views::MainWindow> window;

private:
    void show(const views::WindowStart& start)
    {
        window = std::make_unique<views::MainWindow>(start);
        window->resize(1280, 800);
        window->show();
        settle();
    }
};

} // namespace kvviz::test
