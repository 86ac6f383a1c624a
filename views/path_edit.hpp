// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A line for a path with a button that opens the file dialog. While nothing is typed, a suggestion stands in grey and
// counts.
#pragma once

#include <QLineEdit>
#include <QWidget>

#include <filesystem>

class QToolButton;

namespace kvviz::views {

class PathEdit : public QWidget {
    Q_OBJECT

public:
    enum class Kind { openFile, saveFile, folder };
    /// `name` is what it is called, for dialogs and screen readers; `filter` as QFileDialog takes it.
    PathEdit(Kind kind, const QString& name, const QString& filter, QWidget* parent = nullptr);

    /// What is typed, or else the suggestion.
    [[nodiscard]] std::filesystem::path path() const;
    void setPath(const std::filesystem::path& path);
    void suggest(const std::filesystem::path& path);
    /// Something to read while there is neither path nor suggestion.
    void setHint(const QString& text);
    /// Another kind of place for the same line: a file or a folder.
    void setKind(Kind kind) { m_kind = kind; }

Q_SIGNALS:
    void changed();

private:
    void browse();

    Kind m_kind;
    QString m_name, m_filter;
    QLineEdit* m_line;
    QToolButton* m_button;
    std::filesystem::path m_suggestion;
};

/// Names of files as Qt shows them; bytes that are no text come back as they were where Qt can.
[[nodiscard]] QString toText(const std::filesystem::path& path);
[[nodiscard]] std::filesystem::path toPath(const QString& text);

} // namespace kvviz::views
