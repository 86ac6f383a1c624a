// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/eval_names.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "views/label_text.hpp"
#include "views/method_family.hpp"

#include <fmt/format.h>

#include <charconv>
#include <string_view>

namespace kvviz::plot {

namespace {

using io::EvalRecord;

constexpr std::string_view kShots = "shots=";

/// A setting without its number of shots.
std::string otherSetting(const EvalRecord& record)
{
    std::string rest;
    for (const std::string_view part : core::splitAt(record.setting, ' '))
        if (!part.empty() && !part.starts_with(kShots))
            rest += (rest.empty() ? "" : " ") + std::string(part);
    return rest;
}

std::string shotsText(std::int64_t shots)
{
    if (shots < 0)
        return "shots not known";
    return fmt::format("{} shot{}", shots, shots == 1 ? "" : "s");
}

/// Parts that say something, with commas.
std::string joined(const std::vector<std::string>& parts)
{
    std::string text;
    for (const std::string& part : parts)
        if (!part.empty())
            text += (text.empty() ? "" : ", ") + part;
    return text;
}

} // namespace

EvalLines evalLines(const std::string& name)
{
    if (name == "task")
        return EvalLines::task;
    if (name == "method")
        return EvalLines::method;
    if (name == "shots")
        return EvalLines::shots;
    if (name == "model")
        return EvalLines::model;
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("lines of '{}' are not known; known: task, method, shots, model", name));
}

std::int64_t shotsOf(const EvalRecord& record)
{
    std::int64_t shots = record.shots;
    for (const std::string_view part : core::splitAt(record.setting, ' '))
        if (shots < 0 && part.starts_with(kShots))
            std::from_chars(part.data() + kShots.size(), part.data() + part.size(), shots);
    return shots;
}

EvalNames::EvalNames(const std::vector<EvalRecord>& records, EvalLines lines) : m_lines(lines)
{
    for (const EvalRecord& record : records) {
        m_tasks.insert(record.task);
        m_models.insert(record.modelName);
        m_shots[record.task].insert(shotsOf(record));
        m_settings[record.task].insert(otherSetting(record));
    }
}

std::string EvalNames::task(const EvalRecord& record) const
{
    const bool shots = m_lines != EvalLines::shots && m_shots.at(record.task).size() > 1;
    const bool setting = m_settings.at(record.task).size() > 1;
    return joined({labelText(record.task.empty() ? "unnamed task" : record.task),
                   shots ? shotsText(shotsOf(record)) : "", setting ? labelText(otherSetting(record)) : ""});
}

std::string EvalNames::line(const EvalRecord& record) const
{
    switch (m_lines) {
    case EvalLines::method:
        return labelText(methodLabel(record));
    case EvalLines::shots:
        return shotsText(shotsOf(record));
    case EvalLines::model:
        return labelText(record.modelName.empty() ? "unnamed model" : record.modelName);
    case EvalLines::task:
        break;
    }
    return task(record);
}

std::string EvalNames::group(const EvalRecord& record) const
{
    const bool model = m_lines != EvalLines::model && m_models.size() > 1;
    const std::string modelName = model ? labelText(record.modelName) : "";
    const bool several = m_tasks.size() > 1 || task(record) != labelText(record.task);
    const bool named = m_lines == EvalLines::method || (m_lines != EvalLines::task && several);
    return joined({named ? task(record) : "", modelName});
}

std::string EvalNames::panel(const EvalRecord& record) const
{
    if (m_lines == EvalLines::method)
        return group(record);
    return joined({group(record), labelText(methodLabel(record))});
}

} // namespace kvviz::plot
