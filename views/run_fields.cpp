// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/run_fields.hpp"

#include <QComboBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QSpinBox>
#include <QToolButton>

#include <algorithm>

namespace kvviz::views {

namespace {

constexpr int kRowHeight = 26; // nothing to hit is lower than 24 px
constexpr int kOwnShots = -1;

QSpinBox* makeSpin(RunForm* form, const QString& name, int low, int high, int value)
{
    auto* spin = new QSpinBox;
    spin->setRange(low, high);
    spin->setValue(value);
    spin->setAccessibleName(name);
    spin->setMinimumHeight(kRowHeight);
    QObject::connect(spin, &QSpinBox::valueChanged, form, &RunForm::changed);
    return spin;
}

} // namespace

QFormLayout* makeFormLayout(QWidget* form)
{
    auto* layout = new QFormLayout(form);
    layout->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    layout->setRowWrapPolicy(QFormLayout::WrapLongRows);
    layout->setContentsMargins(8, 8, 8, 8);
    return layout;
}

QComboBox* makeBox(RunForm* form, const QString& name)
{
    auto* box = new QComboBox;
    box->setAccessibleName(name);
    box->setMinimumHeight(kRowHeight);
    box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    box->setMinimumContentsLength(12);
    QObject::connect(box, &QComboBox::currentIndexChanged, form, [form, box] {
        box->setToolTip(box->currentData(Qt::ToolTipRole).toString());
        Q_EMIT form->changed();
    });
    return box;
}

void addEntry(QComboBox* box, const QString& text, const QVariant& value, const QString& tip)
{
    box->addItem(text, value);
    box->setItemData(box->count() - 1, tip, Qt::ToolTipRole);
    box->setToolTip(box->currentData(Qt::ToolTipRole).toString());
}

QComboBox* makeWhenThereBox(RunForm* form, bool resumable)
{
    QComboBox* box = makeBox(form, RunForm::tr("When the output is there already"));
    addEntry(box, RunForm::tr("stop and say so"), int(WhenThere::refuse));
    if (resumable)
        addEntry(box, RunForm::tr("go on with it"), int(WhenThere::resume), RunForm::tr("Keeps what is finished"));
    addEntry(box, RunForm::tr("overwrite it"), int(WhenThere::overwrite));
    return box;
}

WhenThere whenThere(const QComboBox* box) { return static_cast<WhenThere>(box->currentData().toInt()); }

TaskRows::TaskRows(RunForm* form, QFormLayout* layout, const RunChoices& choices, std::int64_t limit)
    : m_layout(layout),
      m_tasks(choices.tasks),
      m_task(makeBox(form, RunForm::tr("Task"))),
      m_limit(makeSpin(form, RunForm::tr("Number of prompts"), 1, 100'000, int(limit))),
      m_shots(makeSpin(form, RunForm::tr("Examples in each prompt"), kOwnShots, 1000, kOwnShots)),
      m_dataDir(new PathEdit(PathEdit::Kind::folder, RunForm::tr("Folder of the public data files"), {}))
{
    for (const RunTask& task : m_tasks)
        addEntry(m_task,
                 RunForm::tr("%1 (%2)").arg(QString::fromStdString(task.name), QString::fromStdString(task.category)),
                 QString::fromStdString(task.name), QString::fromStdString(task.description));
    m_dataDir->setHint(RunForm::tr("where the task's public files lie"));
    layout->addRow(RunForm::tr("&Task"), m_task);
    layout->addRow(RunForm::tr("Pro&mpts"), m_limit);
    layout->addRow(RunForm::tr("E&xamples"), m_shots);
    layout->addRow(RunForm::tr("&Data folder"), m_dataDir);
    QObject::connect(m_dataDir, &PathEdit::changed, form, &RunForm::changed);
    QObject::connect(m_task, &QComboBox::currentIndexChanged, form, [this] { taskChosen(); });
    taskChosen();
}

const RunTask* TaskRows::task() const
{
    const std::string name = m_task->currentData().toString().toStdString();
    const auto found = std::find_if(m_tasks.begin(), m_tasks.end(), [&](const RunTask& t) { return t.name == name; });
    return found == m_tasks.end() ? nullptr : &*found;
}

void TaskRows::taskChosen()
{
    const RunTask* chosen = task();
    m_shots->setSpecialValueText(chosen ? RunForm::tr("the task's own (%1)").arg(chosen->defaultShots) : QString());
    m_layout->setRowVisible(m_dataDir, m_visible && chosen && !chosen->builtIn);
}

TaskPrompts TaskRows::prompts() const
{
    TaskPrompts prompts;
    const RunTask* chosen = task();
    if (!chosen)
        return prompts;
    prompts.task = chosen->name;
    prompts.limit = m_limit->value();
    if (m_shots->value() != kOwnShots)
        prompts.shots = m_shots->value();
    if (!chosen->builtIn)
        prompts.dataDir = m_dataDir->path();
    return prompts;
}

void TaskRows::setVisible(bool visible)
{
    m_visible = visible;
    for (QWidget* row : {static_cast<QWidget*>(m_task), static_cast<QWidget*>(m_limit), static_cast<QWidget*>(m_shots)})
        m_layout->setRowVisible(row, visible);
    taskChosen();
}

ModelBox::ModelBox(const RunChoices& choices, QWidget* parent) : QWidget(parent), m_box(new QComboBox)
{
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(4);
    layout->addWidget(m_box, 1);
    m_box->setAccessibleName(tr("Model"));
    m_box->setMinimumHeight(kRowHeight);
    m_box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_box->setMinimumContentsLength(12);
    m_box->addItem(choices.defaultModel.empty() ? tr("the default one")
                                                : tr("default: %1").arg(toText(choices.defaultModel.filename())),
                   QString());
    for (const auto& model : choices.models)
        m_box->addItem(toText(model.filename()), toText(model));
    auto* button = new QToolButton;
    button->setText(tr("..."));
    button->setToolTip(tr("Choose a model file"));
    button->setAccessibleName(button->toolTip());
    button->setMinimumSize(30, kRowHeight);
    layout->addWidget(button);
    setFocusProxy(m_box);
    connect(m_box, &QComboBox::currentIndexChanged, this, &ModelBox::changed);
    connect(button, &QToolButton::clicked, this, &ModelBox::browse);
}

std::filesystem::path ModelBox::model() const { return toPath(m_box->currentData().toString()); }

void ModelBox::setModel(const std::filesystem::path& file)
{
    if (m_box->findData(toText(file)) < 0)
        m_box->addItem(toText(file.filename()), toText(file));
    m_box->setCurrentIndex(m_box->findData(toText(file)));
}

void ModelBox::browse()
{
    const QString chosen = QFileDialog::getOpenFileName(this, tr("Model file"), m_box->currentData().toString(),
                                                        tr("Models (*.gguf);;All files (*)"));
    if (!chosen.isEmpty())
        setModel(toPath(chosen));
}

MethodFields::MethodFields(RunForm* form, QFormLayout* layout, const RunChoices& choices)
    : m_methods(makeBox(form, RunForm::tr("Methods"))),
      m_ratios(new QLineEdit(QString::fromStdString(choices.ratios)))
{
    m_methods->setEditable(true);
    m_methods->setInsertPolicy(QComboBox::NoInsert);
    m_methods->lineEdit()->setAccessibleName(RunForm::tr("Methods"));
    m_methods->addItem(QString()); // the selected one, see setSelected()
    for (const std::string& methods : choices.methods)
        m_methods->addItem(QString::fromStdString(methods));
    m_methods->setToolTip(RunForm::tr("One or more, separated by ';', as in snapkv;shotkv - or all"));
    m_ratios->setAccessibleName(RunForm::tr("Ratios"));
    m_ratios->setMinimumHeight(kRowHeight);
    m_ratios->setToolTip(RunForm::tr("Fractions of the prompt kept, such as 0.9,0.5 or 0.9,...,0.1"));
    layout->addRow(RunForm::tr("M&ethods"), m_methods);
    layout->addRow(RunForm::tr("&Ratios"), m_ratios);
    QObject::connect(m_methods, &QComboBox::editTextChanged, form, &RunForm::changed);
    QObject::connect(m_ratios, &QLineEdit::textChanged, form, &RunForm::changed);
}

std::string MethodFields::methods() const { return m_methods->currentText().trimmed().toStdString(); }

std::string MethodFields::ratios() const { return m_ratios->text().trimmed().toStdString(); }

void MethodFields::setSelected(const std::string& method)
{
    const bool followed = m_methods->currentText() == m_methods->itemText(0);
    m_methods->setItemText(0, QString::fromStdString(method));
    if (!followed)
        return;
    m_methods->setCurrentIndex(0);
    m_methods->setEditText(QString::fromStdString(method));
}

} // namespace kvviz::views
