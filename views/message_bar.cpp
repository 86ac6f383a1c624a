// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/message_bar.hpp"

#include <QClipboard>
#include <QEvent>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QToolButton>

namespace kvviz::views {

namespace {

constexpr int kLeastTarget = 24; // pixels a side that a finger or an unsteady hand hits
constexpr int kMostMessages = 50;

QToolButton* addButton(QHBoxLayout* layout, const QString& text, const QString& tip)
{
    auto* button = new QToolButton;
    button->setText(text);
    button->setToolTip(tip);
    button->setAccessibleName(tip);
    button->setMinimumSize(kLeastTarget, kLeastTarget);
    button->setAutoRaise(true);
    button->setFocusPolicy(Qt::TabFocus);
    layout->addWidget(button, 0, Qt::AlignTop);
    return button;
}

} // namespace

MessageBar::MessageBar(QWidget* parent) : QWidget(parent), m_text(new QLabel)
{
    setAccessibleName(tr("Messages"));
    setAutoFillBackground(true);
    m_text->setWordWrap(true);
    m_text->setTextFormat(Qt::PlainText);
    m_text->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(10, 4, 4, 4);
    layout->addWidget(m_text, 1);
    m_more = addButton(layout, tr("Details"), tr("Show all messages"));
    m_more->setCheckable(true);
    connect(m_more, &QToolButton::toggled, this, [this](bool on) {
        m_details = on;
        update();
    });
    connect(addButton(layout, tr("Copy"), tr("Copy the messages")), &QToolButton::clicked, this,
            [this] { QGuiApplication::clipboard()->setText(m_messages.join(QLatin1Char('\n'))); });
    connect(addButton(layout, QStringLiteral("\u2715"), tr("Close the messages")), &QToolButton::clicked, this,
            &MessageBar::clear);
    applyColors();
    hide();
}

void MessageBar::add(const QString& message)
{
    if (message.isEmpty())
        return;
    m_messages.removeAll(message);
    m_messages.append(message);
    if (m_messages.size() > kMostMessages)
        m_messages.removeFirst();
    update();
}

void MessageBar::clear()
{
    m_messages.clear();
    m_more->setChecked(false);
    update();
}

void MessageBar::update()
{
    m_more->setVisible(m_messages.size() > 1);
    m_more->setText(m_details ? tr("Less") : tr("%1 messages").arg(m_messages.size()));
    m_text->setText(QStringLiteral("\u26a0  ") + (m_details ? m_messages.join(QLatin1Char('\n')) : message()));
    setVisible(!m_messages.isEmpty());
}

void MessageBar::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::PaletteChange && !m_coloring)
        applyColors();
}

void MessageBar::applyColors()
{
    const QWidget* window = parentWidget();
    const bool dark = (window ? window->palette() : palette()).color(QPalette::Window).lightnessF() < 0.5;
    QPalette colors = palette();
    colors.setColor(QPalette::Window, dark ? QColor(84, 62, 10) : QColor(255, 240, 200));
    colors.setColor(QPalette::WindowText, dark ? QColor(255, 240, 210) : QColor(70, 48, 0));
    colors.setColor(QPalette::ButtonText, colors.color(QPalette::WindowText));
    m_coloring = true; // setting a palette tells of a change of it
    setPalette(colors);
    m_coloring = false;
}

} // namespace kvviz::views
