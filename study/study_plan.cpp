// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The table of runs, for built-in tasks and for public data.
#include "study/study_plan.hpp"

#include "core/error.hpp"
#include "datasets/task.hpp"
#include "study/paper_sets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

namespace kvviz::study {
namespace {

[[noreturn]] void usage(const std::string& message) { throw core::Error(core::ErrorCode::usage, message); }

/// What to compress with, and how far.
enum class Load { baseOnly, paper, manyShot, longGeneration };

/// A run before the model, the data and the number of prompts are known.
struct Form {
    const char* ability;
    int shots;            ///< -1: the task's default
    int questions;
    Load load;
    std::set<int> observations;
};

/// A task of each ability, and the public one that takes its place where its files are.
struct TaskPair {
    const char* ability;
    const char* builtIn;
    const char* published;
    int publishedShots; ///< of observation 1 in table 18; -1: the task's default
};

constexpr TaskPair kTasks[] = {
    {"WK", "facts", "mmlu", 5},
    {"CSR", "everyday", "commonsenseqa", 4},
    {"AR", "addition", "gsm8k", 8},
    {"CG", "code_lines", "humaneval", 8},
    {"SA", "requests", "jailbreakbench", -1}, // its form has no examples
    {"LCR", "needle", "ruler", -1},
    {"LG", "sums", "longgen", -1},
};

constexpr int kManyShotNumber = 50;

std::vector<Form> forms(bool quick)
{
    std::vector<Form> list{
        {"WK", -1, 0, Load::paper, {1, 5}},
        {"CSR", -1, 0, Load::paper, {1, 5}},
        {"AR", -1, 0, Load::paper, {1, 2, 3, 4, 5, 6}},
        {"CG", -1, 0, Load::paper, {1, 5}},
        {"SA", -1, 0, Load::paper, {1, 5}},
        {"AR", 1, 0, Load::paper, {3}},
        {"AR", 2, 0, Load::paper, {3}},
        {"AR", 4, 0, Load::paper, {3}},
        {"AR", 6, 0, Load::paper, {3}},
        {"AR", kManyShotNumber, 0, Load::manyShot, {4}},
        {"WK", 0, 0, Load::baseOnly, {5}},
        {"CSR", 0, 0, Load::baseOnly, {5}},
        {"AR", 0, 0, Load::baseOnly, {5}},
        {"CG", 0, 0, Load::baseOnly, {5}},
        {"SA", 0, 0, Load::baseOnly, {5}},
        {"LG", -1, 0, Load::longGeneration, {6}},
        {"LG", -1, 8, Load::longGeneration, {6}},
        {"LCR", -1, 0, Load::paper, {6}},
    };
    if (quick)
        std::erase_if(list, [](const Form& form) { return form.ability == std::string("AR")
                                                          && (form.shots == 2 || form.shots == 6); });
    return list;
}

std::vector<double> ratiosOf(Load load, bool quick)
{
    if (load == Load::baseOnly)
        return {1};
    if (quick)
        return {0.5, 0.3, 0.1};
    std::vector<double> ratios = kPaperRatios;
    if (load == Load::longGeneration)
        ratios.insert(ratios.end(), {0.35, 0.25}); // columns of table 2
    std::sort(ratios.rbegin(), ratios.rend());
    return ratios;
}

std::vector<std::string> methodsOf(Load load)
{
    if (load == Load::baseOnly)
        return {"fullkv"};
    std::vector<std::string> methods = kPaperMethods;
    if (load == Load::manyShot)
        methods.emplace_back("random_shot");
    if (load == Load::longGeneration)
        methods.emplace_back("pyramidinfer");
    return methods;
}

/// The task of each ability for this study.
class TaskChoices {
public:
    TaskChoices(const StudyOptions& options, const TaskCheck& check, std::vector<std::string>& notes)
        : m_options(options), m_check(check), m_notes(notes)
    {
    }

    struct Choice {
        std::string task;
        bool fromFiles = false;
        int shots = -1;
    };

    const Choice& operator()(const std::string& ability)
    {
        const auto known = m_known.find(ability);
        return known != m_known.end() ? known->second : m_known.emplace(ability, choose(ability)).first->second;
    }

private:
    Choice choose(const std::string& ability)
    {
        const TaskPair& pair = *std::find_if(std::begin(kTasks), std::end(kTasks),
                                             [&](const TaskPair& entry) { return entry.ability == ability; });
        const Choice builtIn{pair.builtIn, false, -1};
        if (m_options.dataDir.empty())
            return builtIn;
        std::string why = m_check(pair.published, m_options.dataDir);
        if (why.empty() && ability == "CG" && !m_options.allowCodeExecution)
            why = "it runs code of the model, which is not allowed without --allow-code-execution";
        if (why.empty())
            return {pair.published, true, pair.publishedShots};
        m_notes.push_back(fmt::format("{} takes the place of {}: {}", pair.builtIn, pair.published, why));
        return builtIn;
    }

