// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// An expression is evaluated while it is parsed, in the order of Jinja's own parser (its operators bind as there).
#include "capture/chat_expression.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace kvviz::capture {
namespace {

constexpr int kDeepest = 50; // parentheses within parentheses

bool unknown(const JinjaValue& value) { return std::holds_alternative<JinjaUnknown>(value.is); }

struct Token {
    enum class Kind { name, number, text, sign, end } kind = Kind::end;
    std::string words;
};

bool isNameByte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// A text in quotes, its escapes undone; `at` moves behind it.
std::string quotedText(std::string_view source, std::size_t& at)
{
    const char quote = source[at++];
    std::string words;
    for (; at < source.size() && source[at] != quote; ++at) {
        if (source[at] != '\\' || at + 1 == source.size()) {
            words += source[at];
            continue;
        }
        constexpr std::string_view kLetters = "ntr\\'\"";
        constexpr std::string_view kMeant = "\n\t\r\\'\"";
        const std::size_t which = kLetters.find(source[++at]);
        if (which == std::string_view::npos)
            throw JinjaUnreadable{}; // \u, \x: none of the published templates needs them
        words += kMeant[which];
    }
    if (at++ >= source.size())
        throw JinjaUnreadable{};
    return words;
}

std::vector<Token> tokensOf(std::string_view source)
{
    static constexpr std::array<std::string_view, 6> kPairs{"==", "!=", "<=", ">=", "//", "**"};
    std::vector<Token> tokens;
    for (std::size_t at = 0; at < source.size();) {
        const char c = source[at];
        if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
            ++at;
        } else if (c == '\'' || c == '"') {
            tokens.push_back({Token::Kind::text, quotedText(source, at)});
        } else if (isNameByte(c)) {
            const std::size_t begin = at;
            while (at < source.size() && isNameByte(source[at]))
                ++at;
            const bool number = c >= '0' && c <= '9';
            tokens.push_back(
                {number ? Token::Kind::number : Token::Kind::name, std::string(source.substr(begin, at - begin))});
        } else {
            const bool pair = std::find(kPairs.begin(), kPairs.end(), source.substr(at, 2)) != kPairs.end();
            tokens.push_back({Token::Kind::sign, std::string(source.substr(at, pair ? 2 : 1))});
            at += pair ? 2 : 1;
        }
    }
    tokens.emplace_back();
    return tokens;
}

class Parser {
public:
    Parser(std::string_view source, const JinjaNames& names) : m_tokens(tokensOf(source)), m_names(names) {}

    JinjaValue whole()
    {
        const JinjaValue value = choice();
        if (now().kind != Token::Kind::end)
            throw JinjaUnreadable{};
        return value;
    }

private:
    const Token& now() const { return m_tokens[m_at]; }
    bool isSign(std::string_view sign) const { return now().kind == Token::Kind::sign && now().words == sign; }
    bool isWord(std::string_view word) const { return now().kind == Token::Kind::name && now().words == word; }
    bool took(bool there)
    {
        m_at += there ? 1 : 0;
        return there;
    }
    bool tookSign(std::string_view sign) { return took(isSign(sign)); }
    bool tookWord(std::string_view word) { return took(isWord(word)); }
    void need(std::string_view sign)
    {
        if (!tookSign(sign))
            throw JinjaUnreadable{};
    }
    std::string name()
    {
        if (now().kind != Token::Kind::name)
            throw JinjaUnreadable{};
        return m_tokens[m_at++].words;
    }

