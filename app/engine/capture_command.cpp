// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz capture`: one prompt to a file, or many to a folder that can be resumed and shared by shards.
#include "app/commands.hpp"
#include "app/console.hpp"
#include "app/engine/batch_folder.hpp"
#include "app/engine/capture_jobs.hpp"
#include "app/engine/device_backend.hpp"
#include "app/engine/loaded_model.hpp"
#include "app/engine/restart_guard.hpp"
#include "app/json_output.hpp"
#include "app/shard.hpp"
#include "app/task_options.hpp"
#include "capture/chat_template.hpp"
#include "core/io/run_folder.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <utility>

namespace kvviz::app {
namespace {

using core::Error;
using core::ErrorCode;

/// Sums of the estimates, for --dry-run and --max-bytes.
struct Total {
    std::int64_t prompts = 0, promptTokens = 0, generated = 0;
    std::array<std::uint64_t, 4> bytes{};
    std::vector<std::string> refused; ///< of a batch: prompts that cannot run, and why
};

/// In a batch one unfit prompt does not end the others; a full disk or a stop does.
bool endsBatch(const Error& error, std::size_t prompts)
{
    return prompts == 1 || error.code() != ErrorCode::badInput;
}

/// Exit status of a batch some of whose prompts were refused.
int batchStatus(std::size_t good, std::size_t refused)
{
    if (refused == 0)
        return 0;
    return static_cast<int>(good > 0 ? ErrorCode::partial : ErrorCode::badInput);
}

void printProblem(const std::string& sentence) { std::fputs(("kvviz: " + core::shown(sentence, 1200) + "\n").c_str(), stderr); }

Total estimateAll(const capture::Session& session, const std::vector<CaptureJob>& jobs)
{
    Total total;
    for (const CaptureJob& job : jobs) {
        capture::Session::Estimate estimate;
        try {
            estimate = session.estimate(job.source);
        } catch (const Error& error) {
            if (endsBatch(error, jobs.size()))
                throw;
            total.refused.emplace_back(error.what());
            continue;
        }
        ++total.prompts;
        total.promptTokens += estimate.nPrompt;
        total.generated += estimate.nGenerated;
        for (std::size_t tier = 0; tier < total.bytes.size(); ++tier)
            total.bytes[tier] += estimate.bytes[tier];
    }
    return total;
}

int printEstimate(const Total& total, const CaptureOptions& options, const CommonOptions& common)
{
    for (const std::string& sentence : total.refused)
        printProblem(sentence);
    const int status = batchStatus(static_cast<std::size_t>(total.prompts), total.refused.size());
    Json tiers = Json::object();
    for (std::size_t tier = 0; tier < total.bytes.size(); ++tier)
        tiers[std::string(core::tierName(static_cast<core::Tier>(tier)))] = total.bytes[tier];
    if (common.json) {
        Json report = jsonReport("capture");
        report.update({{"prompts", total.prompts}, {"refused", total.refused}, {"prompt_tokens", total.promptTokens},
                       {"generated_tokens_at_most", total.generated}, {"tier", options.tier},
                       {"uncompressed_bytes_at_most", tiers}});
        printJson(report);
        return status;
    }
    printOut(fmt::format("{} prompt{}, {} prompt tokens, at most {} generated; bytes before compression, at most:\n",
                         total.prompts, total.prompts == 1 ? "" : "s", total.promptTokens, total.generated));
    for (std::size_t tier = 0; tier < total.bytes.size(); ++tier) {
        const std::string_view name = core::tierName(static_cast<core::Tier>(tier));
        printOut(fmt::format("  {:<6} {:>10}{}\n", name, core::humanBytes(total.bytes[tier]),
                             name == options.tier ? "  <- --tier" : ""));
    }
    return status;
}

void checkLimit(const Total& total, const CaptureOptions& options)
{
    if (options.maxBytes.empty())
        return;
    const auto tier = static_cast<std::size_t>(*core::tierFromName(options.tier));
    if (const std::uint64_t limit = parseByteSize(options.maxBytes, "--max-bytes"); total.bytes[tier] > limit)
        throw Error(ErrorCode::usage,
                    fmt::format("tier {} may take {} before compression, more than --max-bytes {}; choose a smaller "
                                "tier, fewer --layers or a lower --limit",
                                options.tier, core::humanBytes(total.bytes[tier]), options.maxBytes));
}

/// Runs the jobs of a command one after the other and keeps count.
class Runner {
public:
    /// `requireResumable` throws when a file that is there may not be skipped.
    Runner(const capture::Session& session, const CaptureOptions& options, const CommonOptions& common,
           RestartGuard& guard, double loadSeconds, std::function<void(const CaptureJob&)> requireResumable)
        : m_session(session), m_options(options), m_common(common), m_guard(guard),
          m_progress(consoleProgress(common)), m_loadSeconds(loadSeconds), m_requireResumable(std::move(requireResumable))
    {
    }

