// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Tasks that read public files: on a small made-up data folder always, on the real one where it is.
#include "datasets/data_files.hpp"
#include "datasets/gsm8k.hpp"
#include "datasets/needle_alice.hpp"
#include "tests/datasets/prompt_checks.hpp"
#include "tests/support/scratch_folder.hpp"

using namespace kvviz;
using datasets::openTask;
using datasets::Prompt;
using datasets::TaskOptions;
using test::ScratchFolder;
using test::checkTask;
using test::optionsFor;
using test::requireError;

namespace {

constexpr const char* kProblem = R"({"question": "Tim has 2 pens and buys 3. How many?", )"
                                 R"("answer": "He has 2+3=<<2+3=5>>5 pens\nDone.\n#### 5"})";

std::string choiceLine(const std::string& stem, const std::string& key)
{
    return R"({"answerKey": ")" + key + R"(", "id": "x", "question": {"question_concept": "c", "choices": [)"
           R"({"label": "A", "text": "bank"}, {"label": "B", "text": "sea"}, {"label": "C", "text": "sky"}, )"
           R"({"label": "D", "text": "car"}, {"label": "E", "text": "hat"}], "stem": ")"
           + stem + "\"}}\n";
}

/// A folder in the published form, a few records a file.
void fill(const ScratchFolder& folder)
{
    std::string train;
    for (int i = 0; i < 12; ++i)
        train += R"({"question": "What is )" + std::to_string(i) + R"( plus 1?", "answer": "It is <<1>>so\n#### )"
                 + std::to_string(1000 + i) + "\"}\n";
    (void)folder.write("gsm8k/train.jsonl", train);
    (void)folder.write("gsm8k/test.jsonl",
                       std::string(kProblem) + "\n\n"
                           + R"({"question": "Big?", "answer": "Much: <<1*1=1>>$1.\n#### -2,125"})" + "\r\n");
    std::string examples;
    for (int i = 1; i <= 8; ++i)
        examples += "Question: Example " + std::to_string(i) + "?\nLet's think step by step\nFirst this.\nThen that.\n"
                    "The answer is " + std::to_string(i) + ".\n\n";
    (void)folder.write("gsm8k_prompts/prompt_original.txt", examples);
    (void)folder.write("commonsenseqa/dev_rand_split.jsonl",
                       choiceLine("Where is money?", "A") + choiceLine("Wet?", "B"));
    std::string shots;
    for (int i = 0; i < 9; ++i)
        shots += choiceLine("Shot " + std::to_string(i) + "?", "C");
    (void)folder.write("commonsenseqa/train_rand_split_first200.jsonl", shots);
    std::string dev;
    for (int i = 0; i < 8; ++i)
        dev += "Dev " + std::to_string(i) + "?,1,2,3,4,D\r\n";
    for (const char* subject : {"big_history", "anatomy"})
        (void)folder.write("mmlu/dev/" + std::string(subject) + "_dev.csv", dev);
    (void)folder.write("mmlu/test/big_history_test.csv",
                       "\"It said \"\"go\"\".\nWho, then?\",Ann,Bob,\"C, D\",Eve,C\n");
    (void)folder.write("mmlu/test/anatomy_test.csv", " Bone? ,1,2,3,4,A\nSkin?,1,2,3,4,B\n");
    (void)folder.write("haystack_alice/alice.txt",
                       "\xef\xbb\xbfTitle page\r\n*** START OF THIS ***\r\n\r\nCHAPTER I\r\n\r\nShe sat down\r\nby the "
                       "sea. 'Oh dear!' she said. (Was it so?)\r\n\r\nNo answer\r\n*** END OF THIS ***\r\nLicence\r\n");
}

TaskOptions shortNeedle(TaskOptions options)
{
    options.length = 12;
    return options;
}

} // namespace

TEST_CASE("Prompts of a made-up data folder keep all rules", "[unit][io]")
{
    const ScratchFolder folder;
    fill(folder);
    for (const int shots : {-1, 0, 1, 2, 8})
        for (const char* name : {"gsm8k", "commonsenseqa", "mmlu"})
            checkTask(name, optionsFor(folder.path(), shots));
    for (const int shots : {0, 2})
        checkTask("needle_alice", shortNeedle(optionsFor(folder.path(), shots)), 37);
}

