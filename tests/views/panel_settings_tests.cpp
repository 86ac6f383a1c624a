// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What is chosen in panels comes back: each kind of control by itself, and then every control that there is in the
// window, one by one, so that a new one that no session knows of fails here.
#include "tests/views/window_fixture.hpp"
#include "views/method_params.hpp"
#include "views/run_fields.hpp"
#include "views/session.hpp"

#include <QCheckBox>
#include <QComboBox>
#include <QHeaderView>
#include <QLineEdit>
#include <QMenuBar>
#include <QSpinBox>
#include <QSplitter>
#include <QStandardItemModel>
#include <QTabWidget>
#include <QTableView>

#include <map>
#include <set>

using namespace kvviz;
using test::captureFile;
using test::ScratchFolder;
using test::WindowBench;
using views::ViewSettings;

namespace {

/// Controls that say what to do next rather than how things look, by accessible or object name.
const std::set<std::string> kNotKept{
    "Find tokens",         // a search
    "what", "path",        // of an export: the file of the last one must not be offered for the next
    "Hold for comparison", // of bars that are there at the moment
    "Show all messages",   // of messages that are there at the moment
    "Details",             // of a run that is going on
};

template <typename Type>
const Type* as(const QWidget* widget) { return qobject_cast<const Type*>(widget); }

/// Inside of a widget of this type, below the window.
template <typename Type>
bool within(const QWidget* widget)
{
    for (const QWidget* at = widget->parentWidget(); at; at = at->parentWidget())
        if (dynamic_cast<const Type*>(at))
            return true;
    return false;
}

std::string nameOf(const QWidget* widget)
{
    const auto* button = as<QAbstractButton>(widget);
    QString name = widget->accessibleName();
    if (name.isEmpty() || !widget->objectName().isEmpty())
        name = widget->objectName();
    if (name.isEmpty() && button)
        name = button->text();
    return name.remove(QLatin1Char('&')).toStdString();
}

bool isControl(const QWidget* widget)
{
    const auto* button = as<QAbstractButton>(widget);
    const auto* header = as<QHeaderView>(widget);
    const bool control = as<QComboBox>(widget) || as<QSpinBox>(widget) || as<QDoubleSpinBox>(widget) || as<QSlider>(widget)
                         || as<QLineEdit>(widget) || (button && button->isCheckable())
                         || (header && header->orientation() == Qt::Horizontal);
    const bool part = within<QComboBox>(widget) || within<QAbstractSpinBox>(widget); // of another control
    const bool ofQt = widget->objectName().startsWith(QStringLiteral("qt_"));
    return control && !part && !ofQt;
}

/// The controls of the window by panel and name.
std::map<std::string, QWidget*> controlsOf(const views::MainWindow& window)
{
    std::map<std::string, QWidget*> controls;
    for (QWidget* widget : window.findChildren<QWidget*>()) {
        // Parameters of a method are part of the selection; what a run is asked for is kept as its command.
        if (!isControl(widget) || within<views::MethodParams>(widget) || within<views::RunForm>(widget))
            continue;
        std::string name = nameOf(widget);
        if (kNotKept.contains(name))
            continue;
        for (const QWidget* at = widget->parentWidget(); at; at = at->parentWidget())
            if (!at->objectName().isEmpty() || !at->accessibleName().isEmpty()) {
                name = nameOf(at) + " / " + name;
                break;
            }
        INFO(widget->metaObject()->className() << " " << name);
        CHECK(controls.emplace(name, widget).second);
    }
    return controls;
}

std::string valueOf(QWidget* widget)
{
    ViewSettings value;
    if (auto* box = qobject_cast<QComboBox*>(widget))
        value.add("x", box);
    else if (auto* button = qobject_cast<QAbstractButton*>(widget))
        value.add("x", button);
    else if (auto* whole = qobject_cast<QSpinBox*>(widget))
        value.add("x", whole);
    else if (auto* real = qobject_cast<QDoubleSpinBox*>(widget))
        value.add("x", real);
    else if (auto* line = qobject_cast<QLineEdit*>(widget))
        value.add("x", line);
    else if (auto* header = qobject_cast<QHeaderView*>(widget))
        value.add("x", header);
    else if (const auto* slider = qobject_cast<QSlider*>(widget))
        return std::to_string(slider->value());
    return value.values()["x"];
}

bool canBeChosen(const QComboBox* box, int index)
{
    return box->model()->flags(box->model()->index(index, box->modelColumn())).testFlag(Qt::ItemIsEnabled)
           && !box->itemText(index).isEmpty();
}

/// Another value, as a user would choose it.
void flip(QWidget* widget)
{
    if (auto* box = qobject_cast<QComboBox*>(widget)) {
        for (int next = box->currentIndex() + 1; next <= box->currentIndex() + box->count(); ++next)
            if (canBeChosen(box, next % box->count())) {
                box->setCurrentIndex(next % box->count());
                Q_EMIT box->activated(box->currentIndex()); // which only a user's choice does
                return;
            }
    } else if (auto* button = qobject_cast<QAbstractButton*>(widget))
        button->click();
    else if (auto* whole = qobject_cast<QSpinBox*>(widget))
        whole->setValue(whole->value() < whole->maximum() ? whole->value() + 1 : whole->minimum());
    else if (auto* real = qobject_cast<QDoubleSpinBox*>(widget))
        real->setValue(real->value() + real->singleStep() <= real->maximum() ? real->value() + real->singleStep()
                                                                             : real->minimum());
    else if (auto* slider = qobject_cast<QSlider*>(widget))
        slider->setValue(slider->value() - slider->pageStep());
    else if (auto* line = qobject_cast<QLineEdit*>(widget))
        line->setText(QStringLiteral("abc"));
    else if (auto* header = qobject_cast<QHeaderView*>(widget))
        header->setSortIndicator(1, header->sortIndicatorSection() == 1 && header->sortIndicatorOrder() == Qt::AscendingOrder
                                        ? Qt::DescendingOrder
                                        : Qt::AscendingOrder);
}

} // namespace

