// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What is chosen in a view beside the selection (the order of a table, the measure of a grid): names and texts, so that
// a session and the next start find it again.
#pragma once

#include <QString>

#include <functional>
#include <map>
#include <string>
#include <vector>

class QAbstractButton;
class QComboBox;
class QDoubleSpinBox;
class QHeaderView;
class QLineEdit;
class QSpinBox;
class QSplitter;

namespace kvviz::views {

/// "measure" to "entropy", ...
using SettingTexts = std::map<std::string, std::string>;
/// Of each panel, by its id.
using PanelSettings = std::map<std::string, SettingTexts>;

class ViewSettings {
public:
    /// The widgets must outlive this. Names are unique in a view; they stand in session files and stay as they are.
    void add(const char* name, QComboBox* box); ///< the text of its item
    void add(const char* name, QAbstractButton* button); ///< checked or not
    void add(const char* name, QSpinBox* box);
    void add(const char* name, QDoubleSpinBox* box);
    void add(const char* name, QLineEdit* line);
    void add(const char* name, QHeaderView* header); ///< the order of the columns, and by which of them rows are sorted
    void add(const char* name, QSplitter* splitter);
    /// `write` leaves everything as it is for a text that makes no sense.
    void add(const char* name, std::function<QString()> read, std::function<void(const QString&)> write);

    [[nodiscard]] SettingTexts values() const;
    /// In the order in which they were added; names that are not known and values that do not fit are passed over: a
    /// session of another version must not be refused for the look of a table.
    void apply(const SettingTexts& values);

private:
    struct Entry {
        std::string name;
        std::function<QString()> read;
        std::function<void(const QString&)> write;
    };
    std::vector<Entry> m_entries;
};

} // namespace kvviz::views
