// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/run_forms.hpp"

#include <QComboBox>
#include <QFormLayout>
#include <QPlainTextEdit>
#include <QSpinBox>

#include <algorithm>

namespace kvviz::views {

namespace {

const QString kResultsFilter = QStringLiteral("*.kvres.h5");

/// A model runs 64 tokens on in seconds, a thousand in minutes.
constexpr int kMostGenerated = 100'000;

PathEdit* addOutput(RunForm* form, QFormLayout* layout, const QString& name, const QString& filter)
{
    auto* output = new PathEdit(PathEdit::Kind::saveFile, name, filter);
    layout->addRow(RunForm::tr("&Output"), output);
    QObject::connect(output, &PathEdit::changed, form, &RunForm::changed);
    return output;
}

} // namespace

CaptureForm::CaptureForm(const RunChoices& choices, QWidget* parent)
    : RunForm(parent),
      m_choices(choices),
      m_layout(makeFormLayout(this)),
      m_source(makeBox(this, tr("Prompt"))),
      m_text(new QPlainTextEdit),
      m_file(new PathEdit(PathEdit::Kind::openFile, tr("Text file"), tr("Text (*.txt *.md);;All files (*)")))
{
    using Source = CaptureRun::Source;
    addEntry(m_source, tr("of a task"), int(Source::task), tr("Built in, or from public data files"));
    addEntry(m_source, tr("my own text"), int(Source::text), tr("Typed or pasted here"));
    addEntry(m_source, tr("a text file"), int(Source::textFile),
             tr("A line '@@ shot' opens a shot, likewise '@@ instruction', '@@ question'"));
    m_layout->addRow(tr("P&rompt"), m_source);
    m_text->setAccessibleName(tr("Text of the prompt"));
    m_text->setPlaceholderText(
        tr("Text that the model reads. Lines such as @@ shot or @@ question mark what follows."));
    m_text->setTabChangesFocus(true);
    m_text->setMinimumHeight(90);
    m_layout->addRow(tr("Te&xt"), m_text);
    m_layout->addRow(tr("Fil&e"), m_file);
    m_task = std::make_unique<TaskRows>(this, m_layout, choices, 1);
    m_tier = makeBox(this, tr("How much to keep"));
    addEntry(m_tier, tr("stats: sums only"), QStringLiteral("stats"), tr("What each key received; smallest"));
    addEntry(m_tier, tr("cache: for replays"), QStringLiteral("cache"), tr("Adds keys, values, last and decode rows"));
    addEntry(m_tier, tr("map: pooled maps"), QStringLiteral("map"), tr("Adds pooled maps of every head"));
    addEntry(m_tier, tr("full: every row"), QStringLiteral("full"), tr("Grows with the square of the length"));
    m_tier->setCurrentIndex(2); // the window shows maps
    m_generate = new QSpinBox;
    m_generate->setRange(0, kMostGenerated);
    m_generate->setValue(64);
    m_generate->setAccessibleName(tr("Tokens to generate"));
    m_generate->setMinimumHeight(26);
    m_model = new ModelBox(choices);
    m_layout->addRow(tr("&Keep"), m_tier);
    m_layout->addRow(tr("Gener&ate"), m_generate);
    m_layout->addRow(tr("Mode&l"), m_model);
    m_output = addOutput(this, m_layout, tr("Capture file or folder"), tr("Captures (*.kvh5)"));
    m_whenThere = makeWhenThereBox(this, true);
    m_layout->addRow(tr("&If it is there"), m_whenThere);
    connect(m_text, &QPlainTextEdit::textChanged, this, &CaptureForm::changed);
    connect(m_file, &PathEdit::changed, this, &CaptureForm::changed);
    connect(m_generate, &QSpinBox::valueChanged, this, &CaptureForm::changed);
    connect(m_model, &ModelBox::changed, this, &CaptureForm::changed);
    connect(m_source, &QComboBox::currentIndexChanged, this, &CaptureForm::fieldsChanged);
    connect(this, &RunForm::changed, this, &CaptureForm::suggestOutput);
    fieldsChanged();
}

void CaptureForm::fieldsChanged()
{
    const auto source = static_cast<CaptureRun::Source>(m_source->currentData().toInt());
    m_layout->setRowVisible(m_text, source == CaptureRun::Source::text);
    m_layout->setRowVisible(m_file, source == CaptureRun::Source::textFile);
    m_task->setVisible(source == CaptureRun::Source::task);
    suggestOutput();
}

void CaptureForm::suggestOutput()
{
    const auto source = static_cast<CaptureRun::Source>(m_source->currentData().toInt());
    const TaskPrompts prompts = m_task->prompts();
    const bool folder = source == CaptureRun::Source::task && prompts.limit > 1;
    std::string stem = "prompt";
    if (source == CaptureRun::Source::task && !prompts.task.empty())
        stem = prompts.task;
    if (source == CaptureRun::Source::textFile && !m_file->path().empty())
        stem = m_file->path().stem().string();
    m_output->setKind(folder ? PathEdit::Kind::folder : PathEdit::Kind::saveFile);
    m_output->suggest(freePath(m_choices.folder, stem, folder ? "" : ".kvh5"));
}

Run CaptureForm::run() const
{
    CaptureRun run;
    run.source = static_cast<CaptureRun::Source>(m_source->currentData().toInt());
    run.text = m_text->toPlainText().toStdString();
    run.textFile = m_file->path();
    run.prompts = m_task->prompts();
    run.tier = m_tier->currentData().toString().toStdString();
    run.generate = m_generate->value();
    run.model = m_model->model();
    run.output = m_output->path();
    run.whenThere = whenThere(m_whenThere);
    return run;
}

ReplayForm::ReplayForm(const RunChoices& choices, QWidget* parent)
    : RunForm(parent),
      m_choices(choices),
      m_layout(makeFormLayout(this)),
      m_which(makeBox(this, tr("Captures")))
{
    m_layout->addRow(tr("&Captures"), m_which);
    m_methods = std::make_unique<MethodFields>(this, m_layout, choices);
    m_depth = makeBox(this, tr("Depth"));
    addEntry(m_depth, tr("mass: attention lost"), QStringLiteral("mass"), tr("Needs attention rows only"));
    addEntry(m_depth, tr("output: error of heads"), QStringLiteral("output"), tr("Needs captured values"));
    addEntry(m_depth, tr("decode: run the model"), QStringLiteral("decode"),
             tr("The continuation again over each compressed cache; needs the model"));
    m_depth->setCurrentIndex(1);
    m_layout->addRow(tr("&Depth"), m_depth);
    m_model = new ModelBox(choices);
    m_layout->addRow(tr("Mode&l"), m_model);
    m_output = addOutput(this, m_layout, tr("Results file"), tr("Results (%1)").arg(kResultsFilter));
    m_whenThere = makeWhenThereBox(this, false);
    m_layout->addRow(tr("&If it is there"), m_whenThere);
    connect(m_model, &ModelBox::changed, this, &ReplayForm::changed);
    connect(this, &RunForm::changed, this, &ReplayForm::fieldsChanged);
    setCaptures({}, 0);
}

void ReplayForm::setCaptures(const std::vector<std::filesystem::path>& files, int current)
{
    m_files = files;
    m_current = current;
    const int chosen = std::max(0, m_which->currentIndex());
    const bool known = current >= 0 && current < int(files.size());
    m_which->clear();
    addEntry(m_which, known ? toText(files[std::size_t(current)].filename()) : tr("none is open"), false,
             known ? toText(files[std::size_t(current)]) : QString());
    if (files.size() > 1)
        addEntry(m_which, tr("all that are open"), true);
    m_which->setCurrentIndex(std::min(chosen, m_which->count() - 1));
    fieldsChanged();
}

void ReplayForm::fieldsChanged()
{
    m_layout->setRowVisible(m_model, m_depth->currentData().toString() == QStringLiteral("decode"));
    const Run now = run();
    const auto& captures = std::get<ReplayRun>(now).captures;
    const std::string stem = captures.size() == 1 ? captures.front().stem().string() : "replay";
    m_output->suggest(freePath(m_choices.folder, stem, ".kvres.h5"));
}

Run ReplayForm::run() const
{
    ReplayRun run;
    if (m_which->currentData().toBool())
        for (const auto& file : m_files) { // members of one pack lie in one file
            if (std::find(run.captures.begin(), run.captures.end(), file) == run.captures.end())
                run.captures.push_back(file);
        }
    else if (m_current >= 0 && m_current < int(m_files.size()))
        run.captures = {m_files[std::size_t(m_current)]};
    run.methods = m_methods->methods();
    run.ratios = m_methods->ratios();
    run.depth = m_depth->currentData().toString().toStdString();
    run.model = m_model->model();
    run.output = m_output->path();
    run.whenThere = whenThere(m_whenThere);
    return run;
}

EvalForm::EvalForm(const RunChoices& choices, QWidget* parent) : RunForm(parent), m_choices(choices)
{
    QFormLayout* layout = makeFormLayout(this);
    m_task = std::make_unique<TaskRows>(this, layout, choices, 20);
    m_methods = std::make_unique<MethodFields>(this, layout, choices);
    m_model = new ModelBox(choices);
    layout->addRow(tr("Mode&l"), m_model);
    m_output = addOutput(this, layout, tr("Results file"), tr("Results (%1)").arg(kResultsFilter));
    m_whenThere = makeWhenThereBox(this, true);
    layout->addRow(tr("&If it is there"), m_whenThere);
    connect(m_model, &ModelBox::changed, this, &EvalForm::changed);
    connect(this, &RunForm::changed, this, &EvalForm::fieldsChanged);
    fieldsChanged();
}

void EvalForm::fieldsChanged()
{
    const std::string task = m_task->prompts().task;
    m_output->suggest(freePath(m_choices.folder, (task.empty() ? "eval" : task) + "-eval", ".kvres.h5"));
}

Run EvalForm::run() const
{
    EvalRun run;
    run.prompts = m_task->prompts();
    run.methods = m_methods->methods();
    run.ratios = m_methods->ratios();
    run.model = m_model->model();
    run.output = m_output->path();
    run.whenThere = whenThere(m_whenThere);
    return run;
}

} // namespace kvviz::views
