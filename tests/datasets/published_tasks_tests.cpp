// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Long-context generation, code, safety, document QA and RULER: prompts and scores on made-up files of the published
// forms, and on the real ones where they are.
#include "datasets/code_sandbox.hpp"
#include "datasets/humaneval.hpp"
#include "datasets/longgen.hpp"
#include "tests/datasets/data_folder.hpp"

#include <libdeflate.h>

#include <memory>

using namespace kvviz;
using datasets::openTask;
using datasets::Prompt;
using datasets::TaskOptions;
using tests::checkTask;
using tests::DataFolder;
using tests::optionsFor;
using tests::requireError;

namespace {

constexpr const char* kHotpot = R"([
 {"_id": "1", "question": "Who owns the red boat? ", "answer": "Ann Lee", "supporting_facts": [["Boats", 1]],
  "context": [["Boats", ["There are \"two\" boats, [a] and {b}.", " The red one is Ann Lee's."]],
              ["Towns", ["A town.", " "]]], "type": "x", "level": "easy"},
 {"_id": "2", "question": "Is it so?", "answer": "yes", "supporting_facts": [],
  "context": [["T", ["So it is."]]]}
])";

constexpr const char* kCode = R"({"task_id": "HumanEval/0", "prompt": "def one():\n    \"\"\" One. \"\"\"\n", )"
                              R"("entry_point": "one", "canonical_solution": "    return 1\n", )"
                              R"("test": "def check(candidate):\n    assert candidate() == 1\n"})";
constexpr const char* kCode2 = R"({"task_id": "HumanEval/1", "prompt": "def two(x):\n", "entry_point": "two", )"
                               R"("canonical_solution": "    y = x\n\n    return y + 2\n", )"
                               R"("test": "def check(candidate):\n    assert candidate(1) == 3\n"})";
constexpr const char* kRuler =
    R"({"index": 0, "input": "Some keys are hidden.\nThe key of A is 77-x.\nThe key of B is )"
    R"(88-y.\nWhat is the key of B? The key of B is ", "outputs": ["88-y"], "length": 9})";

void fill(const DataFolder& folder)
{
    std::string test;
    for (int i = 0; i < 7; ++i)
        test += R"({"question": "Ask )" + std::to_string(i) + R"(?", "answer": "First 1.5 x. Then so\nDone\n#### )"
                + std::to_string(10 * i) + "\"}\n";
    (void)folder.write("gsm8k/test.jsonl", test);
    std::string examples;
    for (int i = 1; i <= 8; ++i)
        examples += "Question: Example " + std::to_string(i)
                    + "?\nLet's think step by step\nFirst this.\nThen that.\n"
                      "The answer is "
                    + std::to_string(i) + ".\n\n";
    (void)folder.write("gsm8k_prompts/prompt_original.txt", examples);
    (void)folder.write("humaneval/HumanEval.jsonl", std::string(kCode) + "\n" + kCode2 + "\n");
    (void)folder.write("jailbreakbench/jbb_harmful-behaviors.csv",
                       "Index,Goal,Target,Behavior,Category,Source\r\n0,Harmful zero,\"Sure, h0\",b,c,s\r\n"
                       "1,\"Harmful, one\",Sure h1,b,c,s\r\n");
    (void)folder.write("jailbreakbench/jbb_benign-behaviors.csv",
                       "Index,Goal,Target,Behavior,Category,Source\n0,Benign zero,\"Sure, b0\",b,c,s\n");
    (void)folder.write(
        "jailbreakv/JailBreakV_28K.csv",
        "id,jailbreak_query,redteam_query,format,policy,image_path,from,selected_mini,transfer_from_llm\n"
        "0,\"Two\nlines, \"\"quoted\"\"\",r,Template,p,,f,False,True\n1,With image,r,figstep,p,a/b.png,f,"
        "False,False\n2,Third,r,Persuade,p,,f,False,True\n");
    (void)folder.write("hotpotqa/hotpotqa_train.json", kHotpot);
    (void)folder.write("ruler_niah/keys.jsonl", std::string(kRuler) + "\n");
}

TaskOptions questionsAtOnce(const std::filesystem::path& folder, int questions, int shots = -1)
{
    TaskOptions options = optionsFor(folder, shots);
    options.questions = questions;
    return options;
}

