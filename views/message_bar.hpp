// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What went wrong, above the views in place of dialogs: the newest message, how many there were, copy and close.
#pragma once

#include <QWidget>

class QLabel;
class QToolButton;

namespace kvviz::views {

class MessageBar : public QWidget {
    Q_OBJECT

public:
    explicit MessageBar(QWidget* parent = nullptr);

    /// A message that is there already is not added again.
    void add(const QString& message);
    void clear();
    /// The newest; empty when there is none.
    [[nodiscard]] QString message() const { return m_messages.isEmpty() ? QString() : m_messages.last(); }
    [[nodiscard]] QStringList messages() const { return m_messages; }

protected:
    void changeEvent(QEvent* event) override;

private:
    void update();
    void applyColors();

    QStringList m_messages;
    bool m_details = false, m_coloring = false;
    QLabel* m_text;
    QToolButton* m_more;
};

} // namespace kvviz::views