    int run(const std::vector<CaptureJob>& jobs)
    {
        try {
            for (const CaptureJob& job : jobs) {
                m_progress.throwIfStopped();
                runOne(job, jobs.size());
            }
        } catch (const Error& error) {
            if (error.code() != ErrorCode::cancelled || !isBatch(m_options))
                throw;
            throw Error(error.code(),
                        fmt::format("stopped after {} of {} prompts; the same command with --resume goes on",
                                    m_done + m_skipped + m_failures.size(), jobs.size()));
        }
        return finish(jobs.size());
    }

private:
    void runOne(const CaptureJob& job, std::size_t count)
    {
        const std::size_t number = m_done + m_skipped + m_failures.size() + 1;
        const std::string place = count == 1 ? "" : fmt::format("[{}/{}] ", number, count);
        try {
            if (m_options.resume && std::filesystem::exists(job.output)) {
                m_requireResumable(job);
                clearFailure(job);
                ++m_skipped;
                return;
            }
            m_guard.begin(job.source.id);
            keep(job, m_session.run(job.source, job.output, m_progress), place);
            clearFailure(job);
        } catch (const Error& error) {
            finishProgress();
            if (endsBatch(error, count))
                throw;
            m_failures.push_back({{"file", job.output.string()}, {"id", job.source.id}, {"error", error.what()}});
            if (isBatch(m_options))
                io::writeFailure(m_options.output, job.source.id, error.what(), utcNow());
            printProblem(place + error.what());
        }
    }

    void clearFailure(const CaptureJob& job) const
    {
        if (isBatch(m_options))
            io::clearFailure(m_options.output, job.source.id);
    }

    void keep(const CaptureJob& job, const capture::CaptureSummary& summary, const std::string& place)
    {
        finishProgress();
        m_guard.progressed();
        ++m_done;
        note(m_common, fmt::format("{}{}: {} prompt tokens, {} generated, {} (prefill {:.2f} s, decode {:.2f} s, "
                                   "write {:.2f} s)",
                                   place, job.output.string(), summary.nPrompt, summary.nGenerated,
                                   core::humanBytes(summary.fileBytes), summary.prefillSeconds,
                                   summary.decodeSeconds, summary.writeSeconds));
        if (summary.correct)
            ++(*summary.correct ? m_right : m_wrong);
        if (!summary.note.empty())
            note(m_common, "  " + summary.note);
        m_files.push_back({{"file", job.output.string()}, {"task", job.source.task}, {"id", job.source.id},
                           {"prompt_tokens", summary.nPrompt}, {"generated_tokens", summary.nGenerated},
                           {"correct", summary.correct ? Json(*summary.correct) : Json(nullptr)},
                           {"continuation", core::displayBytes(summary.continuation)},
                           {"bytes", summary.fileBytes}, {"prefill_s", summary.prefillSeconds},
                           {"decode_s", summary.decodeSeconds}, {"write_s", summary.writeSeconds}});
    }

    int finish(std::size_t count)
    {
        if (count == 0)
            note(m_common, fmt::format("--shard {} has no prompt to run", resolveShard(m_options.shard).text()));
        if (m_common.json) {
            Json report = jsonReport("capture");
            report.update({{"load_s", m_loadSeconds}, {"captures", m_files}, {"skipped", m_skipped},
                           {"failed", m_failures.size()}, {"failures", m_failures}, {"correct", m_right},
                           {"wrong", m_wrong}});
            printJson(report);
        } else if (m_skipped > 0) {
            note(m_common, fmt::format("{} already there, skipped", m_skipped));
        }
        if (m_right + m_wrong > 1)
            note(m_common, fmt::format("{} of {} continuations hold the right answer", m_right, m_right + m_wrong));
        return batchStatus(m_done + m_skipped, m_failures.size());
    }

