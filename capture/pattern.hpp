// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A regular expression over Unicode text (PCRE2 with UTF, Unicode properties and JIT).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::capture {

struct PatternMatch {
    std::size_t begin = 0, length = 0; ///< bytes
};

/// An expression of a file may be wrong or take forever: that is the file's fault (Error(badInput)), not the program's.
enum class PatternOrigin : std::uint8_t { program, file };

class Pattern {
public:
    explicit Pattern(const std::string& expression, PatternOrigin origin = PatternOrigin::program);

    /// What is wrong with an expression of a file; nothing if it can be used.
    [[nodiscard]] static std::optional<std::string> faultOf(const std::string& expression);

    /// The matches in `text` in order; an empty one is given where it does not touch the end of the one before. An empty
    /// text has none. It must be well-formed UTF-8. Throws when the expression takes too many steps on it.
    [[nodiscard]] std::vector<PatternMatch> matches(std::string_view text) const;

private:
    struct Freer {
        void operator()(void* code) const;
    };
    std::unique_ptr<void, Freer> m_code;
    std::string m_expression;
    PatternOrigin m_origin;
};

} // namespace kvviz::capture
