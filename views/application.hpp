// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The one QApplication, with or without a display.
#pragma once

#include <QApplication>

#include <memory>

namespace kvviz::views {

enum class Display {
    none,    ///< draws into memory only: figures, screenshots on machines without a display
    wanted,  ///< a window; throws core::Error(failure) when there is no display
    optional ///< a window where possible, memory otherwise
};

/// Call once. Qt's own warnings stay silent unless `verbose`.
[[nodiscard]] std::unique_ptr<QApplication> makeApplication(Display display, bool verbose);

} // namespace kvviz::views