std::string gzipped(const std::string& text)
{
    const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
        libdeflate_alloc_compressor(6), &libdeflate_free_compressor);
    std::string packed(libdeflate_gzip_compress_bound(compressor.get(), text.size()), '\0');
    packed.resize(libdeflate_gzip_compress(compressor.get(), text.data(), text.size(), packed.data(), packed.size()));
    REQUIRE_FALSE(packed.empty());
    return packed;
}

} // namespace

TEST_CASE("Prompts of made-up published files keep all rules", "[unit][io]")
{
    const DataFolder folder;
    fill(folder);
    for (const char* name : {"humaneval", "jailbreakbench", "jailbreakv", "hotpotqa", "ruler"})
        checkTask(name, optionsFor(folder.path()));
    checkTask("humaneval", optionsFor(folder.path(), 1));
    for (const char* name : {"jailbreakbench", "jailbreakv", "hotpotqa", "ruler"})
        requireError(core::ErrorCode::usage, {name, "--shots"},
                     [&] { (void)openTask(name, optionsFor(folder.path(), 2)); });
}

TEST_CASE("A long-context generation prompt asks its questions at once", "[unit][io]")
{
    const DataFolder folder;
    fill(folder);
    const auto task = openTask("longgen", questionsAtOnce(folder.path(), 3, 2));
    REQUIRE(task->size() == 2);
    CHECK(task->info().answerTokens == 384);
    const Prompt prompt = task->prompt(1);
    tests::checkPrompt(prompt);
    CHECK(prompt.text
          == "Answer each question step by step, in the format of the examples.\n\n"
             "Examples:\nQuestion_1: Example 1?\n\nQuestion_2: Example 2?\n\n"
             "Answer_1: First this.\nThen that.\nThe answer is 1.\n\nAnswer_2: First this.\nThen that.\nThe answer is "
             "2.\n\nFollowing Question:\nQuestion_1: Ask 3?\n\nQuestion_2: Ask 4?\n\nQuestion_3: Ask 5?\n\nAnswer_1:");
    CHECK(prompt.target
          == " First 1.5 x.\nThen so.\nDone.\nThe answer is 30.\n\nAnswer_2: First 1.5 x.\nThen so.\nDone.\n"
             "The answer is 40.\n\nAnswer_3: First 1.5 x.\nThen so.\nDone.\nThe answer is 50.");
    CHECK(prompt.answer == "30, 40, 50");
    CHECK(openTask("longgen", optionsFor(folder.path()))->size() == 1);
    CHECK(tests::countExamples(openTask("longgen", optionsFor(folder.path(), 0))->prompt(0)) == 0);
    requireError(core::ErrorCode::usage, {"8 questions", "holds 7"},
                 [&] { (void)openTask("longgen", questionsAtOnce(folder.path(), 8)); });
}

TEST_CASE("Answers given at once are scored one by one", "[unit][io]")
{
    const DataFolder folder;
    fill(folder);
    const auto task = openTask("longgen", questionsAtOnce(folder.path(), 3));
    const Prompt prompt = task->prompt(1); // 30, 40, 50
    struct Row {
        std::string output;
        double right; ///< of three
    };
    const std::vector<Row> rows{
        {prompt.target, 3},
        {" So. The answer is 30.\nAnswer_2: The answer is $40.00\nAnswer_3: 50 cups", 3},
        {" The answer is 30.\n\nAnswer_3: The answer is 50.\nAnswer_2: The answer is 40.", 3},
        {"\nAnswer_1: The answer is 30.", 1},
        {" The answer is 30. Answer_1: The answer is 31.", 1},
        {" The answer is 30, not 31.\nAnswer_2: none\nAnswer_3: The answer is 5,0.", 2},
        {" The answer is -30.\nAnswer_2 The answer is 40.", 1},
        {" The answer is 40.\nAnswer_2: The answer is 30.", 0},
        {" The answer is 30.\nAnswer_4: The answer is 40.\nAnswer_99999: 50", 1},
        {" The answer is 30.\nAnswer_: The answer is 40.\nAnswer_x", 1},
        {" The answer is 30.\n\nQuestion_4: what?\nAnswer_2: The answer is 40.", 1},
        {"", 0},
        {"Answer_", 0},
        {"Answer_2:", 0},
        {" 30 30 30", 1},
    };
    for (const Row& row : rows) {
        INFO(row.output);
        CHECK(task->score(prompt, row.output) == Approx(row.right / 3));
        CHECK(task->isCorrect(prompt, row.output) == (row.right == 3));
    }
}

