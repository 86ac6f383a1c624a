// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A replayed method and its budget in words that views share.
#pragma once

#include "compress/budget.hpp"

#include <QString>

#include <string>

namespace kvviz::views {

/// "SnapKV, 0.25 kept", "SnapKV (window=8), 128 tokens a KV head"; the specification where it is not known.
[[nodiscard]] QString replayName(const std::string& method, const compress::Budget& budget);

} // namespace kvviz::views
