// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/main_window.hpp"

#include "core/error.hpp"
#include "views/curve_view.hpp"
#include "views/map_view.hpp"

#include <fmt/format.h>

#include <QAction>
#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QSignalBlocker>
#include <QSplitter>
#include <QStatusBar>
#include <QToolBar>
#include <QVBoxLayout>

#include <algorithm>

namespace kvviz::views {

namespace {

/// Chooses the entry with this data, if there is one, without telling anybody.
void choose(QComboBox* box, const QVariant& data)
{
    const QSignalBlocker blocker(box);
    box->setCurrentIndex(std::max(0, box->findData(data)));
}

QComboBox* addBox(QToolBar* bar, const QString& label, const QString& accessibleName)
{
    auto* name = new QLabel(label);
    name->setContentsMargins(8, 0, 4, 0);
    auto* box = new QComboBox;
    box->setAccessibleName(accessibleName);
    box->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    name->setBuddy(box);
    bar->addWidget(name);
    bar->addWidget(box);
    return box;
}

QCheckBox* addCheck(QToolBar* bar, const QString& label, const QString& tip)
{
    auto* check = new QCheckBox(label);
    check->setToolTip(tip);
    check->setContentsMargins(8, 0, 0, 0);
    auto* gap = new QWidget;
    gap->setFixedWidth(12);
    bar->addWidget(gap);
    bar->addWidget(check);
    return check;
}

} // namespace

MainWindow::MainWindow(std::unique_ptr<CaptureList> captures, int layer, int head)
    : m_captures(std::move(captures)), m_selection(new Selection(this)), m_message(new QLabel), m_readout(new QLabel),
      m_about(new QLabel)
{
    setWindowTitle(QStringLiteral("kvviz"));
    resize(1280, 800);
    SelectionState start;
    start.layer = layer;
    start.head = head;
    m_selection->setState(start);
    buildToolBar();
    buildPage();
    connect(m_map, &MapView::hovered, m_readout, &QLabel::setText);
    connect(m_map, &MapView::failed, this, &MainWindow::showMessage);
    connect(m_curve, &CurveView::failed, this, &MainWindow::showMessage);
    connect(m_selection, &Selection::changed, this, &MainWindow::selectionChanged);
    buildActions();
    connectSelectors();
    fillSelectors();
}

void MainWindow::buildPage()
{
    const ViewContext context{m_selection, m_captures.get(), nullptr};
    m_map = new MapView(context);
    m_curve = new CurveView(context);
    auto* splitter = new QSplitter(Qt::Horizontal);
    splitter->addWidget(m_map);
    splitter->addWidget(m_curve);
    splitter->setStretchFactor(0, 5);
    splitter->setStretchFactor(1, 3);
    splitter->setSizes({800, 480});
    m_message->setWordWrap(true);
    m_message->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    m_message->setMargin(8);
    m_message->hide();
    auto* page = new QWidget;
    auto* layout = new QVBoxLayout(page);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_message);
    layout->addWidget(splitter, 1);
    setCentralWidget(page);
    statusBar()->addWidget(m_readout, 1);
    statusBar()->addPermanentWidget(m_about);
}

MainWindow::~MainWindow()
{
    // The views read from the captures on other threads: they must end first.
    delete m_map;
    delete m_curve;
}

void MainWindow::buildToolBar()
{
    auto* bar = addToolBar(tr("Selection"));
    bar->setMovable(false);
    m_captureBox = addBox(bar, tr("&Capture"), tr("Capture"));
    for (int i = 0; i < m_captures->size(); ++i)
        m_captureBox->addItem(m_captures->label(i), i);
    m_layerBox = addBox(bar, tr("&Layer"), tr("Layer"));
    m_headBox = addBox(bar, tr("&Head"), tr("Query head"));
    m_poolingBox = addBox(bar, tr("Ce&ll shows"), tr("Pooling of cells"));
    m_poolingBox->addItem(tr("largest value"), static_cast<int>(io::Pooling::max));
    m_poolingBox->addItem(tr("mean value"), static_cast<int>(io::Pooling::mean));
    m_logBox = addCheck(bar, tr("Lo&g colours"), tr("Logarithmic colour scale"));
    m_logBox->setChecked(true);
    m_sinkBox = addCheck(bar, tr("&Without sinks"), tr("Leave the first tokens out of curve and colour range (S)"));
}

