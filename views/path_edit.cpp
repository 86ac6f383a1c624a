// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/path_edit.hpp"

#include <QFile>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QToolButton>

namespace kvviz::views {

QString toText(const std::filesystem::path& path)
{
    return QFile::decodeName(QByteArray::fromStdString(path.string()));
}

std::filesystem::path toPath(const QString& text) { return QFile::encodeName(text).toStdString(); }

PathEdit::PathEdit(Kind kind, const QString& name, const QString& filter, QWidget* parent)
    : QWidget(parent),
      m_kind(kind),
      m_name(name),
      m_filter(filter),
      m_line(new QLineEdit),
      m_button(new QToolButton)
{
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(4);
    layout->addWidget(m_line, 1);
    layout->addWidget(m_button);
    m_line->setAccessibleName(name);
    m_line->setMinimumHeight(26);
    m_button->setText(tr("..."));
    m_button->setToolTip(tr("Choose: %1").arg(name));
    m_button->setAccessibleName(m_button->toolTip());
    m_button->setMinimumSize(30, 26);
    setFocusProxy(m_line);
    connect(m_line, &QLineEdit::textChanged, this, &PathEdit::changed);
    connect(m_button, &QToolButton::clicked, this, &PathEdit::browse);
}

std::filesystem::path PathEdit::path() const
{
    const QString typed = m_line->text().trimmed();
    return typed.isEmpty() ? m_suggestion : toPath(typed);
}

void PathEdit::setPath(const std::filesystem::path& path) { m_line->setText(toText(path)); }

void PathEdit::suggest(const std::filesystem::path& path)
{
    m_suggestion = path;
    m_line->setPlaceholderText(toText(path));
    m_line->setToolTip(toText(path));
}

void PathEdit::setHint(const QString& text) { m_line->setPlaceholderText(text); }

void PathEdit::browse()
{
    const QString start = toText(path());
    QString chosen;
    switch (m_kind) {
    case Kind::openFile:
        chosen = QFileDialog::getOpenFileName(this, m_name, start, m_filter);
        break;
    // What happens to a file that is there is asked in the form, once.
    case Kind::saveFile:
        chosen =
            QFileDialog::getSaveFileName(this, m_name, start, m_filter, nullptr, QFileDialog::DontConfirmOverwrite);
        break;
    case Kind::folder:
        chosen = QFileDialog::getExistingDirectory(this, m_name, start);
        break;
    }
    if (!chosen.isEmpty())
        m_line->setText(chosen);
}

} // namespace kvviz::views
