// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz capture`: one prompt to a file, or many to a folder that can be resumed and shared by shards.
#include "app/commands.hpp"
#include "app/console.hpp"
#include "app/engine/capture_jobs.hpp"
#include "app/engine/model_location.hpp"
#include "app/json_output.hpp"
#include "capture/gguf.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <fstream>

namespace kvviz::app {
namespace {

using core::Error;
using core::ErrorCode;

struct LoadedModel {
    std::shared_ptr<const capture::Model> model;
    std::shared_ptr<const capture::Tokenizer> tokenizer;
    double seconds = 0;
};

LoadedModel load(const CaptureOptions& options, const CommonOptions& common)
{
    if (options.device != "cpu")
        throw Error(ErrorCode::device, fmt::format("--device {}: this build runs on the CPU only; use --device cpu", options.device));
    if (options.dtype != "float32" && options.dtype != "bfloat16")
        throw Error(ErrorCode::usage, fmt::format("--dtype {}: expected float32 or bfloat16", options.dtype));
    const auto start = std::chrono::steady_clock::now();
    capture::setThreads(common.threads);
    const std::filesystem::path path = findModel(options.model);
    const capture::GgufFile file(path);
    const auto type = options.dtype == "float32" ? capture::WeightType::float32 : capture::WeightType::bfloat16;
    LoadedModel loaded;
    loaded.tokenizer = std::make_shared<capture::Tokenizer>(file);
    const std::shared_ptr<capture::Model> model = capture::loadModel(file, type);
    model->info.sha256 = capture::sha256OfFile(path);
    loaded.model = model;
    loaded.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return loaded;
}

/// Sums of the estimates, for --dry-run and --max-bytes.
struct Total {
    std::int64_t prompts = 0, promptTokens = 0, generated = 0;
    std::array<std::uint64_t, 4> bytes{};
};

Total estimateAll(const capture::Session& session, const std::vector<CaptureJob>& jobs)
{
    Total total;
    for (const CaptureJob& job : jobs) {
        const capture::Session::Estimate estimate = session.estimate(job.source);
        ++total.prompts;
        total.promptTokens += estimate.nPrompt;
        total.generated += estimate.nGenerated;
        for (std::size_t tier = 0; tier < total.bytes.size(); ++tier)
            total.bytes[tier] += estimate.bytes[tier];
    }
    return total;
}

void printEstimate(const Total& total, const CaptureOptions& options, const CommonOptions& common)
{
    Json tiers = Json::object();
    for (std::size_t tier = 0; tier < total.bytes.size(); ++tier)
        tiers[std::string(core::tierName(static_cast<core::Tier>(tier)))] = total.bytes[tier];
    if (common.json) {
        Json report = jsonReport("capture");
        report.update({{"prompts", total.prompts}, {"prompt_tokens", total.promptTokens},
                       {"generated_tokens_at_most", total.generated}, {"tier", options.tier},
                       {"uncompressed_bytes_at_most", tiers}});
        printJson(report);
        return;
    }
    fmt::print("{} prompt{}, {} prompt tokens, at most {} generated; bytes before compression, at most:\n", total.prompts,
               total.prompts == 1 ? "" : "s", total.promptTokens, total.generated);
    for (std::size_t tier = 0; tier < total.bytes.size(); ++tier) {
        const std::string_view name = core::tierName(static_cast<core::Tier>(tier));
        fmt::print("  {:<6} {:>10}{}\n", name, core::humanBytes(total.bytes[tier]), name == options.tier ? "  <- --tier" : "");
    }
}

void checkLimit(const Total& total, const CaptureOptions& options)
{
    if (options.maxBytes.empty())
        return;
    const auto tier = static_cast<std::size_t>(*core::tierFromName(options.tier));
    if (const std::uint64_t limit = parseByteSize(options.maxBytes); total.bytes[tier] > limit)
        throw Error(ErrorCode::usage,
                    fmt::format("tier {} may take {} before compression, more than --max-bytes {}; choose a smaller tier, "
                                "fewer --layers or a lower --limit",
                                options.tier, core::humanBytes(total.bytes[tier]), options.maxBytes));
}

/// The parameters of a batch run beside its captures. Every shard writes the same text, so their order does not matter.
void writeManifest(const CaptureOptions& options, const core::ModelInfo& model)
{
    const std::filesystem::path path = std::filesystem::path(options.output) / "capture.json";
    const std::filesystem::path part = path.string() + fmt::format(".{}.part", options.shard.empty() ? "0" : options.shard.substr(0, options.shard.find('/')));
    const Json manifest{{"format", "kvviz-run"}, {"format_version", "1.0"}, {"creator", creatorName()},
                  {"model", {{"name", model.name}, {"sha256", model.sha256}}}, {"tasks", options.tasks},
                  {"shots", options.shots}, {"seed", options.seed}, {"begin", options.begin},
                  {"limit", options.limit.value_or(1)}, {"tier", options.tier}, {"dtype", options.dtype},
                  {"continuation", options.continuation}, {"generate", options.generate}};
    std::ofstream out(part);
    out << manifest.dump(2) << '\n';
    out.close();
    std::error_code error;
    if (out)
        std::filesystem::rename(part, path, error);
    if (!out || error) {
        std::filesystem::remove(part, error);
        throw Error(ErrorCode::failure, fmt::format("{}: cannot be written", path.string()));
    }
}

void prepareFolder(const CaptureOptions& options)
{
    std::error_code error;
    std::filesystem::create_directories(options.output, error);
    if (error || !std::filesystem::is_directory(options.output))
        throw Error(ErrorCode::failure, fmt::format("{}: the folder cannot be made ({})", options.output,
                                                    error ? error.message() : "a file of that name is in the way"));
}

/// Runs the jobs of a command one after the other and keeps count.
class Runner {
public:
    Runner(const capture::Session& session, const CaptureOptions& options, const CommonOptions& common, double loadSeconds)
        : m_session(session), m_options(options), m_common(common), m_progress(consoleProgress(common)),
          m_loadSeconds(loadSeconds)
    {
    }

