// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Answer extraction by small scanners; no regular expressions, so odd outputs cost linear time.
#include "datasets/answers.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace kvviz::datasets {
namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool isLower(char c) { return c >= 'a' && c <= 'z'; }
bool isLetter(char c) { return isUpper(c) || isLower(c); }
bool isSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
/// One past the number whose first digit (or decimal point) is at `pos`: digits, commas between digits, one point.
std::size_t numberEnd(std::string_view text, std::size_t pos)
{
    const auto digitAt = [&](std::size_t i) { return i < text.size() && isDigit(text[i]); };
    bool point = false;
    std::size_t end = pos;
    while (end < text.size()) {
        const bool separator = text[end] == ',' && end > pos && !point && digitAt(end + 1);
        const bool decimal = text[end] == '.' && !point && digitAt(end + 1);
        if (!isDigit(text[end]) && !separator && !decimal)
            break;
        point = point || decimal;
        ++end;
    }
    return end;
}

/// "not 5": the word right before `at` denies what follows it. Signs and quotes may stand in between.
bool isDenied(std::string_view text, std::size_t at)
{
    constexpr std::string_view kBetween = " \t\n$-(\"*";
    while (at > 0 && kBetween.find(text[at - 1]) != std::string_view::npos)
        --at;
    const bool word = at >= 3 && lowered(text.substr(at - 3, 3)) == "not";
    return word && (at == 3 || !isWordByte(text[at - 4]));
}

struct FoundNumber {
    std::string value;
    std::size_t end = 0;
};

/// First number at or after `from` that is not denied, with its sign and without currency sign.
std::optional<FoundNumber> findNumber(std::string_view text, std::size_t from)
{
    for (std::size_t i = from; i < text.size(); ++i) {
        const bool point = text[i] == '.' && i + 1 < text.size() && isDigit(text[i + 1])
                           && (i == 0 || !isDigit(text[i - 1]));
        if (!isDigit(text[i]) && !point)
            continue;
        const std::size_t end = numberEnd(text, i);
        std::size_t sign = i;
        if (sign > from && text[sign - 1] == '$')
            --sign;
        const bool minus = sign > from && text[sign - 1] == '-' && (sign == 1 || !isWordByte(text[sign - 2]));
        const auto value = normalizedNumber((minus ? "-" : "") + std::string(text.substr(i, end - i)));
        if (value && !isDenied(text, i))
            return FoundNumber{*value, end};
        i = end;
    }
    return std::nullopt;
}

/// Where the text continues after `phrase` (lower case) and spaces; nullopt if it does not occur at or after `from`.
std::optional<std::size_t> after(std::string_view lower, std::string_view phrase, std::size_t from = 0)
{
    const std::size_t at = lower.find(phrase, from);
    if (at == std::string_view::npos)
        return std::nullopt;
    std::size_t pos = at + phrase.size();
    while (pos < lower.size() && (isSpace(lower[pos]) || lower[pos] == ':'))
        ++pos;
    return pos;
}

bool standsAlone(std::string_view text, std::size_t i)
{
    const bool leftFree = i == 0 || !isWordByte(text[i - 1]);
    const bool rightFree = i + 1 >= text.size() || (!isWordByte(text[i + 1]) && text[i + 1] != '\'');
    return leftFree && rightFree;
}

/// "A bank": the letter begins a phrase and is no choice.
bool isArticle(std::string_view text, std::size_t i)
{
    if (text[i] != 'A' || i + 2 >= text.size() || text[i + 1] != ' ' || !isWordByte(text[i + 2]))
        return false;
    const std::string_view rest = text.substr(i + 2);
    const std::string_view next(rest.begin(), std::find_if_not(rest.begin(), rest.end(), isWordByte));
    return next != "is" && next != "and" && next != "or" && next != "because";
}

} // namespace

bool isWordByte(char c)
{
    return isLetter(c) || isDigit(c) || static_cast<unsigned char>(c) >= 0x80;
}

std::string lowered(std::string_view text)
{
    std::string result(text);
    for (char& c : result)
        if (isUpper(c))
            c = static_cast<char>(c - 'A' + 'a');
    return result;
}

std::string plainText(std::string_view text)
{
    using Pair = std::pair<std::string_view, std::string_view>;
    static constexpr std::array kPlain{
        Pair{"\xe2\x80\x98", "'"}, Pair{"\xe2\x80\x99", "'"}, Pair{"\xe2\x80\x9c", "\""}, Pair{"\xe2\x80\x9d", "\""},
        Pair{"\xe2\x80\x93", "-"}, Pair{"\xe2\x80\x94", "-"}, Pair{"\xe2\x88\x92", "-"},  Pair{"\xe2\x80\xa6", "..."},
        Pair{"\xe2\x80\xaf", " "}, Pair{"\xe2\x80\x89", " "}, Pair{"\xc2\xa0", " "},
    };
    std::string result;
    while (!text.empty()) {
        const auto found = std::find_if(kPlain.begin(), kPlain.end(),
                                        [&](const Pair& pair) { return text.starts_with(pair.first); });
        result += found == kPlain.end() ? text.substr(0, 1) : found->second;
        text.remove_prefix(found == kPlain.end() ? 1 : found->first.size());
    }
    return result;
}

