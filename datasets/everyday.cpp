// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Our own sentences. The choices are words that end a sentence: models of this size choose letters at random, and among
// the words of a question hardly better.
#include "datasets/everyday.hpp"

#include "datasets/answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace kvviz::datasets {
namespace {

struct Saying {
    std::string_view sentence; ///< up to the word
    std::array<std::string_view, 3> choices; ///< the right one first
};

constexpr std::array kSayings{
    Saying{"People cut paper with", {"scissors", "soup", "pillows"}},
    Saying{"People write letters with a", {"pen", "shoe", "plate"}},
    Saying{"At night people sleep in a", {"bed", "bottle", "oven"}},
    Saying{"On their feet people wear", {"shoes", "gloves", "hats"}},
    Saying{"On their hands people wear", {"gloves", "shoes", "socks"}},
    Saying{"When it rains, people open an", {"umbrella", "oven", "egg"}},
    Saying{"People unlock a door with a", {"key", "banana", "spoon"}},
    Saying{"People eat soup with a", {"spoon", "hammer", "comb"}},
    Saying{"People clean their teeth with a", {"toothbrush", "ladder", "broom"}},
    Saying{"People tell the time with a", {"clock", "carpet", "cup"}},
    Saying{"People boil water in a", {"kettle", "wallet", "basket"}},
    Saying{"People keep their money in a", {"bank", "river", "oven"}},
    Saying{"Cars drive on the", {"road", "roof", "lake"}},
    Saying{"People sit down on a", {"chair", "lamp", "knife"}},
    Saying{"After a bath people dry themselves with a", {"towel", "candle", "mirror"}},
    Saying{"People look at their own face in a", {"mirror", "stone", "wall"}},
    Saying{"People hit a nail with a", {"hammer", "pillow", "sponge"}},
    Saying{"Before people send a letter, they put on a", {"stamp", "sock", "hat"}},
    Saying{"People climb up to a roof with a", {"ladder", "fork", "blanket"}},
    Saying{"People sweep the floor with a", {"broom", "pencil", "spoon"}},
    Saying{"People borrow books from a", {"library", "garage", "bakery"}},
    Saying{"People buy bread in a", {"bakery", "museum", "hospital"}},
    Saying{"Sick people go to a", {"hospital", "cinema", "stable"}},
    Saying{"Children learn to read at", {"school", "sea", "night"}},
    Saying{"People wait for a train at the", {"station", "forest", "kitchen"}},
    Saying{"Planes land at the", {"airport", "library", "cellar"}},
    Saying{"People cook their meals in the", {"kitchen", "bathroom", "attic"}},
    Saying{"People take a shower in the", {"bathroom", "kitchen", "garage"}},
    Saying{"People park their car in the", {"garage", "chimney", "bathroom"}},
    Saying{"People keep milk cold in the", {"fridge", "oven", "drawer"}},
    Saying{"Fish live in the", {"water", "sand", "trees"}},
    Saying{"Birds build their nest in a", {"tree", "car", "oven"}},
    Saying{"People watch films in a", {"cinema", "bakery", "stable"}},
    Saying{"People swim in a", {"pool", "shelf", "office"}},
    Saying{"Farmers grow wheat in a", {"field", "cinema", "office"}},
    Saying{"In winter, white flakes of this fall from the sky:", {"snow", "bread", "stone"}},
    Saying{"By day we get our light from the", {"sun", "grass", "moss"}},
    Saying{"At night, in the sky, people see the", {"moon", "grass", "river"}},
    Saying{"When ice gets warm, it becomes", {"water", "wood", "sand"}},
    Saying{"Cows give us", {"milk", "tea", "juice"}},
    Saying{"Hens lay", {"eggs", "apples", "coins"}},
    Saying{"Bees make", {"honey", "paper", "butter"}},
    Saying{"Dogs like to chew a", {"bone", "cloud", "lamp"}},
    Saying{"Cats like to chase", {"mice", "trains", "houses"}},
    Saying{"To grow, plants need", {"water", "music", "shoes"}},
    Saying{"On a birthday cake people blow out the", {"candles", "windows", "spoons"}},
    Saying{"People put out a fire with", {"water", "oil", "paper"}},
    Saying{"Thirsty people drink", {"water", "sand", "paint"}},
    Saying{"People who are tired want to", {"sleep", "dance", "run"}},
    Saying{"Fires are put out by a", {"firefighter", "singer", "dentist"}},
    Saying{"Bad teeth are treated by a", {"dentist", "pilot", "farmer"}},
    Saying{"Planes are flown by a", {"pilot", "teacher", "baker"}},
    Saying{"Bread is baked by a", {"baker", "lawyer", "pilot"}},
    Saying{"Children are taught by a", {"teacher", "plumber", "sailor"}},
    Saying{"Cows are kept by a", {"farmer", "judge", "pilot"}},
    Saying{"A broken water pipe is repaired by a", {"plumber", "nurse", "poet"}},
};

Item makeItem(std::size_t number, Random& random)
{
    const Saying& saying = kSayings[number];
    std::array<std::string_view, 3> order = saying.choices;
    for (std::size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1], order[static_cast<std::size_t>(random.below(i))]);
    const std::string right(saying.choices[0]);
    return {fmt::format("Words: {}, {}, {}\nBeginning: {}\nSentence:", order[0], order[1], order[2], saying.sentence),
            fmt::format(" {} {}.", saying.sentence, right), right, {right}};
}

/// The three choices of the prompt's question, in the order in which they stand.
std::vector<std::string> choicesOf(const Prompt& prompt)
{
    constexpr std::string_view kMark = "Words: ";
    std::string_view text = prompt.text;
    text.remove_prefix(text.rfind(kMark) + kMark.size());
    text = text.substr(0, text.find('\n'));
    std::vector<std::string> choices;
    while (true) {
        const std::size_t comma = text.find(", ");
        choices.emplace_back(text.substr(0, comma));
        if (comma == std::string_view::npos)
            return choices;
        text.remove_prefix(comma + 2);
    }
}

} // namespace

TaskInfo EverydayTask::describe()
{
    return {"everyday", "commonsense", "Sentences about everyday things that one of three words ends.",
            "built in", 8, "CSR", 20};
}

EverydayTask::EverydayTask(const TaskOptions& options)
    : GeneratedTask(describe(), options, "End each sentence with the right one of three words.\n\n"),
      m_order(shuffled(kSayings.size()))
{
}

Item EverydayTask::question(std::int64_t index) const
{
    Random random(seed(), "everyday question", index);
    return makeItem(m_order[static_cast<std::size_t>(index) % m_order.size()], random);
}

Item EverydayTask::drawShot(std::int64_t, int, Random& random) const
{
    const auto number = static_cast<std::size_t>(random.below(kSayings.size()));
    return makeItem(number, random);
}

bool EverydayTask::isCorrect(const Prompt& prompt, const std::string& continuation) const
{
    return firstOf(untilStop(continuation, prompt.stops), choicesOf(prompt)) == prompt.answer;
}

} // namespace kvviz::datasets
