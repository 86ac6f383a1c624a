// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Light or dark: of the desktop, or as asked for. Views look at the palette and know nothing of this.
#pragma once

#include <QPalette>
#include <QVariant>

#include <string>

namespace kvviz::views {

enum class Theme {
    system, ///< what the desktop says, also when it changes its mind
    light,
    dark
};

/// "system", "light" or "dark"; anything else is the system's.
[[nodiscard]] Theme themeNamed(const std::string& name);

/// Colours the application, now and from now on. Needs the QApplication.
void useTheme(Theme theme);

/// The colours of a theme that is not the system's.
[[nodiscard]] QPalette themePalette(Theme theme);

[[nodiscard]] bool isDark(const QPalette& palette);

/// What the desktop portal's setting `color-scheme` means; it comes wrapped in variants.
[[nodiscard]] bool prefersDark(QVariant setting);

} // namespace kvviz::views
