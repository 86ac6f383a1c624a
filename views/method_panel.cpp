// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/method_panel.hpp"

#include "compress/judged_capture.hpp"
#include "compress/specification.hpp"
#include "core/error.hpp"
#include "views/live_replay.hpp"
#include "views/method_menu.hpp"
#include "views/method_params.hpp"

#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLocale>
#include <QPushButton>
#include <QScrollArea>
#include <QSignalBlocker>
#include <QSlider>
#include <QSpinBox>
#include <QStandardItemModel>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace kvviz::views {

namespace {

constexpr double kLeastRatio = 0.02;
constexpr int kSteps = 1000; // of the slider, from nothing to everything
constexpr int kLeastTarget = 26; // pixels

QLabel* wrapped(const QString& name)
{
    auto* label = new QLabel;
    label->setWordWrap(true);
    label->setTextFormat(Qt::PlainText);
    label->setAccessibleName(name);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    return label;
}

/// May something that changes the cache stand behind it?
bool leavesKeysAsTheyAre(const compress::MethodInfo& info)
{
    return info.klass == "E" || info.klass == "E+" || info.klass == "T";
}

} // namespace

MethodPanel::MethodPanel(const ViewContext& context, QWidget* parent)
    : View(context, parent), m_method(new QComboBox), m_then(new QComboBox), m_idea(wrapped(tr("What the method does"))),
      m_equation(wrapped(tr("Equation"))), m_readout(wrapped(tr("What is kept"))), m_wrong(wrapped(tr("Fault"))),
      m_of(new QLabel), m_slider(new QSlider(Qt::Horizontal)), m_ratio(new QDoubleSpinBox), m_tokens(new QSpinBox),
      m_reset(new QPushButton(tr("Reset parameters"))), m_params(new MethodParams), m_thenParams(new MethodParams),
      m_thenBox(new QWidget)
{
    auto* page = new QVBoxLayout(this);
    page->setContentsMargins(8, 8, 8, 8);
    auto* methodName = new QLabel(tr("&Method"));
    methodName->setBuddy(m_method);
    m_method->setAccessibleName(tr("Method"));
    m_method->setMaxVisibleItems(26);
    m_method->setMinimumHeight(kLeastTarget);
    m_method->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_method->setMinimumContentsLength(16);
    auto* methodRow = new QHBoxLayout;
    methodRow->addWidget(methodName);
    methodRow->addWidget(m_method, 1);
    page->addLayout(methodRow);
    page->addWidget(m_wrong);
    m_wrong->hide();
    buildBudget(page);
    buildParameters(page);
    buildMethods();
    setMinimumWidth(260);
    styleChanged();
    connect(m_context.selection, &Selection::changed, this, [this](Selection::Parts parts) {
        if (parts & Selection::capture)
            readCapture();
        if (parts & (Selection::capture | Selection::method))
            showState();
    });
    if (m_context.live)
        connect(m_context.live, &LiveReplay::layerChanged, this, &MethodPanel::showReadout);
    readCapture();
    showState();
}

