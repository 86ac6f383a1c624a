// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Preset and parameters of one method as widgets: a list for choices, a line for numbers and texts, what is wrong with
// a value right below it.
#pragma once

#include "compress/method.hpp"
#include "compress/specification.hpp"

#include <QWidget>

#include <vector>

class QComboBox;
class QFormLayout;
class QLabel;
class QLineEdit;

namespace kvviz::views {

class MethodParams : public QWidget {
    Q_OBJECT

public:
    explicit MethodParams(QWidget* parent = nullptr);

    /// Shows the widgets of this method with these values; tells nobody. The name must be in the registry.
    void setPart(const compress::MethodPart& part);
    [[nodiscard]] const compress::MethodPart& part() const { return m_part; }
    /// Defaults without preset; tells.
    void reset();

Q_SIGNALS:
    /// A value that the method takes.
    void edited();

protected:
    /// Up and Down step whole numbers.
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    struct Field {
        const compress::ParamSpec* spec = nullptr;
        QLabel *name = nullptr, *error = nullptr;
        QComboBox* choice = nullptr; ///< or
        QLineEdit* line = nullptr;
    };
    void build(const compress::MethodInfo& info);
    void addField(const compress::ParamSpec& spec);
    void fill();
    void choosePreset(int index);
    void edit(const Field& field, const QString& text);
    [[nodiscard]] std::string baseOf(const compress::ParamSpec& spec) const;
    [[nodiscard]] std::string valueOf(const compress::ParamSpec& spec) const;

    compress::MethodPart m_part;
    const compress::MethodInfo* m_info = nullptr;
    QFormLayout* m_form;
    QComboBox* m_preset;
    std::vector<Field> m_fields;
};

/// What is wrong with a specification, as a sentence; empty: nothing.
[[nodiscard]] QString specificationError(const std::string& specification);

} // namespace kvviz::views
