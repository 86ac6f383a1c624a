// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The method panel changes the selection, and only to what a method takes.
#include "views/method_panel.hpp"

#include "tests/views/live_fixture.hpp"
#include "views/method_menu.hpp"
#include "views/method_params.hpp"

#include <QAbstractItemModel>
#include <QAbstractSpinBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSlider>
#include <QSpinBox>

#include <set>

using namespace kvviz;
using test::LiveFixture;
using test::SyntheticOptions;
using test::waitUntil;
using views::MethodPanel;
using views::SelectionState;

namespace {

struct PanelFixture : LiveFixture {
    explicit PanelFixture(std::vector<SyntheticOptions> options = {SyntheticOptions{.layers = 2}},
                          std::vector<core::Tier> tiers = {})
        : LiveFixture(std::move(options), std::move(tiers)), panel(context())
    {
        panel.resize(340, 700);
        panel.show();
        REQUIRE(settled());
    }
    bool settled()
    {
        return waitUntil([this] { return !panel.busy() && !live->busy(); });
    }
    template <typename Widget>
    Widget* named(const QString& accessibleName)
    {
        for (auto* widget : panel.findChildren<Widget*>())
            if (widget->accessibleName() == accessibleName)
                return widget;
        return nullptr;
    }
    /// The editor of a parameter of the first method.
    template <typename Widget>
    Widget* parameter(const QString& name)
    {
        auto* widget = panel.findChildren<views::MethodParams*>().front()->findChild<Widget*>(name);
        REQUIRE(widget);
        return widget;
    }
    void activate(QComboBox* box, const QString& data)
    {
        const int index = box->findData(data);
        REQUIRE(index >= 0);
        box->setCurrentIndex(index);
        Q_EMIT box->activated(index);
    }
    void type(QLineEdit* line, const QString& text)
    {
        line->setText(text);
        Q_EMIT line->textEdited(text);
    }
    /// Of the label below an editor, as far as it is shown.
    QString fault(QWidget* editor)
    {
        for (auto* label : editor->parentWidget()->findChildren<QLabel*>())
            if (!label->isHidden())
                return label->text();
        return {};
    }
    const std::string& method() const { return selection.state().method; }

    MethodPanel panel;
};

} // namespace

TEST_CASE("Every method of the registry stands in one group of the chooser", "[views][io]")
{
    std::set<std::string> names;
    for (const views::MethodGroup& group : views::methodGroups())
        for (const compress::MethodInfo* info : group.methods)
            CHECK(names.insert(info->name).second);
    CHECK(names.size() == compress::methodList().size());
    CHECK(views::methodGroups().size() == 7);
    PanelFixture fixture;
    auto* box = fixture.named<QComboBox>(QStringLiteral("Method"));
    REQUIRE(box);
    for (const std::string& name : names)
        CHECK(box->findData(QString::fromStdString(name)) >= 0);
    CHECK(box->currentData().toString() == QStringLiteral("snapkv"));
}

TEST_CASE("Choosing a method selects it with its defaults", "[views][io]")
{
    PanelFixture fixture;
    auto* box = fixture.named<QComboBox>(QStringLiteral("Method"));
    for (const compress::MethodInfo& info : compress::methodList()) {
        CAPTURE(info.name);
        fixture.activate(box, QString::fromStdString(info.name));
        CHECK(fixture.method() == info.name);
        for (const compress::ParamSpec& spec : info.params) {
            CAPTURE(spec.name);
            const QString name = QString::fromStdString(spec.name);
            const QString value = QString::fromStdString(spec.defaultValue);
            if (spec.choices.empty())
                CHECK(fixture.parameter<QLineEdit>(name)->text() == value);
            else
                CHECK(fixture.parameter<QComboBox>(name)->currentText() == value);
        }
    }
    REQUIRE(fixture.settled());
}

TEST_CASE("Parameters and presets make the specification, and a reset takes them away", "[views][io]")
{
    PanelFixture fixture;
    fixture.type(fixture.parameter<QLineEdit>(QStringLiteral("window")), QStringLiteral("9"));
    CHECK(fixture.method() == "snapkv:window=9");
    auto* pool = fixture.parameter<QComboBox>(QStringLiteral("pool"));
    const QString other = pool->itemText(pool->currentIndex() == 0 ? 1 : 0);
    pool->setCurrentText(other);
    Q_EMIT pool->textActivated(other);
    CHECK(fixture.method() == "snapkv:pool=" + other.toStdString() + ",window=9");
    fixture.activate(fixture.named<QComboBox>(QStringLiteral("Preset")), QStringLiteral("factory"));
    CHECK(fixture.method() == "snapkv:factory");
    CHECK(fixture.parameter<QLineEdit>(QStringLiteral("window"))->text() == QStringLiteral("8"));
    fixture.type(fixture.parameter<QLineEdit>(QStringLiteral("window")), QStringLiteral("12"));
    CHECK(fixture.method() == "snapkv:factory,window=12");
    fixture.type(fixture.parameter<QLineEdit>(QStringLiteral("window")), QStringLiteral("8")); // as the preset has it
    CHECK(fixture.method() == "snapkv:factory");
    for (auto* button : fixture.panel.findChildren<QPushButton*>())
        button->click();
    CHECK(fixture.method() == "snapkv");
}

