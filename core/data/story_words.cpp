#include "core/data/story_words.h"

#include <cctype>
#include <map>
#include <string_view>

namespace sparsescope {

Pattern::Pattern(const char *text)
{
    static const std::map<std::string, Slot> kSlots = {{"hero", Slot::Hero},
                                                       {"friend", Slot::Friend},
                                                       {"other", Slot::Other},
                                                       {"key", Slot::Key},
                                                       {"value", Slot::Value}};
    std::string_view rest(text);
    while (!rest.empty()) {
        Piece piece;
        const std::size_t open = rest.find('{');
        piece.literal = rest.substr(0, open);
        if (open == std::string_view::npos) {
            m_pieces.push_back(std::move(piece));
            return;
        }
        const std::size_t close = rest.find('}', open);
        std::string name(rest.substr(open + 1, close - open - 1));
        rest.remove_prefix(close + 1);
        const auto known = kSlots.find(name);
        piece.slot = known == kSlots.end() ? Slot::Word : known->second;
        if (piece.slot == Slot::Word) {
            piece.capital = std::isupper(static_cast<unsigned char>(name[0])) != 0;
            name[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(name[0])));
            piece.words = &storyWords(name);
        }
        m_pieces.push_back(std::move(piece));
    }
}

// Every adjective and noun begins with a consonant, so that "a" is right in front of each.
// Lists that occur in a key or a value (hide, thing, tint, syllable, count, goods, beast, gate) occur nowhere else.

const std::vector<FactKind> &storyFacts()
{
    static const std::vector<FactKind> facts = {
        {"{tint} {thing}",
         "{where} the {look} {hide}",
         {"{hero} hid the {key} {value}.", "\"Nobody will look {value},\" thought {friend}, and left the {key} there.",
          "{other} had put the {key} {value}."},
         {"\"Where is the {key}?\" asked {friend}. It was {value}.",
          "They needed the {key} now, and it was still {value}.", "{other} found the {key} at last, {value}."}},
        {"{beast}",
         "{Syllable}{syllable}{syllable}",
         {"{friend} had a {nature} {key} called {value}.", "There was a {key} too, and its name was {value}.",
          "The {key} of the house went by the name of {value}."},
         {"The {key} was gone, so {hero} called: {value}!", "{friend} whistled for the {key} and shouted {value}.",
          "Then the {key} came running, for somebody had cried {value}."}},
        {"{gate}",
         "{syllable}{syllable}{syllable}",
         {"The word that opens the {key} is {value}, {other} told them.",
          "On a {nature} note about the {key} stood one word: {value}.",
          "\"Say {value} at the {key},\" whispered {friend}."},
         {"At the {key} {hero} stopped and said {value}.", "The {key} was shut until {other} spoke the word {value}.",
          "{friend} stood before the {key} and called out {value}."}},
        {"{goods}",
         "{tens}-{ones}",
         {"{hero} counted the {key} and got {value}.", "There were {value} {key} in the {building}.",
          "For the winter {other} had laid by {value} {key}."},
         {"How many {key} had it been? {friend} knew: {value}.",
          "When they wrote down the {key}, the number was {value}.",
          "{hero} looked at the {key} again and counted {value}."}},
        {"{relative}",
         "{look} {present} of {stuff}",
         {"For the {key} {hero} had packed a {value}.", "The {key} had been given a {value}.",
          "{other} made the {key} a {value}."},
         {"And what did the {key} bring along? A {value}.", "Out of the bag of the {key} came a {value}.",
          "The {key} smiled and showed {friend} a {value}."}},
    };
    return facts;
}

const std::vector<Pattern> &storyOpenings()
{
    static const std::vector<Pattern> openings = {
        "One {season} {daytime} {hero} of {village} set out for the {building}.",
        "{hero} and {friend} lived near the {building} of {village}.",
        "In {village}, where the {land} begins, {hero} kept a {nature} {building}.",
        "It was a {weather} {daytime} when {friend} came to see {hero} in {village}.",
        "Nobody in {village} knew {hero} as well as {friend} did.",
        "After a {weather} {season}, {hero} opened the {building} again.",
    };
    return openings;
}

