// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A regular expression over Unicode text (PCRE2 with UTF, Unicode properties and JIT).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::capture {

class Pattern {
public:
    explicit Pattern(const std::string& expression);

    /// Appends the matches in `text` and the stretches between them, in order. The text must be well-formed UTF-8.
    void split(std::string_view text, std::vector<std::string_view>& pieces) const;

private:
    struct Freer {
        void operator()(void* code) const;
    };
    std::unique_ptr<void, Freer> m_code;
};

} // namespace kvviz::capture
