// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the user typed, as plain structs. app/cli.cpp fills them from one CLI11 table that all three programs, the
// completions and the man pages share; the commands take them as arguments.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kvviz::app {

/// Options every command has.
struct CommonOptions {
    bool quiet = false;  ///< -q: no progress, no notes
    int verbose = 0;     ///< -v
    int threads = 0;     ///< 0: all cores
    bool json = false;   ///< one JSON object on stdout and nothing else
    std::string color = "auto"; ///< auto, always, never (NO_COLOR is honoured)
    std::string commandLine;    ///< as typed, for provenance (program name without its folder)
};

/// How prompts of a task are made.
struct TaskChoice {
    int shots = -1;
    std::uint64_t seed = 0;
    std::string dataDir;
    std::string subject;
    std::int64_t length = 0;
    double depth = -1;
    bool skipBad = false;
    int questions = 0;               ///< long-context generation: in one prompt; 0 is the task's own number
    bool allowCodeExecution = false; ///< run the code that a model wrote
};

/// Which methods at which budgets.
struct MethodChoice {
    std::string methods = "all";             ///< specifications separated by ';', or "all"
    std::string ratios = "0.9,0.8,0.7,0.6,0.5,0.4,0.3,0.2,0.1";
    std::string budgetTokens;                ///< "64,128": instead of ratios
    std::vector<std::string> tables;         ///< --table FILE (repeatable)
};

struct CaptureOptions : TaskChoice {
    std::string model;      ///< --model PATH (default: $KVVIZ_MODEL, then the model that scripts/setup put in place)
    std::string output;     ///< -o FILE.kvh5 for one prompt, or a folder for a batch
    // What to run (exactly one):
    std::string text;       ///< --text "..."
    std::string textFile;   ///< --text-file FILE ("@@ shot" marks allowed)
    std::string tokenIds;   ///< --token-ids FILE.json
    std::vector<std::string> tasks; ///< --task NAME (repeatable)
    // Which of a task's prompts:
    std::int64_t begin = 0;               ///< --begin: first prompt of each task
    std::optional<std::int64_t> limit;    ///< --limit N prompts a task (default 1)
    std::string shard;                    ///< --shard i/n, 0 <= i < n, or auto
    bool resume = false, force = false, dryRun = false;
    std::string maxBytes;                 ///< --max-bytes 2GB: refuse a run whose estimate is larger
    // What to keep:
    std::string tier = "cache";           ///< stats, cache, map, full
    std::string layers;                   ///< "0-3,7"; empty = all
    std::string heads;                    ///< query heads, rounded up to whole KV groups; empty = all
    std::string queries;                  ///< full tier: "last:64" or "0-99,200"; empty = all
    std::int64_t window = 32;             ///< W
    std::int64_t mapCap = 512;            ///< cells a side of the finest pyramid level
    int topK = 10;                        ///< logits kept a token
    int readout = 0;                      ///< next tokens whose logits are followed back to the heads; 0: none
    std::string rowsDtype = "float16", cacheDtype = "float16", mapDtype = "float16";
    // How to run:
    std::string continuation = "greedy";  ///< greedy, gold, none
    std::int64_t generate = 64;           ///< most tokens to continue
    std::string dtype = "float32";        ///< float32, bfloat16, or on GPUs float16 weights
    std::string chat = "none";            ///< auto, none or the name of a chat template
    std::string device = "cpu";           ///< cpu, cuda, cuda:1, cuda:0,cuda:1
};

struct TokenizeOptions {
    std::string model; ///< positional; JSON lines {"text"} on stdin, {"text","ids","decoded","offsets"} on stdout
    std::vector<std::string> texts; ///< --text, in place of stdin
};

struct ModelsOptions {
    std::string action; ///< "check"
    std::string path;   ///< folder or GGUF file
    std::int64_t length = 2048, generate = 64; ///< of the capture whose sizes are told
};