const std::vector<Pattern> &storyFillers()
{
    static const std::vector<Pattern> fillers = {
        "A {weather} wind {blew} over the {land} and {shook} the {plant}.",
        "{hero} ate {food} with {food} and spoke of {topic}.",
        "On the way they met a {nature} {animal} that {did} beside the {land}.",
        "{friend} {walked} past the {building} and {sang} about {topic}.",
        "The {daytime} smelled of {smell} and {smell}, and a {animal} {did}.",
        "{other} wore a {garment} the colour of {smell} and {walked} on.",
        "Behind the {plant} a {animal} {did}, and {hero} {sang}.",
        "\"I dreamed of {topic},\" said {friend}, and {walked} to the {building}.",
        "It grew {weather}, so {other} cooked {food} and mended a {garment}.",
        "By the {land} {hero} and {other} {walked} until {daytime}.",
        "Some {nature} people from {village} talked of {topic} and bought {food}.",
        "The {plant} {shook}, the {animal} {did}, and nobody spoke of {topic}.",
        "{friend} laughed, for {hero} had forgotten the {garment} in the {building}.",
        "Far off, over the {land}, one could hear how the {weather} air {blew}.",
    };
    return fillers;
}

const std::vector<Pattern> &storyClosings()
{
    static const std::vector<Pattern> closings = {
        "So they {walked} home to {village} and had {food} with {food}.",
        "That {daytime} {hero} slept in the {garment} and dreamed of {topic}.",
        "And in {village} they still talk of {topic} when the {animal} {did}.",
        "{friend} {sang} once more, and the {land} lay {weather} and still.",
        "After that {hero} and {friend} shared their {food} and spoke of {topic}.",
    };
    return closings;
}