    JinjaValue choice()
    {
        if (++m_depth > kDeepest)
            throw JinjaUnreadable{};
        JinjaValue value = either();
        while (tookWord("if")) {
            const JinjaValue condition = either();
            const JinjaValue other = tookWord("else") ? choice() : JinjaValue{};
            value = unknown(condition) ? kJinjaUnknown : jinjaTruth(condition) ? value : other;
        }
        --m_depth;
        return value;
    }
    JinjaValue either()
    {
        JinjaValue left = both();
        while (tookWord("or")) {
            const JinjaValue right = both();
            left = unknown(left) ? kJinjaUnknown : jinjaTruth(left) ? left : right;
        }
        return left;
    }
    JinjaValue both()
    {
        JinjaValue left = inverse();
        while (tookWord("and")) {
            const JinjaValue right = inverse();
            left = unknown(left) ? kJinjaUnknown : jinjaTruth(left) ? right : left;
        }
        return left;
    }
    JinjaValue inverse()
    {
        bool flips = false;
        while (tookWord("not"))
            flips = !flips;
        const JinjaValue value = comparison();
        return flips ? jinjaNot(value) : value;
    }
    JinjaValue comparison()
    {
        const JinjaValue left = sum();
        JinjaValue result = left;
        bool any = false;
        const auto once = [&] {
            if (std::exchange(any, true))
                throw JinjaUnreadable{}; // a < b < c
        };
        for (;;) {
            if (isSign("==") || isSign("!=")) {
                const bool same = m_tokens[m_at++].words == "==";
                once();
                result = jinjaEqual(left, sum());
                result = same ? result : jinjaNot(result);
            } else if (isSign("<") || isSign(">") || isSign("<=") || isSign(">=")) {
                const std::string sign = m_tokens[m_at++].words;
                once();
                result = jinjaComputed(sign, left, sum());
            } else if (tookWord("in")) {
                once();
                result = jinjaIn(left, sum());
            } else if (isWord("not") && m_tokens[m_at + 1].words == "in") {
                m_at += 2;
                once();
                result = jinjaNot(jinjaIn(left, sum()));
            } else {
                return result;
            }
        }
    }
    JinjaValue sum()
    {
        JinjaValue left = chain();
        while (isSign("+") || isSign("-")) {
            const std::string sign = m_tokens[m_at++].words;
            left = jinjaComputed(sign, left, chain());
        }
        return left;
    }
    JinjaValue chain()
    {
        JinjaValue left = product();
        while (tookSign("~"))
            left = jinjaComputed("~", left, product());
        return left;
    }
    JinjaValue product()
    {
        JinjaValue left = operand();
        while (isSign("*") || isSign("/") || isSign("//") || isSign("%")) {
            const std::string sign = m_tokens[m_at++].words;
            left = jinjaComputed(sign, left, operand());
        }
        return left;
    }
    JinjaValue operand()
    {
        if (tookSign("-")) {
            const JinjaValue value = postfix(primary());
            return jinjaComputed("-", JinjaValue{std::int64_t{0}}, value);
        }
        return tests(postfix(primary()));
    }
    JinjaValue primary()
    {
        const Token token = m_tokens[m_at];
        m_at += token.kind == Token::Kind::end ? 0 : 1;
        if (token.kind == Token::Kind::text) {
            std::string words = token.words;
            for (; now().kind == Token::Kind::text; ++m_at)
                words += now().words; // texts side by side are one
            return {words};
        }
        if (token.kind == Token::Kind::number) {
            std::int64_t number = 0;
            const char* const end = token.words.data() + token.words.size();
            const auto [stop, error] = std::from_chars(token.words.data(), end, number);
            return error == std::errc() && stop == end ? JinjaValue{number} : kJinjaUnknown;
        }
        if (token.kind == Token::Kind::name)
            return named(token.words);
        if (token.words == "(") {
            const JinjaValue value = choice();
            need(")");
            return value;
        }
        if (token.words == "[") {
            return {list()};
        }
        throw JinjaUnreadable{};
    }
    JinjaValue named(const std::string& word)
    {
        if (word == "true" || word == "True" || word == "false" || word == "False")
            return {word == "true" || word == "True"};
        if (word == "none" || word == "None")
            return {JinjaNone{}};
        if (word == "namespace" && isSign("("))
            return {space()};
        const auto found = m_names.find(word);
        return found == m_names.end() ? JinjaValue{} : found->second;
    }
    /// Of short texts and numbers, as in `role in ["user", "system"]`: lists of lists could grow without end.
    JinjaList list()
    {
        auto values = std::make_shared<std::vector<JinjaValue>>();
        while (!tookSign("]")) {
            const JinjaValue value = choice();
            const auto* text = std::get_if<std::string>(&value.is);
            const bool known = std::holds_alternative<std::int64_t>(value.is) || (text && text->size() < 100);
            values->push_back(known ? value : kJinjaUnknown);
            if (!tookSign(",") && !isSign("]"))
                throw JinjaUnreadable{};
        }
        return values;
    }
    JinjaMap space()
    {
        auto values = std::make_shared<std::map<std::string, JinjaValue>>();
        need("(");
        while (!tookSign(")")) {
            const std::string key = name();
            need("=");
            const JinjaValue value = choice();
            (*values)[key] = std::holds_alternative<JinjaMap>(value.is) ? kJinjaUnknown : value;
            if (!tookSign(",") && !isSign(")"))
                throw JinjaUnreadable{};
        }
        return values;
    }
    std::vector<JinjaValue> arguments()
    {
        std::vector<JinjaValue> values;
        while (!tookSign(")")) {
            if (now().kind == Token::Kind::name && m_tokens[m_at + 1].words == "=") {
                m_at += 2;
                (void)choice();
                values.push_back(kJinjaUnknown); // by name: none of the calls known here
            } else {
                values.push_back(choice());
            }
            if (!tookSign(",") && !isSign(")"))
                throw JinjaUnreadable{};
        }
        return values;
    }
    JinjaValue postfix(JinjaValue value)
    {
        for (;;) {
            if (tookSign(".")) {
                const std::string word = name();
                value = tookSign("(") ? jinjaMethod(value, word, arguments()) : jinjaItem(value, JinjaValue{word});
            } else if (tookSign("[")) {
                value = subscript(value);
            } else if (tookSign("(")) {
                (void)arguments();
                value = kJinjaUnknown; // macros, raise_exception, strftime_now
            } else {
                return value;
            }
        }
    }
    JinjaValue subscript(const JinjaValue& value)
    {
        std::array<JinjaValue, 3> bounds;
        std::size_t colons = 0;
        while (!tookSign("]")) {
            if (tookSign(":"))
                ++colons;
            else
                bounds[colons] = choice();
            if (colons > 2)
                throw JinjaUnreadable{};
        }
        return colons == 0 ? jinjaItem(value, bounds[0]) : jinjaSlice(value, bounds);
    }
    JinjaValue tests(JinjaValue value)
    {
        for (;;) {
            if (tookSign("|")) {
                const std::string word = name();
                value = jinjaFiltered(word, value, tookSign("(") ? arguments() : std::vector<JinjaValue>{});
            } else if (tookWord("is")) {
                const bool flips = tookWord("not");
                value = jinjaTested(name(), value);
                value = flips ? jinjaNot(value) : value;
            } else {
                return value;
            }
        }
    }

    std::vector<Token> m_tokens;
    std::size_t m_at = 0;
    int m_depth = 0;
    const JinjaNames& m_names;
};

} // namespace

JinjaValue jinjaValue(std::string_view expression, const JinjaNames& names)
{
    try {
        return Parser(expression, names).whole();
    } catch (const JinjaUnreadable&) {
        return kJinjaUnknown;
    }
}

} // namespace kvviz::capture