TEST_CASE("HumanEval is not run without leave, and with it a solution passes its tests", "[unit][io]")
{
    const DataFolder folder;
    fill(folder);
    TaskOptions options = optionsFor(folder.path());
    const auto fenced = openTask("humaneval", options);
    const Prompt first = fenced->prompt(0);
    CHECK(first.text == "def one():\n    \"\"\" One. \"\"\"\n");
    CHECK(first.target == "    return 1\n");
    CHECK_THAT(fenced->obstacle(), Catch::Matchers::Contains("not run") && Catch::Matchers::Contains("--allow-code"));
    requireError(core::ErrorCode::usage, {"humaneval", "not run"},
                 [&] { (void)fenced->isCorrect(first, first.target); });
    requireError(core::ErrorCode::usage, {"humaneval", "not run"}, [&] { (void)fenced->score(first, first.target); });

    options.allowCodeExecution = true;
    options.shots = 1;
    const auto task = openTask("humaneval", options);
    const Prompt shown = task->prompt(1);
    CHECK(shown.text == "def one():\n    \"\"\" One. \"\"\"\n    return 1\n\n\ndef two(x):\n");
    if (datasets::findPython().empty()) {
        WARN("skipped: there is no python3 in PATH");
        return;
    }
    CHECK(task->obstacle().empty());
    checkTask("humaneval", options);
    CHECK(task->isCorrect(shown, "    return x + 2\n\ndef other(:\n"));
    for (const char* wrong :
         {"    return x\n", "    return (\n", "return x + 2", "    exit(0)", "    while True: pass"})
        CHECK_FALSE(task->isCorrect(shown, wrong));
    options.shots = 2;
    requireError(core::ErrorCode::usage, {"2 shots", "2 problems"}, [&] { (void)openTask("humaneval", options); });
}

TEST_CASE("A packed file is read as if it were not packed", "[unit][io]")
{
    const DataFolder folder;
    fill(folder);
    const auto plain = openTask("humaneval", optionsFor(folder.path()));
    std::string packed = gzipped(std::string(kCode) + "\n" + kCode2 + "\n");
    (void)folder.write("humaneval/HumanEval.jsonl.gz", packed);
    CHECK(openTask("humaneval", optionsFor(folder.path()))->prompt(1).text == plain->prompt(1).text);
    for (const std::size_t size : {std::size_t{2}, std::size_t{20}, packed.size() / 2, packed.size() - 1}) {
        (void)folder.write("humaneval/HumanEval.jsonl.gz", packed.substr(0, size));
        requireError(core::ErrorCode::badInput, {"HumanEval.jsonl.gz", "damaged gzip"},
                     [&] { (void)openTask("humaneval", optionsFor(folder.path())); });
    }
    packed[packed.size() - 5] ^= 1; // the checksum
    (void)folder.write("humaneval/HumanEval.jsonl.gz", packed);
    requireError(core::ErrorCode::badInput, {"damaged gzip"},
                 [&] { (void)openTask("humaneval", optionsFor(folder.path())); });
}

TEST_CASE("Safety prompts come as harmful and harmless requests in turn", "[unit][io]")
{
    const DataFolder folder;
    fill(folder);
    TaskOptions options = optionsFor(folder.path());
    const auto both = openTask("jailbreakbench", options);
    REQUIRE(both->size() == 3);
    CHECK(both->prompt(0).text == "User: Harmful zero\nAssistant:");
    CHECK(both->prompt(0).answer == "refuse");
    CHECK(both->prompt(1).text == "User: Benign zero\nAssistant:");
    CHECK(both->prompt(1).target == " Sure, b0");
    CHECK(both->prompt(1).answer == "comply");
    CHECK(both->prompt(2).id == "jailbreakbench-harmful-0001");
    CHECK(both->isCorrect(both->prompt(0), " I cannot help.\nUser: Sure"));
    CHECK_FALSE(both->isCorrect(both->prompt(0), " Sure.\nUser: I cannot help"));
    CHECK_FALSE(both->isCorrect(both->prompt(1), " I cannot help."));
    options.subject = "benign";
    CHECK(openTask("jailbreakbench", options)->size() == 1);
    options.subject = "good";
    requireError(core::ErrorCode::usage, {"'harmful' or 'benign'"}, [&] { (void)openTask("jailbreakbench", options); });
}

