// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Task "needle_alice": the needle in chapters of a public-domain book (haystack_alice/alice.txt of the data folder).
#pragma once

#include "datasets/needle.hpp"

namespace kvviz::datasets {

class NeedleAliceTask final : public NeedleBase {
public:
    explicit NeedleAliceTask(const TaskOptions& options);
    static TaskInfo describe();

protected:
    /// Sentences in the book's order from a place drawn from the seed; after the last comes the first.
    [[nodiscard]] std::vector<std::string> haystack(std::int64_t index) const override;

private:
    std::vector<std::string> m_sentences;
};

/// The book's own sentences, whitespace made plain: what stands between the lines "*** START OF" and "*** END OF" (all
/// if they are missing), split after . ! ? and at blank lines.
[[nodiscard]] std::vector<std::string> bookSentences(std::string_view text);

} // namespace kvviz::datasets
