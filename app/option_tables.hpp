// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The option table of each command, and the rules between options that CLI11 cannot say.
#pragma once

#include "app/option_table.hpp"

namespace kvviz::app {

/// The positionals of every command that reads captures.
inline constexpr const char* kCapturePositional = "FILES";
inline constexpr const char* kCaptureHelp = "captures (*.kvh5), packs, or folders of them";

void addCommonOptions(CLI::App& app, CommonOptions& options);
/// What every command that opens a task asks about it.
void addTaskChoice(OptionTable& table, TaskChoice& options);
/// Methods, budgets and the tables that methods need.
void addMethodChoice(OptionTable& table, MethodChoice& options);

void addCaptureOptions(CLI::App& app, CaptureOptions& options);
void addModelsOptions(CLI::App& app, ModelsOptions& options);
void addTokenizeOptions(CLI::App& app, TokenizeOptions& options);
void addInfoOptions(CLI::App& app, InfoOptions& options);
void addVerifyOptions(CLI::App& app, VerifyOptions& options);
void addPackOptions(CLI::App& app, PackOptions& options);
void addStatusOptions(CLI::App& app, StatusOptions& options);
void addImportOptions(CLI::App& app, ImportOptions& options);
void addReplayOptions(CLI::App& app, ReplayOptions& options);
void addEvalOptions(CLI::App& app, EvalOptions& options);
void addBenchOptions(CLI::App& app, BenchOptions& options);
void addTrainScorerOptions(CLI::App& app, TrainScorerOptions& options);
void addWeightTableOptions(CLI::App& app, WeightTableOptions& options);
void addShareSearchOptions(CLI::App& app, ShareSearchOptions& options);
void addHeadTableOptions(CLI::App& app, HeadTableOptions& options);
void addCalibrateOptions(CLI::App& app, CalibrateOptions& options);
void addMethodsOptions(CLI::App& app, MethodsOptions& options);
void addTasksOptions(CLI::App& app, TasksOptions& options);
void addStudyOptions(CLI::App& app, StudyCommandOptions& options);
void addFigureOptions(CLI::App& app, FigureOptions& options);
void addReportOptions(CLI::App& app, ReportOptions& options);
void addViewOptions(CLI::App& app, ViewOptions& options);
void addCompletionOptions(CLI::App& app, std::string& shell);
void addManOptions(CLI::App& app, std::string& page);

/// Options that exclude or need each other; throws Error(usage).
void checkInvocation(const Invocation& invocation);

} // namespace kvviz::app
