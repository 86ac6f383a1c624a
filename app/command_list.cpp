// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Names, summaries, examples and explanations of the commands.
#include "app/cli.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::app {
namespace {

std::vector<CommandEntry> captureCommands()
{
    return {
        {"capture", Program::engine, "run a model on prompts and keep what its attention did",
         {{"kvviz capture --task addition --shots 8 -o addition.kvh5", "one few-shot prompt of a built-in task"},
          {"kvviz capture --text-file prompt.txt --tier full -o prompt.kvh5", "your own text, every attention row"},
          {"kvviz capture --task gsm8k --data-dir data --limit 100 --resume -o run/", "a batch that can be continued"},
          {"kvviz capture --task needle --length 3000 --tier full --dry-run", "how many bytes would that be?"}},
         "Runs the prompt through the model, keeps attention statistics, rows, keys and values in HDF5 files (one "
         "prompt a file), then lets the model continue, so that a replay has later queries to be judged on.\n\n"
         "A text file may mark its segments: a line '@@ shot' opens a shot, likewise '@@ system', '@@ instruction', "
         "'@@ question' and '@@ answer'; the marks are left out of the prompt.\n\n"
         "Tiers, each with all of the one before: 'stats' (what each key received), 'cache' (keys, values, queries, "
         "the exact rows of the last prompt queries and of every decode step), 'map' (pooled maps of everything), "
         "'full' (every attention row; grows with the square of the length). --dry-run prints the bytes of each.\n\n"
         "An interrupted batch keeps its finished files; the same command with --resume goes on. Several machines share a "
         "batch and its folder with --shard; 'kvviz status' says how far they are. The folder resources/slurm of the "
         "sources has job scripts."},
        {"tokenize", Program::engine, "show how a model's tokenizer splits text",
         {{"kvviz tokenize model/ --text 'Hello, world'", "ids and pieces of one text"},
          {"kvviz tokenize model.gguf < texts.jsonl > ids.jsonl", "many: JSON lines with \"text\" in, \"ids\" out"}},
         "Reads JSON lines {\"text\": ...} from standard input and writes each with its \"ids\", the \"decoded\" text "
         "and the \"offsets\" of the tokens."},
        {"models", Program::engine, "say what a model is, whether it runs here, and what it takes",
         {{"kvviz models check Llama-3.1-8B-Instruct/", "a Hugging Face folder"},
          {"kvviz models check --length 32768 --json model.gguf", "sizes of a long capture, for programs"}},
         "Reads the settings and the tensor tables of a Hugging Face folder (config.json, *.safetensors) or a GGUF file, "
         "checks them against each other, and touches no weight: a large model is checked at once. Says what is not "
         "supported and which architectures are (exit status 3), the memory for the weights and for a run of --length "
         "tokens, and the size of each capture tier."},
    };
}

std::vector<CommandEntry> fileCommands()
{
    return {
        {"info", Program::kvviz, "show what a capture holds",
         {{"kvviz info addition.kvh5", "model, prompt, segments, arrays"},
          {"kvviz info --json run/", "the same of a whole folder, for programs"}},
         "With one capture, everything is shown; with several (files, folders, packs), one line each, or everything "
         "with -v."},
        {"verify", Program::kvviz, "check capture files against the format, to the last chunk",
         {{"kvviz verify run/", "one line a capture; exit status 3 if one is not sound"},
          {"kvviz verify --json run.kvh5", "the problems as JSON"}},
         "Reads every array: shapes, types, finite values in range, attention rows that sum to 1."},
        {"pack", Program::kvviz, "join captures into one file",
         {{"kvviz pack run/ -o run.kvh5", "a folder as one file"},
          {"kvviz pack a.kvh5 b.kvh5 -o both.kvh5", "chosen files"},
          {"kvviz pack --virtual run/ -o run.kvh5", "one file that links to those of the folder, at once"}},
         "Every command that reads captures takes a pack in place of a folder. The captures are left as they are. A "
         "virtual pack is moved together with its captures; 'kvviz verify' says which are missing."},
        {"status", Program::kvviz, "say how far a batch or an evaluation on many machines is",
         {{"kvviz status run/", "done, running, failed, rate and time left"},
          {"kvviz status --json run/", "for programs"}},
         "Reads the files of the folder and nothing else: capture.json says which prompts there are, a capture that one is "
         "done, a part that one is in work, ID.failed.json that one was refused and why. A part that nobody touched for "
         "two minutes by the folder's own clock (this machine's where the folder is read-only, which is then said), or "
         "whose process on this machine is gone, was left by a dead task: its prompt waits for the next run with "
         "--resume. A task that loads its model is not seen yet. Journals of evaluations are counted. A folder that "
         "cannot be read hides no other; the exit status is then 3."},
        {"import", Program::kvviz, "make a capture of attention, keys and values saved by Python",
         {{"kvviz import outputs.npz -o outputs.kvh5", "arrays saved by numpy"},
          {"kvviz import outputs.safetensors --metadata about.json -o outputs.kvh5",
           "names of the model and the prompt from a file"},
          {"kvviz import *.npz -o imported/", "many, each to a file of its name"}},
         "For models that kvviz does not run. The arrays: 'input_ids' [T]; 'attention' [L, H, T, T], or one array a layer, "
         "attention.0 [H, T, T] and so on; 'key' and 'value' [L, G, T, d], optional; 'query' [L, H, T, d] after rotation "
         "or 'query_raw' before it, optional; 'tokens' (texts), optional. 'metadata' is JSON text: n_prompt (the tokens after it are the "
         "continuation), segments, names. The manual (docs/import.md) has all names and a script for transformers.\n\n"
         "Rows must sum to 1 and look at no later token and not beyond the layer's window; queries and keys must give them, "
         "as far as the model's arithmetic goes. Arrays of other names are not read, and named; pickled files (torch.save) "
         "are refused. What the arrays allow is filled in, up to --tier; what stays out "
         "is said. The most complete tier whose arrays are all there is written into the file; methods that need more say "
         "what they lack."},
        {"replay", Program::kvviz, "predict what each compression method would drop and lose",
         {{"kvviz replay run/", "every method at nine ratios, table and results file"},
          {"kvviz replay --methods 'snapkv;shotkv' --ratios 0.5,0.2 addition.kvh5", "two methods, two ratios"},
          {"kvviz replay --methods 'snapkv:window=16,kernel=7' --budget-tokens 64,128 run/",
           "own parameters, budgets in tokens"},
          {"kvviz replay --depth decode --methods 'snapkv;kivi' addition.kvh5", "the continuation run again"},
          {"kvviz replay --json --no-output run/ > replay.json", "for programs, no results file"}},
         "Gives each method the captured prompt and a budget, evicts or changes what it would, and measures on the "
         "decode queries what is lost. Ratios are the fraction of prompt tokens kept; methods of a fixed size and those "
         "that find their own are replayed once. 'A+B' changes what A keeps, as in snapkv+kivi.\n\n"
         "Depth 'mass' reports the attention mass that fell on evicted keys, with and without sink tokens. Depth "
         "'output' adds the relative error of each head's attention output, from the captured values: exact for one "
         "layer, first order over layers. No model runs for these two. Depth 'decode' needs kvviz-engine: it runs the "
         "captured continuation through the model over each compressed cache and reports the change of "
         "log-probability, the divergence and how often the most likely token stays.\n\n"
         "Some methods know more of a model with a table made once (--table): head-table, weight-table, train-scorer "
         "and share-search make them.\n\n"
         "Captures with a readout ('kvviz capture --readout') also get a predicted change of log-probability, without "
         "a model. With --calibration, the change of score to expect is shown with the interval that the calibration's "
         "errors on tasks it had not seen give; it counts for the model it was learned from only.\n\n"
         "Results go to FILE.kvres.h5 beside a file and to replay.kvres.h5 in a folder. 'kvviz methods' lists the "
         "methods with their parameters."},
        {"eval", Program::engine, "run a model with compressed caches and measure what its answers lose",
         {{"kvviz eval --task addition -o addition.kvres.h5", "six methods at nine ratios on twenty prompts"},
          {"kvviz eval --task gsm8k --data-dir data --shots 8 --limit 100 --resume -o gsm8k.kvres.h5",
           "a long run that can be continued"},
          {"kvviz eval --task needle --methods 'snapkv;h2o_online;snapkv+kivi' --ratios 0.5,0.2 -o n.kvres.h5",
           "other methods and ratios"},
          {"kvviz eval --task humaneval --data-dir data --allow-code-execution -o code.kvres.h5",
           "runs what the model wrote, in a sandbox"}},
         "Each prompt is read once; then every method at every budget, and the full cache, answers from what it keeps "
         "(greedy). Keys stay at their true positions; what is dropped is freed. Methods of each step go on "
         "evicting while the model generates.\n\n"
         "Delta P is (score - score of the full cache) / score of the full cache, equation 1 of arXiv 2502.01941, "
         "with a bootstrap 95 % interval over prompts; p is of a paired test. 'gold' is the change of the "
         "log-probability of the whole reference answer, in nats. As methods act at the end of the prefill, the first "
         "token of an answer is always that of the full cache.\n\n"
         "FILE.journal beside the results holds every finished prompt: a run that was stopped, in whatever way, goes on "
         "with --resume and ends with the same results. With --shard, each machine writes a journal of its own; the same "
         "command with --resume and without --shard joins them and writes the results."},
        {"bench", Program::engine, "measure how long answers take with compressed caches",
         {{"kvviz bench", "four methods at ratio 0.1, two lengths"},
          {"kvviz bench --lengths 4096/512 --batch 8 --methods 'snapkv;shotkv' --ratios 0.5,0.1", "many streams"}},
         "Reads a text, compresses its cache and generates, as table 5 of arXiv 2502.01941 does: seconds of prefill, "
         "compression and decoding, tokens a second, and the memory that the caches hold. Lengths that the machine's "
         "memory does not hold are left out."},
        {"calibrate", Program::kvviz, "learn from evaluations what a replay's numbers mean in lost score",
         {{"kvviz calibrate run/replay.kvres.h5 eval.kvres.h5 -o smollm2.json",
           "predicted against measured, and a curve"},
          {"kvviz calibrate --predictor lost_non_sink run/replay.kvres.h5 eval.kvres.h5",
           "another predictor, report only"}},
         "Joins replays of some prompts with evaluations of other prompts of the same tasks, by task, method and "
         "ratio. A prompt on both sides is refused. Reports how well the ranks agree (Spearman, Kendall; intervals by "
         "drawing whole tasks) and fits a monotone curve from the replay's number to the change of score, with its errors on "
         "tasks that it was not fitted to.\n\n"
         "'kvviz replay --calibration' applies the curve, 'kvviz figure predicted' draws it."},
        {"methods", Program::kvviz, "list the compression methods, or explain one",
         {{"kvviz methods", "one line a method"},
          {"kvviz methods snapkv", "idea, equation, parameters, presets, source"}},
         "With -q, only the names."},
        {"tasks", Program::kvviz, "list the tasks that prompts come from, or show a prompt",
         {{"kvviz tasks", "one line a task"},
          {"kvviz tasks show addition --index 3 --shots 8", "the fourth prompt, its segments coloured"}},
         "Built-in tasks are generated from a seed; the others read public files from --data-dir in their published "
         "form. Without colour the segments are marked in brackets. With -q, only the names."},
    };
}

std::vector<CommandEntry> tableCommands()
{
    return {
        {"train-scorer", Program::engine, "learn from captures which prompt tokens later steps will attend to",
         {{"kvviz train-scorer run/ -o scorer.kvtab.h5", "from a folder of captures, in a minute or so"},
          {"kvviz train-scorer run/ -o scorer.kvtab.h5 --layer 10 --hidden 64", "another layer, a wider network"}},
         "Trains a small network that gives each prompt token one score from its keys (before RoPE) and values at one "
         "early layer, to be used by the method token_scorer. It learns the attention that captured decode steps paid "
         "to the prompt beyond the sinks, over all layers and heads; no weights of the model change, so this is not "
         "KV-Distill.\n\n"
         "A fifth of the prompts stops the training, another fifth is looked at only at the end: what the scorer would "
         "keep there with 30 % of the tokens, beside chance, short keys, and full knowledge of the future. Captures of "
         "at least four prompts with decode steps are needed, of one model, all layers and heads, tier cache or "
         "more. The same captures and seed give the same scorer."},
        {"weight-table", Program::engine, "factor a model's key and value projections for low-rank methods",
         {{"kvviz weight-table -o smollm2.kvtab.h5", "bases of the default model, for LoRC"},
          {"kvviz weight-table --model m.gguf --calibration text.txt -o m.kvtab.h5",
           "with activation-scaled ones, for CSKV"}},
         "Writes the singular vectors and values of W_K and W_V of every layer. With --calibration, the model also "
         "reads that text to see how large the inputs of these projections are, and the singular vectors of the scaled "
         "weights are added."},
        {"share-search", Program::engine, "find which layers can use the cache of another one",
         {{"kvviz share-search -o sharing.kvtab.h5", "a quarter of the default model's layers"},
          {"kvviz share-search --model m.gguf --layers-to-share 4 --threshold 0.7 -o m.kvtab.h5",
           "four layers, judged more strictly"}},
         "KVSharer's search: pairs of layers are tried from the most different caches on, and a pair is accepted when "
         "the model's final hidden states, with the deeper layer reading the cache of the other, keep a cosine above "
         "--threshold to those of the untouched model. Pieces of 64 tokens of our own paragraphs are used, or of "
         "--text."},
        {"head-table", Program::kvviz, "measure from captures which heads look back at the answer",
         {{"kvviz head-table needle/ -o heads.kvtab.h5", "from captures of the task needle"},
          {"kvviz head-table --json needle/ -o heads.kvtab.h5 --force", "for programs, over an older table"}},
         "The head importance of HeadKV: how often each query head has its strongest attention on the answer in the "
         "prompt while the model gives that answer. Captures whose continuation does not hold the answer do not "
         "count."},
    };
}

std::vector<CommandEntry> studyCommands()
{
    return {
        {"study", Program::kvviz, "measure the paper's six observations again and say which hold",
         {{"kvviz study obs1 --model model.gguf -o study/", "does the loss depend on the task?"},
          {"kvviz study all --quick -o quick/", "everything, small: see what the page looks like"},
          {"kvviz study all --model model.gguf -o study/ --resume", "go on, or add observations to a study"},
          {"kvviz study obs2 --model a-instruct.gguf --model b-r1-distill.gguf -o types/", "two kinds of model"}},
         "Runs 'kvviz eval' step by step on the tasks, shots, methods and ratios that an observation of KVFundaBench "
         "(arXiv 2502.01941) is about, then says of each observation whether it 'holds', 'does not hold', or is 'not "
         "decidable here', with the numbers, bootstrap intervals and sample sizes behind the words.\n\n"
         "obs1: how much is lost depends on the task. obs2: on the kind of model. obs3: fewer shots lose more. obs4: "
         "chunks beat single tokens on many-shot prompts. obs5: tasks that gain more from shots lose more. obs6: long "
         "generation loses more.\n\n"
         "The folder gets study.md and study.html with the paper's tables as measured here (published values beside "
         "them, marked so), figures if kvviz-gui is there, the results files, and study.json. Steps that are done are "
         "never run again with --resume, an interrupted one goes on where it was, and one that fails does not end the "
         "study. Public data in --data-dir takes the place of built-in tasks."},
    };
}

std::vector<CommandEntry> pictureCommands()
{
    return {
        {"figure", Program::gui, "draw a figure for a paper, without a display",
         {{"kvviz figure heatmap addition.kvh5 -o heatmap.pdf", "attention with shot boundaries"},
          {"kvviz figure methods run/replay.kvres.h5 -o methods.svg", "what methods lose against what they keep"},
          {"kvviz figure methods --methods 'snapkv;kivi;snapkv+kivi' run/replay.kvres.h5 -o three.pdf",
           "three of them"},
          {"kvviz figure delta eval.kvres.h5 -o delta.pdf", "change of score, a panel a method"},
          {"kvviz figure delta eval.kvres.h5 --by method --published -o paper.pdf", "a panel a task, the paper beside"},
          {"kvviz figure predicted check.json -o predicted.pdf", "predicted against measured changes"},
          {"kvviz figure cumulative run/ -o cumulative.pdf", "cumulative attention with and without sinks"},
          {"kvviz figure tasks addition.kvh5 needle.kvh5 -o tasks.png", "heatmaps side by side"},
          {"kvviz figure fig5 eval.kvres.h5 --width-preset text --csv -o fig5.pdf", "figure 5 of the paper, measured"}},
         "Writes PDF, SVG or PNG by the ending of --output, and beside it a JSON file with the numbers, their origin "
         "and the command.\n\n"
         "fig1 to fig9 draw the figures of arXiv 2502.01941 from your data, dashed beside them what the paper printed: "
         "1 methods on long-context and arithmetic tasks, 2 attention maps of tasks, 3 cumulative attention with and "
         "without sinks, 4 sensitivity of abilities, 5 abilities under each method, 6 models, 7 numbers of examples, "
         "8 many-shot prompts, 9 further models."},
        {"report", Program::gui, "write one page (HTML) with everything about captures and results",
         {{"kvviz report run/ -o report.html", "maps, curves, methods; opens in any browser, needs no network"},
          {"kvviz report run/ eval.kvres.h5 --max-mb 5 -o report.html", "with accuracies, small enough for a mail"}},
         "One self-contained file: captures with their answers, interactive attention maps with token texts, cumulative "
         "curves with and without sinks, what methods lose against what they keep, changes of score with intervals, and "
         "which shots survive. Results files in a folder are taken along. What did not fit into --max-mb is named on "
         "the page."},
        {"view", Program::gui, "open captures in the desktop program",
         {{"kvviz view addition.kvh5", "or just: kvviz addition.kvh5"},
          {"kvviz view run/ --layer 12 --head 3", "a folder, starting at a chosen head"},
          {"kvviz view --demo", "a guided tour, nothing needed"}},
         "FILES may also be results (*.kvres.h5), checks of predictions (*.json) and sessions (*.kvsession.json)."},
        {"completion", Program::kvviz, "print the completion script of a shell",
         {{"kvviz completion bash > ~/.local/share/bash-completion/completions/kvviz", "for bash"},
          {"kvviz completion fish > ~/.config/fish/completions/kvviz.fish", "for fish"}},
         ""},
        {"man", Program::kvviz, "print a man page",
         {{"kvviz man | man -l -", "read the overview"},
          {"kvviz man capture > kvviz-capture.1", "the page of one command, as roff"}},
         ""},
    };
}

std::vector<CommandEntry> makeList()
{
    std::vector<CommandEntry> result = captureCommands();
    for (auto part : {fileCommands(), tableCommands(), studyCommands(), pictureCommands()})
        result.insert(result.end(), part.begin(), part.end());
    return result;
}

} // namespace

std::string_view programName(Program program)
{
    switch (program) {
    case Program::engine: return "kvviz-engine";
    case Program::gui: return "kvviz-gui";
    default: return "kvviz";
    }
}

const std::vector<CommandEntry>& commandList()
{
    static const std::vector<CommandEntry> kList = makeList();
    return kList;
}

const CommandEntry& commandEntry(std::string_view name)
{
    std::vector<std::string> names;
    for (const CommandEntry& entry : commandList()) {
        if (entry.name == name)
            return entry;
        names.push_back(entry.name);
    }
    const std::string nearest = core::nearestName(name, names);
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("unknown command '{}'{}", core::shown(name),
                                  nearest.empty() ? std::string() : fmt::format("; did you mean '{}'?", nearest)));
}

} // namespace kvviz::app
