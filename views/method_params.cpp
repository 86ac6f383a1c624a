// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/method_params.hpp"

#include "core/error.hpp"

#include <QComboBox>
#include <QFormLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QSignalBlocker>
#include <QVBoxLayout>

#include <algorithm>

namespace kvviz::views {

namespace {

constexpr int kLeastTarget = 26; // pixels

QString text(const std::string& utf8) { return QString::fromStdString(utf8); }

} // namespace

QString specificationError(const std::string& specification)
{
    try {
        (void)compress::makeMethod(specification);
        return {};
    } catch (const core::Error& error) {
        return QString::fromUtf8(error.what());
    }
}

MethodParams::MethodParams(QWidget* parent) : QWidget(parent), m_form(new QFormLayout(this)), m_preset(new QComboBox)
{
    m_form->setContentsMargins(0, 0, 0, 0);
    m_form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    m_preset->setAccessibleName(tr("Preset"));
    m_preset->setToolTip(tr("Values as a paper or another program has them"));
    m_preset->setMinimumHeight(kLeastTarget);
    m_form->addRow(tr("Preset"), m_preset);
    connect(m_preset, &QComboBox::activated, this, &MethodParams::choosePreset);
}

void MethodParams::setPart(const compress::MethodPart& part)
{
    const compress::MethodInfo& info = compress::methodInfo(part.name);
    m_part = part;
    if (m_info != &info)
        build(info);
    fill();
}

void MethodParams::build(const compress::MethodInfo& info)
{
    m_info = &info;
    m_fields.clear();
    while (m_form->rowCount() > 1)
        m_form->removeRow(1);
    const QSignalBlocker blocker(m_preset);
    m_preset->clear();
    m_preset->addItem(tr("defaults"), QString());
    for (const auto& [name, values] : info.presets) {
        m_preset->addItem(text(name), text(name));
        QStringList list;
        for (const auto& [parameter, value] : values)
            list.append(text(parameter) + QLatin1Char('=') + text(value));
        m_preset->setItemData(m_preset->count() - 1, list.join(QStringLiteral(", ")), Qt::ToolTipRole);
    }
    m_form->setRowVisible(0, !info.presets.empty());
    m_fields.reserve(info.params.size());
    for (const compress::ParamSpec& spec : info.params)
        addField(spec);
}

void MethodParams::addField(const compress::ParamSpec& spec)
{
    Field field;
    field.spec = &spec;
    field.name = new QLabel(text(spec.name));
    field.error = new QLabel;
    field.error->setWordWrap(true);
    field.error->setAccessibleName(tr("What is wrong with %1").arg(text(spec.name)));
    auto* cell = new QWidget;
    auto* column = new QVBoxLayout(cell);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(2);
    QWidget* editor = nullptr;
    const std::size_t place = m_fields.size();
    if (spec.choices.empty()) {
        editor = field.line = new QLineEdit;
        field.line->installEventFilter(this);
        connect(field.line, &QLineEdit::textEdited, this,
                [this, place](const QString& value) { edit(m_fields[place], value); });
    } else {
        editor = field.choice = new QComboBox;
        for (const std::string& choice : spec.choices)
            field.choice->addItem(text(choice));
        connect(field.choice, &QComboBox::textActivated, this,
                [this, place](const QString& value) { edit(m_fields[place], value); });
    }
    const QString help = tr("%1 (default: %2)").arg(text(spec.help), text(spec.defaultValue));
    editor->setMinimumHeight(kLeastTarget);
    editor->setObjectName(text(spec.name));
    editor->setAccessibleName(text(spec.name));
    editor->setAccessibleDescription(help);
    for (QWidget* widget : {editor, static_cast<QWidget*>(field.name)})
        widget->setToolTip(QStringLiteral("<p>%1</p>").arg(help.toHtmlEscaped())); // as rich text it is wrapped
    field.name->setBuddy(editor);
    column->addWidget(editor);
    column->addWidget(field.error);
    m_form->addRow(field.name, cell);
    field.error->hide();
    m_fields.push_back(field);
}

std::string MethodParams::baseOf(const compress::ParamSpec& spec) const
{
    if (const auto preset = m_info->presets.find(m_part.preset); preset != m_info->presets.end())
        if (const auto value = preset->second.find(spec.name); value != preset->second.end())
            return value->second;
    return spec.defaultValue;
}

std::string MethodParams::valueOf(const compress::ParamSpec& spec) const
{
    const auto own = m_part.overrides.find(spec.name);
    return own != m_part.overrides.end() ? own->second : baseOf(spec);
}

void MethodParams::fill()
{
    const QSignalBlocker blocker(m_preset);
    m_preset->setCurrentIndex(std::max(0, m_preset->findData(text(m_part.preset))));
    for (const Field& field : m_fields) {
        const QString value = text(valueOf(*field.spec));
        if (field.choice)
            field.choice->setCurrentIndex(field.choice->findText(value));
        else if (field.line->text() != value)
            field.line->setText(value);
        field.error->hide();
        // Said by a sign and by weight, not by colour.
        const bool own = m_part.overrides.contains(field.spec->name);
        field.name->setText(own ? text(field.spec->name) + QStringLiteral(" \u2022") : text(field.spec->name));
        QFont font = field.name->font();
        font.setBold(own);
        field.name->setFont(font);
    }
}

void MethodParams::choosePreset(int index)
{
    m_part.preset = m_preset->itemData(index).toString().toStdString();
    m_part.overrides.clear();
    fill();
    Q_EMIT edited();
}

void MethodParams::reset()
{
    m_part.preset.clear();
    m_part.overrides.clear();
    fill();
    Q_EMIT edited();
}

void MethodParams::edit(const Field& field, const QString& value)
{
    compress::MethodPart next = m_part;
    const std::string typed = value.trimmed().toStdString();
    if (typed == baseOf(*field.spec))
        next.overrides.erase(field.spec->name);
    else
        next.overrides[field.spec->name] = typed;
    const QString wrong = typed.empty() || typed.find_first_of(",+=:") != std::string::npos
                              ? tr("A value without , + = or : is needed.")
                              : specificationError(compress::formatSpecification({next}));
    if (!wrong.isEmpty()) {
        field.error->setText(QStringLiteral("\u26a0 ") + wrong);
        field.error->show();
        return;
    }
    m_part = std::move(next);
    fill();
    Q_EMIT edited();
}

bool MethodParams::eventFilter(QObject* watched, QEvent* event)
{
    auto* line = qobject_cast<QLineEdit*>(watched);
    if (line && event->type() == QEvent::KeyPress) {
        const int key = static_cast<QKeyEvent*>(event)->key();
        bool whole = false;
        const qlonglong number = line->text().toLongLong(&whole);
        if (whole && (key == Qt::Key_Up || key == Qt::Key_Down)) {
            line->setText(QString::number(number + (key == Qt::Key_Up ? 1 : -1)));
            Q_EMIT line->textEdited(line->text());
            return true;
        }
    }
    return QWidget::eventFilter(watched, event);
}

} // namespace kvviz::views
