// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/view_settings.hpp"

#include <QAbstractButton>
#include <QComboBox>
#include <QHeaderView>
#include <QLineEdit>
#include <QSpinBox>
#include <QSplitter>

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace kvviz::views {

namespace {

const QString kSorted = QStringLiteral(", sorted by ");
const QString kAscending = QStringLiteral("ascending"), kDescending = QStringLiteral("descending");

QString inBase64(const QByteArray& bytes) { return QString::fromLatin1(bytes.toBase64()); }
QByteArray fromBase64(const QString& text) { return QByteArray::fromBase64(text.toLatin1()); }

template <typename Number, typename Box>
std::function<void(const QString&)> numberWriter(Box* box)
{
    return [box](const QString& text) {
        bool sound = false;
        const double value = text.toDouble(&sound);
        if (sound && value >= box->minimum() && value <= box->maximum())
            box->setValue(static_cast<Number>(value));
    };
}

/// "0 2 1, sorted by 2 descending". Not QHeaderView::saveState(): that would bring back sizes of another font, too.
QString columnsOf(const QHeaderView* header)
{
    QStringList order;
    for (int visual = 0; visual < header->count(); ++visual)
        order.append(QString::number(header->logicalIndex(visual)));
    QString text = order.join(QLatin1Char(' '));
    if (header->sortIndicatorSection() >= 0 && header->sortIndicatorSection() < header->count())
        text += kSorted + QString::number(header->sortIndicatorSection()) + QLatin1Char(' ')
                + (header->sortIndicatorOrder() == Qt::DescendingOrder ? kDescending : kAscending);
    return text;
}

/// Nothing happens for columns of another table.
void setColumns(QHeaderView* header, const QString& text)
{
    const QStringList parts = text.split(kSorted);
    QList<int> order;
    for (const QString& number : parts.first().split(QLatin1Char(' '), Qt::SkipEmptyParts))
        order.append(number.toInt());
    QList<int> sorted = order, all(header->count());
    std::sort(sorted.begin(), sorted.end());
    std::iota(all.begin(), all.end(), 0);
    if (sorted != all)
        return;
    for (int visual = 0; visual < order.size(); ++visual)
        header->moveSection(header->visualIndex(order[visual]), visual);
    const QStringList by = parts.value(1).split(QLatin1Char(' '));
    const bool none = parts.size() < 2;
    if (none || (by.size() == 2 && all.contains(by[0].toInt())))
        header->setSortIndicator(none ? -1 : by[0].toInt(),
                                 by.value(1) == kDescending ? Qt::DescendingOrder : Qt::AscendingOrder);
}

} // namespace

void ViewSettings::add(const char* name, std::function<QString()> read, std::function<void(const QString&)> write)
{
    for (const Entry& entry : m_entries)
        if (entry.name == name)
            throw std::logic_error(std::string("two settings of a view are called ") + name);
    m_entries.push_back({name, std::move(read), std::move(write)});
}

void ViewSettings::add(const char* name, QComboBox* box)
{
    add(name, [box] { return box->currentText(); },
        [box](const QString& text) {
            if (const int index = box->findText(text); index >= 0)
                box->setCurrentIndex(index);
        });
}

void ViewSettings::add(const char* name, QAbstractButton* button)
{
    add(name, [button] { return button->isChecked() ? QStringLiteral("yes") : QStringLiteral("no"); },
        [button](const QString& text) {
            if (text == QStringLiteral("yes") || text == QStringLiteral("no"))
                button->setChecked(text == QStringLiteral("yes"));
        });
}

void ViewSettings::add(const char* name, QSpinBox* box)
{
    add(name, [box] { return QString::number(box->value()); }, numberWriter<int>(box));
}

void ViewSettings::add(const char* name, QDoubleSpinBox* box)
{
    add(name, [box] { return QString::number(box->value(), 'g', 10); }, numberWriter<double>(box));
}

void ViewSettings::add(const char* name, QLineEdit* line)
{
    add(name, [line] { return line->text(); }, [line](const QString& text) { line->setText(text); });
}

void ViewSettings::add(const char* name, QHeaderView* header)
{
    add(name, [header] { return columnsOf(header); },
        [header](const QString& text) { setColumns(header, text); });
}

void ViewSettings::add(const char* name, QSplitter* splitter)
{
    add(name, [splitter] { return inBase64(splitter->saveState()); },
        [splitter](const QString& text) { splitter->restoreState(fromBase64(text)); });
}

SettingTexts ViewSettings::values() const
{
    SettingTexts texts;
    for (const Entry& entry : m_entries)
        texts[entry.name] = entry.read().toStdString();
    return texts;
}

void ViewSettings::apply(const SettingTexts& values)
{
    for (const Entry& entry : m_entries)
        if (const auto found = values.find(entry.name); found != values.end())
            entry.write(QString::fromStdString(found->second));
}

} // namespace kvviz::views