void MainWindow::buildActions()
{
    const auto add = [this](const QString& text, const QKeySequence& key, auto&& slot) {
        auto* action = new QAction(text, this);
        action->setShortcut(key);
        connect(action, &QAction::triggered, this, slot);
        addAction(action);
    };
    add(tr("Next head"), QKeySequence(QStringLiteral("]")), [this] { stepHead(1); });
    add(tr("Previous head"), QKeySequence(QStringLiteral("[")), [this] { stepHead(-1); });
    add(tr("Next layer"), QKeySequence(QStringLiteral("}")), [this] { stepLayer(1); });
    add(tr("Previous layer"), QKeySequence(QStringLiteral("{")), [this] { stepLayer(-1); });
    add(tr("With or without sinks"), QKeySequence(QStringLiteral("S")), [this] { m_sinkBox->toggle(); });
    add(tr("Show everything"), QKeySequence(Qt::Key_Escape), [this] { m_selection->setVisible({}, {}); });
    add(tr("Quit"), QKeySequence(QStringLiteral("Ctrl+Q")), [this] { close(); });
}

void MainWindow::connectSelectors()
{
    connect(m_captureBox, &QComboBox::currentIndexChanged, this, [this](int index) { m_selection->setCapture(index); });
    connect(m_layerBox, &QComboBox::currentIndexChanged, this,
            [this] { m_selection->change([this](SelectionState& s) { s.layer = m_layerBox->currentData().toInt(); }); });
    connect(m_headBox, &QComboBox::currentIndexChanged, this,
            [this] { m_selection->change([this](SelectionState& s) { s.head = m_headBox->currentData().toInt(); }); });
    connect(m_poolingBox, &QComboBox::currentIndexChanged, this,
            [this] {
                m_selection->change([this](SelectionState& s) {
                    s.pooling = static_cast<io::Pooling>(m_poolingBox->currentData().toInt());
                });
            });
    connect(m_logBox, &QCheckBox::toggled, this,
            [this](bool on) { m_selection->change([on](SelectionState& s) { s.logarithmic = on; }); });
    connect(m_sinkBox, &QCheckBox::toggled, this,
            [this](bool on) { m_selection->change([on](SelectionState& s) { s.withoutSinks = on; }); });
}

void MainWindow::fillSelectors()
{
    const QSignalBlocker layerBlocker(m_layerBox), headBlocker(m_headBox);
    m_layerBox->clear();
    m_headBox->clear();
    try {
        const auto reader = m_captures->reader(m_selection->state().capture);
        const core::CaptureInfo& info = reader->info();
        for (const int layer : info.layers)
            m_layerBox->addItem(QString::number(layer), layer);
        m_headBox->addItem(tr("mean of %1").arg(info.heads.size()), -1);
        for (const int head : info.heads)
            m_headBox->addItem(QString::number(head), head);
        m_about->setText(QString::fromStdString(fmt::format("{}  \u00b7  {}  \u00b7  {} + {} tokens  \u00b7  tier {}",
                                                            info.model.name, info.prompt.task, info.nPrompt(),
                                                            info.nGenerated(), core::tierName(info.tier))));
        setWindowTitle(QStringLiteral("%1 - kvviz").arg(m_captures->label(m_selection->state().capture)));
    } catch (const core::Error& error) {
        m_about->clear();
        showMessage(QString::fromUtf8(error.what()));
    }
    choose(m_layerBox, m_selection->state().layer);
    choose(m_headBox, m_selection->state().head);
}

void MainWindow::selectionChanged(Selection::Parts parts)
{
    showMessage({});
    const SelectionState& state = m_selection->state();
    if (parts.testFlag(Selection::capture))
        fillSelectors();
    choose(m_captureBox, state.capture);
    choose(m_layerBox, state.layer);
    choose(m_headBox, state.head);
    choose(m_poolingBox, static_cast<int>(state.pooling));
    const QSignalBlocker logBlocker(m_logBox), sinkBlocker(m_sinkBox);
    m_logBox->setChecked(state.logarithmic);
    m_sinkBox->setChecked(state.withoutSinks);
}

void MainWindow::showMessage(const QString& message)
{
    m_message->setText(message);
    m_message->setVisible(!message.isEmpty());
}

QString MainWindow::message() const { return m_message->text(); }

bool MainWindow::settled() const { return !m_map->busy() && !m_curve->busy(); }

void MainWindow::stepLayer(int by)
{
    m_layerBox->setCurrentIndex(std::clamp(m_layerBox->currentIndex() + by, 0, m_layerBox->count() - 1));
}

void MainWindow::stepHead(int by)
{
    m_headBox->setCurrentIndex(std::clamp(m_headBox->currentIndex() + by, 0, m_headBox->count() - 1));
}

} // namespace kvviz::views
