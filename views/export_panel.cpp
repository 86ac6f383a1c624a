// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/export_panel.hpp"

#include "core/error.hpp"

#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalBlocker>
#include <QSpinBox>
#include <QToolButton>

#include <algorithm>

namespace kvviz::views {

namespace {

constexpr int kTarget = 28; // height of what is clicked
constexpr const char* kEndings[] = {"pdf", "svg", "png"};

template <typename Widget>
Widget* named(Widget* widget, const char* object, const QString& accessible)
{
    widget->setObjectName(QLatin1String(object));
    widget->setAccessibleName(accessible);
    widget->setMinimumHeight(kTarget);
    return widget;
}

QHBoxLayout* rowLayout(QWidget* row)
{
    auto* layout = new QHBoxLayout(row);
    layout->setContentsMargins(0, 0, 0, 0);
    return layout;
}

} // namespace

template <typename Action>
bool ExportPanel::guarded(Action&& action)
{
    try {
        action();
        return true;
    } catch (const std::exception& error) {
        fail(QString::fromUtf8(error.what()));
        return false;
    }
}

ExportPanel::ExportPanel(Sources sources, QWidget* parent) : QWidget(parent), m_sources(std::move(sources))
{
    setAccessibleName(tr("Export"));
    buildForm();
    setFile(QStringLiteral("figure.pdf"));
    refresh();
}

void ExportPanel::buildForm()
{
    auto* form = new QFormLayout(this);
    form->setRowWrapPolicy(QFormLayout::WrapLongRows);
    m_what = named(new QComboBox(this), "what", tr("What to export"));
    connect(m_what, &QComboBox::currentIndexChanged, this, [this] {
        m_columns->setEnabled(m_what->currentIndex() == 0);
        say({});
    });
    m_columns = named(new QSpinBox(this), "columns", tr("Columns of the page"));
    m_columns->setRange(0, 6);
    m_columns->setSpecialValueText(tr("automatic"));
    form->addRow(tr("Vi&ew"), m_what);
    form->addRow(tr("&Columns"), m_columns);
    form->addRow(tr("F&ile"), fileRow());
    m_format = named(new QComboBox(this), "format", tr("File format"));
    m_format->addItems({tr("PDF"), tr("SVG"), tr("PNG")});
    connect(m_format, &QComboBox::currentIndexChanged, this, &ExportPanel::formatChosen);
    form->addRow(tr("Forma&t"), m_format);
    form->addRow(tr("&Width"), sizeRow());
    m_font = named(new QDoubleSpinBox(this), "font", tr("Font size in points"));
    m_font->setRange(0, 48);
    m_font->setDecimals(1);
    m_font->setSingleStep(0.5);
    m_font->setSuffix(tr(" pt"));
    m_font->setSpecialValueText(tr("automatic"));
    form->addRow(tr("F&ont size"), m_font);
    m_dark = named(new QCheckBox(tr("&Dark, for slides"), this), "dark", tr("Dark background"));
    m_sidecar = named(new QCheckBox(tr("&JSON with origin and numbers"), this), "sidecar", tr("JSON file beside it"));
    m_sidecar->setChecked(true);
    m_csv = named(new QCheckBox(tr("N&umbers as CSV"), this), "csv", tr("CSV file beside it"));
    for (QCheckBox* box : {m_dark, m_sidecar, m_csv}) {
        form->addRow(QString(), box);
        connect(box, &QCheckBox::toggled, this, [this] { askOverwrite(false); });
    }
    form->addRow(buttonRow());
    m_settings.add("columns", m_columns);
    m_settings.add("format", m_format);
    m_settings.add("preset", m_preset); // before the width, which it sets
    m_settings.add("width", m_width);
    m_settings.add("font", m_font);
    m_settings.add("dark", m_dark);
    m_settings.add("sidecar", m_sidecar);
    m_settings.add("csv", m_csv);
    m_message = named(new QLabel(this), "message", tr("Result of the export"));
    m_message->setWordWrap(true);
    m_message->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    form->addRow(m_message);
}

QWidget* ExportPanel::fileRow()
{
    auto* row = new QWidget(this);
    auto* layout = rowLayout(row);
    m_path = named(new QLineEdit(row), "path", tr("File to write"));
    connect(m_path, &QLineEdit::textEdited, this, &ExportPanel::pathEdited);
    auto* browseButton = named(new QToolButton(row), "browse", tr("Choose the file"));
    browseButton->setText(tr("..."));
    browseButton->setToolTip(browseButton->accessibleName());
    browseButton->setMinimumWidth(kTarget + 2);
    connect(browseButton, &QToolButton::clicked, this, &ExportPanel::browse);
    layout->addWidget(m_path, 1);
    layout->addWidget(browseButton);
    return row;
}

QWidget* ExportPanel::sizeRow()
{
    auto* row = new QWidget(this);
    auto* layout = rowLayout(row);
    m_preset = named(new QComboBox(row), "preset", tr("Width by purpose"));
    m_preset->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_preset->setMinimumContentsLength(8);
    m_preset->addItem(tr("automatic"), 0.0);
    for (const plot::WidthPreset& preset : plot::widthPresets()) {
        const QString name = preset.name == "column" ? tr("Column of a paper")
                             : preset.name == "text" ? tr("Text of a paper")
                                                     : tr("Slide");
        m_preset->addItem(tr("%1, %2 mm").arg(name).arg(preset.widthMm), preset.widthMm);
    }
    m_preset->addItem(tr("own width"), -1.0);
    connect(m_preset, &QComboBox::currentIndexChanged, this, &ExportPanel::widthChosen);
    m_width = named(new QDoubleSpinBox(row), "width", tr("Width in millimetres"));
    m_width->setRange(30, 2000);
    m_width->setDecimals(0);
    m_width->setSuffix(tr(" mm"));
    m_width->setValue(178);
    m_width->setEnabled(false);
    layout->addWidget(m_preset, 1);
    layout->addWidget(m_width);
    return row;
}

QWidget* ExportPanel::buttonRow()
{
    auto* row = new QWidget(this);
    auto* layout = rowLayout(row);
    m_copy = named(new QPushButton(tr("Cop&y picture"), row), "copy", tr("Copy the picture to the clipboard"));
    m_save = named(new QPushButton(tr("&Save"), row), "save", tr("Write the file"));
    connect(m_copy, &QPushButton::clicked, this, &ExportPanel::copy);
    connect(m_save, &QPushButton::clicked, this, &ExportPanel::save);
    layout->addStretch(1);
    layout->addWidget(m_copy);
    layout->addWidget(m_save);
    return row;
}

void ExportPanel::setProvenance(std::string creator, std::string commandLine)
{
    m_creator = std::move(creator);
    m_commandLine = std::move(commandLine);
}

void ExportPanel::refresh()
{
    const QString before = m_what->currentIndex() > 0 ? m_what->currentText() : QString();
    {
        const QSignalBlocker blocker(m_what);
        m_what->clear();
        m_what->addItem(tr("Whole page"));
        for (const auto& [name, figure] : m_sources())
            m_what->addItem(name);
    }
    choose(before);
    const bool any = m_what->count() > 1;
    m_save->setEnabled(any);
    m_copy->setEnabled(any);
    say(any ? QString() : tr("No view shows anything yet."));
}

void ExportPanel::choose(const QString& name)
{
    m_what->setCurrentIndex(name.isEmpty() ? 0 : std::max(0, m_what->findText(name)));
    m_columns->setEnabled(m_what->currentIndex() == 0);
}

void ExportPanel::setFile(const QString& path)
{
    m_path->setText(path);
    pathEdited();
}

QString ExportPanel::file() const { return m_path->text(); }

void ExportPanel::browse()
{
    if (!m_dialog) {
        m_dialog = new QFileDialog(this, tr("Export to"));
        m_dialog->setAcceptMode(QFileDialog::AcceptSave);
        m_dialog->setOption(QFileDialog::DontConfirmOverwrite); // asked in the panel
        m_dialog->setNameFilters({tr("PDF (*.pdf)"), tr("SVG (*.svg)"), tr("PNG (*.png)")});
        connect(m_dialog, &QFileDialog::fileSelected, this, [this](const QString& chosen) {
            const QString filter = m_dialog->selectedNameFilter();
            const qsizetype place = std::max<qsizetype>(0, m_dialog->nameFilters().indexOf(filter));
            const bool ended = !QFileInfo(chosen).suffix().isEmpty();
            setFile(ended ? chosen : chosen + QLatin1Char('.') + QLatin1String(kEndings[place]));
        });
    }
    m_dialog->selectNameFilter(m_dialog->nameFilters().at(m_format->currentIndex()));
    m_dialog->selectFile(m_path->text());
    m_dialog->open();
}

void ExportPanel::formatChosen()
{
    const QString ending = QLatin1String(kEndings[m_format->currentIndex()]);
    const QString suffix = QFileInfo(m_path->text()).suffix();
    const QString stem = m_path->text().chopped(suffix.isEmpty() ? 0 : suffix.size() + 1);
    if (suffix.compare(ending, Qt::CaseInsensitive) != 0)
        m_path->setText(stem + QLatin1Char('.') + ending);
    askOverwrite(false);
}

void ExportPanel::pathEdited()
{
    const QString suffix = QFileInfo(m_path->text()).suffix().toLower();
    for (int i = 0; i < 3; ++i)
        if (suffix == QLatin1String(kEndings[i])) {
            const QSignalBlocker blocker(m_format);
            m_format->setCurrentIndex(i);
        }
    askOverwrite(false);
}

void ExportPanel::widthChosen()
{
    const double width = m_preset->currentData().toDouble();
    m_width->setEnabled(width < 0);
    if (width > 0)
        m_width->setValue(width);
}

void ExportPanel::say(const QString& text)
{
    m_message->setText(text);
    m_message->setVisible(!text.isEmpty());
}

void ExportPanel::fail(const QString& text)
{
    say(text);
    Q_EMIT failed(text);
}

void ExportPanel::askOverwrite(bool ask)
{
    if (!ask && m_overwrite)
        say({});
    m_overwrite = ask;
    m_save->setText(ask ? tr("&Overwrite") : tr("&Save"));
    m_save->setAccessibleName(ask ? tr("Overwrite the file") : tr("Write the file"));
}

bool ExportPanel::isPage() const { return m_what->currentIndex() <= 0; }

std::vector<plot::Figure> ExportPanel::chosenFigures() const
{
    std::vector<plot::Figure> figures;
    for (auto& [name, figure] : m_sources())
        if (isPage() || name == m_what->currentText())
            figures.push_back(std::move(figure));
    if (figures.empty())
        throw core::Error(core::ErrorCode::usage,
                          tr("The view '%1' shows nothing now.").arg(m_what->currentText()).toStdString());
    return figures;
}

plot::PageOptions ExportPanel::options() const
{
    plot::PageOptions options;
    options.path = m_path->text().toStdString();
    options.columns = m_columns->value();
    const double preset = m_preset->currentData().toDouble();
    options.widthMm = preset == 0 ? 0 : m_width->value();
    options.fontPt = m_font->value() < 4 ? 0 : m_font->value();
    for (const plot::WidthPreset& known : plot::widthPresets())
        if (options.fontPt == 0 && preset == known.widthMm)
            options.fontPt = known.fontPt;
    options.dark = m_dark->isChecked();
    options.sidecar = m_sidecar->isChecked();
    options.csv = m_csv->isChecked();
    options.force = m_overwrite;
    options.creator = m_creator;
    options.commandLine = m_commandLine;
    return options;
}

bool ExportPanel::mayWrite(const plot::PageOptions& wanted, std::size_t figures)
{
    const auto check = [&](bool force) {
        plot::PageOptions options = wanted;
        options.force = force;
        isPage() ? plot::checkPage(figures, options) : plot::checkExport(options);
    };
    try {
        check(wanted.force);
        return true;
    } catch (const core::Error&) {
        if (!guarded([&] { check(true); })) // something else than that files exist
            return false;
    }
    askOverwrite(true);
    say(tr("%1, or a file beside it, exists. Press Overwrite to replace it, or choose another name.")
            .arg(m_path->text()));
    m_save->setFocus();
    return false;
}

void ExportPanel::save()
{
    if (m_path->text().trimmed().isEmpty()) {
        fail(tr("Name a file to write."));
        return;
    }
    std::vector<plot::Figure> figures;
    const plot::PageOptions wanted = options();
    if (!guarded([&] { figures = chosenFigures(); }) || !mayWrite(wanted, figures.size()))
        return;
    askOverwrite(false);
    if (!guarded([&] {
            isPage() ? plot::exportPage(figures, wanted) : plot::exportFigure(figures.front(), wanted);
        }))
        return;
    say(tr("Written: %1").arg(m_path->text()));
    Q_EMIT exported(m_path->text());
}

void ExportPanel::copy()
{
    const bool done = guarded([&] {
        const auto figures = chosenFigures();
        QGuiApplication::clipboard()->setImage(isPage() ? plot::pageImage(figures, options())
                                                        : plot::figureImage(figures.front(), options()));
    });
    if (!done)
        return;
    say(tr("The picture is on the clipboard."));
    Q_EMIT copied();
}

} // namespace kvviz::views
