// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A heatmap view on made-up captures, with a mouse and a keyboard, and what its cells should be by counting.
#pragma once

#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"
#include "views/map_view.hpp"

#include <QApplication>
#include <QElapsedTimer>
#include <QMouseEvent>
#include <QThread>
#include <QWheelEvent>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace kvviz::test {

template <typename Condition>
bool waitUntil(Condition&& condition)
{
    QElapsedTimer timer;
    timer.start();
    while (!condition() && timer.elapsed() < 20'000) {
        QApplication::processEvents(QEventLoop::AllEvents, 20);
        QThread::msleep(1);
    }
    return condition();
}

struct CaptureShape {
    core::Tier tier = core::Tier::full;
    SyntheticOptions options;
    std::int64_t mapCap = 64;
};

/// Written to a folder of its own for as long as this lives.
class CaptureFiles {
public:
    SyntheticCapture& add(const CaptureShape& shape = {})
    {
        m_captures.push_back(std::make_unique<SyntheticCapture>(shape.options));
        m_captures.back()->mutableInfo().tier = shape.tier;
        m_files.push_back(m_folder / ("c" + std::to_string(m_files.size()) + ".kvh5"));
        writeSynthetic(*m_captures.back(), m_files.back(), {}, shape.mapCap);
        return *m_captures.back();
    }
    [[nodiscard]] const std::vector<std::filesystem::path>& files() const { return m_files; }
    [[nodiscard]] const SyntheticCapture& at(std::size_t index) const { return *m_captures.at(index); }

private:
    ScratchFolder m_folder;
    std::vector<std::unique_ptr<SyntheticCapture>> m_captures;
    std::vector<std::filesystem::path> m_files;
};

/// The view, 900 x 700 pixels, with what the window would give it.
struct MapWindow {
    explicit MapWindow(const std::vector<std::filesystem::path>& files, views::SelectionState start = {})
        : captures(io::findCaptures(files))
    {
        selection.setState(start);
        view = std::make_unique<views::MapView>(views::ViewContext{&selection, &captures, nullptr});
        QObject::connect(view.get(), &views::View::failed, [this](const QString& text) { message = text; });
        QObject::connect(view.get(), &views::View::hovered, [this](const QString& text) { hovered = text; });
        view->resize(900, 700);
        view->show();
        settle();
    }
    void settle()
    {
        REQUIRE(waitUntil([this] { return !view->busy(); }));
        QApplication::processEvents();
        (void)view->grab();
        QApplication::processEvents(); // a resize that asked for more cells
        REQUIRE(waitUntil([this] { return !view->busy(); }));
    }
    [[nodiscard]] QPointF at(double query, double key, bool decode = false) const
    {
        const QCPAxisRect* rect = decode ? view->heatmap().decodeRect() : view->heatmap().promptRect();
        return {rect->axis(QCPAxis::atBottom)->coordToPixel(key), rect->axis(QCPAxis::atLeft)->coordToPixel(query)};
    }
    void mouse(QEvent::Type type, QPointF position, Qt::KeyboardModifiers modifiers = {},
               Qt::MouseButton button = Qt::LeftButton)
    {
        const Qt::MouseButtons held = type == QEvent::MouseButtonRelease ? Qt::NoButton : Qt::MouseButtons(button);
        QMouseEvent event(type, position, position, type == QEvent::MouseMove ? Qt::NoButton : button, held, modifiers);
        QApplication::sendEvent(view->plot(), &event);
    }
    void click(QPointF position, Qt::KeyboardModifiers modifiers = {})
    {
        mouse(QEvent::MouseButtonPress, position, modifiers);
        mouse(QEvent::MouseButtonRelease, position, modifiers);
    }
    void drag(QPointF from, QPointF to, Qt::KeyboardModifiers modifiers = {})
    {
        mouse(QEvent::MouseButtonPress, from, modifiers);
        mouse(QEvent::MouseMove, (from + to) / 2, modifiers);
        mouse(QEvent::MouseMove, to, modifiers);
        mouse(QEvent::MouseButtonRelease, to, modifiers);
    }
    void wheel(QPointF position, int delta, Qt::KeyboardModifiers modifiers = {})
    {
        QWheelEvent event(position, position, QPoint(), QPoint(0, delta), Qt::NoButton, modifiers, Qt::NoScrollPhase,
                          false);
        QApplication::sendEvent(view->plot(), &event);
    }
    void key(int key, Qt::KeyboardModifiers modifiers = {}, QEvent::Type type = QEvent::KeyPress)
    {
        QKeyEvent event(type, key, modifiers);
        QApplication::sendEvent(view.get(), &event);
    }

    views::Selection selection;
    views::CaptureList captures;
    std::unique_ptr<views::MapView> view;
    QString message, hovered;
};

/// Mean over `heads` of the largest (or mean) attention in the cell [q0, q1) x [k0, k1) of the prompt map, counted entry
/// by entry; NaN when it has no causal entry.
inline double cellByCounting(const SyntheticCapture& capture, std::int64_t slot, const std::vector<std::int64_t>& heads,
                             io::Pooling pooling, core::Span queries, core::Span keys)
{
    const std::int64_t n = capture.info().nPrompt();
    double total = 0;
    for (const std::int64_t head : heads) {
        double largest = 0, sum = 0;
        std::int64_t count = 0;
        for (std::int64_t q = queries.begin; q < std::min(queries.end, n); ++q)
            for (std::int64_t k = keys.begin; k < std::min(keys.end, q + 1); ++k, ++count) {
                const double value = capture.fullMap(slot)[static_cast<std::size_t>((head * n + q) * n + k)];
                largest = std::max(largest, value);
                sum += value;
            }
        if (count == 0)
            return std::numeric_limits<double>::quiet_NaN();
        total += pooling == io::Pooling::max ? largest : sum / static_cast<double>(count);
    }
    return total / static_cast<double>(heads.size());
}

} // namespace kvviz::test
