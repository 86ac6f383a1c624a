// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Cells of measured and published numbers, and the notes they need. Internal to study/.
#pragma once

#include "datasets/published.hpp"
#include "study/document.hpp"
#include "study/score_blocks.hpp"

#include <string>
#include <vector>

namespace kvviz::study {

/// Notes of a table, each with a letter that its cells carry: "(a)".
class TableNotes {
public:
    /// The mark of a note; equal notes share one.
    [[nodiscard]] std::string mark(const std::string& note);
    [[nodiscard]] std::vector<std::string> list() const;

private:
    std::vector<std::string> m_notes;
};

/// "0.61 (−23.0 %)" and the interval; a mark with the reason where nothing was measured. A null block was not run.
[[nodiscard]] TableCell measuredCell(const ScoreBlock* block, const std::string& method, double ratio,
                                     TableNotes& notes);
/// Score with the full cache.
[[nodiscard]] TableCell measuredBase(const ScoreBlock* block, TableNotes& notes);

/// Where in the paper a block's counterpart is.
struct PublishedPlace {
    std::string model, benchmark, setting; ///< as printed
};

/// "0.7726 (−2.8 %)": score as a fraction, relative change as printed, or computed where none was printed.
[[nodiscard]] TableCell publishedCell(const PublishedPlace& place, const std::string& printedMethod, double ratio,
                                      TableNotes& notes);
[[nodiscard]] TableCell publishedBase(const PublishedPlace& place, TableNotes& notes);
/// "published: LLaMA-3.1-8B-Instruct, shots=8 (the table names no model)"
[[nodiscard]] std::string publishedNote(const PublishedPlace& place);

/// A method of the paper's tables.
struct PrintedMethod {
    const char* printed; ///< "StreamingLLM"
    const char* ours;    ///< "streaming_noshift"
};

} // namespace kvviz::study