const std::vector<std::string> &storyWords(const std::string &list)
{
    using Words = std::vector<std::string>;
    static const std::map<std::string, Words> lists = {
        {"name",
         {"Mira",   "Tobin", "Selma",  "Jorun", "Pavel", "Dagny",    "Kito",  "Lenka",  "Bram",    "Nadia", "Fergus",
          "Hilde",  "Rufus", "Wanda",  "Cyril", "Petra", "Magnus",   "Zora",  "Gilda",  "Lasse",   "Toma",  "Bruna",
          "Valter", "Senta", "Henrik", "Maren", "Nils",  "Carlotta", "Bodil", "Fabian", "Rosalie", "Janko"}},
        {"village",
         {"Harrowmere", "Tilbeck", "Sandholm", "Quarrydale", "Brindle", "Lower Fenwick", "Marlow Gap", "Pinnock",
          "Dunmarsh", "Cobbleford", "Wrenfield", "Salt Landing", "Birkhythe", "Norrin", "Great Plover", "Stonewick"}},
        {"season", {"spring", "summer", "winter", "harvest", "thaw", "frost"}},
        {"daytime", {"morning", "noon", "evening", "night", "dawn", "dusk", "midday", "twilight"}},
        {"weather",
         {"mild", "stormy", "foggy", "dry", "cold", "warm", "rainy", "bright", "gloomy", "hazy", "sharp", "damp",
          "clear", "grey", "windless", "bitter"}},
        {"land",
         {"meadow", "moor", "river", "hills", "bay", "ridge", "valley", "dunes", "lake", "heath", "gorge", "plain",
          "marsh", "coast", "forest", "vineyard"}},
        {"plant",
         {"birches", "nettles", "reeds", "poplars", "barley", "thistles", "ferns", "hazel bushes", "plum trees",
          "rushes", "lilacs", "pines", "clover", "brambles", "willows", "sunflowers"}},
        {"building",
         {"bakery", "mill", "lighthouse", "school", "smithy", "boathouse", "tavern", "library", "dairy", "workshop",
          "post office", "bell tower", "greenhouse", "pottery", "station", "town hall"}},
        {"animal",
         {"heron", "hedgehog", "magpie",  "donkey", "toad",   "stork", "beetle", "squirrel", "lark",  "mole",
          "carp",  "goose",    "swallow", "pigeon", "lizard", "snail", "badger", "cricket",  "raven", "weasel"}},
        {"did",
         {"slept", "drank", "scratched", "limped", "listened", "sat still", "trembled", "dug", "called twice",
          "blinked", "stretched", "chewed", "looked up", "turned round", "fled", "waited"}},
        {"blew", {"blew", "whistled", "moaned", "crept", "swept", "hummed", "howled", "sighed", "rolled", "sang"}},
        {"shook", {"shook", "bent", "stirred", "rattled", "parted", "swayed", "tore", "brushed", "moved", "ruffled"}},
        {"walked",
         {"walked", "strolled", "hurried", "wandered", "marched", "tiptoed", "trudged", "climbed", "ran", "drifted"}},
        {"sang",
         {"sang", "laughed", "hummed", "whistled", "grumbled", "counted clouds", "yawned", "joked", "wondered",
          "kept quiet", "coughed", "muttered"}},
        {"food",
         {"barley soup", "dark bread", "smoked trout", "pears", "goat cheese", "pancakes", "roast turnip", "honey",
          "walnuts", "dumplings", "pickled beans", "porridge", "cabbage", "plum jam", "buttermilk", "salted herring"}},
        {"topic",
         {"ships",
          "the harvest",
          "old debts",
          "the new bridge",
          "ghosts",
          "the fair",
          "distant cousins",
          "taxes",
          "the price of wool",
          "music",
          "bad teeth",
          "lost letters",
          "the king's horse",
          "dancing",
          "comets",
          "bees",
          "snowdrifts",
          "the flood",
          "weddings",
          "broken clocks"}},
        {"smell",
         {"rain", "cinnamon", "tar", "hay", "smoke", "thyme", "wet wool", "resin", "sea salt", "rust", "peat", "soap",
          "fresh bread", "moss", "wax", "mint"}},
        {"garment",
         {"coat", "scarf", "hat", "cloak", "waistcoat", "shawl", "pair of boots", "jacket", "nightcap", "sweater",
          "belt", "pair of gloves"}},
        {"nature",
         {"shy", "proud", "merry", "stubborn", "clever", "lazy", "gentle", "hungry", "noisy", "patient", "curious",
          "sleepy", "jolly", "sulky", "quick", "limping"}},
        {"tint",
         {"red", "blue", "green", "golden", "silver", "black", "white", "purple", "brown", "pale", "copper",
          "scarlet"}},
        {"thing",
         {"key",      "lantern", "compass", "ring",    "flute",  "map",    "coin",   "mirror", "dagger", "bottle",
          "spyglass", "letter",  "locket",  "whistle", "candle", "ribbon", "button", "drum",   "needle", "crown"}},
        {"where", {"behind", "under", "inside", "beside", "above", "near"}},
        {"look",
         {"mossy", "crooked", "broken", "painted", "hollow", "dusty", "tiny", "round", "cracked", "heavy", "narrow",
          "leaning", "burnt", "patched", "carved", "faded"}},
        {"hide",
         {"well",  "stove",  "barrel", "chimney",  "beehive", "cupboard", "wagon", "trough", "staircase", "pillar",
          "bench", "statue", "basket", "fountain", "ladder",  "woodpile", "chest", "manger", "kettle",    "fence"}},
        {"beast",
         {"cat", "mare", "parrot", "wolfhound", "billy goat", "ferret", "tortoise", "rooster", "mule", "falcon", "pig",
          "calf"}},
        {"gate",
         {"garden gate", "cellar door", "drawbridge", "vault", "tunnel", "clock tower", "ferry landing",
          "secret passage", "museum", "treasury", "lock house", "harbour chain"}},
        {"goods",
         {"jars", "candlesticks", "blankets", "hens", "nails", "plates", "sacks", "turnips", "pebbles", "shells",
          "spoons", "feathers"}},
        {"relative",
         {"grandmother", "baker", "captain", "miller", "shepherd", "teacher", "widow", "tailor", "doctor", "fisherman",
          "postman", "piper"}},
        {"present",
         {"bowl", "box", "figure", "bracelet", "cup", "spoon", "mask", "comb", "bell", "frame", "brooch", "plate"}},
        {"stuff",
         {"glass", "bone", "pewter", "clay", "cedar", "bronze", "velvet", "straw", "marble", "leather", "tin",
          "porcelain"}},
        {"tens", {"twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"}},
        {"ones", {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}},
        {"syllable", {"ba",  "ku",  "lo",  "mi",  "ra",  "zu",  "te",  "gor", "fin", "dal", "wex",
                      "pim", "sha", "rok", "nel", "vo",  "jat", "hem", "qui", "bro", "tas", "lun",
                      "dri", "kef", "mop", "sil", "gan", "yor", "cla", "pru", "fet", "zin"}},
    };
    return lists.at(list);
}

} // namespace sparsescope
