// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The paragraphs and the cutting of texts.
#include "capture/calibration_text.hpp"

#include "core/error.hpp"

#include <algorithm>

namespace kvviz::capture {

const std::vector<std::string_view>& calibrationTexts()
{
    static const std::vector<std::string_view> kTexts{
        "A lighthouse is a tower with a strong lamp at its top that warns ships of rocks and shallow water. Before "
        "electric light, keepers burned wood, coal or oil and had to tend the flame through every night of the year. "
        "Each tower shows its own pattern of flashes, so that a navigator who sees one at sea can find its name on the "
        "chart. Most of them now run by themselves.",
        "Bread is made from flour, water, salt and something that lets it rise. Yeast feeds on the sugar in the dough "
        "and gives off gas, which is caught in a net of gluten and makes the loaf light. A baker kneads the dough to "
        "strengthen this net, leaves it in a warm place for a few hours, shapes it, and puts it into a very hot oven "
        "until the crust turns brown.",
        "The Moon goes around the Earth in a little more than twenty-seven days and always shows us nearly the same "
        "face. Its light is sunlight thrown back by grey dust and rock. When it stands between the Earth and the Sun "
        "its far side is lit and we see almost nothing of it; two weeks later the whole disc is bright. The tides of "
        "the sea follow it around the globe.",
        "A river usually begins as a spring or a melting glacier in the hills. Streams join it from both sides, so it "
        "grows wider and slower on its way to the plain, where it lays down the sand and mud that it has carried. "
        "Towns were often built where it could be crossed, and many of them still bear the word for a bridge or a ford "
        "in their names today.",
        "Chess is played by two people on a board of sixty-four squares. Each side has sixteen pieces of six kinds, "
        "and every kind moves in its own way. The aim is to attack the king of the other side so that it cannot "
        "escape. Although the rules fit on a single page, the number of possible games is so large that nobody will "
        "ever write all of them down.",
        "Honey bees live in colonies of many thousands. The queen lays the eggs, the drones mate with queens of other "
        "hives, and the workers do everything else: they clean the cells, feed the young, guard the entrance and "
        "gather nectar and pollen. A worker that has found a good field of flowers comes home and dances on the comb "
        "to tell the others how far away it lies.",
        "Paper was first made from the bark of trees, old rags and nets that were beaten in water until the fibres "
        "came apart. A fine screen was dipped into this pulp and lifted out, and a thin wet sheet remained on it. "
        "After pressing and drying it could be written on. Today most paper comes from wood, and a large part of it is "
        "made again from paper that was used before.",
        "A library lends books to people who promise to bring them back. Each book has a number that says where it "
        "stands, and a catalogue that lists every title, its author and its subject. In former times these were cards "
        "in long wooden drawers. Now a reader looks them up on a screen, reserves a copy from home, and gets a message "
        "when it is ready to be collected.",
        "Volcanoes form where hot rock from below finds a way through the crust. Some of them pour out thin lava that "
        "runs for miles and builds broad, gentle slopes; others throw ash high into the air and have steep sides. The "
        "soil around them is rich, so farmers return soon after an eruption. Instruments on the slopes feel the small "
        "tremors that often come before the next one.",
        "The bicycle turns the push of the legs into motion with very little loss. Pedals drive a toothed wheel, a "
        "chain carries the force to the back, and gears let the rider choose between speed and strength. Early models "
        "had one huge wheel in front and were hard to mount. When both wheels became equal and tyres were filled with "
        "air, cycling became a habit of millions.",
        "Rice is the daily food of about half of the people in the world. In many regions the young plants are set by "
        "hand into flooded fields, because water keeps down the weeds and the crop does not mind wet roots. After some "
        "months the fields are drained and the ripe ears are cut, dried and threshed. The brown husk is removed, and "
        "often the bran is polished away as well.",
        "An orchestra is divided into strings, woodwind, brass and percussion. The strings sit in front, close to the "
        "conductor, because there are many of them and each is rather soft. Before a concert everyone tunes to the "
        "same note, which is given by the oboe. The conductor beats the time, but most of the work is done in the "
        "rehearsals, where every phrase is shaped and repeated.",
        "Glass is sand that has been melted together with soda and lime at a great heat. While it is soft it can be "
        "blown, pressed, drawn into threads or floated on liquid tin to make a flat pane. When it cools it becomes "
        "hard and clear, but it never forms the regular crystals of most solids. Small amounts of metal give it "
        "colour: cobalt makes it blue and iron green.",
        "Whales breathe air like all mammals and must come to the surface for it. Some have teeth and hunt fish or "
        "squid in the deep; others strain tiny animals from the water through long plates of horn. They find their way "
        "and speak to each other by sound, which travels much farther in the sea than light does. The largest of them "
        "weighs more than any dinosaur we know of.",
        "A map shows part of the round Earth on a flat sheet, and something must always be stretched to do so. Maps "
        "for sailors keep the angles right and make the lands near the poles look far too large. Others keep the areas "
        "and bend the shapes. A good map says which choice was made, what its scale is, and when the roads and the "
        "borders that it shows were last checked.",
        "Vaccines prepare the body for a disease before it comes. They contain a weakened germ, a piece of it, or the "
        "plan for such a piece, and the immune system learns to know it without the danger of a real infection. If the "
        "germ arrives later, the right cells are ready within days. When nearly everyone is protected, the disease "
        "finds no path from one person to the next.",
        "Salt was once so valuable that roads were named after it and soldiers received money to buy it. It can be dug "
        "from mines that were ancient seas, or won from shallow ponds where the sun dries sea water. People used it to "
        "keep meat and fish through the winter. Today much of it is spread on icy streets, and the chemical industry "
        "needs even more of it than kitchens do.",
        "The desert is not always hot. It is a place where little rain falls, and its nights can be bitterly cold, "
        "since no cloud holds the warmth of the day. Plants there have deep roots or thick skins, and many animals "
        "stay under the ground until evening. After a rare shower the seeds that have waited for years open together "
        "and cover the sand with flowers for a week or two.",
        "A clock needs something that swings or shakes at a steady rate and something that counts. In tall old clocks "
        "it is a pendulum, in a wrist watch a balance wheel or a small crystal of quartz, and in the most exact of all "
        "the light given off by atoms. Railways made it necessary for whole countries to agree on one time; before "
        "that each town had its own noon.",
        "Coffee grows on small trees in warm hills near the equator. The beans are the seeds of a red fruit that looks "
        "like a cherry. They are washed, dried and shipped while still green, and get their brown colour and their "
        "smell only when they are roasted. The drink spread from the ports of Arabia to the cities of Europe, where "
        "coffee houses became places to talk and to trade.",
        "Bridges carry their load in different ways. A beam simply rests on its two ends, an arch presses outward "
        "against the banks, and a hanging bridge pulls on great cables that run over towers. The longest spans are all "
        "of the last kind. Engineers must think not only of the weight of cars and trains but also of wind, of heat "
        "that makes steel longer, and of the slow work of rust.",
        "Wolves live in families. A pair and its young of the last few years hunt together, share their food and "
        "defend a territory that they mark with scent and with their howling. They can tire out animals far larger "
        "than themselves. Where they returned after a long absence, deer moved to other places, young trees grew along "
        "the streams again, and the banks became firmer than before.",
        "Printing with movable letters made books cheap. A typesetter took small metal blocks, one for each letter, "
        "from a case and put them into lines; the lines were locked into a frame, inked and pressed on paper. "
        "Afterwards the letters were sorted back into the case. A page that a scribe would have copied in a day could "
        "now be printed hundreds of times before the evening came.",
        "The human heart is a muscle about as large as a fist. Its right half sends blood to the lungs, where it takes "
        "up oxygen, and its left half sends it on to the rest of the body. Four valves keep it from flowing back. It "
        "beats about a hundred thousand times a day without our thinking of it, faster when we run or are afraid, and "
        "more slowly while we are asleep.",
        "Wind turbines turn moving air into electric power. Three long blades face the wind, a gearbox or a large ring "
        "of magnets makes the slow turning useful, and a transformer at the foot feeds the grid. They stand on hills, "
        "on plains and more and more out at sea, where the wind is stronger and steadier. On calm days other plants or "
        "stores of energy have to take over the work.",
        "Silk comes from the cocoon of a moth that feeds on the leaves of the mulberry tree. The caterpillar spins a "
        "single thread that can be a kilometre long. The cocoons are put into hot water, the ends are found, and "
        "several threads are wound together into one. For centuries the art was a secret, and the cloth travelled by "
        "camel along roads that took their name from it.",
        "A market is any place where people meet to buy and to sell. In the square of a small town it may be held on "
        "one morning of the week, with stalls of fruit, cheese and flowers. Prices rise when many people want what few "
        "can offer, and they fall when there is more than enough. Haggling is expected in some countries and thought "
        "to be rude in many others.",
        "Snow forms high in a cloud when water vapour freezes on a speck of dust. The crystal has six arms because of "
        "the way in which water molecules fit together, and its pattern depends on how cold and how damp the air is on "
        "the way down. Fresh snow is mostly air, so it muffles sound and keeps the ground below it from freezing as "
        "hard as it would without this cover.",
        "The alphabet is one of the great inventions of trade. Instead of a sign for each word, its users need only a "
        "few dozen signs for the sounds of their language, and a child can learn them in a year. It was passed from "
        "port to port around the sea, and each people changed it a little: some letters were turned, some were given "
        "to other sounds, and the vowels were added later.",
        "Football is played by two teams of eleven on a field of grass. Only the two goalkeepers may touch the ball "
        "with their hands, and only near their own goals. A match has two halves of forty-five minutes, with a little "
        "time added for delays. It needs almost nothing but a ball and some space, which may be why it is played on "
        "streets and beaches in nearly every country.",
    };
    return kTexts;
}

std::vector<std::vector<std::int32_t>> calibrationPieces(const Tokenizer& tokenizer, std::int64_t tokens)
{
    std::vector<std::vector<std::int32_t>> pieces;
    for (const std::string_view text : calibrationTexts()) {
        std::vector<std::vector<std::int32_t>> own = textPieces(tokenizer, text, tokens, tokens, /*whole=*/false);
        if (std::ssize(own.front()) == tokens)
            pieces.push_back(std::move(own.front()));
    }
    return pieces;
}

std::vector<std::vector<std::int32_t>> textPieces(const Tokenizer& tokenizer, std::string_view text,
                                                  std::int64_t tokens, std::int64_t limit, bool whole)
{
    const std::vector<Token> all = tokenizer.encode(text);
    std::vector<std::int32_t> first;
    if (tokenizer.addsBos() && tokenizer.bos())
        first.push_back(*tokenizer.bos());
    const std::int64_t fresh = tokens - std::ssize(first); // of the text, in each piece
    if (fresh < 1)
        throw core::Error(core::ErrorCode::usage, "pieces of a text need room for at least one token of it");
    std::vector<std::vector<std::int32_t>> pieces;
    std::int64_t used = 0;
    for (std::int64_t begin = 0; begin < std::ssize(all) && used < limit; begin += fresh) {
        const std::int64_t room = std::min(tokens, limit - used) - std::ssize(first);
        const std::int64_t end = std::min(std::ssize(all), begin + room);
        std::vector<std::int32_t> piece = first;
        for (std::int64_t i = begin; i < end; ++i)
            piece.push_back(all[static_cast<std::size_t>(i)].id);
        used += std::ssize(piece);
        if (std::ssize(piece) > std::ssize(first) && (!whole || std::ssize(piece) == tokens))
            pieces.push_back(std::move(piece));
    }
    if (pieces.empty())
        throw core::Error(core::ErrorCode::badInput,
                          whole ? "the text is shorter than one piece of " + std::to_string(tokens) + " tokens"
                                : std::string("the text has no tokens"));
    return pieces;
}

} // namespace kvviz::capture
