// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Export of one view or of all of them as a page, to a file or the clipboard. Not modal: what is wrong, and that a file
// exists already, is said in the panel.
#pragma once

#include "views/page_exporter.hpp"
#include "views/view_settings.hpp"

#include <QPointer>
#include <QWidget>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QFileDialog;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;

namespace kvviz::views {

class ExportPanel : public QWidget {
    Q_OBJECT

public:
    /// What can be exported now, by name, asked whenever it is needed.
    using Sources = std::function<std::vector<std::pair<QString, plot::Figure>>()>;

    explicit ExportPanel(Sources sources, QWidget* parent = nullptr);

    /// What exports say of their origin.
    void setProvenance(std::string creator, std::string commandLine);
    /// Asks for the sources anew; the choice stays if it is still there. Call it when the panel is shown.
    void refresh();
    /// One view by its name; an empty name is the whole page.
    void choose(const QString& name);
    void setFile(const QString& path);
    [[nodiscard]] QString file() const;
    /// How it is written, not what and where.
    [[nodiscard]] ViewSettings& settings() { return m_settings; }

public Q_SLOTS:
    /// Writes the file; one that exists is asked about in the panel first.
    void save();
    /// Puts the picture on the clipboard.
    void copy();

Q_SIGNALS:
    void exported(const QString& path);
    void copied();
    /// A sentence for the message bar; it stands in the panel, too.
    void failed(const QString& message);

private:
    void buildForm();
    [[nodiscard]] QWidget* fileRow();
    [[nodiscard]] QWidget* sizeRow();
    [[nodiscard]] QWidget* buttonRow();
    void browse();
    void formatChosen();
    void widthChosen();
    void pathEdited();
    void say(const QString& text);
    void fail(const QString& text);
    void askOverwrite(bool ask);
    [[nodiscard]] bool isPage() const;
    /// False when it cannot be written, or the user is asked whether it may be.
    [[nodiscard]] bool mayWrite(const plot::PageOptions& wanted, std::size_t figures);
    [[nodiscard]] std::vector<plot::Figure> chosenFigures() const;
    [[nodiscard]] plot::PageOptions options() const;
    /// Runs it and says what went wrong; false then.
    template <typename Action>
    bool guarded(Action&& action);

    Sources m_sources;
    ViewSettings m_settings;
    std::string m_creator, m_commandLine;
    QComboBox* m_what = nullptr;
    QSpinBox* m_columns = nullptr;
    QLineEdit* m_path = nullptr;
    QComboBox* m_format = nullptr;
    QComboBox* m_preset = nullptr;
    QDoubleSpinBox *m_width = nullptr, *m_font = nullptr;
    QCheckBox *m_dark = nullptr, *m_sidecar = nullptr, *m_csv = nullptr;
    QPushButton *m_save = nullptr, *m_copy = nullptr;
    QLabel* m_message = nullptr;
    QPointer<QFileDialog> m_dialog;
    bool m_overwrite = false; ///< the user has been told that the file exists
};

} // namespace kvviz::views
