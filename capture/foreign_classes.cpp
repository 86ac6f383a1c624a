// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The sets were compared with Oniguruma's over all characters.
#include "capture/foreign_classes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace kvviz::capture {
namespace {

struct PosixSet {
    std::string_view name, members, others; ///< `others` is empty where no list of sets says it
};

constexpr std::array<PosixSet, 14> kPosixSets{{
    {"alnum", R"(\p{Alphabetic}\p{Nd})", ""},
    {"alpha", R"(\p{Alphabetic})", R"(\P{Alphabetic})"},
    {"ascii", R"(\x{00}-\x{7f})", R"(\x{80}-\x{10ffff})"},
    {"blank", R"(\p{Zs}\t)", ""},
    {"cntrl", R"(\p{Cc})", R"(\P{Cc})"},
    {"digit", R"(\p{Nd})", R"(\P{Nd})"},
    {"graph", R"(\p{L}\p{M}\p{N}\p{P}\p{S}\p{Cf}\p{Co})", R"(\p{Z}\p{Cc}\p{Cn}\p{Cs})"},
    {"lower", R"(\p{Lowercase})", R"(\P{Lowercase})"},
    {"print", R"(\p{L}\p{M}\p{N}\p{P}\p{S}\p{Cf}\p{Co}\p{Zs})", R"(\p{Zl}\p{Zp}\p{Cc}\p{Cn}\p{Cs})"},
    {"punct", R"(\p{P}\p{S})", R"(\p{L}\p{M}\p{N}\p{Z}\p{C})"},
    {"space", R"(\p{White_Space})", R"(\P{White_Space})"},
    {"upper", R"(\p{Uppercase})", R"(\P{Uppercase})"},
    {"word", kForeignWord, ""},
    {"xdigit", "0-9a-fA-F", ""},
}};

// \p{Punct} and \p{Word} mean something else within and outside of a class; no published tokenizer needs them.
constexpr std::array<std::string_view, 11> kNoScripts{"word",  "punct", "blank", "graph", "print",  "cntrl",
                                                      "ascii", "alnum", "xdigit", "xan",   "assigned"};

/// How names are compared: without case, spaces, hyphens and underscores.
std::string loose(std::string_view name)
{
    std::string result;
    for (const char c : name)
        if (c != ' ' && c != '-' && c != '_')
            result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return result;
}

} // namespace

std::string_view foreignPosixSet(std::string_view name, bool negated)
{
    const auto found =
        std::find_if(kPosixSets.begin(), kPosixSets.end(), [&](const PosixSet& set) { return set.name == name; });
    return found == kPosixSets.end() ? std::string_view() : negated ? found->others : found->members;
}

std::string foreignProperty(std::string_view name, bool negated)
{
    struct Name {
        std::string_view theirs, ours;
    };
    constexpr std::array<Name, 20> kNames{{{"any", "Any"},
                                           {"lc", "L&"},
                                           {"alphabetic", "Alphabetic"},
                                           {"alpha", "Alphabetic"},
                                           {"lowercase", "Lowercase"},
                                           {"lower", "Lowercase"},
                                           {"uppercase", "Uppercase"},
                                           {"upper", "Uppercase"},
                                           {"whitespace", "White_Space"},
                                           {"space", "White_Space"},
                                           {"digit", "Nd"},
                                           {"letter", "L"},
                                           {"mark", "M"},
                                           {"number", "N"},
                                           {"punctuation", "P"},
                                           {"symbol", "S"},
                                           {"separator", "Z"},
                                           {"uppercaseletter", "Lu"},
                                           {"lowercaseletter", "Ll"},
                                           {"decimalnumber", "Nd"}}};
    if (name.starts_with('^'))
        return foreignProperty(name.substr(1), !negated);
    const std::string key = loose(name);
    const bool letters = std::all_of(key.begin(), key.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    if (key.empty() || !letters || std::find(kNoScripts.begin(), kNoScripts.end(), key) != kNoScripts.end())
        return {};
    const auto found = std::find_if(kNames.begin(), kNames.end(), [&](const Name& entry) { return entry.theirs == key; });
    std::string ours = found != kNames.end() ? std::string(found->ours) : std::string(name);
    if (found == kNames.end() && key.size() > 2)
        ours = "sc:" + ours;
    return fmt::format("\\{}{{{}}}", negated ? 'P' : 'p', ours);
}

bool isOfOneCase(std::string_view name)
{
    constexpr std::array<std::string_view, 9> kOneCase{
        "lu", "ll", "lt", "upper", "lower", "uppercase", "lowercase", "uppercaseletter", "lowercaseletter"};
    return std::find(kOneCase.begin(), kOneCase.end(), loose(name.substr(name.starts_with('^') ? 1 : 0)))
           != kOneCase.end();
}

} // namespace kvviz::capture
