// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// --shard, and Slurm's environment.
#include "app/shard.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace kvviz::app {
namespace {

using core::Error;
using core::ErrorCode;

constexpr const char* kTask = "SLURM_ARRAY_TASK_ID";

std::optional<std::size_t> wholeNumber(std::string_view text)
{
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

std::size_t variable(const Environment& environment, const char* name)
{
    const char* const text = environment(name);
    const std::optional<std::size_t> value = text == nullptr ? std::nullopt : wholeNumber(text);
    if (!value)
        throw Error(ErrorCode::usage, fmt::format("--shard auto: the variable {} is {}; expected a number, as Slurm sets "
                                                  "it; or give --shard I/N",
                                                  name, text == nullptr ? "not set" : fmt::format("'{}'", core::shown(text))));
    return *value;
}

Shard slurmShard(const Environment& environment)
{
    const std::size_t id = variable(environment, kTask), count = variable(environment, "SLURM_ARRAY_TASK_COUNT");
    const std::size_t least = variable(environment, "SLURM_ARRAY_TASK_MIN");
    const std::size_t most = variable(environment, "SLURM_ARRAY_TASK_MAX");
    const std::size_t step = variable(environment, "SLURM_ARRAY_TASK_STEP");
    const bool isEven = count > 0 && step > 0 && id >= least && most >= least && (id - least) % step == 0
                        && (most - least) / step + 1 == count && (id - least) / step < count;
    if (!isEven)
        throw Error(ErrorCode::usage,
                    fmt::format("--shard auto: task {} of an array of {} from {} to {} in steps of {} is not to be "
                                "numbered; use an array without gaps, such as --array=0-{}, or give --shard I/N",
                                id, count, least, most, step, count > 0 ? count - 1 : 0));
    return {(id - least) / step, count};
}

} // namespace

const char* processEnvironment(const char* name) { return std::getenv(name); }

std::string Shard::text() const { return fmt::format("{}/{}", index, count); }

Shard resolveShard(const std::string& text, const Environment& environment)
{
    if (text.empty())
        return {};
    if (text == "auto")
        return environment(kTask) == nullptr ? Shard{} : slurmShard(environment);
    const std::size_t slash = text.find('/');
    const auto index = wholeNumber(std::string_view(text).substr(0, slash));
    const auto count = slash == std::string::npos ? std::nullopt : wholeNumber(std::string_view(text).substr(slash + 1));
    if (!index || !count || *index >= *count)
        throw Error(ErrorCode::usage,
                    fmt::format("--shard '{}': expected i/n with 0 <= i < n, for example 0/4, or auto", core::shown(text)));
    return {*index, *count};
}

Shard resolveShard(const std::string& text) { return resolveShard(text, processEnvironment); }

std::string shardWarning(const std::string& text, const Environment& environment)
{
    const char* const task = environment(kTask);
    if (!text.empty() || task == nullptr)
        return {};
    return fmt::format("this is task {} of a Slurm array, but it runs all prompts; --shard auto shares them", task);
}

std::string shardWarning(const std::string& text) { return shardWarning(text, processEnvironment); }

} // namespace kvviz::app
