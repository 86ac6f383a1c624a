// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz replay --depth decode`: the continuation of each capture through the model, once for every plan.
#pragma once

#include "app/options.hpp"

namespace kvviz::app {

int runDecodeReplay(const ReplayOptions& options, const CommonOptions& common);

} // namespace kvviz::app
