// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Rows that the forms of runs share: prompts of a task, methods and ratios, the model, what to do with an output that
// is there.
#pragma once

#include "views/path_edit.hpp"
#include "views/run_choices.hpp"
#include "views/run_command.hpp"

#include <QWidget>

class QComboBox;
class QFormLayout;
class QLineEdit;
class QSpinBox;

namespace kvviz::views {

class RunForm : public QWidget {
    Q_OBJECT

public:
    using QWidget::QWidget;
    /// As filled in now.
    [[nodiscard]] virtual Run run() const = 0;

Q_SIGNALS:
    void changed();
};

/// Rows that say which prompts of which task, in the form of a run.
class TaskRows {
public:
    TaskRows(RunForm* form, QFormLayout* layout, const RunChoices& choices, std::int64_t limit);
    [[nodiscard]] TaskPrompts prompts() const;
    void setVisible(bool visible);

private:
    [[nodiscard]] const RunTask* task() const;
    void taskChosen();

    QFormLayout* m_layout;
    std::vector<RunTask> m_tasks;
    QComboBox* m_task;
    QSpinBox* m_limit;
    QSpinBox* m_shots;
    PathEdit* m_dataDir;
    bool m_visible = true;
};

/// The default model, those that are known, or a file.
class ModelBox : public QWidget {
    Q_OBJECT

public:
    explicit ModelBox(const RunChoices& choices, QWidget* parent = nullptr);
    /// Empty: the default.
    [[nodiscard]] std::filesystem::path model() const;
    void setModel(const std::filesystem::path& file);

Q_SIGNALS:
    void changed();

private:
    void browse();
    QComboBox* m_box;
};

/// Which methods at which ratios; the selected method is offered first.
class MethodFields {
public:
    MethodFields(RunForm* form, QFormLayout* layout, const RunChoices& choices);
    [[nodiscard]] std::string methods() const;
    [[nodiscard]] std::string ratios() const;
    void setSelected(const std::string& method);

private:
    QComboBox* m_methods;
    QLineEdit* m_ratios;
};

/// Stop, go on (if `resumable`), overwrite.
[[nodiscard]] QComboBox* makeWhenThereBox(RunForm* form, bool resumable);
[[nodiscard]] WhenThere whenThere(const QComboBox* box);
/// A box whose entries carry a value and an explanation; its choice changes the form.
[[nodiscard]] QComboBox* makeBox(RunForm* form, const QString& name);
void addEntry(QComboBox* box, const QString& text, const QVariant& value, const QString& tip = {});
/// A form layout that also fits a narrow panel.
[[nodiscard]] QFormLayout* makeFormLayout(QWidget* form);

} // namespace kvviz::views
