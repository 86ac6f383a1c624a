// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What `kvviz study` prints at its end.
#pragma once

#include "app/json_output.hpp"
#include "study/study_page.hpp"

namespace kvviz::app {

[[nodiscard]] std::string studyText(const study::PageContent& content, const std::string& folder);
[[nodiscard]] Json studyJson(const study::PageContent& content, const std::string& folder);

} // namespace kvviz::app
