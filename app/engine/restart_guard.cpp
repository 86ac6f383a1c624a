// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Slurm's number of restarts against the last one that was of use.
#include "app/engine/restart_guard.hpp"

#include "app/json_output.hpp"
#include "core/error.hpp"
#include "core/input_file.hpp"
#include "core/io/part_file.hpp"
#include "core/io/part_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

namespace kvviz::app {
namespace {

constexpr const char* kFormat = "kvviz-restarts";
constexpr std::uint64_t kMostBytes = 65536; ///< of a record

std::string valueOf(const Environment& environment, const char* name)
{
    const char* const value = environment(name);
    return value == nullptr ? "" : value;
}

/// Digits only, as they become part of a file's name.
bool isNumber(std::string_view text)
{
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// "17_3", or "17" outside of an array; empty outside of Slurm. The same in all starts of a task.
std::string slurmTask(const Environment& environment)
{
    const std::string job = valueOf(environment, "SLURM_ARRAY_JOB_ID"), task = valueOf(environment, "SLURM_ARRAY_TASK_ID");
    if (isNumber(job) && isNumber(task))
        return job + "_" + task;
    const std::string single = valueOf(environment, "SLURM_JOB_ID");
    return isNumber(single) ? single : std::string();
}

int restartsOf(const Environment& environment)
{
    const std::string text = valueOf(environment, "SLURM_RESTART_COUNT");
    int count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    return error == std::errc() && count > 0 ? count : 0;
}

Json readRecord(const std::filesystem::path& path)
{
    try {
        return Json::parse(core::readInputText(path, kMostBytes), nullptr, false);
    } catch (const core::Error&) { // not there, in most cases
        return {};
    }
}

} // namespace

RestartGuard::RestartGuard(std::filesystem::path record)
    : RestartGuard(std::move(record), processEnvironment)
{
}

RestartGuard::RestartGuard(std::filesystem::path record, const Environment& environment)
    : m_task(slurmTask(environment)), m_restarts(restartsOf(environment))
{
    if (m_task.empty()) {
        m_restarts = 0;
        return;
    }
    m_record = std::move(record);
    m_record += fmt::format(".{}.restarts.json", m_task);
    const Json json = readRecord(m_record);
    if (!json.is_object() || json.value("format", Json()) != kFormat)
        return;
    if (const Json useful = json.value("useful", Json()); useful.is_number_integer())
        m_useful = useful.get<std::int64_t>() <= m_restarts ? std::max(0, useful.get<int>()) : 0; // else of another task
    if (const Json prompt = json.value("prompt", Json()); prompt.is_string())
        m_prompt = prompt.get<std::string>();
}

std::string RestartGuard::sentence() const
{
    const std::string count = fmt::format("Slurm has put task {} back into the queue {} times since it last finished a "
                                          "prompt", m_task, m_restarts - m_useful);
    return m_prompt.empty()
        ? count + ", and no start came as far as one: loading the model may take longer than the task may run"
        : fmt::format("{}, and {} was in work: it may take longer than the task may run", count, m_prompt);
}

void RestartGuard::begin(const std::string& prompt)
{
    if (m_isUseful || prompt == m_prompt)
        return;
    m_prompt = prompt;
    write();
}

void RestartGuard::progressed()
{
    if (m_isUseful)
        return;
    m_isUseful = true;
    m_useful = m_restarts;
    m_prompt.clear();
    write();
}

void RestartGuard::finished()
{
    if (m_restarts > 0)
        return progressed();
    std::error_code ignored;
    if (!m_record.empty())
        std::filesystem::remove(m_record, ignored);
}

void RestartGuard::write() const
{
    if (m_record.empty())
        return;
    try {
        io::PartFile file(m_record, true, io::partWriterName());
        file.write(Json{{"format", kFormat}, {"format_version", "1.0"}, {"useful", m_useful}, {"prompt", m_prompt}}
                       .dump(2, ' ', false, Json::error_handler_t::replace) + '\n');
        file.publish();
    } catch (const core::Error&) { // the work itself will say what is wrong with the folder
    }
}

} // namespace kvviz::app
