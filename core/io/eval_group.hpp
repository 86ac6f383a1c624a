// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Evaluation records to and from /eval/<i>. Internal to core/io.
#pragma once

#include "core/io/h5_handle.hpp"
#include "core/io/results.hpp"
#include "core/io/text_copy.hpp"

namespace kvviz::io {

void writeEval(hid_t parent, std::size_t index, const EvalRecord& record);
/// `path` below `root`: "eval/0".
[[nodiscard]] EvalRecord readEval(hid_t root, const TextCopy& texts, const std::string& path,
                                  const std::string& fileWhere, bool arrays);

} // namespace kvviz::io