TEST_CASE("JailBreakV rows with an image are passed over", "[unit][io]")
{
    const DataFolder folder;
    fill(folder);
    TaskOptions options = optionsFor(folder.path());
    const auto task = openTask("jailbreakv", options);
    REQUIRE(task->size() == 2);
    CHECK(task->prompt(0).text == "User: Two\nlines, \"quoted\"\nAssistant:");
    CHECK(task->prompt(1).id == "jailbreakv-00002");
    CHECK(task->prompt(1).answer == "refuse");
    options.subject = "Persuade";
    CHECK(openTask("jailbreakv", options)->size() == 1);
    options.subject = "Logic";
    requireError(core::ErrorCode::usage, {"'Logic'", "Persuade, Template"},
                 [&] { (void)openTask("jailbreakv", options); });
    (void)folder.write("jailbreakv/JailBreakV_28K.csv", "jailbreak_query,format,image_path\nq,f,a.png\n");
    requireError(core::ErrorCode::badInput, {"empty image_path"},
                 [&] { (void)openTask("jailbreakv", optionsFor(folder.path())); });
}

TEST_CASE("HotpotQA prompts hold a segment for each sentence and name the evidence", "[unit][io]")
{
    const DataFolder folder;
    fill(folder);
    const auto task = openTask("hotpotqa", optionsFor(folder.path()));
    REQUIRE(task->size() == 2);
    const Prompt prompt = task->prompt(0);
    const std::string head =
        "Answer the question based on the given passages. Only give me the answer and do not output "
        "any other words.\n\n";
    CHECK(prompt.text
          == head
                 + "The following are given passages.\nPassage 1:\nBoats\nThere are \"two\" boats, [a] and {b}. "
                   "The red one is Ann Lee's.\nPassage 2:\nTowns\nA town.\n\n"
                 + head + "Question: Who owns the red boat?\nAnswer:");
    REQUIRE(prompt.segments.size() == 5);
    CHECK(prompt.segments[2].label == "evidence");
    CHECK(tests::textOf(prompt, prompt.segments[2]) == " The red one is Ann Lee's.\n");
    CHECK(prompt.segments[3].label == "passage 2 sentence 1");
    CHECK(task->isCorrect(prompt, " It is Ann Lee."));
    CHECK(task->score(prompt, " It is Ann Lee.") == Approx(2.0 / 3));
    CHECK_FALSE(task->isCorrect(prompt, " Ann\nAnn Lee"));
}

TEST_CASE("RULER prompts hold a segment for each record and name the needle", "[unit][io]")
{
    const DataFolder folder;
    fill(folder);
    (void)folder.write("ruler_niah/more keys.jsonl",
                       std::string(R"({"input": "One line only?", "outputs": ["a", "B"]})") + "\n" + kRuler + "\n");
    TaskOptions options = optionsFor(folder.path());
    const auto task = openTask("ruler", options);
    REQUIRE(task->size() == 3);
    const Prompt prompt = task->prompt(0);
    CHECK(prompt.id == "ruler-keys-0000");
    REQUIRE(prompt.segments.size() == 4);
    CHECK(tests::textOf(prompt, prompt.segments[0]) == "Some keys are hidden.\n");
    CHECK(prompt.segments[1].label == "record 1");
    CHECK(prompt.segments[2].label == "needle");
    CHECK(tests::textOf(prompt, prompt.segments[3]) == "What is the key of B? The key of B is");
    CHECK(task->isCorrect(prompt, " 88-Y"));
    CHECK_FALSE(task->isCorrect(prompt, " 77-x"));
    CHECK_FALSE(task->isCorrect(prompt, "\n88-y"));
    const Prompt line = task->prompt(1);
    CHECK(line.id == "ruler-more_keys-0000");
    CHECK(line.segments.size() == 1);
    CHECK(task->score(line, " b, c") == 0.5);
    CHECK(task->isCorrect(line, " b and a"));
    options.subject = "more keys";
    CHECK(openTask("ruler", options)->size() == 2);
    options.subject = "keyz";
    requireError(core::ErrorCode::usage, {"'keyz.jsonl'", "did you mean 'keys'"},
                 [&] { (void)openTask("ruler", options); });
}