TEST_CASE("GSM8K prompts have the chain-of-thought form", "[unit][io]")
{
    const ScratchFolder folder;
    fill(folder);
    const auto task = openTask("gsm8k", optionsFor(folder.path(), 1));
    REQUIRE(task->size() == 2);
    const Prompt prompt = task->prompt(0);
    CHECK(prompt.text == "Q: Example 1?\nA: First this. Then that. The answer is 1.\n\n"
                         "Q: Tim has 2 pens and buys 3. How many?\nA:");
    CHECK(prompt.target == " He has 2+3=5 pens. Done. The answer is 5.");
    CHECK(prompt.answer == "5");
    CHECK(prompt.id == "gsm8k-0000");
    CHECK(task->isCorrect(prompt, " So 5 pens.\n\nQ: Next? The answer is 9."));
    CHECK_FALSE(task->isCorrect(prompt, " 5 + 1. The answer is 6."));
    const Prompt second = task->prompt(1);
    CHECK(second.target == " Much: $1. The answer is -2,125.");
    CHECK(second.answer == "-2125");
    CHECK(task->isCorrect(second, " The answer is -$2,125.00."));

    const Prompt many = openTask("gsm8k", optionsFor(folder.path(), 9))->prompt(0);
    CHECK(many.text.starts_with("Q: What is 0 plus 1?\nA: It is so. The answer is 1000.\n\nQ: What is 1 plus 1?"));
    CHECK(test::countExamples(many) == 9);
    requireError(core::ErrorCode::usage, {"13 shots", "holds 12"},
                 [&] { (void)openTask("gsm8k", optionsFor(folder.path(), 13)); });
}

TEST_CASE("CommonsenseQA prompts list their choices", "[unit][io]")
{
    const ScratchFolder folder;
    fill(folder);
    const auto task = openTask("commonsenseqa", optionsFor(folder.path(), 1));
    const Prompt prompt = task->prompt(0);
    CHECK(prompt.text == "Question: Shot 0?\nA. bank\nB. sea\nC. sky\nD. car\nE. hat\nAnswer: C\n\n"
                         "Question: Where is money?\nA. bank\nB. sea\nC. sky\nD. car\nE. hat\nAnswer:");
    CHECK(prompt.target == " A");
    CHECK(task->isCorrect(prompt, " A. bank\nQuestion: B"));
    CHECK_FALSE(task->isCorrect(prompt, " B"));
}

TEST_CASE("MMLU prompts name their subject, in order of the subjects", "[unit][io]")
{
    const ScratchFolder folder;
    fill(folder);
    const auto task = openTask("mmlu", optionsFor(folder.path(), 1));
    REQUIRE(task->size() == 3);
    CHECK(task->prompt(0).id == "mmlu-anatomy-0000");
    CHECK(task->prompt(0).text.ends_with("\n\nBone?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer:"));
    const Prompt prompt = task->prompt(2);
    CHECK(prompt.text == "The following are multiple choice questions (with answers) about big history.\n\n"
                         "Dev 0?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer: D\n\n"
                         "It said \"go\".\nWho, then?\nA. Ann\nB. Bob\nC. C, D\nD. Eve\nAnswer:");
    CHECK(prompt.segments.front().label == "big history");
    TaskOptions one = optionsFor(folder.path());
    one.subject = "big history";
    const auto chosen = openTask("mmlu", one);
    CHECK(chosen->size() == 1);
    CHECK(chosen->prompt(0).id == prompt.id);
    one.subject = "big_histery";
    requireError(core::ErrorCode::usage, {"did you mean 'big_history'"}, [&] { (void)openTask("mmlu", one); });
}

TEST_CASE("A book is split into its own sentences", "[unit][io]")
{
    const ScratchFolder folder;
    fill(folder);
    CHECK(datasets::bookSentences("*** START OF x\nCHAPTER I\n\nShe sat\nby the sea. 'Oh!' she said.\n\nEnd *** END OF")
          == std::vector<std::string>{"CHAPTER I", "She sat by the sea.", "'Oh!'", "she said.", "End"});
    const Prompt prompt = openTask("needle_alice", shortNeedle(optionsFor(folder.path())))->prompt(4);
    CHECK(prompt.text.find("Licence") == std::string::npos);
    CHECK(prompt.text.find('\r') == std::string::npos);
    requireError(core::ErrorCode::badInput, {"alice.txt", "words", "300"},
                 [&] { (void)openTask("needle_alice", optionsFor(folder.path())); });
}