void MethodPanel::buildBudget(QVBoxLayout* page)
{
    m_slider->setRange(static_cast<int>(kLeastRatio * kSteps), kSteps);
    m_slider->setSingleStep(kSteps / 100);
    m_slider->setPageStep(kSteps / 20);
    m_slider->setMinimumHeight(28);
    m_slider->setTickPosition(QSlider::TicksBelow);
    m_slider->setTickInterval(kSteps / 10);
    m_slider->setAccessibleName(tr("Fraction of the prompt's cache that is kept"));
    m_slider->setToolTip(tr("Fraction of the prompt's cache that is kept"));
    m_ratio->setRange(kLeastRatio, 1.0);
    m_ratio->setDecimals(3);
    m_ratio->setSingleStep(0.01);
    m_ratio->setMinimumHeight(kLeastTarget);
    m_ratio->setAccessibleName(tr("Ratio kept"));
    m_tokens->setMinimumHeight(kLeastTarget);
    m_tokens->setAccessibleName(tr("Tokens kept a KV head"));
    m_tokens->setKeyboardTracking(false);
    m_ratio->setKeyboardTracking(false);
    m_tokens->setToolTip(tr("Tokens kept in each KV head"));
    m_of->setToolTip(tr("Tokens of the prompt, in each KV head"));
    auto* ratioName = new QLabel(tr("&Keep"));
    ratioName->setBuddy(m_ratio);
    auto* numbers = new QHBoxLayout;
    numbers->addWidget(ratioName);
    numbers->addWidget(m_ratio);
    numbers->addWidget(new QLabel(QStringLiteral("=")));
    numbers->addWidget(m_tokens);
    numbers->addWidget(m_of, 1);
    page->addLayout(numbers);
    page->addWidget(m_slider);
    connect(m_slider, &QSlider::valueChanged, this, [this](int value) {
        m_throttle.call([this, value] { setRatio(static_cast<double>(value) / kSteps); });
    });
    connect(m_slider, &QSlider::sliderReleased, this, [this] { m_throttle.flush(); });
    connect(m_ratio, &QDoubleSpinBox::valueChanged, this,
            [this](double ratio) { m_throttle.call([this, ratio] { setRatio(ratio); }); });
    connect(m_tokens, &QSpinBox::valueChanged, this,
            [this](int tokens) { m_throttle.call([this, tokens] { setTokens(tokens); }); });
}

void MethodPanel::buildParameters(QVBoxLayout* page)
{
    auto* content = new QWidget;
    auto* column = new QVBoxLayout(content);
    column->setContentsMargins(0, 4, 4, 0);
    column->addWidget(m_readout); // texts of several lines, which a low panel would cut
    column->addWidget(m_idea);
    column->addWidget(m_params);
    m_reset->setMinimumHeight(kLeastTarget);
    m_reset->setToolTip(tr("Defaults, without preset"));
    column->addWidget(m_reset);
    auto* thenForm = new QFormLayout(m_thenBox);
    thenForm->setContentsMargins(0, 8, 0, 0);
    m_then->setMinimumHeight(kLeastTarget);
    m_then->setAccessibleName(tr("What is done to the tokens that stay"));
    m_then->setToolTip(tr("Changes what this eviction keeps: quantization or channel pruning"));
    thenForm->addRow(tr("&then"), m_then);
    thenForm->addRow(m_thenParams);
    column->addWidget(m_thenBox);
    column->addWidget(m_equation);
    column->addStretch(1);
    auto* scroll = new QScrollArea;
    scroll->setWidget(content);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setAccessibleName(tr("Parameters of the method"));
    page->addWidget(scroll, 1);
    connect(m_reset, &QPushButton::clicked, m_params, &MethodParams::reset);
    const auto told = [this] {
        std::vector<compress::MethodPart> parts{m_params->part()};
        if (!m_then->currentData().toString().isEmpty() && !m_thenParams->isHidden())
            parts.push_back(m_thenParams->part());
        setParts(parts);
    };
    connect(m_params, &MethodParams::edited, this, told);
    connect(m_thenParams, &MethodParams::edited, this, told);
}

void MethodPanel::buildMethods()
{
    auto* model = new QStandardItemModel(m_method);
    for (const MethodGroup& group : methodGroups()) {
        auto* head = new QStandardItem(group.title);
        head->setFlags(Qt::NoItemFlags);
        QFont font = head->font();
        font.setBold(true);
        head->setFont(font);
        model->appendRow(head);
        for (const compress::MethodInfo* info : group.methods) {
            auto* item = new QStandardItem(QStringLiteral("   ") + QString::fromStdString(info->title));
            item->setData(QString::fromStdString(info->name), Qt::UserRole);
            item->setToolTip(QStringLiteral("<p>%1</p>").arg(QString::fromStdString(info->idea).toHtmlEscaped()));
            model->appendRow(item);
        }
    }
    m_method->setModel(model);
    m_then->addItem(tr("nothing more"), QString());
    for (const compress::MethodInfo& info : compress::methodList())
        if (compress::makeMethod(info.name)->composes())
            m_then->addItem(QString::fromStdString(info.title), QString::fromStdString(info.name));
    connect(m_method, &QComboBox::activated, this, &MethodPanel::chooseMethod);
    connect(m_then, &QComboBox::activated, this, &MethodPanel::chooseThen);
}

