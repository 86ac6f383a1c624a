// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Index checks and the few-shot form of the built-in tasks.
#include "datasets/task_base.hpp"

#include "core/error.hpp"
#include "datasets/prompt_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

namespace kvviz::datasets {
namespace {

/// Far beyond any context, and small enough that drawing distinct items stays quick.
constexpr int kMaxShots = 1000;
constexpr int kMaxQuestions = 100;
/// Draws for one shot before the pool counts as used up.
constexpr int kMaxDraws = 2000;

} // namespace

int questionsAtOnce(const std::string& task, const TaskOptions& options)
{
    const int count = options.questions == 0 ? kDefaultQuestions : options.questions;
    if (count < 1 || count > kMaxQuestions)
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("task '{}': a prompt asks 1 to {} questions, not {}", task, kMaxQuestions,
                                      count));
    return count;
}

void refuseShots(const std::string& task, const TaskOptions& options)
{
    if (options.shots > 0)
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("task '{}' has no examples to show; leave --shots out or give 0", task));
}

TaskBase::TaskBase(TaskInfo info, const TaskOptions& options)
    : m_info(std::move(info)), m_shots(options.shots == -1 ? m_info.defaultShots : options.shots)
{
    if (m_shots < 0 || m_shots > kMaxShots)
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("task '{}': the number of shots must be 0 to {}, not {}", m_info.name, kMaxShots,
                                      m_shots));
}

void TaskBase::checkIndex(std::int64_t index) const
{
    if (index < 0 || index >= size())
        throw core::Error(core::ErrorCode::usage, fmt::format("task '{}' has prompts 0 to {}; there is no prompt {}",
                                                              m_info.name, size() - 1, index));
}

std::string TaskBase::promptId(std::int64_t index) const
{
    return fmt::format("{}-{:04}", m_info.name, index);
}

GeneratedTask::GeneratedTask(TaskInfo info, const TaskOptions& options, std::string instruction,
                             std::vector<std::string> stops)
    : TaskBase(std::move(info), options), m_instruction(std::move(instruction)), m_stops(std::move(stops)),
      m_seed(options.seed)
{
}

std::vector<std::size_t> GeneratedTask::shuffled(std::size_t count) const
{
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    Random random(m_seed, info().name + " order", 0);
    for (std::size_t i = count; i > 1; --i)
        std::swap(order[i - 1], order[static_cast<std::size_t>(random.below(i))]);
    return order;
}

Prompt GeneratedTask::prompt(std::int64_t index) const
{
    checkIndex(index);
    PromptBuilder builder(info().name, promptId(index));
    builder.add(core::SegmentKind::instruction, m_instruction);
    Item asked = question(index);
    std::set<std::string> shown{asked.question};
    const auto fits = [&](const Item& item) {
        const auto isKey = [&](const auto& key) {
            return std::find(asked.keys.begin(), asked.keys.end(), key) != asked.keys.end();
        };
        return !shown.contains(item.question) && std::none_of(item.keys.begin(), item.keys.end(), isKey);
    };
    Random random(m_seed, info().name + " shots", index);
    for (int number = 0; number < shots(); ++number) {
        Item item = drawShot(index, number, random);
        for (int draws = 1; !fits(item); ++draws) {
            if (draws == kMaxDraws)
                throw core::Error(core::ErrorCode::usage,
                                  fmt::format("task '{}' has only about {} different shots; ask for fewer than {}",
                                              info().name, number, shots()));
            item = drawShot(index, number, random);
        }
        shown.insert(item.question);
        builder.add(core::SegmentKind::shot, item.question + item.target + "\n\n");
    }
    builder.add(core::SegmentKind::question, asked.question);
    return builder.finish(std::move(asked.target), std::move(asked.answer), m_stops);
}

} // namespace kvviz::datasets
