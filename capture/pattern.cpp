// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// PCRE2 behind a small door. Where the JIT's stack is too small for a text, the interpreter, which takes its memory
// from the heap, tries again.
#include "capture/pattern.hpp"

#include "core/error.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace kvviz::capture {
namespace {

struct MatchDataFreer {
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

struct MatchContextFreer {
    void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

std::string messageOf(int code)
{
    PCRE2_UCHAR buffer[256] = {};
    pcre2_get_error_message(code, buffer, sizeof buffer);
    return reinterpret_cast<const char*>(buffer);
}

/// One search after another in the same text.
class Search {
public:
    Search(const pcre2_code* code, std::string_view text)
        : m_code(code), m_text(text), m_data(pcre2_match_data_create(1, nullptr)),
          m_context(pcre2_match_context_create(nullptr))
    {
        if (!m_data || !m_context)
            throw std::bad_alloc();
        // The default limit of ten million steps is meant for foreign patterns; ours take a few steps a byte.
        constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
        const std::uint64_t steps = std::min(kMost, 10'000'000 + 64 * std::uint64_t{text.size()});
        pcre2_set_match_limit(m_context.get(), static_cast<std::uint32_t>(steps));
    }

    /// The next match at or after `from`, as a piece of the text.
    [[nodiscard]] std::optional<std::string_view> next(std::size_t from)
    {
        int found = run(from, 0);
        if (found == PCRE2_ERROR_JIT_STACKLIMIT || found == PCRE2_ERROR_MATCHLIMIT)
            found = run(from, PCRE2_NO_JIT);
        if (found == PCRE2_ERROR_NOMATCH)
            return std::nullopt;
        if (found < 0)
            throw core::Error(core::ErrorCode::failure,
                              fmt::format("the text could not be cut into words at byte {}: {}", from,
                                          messageOf(found)));
        const PCRE2_SIZE* range = pcre2_get_ovector_pointer(m_data.get());
        return m_text.substr(range[0], range[1] - range[0]);
    }

private:
    int run(std::size_t from, std::uint32_t options)
    {
        // PCRE2_NO_UTF_CHECK: the caller vouches for the text; checking it again for each match would be quadratic.
        return pcre2_match(m_code, reinterpret_cast<PCRE2_SPTR>(m_text.data()), m_text.size(), from,
                           PCRE2_NO_UTF_CHECK | options, m_data.get(), m_context.get());
    }

    const pcre2_code* m_code;
    std::string_view m_text;
    std::unique_ptr<pcre2_match_data, MatchDataFreer> m_data;
    std::unique_ptr<pcre2_match_context, MatchContextFreer> m_context;
};

} // namespace

Pattern::Pattern(const std::string& expression)
{
    int code = 0;
    PCRE2_SIZE place = 0;
    m_code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                               PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK, &code, &place, nullptr));
    if (!m_code)
        throw core::Error(core::ErrorCode::failure,
                          fmt::format("pattern '{}', character {}: {}", expression, place, messageOf(code)));
    // Without JIT support in this PCRE2 the call fails and matching is slower, nothing else.
    (void)pcre2_jit_compile(static_cast<pcre2_code*>(m_code.get()), PCRE2_JIT_COMPLETE);
}

void Pattern::Freer::operator()(void* code) const
{
    pcre2_code_free(static_cast<pcre2_code*>(code));
}

void Pattern::split(std::string_view text, std::vector<std::string_view>& pieces) const
{
    if (text.empty())
        return;
    Search search(static_cast<const pcre2_code*>(m_code.get()), text);
    std::size_t done = 0;
    while (done < text.size()) {
        const std::optional<std::string_view> match = search.next(done);
        if (!match || match->empty())
            break;
        const auto begin = static_cast<std::size_t>(match->data() - text.data());
        if (begin > done)
            pieces.push_back(text.substr(done, begin - done));
        pieces.push_back(*match);
        done = begin + match->size();
    }
    if (done < text.size())
        pieces.push_back(text.substr(done));
}

} // namespace kvviz::capture