void MethodPanel::readCapture()
{
    m_promptTokens = 0;
    const int index = state().capture;
    if (index < 0 || index >= m_context.captures->size())
        return;
    m_task.run([this, index, captures = m_context.captures]() -> BackgroundTask::Finish {
        const auto reader = captures->reader(index);
        std::map<std::string, std::string> obstacles;
        std::int64_t tokens = reader->info().nPrompt();
        try {
            const compress::JudgedCapture judged(*reader, compress::deepestFor(*reader));
            tokens = judged.nPrompt();
            for (const compress::MethodInfo& info : compress::methodList())
                if (std::string reason = judged.reasonAgainst(*compress::makeMethod(info.name), nullptr); !reason.empty())
                    obstacles[info.name] = std::move(reason);
        } catch (const core::Error& error) { // nothing can be judged on it
            for (const compress::MethodInfo& info : compress::methodList())
                obstacles[info.name] = error.what();
        }
        return [this, tokens, obstacles = std::move(obstacles)] {
            m_promptTokens = tokens;
            showObstacles(obstacles);
            showBudget();
        };
    });
}

void MethodPanel::showObstacles(const std::map<std::string, std::string>& obstacles)
{
    auto* model = static_cast<QStandardItemModel*>(m_method->model());
    for (int row = 0; row < model->rowCount(); ++row) {
        QStandardItem* item = model->item(row);
        const std::string name = item->data(Qt::UserRole).toString().toStdString();
        if (name.empty())
            continue;
        const auto found = obstacles.find(name);
        const bool runs = found == obstacles.end();
        const compress::MethodInfo& info = compress::methodInfo(name);
        item->setEnabled(runs);
        item->setText(QStringLiteral("   ") + QString::fromStdString(info.title)
                      + (runs ? QString() : tr(" (not on this capture)")));
        const QString idea = QString::fromStdString(info.idea).toHtmlEscaped();
        item->setToolTip(runs ? QStringLiteral("<p>%1</p>").arg(idea)
                              : tr("<p>%1</p><p><b>Not on this capture:</b> %2</p>")
                                    .arg(idea, QString::fromStdString(found->second).toHtmlEscaped()));
    }
}

void MethodPanel::showState()
{
    const std::string& specification = state().method;
    const QString wrong = specificationError(specification);
    m_wrong->setText(QStringLiteral("\u26a0 ") + wrong);
    m_wrong->setVisible(!wrong.isEmpty());
    if (wrong.isEmpty()) {
        const std::vector<compress::MethodPart> parts = compress::parseSpecification(specification);
        const compress::MethodInfo& info = compress::methodInfo(parts.front().name);
        m_method->setCurrentIndex(m_method->findData(QString::fromStdString(info.name)));
        m_idea->setText(QString::fromStdString(info.idea));
        m_equation->setText(QString::fromStdString(info.equation + "\n\n" + info.source));
        m_params->setPart(parts.front());
        m_reset->setVisible(!info.params.empty());
        m_thenBox->setVisible(leavesKeysAsTheyAre(info));
        const bool two = parts.size() > 1;
        m_then->setCurrentIndex(two ? m_then->findData(QString::fromStdString(parts[1].name)) : 0);
        m_thenParams->setVisible(two);
        if (two)
            m_thenParams->setPart(parts[1]);
    }
    showBudget();
}

void MethodPanel::showBudget()
{
    const SelectionState& now = state();
    compress::Budget budget{std::clamp(now.ratio, kLeastRatio, 1.0), {}};
    if (now.budgetTokens > 0)
        budget.tokens = now.budgetTokens;
    const bool known = m_promptTokens > 0;
    const double ratio = known && budget.tokens ? budget.nominalRatio(m_promptTokens) : budget.ratio;
    const QSignalBlocker slider(m_slider), spin(m_ratio), tokens(m_tokens);
    if (!m_slider->isSliderDown()) // a finger knows better
        m_slider->setValue(static_cast<int>(std::lround(std::clamp(ratio, kLeastRatio, 1.0) * kSteps)));
    m_ratio->setValue(std::clamp(ratio, kLeastRatio, 1.0));
    m_tokens->setEnabled(known);
    m_tokens->setRange(1, static_cast<int>(std::max<std::int64_t>(1, m_promptTokens)));
    if (known)
        m_tokens->setValue(static_cast<int>(std::clamp<std::int64_t>(budget.capacity(m_promptTokens), 1, m_promptTokens)));
    m_of->setText(known ? tr("of %1").arg(QLocale().toString(m_promptTokens)) : QString());
    showReadout();
}