    const StudyOptions& m_options;
    const TaskCheck& m_check;
    std::vector<std::string>& m_notes;
    std::map<std::string, Choice> m_known;
};

EvalStep benchStep(const StudyOptions& options)
{
    EvalStep step;
    step.key = kBenchKey;
    step.lengths = options.quick ? "512/64" : "512/128,2048/256";
    step.limit = options.quick ? 1 : 3; // repeats
    step.seed = options.seed;
    step.methods = {"chunkkv", "snapkv", "shotkv"};
    step.ratios = {kLatencyRatio};
    step.observations = {6};
    return step;
}

EvalStep makeStep(const Form& form, const TaskChoices::Choice& choice, const StudyOptions& options)
{
    EvalStep step;
    step.task = choice.task;
    step.shots = knownShots(choice.task, form.shots < 0 ? choice.shots : form.shots);
    if (form.load == Load::manyShot) {
        step.shots = options.quick ? 16 : kManyShotNumber;
        step.fewerShots = options.quick ? std::vector<int>{} : std::vector<int>{32, 16};
    }
    step.questions = form.questions;
    step.limit = options.limit.value_or(options.quick ? kQuickPrompts : kDefaultPrompts);
    step.seed = options.seed;
    step.dataDir = choice.fromFiles ? options.dataDir : "";
    step.allowCodeExecution = choice.task == "humaneval";
    step.methods = methodsOf(form.load);
    step.ratios = ratiosOf(form.load, options.quick);
    step.observations = form.observations;
    step.key = fmt::format("{}-{}shots", step.task, step.shots);
    if (step.questions > 0)
        step.key += fmt::format("-{}questions", step.questions);
    return step;
}

bool wanted(const std::set<int>& step, const std::set<int>& asked)
{
    return std::any_of(step.begin(), step.end(), [&](int number) { return asked.contains(number); });
}

/// A public task whose own form has no examples cannot lose them: its two forms would be one run.
void addStep(std::vector<EvalStep>& steps, EvalStep step)
{
    for (EvalStep& other : steps)
        if (other.modelLabel == step.modelLabel && other.key == step.key) {
            other.observations.insert(step.observations.begin(), step.observations.end());
            return;
        }
    steps.push_back(std::move(step));
}

} // namespace

std::string taskObstacle(const std::string& task, const std::string& dataDir)
{
    try {
        datasets::TaskOptions options;
        options.dataDir = dataDir;
        static_cast<void>(datasets::openTask(task, options));
        return "";
    } catch (const core::Error& error) {
        return error.what();
    }
}

StudyPlan planStudy(const StudyOptions& options, const TaskCheck& check)
{
    if (options.observations.empty())
        usage("a study needs an observation, obs1 to obs6 or all");
    for (const int number : options.observations)
        if (number < 1 || number > 6)
            usage(fmt::format("there is no observation {}; the paper has 1 to 6", number));
    StudyPlan plan;
    TaskChoices choices(options, check, plan.notes);
    std::set<std::string> labels;
    const std::vector<std::string> models = options.models.empty() ? std::vector<std::string>{""} : options.models;
    for (const std::string& model : models) {
        const std::string label = modelLabel(model, labels);
        labels.insert(label);
        for (const Form& form : forms(options.quick)) {
            if (!wanted(form.observations, options.observations))
                continue;
            EvalStep step = makeStep(form, choices(form.ability), options);
            step.model = model;
            step.modelLabel = label;
            addStep(plan.steps, std::move(step));
        }
        if (EvalStep step = benchStep(options); wanted(step.observations, options.observations)) {
            step.model = model;
            step.modelLabel = label;
            plan.steps.push_back(std::move(step));
        }
    }
    return plan;
}

std::string modelLabel(const std::string& path, const std::set<std::string>& taken)
{
    std::string name = std::filesystem::path(path).stem().string();
    std::replace_if(name.begin(), name.end(), [](char c) {
        return !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '-' && c != '.'
               && c != '_';
    }, '_');
    if (name.empty() || name.front() == '.')
        name = path.empty() ? "default" : "model" + name;
    std::string label = name;
    for (int i = 2; taken.contains(label); ++i)
        label = fmt::format("{}-{}", name, i);
    return label;
}

std::set<int> parseObservations(const std::vector<std::string>& names)
{
    std::set<int> numbers;
    for (const std::string& name : names) {
        if (name == "all")
            numbers.insert({1, 2, 3, 4, 5, 6});
        else if (name.size() == 4 && name.starts_with("obs") && name[3] >= '1' && name[3] <= '6')
            numbers.insert(name[3] - '0');
        else
            usage(fmt::format("unknown study '{}'; known are obs1 to obs6 and all", name));
    }
    return numbers;
}

} // namespace kvviz::study
