// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// kvviz-engine: the commands that need LibTorch.
#include "app/commands.hpp"
#include "app/engine/decode_replay.hpp"
#include "app/engine/device_backend.hpp"
#include "app/run_program.hpp"
#include "capture/linear.hpp"

#include <malloc.h>

int main(int argc, char** argv)
{
    // A prefill frees and asks again for the same tens of megabytes at every layer. glibc would return them to the
    // system each time and take them back page by page, which cost 5 to 10 % of a capture of 2048 tokens.
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    using namespace kvviz::app;
    ProgramTable table;
    table.program = Program::engine;
    table.commands = {
        {"capture", [](const Invocation& i) { return runCapture(i.capture, i.common); }},
        {"bench", [](const Invocation& i) { return runBench(i.bench, i.common); }},
        {"eval", [](const Invocation& i) { return runEval(i.eval, i.common); }},
        {"replay", [](const Invocation& i) { return runDecodeReplay(i.replay, i.common); }},
        {"tokenize", [](const Invocation& i) { return runTokenize(i.tokenize, i.common); }},
        {"models", [](const Invocation& i) { return runModels(i.models, i.common); }},
        {"share-search", [](const Invocation& i) { return runShareSearch(i.shareSearch, i.common); }},
        {"train-scorer", [](const Invocation& i) { return runTrainScorer(i.trainScorer, i.common); }},
        {"weight-table", [](const Invocation& i) { return runWeightTable(i.weightTable, i.common); }},
    };
    table.libraries = {{"LibTorch", kvviz::capture::torchVersion()}, {"PCRE2", KVVIZ_PCRE2_VERSION},
                       {"utf8proc", KVVIZ_UTF8PROC_VERSION}, {"sentencepiece", KVVIZ_SENTENCEPIECE_VERSION}};
    if (const std::string cuda = cudaPartVersion(); !cuda.empty())
        table.libraries.emplace_back("CUDA", cuda);
    return runProgram(argc, argv, table);
}