TEST_CASE("Each kind of control gives its value as a text and takes it again", "[views]")
{
    QComboBox box;
    box.addItems({QStringLiteral("one"), QStringLiteral("two")});
    QCheckBox check;
    QSpinBox whole;
    QDoubleSpinBox real;
    real.setDecimals(4);
    QLineEdit line;
    QStandardItemModel model(3, 4);
    QTableView table;
    table.setModel(&model);
    table.setSortingEnabled(true);
    ViewSettings settings;
    settings.add("box", &box);
    settings.add("check", &check);
    settings.add("whole", &whole);
    settings.add("real", &real);
    settings.add("line", &line);
    settings.add("table", table.horizontalHeader());
    QSplitter splitter;
    splitter.addWidget(new QWidget);
    splitter.addWidget(new QWidget);
    splitter.resize(300, 100);
    splitter.setSizes({150, 150});
    settings.add("splitter", &splitter);
    const views::SettingTexts before = settings.values();
    box.setCurrentIndex(1);
    check.setChecked(true);
    whole.setValue(7);
    real.setValue(0.1234);
    line.setText(QStringLiteral("a; b, \u00e9 \"c\""));
    table.horizontalHeader()->moveSection(3, 0);
    table.sortByColumn(2, Qt::DescendingOrder);
    splitter.setSizes({100, 200});
    const views::SettingTexts after = settings.values();
    CHECK(after.at("table") == "3 0 1 2, sorted by 2 descending");
    for (const auto& [name, value] : after) {
        CAPTURE(name);
        CHECK(value != before.at(name));
    }
    settings.apply(before);
    for (const auto& [name, value] : settings.values()) {
        CAPTURE(name);
        CHECK(value == before.at(name));
    }
    CHECK(box.currentText() == QStringLiteral("one"));
    settings.apply(after);
    CHECK(settings.values() == after);
    CHECK(whole.value() == 7);
    CHECK(line.text() == QStringLiteral("a; b, \u00e9 \"c\""));
    CHECK(table.horizontalHeader()->sortIndicatorSection() == 2);
    SECTION("what does not fit is passed over")
    {
        settings.apply({{"box", "three"}, {"check", "perhaps"}, {"whole", "1e9"}, {"real", "many"}, {"other", "x"}});
        for (const char* columns : {"", "0 1 2", "0 1 2 2", "0 1 2 9", "x y", "3 0 1 2, sorted by 7 descending"})
            settings.apply({{"table", columns}});
        CHECK(settings.values() == after);
    }
    CHECK_THROWS_AS(settings.add("box", &box), std::logic_error);
}

TEST_CASE("Every control of the window is in its session", "[views][session][io]")
{
    const ScratchFolder folder;
    const std::vector<std::filesystem::path> files{captureFile(folder, "a"), captureFile(folder, "b")};
    views::WindowStart start;
    start.session.captures = io::findCaptures(files);
    start.session.selection.head = 1;
    start.runChoices = [] { return views::RunChoices{}; };
    const WindowBench window(start), other(start);
    const auto text = [&] { return views::sessionText(window->session(), folder.path()); };
    std::vector<std::string> names;
    for (const auto& [name, control] : controlsOf(*window.window))
        names.push_back(name);
    int checked = 0;
    for (const std::string& name : names) {
        CAPTURE(name);
        QWidget* control = controlsOf(*window.window)[name];
        REQUIRE(control);
        if (!control->isEnabled())
            continue;
        const std::string before = text(), was = valueOf(control);
        flip(control);
        window.settle();
        const std::string now = valueOf(control);
        CHECK(now != was);
        REQUIRE(test::waitFor([&] { return text() != before; })); // sliders are slowed down
        window.settle();
        other->apply(views::parseSession(text(), folder.path()));
        other.settle();
        CHECK(valueOf(controlsOf(*other.window)[name]) == valueOf(control));
        ++checked;
    }
    CHECK(checked >= 25);
    // All of it together, once more: nothing undoes anything else.
    CHECK(other->session().panels == window->session().panels);
    CHECK(other->session().selection == window->session().selection);
}

TEST_CASE("Settings of panels that this version lacks stay in a session", "[views][session][io]")
{
    const ScratchFolder folder;
    const WindowBench window({captureFile(folder, "a")});
    views::Session session = window->session();
    session.panels["neurons"]["order"] = "by name";
    session.panels["heads"]["density"] = "high";
    session.panels["heads"]["sorted"] = "yes";
    window->apply(session);
    window.settle();
    CHECK(window->session().panels == session.panels);
}

TEST_CASE("The step of the tour and the compared methods come back", "[views][session][io]")
{
    const ScratchFolder folder;
    const WindowBench window({captureFile(folder, "a")});
    views::Session session = window->session();
    session.panels["tour"]["step"] = "3";
    session.panels["methods"]["compared"] = "h2o;nonsense:;chunkkv:chunk=7";
    session.selection.layer = 1;
    window->apply(session);
    window.settle();
    CHECK(window->session().panels["tour"]["step"] == "3");
    CHECK(window->session().panels["methods"]["compared"] == "h2o;chunkkv:chunk=7"); // those that are known
    CHECK(window->selection()->state().layer == 1); // the tour did not set the views
    CHECK(window.messages().empty());
}