struct InfoOptions { std::vector<std::string> files; bool layers = false; };
struct VerifyOptions { std::vector<std::string> files; };
struct PackOptions { std::vector<std::string> inputs; std::string output; bool force = false, linked = false; };
struct StatusOptions { std::vector<std::string> folders; };
struct ImportOptions {
    std::vector<std::string> files;       ///< .npz, .safetensors
    std::string output;                   ///< FILE.kvh5, or a folder
    std::string metadata;                 ///< --metadata FILE.json, for what the arrays do not say
    std::string tier = "map";             ///< the most to keep
    std::int64_t window = 32, mapCap = 512;
    std::string rowsDtype = "float16", cacheDtype = "float16", mapDtype = "float16";
    bool force = false;
};

struct ReplayOptions : MethodChoice {
    std::vector<std::string> captures;
    std::string depth = "output";            ///< mass, output, decode
    std::string model;                       ///< depth decode: --model PATH
    std::string calibration;                 ///< --calibration FILE: of kvviz calibrate
    std::uint64_t seed = 0;
    std::string output;                      ///< results file; default: beside the captures
    bool noOutput = false, noMasks = false, force = false;
    std::string csv;                         ///< --csv FILE
};

struct EvalOptions : TaskChoice, MethodChoice {
    EvalOptions() { methods = "streaming_noshift;h2o;snapkv;pyramidkv;chunkkv;shotkv"; } // those of KVFundaBench
    std::string model;                    ///< as for capture
    std::vector<std::string> tasks;       ///< --task NAME (repeatable)
    std::int64_t begin = 0, limit = 20;   ///< prompts of each task
    std::string shard;                    ///< as for capture
    std::int64_t generate = 0;            ///< most tokens of an answer; 0: what the task needs
    std::int64_t window = 32;             ///< W
    std::string dtype = "float32";
    std::string chat = "none";             ///< auto, none or the name of a chat template
    std::string maxCache = "4GB";         ///< memory of compressed caches at a time
    std::string output, csv;
    bool resume = false, force = false;
};

struct BenchOptions : MethodChoice {
    BenchOptions() { methods = "streaming_noshift;snapkv;chunkkv;shotkv", ratios = "0.1"; }
    std::string lengths = "512/128,1024/256"; ///< input/output tokens
    std::string model;
    std::int64_t batch = 1, repeat = 3, window = 32;
    std::uint64_t seed = 0;
    std::string dtype = "float32";
};

struct TrainScorerOptions {
    std::vector<std::string> captures;
    std::string output;
    int layer = -1;      ///< -1: a fifth of the depth
    int hidden = 32;
    int epochs = 200;    ///< at most
    std::uint64_t seed = 0;
    bool force = false;
};
struct WeightTableOptions {
    std::string model, output;
    std::string calibration;         ///< text to measure activations on; empty: no scaled factors
    std::int64_t limitTokens = 8192; ///< most of it
    bool force = false;
};
struct ShareSearchOptions {
    std::string model, output;
    int layersToShare = -1;          ///< -1: a quarter of the layers
    double threshold = 0.5;          ///< cosine of the final hidden states
    std::string text;                ///< empty: our own paragraphs
    bool force = false;
};
struct HeadTableOptions {
    std::vector<std::string> captures;
    std::string output;
    bool force = false;
};

struct CalibrateOptions {
    std::vector<std::string> results; ///< files with replays and with evaluations
    std::string predictor = "auto";   ///< auto: the best one that the replays hold
    std::string output;               ///< empty: report only
    std::uint64_t seed = 0;           ///< of the bootstrap
    bool force = false;
};

struct MethodsOptions { std::string name; };
struct TasksOptions : TaskChoice {
    std::string action; ///< "" (list) or "show"
    std::string name;
    std::int64_t index = 0;
};

