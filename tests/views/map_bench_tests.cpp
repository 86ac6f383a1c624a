// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Frames of panning and zooming over a map of 8192 tokens, timed: on the clock, and as processor time of the GUI thread,
// which other programs on the machine do not lengthen. Hidden: `views_tests "[.bench]"` prints, and judges nothing;
// scripts/bench reads it.
#include "tests/support/bench_line.hpp"
#include "tests/views/loop_watch.hpp"
#include "tests/views/map_fixture.hpp"

using namespace kvviz;
using test::MapWindow;

namespace {

struct Frames {
    std::vector<double> clock, processor; ///< milliseconds

    void report(const std::string& what, test::LoopWatch& watch)
    {
        const test::Hold stall = watch.takeWorst();
        std::sort(clock.begin(), clock.end());
        std::sort(processor.begin(), processor.end());
        const std::size_t middle = clock.size() / 2, late = clock.size() * 95 / 100;
        test::printBenchLine("map_frames", what,
                             {{"frames", static_cast<double>(clock.size())},
                              {"median_ms", clock[middle]},
                              {"late_ms", clock[late]},
                              {"worst_ms", clock.back()},
                              {"processor_median_ms", processor[middle]},
                              {"processor_worst_ms", processor.back()},
                              {"stall_ms", stall.clock}});
    }
};

/// One frame: the change, and the picture drawn at once from the cells that are there. Between frames the loop runs, as
/// it does while a mouse moves.
template <typename Change>
Frames run(MapWindow& window, test::LoopWatch& watch, int count, Change&& change)
{
    Frames frames;
    for (int i = 0; i < count; ++i) {
        const double begin = test::LoopWatch::processorTime();
        const test::Hold frame = watch.act("frame", [&] {
            change(i);
            window.view->plot()->replot(QCustomPlot::rpImmediateRefresh);
        });
        frames.clock.push_back(frame.clock);
        frames.processor.push_back(test::LoopWatch::processorTime() - begin);
        watch.run("between frames", 8);
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
    test::printBenchLine("map_first", "map of 8192 tokens", {{"settled_ms", static_cast<double>(first.elapsed())}});
    test::LoopWatch watch;
    for (const std::int64_t size : {8000, 3000, 600, 40}) {
        window.selection.setVisible({8192 - size, 8192}, {0, size});
        window.settle();
        (void)watch.takeWorst();
        const std::int64_t step = std::max<std::int64_t>(1, (8208 - size) / 200);
        auto frames = run(window, watch, 200, [&](int i) {
            const std::int64_t begin = std::min<std::int64_t>(i * step, 8208 - size);
            window.selection.setVisible({8192 - size, 8192}, {begin, begin + size});
        });
        frames.report("pan, " + std::to_string(size) + " tokens visible", watch);
        window.settle();
    }
    window.view->resetView();
    window.settle();
    (void)watch.takeWorst();
    auto frames = run(window, watch, 200, [&](int i) { window.wheel(window.at(8000, 60), i < 100 ? 24 : -24); });
    frames.report("zoom", watch);
}
