// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Adds options to a CLI11 command with our checks and wording, and reads a finished command back as plain values, so
// that help, completions and man pages are written from one table. Includes CLI11: for the cli sources only.
#pragma once

#include "app/cli.hpp"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace kvviz::app {

class OptionTable {
public:
    explicit OptionTable(CLI::App& app) : m_app(app) {}

    /// Heading of the options that follow.
    OptionTable& group(const std::string& name);
    /// Free text; `type` is what help calls the value: FILE, PATH, LIST, ... A default that is not empty is shown.
    CLI::Option& text(const std::string& names, std::string& target, const std::string& type, const std::string& help);
    /// One of a fixed set of words.
    CLI::Option& choice(const std::string& names, std::string& target, const std::vector<std::string>& choices,
                        const std::string& help);
    CLI::Option& flag(const std::string& names, bool& target, const std::string& help);
    /// Repeatable option, or the positionals that take the rest of the line.
    CLI::Option& list(const std::string& names, std::vector<std::string>& target, const std::string& type,
                      const std::string& help);
    /// Whole number not below `least`. A default below `least` means "not given" and is not shown.
    CLI::Option& integer(const std::string& names, int& target, int least, const std::string& help);
    CLI::Option& integer(const std::string& names, std::int64_t& target, std::int64_t least, const std::string& help);
    CLI::Option& integer(const std::string& names, std::optional<std::int64_t>& target, std::int64_t least,
                         const std::string& help);
    CLI::Option& seed(std::uint64_t& target);
    /// Number in [low, high]; a default outside means "not given".
    CLI::Option& real(const std::string& names, double& target, double low, double high, const std::string& type,
                      const std::string& help);

private:
    CLI::Option& finish(CLI::Option* option, const std::string& type, const std::string& shownDefault);

    CLI::App& m_app;
    std::string m_group = "Options";
};

/// Refuses an empty value, which would count as none given: what a script gets from a variable that is not set.
[[nodiscard]] CLI::Validator notEmpty();

/// The options and positionals of a command in the order they were added.
[[nodiscard]] std::vector<OptionDoc> describeOptions(const CLI::App& app);

} // namespace kvviz::app