struct FigureOptions {
    std::string name;                ///< heatmap, cumulative, tasks, methods, delta, predicted, fig1 to fig9
    std::vector<std::string> files;
    std::string output;              ///< .pdf, .svg, .png
    double widthMm = 0;              ///< 0: the figure's own (85 one column, 178 two)
    double heightMm = 0;             ///< 0: follows from the width
    double dpi = 0;                  ///< of PNG and of embedded rasters; 0: the style's, else 300
    double fontSizePt = 0;           ///< 0: the figure's own
    int layer = -1;                  ///< -1: the figure's own choice (said in the sidecar)
    int head = -1;                   ///< -1: likewise; the mean over heads where that makes sense
    std::string pooling = "max";     ///< max, mean
    std::string colors = "viridis";  ///< viridis, cividis, magma
    std::string scale = "log";       ///< log, linear
    std::string range;               ///< "0.001,1": fixed colour range; delta, predicted: of the y axis
    std::string axes = "auto";       ///< auto, token, position
    int sinks = 4;                   ///< first k tokens treated as sinks
    std::string queries, keys;       ///< "100-200": zoom
    std::string metric;              ///< methods: mass, output, kl, logprob; delta: delta, score, gold; empty: default
    std::string methods;             ///< methods, delta: which to draw; empty: all
    std::string by = "task";         ///< delta: of what a line is one: task, method, shots, model
    std::vector<std::string> tasks;  ///< delta: which to draw (--task); empty: all
    bool published = false;          ///< delta: the paper's numbers beside the measured ones
    std::string theme;               ///< light, dark; empty: the style's, else light
    std::string title;
    bool noSidecar = false, force = false;
    std::string style;               ///< --style FILE.json
    std::string widthPreset;         ///< column, text, slide; empty: none
    bool csv = false;                ///< PATH.csv beside the figure
    bool noPublished = false;        ///< fig1 to fig9 without the paper's numbers
};

struct ReportOptions {
    std::vector<std::string> files;  ///< folders, captures, results
    std::string output;              ///< .html
    std::string title;
    double maxMb = 20;               ///< size of the page, in 10^6 bytes
    std::string layers;              ///< "0-3,7" of maps; empty: a few over the depth
    int cells = 256;                 ///< of a map, a side
    int sinks = 4;
    bool noPublished = false, force = false;
};

struct StudyCommandOptions {
    std::vector<std::string> observations; ///< obs1 to obs6, all
    std::vector<std::string> models;       ///< --model PATH (repeatable); empty: eval's default
    std::string output;                    ///< -o FOLDER
    std::string dataDir;
    std::optional<std::int64_t> limit;     ///< prompts of each task
    std::uint64_t seed = 0;
    bool quick = false, resume = false, allowCodeExecution = false, noFigures = false;
};

struct ViewOptions {
    std::vector<std::string> files;
    int layer = 0, head = 0;
    std::string screenshot; ///< --screenshot FILE.png: draw once, save, leave
    std::string theme = "system"; ///< --theme system|light|dark
    bool fresh = false;     ///< --fresh: neither read nor write settings
    bool demo = false;      ///< --demo: the guided tour
};

/// The whole command line.
struct Invocation {
    std::string command; ///< "capture", "info", ...
    CommonOptions common;
    CaptureOptions capture;
    TokenizeOptions tokenize;
    ModelsOptions models;
    InfoOptions info;
    VerifyOptions verify;
    PackOptions pack;
    StatusOptions status;
    ImportOptions importing;
    ReplayOptions replay;
    EvalOptions eval;
    BenchOptions bench;
    TrainScorerOptions trainScorer;
    WeightTableOptions weightTable;
    ShareSearchOptions shareSearch;
    HeadTableOptions headTable;
    CalibrateOptions calibrate;
    MethodsOptions methods;
    TasksOptions tasks;
    FigureOptions figure;
    ReportOptions report;
    ViewOptions view;
    StudyCommandOptions study;
    std::string completionShell; ///< completion bash|zsh|fish
    std::string manPage;         ///< man [COMMAND]
};

} // namespace kvviz::app
