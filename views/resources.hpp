// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What is compiled into the program: icons, the tour, the captures of the tour (resources/views.qrc).
#pragma once

namespace kvviz::views {

/// Makes ":/icons", ":/tour" and ":/demo" readable. Any number of times; resources of a static library are not there by
/// themselves.
void useResources();

/// The program's icon on windows, and the name by which a desktop knows it; needs the QApplication.
void useProgramIcon();

} // namespace kvviz::views