    const capture::Session& m_session;
    const CaptureOptions& m_options;
    const CommonOptions& m_common;
    RestartGuard& m_guard;
    core::Progress m_progress;
    std::size_t m_done = 0, m_skipped = 0, m_right = 0, m_wrong = 0;
    double m_loadSeconds;
    std::function<void(const CaptureJob&)> m_requireResumable;
    Json m_files = Json::array(), m_failures = Json::array();
};

/// Throws where a task of Slurm is queued again and again for a prompt that it cannot finish.
void requireNotStuck(const RestartGuard& guard, const CaptureOptions& options, const std::vector<CaptureJob>& jobs)
{
    if (!guard.isStuck())
        return;
    if (isBatch(options) && !guard.prompt().empty())
        io::writeFailure(options.output, guard.prompt(), guard.sentence(), utcNow());
    const auto isThere = [](const CaptureJob& job) { return std::filesystem::exists(job.output); };
    throw Error(std::any_of(jobs.begin(), jobs.end(), isThere) ? ErrorCode::partial : ErrorCode::failure,
                guard.sentence() + "; it ends here. Submit it anew with more time (sbatch --time), or without that prompt");
}

void noteIgnored(const CaptureOptions& options, const CommonOptions& common)
{
    std::vector<datasets::TaskInfo> chosen;
    for (const datasets::TaskInfo& info : datasets::taskList())
        if (std::find(options.tasks.begin(), options.tasks.end(), info.name) != options.tasks.end())
            chosen.push_back(info);
    for (const std::string& sentence : ignoredOptions(options, chosen))
        note(common, sentence);
}

/// Without a tokenizer no prompt of a batch can run, so it is said once.
void requireText(const capture::Tokenizer& tokenizer, const CaptureOptions& options, const CommonOptions& common)
{
    if (tokenizer.noText().empty())
        return;
    if (options.tokenIds.empty())
        throw Error(ErrorCode::badInput, tokenizer.noText());
    note(common, "the model's folder has no tokenizer: tokens are shown by their numbers");
}

RestartGuard restartGuard(const CaptureOptions& options)
{
    const std::filesystem::path output(options.output);
    return RestartGuard(isBatch(options) ? output / "capture" : output);
}

} // namespace

int runCapture(const CaptureOptions& options, const CommonOptions& common)
{
    const std::vector<CaptureJob> all = makeCaptureJobs(options);
    std::vector<CaptureJob> jobs = jobsOf(resolveShard(options.shard), all);
    if (const std::string warning = shardWarning(options.shard); !warning.empty())
        note(common, warning);
    noteIgnored(options, common);
    capture::checkChatChoice(options.chat);
    if (options.chat != "none" && !options.tokenIds.empty())
        throw Error(ErrorCode::usage, "--chat puts text into turns; --token-ids gives none");
    if (options.output.empty() && !options.dryRun)
        throw Error(ErrorCode::usage, "no output given; add -o FILE.kvh5, or -o FOLDER for several prompts");
    if (!options.dryRun && !options.force && !options.resume)
        for (const CaptureJob& job : jobs)
            if (std::filesystem::exists(job.output))
                throw Error(ErrorCode::failure,
                            fmt::format("{} exists; use --resume to keep it, --force to write it anew",
                                        job.output.string()));

    RestartGuard guard = restartGuard(options);
    if (!options.dryRun)
        requireNotStuck(guard, options, jobs);
    const DeviceChoice device(options.device, options.dtype);
    const LoadedModel loaded = loadModelFile(options.model, device.weightType(), common,
                                             options.dryRun    ? ModelUse::described
                                             : device.onGpu() ? ModelUse::elsewhere
                                                              : ModelUse::runs);
    requireText(*loaded.tokenizer, options, common);
    if (const auto chat = capture::chosenChatTemplate(options.chat, *loaded.tokenizer))
        for (CaptureJob& job : jobs)
            job.source = capture::inChat(std::move(job.source), *chat, *loaded.tokenizer);
    capture::CaptureSettings settings = makeCaptureSettings(options, common, loaded.model->info);
    settings.created = utcNow();
    if (isBatch(options))
        settings.partWriter = io::partWriterName();
    const capture::Session session(loaded.model, loaded.tokenizer, settings,
                                   options.dryRun ? nullptr : device.open(loaded.model));
    if (options.dryRun || !options.maxBytes.empty()) {
        const Total total = estimateAll(session, jobs);
        if (options.dryRun)
            return printEstimate(total, options, common);
        checkLimit(total, options);
    }
    const auto requireResumable = [&](const CaptureJob& job) {
        if (const std::string fault = resumeFault(job, settings, options, loaded.model->info); !fault.empty())
            throw Error(ErrorCode::badInput,
                        fmt::format("'{}' is there already but does not fit this run: {}; remove it, choose another "
                                    "folder, or use --force in place of --resume", job.output.string(), fault));
    };
    if (isBatch(options))
        prepareFolder(options, all, jobs, loaded.model->info, requireResumable);
    const int status = Runner(session, options, common, guard, loaded.seconds, requireResumable).run(jobs);
    guard.finished();
    if (isBatch(options))
        tidyFolder(options);
    return status;
}

} // namespace kvviz::app
