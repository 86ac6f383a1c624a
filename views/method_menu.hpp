// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The methods of the registry in the groups that lists and menus show.
#pragma once

#include "compress/method.hpp"

#include <QString>

#include <vector>

namespace kvviz::views {

struct MethodGroup {
    QString title;
    std::vector<const compress::MethodInfo*> methods;
};

/// E, E+, P, S, R, Q, T in this order; groups without methods are left out.
[[nodiscard]] std::vector<MethodGroup> methodGroups();

} // namespace kvviz::views
