// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Forms that are filled in to start a run: one each for capture, replay and evaluation. They build values, nothing
// else.
#pragma once

#include "views/run_fields.hpp"

#include <memory>

class QPlainTextEdit;

namespace kvviz::views {

class CaptureForm : public RunForm {
    Q_OBJECT

public:
    explicit CaptureForm(const RunChoices& choices, QWidget* parent = nullptr);
    [[nodiscard]] Run run() const override;

private:
    void fieldsChanged();
    void suggestOutput();

    RunChoices m_choices;
    QFormLayout* m_layout;
    QComboBox* m_source;
    QPlainTextEdit* m_text;
    PathEdit* m_file;
    std::unique_ptr<TaskRows> m_task;
    QComboBox* m_tier;
    QSpinBox* m_generate;
    ModelBox* m_model;
    PathEdit* m_output;
    QComboBox* m_whenThere;
};

class ReplayForm : public RunForm {
    Q_OBJECT

public:
    explicit ReplayForm(const RunChoices& choices, QWidget* parent = nullptr);
    [[nodiscard]] Run run() const override;
    /// All that are open, and which of them is shown.
    void setCaptures(const std::vector<std::filesystem::path>& files, int current);
    void setSelectedMethod(const std::string& method) { m_methods->setSelected(method); }

private:
    void fieldsChanged();

    RunChoices m_choices;
    QFormLayout* m_layout;
    std::vector<std::filesystem::path> m_files;
    int m_current = 0;
    QComboBox* m_which;
    std::unique_ptr<MethodFields> m_methods;
    QComboBox* m_depth;
    ModelBox* m_model;
    PathEdit* m_output;
    QComboBox* m_whenThere;
};

class EvalForm : public RunForm {
    Q_OBJECT

public:
    explicit EvalForm(const RunChoices& choices, QWidget* parent = nullptr);
    [[nodiscard]] Run run() const override;
    void setSelectedMethod(const std::string& method) { m_methods->setSelected(method); }

private:
    void fieldsChanged();

    RunChoices m_choices;
    std::unique_ptr<TaskRows> m_task;
    std::unique_ptr<MethodFields> m_methods;
    ModelBox* m_model;
    PathEdit* m_output;
    QComboBox* m_whenThere;
};

} // namespace kvviz::views