TEST_CASE("A value that the method does not take is told beside it and selects nothing", "[views][io]")
{
    PanelFixture fixture;
    auto* window = fixture.parameter<QLineEdit>(QStringLiteral("window"));
    for (const char* wrong : {"many", "-3", "", "3,kernel=5", "1e400"}) {
        CAPTURE(wrong);
        fixture.type(window, QString::fromUtf8(wrong));
        CHECK(fixture.method() == "snapkv");
        CHECK_FALSE(fixture.fault(window).isEmpty());
    }
    CHECK_FALSE(fixture.fault(fixture.parameter<QLineEdit>(QStringLiteral("window"))).isEmpty());
    fixture.type(window, QStringLiteral("16"));
    CHECK(fixture.method() == "snapkv:window=16");
    CHECK(fixture.fault(window).isEmpty());
    QKeyEvent up(QEvent::KeyPress, Qt::Key_Up, Qt::NoModifier);
    QApplication::sendEvent(window, &up);
    CHECK(fixture.method() == "snapkv:window=17");
}

TEST_CASE("What stays can be quantized, behind evictions only", "[views][io]")
{
    PanelFixture fixture({SyntheticOptions{.layers = 2, .n = 300}}); // more tokens than KIVI leaves as they are
    auto* then = fixture.named<QComboBox>(QStringLiteral("What is done to the tokens that stay"));
    REQUIRE(then);
    fixture.activate(then, QStringLiteral("kivi"));
    CHECK(fixture.method() == "snapkv+kivi");
    auto editors = fixture.panel.findChildren<views::MethodParams*>();
    REQUIRE(editors.size() == 2);
    auto* bits = editors.back()->findChild<QComboBox*>(QStringLiteral("bits"));
    auto* bitsLine = editors.back()->findChild<QLineEdit*>(QStringLiteral("bits"));
    if (bits) {
        bits->setCurrentText(QStringLiteral("4"));
        Q_EMIT bits->textActivated(QStringLiteral("4"));
    } else {
        REQUIRE(bitsLine);
        fixture.type(bitsLine, QStringLiteral("4"));
    }
    CHECK(fixture.method() == "snapkv+kivi:bits=4");
    fixture.selection.change([](SelectionState& s) { s.ratio = 1; });
    REQUIRE(fixture.settled());
    CHECK(fixture.panel.readout().contains(QStringLiteral("of the bytes")));
    fixture.activate(then, QString());
    CHECK(fixture.method() == "snapkv");
    fixture.activate(fixture.named<QComboBox>(QStringLiteral("Method")), QStringLiteral("minicache"));
    CHECK_FALSE(then->isVisibleTo(&fixture.panel));
}

TEST_CASE("Ratio and tokens are two sides of one budget", "[views][io]")
{
    PanelFixture fixture; // 70 prompt tokens
    auto* slider = fixture.named<QSlider>(QStringLiteral("Fraction of the prompt's cache that is kept"));
    auto* ratio = fixture.named<QDoubleSpinBox>(QStringLiteral("Ratio kept"));
    auto* tokens = fixture.named<QSpinBox>(QStringLiteral("Tokens kept a KV head"));
    CHECK(tokens->value() == 35);
    slider->setValue(300);
    REQUIRE(waitUntil([&] { return fixture.selection.state().ratio == 0.3; }));
    CHECK(fixture.selection.state().budgetTokens == 0);
    CHECK(ratio->value() == Approx(0.3));
    CHECK(tokens->value() == 21);
    tokens->setValue(14);
    REQUIRE(waitUntil([&] { return fixture.selection.state().budgetTokens == 14; }));
    CHECK(ratio->value() == Approx(0.2));
    CHECK(slider->value() == 200);
    REQUIRE(fixture.settled());
    CHECK(fixture.live->layer()->budget.tokens == 14);
    CHECK(fixture.panel.readout().contains(QStringLiteral("28 of 140 tokens, 20 %")));
    CHECK(fixture.panel.readout().contains(QStringLiteral("5 decode queries")));
    fixture.panel.stepRatio(5);
    CHECK(fixture.selection.state().ratio == Approx(0.25));
    CHECK(fixture.selection.state().budgetTokens == 0);
    fixture.panel.stepRatio(-90);
    CHECK(fixture.selection.state().ratio == Approx(0.02));
    slider->setValue(slider->minimum());
    ratio->setValue(1.0);
    REQUIRE(waitUntil([&] { return fixture.selection.state().ratio == 1.0; }));
    CHECK(tokens->value() == 70);
}