TEST_CASE("Missing data is named with the folder and the option", "[unit][io]")
{
    const ScratchFolder folder;
    for (const auto& [name, file] : {std::pair<const char*, const char*>{"gsm8k", "gsm8k/test.jsonl"},
                                     {"commonsenseqa", "commonsenseqa/dev_rand_split.jsonl"},
                                     {"mmlu", "mmlu/test"},
                                     {"needle_alice", "haystack_alice/alice.txt"}})
        requireError(core::ErrorCode::badInput, {file, folder.path().string(), "--data-dir"},
                     [&, task = name] { (void)openTask(task, optionsFor(folder.path())); });
    fill(folder);
    std::filesystem::remove(folder.path() / "mmlu/dev/anatomy_dev.csv");
    requireError(core::ErrorCode::badInput, {"mmlu/dev/anatomy_dev.csv"},
                 [&] { (void)openTask("mmlu", optionsFor(folder.path())); });
    checkTask("mmlu", optionsFor(folder.path(), 0));
}

TEST_CASE("Malformed lines are refused with file and line, or skipped", "[unit][io]")
{
    const ScratchFolder folder;
    fill(folder);
    for (const char* bad : {"{\"question\": ", "[1, 2]", "{\"question\": \"q\"}",
                                  "{\"question\": 3, \"answer\": 4}",
                                  "{\"question\": \"q\", \"answer\": \"no mark\"}", "null", "\xff\xfe",
                                  "{\"question\": \"q\", \"answer\": \"#### many\"}"}) {
        INFO(bad);
        (void)folder.write("gsm8k/test.jsonl", std::string(kProblem) + "\n" + bad + "\n" + kProblem + "\n");
        TaskOptions options = optionsFor(folder.path());
        requireError(core::ErrorCode::badInput, {"test.jsonl", "line 2", "#### N"},
                     [&] { (void)openTask("gsm8k", options); });
        options.skipBad = true;
        CHECK(openTask("gsm8k", options)->size() == 2);
    }
    (void)folder.write("gsm8k/test.jsonl", "\n");
    requireError(core::ErrorCode::badInput, {"no usable line"},
                 [&] { (void)openTask("gsm8k", optionsFor(folder.path())); });
    (void)folder.write("commonsenseqa/dev_rand_split.jsonl", choiceLine("ok?", "A") + choiceLine("bad?", "F"));
    requireError(core::ErrorCode::badInput, {"line 2", "answerKey"},
                 [&] { (void)openTask("commonsenseqa", optionsFor(folder.path())); });
}

TEST_CASE("Malformed CSV records are refused with file and line, or skipped", "[unit][io]")
{
    const ScratchFolder folder;
    fill(folder);
    for (const char* bad : {"too,few,fields", "q,1,2,3,4,E", "q,1,2,3,4,", "\"q\"x,1,2,3,4,A",
                                  "\xff,1,2,3,4,A"}) {
        INFO(bad);
        (void)folder.write("mmlu/test/anatomy_test.csv", std::string("ok?,1,2,3,4,A\n") + bad + "\nfine?,1,2,3,4,B\n");
        TaskOptions options = optionsFor(folder.path());
        options.subject = "anatomy";
        requireError(core::ErrorCode::badInput, {"anatomy_test.csv", "line 2"},
                     [&] { (void)openTask("mmlu", options); });
        options.skipBad = true;
        CHECK(openTask("mmlu", options)->size() == 2);
    }
}

TEST_CASE("Malformed chain-of-thought examples are refused with their line", "[unit][io]")
{
    const ScratchFolder folder;
    const auto read = [&](const char* text) {
        (void)datasets::readChainExamples(folder.write("examples.txt", text));
    };
    requireError(core::ErrorCode::badInput, {"line 1", "Question"}, [&] { read("What?\n"); });
    requireError(core::ErrorCode::badInput, {"line 2", "step by step"}, [&] { read("Question: a?\nb\n"); });
    requireError(core::ErrorCode::badInput, {"The answer is"},
                 [&] { read("Question: a?\nLet's think step by step\nb.\n\n"); });
}

TEST_CASE("Prompts of the real data folder keep all rules", "[unit][io]")
{
    const auto shared = test::sharedData();
    if (shared.empty()) {
        WARN("skipped: set KVVIZ_SHARED_DATA to the folder of public data");
        return;
    }
    for (const int shots : {-1, 0, 1, 2, 4})
        for (const char* name : {"gsm8k", "commonsenseqa", "mmlu"})
            checkTask(name, optionsFor(shared, shots), shots == -1 ? 1 : 41);
    for (const int shots : {6, 8, 50})
        checkTask("gsm8k", optionsFor(shared, shots), 97);
    checkTask("needle_alice", optionsFor(shared), 97);
    CHECK(openTask("gsm8k", optionsFor(shared))->size() == 1319);
    CHECK(openTask("commonsenseqa", optionsFor(shared))->size() == 1221);
    CHECK(openTask("mmlu", optionsFor(shared))->size() % 57 == 0);
    const Prompt prompt = openTask("gsm8k", optionsFor(shared))->prompt(0);
    CHECK(prompt.text.starts_with("Q: There are 15 trees in the grove."));
    CHECK(prompt.answer == "18");
}

