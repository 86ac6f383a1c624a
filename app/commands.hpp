// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The commands. Each is defined in the program that runs it (kvviz: info ... study; kvviz-engine: capture, tokenize,
// train-scorer ..., replay at depth decode; kvviz-gui: figure, report, view) and returns an exit status or throws core::Error.
#pragma once

#include "app/options.hpp"

namespace kvviz::app {

int runInfo(const InfoOptions& options, const CommonOptions& common);
int runVerify(const VerifyOptions& options, const CommonOptions& common);
int runStatus(const StatusOptions& options, const CommonOptions& common);
int runImport(const ImportOptions& options, const CommonOptions& common);
int runPack(const PackOptions& options, const CommonOptions& common);
/// Depths mass and output in kvviz; kvviz-engine also has depth decode and hands in what runs the model.
class DecodeDepth;
int runReplay(const ReplayOptions& options, const CommonOptions& common, DecodeDepth* decode = nullptr);
int runHeadTable(const HeadTableOptions& options, const CommonOptions& common);
int runCalibrate(const CalibrateOptions& options, const CommonOptions& common);
int runMethods(const MethodsOptions& options, const CommonOptions& common);
int runTasks(const TasksOptions& options, const CommonOptions& common);
int runStudy(const StudyCommandOptions& options, const CommonOptions& common);

int runEval(const EvalOptions& options, const CommonOptions& common);
int runBench(const BenchOptions& options, const CommonOptions& common);
int runCapture(const CaptureOptions& options, const CommonOptions& common);
int runModels(const ModelsOptions& options, const CommonOptions& common);
int runTokenize(const TokenizeOptions& options, const CommonOptions& common);
int runTrainScorer(const TrainScorerOptions& options, const CommonOptions& common);
int runWeightTable(const WeightTableOptions& options, const CommonOptions& common);
int runShareSearch(const ShareSearchOptions& options, const CommonOptions& common);

int runFigure(const FigureOptions& options, const CommonOptions& common);
int runReport(const ReportOptions& options, const CommonOptions& common);
int runView(const ViewOptions& options, const CommonOptions& common);

} // namespace kvviz::app
