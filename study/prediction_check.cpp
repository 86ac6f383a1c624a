// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Joins both sides by (task, method, ratio) and leaves the statistics to core.
#include "study/prediction_check.hpp"

#include "compress/method.hpp"
#include "core/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

namespace kvviz::study {
namespace {

using core::Direction;
using core::Error;
using core::ErrorCode;
using Record = io::ReplayRecord;

constexpr std::array<Predictor, 6> kPredictors{{
    {"predicted_kl", "predicted divergence", Direction::falling, &Record::meanPredictedKl},
    {"predicted", "predicted change of log-probability", Direction::rising, &Record::meanPredictedDelta},
    {"lost_non_sink", "lost mass without sinks", Direction::falling, &Record::meanLostNonSink},
    {"lost_mass", "lost mass", Direction::falling, &Record::meanLost},
    {"output_error", "output error", Direction::falling, &Record::meanOutputError},
    {"logprob_change", "change of log-probability at depth decode", Direction::rising, &Record::meanLogprobDelta},
}};

constexpr const char* kFullCache = "fullkv";

[[noreturn]] void refuse(const std::string& why) { throw Error(ErrorCode::badInput, why); }

/// Ratios from different sums are the same to six digits. Methods that take what they need have one entry.
struct Key {
    std::string task, method;
    std::int64_t ratio; ///< millionths, negative so that large ratios come first; 0: the method's own

    template <class R>
    static Key of(const R& record)
    {
        const bool own = record.budgetUse == "fixed" || record.budgetUse == "finds";
        return {record.task, compress::specificationOf(record.method, record.variant),
                own ? 0 : -std::llround(record.ratio * 1e6)};
    }
    friend auto operator<=>(const Key&, const Key&) = default;
};

struct Sum {
    double value = 0, ratio = 0;
    std::int64_t count = 0;
};

void requireOneModel(std::span<const Record> replays, std::span<const io::EvalRecord> evaluations)
{
    std::set<std::string> models;
    for (const Record& record : replays)
        models.insert(record.modelName);
    for (const io::EvalRecord& record : evaluations)
        models.insert(record.modelName);
    if (models.size() > 1)
        refuse(fmt::format("replays and evaluations are of several models ('{}' and '{}'); a calibration is of one",
                           *models.begin(), *std::next(models.begin())));
}

/// A prompt that was looked at must not be one of those that are predicted.
void requireOtherPrompts(std::span<const Record> replays, std::span<const io::EvalRecord> evaluations)
{
    std::map<std::string, std::set<std::string>> replayed;
    for (const Record& record : replays)
        replayed[record.task].insert(record.promptId);
    for (const io::EvalRecord& record : evaluations)
        for (const std::string& id : record.promptIds)
            if (const auto found = replayed.find(record.task); found != replayed.end() && found->second.contains(id))
                refuse(fmt::format("prompt '{}' of task {} is both replayed and evaluated; a prediction must be of "
                                   "other prompts: capture some and evaluate the rest (--begin)", id, record.task));
}

/// The evaluations that count, each (task, method, ratio) once.
std::map<Key, const io::EvalRecord*> measuredPoints(std::span<const io::EvalRecord> evaluations)
{
    std::map<std::string, std::set<std::string>> settings;
    for (const io::EvalRecord& record : evaluations)
        settings[record.task].insert(record.setting);
    std::map<Key, const io::EvalRecord*> points;
    for (const io::EvalRecord& record : evaluations) {
        const std::set<std::string>& all = settings.at(record.task);
        if (all.size() > 1 && !all.contains(""))
            refuse(fmt::format("task {} was evaluated in {} settings ('{}' and others), none of them its default; give "
                               "one of them", record.task, all.size(), *all.begin()));
        const bool counts = record.method != kFullCache && record.budgetTokens == 0
                            && (all.size() == 1 || record.setting.empty());
        if (counts && !points.emplace(Key::of(record), &record).second)
            refuse(fmt::format("{} at ratio {:g} was evaluated twice on task {}; give one of the results",
                               compress::specificationOf(record.method, record.variant), record.ratio, record.task));
    }
    return points;
}

/// Means over prompts; of a prompt that was replayed more than once the last record with a number counts.
std::map<Key, Sum> predictedPoints(std::span<const Record> replays, const Predictor& predictor)
{
    std::map<std::pair<Key, std::string>, const Record*> ofPrompt;
    for (const Record& record : replays)
        if (record.method != kFullCache && std::isfinite(record.*predictor.value))
            ofPrompt[{Key::of(record), record.promptId}] = &record;
    std::map<Key, Sum> points;
    for (const auto& [place, record] : ofPrompt) {
        Sum& sum = points[place.first];
        sum.value += record->*predictor.value;
        sum.ratio += record->ratio;
        ++sum.count;
    }
    return points;
}

std::vector<PredictionPoint> joinedPoints(const std::map<Key, Sum>& predicted,
                                          const std::map<Key, const io::EvalRecord*>& measured)
{
    std::vector<PredictionPoint> points;
    for (const auto& [key, sum] : predicted) {
        const auto found = measured.find(key);
        if (found == measured.end())
            continue;
        const io::EvalRecord& record = *found->second;
        const auto count = static_cast<double>(sum.count);
        points.push_back({key.task, key.method, sum.ratio / count, sum.value / count, sum.count, record.delta,
                          record.ciLow, record.ciHigh, record.goldLogprobDelta, record.n});
    }
    return points;
}

/// Lists of one field each, and a number for each task.
struct Columns {
    std::vector<double> predicted, measured, gold;
    std::vector<std::int64_t> groups;