TEST_CASE("A byte order mark and line ends of any kind change no prompt", "[unit][io]")
{
    const ScratchFolder plain;
    fill(plain);
    const ScratchFolder marked;
    fill(marked);
    for (const char* file : {"gsm8k/test.jsonl", "gsm8k/train.jsonl", "gsm8k_prompts/prompt_original.txt",
                             "commonsenseqa/dev_rand_split.jsonl", "mmlu/dev/anatomy_dev.csv",
                             "mmlu/test/big_history_test.csv", "haystack_alice/alice.txt"}) {
        std::string text = datasets::readWholeFile(plain.path() / file);
        for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 2))
            if (at == 0 || text[at - 1] != '\r')
                text.insert(at, 1, '\r');
        (void)marked.write(file, "\xef\xbb\xbf" + text);
    }
    for (const char* name : {"gsm8k", "commonsenseqa", "mmlu", "needle_alice"}) {
        INFO(name);
        const auto left = openTask(name, shortNeedle(optionsFor(plain.path())));
        const auto right = openTask(name, shortNeedle(optionsFor(marked.path())));
        REQUIRE(left->size() == right->size());
        for (std::int64_t index = 0; index < std::min<std::int64_t>(left->size(), 5); ++index) {
            CHECK(left->prompt(index).text == right->prompt(index).text);
            CHECK(left->prompt(index).target == right->prompt(index).target);
        }
    }
}

TEST_CASE("An empty file is refused by its name", "[unit][io]")
{
    for (const auto& [task, file] : {std::pair<const char*, const char*>{"gsm8k", "gsm8k/test.jsonl"},
                                     {"gsm8k", "gsm8k_prompts/prompt_original.txt"},
                                     {"commonsenseqa", "commonsenseqa/dev_rand_split.jsonl"},
                                     {"commonsenseqa", "commonsenseqa/train_rand_split_first200.jsonl"},
                                     {"mmlu", "mmlu/dev/anatomy_dev.csv"},
                                     {"needle_alice", "haystack_alice/alice.txt"}})
        for (const char* const nothing : {"", "\n", "\xef\xbb\xbf", " \r\n\r\n"}) {
            INFO(task << ": " << file);
            const ScratchFolder folder;
            fill(folder);
            (void)folder.write(file, nothing);
            for (const bool skipBad : {false, true}) {
                TaskOptions options = shortNeedle(optionsFor(folder.path()));
                options.skipBad = skipBad;
                try {
                    (void)openTask(task, options);
                    FAIL("accepted");
                } catch (const core::Error& error) {
                    CHECK_THAT(error.what(),
                               Catch::Matchers::Contains(std::filesystem::path(file).filename().string()));
                }
            }
        }
}

TEST_CASE("A huge line and a deep one are refused or read, but break nothing", "[unit][io]")
{
    const ScratchFolder folder;
    fill(folder);
    const std::string problem(kProblem);
    const std::string question(std::size_t{8} << 20, 'q');
    (void)folder.write("gsm8k/test.jsonl",
                       problem + "\n{\"question\": \"" + question + "\", \"answer\": \"#### 1\"}\n");
    const auto task = openTask("gsm8k", optionsFor(folder.path(), 0));
    REQUIRE(task->size() == 2);
    CHECK(task->prompt(1).text.size() > question.size());

    for (const std::string& bad : {std::string(std::size_t{1} << 21, '['), std::string(std::size_t{1} << 21, 'x'),
                                   "{\"question\": \"" + std::string(std::size_t{1} << 21, 'q'),
                                   "{\"question\": " + std::string(std::size_t{1} << 20, '[')
                                       + std::string(std::size_t{1} << 20, ']') + ", \"answer\": \"#### 1\"}"}) {
        (void)folder.write("gsm8k/test.jsonl", problem + "\n" + bad + "\n");
        TaskOptions options = optionsFor(folder.path());
        try {
            (void)openTask("gsm8k", options);
            FAIL("accepted");
        } catch (const core::Error& error) {
            const std::string what = error.what();
            CHECK_THAT(what, Catch::Matchers::Contains("line 2"));
            CHECK(what.size() < 1000);
        }
        options.skipBad = true;
        CHECK(openTask("gsm8k", options)->size() == 1);
    }
}
