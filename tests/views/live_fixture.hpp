// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Captures on disk with a selection and a live replay on them, for tests of views that need no window.
#pragma once

#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"
#include "views/live_replay.hpp"
#include "views/view.hpp"

#include <QApplication>
#include <QElapsedTimer>
#include <QThread>

#include <memory>
#include <vector>

namespace kvviz::test {

template <typename Condition>
bool waitUntil(Condition&& condition)
{
    QElapsedTimer timer;
    timer.start();
    while (!condition() && timer.elapsed() < 30'000) {
        QApplication::processEvents(QEventLoop::AllEvents, 10);
        QThread::msleep(1);
    }
    return condition();
}

/// Three layers, four heads, two KV heads, 70 prompt tokens and 5 decode steps unless told otherwise.
struct LiveFixture {
    explicit LiveFixture(std::vector<SyntheticOptions> options = {SyntheticOptions{.layers = 3}},
                         std::vector<core::Tier> tiers = {})
    {
        std::vector<io::CaptureRef> refs;
        for (std::size_t i = 0; i < options.size(); ++i) {
            sources.push_back(std::make_unique<SyntheticCapture>(options[i]));
            if (i < tiers.size())
                sources.back()->mutableInfo().tier = tiers[i];
            files.push_back(folder / ("capture" + std::to_string(i) + ".kvh5"));
            io::WriterOptions writer;
            writer.cacheType = writer.rowsType = core::StorageType::float32;
            writeSynthetic(*sources.back(), files.back(), writer);
            refs.push_back({files.back(), "/"});
        }
        captures = std::make_unique<views::CaptureList>(refs);
        live = std::make_unique<views::LiveReplay>(&selection, captures.get());
    }

    [[nodiscard]] views::ViewContext context() { return {&selection, captures.get(), live.get()}; }
    [[nodiscard]] bool settle() const
    {
        return waitUntil([this] { return !live->busy(); });
    }

    ScratchFolder folder;
    std::vector<std::unique_ptr<SyntheticCapture>> sources;
    std::vector<std::filesystem::path> files;
    views::Selection selection;
    std::unique_ptr<views::CaptureList> captures;
    std::unique_ptr<views::LiveReplay> live;
};

} // namespace kvviz::test
