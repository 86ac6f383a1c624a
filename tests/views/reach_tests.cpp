// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Everything that can be operated has a name for screen readers, is reached with Tab, and is large enough to hit.
#include "app/gui/run_choices.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"
#include "tests/views/wait.hpp"
#include "views/main_window.hpp"
#include "views/map_view.hpp"

#include <QAbstractButton>
#include <QAbstractSpinBox>
#include <QAccessible>
#include <QComboBox>
#include <QDockWidget>
#include <QKeyEvent>
#include <QLineEdit>
#include <QSet>
#include <QSlider>

using namespace kvviz;

namespace {

constexpr int kLeastHeight = 24; // pixels

std::unique_ptr<views::MainWindow> openWindow(const test::ScratchFolder& folder)
{
    views::WindowStart start;
    for (const char* name : {"a.kvh5", "b.kvh5"}) {
        test::SyntheticCapture capture;
        capture.mutableInfo().tier = core::Tier::full;
        test::writeSynthetic(capture, folder / name);
        start.session.captures.push_back({folder / name, "/"});
    }
    start.session.selection.head = 1;
    start.runChoices = app::runChoices;
    auto window = std::make_unique<views::MainWindow>(start);
    window->show();
    QApplication::setActiveWindow(window.get());
    REQUIRE(test::waitFor([&] { return window->settled(); }));
    return window;
}

/// Tab stops at these.
bool isStop(const QWidget* widget)
{
    return widget->isVisible() && widget->isEnabled() && !widget->focusProxy()
           && (widget->focusPolicy() & Qt::TabFocus) == Qt::TabFocus;
}

std::string nameOf(QWidget* widget)
{
    QAccessibleInterface* face = QAccessible::queryAccessibleInterface(widget);
    return face ? face->text(QAccessible::Name).toStdString() : std::string();
}

std::string describe(const QWidget* widget)
{
    std::string text;
    for (const QObject* part = widget; part; part = part->parent())
        text += std::string(part->metaObject()->className()) + "(" + part->objectName().toStdString() + ") < ";
    return text;
}

bool isOperated(const QWidget* widget)
{
    return qobject_cast<const QAbstractButton*>(widget) || qobject_cast<const QComboBox*>(widget)
           || qobject_cast<const QAbstractSpinBox*>(widget) || qobject_cast<const QSlider*>(widget)
           || (qobject_cast<const QLineEdit*>(widget)
               && !qobject_cast<const QAbstractSpinBox*>(widget->parentWidget())
               && !qobject_cast<const QComboBox*>(widget->parentWidget()));
}

void pressTab()
{
    QWidget* focused = QApplication::focusWidget();
    for (const auto type : {QEvent::KeyPress, QEvent::KeyRelease}) {
        QKeyEvent event(type, Qt::Key_Tab, Qt::NoModifier, type == QEvent::KeyPress ? QStringLiteral("\t") : QString());
        QApplication::sendEvent(focused, &event);
    }
}

/// Where Tab leads from where the focus is, until it comes round.
QSet<const QWidget*> reachedByTab()
{
    QSet<const QWidget*> reached;
    for (int i = 0; i < 400 && QApplication::focusWidget(); ++i) {
        if (reached.contains(QApplication::focusWidget()))
            break;
        reached.insert(QApplication::focusWidget());
        pressTab();
    }
    return reached;
}

} // namespace

TEST_CASE("Every panel's widgets have names, are reached with Tab, and can be hit", "[views][io]")
{
    const test::ScratchFolder folder;
    const auto window = openWindow(folder);
    for (const QString& panel : window->panels()->ids()) {
        CAPTURE(panel.toStdString());
        REQUIRE(window->panels()->raise(panel));
        REQUIRE(test::waitFor([&] { return window->settled(); }));
        QApplication::processEvents();
        window->mapView()->setFocus();
        const QSet<const QWidget*> reached = reachedByTab();
        const QWidget* content = window->panels()->dock(panel)->widget();
        int stops = 0;
        for (auto* widget : window->findChildren<QWidget*>()) {
            if (!isStop(widget) || widget->window() != window.get())
                continue;
            const bool here = content->isAncestorOf(widget) || content == widget;
            stops += here ? 1 : 0;
            INFO(describe(widget));
            CHECK(!nameOf(widget).empty());
            if (here)
                CHECK(reached.contains(widget));
            if (isOperated(widget))
                CHECK(widget->height() >= kLeastHeight);
        }
        // Plots of results show nothing yet, and there is nothing to operate in them.
        const bool passive = QStringList({"curves", "accuracy", "replays", "predicted"}).contains(panel);
        CHECK((stops > 0 || passive));
        for (const QWidget* widget : reached) { // the keyboard never goes into a panel behind another one
            INFO(describe(widget));
            while (widget && !qobject_cast<const QDockWidget*>(widget))
                widget = widget->parentWidget();
            if (!widget)
                continue;
            const QWidget* there = window->childAt(widget->mapTo(window.get(), widget->rect().center()));
            CHECK((there == widget || (there && widget->isAncestorOf(there))));
        }
    }
}

TEST_CASE("A panel's key brings it to the front, hides it there, and shows it again", "[views][io]")
{
    const test::ScratchFolder folder;
    const auto window = openWindow(folder);
    for (const char* panel : {"ratios", "curves", "tokens", "tour"}) {
        CAPTURE(panel);
        REQUIRE(window->panels()->raise(QStringLiteral("budgets")));
        REQUIRE(window->panels()->raise(QStringLiteral("decode")));
        REQUIRE(window->panels()->raise(QStringLiteral("captures")));
        REQUIRE(test::waitFor([&] { return window->settled(); }));
        const QDockWidget* dock = window->panels()->dock(QLatin1String(panel));
        QAction* key = window->windowActions()->action((std::string("panel_") + panel).c_str());
        REQUIRE(key);
        CHECK_FALSE(views::inFront(dock));
        key->trigger();
        CHECK(test::waitFor([&] { return views::inFront(dock); }));
        REQUIRE(test::waitFor([&] { return window->settled(); }));
        key->trigger();
        CHECK(dock->isHidden());
        key->trigger();
        CHECK(test::waitFor([&] { return views::inFront(dock); }));
    }
}