    void add(const PredictionPoint& point, std::int64_t group)
    {
        predicted.push_back(point.predicted);
        measured.push_back(point.measured);
        gold.push_back(point.gold);
        groups.push_back(group);
    }
    [[nodiscard]] Agreement agreement(const std::string& task, const core::ResamplingOptions& options) const
    {
        return {task, core::bootstrapSpearman(predicted, measured, groups, options),
                core::bootstrapKendall(predicted, measured, groups, options),
                core::bootstrapSpearman(predicted, gold, groups, options)};
    }
};

} // namespace

std::span<const Predictor> predictors() { return kPredictors; }

const Predictor& predictorNamed(std::string_view name)
{
    std::string names;
    for (const Predictor& predictor : kPredictors) {
        if (predictor.name == name)
            return predictor;
        names += (names.empty() ? "" : ", ") + std::string(predictor.name);
    }
    throw Error(ErrorCode::usage, fmt::format("there is no predictor '{}'; expected one of {}", name, names));
}

bool isKnown(const Predictor& predictor, std::span<const io::ReplayRecord> replays)
{
    return std::any_of(replays.begin(), replays.end(),
                       [&](const Record& record) { return std::isfinite(record.*predictor.value); });
}

PredictionCheck checkPrediction(std::span<const io::ReplayRecord> replays, std::span<const io::EvalRecord> evaluations,
                                const Predictor& predictor, const core::ResamplingOptions& options)
{
    requireOneModel(replays, evaluations);
    requireOtherPrompts(replays, evaluations);
    PredictionCheck check;
    check.predictor = predictor.name;
    check.label = predictor.label;
    check.direction = predictor.direction;
    check.points = joinedPoints(predictedPoints(replays, predictor), measuredPoints(evaluations));
    if (check.points.empty())
        refuse(fmt::format("no task, method and ratio is both replayed (with {}) and evaluated", predictor.label));
    check.model = replays.front().modelName;

    Columns all;
    std::map<std::string, Columns> ofTask;
    for (const PredictionPoint& point : check.points) {
        const auto task = ofTask.try_emplace(point.task).first; // points are in the order of tasks
        all.add(point, std::distance(ofTask.begin(), task));
        task->second.add(point, std::ssize(task->second.groups)); // each point for itself: methods and ratios
    }
    check.overall = all.agreement("", options);
    for (const auto& [task, columns] : ofTask)
        check.tasks.push_back(columns.agreement(task, options));
    check.calibration = core::calibrateIsotonic(all.predicted, all.measured, {}, all.groups, predictor.direction,
                                                options.level);
    for (std::size_t i = 0; i < check.points.size(); ++i)
        check.points[i].expected = check.calibration.predictions[i];
    return check;
}

} // namespace kvviz::study