TEST_CASE("A dragged slider changes the selection at most once a frame and ends where it is", "[views][io]")
{
    PanelFixture fixture;
    auto* slider = fixture.named<QSlider>(QStringLiteral("Fraction of the prompt's cache that is kept"));
    int changes = 0;
    QObject::connect(&fixture.selection, &views::Selection::changed, [&] { ++changes; });
    for (int value = 900; value >= 100; --value)
        slider->setValue(value); // 800 moves without a turn of the event loop
    CHECK(changes == 1);
    REQUIRE(waitUntil([&] { return fixture.selection.state().ratio == 0.1; }));
    CHECK(changes == 2);
    CHECK(slider->value() == 100);
}

TEST_CASE("Methods that this capture lacks the arrays for are greyed with the reason", "[views][io]")
{
    PanelFixture fixture({SyntheticOptions{.layers = 2}, SyntheticOptions{.layers = 2}},
                         {core::Tier::cache, core::Tier::stats});
    auto* box = fixture.named<QComboBox>(QStringLiteral("Method"));
    const auto enabled = [&](const char* name) {
        const int row = box->findData(QString::fromUtf8(name));
        return box->model()->flags(box->model()->index(row, 0)).testFlag(Qt::ItemIsEnabled);
    };
    CHECK(enabled("snapkv"));
    CHECK_FALSE(enabled("kv_distill"));
    CHECK(box->itemData(box->findData(QStringLiteral("kv_distill")), Qt::ToolTipRole).toString().contains(
        QStringLiteral("oracle_token")));
    fixture.selection.setCapture(1);
    REQUIRE(fixture.settled());
    CHECK_FALSE(enabled("snapkv"));
    CHECK(box->itemData(box->findData(QStringLiteral("snapkv")), Qt::ToolTipRole).toString().contains(
        QStringLiteral("stats")));
    CHECK(fixture.panel.readout().contains(QStringLiteral("stats")));
    fixture.selection.setCapture(0);
    REQUIRE(fixture.settled());
    CHECK(enabled("snapkv"));
}

TEST_CASE("The panel follows a selection that others change, and survives one that is wrong", "[views][io]")
{
    PanelFixture fixture;
    fixture.selection.change([](SelectionState& s) {
        s.method = "h2o:reduce=max";
        s.ratio = 0.125;
    });
    auto* box = fixture.named<QComboBox>(QStringLiteral("Method"));
    CHECK(box->currentData().toString() == QStringLiteral("h2o"));
    CHECK(fixture.parameter<QComboBox>(QStringLiteral("reduce"))->currentText() == QStringLiteral("max"));
    CHECK(fixture.named<QDoubleSpinBox>(QStringLiteral("Ratio kept"))->value() == Approx(0.125));
    fixture.selection.change([](SelectionState& s) { s.method = "nothing_known:x=1"; });
    auto* wrong = fixture.named<QLabel>(QStringLiteral("Fault"));
    CHECK(wrong->isVisibleTo(&fixture.panel));
    CHECK(wrong->text().contains(QStringLiteral("nothing_known")));
    fixture.activate(box, QStringLiteral("snapkv"));
    CHECK(fixture.method() == "snapkv");
    CHECK_FALSE(wrong->isVisibleTo(&fixture.panel));
}

TEST_CASE("A method that finds its own size says that the budget does not change it", "[views][io]")
{
    PanelFixture fixture;
    fixture.selection.change([](SelectionState& s) { s.method = "kivi:group=4,residual=8"; });
    REQUIRE(fixture.settled());
    CHECK(fixture.panel.readout().contains(QStringLiteral("not from the budget")));
    fixture.selection.change([](SelectionState& s) { s.method = "dbudgetkv:full_layers=0"; });
    REQUIRE(fixture.settled());
    CHECK(fixture.panel.readout().contains(QStringLiteral("finds its own size")));
}

TEST_CASE("Everything in the method panel has a name and a target that can be hit", "[views][io]")
{
    PanelFixture fixture;
    fixture.selection.change([](SelectionState& s) { s.method = "shotkv"; });
    (void)fixture.panel.grab();
    for (auto* widget : fixture.panel.findChildren<QWidget*>()) {
        const bool control = qobject_cast<QComboBox*>(widget) || qobject_cast<QPushButton*>(widget)
                             || qobject_cast<QSlider*>(widget) || qobject_cast<QAbstractSpinBox*>(widget)
                             || (qobject_cast<QLineEdit*>(widget) && !qobject_cast<QAbstractSpinBox*>(widget->parent()));
        if (!control || !widget->isVisibleTo(&fixture.panel))
            continue;
        CAPTURE(widget->metaObject()->className(), widget->objectName().toStdString());
        CHECK(widget->height() >= 24);
        const auto* button = qobject_cast<QPushButton*>(widget);
        CHECK_FALSE((widget->accessibleName().isEmpty() && (!button || button->text().isEmpty())));
    }
}
