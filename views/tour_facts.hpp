// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Numbers in the texts of a tour, computed from the capture that is shown, so that no text claims what the picture does
// not have.
#pragma once

#include "core/io/capture_reader.hpp"
#include "views/selection.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::views {

using TourFacts = std::map<std::string, std::string, std::less<>>;

/// Names that may stand in braces.
[[nodiscard]] const std::vector<std::string>& tourFactNames();
/// All of them for layer and head of `state`; reads one layer's statistics. Throws core::Error for a layer or head that
/// is not there.
[[nodiscard]] TourFacts tourFacts(const io::CaptureReader& reader, const SelectionState& state);
/// `text` with every {name} replaced; an ellipsis where `facts` lacks one.
[[nodiscard]] std::string withFacts(std::string_view text, const TourFacts& facts);
/// Names in braces, in order.
[[nodiscard]] std::vector<std::string> factsIn(std::string_view text);

} // namespace kvviz::views
