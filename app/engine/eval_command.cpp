// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz eval`: prompts one after the other into a journal, then the journal into a results file. What can be refused
// is refused before the model is loaded.
#include "app/commands.hpp"
#include "app/commands/eval_table.hpp"
#include "app/commands/method_choice.hpp"
#include "app/console.hpp"
#include "app/engine/eval_journals.hpp"
#include "app/engine/loaded_model.hpp"
#include "app/engine/prompt_source.hpp"
#include "app/engine/restart_guard.hpp"
#include "app/task_options.hpp"
#include "capture/chat_template.hpp"
#include "core/io/journal.hpp"
#include "core/io/part_file.hpp"
#include "core/io/run_folder.hpp"
#include "evaluation/outcome_json.hpp"
#include "evaluation/prompt_runner.hpp"
#include "evaluation/summary.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <optional>
#include <set>

namespace kvviz::app {
namespace {

using core::Error;
using core::ErrorCode;
using evaluation::PromptOutcome;

std::filesystem::path folderOf(const std::filesystem::path& file)
{
    return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

/// A task with the range of its prompts.
struct EvalTask {
    std::shared_ptr<const datasets::Task> task;
    std::int64_t end = 0;
    std::int64_t generate = 0;
};

std::vector<EvalTask> openTasks(const EvalOptions& options)
{
    std::vector<EvalTask> tasks;
    std::set<std::string> names;
    for (const std::string& name : options.tasks) {
        if (!names.insert(name).second)
            throw Error(ErrorCode::usage, fmt::format("task {} is given twice", name));
        EvalTask task;
        task.task = datasets::openTask(name, taskOptions(options));
        if (const std::string why = task.task->obstacle(); !why.empty())
            throw Error(ErrorCode::usage, fmt::format("task {}: {}", name, why));
        if (options.begin >= task.task->size())
            throw Error(ErrorCode::usage, fmt::format("task {} has prompts 0 to {}; --begin {} chooses none", name,
                                                      task.task->size() - 1, options.begin));
        task.end = options.begin + std::min(options.limit, task.task->size() - options.begin);
        task.generate = options.generate > 0 ? options.generate : task.task->info().answerTokens;
        tasks.push_back(std::move(task));
    }
    return tasks;
}

class Evaluation {
public:
    Evaluation(const EvalOptions& options, const CommonOptions& common, std::vector<EvalTask> tasks,
               compress::LivePlanner& planner)
        : m_options(options), m_common(common), m_tasks(std::move(tasks)), m_planner(planner),
          m_cacheBytes(parseByteSize(options.maxCache, "--max-cache")), m_shard(resolveShard(options.shard)), m_guard(options.output),
          m_progress(consoleProgress(common))
    {
    }

    [[nodiscard]] const Shard& shard() const { return m_shard; }
    [[nodiscard]] std::size_t done() const { return m_outcomes.size(); } ///< also by other shards
    [[nodiscard]] std::int64_t total() const
    {
        std::int64_t total = 0;
        for (const EvalTask& task : m_tasks)
            total += task.end - m_options.begin;
        return total;
    }

    /// Runs those of the shard's prompts that no journal holds yet. Throws Error(cancelled) when stopped.
    void run()
    {
        requireNotStuck();
        m_loaded = loadModelFile(m_options.model,
                                 m_options.dtype == "float32" ? capture::WeightType::float32
                                                              : capture::WeightType::bfloat16,
                                 m_common);
        m_chat = capture::chosenChatTemplate(m_options.chat, *m_loaded->tokenizer);
        const io::JournalStart start = m_options.resume ? io::JournalStart::resume
            : m_options.force                           ? io::JournalStart::overwrite
                                                        : io::JournalStart::fresh;
        refuseShards(m_options.output, m_shard, start);
        const std::string settings = settingsText();
        io::Journal journal(journalPath(m_options.output, m_shard), settings, start);
        readEarlierLines(journal, m_options.output, m_shard, settings, start,
                         [this](const std::string& line, const std::string& place) { takeEarlier(line, place); });
        if (!m_outcomes.empty())
            note(m_common, fmt::format("{} prompts are done already", m_outcomes.size()));
        if (!m_shard.isWhole())
            writeEvalTotal(m_options.output, total());
        std::size_t number = 0;
        std::int64_t done = 0;
        for (const EvalTask& task : m_tasks)
            for (std::int64_t i = m_options.begin; i < task.end; ++i)
                if (m_shard.has(number++))
                    runUnlessDone(task, i, done++, journal);
        m_progress("eval", done, done);
        finishProgress();
        m_guard.finished();
    }

    [[nodiscard]] std::vector<io::EvalRecord> records() const
    {
        std::vector<io::EvalRecord> records;
        for (const EvalTask& task : m_tasks) {
            const datasets::TaskInfo& info = task.task->info();
            std::vector<PromptOutcome> outcomes;
            for (std::int64_t i = m_options.begin; i < task.end; ++i)
                outcomes.push_back(m_outcomes.at({info.name, i}));
            const evaluation::TaskDescription description{
                .name = info.name,
                .category = info.category,
                .setting = settingText(m_options, info, m_options.chat),
                .shots = m_options.shots >= 0 ? m_options.shots : info.defaultShots,
                .modelName = m_loaded->model->info.name};
            for (io::EvalRecord& record :
                 evaluation::summarise(description, m_planner.pairs(), outcomes, m_options.seed))
                records.push_back(std::move(record));
        }
        return records;
    }

    /// Prompts that were not run, and methods that could not be run on some, with the first reason of each.
    void reportLeftOut() const
    {
        std::map<std::string, std::pair<std::int64_t, std::string>> why;
        for (const auto& [key, outcome] : m_outcomes) {
            if (!outcome.refused.empty())
                note(m_common, fmt::format("left out {}: {}", outcome.id, outcome.refused));
            for (std::size_t i = 0; i < outcome.pairs.size(); ++i)
                if (!outcome.pairs[i].obstacle.empty()) {
                    auto& [count, reason] = why[m_planner.pairs()[i].method->info().name + " on " + outcome.task];
                    ++count;
                    reason = outcome.pairs[i].obstacle;
                }
        }
        for (const auto& [what, reason] : why)
            note(m_common, fmt::format("not run: {}: {}", what, reason.second));
    }

private:
    /// Throws where a task of Slurm is queued again and again for a prompt that it cannot finish.
    void requireNotStuck() const
    {
        if (!m_guard.isStuck())
            return;
        const std::filesystem::path output(m_options.output);
        if (!m_guard.prompt().empty())
            io::writeFailure(folderOf(output), m_guard.prompt(), m_guard.sentence(), utcNow(), output.filename().string());
        throw Error(ErrorCode::failure, m_guard.sentence()
                                            + "; it ends here. Submit it anew with more time (sbatch --time)");
    }

    /// The shard's prompt number `done`.
    void runUnlessDone(const EvalTask& task, std::int64_t index, std::int64_t done, io::Journal& journal)
    {
        const std::string& name = task.task->info().name;
        if (m_outcomes.count({name, index}) > 0)
            return;
        const auto count = static_cast<std::int64_t>(m_shard.count), first = static_cast<std::int64_t>(m_shard.index);
        const std::int64_t share = (total() - first + count - 1) / count;
        if (m_progress.stop.stop_requested())
            throw Error(ErrorCode::cancelled,
                        fmt::format("stopped after {} of {} prompts; the same command with --resume goes on", done,
                                    share));
        m_progress("eval " + name, done, share);
        PromptOutcome outcome = runPrompt(task, index);
        journal.append(evaluation::toJsonLine(outcome));
        m_guard.progressed();
        io::clearFailure(folderOf(m_options.output), outcome.id, std::filesystem::path(m_options.output).filename().string());
        m_outcomes.emplace(std::pair(name, index), std::move(outcome));
    }

    /// All that an outcome depends on; prompts and their number are in its key.
    [[nodiscard]] std::string settingsText() const
    {
        Json generate = Json::object(), settings = Json::object();
        for (const EvalTask& task : m_tasks) {
            generate[task.task->info().name] = task.generate;
            settings[task.task->info().name] = settingText(m_options, task.task->info(), m_options.chat);
        }
        Json methods = Json::array();
        for (const compress::LivePair& pair : m_planner.pairs())
            methods.push_back({pair.method->info().name, pair.method->params().json(), pair.budget.ratio,
                               pair.budget.tokens.value_or(0)});
        Json tables = Json::array();
        for (const std::string& table : m_options.tables)
            tables.push_back(std::filesystem::path(table).filename().string());
        return Json{{"creator", creatorName()}, {"model", m_loaded->model->info.sha256}, {"dtype", m_options.dtype},
                    {"settings", settings}, {"generate", generate}, {"seed", m_options.seed},
                    {"window", m_options.window}, {"max_cache", m_cacheBytes}, {"pairs", methods}, {"tables", tables}}
            .dump();
    }

    void takeEarlier(const std::string& line, const std::string& place)
    {
        PromptOutcome outcome = evaluation::fromJsonLine(line, place);
        if (outcome.refused.empty() && outcome.pairs.size() != m_planner.pairs().size())
            throw Error(ErrorCode::badInput, fmt::format("{}: {} methods and budgets where {} were expected", place,
                                                         outcome.pairs.size(), m_planner.pairs().size()));
        m_outcomes.emplace(std::pair(outcome.task, outcome.index), std::move(outcome));
    }

    [[nodiscard]] PromptOutcome runPrompt(const EvalTask& task, std::int64_t index)
    {
        const datasets::Prompt prompt = task.task->prompt(index);
        m_guard.begin(prompt.id);
        evaluation::PromptRunner runner(m_loaded->model, m_loaded->tokenizer, m_planner,
                                        {.generate = task.generate,
                                         .window = m_options.window,
                                         .cacheBytes = m_cacheBytes,
                                         .creator = creatorName()});
        PromptOutcome outcome;
        try {
            core::Progress quiet;
            quiet.stop = m_progress.stop;
            capture::PromptSource source = toSource(prompt);
            if (m_chat)
                source = capture::inChat(std::move(source), *m_chat, *m_loaded->tokenizer);
            outcome = runner.run(
                source, [&](const std::string& text) { return task.task->score(prompt, text); }, quiet);
        } catch (const Error& error) {
            if (error.code() == ErrorCode::cancelled)
                throw Error(ErrorCode::cancelled,
                            fmt::format("stopped at prompt {}, which is lost; the same command with --resume goes on",
                                        prompt.id));
            if (error.code() != ErrorCode::badInput || !m_options.skipBad)
                throw;
            outcome.refused = error.what();
        }
        outcome.task = task.task->info().name;
        outcome.id = prompt.id;
        outcome.index = index;
        return outcome;
    }

    const EvalOptions& m_options;
    const CommonOptions& m_common;
    std::vector<EvalTask> m_tasks;
    compress::LivePlanner& m_planner;
    std::uint64_t m_cacheBytes;
    Shard m_shard;
    RestartGuard m_guard;
    core::Progress m_progress;
    std::optional<LoadedModel> m_loaded;
    std::optional<capture::ChatTemplate> m_chat;
    std::map<std::pair<std::string, std::int64_t>, PromptOutcome> m_outcomes; // task and number of the prompt
};

compress::LiveRequest liveRequest(const EvalOptions& options, int threads)
{
    return {.methods = parseLiveMethods(options.methods),
            .budgets = parseBudgets(options),
            .seed = options.seed,
            .threads = threads,
            .tables = readTables(options)};
}

void requireFree(const EvalOptions& options)
{
    if (std::filesystem::path(options.output).extension() != ".h5")
        throw Error(ErrorCode::usage, fmt::format("--output {}: results files end in .kvres.h5", options.output));
    if (std::filesystem::exists(options.output) && !options.force && !options.resume)
        throw Error(ErrorCode::failure,
                    fmt::format("'{}' exists; go on with --resume, or overwrite it with --force", options.output));
}

void noteIgnored(const EvalOptions& options, const std::vector<EvalTask>& tasks, const CommonOptions& common)
{
    std::vector<datasets::TaskInfo> infos;
    for (const EvalTask& task : tasks)
        infos.push_back(task.task->info());
    for (const std::string& sentence : ignoredOptions(options, infos))
        note(common, sentence);
}

/// A shard writes no results: intervals and tests need all prompts.
int reportShard(const Evaluation& evaluation, const EvalOptions& options, const CommonOptions& common)
{
    if (common.json) {
        Json report = jsonReport("eval");
        report.update({{"shard", evaluation.shard().text()},
                       {"journal", journalPath(options.output, evaluation.shard()).string()},
                       {"prompts_done", evaluation.done()},
                       {"prompts", evaluation.total()}});
        printJson(report);
        return 0;
    }
    note(common, fmt::format("shard {} is done, {} of {} prompts are; when all shards are, the same command with --resume "
                             "and without --shard writes {}",
                             evaluation.shard().text(), evaluation.done(), evaluation.total(), options.output));
    return 0;
}

} // namespace

int runEval(const EvalOptions& options, const CommonOptions& common)
{
    requireFree(options);
    capture::checkChatChoice(options.chat);
    std::vector<EvalTask> tasks = openTasks(options);
    noteIgnored(options, tasks, common);
    compress::LivePlanner planner(liveRequest(options, common.threads));
    std::optional<io::PartFile> csv; // refuses a name that cannot be written before the work is done
    if (!options.csv.empty() && options.csv != "-")
        csv.emplace(options.csv, options.force || options.resume);
    Evaluation evaluation(options, common, std::move(tasks), planner);
    if (const std::string warning = shardWarning(options.shard); !warning.empty())
        note(common, warning);
    evaluation.run();
    evaluation.reportLeftOut();
    if (!evaluation.shard().isWhole())
        return reportShard(evaluation, options, common);
    const std::vector<io::EvalRecord> records = evaluation.records();
    io::ResultsWriter writer(options.output, creatorName(), common.commandLine, true);
    for (const io::EvalRecord& record : records)
        writer.append(record);
    writer.finish();
    note(common, fmt::format("results in {}", options.output));
    if (csv) {
        csv->write(evalCsv(records));
        csv->publish();
    }
    if (options.csv == "-") {
        printOut(evalCsv(records));
    } else if (common.json) {
        Json report = jsonReport("eval");
        report["results_file"] = options.output;
        report["results"] = Json::array();
        for (const io::EvalRecord& record : records)
            report["results"].push_back(toJson(record));
        printJson(report);
    } else {
        printOut(evalTables(records, common.verbose > 0));
    }
    const bool leftOut = std::any_of(records.begin(), records.end(), [](const io::EvalRecord& record) {
        return std::find(record.flags.begin(), record.flags.end(), "prompts_left_out") != record.flags.end();
    });
    return leftOut ? static_cast<int>(ErrorCode::partial) : 0;
}

} // namespace kvviz::app
