// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/notice_stack.hpp"

#include <QLabel>

namespace kvviz::views {

NoticeStack::NoticeStack(QWidget* parent) : QStackedWidget(parent), m_notice(new QLabel)
{
    m_notice->setWordWrap(true);
    m_notice->setAlignment(Qt::AlignCenter);
    m_notice->setMargin(16);
    m_notice->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    m_notice->setMinimumSize(0, 0);
    addWidget(m_notice);
}

void NoticeStack::showContent(QWidget* content)
{
    if (indexOf(content) < 0)
        addWidget(content);
    setCurrentWidget(content);
}

void NoticeStack::showNotice(const QString& sentence)
{
    m_notice->setText(sentence);
    m_notice->setAccessibleName(sentence);
    setCurrentWidget(m_notice);
}

QString NoticeStack::notice() const { return currentWidget() == m_notice ? m_notice->text() : QString(); }

} // namespace kvviz::views
