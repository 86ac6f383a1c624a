// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// An eviction followed by a change of what it keeps ("snapkv+kivi"), as the papers combine them.
#pragma once

#include "compress/method.hpp"

namespace kvviz::compress {

/// Throws Error(usage) unless `second` composes and `first` leaves keys and values as they are.
[[nodiscard]] std::unique_ptr<Method> compose(std::unique_ptr<Method> first, std::unique_ptr<Method> second);

} // namespace kvviz::compress