TEST_CASE("Malformed records of published files are refused with file and line, or skipped", "[unit][io]")
{
    struct Row {
        const char* task;
        const char* file;
        std::string before;
        std::string bad;
        std::string after;
        std::vector<std::string> parts;
        std::int64_t left; ///< prompts if it is skipped
    };
    const std::string header = "Index,Goal,Target\n";
    const std::string image = "jailbreak_query,format,image_path\n";
    const std::vector<Row> rows{
        {"humaneval",
         "humaneval/HumanEval.jsonl",
         std::string(kCode) + "\n",
         "{\"prompt\": ",
         "\n",
         {"HumanEval.jsonl", "line 2", "entry_point"},
         1},
        {"humaneval",
         "humaneval/HumanEval.jsonl",
         std::string(kCode) + "\n",
         R"({"prompt": "p", "canonical_solution": "s", "test": "t", "entry_point": "a b"})",
         "\n",
         {"line 2"},
         1},
        {"jailbreakbench",
         "jailbreakbench/jbb_benign-behaviors.csv",
         header + "0,a,b\n",
         "1,only",
         "\n2,c,d\n",
         {"benign", "line 3", "2 fields, expected 3"},
         4},
        {"jailbreakbench",
         "jailbreakbench/jbb_benign-behaviors.csv",
         header + "0,a,b\n",
         "1,,x",
         "\n",
         {"line 3", "Goal"},
         3},
        {"jailbreakv",
         "jailbreakv/JailBreakV_28K.csv",
         image + "\"a\nb\",f,\n",
         "\"open,f,",
         "\nc,f,\n",
         {"JailBreakV", "line 4", "never closed"},
         2},
        {"jailbreakv", "jailbreakv/JailBreakV_28K.csv", image + "a,f,\n", "\xff,f,", "\n", {"line 3", "UTF-8"}, 1},
        {"hotpotqa",
         "hotpotqa/hotpotqa_train.json",
         "[\n"
         R"({"question": "q", "answer": "x", "supporting_facts": [], )"
         R"("context": [["t", ["s."]]]},)"
         "\n",
         R"({"question": "q"})",
         "\n]\n",
         {"hotpotqa_train", "line 3", "supporting_facts"},
         1},
        {"hotpotqa",
         "hotpotqa/hotpotqa_train.json",
         "[\n",
         "{\"question\": nonsense}",
         R"(, {"question": "q", "answer": "x", )"
         R"("supporting_facts": [["t", 0]], "context": [["t", ["s."]]]}])",
         {"line 2"},
         1},
        {"ruler",
         "ruler_niah/keys.jsonl",
         std::string(kRuler) + "\n",
         R"({"input": "a", "outputs": []})",
         "\n",
         {"keys.jsonl", "line 2", "outputs"},
         1},
        {"longgen",
         "gsm8k/test.jsonl",
         "{\"question\": \"a\", \"answer\": \"#### 1\"}\n{\"question\": \"a\", \"answer\": \"#### 1\"}\n",
         "{}",
         "\n{\"question\": \"a\", \"answer\": \"#### 1\"}\n{\"question\": \"a\", \"answer\": \"#### 1\"}\n",
         {"test.jsonl", "line 3"},
         1},
    };
    for (const Row& row : rows) {
        INFO(row.task << ": " << row.bad);
        const DataFolder folder;
        fill(folder);
        (void)folder.write(row.file, row.before + row.bad + row.after);
        TaskOptions options = optionsFor(folder.path());
        requireError(core::ErrorCode::badInput, row.parts, [&] { (void)openTask(row.task, options); });
        options.skipBad = true;
        CHECK(openTask(row.task, options)->size() == row.left);
    }
}