std::string_view trimmed(std::string_view text)
{
    while (!text.empty() && isSpace(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && isSpace(text.back()))
        text.remove_suffix(1);
    return text;
}

std::string_view untilStop(std::string_view continuation, const std::vector<std::string>& stops)
{
    std::size_t end = continuation.size();
    for (const std::string& stop : stops)
        end = std::min(end, continuation.find(stop));
    return continuation.substr(0, end);
}

std::optional<std::string> normalizedNumber(std::string_view text)
{
    while (!text.empty() && isSpace(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && (isSpace(text.back()) || text.back() == '.'))
        text.remove_suffix(1);
    bool negative = false;
    for (int i = 0; i < 2 && !text.empty() && (text.front() == '-' || text.front() == '$'); ++i) {
        negative = negative || text.front() == '-';
        text.remove_prefix(1);
    }
    if (text.empty() || numberEnd(text, 0) != text.size())
        return std::nullopt;

    std::string digits(text);
    std::erase(digits, ',');
    if (digits.find('.') != std::string::npos) {
        digits.erase(digits.find_last_not_of('0') + 1);
        if (digits.back() == '.')
            digits.pop_back();
    }
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
    if (digits.empty() || digits.front() == '.')
        digits.insert(0, "0");
    return (negative && digits != "0" ? "-" : "") + digits;
}

std::optional<std::string> extractAnswerNumber(std::string_view output)
{
    const std::string text = plainText(output);
    const std::string lower = lowered(text);
    for (auto pos = after(lower, "the answer is"); pos; pos = after(lower, "the answer is", *pos)) {
        const std::size_t digits = text.find_first_not_of("-$", *pos);
        if (digits == std::string::npos || digits - *pos > 2 || (!isDigit(text[digits]) && text[digits] != '.'))
            continue;
        if (const auto number = findNumber(std::string_view(text).substr(*pos), 0))
            return number->value;
    }
    return lastNumber(text);
}

std::optional<std::string> lastNumber(std::string_view output)
{
    const std::string text = plainText(output);
    std::optional<std::string> last;
    for (auto number = findNumber(text, 0); number; number = findNumber(text, number->end))
        last = number->value;
    return last;
}

std::optional<std::string> extractFirstNumber(std::string_view output)
{
    const auto number = findNumber(plainText(output), 0);
    return number ? std::optional(number->value) : std::nullopt;
}

std::optional<char> extractChoice(std::string_view output, char last)
{
    const std::string text = plainText(output);
    const auto isChoice = [&](std::size_t i) {
        return i < text.size() && text[i] >= 'A' && text[i] <= last && standsAlone(text, i) && !isArticle(text, i);
    };
    const std::string lower = lowered(text);
    for (auto pos = after(lower, "answer is"); pos; pos = after(lower, "answer is", *pos)) {
        const std::size_t letter = std::min(text.find_first_not_of("(*\"", *pos), text.size());
        if (isChoice(letter))
            return text[letter];
    }
    for (std::size_t i = 0; i < text.size(); ++i)
        if (isChoice(i) && !isDenied(text, i))
            return text[i];
    return std::nullopt;
}

bool beginsWith(std::string_view text, std::string_view answer)
{
    const std::string lower = lowered(plainText(text));
    const std::string wanted = lowered(plainText(answer));
    std::string_view rest = lower;
    const auto skipToWord = [&] {
        rest.remove_prefix(static_cast<std::size_t>(std::find_if(rest.begin(), rest.end(), isWordByte) - rest.begin()));
    };
    const auto begins = [&] {
        return rest.starts_with(wanted) && (rest.size() == wanted.size() || !isWordByte(rest[wanted.size()]));
    };
    skipToWord();
    if (begins())
        return true;
    for (const std::string_view article : {"a ", "an ", "the "})
        if (rest.starts_with(article)) {
            rest.remove_prefix(article.size());
            skipToWord();
            return begins();
        }
    return false;
}

bool completes(std::string_view text, const Prompt& prompt)
{
    const std::string_view target = prompt.target;
    const std::string lead = lowered(trimmed(target.substr(0, target.rfind(prompt.answer))));
    text = trimmed(text);
    if (!lead.empty() && lowered(text).starts_with(lead))
        text.remove_prefix(lead.size());
    return beginsWith(text, prompt.answer);
}

std::vector<std::string> answerWords(std::string_view text)
{
    std::vector<std::string> words;
    std::string word;
    const auto flush = [&] {
        if (!word.empty() && word != "a" && word != "an" && word != "the")
            words.push_back(word);
        word.clear();
    };
    for (const char c : lowered(plainText(text))) {
        if (isSpace(c))
            flush();
        else if (isWordByte(c))
            word += c; // punctuation is dropped and does not part words, as in SQuAD
    }
    flush();
    return words;
}

bool containsAnswer(std::string_view text, std::string_view answer)
{
    const auto words = answerWords(text);
    const auto wanted = answerWords(answer);
    return !wanted.empty() && std::search(words.begin(), words.end(), wanted.begin(), wanted.end()) != words.end();
}

double answerF1(std::string_view text, std::string_view answer)
{
    const auto words = answerWords(text);
    const auto wanted = answerWords(answer);
    std::vector<std::string> left = wanted;
    double common = 0;
    for (const std::string& word : words)
        if (const auto found = std::find(left.begin(), left.end(), word); found != left.end()) {
            left.erase(found);
            ++common;
        }
    return common == 0 ? 0 : 2 * common / static_cast<double>(words.size() + wanted.size());
}

std::optional<std::string> firstOf(std::string_view text, const std::vector<std::string>& words)
{
    const std::string lower = lowered(plainText(text));
    for (std::size_t begin = 0; begin < lower.size(); ++begin) {
        if (!isWordByte(lower[begin]))
            continue;
        std::size_t end = begin;
        while (end < lower.size() && isWordByte(lower[end]))
            ++end;
        const std::string word = lower.substr(begin, end - begin);
        if (std::find(words.begin(), words.end(), word) != words.end() && !isDenied(lower, begin))
            return word;
        begin = end;
    }
    return std::nullopt;
}

} // namespace kvviz::datasets
