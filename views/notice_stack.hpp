// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A view's area that shows either its content or one sentence that says why there is none: never an empty rectangle.
#pragma once

#include <QStackedWidget>

class QLabel;

namespace kvviz::views {

class NoticeStack : public QStackedWidget {
    Q_OBJECT

public:
    explicit NoticeStack(QWidget* parent = nullptr);

    /// Takes over the content at its first showing.
    void showContent(QWidget* content);
    void showNotice(const QString& sentence);
    /// What is said; empty while content is shown.
    [[nodiscard]] QString notice() const;

private:
    QLabel* m_notice;
};

} // namespace kvviz::views