    int run(const std::vector<CaptureJob>& jobs)
    {
        for (const CaptureJob& job : jobs) {
            m_progress.throwIfStopped();
            if (m_options.resume && std::filesystem::exists(job.output)) {
                ++m_skipped;
                continue;
            }
            runOne(job, jobs.size());
        }
        return finish();
    }

private:
    void runOne(const CaptureJob& job, std::size_t count)
    {
        const std::string place = count == 1 ? "" : fmt::format("[{}/{}] ", m_done + m_failed + m_skipped + 1, count);
        try {
            const capture::CaptureSummary summary = m_session.run(job.source, job.output, m_progress);
            finishProgress();
            ++m_done;
            note(m_common, fmt::format("{}{}: {} prompt tokens, {} generated, {} (prefill {:.2f} s, decode {:.2f} s, write {:.2f} s)",
                                       place, job.output.string(), summary.nPrompt, summary.nGenerated,
                                       core::humanBytes(summary.fileBytes), summary.prefillSeconds, summary.decodeSeconds,
                                       summary.writeSeconds));
            if (summary.correct)
                ++(*summary.correct ? m_right : m_wrong);
            if (!summary.note.empty())
                note(m_common, "  " + summary.note);
            m_files.push_back({{"file", job.output.string()}, {"task", job.source.task}, {"id", job.source.id},
                               {"prompt_tokens", summary.nPrompt}, {"generated_tokens", summary.nGenerated},
                               {"correct", summary.correct ? Json(*summary.correct) : Json(nullptr)}, {"continuation", core::displayBytes(summary.continuation)}, {"bytes", summary.fileBytes},
                               {"prefill_s", summary.prefillSeconds}, {"decode_s", summary.decodeSeconds},
                               {"write_s", summary.writeSeconds}});
        } catch (const Error& error) {
            finishProgress();
            // In a batch one unfit prompt does not end the others; a full disk or a stop does.
            if (error.code() != ErrorCode::badInput || count == 1)
                throw;
            ++m_failed;
            fmt::print(stderr, "kvviz: {}{}\n", place, error.what());
        }
    }

    int finish()
    {
        if (m_common.json) {
            Json report = jsonReport("capture");
            report.update({{"load_s", m_loadSeconds}, {"captures", m_files}, {"skipped", m_skipped}, {"failed", m_failed},
                           {"correct", m_right}, {"wrong", m_wrong}});
            printJson(report);
        } else if (m_skipped > 0) {
            note(m_common, fmt::format("{} already there, skipped", m_skipped));
        }
        if (m_right + m_wrong > 1)
            note(m_common, fmt::format("{} of {} continuations hold the right answer", m_right, m_right + m_wrong));
        if (m_failed == 0)
            return 0;
        return m_done + m_skipped > 0 ? static_cast<int>(ErrorCode::partial) : static_cast<int>(ErrorCode::badInput);
    }

    const capture::Session& m_session;
    const CaptureOptions& m_options;
    const CommonOptions& m_common;
    core::Progress m_progress;
    std::size_t m_done = 0, m_skipped = 0, m_failed = 0, m_right = 0, m_wrong = 0;
    double m_loadSeconds;
    Json m_files = Json::array();
};

} // namespace

int runCapture(const CaptureOptions& options, const CommonOptions& common)
{
    const std::vector<CaptureJob> jobs = makeCaptureJobs(options);
    if (options.output.empty() && !options.dryRun)
        throw Error(ErrorCode::usage, "no output given; add -o FILE.kvh5, or -o FOLDER for several prompts");
    if (!options.dryRun && !options.force && !options.resume)
        for (const CaptureJob& job : jobs)
            if (std::filesystem::exists(job.output))
                throw Error(ErrorCode::failure, fmt::format("{} exists; use --resume to keep it, --force to write it anew", job.output.string()));

    const LoadedModel loaded = load(options, common);
    capture::CaptureSettings settings = makeCaptureSettings(options, common, loaded.model->info);
    settings.created = utcNow();
    const capture::Session session(loaded.model, loaded.tokenizer, settings);
    if (options.dryRun || !options.maxBytes.empty()) {
        const Total total = estimateAll(session, jobs);
        if (options.dryRun) {
            printEstimate(total, options, common);
            return 0;
        }
        checkLimit(total, options);
    }
    if (isBatch(options)) {
        prepareFolder(options);
        writeManifest(options, loaded.model->info);
    }
    return Runner(session, options, common, loaded.seconds).run(jobs);
}

} // namespace kvviz::app
