// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Three sentences a person, each telling one thing; the question is about one thing of one person.
#include "datasets/documents.hpp"

#include "core/error.hpp"
#include "datasets/answers.hpp"
#include "datasets/prompt_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>
#include <utility>

namespace kvviz::datasets {
namespace {

constexpr std::int64_t kWordsPerPerson = 15; ///< about
constexpr std::size_t kTopicsPerPerson = 3;
constexpr std::int64_t kDefaultLength = 60; ///< words
constexpr int kExamplePeople = 2;

constexpr std::array<std::string_view, 40> kNames{
    "Abigail", "Boris",  "Cecilia", "Dominic", "Edith",  "Fiona",  "Gustav", "Harriet", "Isaac",  "Jasmine",
    "Klaus",   "Lydia",  "Marcus",  "Nadia",   "Oliver", "Petra",  "Quentin", "Ramona", "Stella", "Tobias",
    "Ursula",  "Vincent", "Walter", "Xavier",  "Yvonne", "Zelda",  "Agnes",  "Bruno",   "Connie", "Derek",
    "Elsa",    "Felix",  "Gloria",  "Hugo",    "Ingrid", "Jonas",  "Karen",  "Lorenzo", "Monica", "Norman"};
using Things = std::array<std::string_view, 8>;
constexpr Things kTowns{"London", "Paris", "Berlin", "Madrid", "Rome", "Vienna", "Dublin", "Lisbon"};
constexpr Things kJobs{"baker", "teacher", "doctor", "farmer", "nurse", "painter", "lawyer", "singer"};
constexpr Things kPets{"dog", "cat", "horse", "rabbit", "parrot", "snake", "goat", "turtle"};
constexpr Things kFoods{"apples", "bread", "cheese", "rice", "soup", "pizza", "bananas", "carrots"};
constexpr Things kInstruments{"piano", "guitar", "violin", "drums", "flute", "trumpet", "harp", "organ"};
constexpr Things kColors{"red", "blue", "green", "yellow", "black", "white", "brown", "gray"};
constexpr Things kMonths{"January", "March", "April", "May", "June", "July", "August", "October"};
constexpr Things kLanguages{"French", "German", "Spanish", "Italian", "Russian", "Chinese", "Japanese", "Arabic"};
constexpr Things kSubjects{"history", "biology", "law", "chemistry", "music", "art", "physics", "geography"};
constexpr Things kCountries{"India", "Egypt", "Brazil", "Canada", "Greece", "Norway", "Kenya", "Mexico"};
constexpr Things kFlowers{"roses", "tulips", "tomatoes", "lilies", "potatoes", "onions", "beans", "pumpkins"};
constexpr Things kSports{"tennis", "chess", "football", "swimming", "golf", "hockey", "boxing", "rugby"};

struct Topic {
    std::string_view stem; ///< the sentence up to what it tells
    std::string_view question;
    const Things* things;
};

constexpr std::array kTopics{
    Topic{"{} lives in", "Where does {} live?", &kTowns},
    Topic{"{} works as a", "What is the job of {}?", &kJobs},
    Topic{"{} has a pet", "What pet does {} have?", &kPets},
    Topic{"{} likes to eat", "What does {} like to eat?", &kFoods},
    Topic{"{} plays the", "What instrument does {} play?", &kInstruments},
    Topic{"{} has a car that is", "What color is the car of {}?", &kColors},
    Topic{"{} was born in", "In which month was {} born?", &kMonths},
    Topic{"{} speaks", "What language does {} speak?", &kLanguages},
    Topic{"{} studied", "What did {} study?", &kSubjects},
    Topic{"{} wants to travel to", "Where does {} want to travel to?", &kCountries},
    Topic{"{} grows", "What does {} grow?", &kFlowers},
    Topic{"{} is good at", "What is {} good at?", &kSports},
};

struct Sentence {
    std::size_t topic = 0;
    std::string_view name;
    std::string_view thing;

    [[nodiscard]] std::string stem() const { return fmt::format(fmt::runtime(kTopics[topic].stem), name); }
    [[nodiscard]] std::string text() const { return fmt::format("{} {}.", stem(), thing); }
    /// What follows the name.
    [[nodiscard]] std::string answer() const { return text().substr(name.size()); }
    [[nodiscard]] std::string question() const
    {
        return fmt::format("Question: {}\nAnswer: {}", fmt::format(fmt::runtime(kTopics[topic].question), name),
                           name);
    }
};

/// `people` names of the list, those of `exclude` left out, each with three sentences. The topics are dealt out in an
/// order of the document's own and start again when all have been told.
std::vector<Sentence> makeDocument(std::int64_t people, const std::vector<std::string_view>& exclude, Random& random)
{
    std::array<std::size_t, kTopics.size()> topics{};
    std::iota(topics.begin(), topics.end(), std::size_t{0});
    for (std::size_t i = topics.size(); i > 1; --i)
        std::swap(topics[i - 1], topics[static_cast<std::size_t>(random.below(i))]);
    std::vector<std::string_view> used = exclude;
    std::vector<Sentence> sentences;
    for (std::int64_t person = 0; person < people; ++person) {
        std::string_view name = random.pick(kNames);
        while (std::find(used.begin(), used.end(), name) != used.end())
            name = random.pick(kNames);
        used.push_back(name);
        for (std::size_t i = 0; i < kTopicsPerPerson; ++i) {
            const std::size_t topic = topics[sentences.size() % topics.size()];
            sentences.push_back({topic, name, random.pick(*kTopics[topic].things)});
        }
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
    return fmt::format("{}\n{}{}\n\n", text, asked.question(), asked.answer());
}

/// All things of the topic to which `thing` belongs, in lower case.
std::vector<std::string> thingsLike(std::string_view thing)
{
    std::vector<std::string> words;
    for (const Topic& topic : kTopics)
        if (std::find(topic.things->begin(), topic.things->end(), thing) != topic.things->end())
            for (const std::string_view other : *topic.things)
                words.push_back(lowered(other));
    return words;
}

} // namespace

TaskInfo DocumentsTask::describe()
{
    return {"documents", "document QA", "A short made-up document about people and a question on one of its sentences.",
            "built in", 2, "DQ", 16, {TaskKnob::length}};
}

DocumentsTask::DocumentsTask(const TaskOptions& options) : TaskBase(describe(), options), m_seed(options.seed)
{
    const std::int64_t length = options.length == 0 ? kDefaultLength : options.length;
    const std::int64_t longest = kWordsPerPerson * (std::ssize(kNames));
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
    return builder.finish(asked.answer(), std::string(asked.thing), {"\n"});
}

bool DocumentsTask::isCorrect(const Prompt& prompt, const std::string& continuation) const
{
    return firstOf(untilStop(continuation, prompt.stops), thingsLike(prompt.answer)) == lowered(prompt.answer);
}

} // namespace kvviz::datasets
