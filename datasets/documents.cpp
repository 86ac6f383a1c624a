// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Four sentences a person, each telling one thing; the question is about one thing of one person.
#include "datasets/documents.hpp"

#include "core/error.hpp"
#include "datasets/answers.hpp"
#include "datasets/prompt_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace kvviz::datasets {
namespace {

constexpr std::int64_t kWordsPerPerson = 18; ///< about; four sentences
constexpr std::int64_t kDefaultLength = 90;  ///< words
constexpr int kExamplePeople = 2;

constexpr std::array<std::string_view, 40> kNames{
    "Abigail", "Boris",  "Cecilia", "Dominic", "Edith",  "Fiona",  "Gustav", "Harriet", "Isaac",  "Jasmine",
    "Klaus",   "Lydia",  "Marcus",  "Nadia",   "Oliver", "Petra",  "Quentin", "Ramona", "Stella", "Tobias",
    "Ursula",  "Vincent", "Walter", "Xavier",  "Yvonne", "Zelda",  "Agnes",  "Bruno",   "Connie", "Derek",
    "Elsa",    "Felix",  "Gloria",  "Hugo",    "Ingrid", "Jonas",  "Karen",  "Lorenzo", "Monica", "Norman"};
constexpr std::array<std::string_view, 12> kTowns{"London", "Paris", "Berlin", "Madrid", "Rome", "Vienna", "Dublin",
                                                  "Lisbon", "Moscow", "Tokyo", "Boston", "Chicago"};
constexpr std::array<std::string_view, 12> kJobs{"baker", "teacher", "doctor", "farmer", "nurse", "painter", "lawyer",
                                                 "singer", "driver", "writer", "cook", "pilot"};
constexpr std::array<std::string_view, 12> kPets{"dog", "cat", "horse", "rabbit", "parrot", "snake", "goat", "mouse",
                                                 "duck", "turtle", "hamster", "goose"};
constexpr std::array<std::string_view, 12> kFoods{"apples", "bread", "cheese", "rice", "soup", "pizza", "bananas",
                                                  "carrots", "honey", "fish", "grapes", "chocolate"};

struct Topic {
    std::string_view stem; ///< the sentence up to what it tells
    std::string_view question;
    const std::array<std::string_view, 12>* things;
};

constexpr std::array kTopics{
    Topic{"{} lives in", "Where does {} live?", &kTowns},
    Topic{"{} works as a", "What is the job of {}?", &kJobs},
    Topic{"{} has a pet", "What pet does {} have?", &kPets},
    Topic{"{} likes to eat", "What does {} like to eat?", &kFoods},
};

struct Sentence {
    std::size_t topic = 0;
    std::string_view name;
    std::string_view thing;

    [[nodiscard]] std::string stem() const { return fmt::format(fmt::runtime(kTopics[topic].stem), name); }
    [[nodiscard]] std::string text() const { return fmt::format("{} {}.", stem(), thing); }
    [[nodiscard]] std::string question() const
    {
        return fmt::format("Question: {}\nAnswer: {}", fmt::format(fmt::runtime(kTopics[topic].question), name),
                           stem());
    }
};

/// `people` names of the list, those of `exclude` left out, each with its four sentences in an order of its own.
std::vector<Sentence> makeDocument(std::int64_t people, const std::vector<std::string_view>& exclude, Random& random)
{
    std::vector<std::string_view> used = exclude;
    std::vector<Sentence> sentences;
    for (std::int64_t person = 0; person < people; ++person) {
        std::string_view name = random.pick(kNames);
        while (std::find(used.begin(), used.end(), name) != used.end())
            name = random.pick(kNames);
        used.push_back(name);
        const std::size_t first = sentences.size();
        for (std::size_t topic = 0; topic < kTopics.size(); ++topic)
            sentences.push_back({topic, name, random.pick(*kTopics[topic].things)});
        for (std::size_t i = kTopics.size(); i > 1; --i)
            std::swap(sentences[first + i - 1], sentences[first + static_cast<std::size_t>(random.below(i))]);
    }
    return sentences;
}

std::string makeExample(std::string_view askedName, Random& random)
{
    const std::vector<Sentence> document = makeDocument(kExamplePeople, {askedName}, random);
    const Sentence& asked = random.pick(document);
    std::string text;
    for (const Sentence& sentence : document)
        text += sentence.text() + "\n";
    return fmt::format("{}\n{} {}.\n\n", text, asked.question(), asked.thing);
}

} // namespace

TaskInfo DocumentsTask::describe()
{
    return {"documents", "document QA", "A short made-up document about people and a question on one of its sentences.",
            "built in", 0, "DQ", 8};
}

DocumentsTask::DocumentsTask(const TaskOptions& options) : TaskBase(describe(), options), m_seed(options.seed)
{
    const std::int64_t length = options.length == 0 ? kDefaultLength : options.length;
    // One name is kept back for the examples' sake, which must not be about the person asked for.
    const std::int64_t longest = kWordsPerPerson * (std::ssize(kNames) - kExamplePeople);
    if (length < 1 || length > longest)
        throw core::Error(core::ErrorCode::usage, fmt::format("task '{}': the length must be 1 to {} words, not {}",
                                                              info().name, longest, length));
    m_people = (length + kWordsPerPerson - 1) / kWordsPerPerson;
}

Prompt DocumentsTask::prompt(std::int64_t index) const
{
    checkIndex(index);
    Random random(m_seed, "documents", index);
    const std::vector<Sentence> document = makeDocument(m_people, {}, random);
    const auto place = static_cast<std::size_t>(random.below(document.size()));
    const Sentence& asked = document[place];

    PromptBuilder builder(info().name, promptId(index));
    builder.add(core::SegmentKind::instruction, "Read the document and answer the question.\n\n");
    Random examples(m_seed, "documents examples", index);
    for (int shot = 0; shot < shots(); ++shot)
        builder.add(core::SegmentKind::shot, makeExample(asked.name, examples));
    for (std::size_t i = 0; i < document.size(); ++i)
        builder.add(core::SegmentKind::shot, document[i].text() + (i + 1 < document.size() ? "\n" : "\n\n"),
                    i == place ? "evidence" : fmt::format("sentence {}", i + 1));
    builder.add(core::SegmentKind::question, asked.question());
    return builder.finish(fmt::format(" {}.", asked.thing), std::string(asked.thing), {"\n"});
}

bool DocumentsTask::isCorrect(const Prompt& prompt, const std::string& continuation) const
{
    return beginsWith(untilStop(continuation, prompt.stops), prompt.answer);
}

} // namespace kvviz::datasets