void MethodPanel::showReadout()
{
    if (!m_context.live)
        return;
    const auto layer = m_context.live->layer();
    const QString reason = QString::fromStdString(m_context.live->obstacle());
    if (!layer) {
        m_readout->setText(reason.isEmpty() ? QString() : tr("\u26a0 Cannot be shown here: %1").arg(reason));
        return;
    }
    const QLocale locale;
    const auto whole = static_cast<std::int64_t>(layer->plan.kept.size()) * layer->n;
    QString text = tr("keeps %1 of %2 tokens, %3 %, in layer %4; evaluated on %5")
                       .arg(locale.toString(std::llround(layer->summary.keptTokens)), locale.toString(qint64{whole}),
                            locale.toString(100 * layer->keptRatio, 'g', 3), locale.toString(layer->plan.layer),
                            QString::fromStdString(layer->evaluatedOn));
    if (std::abs(layer->summary.sizeRatio - layer->keptRatio) > 1e-3)
        text += tr("; takes %1 % of the bytes").arg(locale.toString(100 * layer->summary.sizeRatio, 'g', 3));
    if (layer->budgetUse == compress::BudgetUse::fixed)
        text += tr("; its size follows from its parameters, not from the budget");
    else if (layer->budgetUse == compress::BudgetUse::finds)
        text += tr("; it finds its own size, whatever the budget");
    m_readout->setText(text);
}

QString MethodPanel::readout() const { return m_readout->text(); }

void MethodPanel::chooseMethod(int index)
{
    const std::string name = m_method->itemData(index).toString().toStdString();
    if (name.empty())
        return;
    std::vector<compress::MethodPart> parts{{name, {}, {}}};
    const QString then = m_then->currentData().toString();
    if (!then.isEmpty() && m_thenParams->isVisibleTo(this) && leavesKeysAsTheyAre(compress::methodInfo(name)))
        parts.push_back(m_thenParams->part());
    setParts(parts);
}

void MethodPanel::chooseThen(int index)
{
    std::vector<compress::MethodPart> parts{m_params->part()};
    if (const std::string name = m_then->itemData(index).toString().toStdString(); !name.empty())
        parts.push_back({name, {}, {}});
    setParts(parts);
}

void MethodPanel::setParts(const std::vector<compress::MethodPart>& parts)
{
    const std::string specification = compress::formatSpecification(parts);
    if (const QString wrong = specificationError(specification); !wrong.isEmpty()) {
        m_wrong->setText(QStringLiteral("\u26a0 ") + wrong);
        m_wrong->show();
        return;
    }
    m_context.selection->change([&](SelectionState& s) { s.method = specification; });
}

void MethodPanel::setRatio(double ratio)
{
    m_context.selection->change([&](SelectionState& s) {
        s.ratio = std::clamp(ratio, kLeastRatio, 1.0);
        s.budgetTokens = 0;
    });
}

void MethodPanel::setTokens(std::int64_t tokens)
{
    m_context.selection->change([&](SelectionState& s) {
        s.budgetTokens = tokens;
        if (m_promptTokens > 0) // so that the slider goes on from there
            s.ratio = std::clamp(static_cast<double>(tokens) / static_cast<double>(m_promptTokens), kLeastRatio, 1.0);
    });
}

void MethodPanel::stepRatio(int hundredths)
{
    const double now = m_ratio->value();
    setRatio(std::round(now * 100 + hundredths) / 100);
}

void MethodPanel::styleChanged()
{
    QPalette subtle = palette();
    subtle.setColor(QPalette::WindowText, m_style.subtle);
    m_equation->setPalette(subtle);
    m_of->setPalette(subtle);
}

} // namespace kvviz::views
