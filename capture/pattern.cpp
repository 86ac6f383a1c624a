// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// PCRE2 behind a small door. Where the JIT's stack is too small for a text, the interpreter, which takes its memory
// from the heap, tries again.
#include "capture/pattern.hpp"

#include "capture/utf8.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

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

core::ErrorCode codeOf(PatternOrigin origin)
{
    return origin == PatternOrigin::file ? core::ErrorCode::badInput : core::ErrorCode::failure;
}

/// As much of an expression as a message can hold.
std::string shown(const std::string& expression)
{
    constexpr std::size_t kMost = 80;
    return core::displayBytes(expression.substr(0, kMost)) + (expression.size() > kMost ? "..." : "");
}

struct Compiled {
    pcre2_code* code = nullptr;
    std::string fault; ///< without `code`
};

Compiled compile(const std::string& expression, PatternOrigin origin)
{
    constexpr std::size_t kLongest = 65536;
    if (expression.size() > kLongest)
        return {nullptr, fmt::format("it is longer than {} bytes", kLongest)};
    // \C would cut characters into bytes; ^ and $ of a file's expression mean lines.
    const std::uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK | PCRE2_NEVER_BACKSLASH_C
                                  | (origin == PatternOrigin::file ? PCRE2_MULTILINE : 0);
    int code = 0;
    PCRE2_SIZE place = 0;
    Compiled result;
    result.code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(), options, &code,
                                &place, nullptr);
    if (result.code == nullptr)
        result.fault = messageOf(code);
    return result;
}

/// One search after another in the same text.
class Search {
public:
    Search(const pcre2_code* code, std::string_view text)
        : m_code(code),
          m_text(text),
          m_data(pcre2_match_data_create(1, nullptr)),
          m_context(pcre2_match_context_create(nullptr))
    {
        if (!m_data || !m_context)
            throw std::bad_alloc();
        // The default limit of ten million steps is meant for foreign patterns; good ones take a few steps a byte.
        constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
        const std::uint64_t steps = std::min(kMost, 10'000'000 + 64 * std::uint64_t{text.size()});
        pcre2_set_match_limit(m_context.get(), static_cast<std::uint32_t>(steps));
        pcre2_set_heap_limit(m_context.get(), 1 << 20); // in KiB
    }

    /// 1: the next match at or after `from` is in `match`; else PCRE2's error code.
    [[nodiscard]] int next(std::size_t from, PatternMatch& match)
    {
        int found = run(from, 0);
        if (found == PCRE2_ERROR_JIT_STACKLIMIT || found == PCRE2_ERROR_MATCHLIMIT)
            found = run(from, PCRE2_NO_JIT);
        if (found < 0)
            return found;
        const PCRE2_SIZE* range = pcre2_get_ovector_pointer(m_data.get());
        if (range[0] < from || range[1] < range[0]) // \K in a look-around can do that
            return PCRE2_ERROR_NOMATCH;
        match = {range[0], range[1] - range[0]};
        return 1;
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

Pattern::Pattern(const std::string& expression, PatternOrigin origin) : m_expression(expression), m_origin(origin)
{
    Compiled compiled = compile(expression, origin);
    if (compiled.code == nullptr)
        throw core::Error(codeOf(origin), fmt::format("pattern '{}': {}", shown(expression), compiled.fault));
    m_code.reset(compiled.code);
    // Without JIT support in this PCRE2 the call fails and matching is slower, nothing else.
    (void)pcre2_jit_compile(static_cast<pcre2_code*>(m_code.get()), PCRE2_JIT_COMPLETE);
}

std::optional<std::string> Pattern::faultOf(const std::string& expression)
{
    const Compiled compiled = compile(expression, PatternOrigin::file);
    if (compiled.code == nullptr)
        return compiled.fault;
    pcre2_code_free(compiled.code);
    return std::nullopt;
}

void Pattern::Freer::operator()(void* code) const { pcre2_code_free(static_cast<pcre2_code*>(code)); }

std::vector<PatternMatch> Pattern::matches(std::string_view text) const
{
    std::vector<PatternMatch> result;
    if (text.empty())
        return result;
    Search search(static_cast<const pcre2_code*>(m_code.get()), text);
    std::optional<std::size_t> lastEnd;
    for (std::size_t from = 0; from <= text.size();) {
        PatternMatch match;
        const int found = search.next(from, match);
        if (found == PCRE2_ERROR_NOMATCH)
            break;
        if (found < 0)
            throw core::Error(codeOf(m_origin), fmt::format("the text could not be cut into words at byte {} with the "
                                                             "pattern '{}': {}",
                                                             from, shown(m_expression), messageOf(found)));
        // The rule of Oniguruma's Rust binding, and so of the tokenizers library.
        if (match.length == 0 && match.begin == lastEnd) {
            from += from < text.size() ? stepLength(text.substr(from)) : 1;
            continue;
        }
        result.push_back(match);
        lastEnd = from = match.begin + match.length;
    }
    return result;
}

} // namespace kvviz::capture