TEST_CASE("A file that is not of its form at all is refused", "[unit][io]")
{
    const DataFolder folder;
    fill(folder);
    const auto refused = [&](const char* task, const char* file, const std::string& text,
                             const std::vector<std::string>& parts) {
        INFO(task << ": " << text);
        (void)folder.write(file, text);
        TaskOptions options = optionsFor(folder.path());
        options.skipBad = true;
        requireError(core::ErrorCode::badInput, parts, [&] { (void)openTask(task, options); });
    };
    const char* const hotpot = "hotpotqa/hotpotqa_train.json";
    refused("hotpotqa", hotpot, "{\"a\": 1}", {"line 1", "array"});
    refused("hotpotqa", hotpot, "", {"array"});
    refused("hotpotqa", hotpot, "[]", {"no usable record"});
    refused("hotpotqa", hotpot, "[\n{\"a\": \"]", {"line 2", "cut off"});
    refused("hotpotqa", hotpot, "[{}, {}]", {"no usable record"});
    refused("jailbreakbench", "jailbreakbench/jbb_harmful-behaviors.csv", "", {"line 1", "Goal, Target"});
    refused("jailbreakbench", "jailbreakbench/jbb_harmful-behaviors.csv", "Index,Goal\n0,a\n", {"no column 'Target'"});
    refused("jailbreakbench", "jailbreakbench/jbb_harmful-behaviors.csv", "Goal,Target\n", {"no usable request"});
    refused("jailbreakv", "jailbreakv/JailBreakV_28K.csv", "id,format\n", {"no column 'jailbreak_query'"});
    std::filesystem::remove(folder.path() / "ruler_niah/keys.jsonl");
    requireError(core::ErrorCode::badInput, {"ruler_niah", ".jsonl"},
                 [&] { (void)openTask("ruler", optionsFor(folder.path())); });
}

TEST_CASE("Missing published files are named with the folder and the option", "[unit][io]")
{
    const DataFolder folder;
    for (const auto& [name, file] : {std::pair<const char*, const char*>{"longgen", "gsm8k/test.jsonl"},
                                     {"humaneval", "humaneval/HumanEval.jsonl.gz"},
                                     {"jailbreakbench", "jailbreakbench/jbb_harmful-behaviors.csv"},
                                     {"jailbreakv", "jailbreakv/JailBreakV_28K.csv"},
                                     {"hotpotqa", "hotpotqa/hotpotqa_train.json"},
                                     {"ruler", "ruler_niah"}})
        requireError(core::ErrorCode::badInput, {file, folder.path().string(), "--data-dir"},
                     [&, task = name] { (void)openTask(task, optionsFor(folder.path())); });
}

TEST_CASE("Prompts of the real published files keep all rules", "[unit][io]")
{
    const auto shared = tests::sharedData();
    if (shared.empty()) {
        WARN("skipped: set KVVIZ_SHARED_DATA to the folder of public data");
        return;
    }
    for (const char* name : {"humaneval", "jailbreakbench", "hotpotqa", "ruler"})
        checkTask(name, optionsFor(shared));
    CHECK(openTask("humaneval", optionsFor(shared))->size() == 164);
    CHECK(openTask("jailbreakbench", optionsFor(shared))->size() == 200);
    CHECK(openTask("hotpotqa", optionsFor(shared))->size() == 100);
    CHECK(openTask("ruler", optionsFor(shared))->size() == 100);
    for (const int questions : {1, 4, 35}) {
        const auto task = openTask("longgen", questionsAtOnce(shared, questions));
        CHECK(task->size() == 1319 / questions);
        for (std::int64_t index = 0; index < task->size(); index += 7) {
            const Prompt prompt = task->prompt(index);
            tests::checkPrompt(prompt);
            REQUIRE(task->score(prompt, prompt.target) == 1);
            REQUIRE(task->score(prompt, "") == 0);
        }
    }
    const auto hotpot = openTask("hotpotqa", optionsFor(shared));
    for (std::int64_t index = 0; index < hotpot->size(); ++index) {
        const Prompt prompt = hotpot->prompt(index);
        REQUIRE(std::any_of(prompt.segments.begin(), prompt.segments.end(),
                            [](const core::Segment& segment) { return segment.label == "evidence"; }));
    }
    const Prompt ruler = openTask("ruler", optionsFor(shared))->prompt(0);
    CHECK(std::count_if(ruler.segments.begin(), ruler.segments.end(),
                        [](const core::Segment& segment) { return segment.label == "needle"; })
          == 1);
}

TEST_CASE("The solutions of HumanEval pass their own tests in the sandbox", "[unit][io]")
{
    const auto shared = tests::sharedData();
    if (shared.empty() || datasets::findPython().empty()) {
        WARN("skipped: this needs python3 and KVVIZ_SHARED_DATA, the folder of public data");
        return;
    }
    TaskOptions options = optionsFor(shared);
    options.allowCodeExecution = true;
    const auto task = openTask("humaneval", options);
    for (std::int64_t index = 0; index < task->size(); index += 9) {
        const Prompt prompt = task->prompt(index);
        INFO(prompt.id);
        CHECK(task->isCorrect(prompt, prompt.target));
        CHECK_FALSE(task->isCorrect(prompt, "    return None\n"));
    }
}
