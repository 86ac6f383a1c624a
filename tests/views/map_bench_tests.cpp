// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Frames of panning and zooming over a map of 8192 tokens, timed: on the clock, and as processor time of the GUI thread,
// which other programs on the machine do not lengthen. Hidden: `views_tests "[.bench]"` prints, and judges nothing.
#include "tests/views/map_fixture.hpp"

#include <cstdio>
#include <ctime>

using namespace kvviz;
using test::MapWindow;

namespace {

/// Largest time that the event loop was not free.
class Watchdog {
public:
    Watchdog()
    {
        m_timer.setInterval(1);
        QObject::connect(&m_timer, &QTimer::timeout, [this] {
            m_worst = std::max(m_worst, static_cast<double>(m_clock.nsecsElapsed()) / 1e6);
            m_clock.restart();
        });
        m_clock.start();
        m_timer.start();
    }
    double takeWorst()
    {
        m_clock.restart();
        return std::exchange(m_worst, 0.0);
    }

private:
    QTimer m_timer;
    QElapsedTimer m_clock;
    double m_worst = 0;
};

/// Processor time of this thread.
double threadMilliseconds()
{
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

struct Frames {
    std::vector<double> clock, processor; ///< milliseconds
    double worstBetween = 0;              ///< processor time of one turn of the event loop between two frames

    void report(const std::string& what, double stall)
    {
        const auto part = [](std::vector<double>& values) {
            std::sort(values.begin(), values.end());
            std::printf("median %.2f  95 %% %.2f  worst %.2f ms", values[values.size() / 2],
                        values[values.size() * 95 / 100], values.back());
        };
        std::printf("%-26s %zu frames  clock: ", what.c_str(), clock.size());
        part(clock);
        std::printf("  processor: ");
        part(processor);
        std::printf("  between frames: %.1f ms  longest stall: %.1f ms\n", worstBetween, stall);
    }
};

/// One frame: the change, and the picture drawn at once from the cells that are there. Between frames the loop runs, as
/// it does while a mouse moves.
template <typename Change>
Frames run(MapWindow& window, int count, Change&& change)
{
    Frames frames;
    for (int i = 0; i < count; ++i) {
        QElapsedTimer clock;
        clock.start();
        const double begin = threadMilliseconds();
        change(i);
        window.view->plot()->replot(QCustomPlot::rpImmediateRefresh);
        frames.clock.push_back(static_cast<double>(clock.nsecsElapsed()) / 1e6);
        frames.processor.push_back(threadMilliseconds() - begin);
        QElapsedTimer pause;
        pause.start();
        while (pause.elapsed() < 8) {
            const double turn = threadMilliseconds();
            QApplication::processEvents(QEventLoop::AllEvents, 2);
            frames.worstBetween = std::max(frames.worstBetween, threadMilliseconds() - turn);
        }
    }
    return frames;
}

} // namespace

TEST_CASE("Frames of panning and zooming a map of 8192 tokens", "[.bench]")
{
    test::CaptureFiles files;
    test::CaptureShape shape;
    shape.options.layers = shape.options.heads = shape.options.kvHeads = 1;
    shape.options.n = 8192;
    shape.options.t = 16;
    shape.options.headDim = 4;
    shape.mapCap = 512;
    files.add(shape);
    QElapsedTimer first;
    first.start();
    MapWindow window(files.files());
    std::printf("first picture, settled        %lld ms\n", static_cast<long long>(first.elapsed()));
    Watchdog dog;
    for (const std::int64_t size : {8000, 3000, 600, 40}) {
        window.selection.setVisible({8192 - size, 8192}, {0, size});
        window.settle();
        (void)dog.takeWorst();
        const std::int64_t step = std::max<std::int64_t>(1, (8208 - size) / 200);
        auto frames = run(window, 200, [&](int i) {
            const std::int64_t begin = std::min<std::int64_t>(i * step, 8208 - size);
            window.selection.setVisible({8192 - size, 8192}, {begin, begin + size});
        });
        frames.report("pan, " + std::to_string(size) + " tokens visible", dog.takeWorst());
        window.settle();
    }
    window.view->resetView();
    window.settle();
    (void)dog.takeWorst();
    auto frames = run(window, 200, [&](int i) { window.wheel(window.at(8000, 60), i < 100 ? 24 : -24); });
    frames.report("zoom", dog.takeWorst());
}
