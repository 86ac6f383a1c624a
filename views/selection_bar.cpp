// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/selection_bar.hpp"

#include "views/capture_choice.hpp"

#include <fmt/format.h>

#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QSignalBlocker>
#include <QSpinBox>

#include <algorithm>

namespace kvviz::views {

namespace {

constexpr int kMostSinks = 9999;
constexpr int kMostLetters = 20, kOtherLetters = 14; // of a file name in the box; the list below it shows all

/// Chooses the entry with this data, if there is one, without telling anybody.
void choose(QComboBox* box, const QVariant& data)
{
    const QSignalBlocker blocker(box);
    box->setCurrentIndex(std::max(0, box->findData(data)));
}

QComboBox* addBox(QToolBar* bar, const QString& label, const QString& accessibleName, int letters = 0)
{
    auto* name = new QLabel(label);
    name->setContentsMargins(8, 0, 4, 0);
    auto* box = new QComboBox;
    box->setAccessibleName(accessibleName);
    box->setMinimumHeight(24);
    box->setSizeAdjustPolicy(letters > 0 ? QComboBox::AdjustToMinimumContentsLengthWithIcon
                                         : QComboBox::AdjustToContents);
    if (letters > 0)
        box->setMinimumContentsLength(letters);
    name->setBuddy(box);
    bar->addWidget(name);
    bar->addWidget(box);
    return box;
}

QCheckBox* addCheck(QToolBar* bar, const QString& label, const QString& tip)
{
    auto* check = new QCheckBox(label);
    check->setToolTip(tip);
    check->setMinimumHeight(24);
    auto* gap = new QWidget;
    gap->setFixedWidth(12);
    bar->addWidget(gap);
    bar->addWidget(check);
    return check;
}

/// Without the ending that all captures have.
QString shortName(const QString& label)
{
    const QString ending = QStringLiteral(".kvh5");
    return label.endsWith(ending) ? label.chopped(ending.size()) : label;
}

void step(QComboBox* box, int by)
{
    box->setCurrentIndex(std::clamp(box->currentIndex() + by, 0, std::max(0, box->count() - 1)));
}

/// The captured one nearest to `wanted`.
int nearest(int wanted, const std::vector<int>& captured)
{
    if (captured.empty())
        return wanted;
    return *std::min_element(captured.begin(), captured.end(),
                             [wanted](int a, int b) { return std::abs(a - wanted) < std::abs(b - wanted); });
}

} // namespace

SelectionBar::SelectionBar(const ViewContext& context, QWidget* parent) : QToolBar(parent), m_context(context)
{
    setObjectName(QStringLiteral("selection"));
    setWindowTitle(tr("Selection"));
    setMovable(false);
    build();
    connectAll();
    refill();
}

void SelectionBar::build()
{
    m_capture = addBox(this, tr("&Capture"), tr("Capture"), kMostLetters);
    m_other = addBox(this, tr("mi&nus"), tr("Capture that is subtracted"), kOtherLetters);
    m_other->setToolTip(tr("Show the difference to another capture"));
    m_layer = addBox(this, tr("La&yer"), tr("Layer"));
    m_head = addBox(this, tr("Hea&d"), tr("Query head"));
    m_looks = new QToolBar(tr("Colours of the map"), this);
    m_looks->setObjectName(QStringLiteral("looks"));
    m_looks->setMovable(false);
    m_pooling = addBox(m_looks, tr("Ce&ll"), tr("What a cell shows of its tokens"));
    m_pooling->addItem(tr("largest"), static_cast<int>(io::Pooling::max));
    m_pooling->addItem(tr("mean"), static_cast<int>(io::Pooling::mean));
    m_range = addBox(m_looks, tr("Colou&rs"), tr("Range of the colours"));
    m_range->addItem(tr("all values"), static_cast<int>(ColorRange::all));
    m_range->addItem(tr("1 to 99 %"), static_cast<int>(ColorRange::percentile));
    m_range->addItem(tr("not sinks"), static_cast<int>(ColorRange::withoutSinks));
    m_range->addItem(tr("locked"), static_cast<int>(ColorRange::fixed));
    m_log = addCheck(m_looks, tr("log"), tr("Logarithmic colour scale (L)"));
    m_sinks = addCheck(m_looks, tr("&without sinks"), tr("Leave the first tokens out of map colours, curves and table (S)"));
    m_sinkTokens = new QSpinBox;
    m_sinkTokens->setRange(0, kMostSinks);
    m_sinkTokens->setPrefix(tr("first "));
    m_sinkTokens->setAccessibleName(tr("Tokens that count as sinks"));
    m_sinkTokens->setToolTip(tr("So many first tokens count as sinks; 1: the begin-of-text token alone, if there is one"));
    m_sinkTokens->setMinimumHeight(24);
    m_sinkTokens->setKeyboardTracking(false);
    m_looks->addWidget(m_sinkTokens);
}

void SelectionBar::connectAll()
{
    Selection* selection = m_context.selection;
    const auto onChoice = [&](QComboBox* box, auto&& set) {
        connect(box, &QComboBox::currentIndexChanged, this, [box, selection, set](int index) {
            if (index >= 0)
                selection->change([&](SelectionState& state) { set(state, box->currentData().toInt()); });
        });
    };
    connect(m_capture, &QComboBox::currentIndexChanged, this, [selection](int index) {
        if (index >= 0)
            selection->setCapture(index);
    });
    onChoice(m_other, [](SelectionState& state, int value) { state.other = value; });
    onChoice(m_layer, [](SelectionState& state, int value) { state.layer = value; });
    onChoice(m_head, [](SelectionState& state, int value) { state.head = value; });
    onChoice(m_pooling, [](SelectionState& state, int value) { state.pooling = static_cast<io::Pooling>(value); });
    onChoice(m_range, [](SelectionState& state, int value) { state.colorRange = static_cast<ColorRange>(value); });
    connect(m_log, &QCheckBox::toggled, this,
            [selection](bool on) { selection->change([on](SelectionState& state) { state.logarithmic = on; }); });
    connect(m_sinks, &QCheckBox::toggled, this,
            [selection](bool on) { selection->change([on](SelectionState& state) { state.withoutSinks = on; }); });
    connect(m_sinkTokens, &QSpinBox::valueChanged, this,
            [selection](int count) { selection->change([count](SelectionState& state) { state.sinkTokens = count; }); });
    connect(selection, &Selection::changed, this, &SelectionBar::selectionChanged);
    connect(&m_task, &BackgroundTask::failed, this, [this](const QString& message) {
        Q_EMIT described({});
        Q_EMIT failed(message);
    });
}

void SelectionBar::refill()
{
    const QSignalBlocker captureBlocker(m_capture), otherBlocker(m_other);
    m_capture->clear();
    m_other->clear();
    m_other->addItem(tr("none"), -1);
    for (int i = 0; i < m_context.captures->size(); ++i) {
        const QString label = m_context.captures->label(i);
        for (QComboBox* box : {m_capture, m_other}) {
            box->addItem(shortName(label), i);
            box->setItemData(box->count() - 1, label, Qt::ToolTipRole);
        }
    }
    showState();
    readInfo();
}

void SelectionBar::readInfo()
{
    if (m_context.captures->size() == 0)
        return;
    m_task.run([this, captures = m_context.captures,
                index = m_context.selection->state().capture]() -> BackgroundTask::Finish {
        const auto reader = captures->reader(index);
        return [this, reader] {
            showInfo(reader->info());
        };
    });
}

void SelectionBar::showInfo(const core::CaptureInfo& info)
{
    {
        const QSignalBlocker layerBlocker(m_layer), headBlocker(m_head);
        m_layer->clear();
        m_head->clear();
        for (const int layer : info.layers)
            m_layer->addItem(QString::number(layer), layer);
        m_head->addItem(tr("mean of %1").arg(info.heads.size()), -1);
        const int group = std::max(1, info.model.nHeads / std::max(1, info.model.nKvHeads));
        for (const int head : info.heads)
            m_head->addItem(tr("%1  (KV %2)").arg(head).arg(head / group), head);
        if (const std::vector<int> groups = info.kvHeads(); group > 1 && groups.size() > 1)
            for (const int kvHead : groups)
                m_head->addItem(tr("mean, KV %1").arg(kvHead), plot::headOfGroup(kvHead));
    }
    Q_EMIT described(QString::fromStdString(fmt::format("{}  \u00b7  {}  \u00b7  {} + {} tokens  \u00b7  tier {}",
                                                        info.model.name, info.prompt.task, info.nPrompt(),
                                                        info.nGenerated(), core::tierName(info.tier))));
    m_context.selection->change([&](SelectionState& state) { // a capture of other layers or heads
        state.layer = nearest(state.layer, info.layers);
        if (state.head >= 0)
            state.head = nearest(state.head, info.heads);
        else if (m_head->findData(state.head) < 0)
            state.head = plot::kAllHeads; // a KV head that is not there
    });
    showState();
}

void SelectionBar::selectionChanged(Selection::Parts parts)
{
    if (parts.testFlag(Selection::capture))
        readInfo();
    showState();
}

void SelectionBar::showState()
{
    const SelectionState& state = m_context.selection->state();
    choose(m_capture, state.capture);
    m_capture->setToolTip(m_capture->currentData(Qt::ToolTipRole).toString());
    choose(m_other, state.other);
    choose(m_layer, state.layer);
    choose(m_head, state.head);
    choose(m_pooling, static_cast<int>(state.pooling));
    choose(m_range, static_cast<int>(state.colorRange));
    const QSignalBlocker logBlocker(m_log), sinkBlocker(m_sinks), countBlocker(m_sinkTokens);
    m_log->setChecked(state.logarithmic);
    m_sinks->setChecked(state.withoutSinks);
    m_sinkTokens->setValue(state.sinkTokens);
}

void SelectionBar::stepLayer(int by) { step(m_layer, by); }
void SelectionBar::stepHead(int by) { step(m_head, by); }
void SelectionBar::stepCapture(int by) { step(m_capture, by); }

} // namespace kvviz::views
