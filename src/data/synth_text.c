/*
 * Texts of synthetic items and users: titles, categories, descriptions, tags, from word lists of
 * our own. A cluster has a category and half of that category's words as its vocabulary, so that
 * text and clicks tell the same story.
 *
 * Cost: about 30 draws an item. Titles need not be unique; some hold commas, quotes or letters
 * beyond ASCII, as titles do.
 */
#include "data/synth_world.h"

#include "kern/math.h"

#include <math.h>
#include <string.h>

enum { N_CATEGORIES = 20, N_VOCABULARY = 12, N_COMMON = 24, N_ADJECTIVES = 40, N_NOUNS = 48 };

static const char *const categories[N_CATEGORIES] = {
    "Adventure", "Animation", "Biography", "Comedy",   "Cooking", "Crime",   "Drama",
    "Fantasy",   "Garden",    "History",   "Horror",   "Music",   "Mystery", "Nature",
    "Romance",   "Science",   "Sport",     "Thriller", "Travel",  "War"};

static const char *const vocabulary[N_CATEGORIES][N_VOCABULARY] = {
    {"jungle", "treasure", "map", "quest", "captain", "island", "storm", "rope", "canyon",
     "expedition", "compass", "ruins"},
    {"puppet", "crayon", "colour", "robot", "toy", "dragonfly", "bubble", "sketch", "squirrel",
     "balloon", "clay", "pixel"},
    {"memoir", "childhood", "letters", "career", "portrait", "diary", "fame", "inventor", "legacy",
     "interview", "rise", "archive"},
    {"wedding", "prank", "neighbour", "banana", "mistake", "disguise", "laughter", "uncle", "goose",
     "dentist", "chaos", "hiccup"},
    {"kitchen", "butter", "saffron", "oven", "recipe", "noodle", "basil", "bakery", "spoon",
     "market", "simmer", "dough"},
    {"heist", "detective", "alibi", "vault", "witness", "fingerprint", "smuggler", "court",
     "ransom", "evidence", "precinct", "informant"},
    {"family", "secret", "divorce", "harvest", "sacrifice", "reunion", "grief", "village",
     "promise", "sister", "winter", "silence"},
    {"wizard", "dragon", "sword", "prophecy", "elf", "castle", "spell", "goblin", "throne",
     "amulet", "griffin", "enchanted"},
    {"orchid", "compost", "rose", "hedge", "seed", "trowel", "bloom", "greenhouse", "tulip",
     "prune", "lavender", "soil"},
    {"empire", "dynasty", "ancient", "treaty", "emperor", "revolution", "century", "scroll",
     "legion", "republic", "chronicle", "pharaoh"},
    {"haunted", "scream", "cellar", "ghost", "curse", "midnight", "blood", "asylum", "shadow",
     "ritual", "coffin", "whisper"},
    {"concert", "violin", "drummer", "melody", "stage", "chorus", "vinyl", "guitar", "rehearsal",
     "tour", "anthem", "piano"},
    {"clue", "cipher", "vanished", "manor", "stranger", "riddle", "locked", "inspector", "motive",
     "foggy", "poison", "letter"},
    {"whale", "glacier", "forest", "migration", "eagle", "reef", "savanna", "wolf", "volcano",
     "river", "moss", "habitat"},
    {"kiss", "summer", "paris", "heart", "dance", "moonlight", "proposal", "longing", "bouquet",
     "stolen", "tender", "serenade"},
    {"quantum", "telescope", "galaxy", "laboratory", "genome", "orbit", "particle", "experiment",
     "neuron", "reactor", "theory", "probe"},
    {"champion", "stadium", "coach", "marathon", "goal", "underdog", "racket", "league", "sprint",
     "trophy", "boxing", "referee"},
    {"assassin", "hostage", "conspiracy", "bomb", "agent", "chase", "hacker", "betrayal",
     "deadline", "sniper", "leak", "fugitive"},
    {"train", "passport", "backpack", "bazaar", "desert", "harbour", "postcard", "mountain",
     "hostel", "border", "ferry", "lagoon"},
    {"soldier", "trench", "submarine", "general", "battle", "resistance", "pilot", "bunker",
     "armistice", "platoon", "medal", "invasion"}};

static const char *const common[N_COMMON] = {"a",    "the",   "of",    "and",   "with",   "in",
                                             "from", "about", "story", "great", "new",    "first",
                                             "last", "long",  "small", "world", "people", "time",
                                             "life", "way",   "night", "day",   "old",    "true"};

static const char *const adjectives[N_ADJECTIVES] = {
    "Amber",     "Bitter",   "Blue",    "Borrowed",  "Brave",   "Broken",   "Burning",
    "Crimson",   "Curious",  "Distant", "Electric",  "Endless", "Fading",   "Fearless",
    "Fragile",   "Frozen",   "Gentle",  "Golden",    "Hidden",  "Hollow",   "Impossible",
    "Invisible", "Ivory",    "Lonely",  "Lost",      "Lucky",   "Midnight", "Paper",
    "Quiet",     "Restless", "Scarlet", "Second",    "Secret",  "Silver",   "Sleepless",
    "Stolen",    "Tiny",     "Velvet",  "Wandering", "Wild"};

static const char *const nouns[N_NOUNS] = {
    "Anchor",   "Bridge",  "Caf\xc3\xa9", "Carnival", "Clock",  "Compass",      "Crossing",
    "Daughter", "Door",    "Echo",        "Empire",   "Fable",  "Feather",      "Fire",
    "Garden",   "Ghost",   "Harbour",     "Hunter",   "Island", "Journey",      "Kingdom",
    "Lantern",  "Letter",  "Lighthouse",  "Machine",  "Map",    "Mirror",       "Mountain",
    "Orchard",  "Paradox", "Pianist",     "Promise",  "River",  "Road",         "Se\xc3\xb1or",
    "Shadow",   "Signal",  "Sky",         "Song",     "Storm",  "Summer",       "Thief",
    "Tide",     "Tower",   "Train",       "Voyage",   "Winter", "Z\xc3\xbcrich"};

static const char *const countries[12] = {"US", "IN", "DE", "GB", "FR", "BR",
                                          "JP", "ES", "CA", "IT", "NL", "SE"};

const char *synth_device(int device)
{
    static const char *const devices[SYNTH_DEVICES] = {"mobile", "desktop", "tablet", "tv"};
    return devices[device];
}

/* Half of the category's words belong to a cluster; which ones goes by the cluster's number. */
static const char *cluster_word(int32_t cluster, uint64_t draw)
{
    uint64_t first = (uint64_t)cluster / N_CATEGORIES * 5;
    return vocabulary[cluster % N_CATEGORIES][(first + draw % (N_VOCABULARY / 2)) % N_VOCABULARY];
}

const char *synth_tag(const struct synth_world *w, int64_t item, uint64_t draw)
{
    return cluster_word(w->item_cluster[item], draw);
}

static void add_title(struct rng *rng, struct buf *out)
{
    const char *adjective = adjectives[rng_below(rng, N_ADJECTIVES)];
    const char *noun = nouns[rng_below(rng, N_NOUNS)], *other = nouns[rng_below(rng, N_NOUNS)];
    switch (rng_below(rng, 8)) {
    case 0:
        buf_printf(out, "The %s %s", adjective, noun);
        break;
    case 1:
        buf_printf(out, "%s of the %s", noun, other);
        break;
    case 2:
        buf_printf(out, "\"%s %s, The\"", adjective, noun);
        break;
    case 3:
        buf_printf(out, "%s and %s", noun, other);
        break;
    case 4:
        buf_printf(out, "%s %s: The %s", adjective, noun, other);
        break;
    case 5:
        buf_printf(out, "\"The \"\"%s\"\" %s\"", adjective, noun);
        break;
    case 6:
        buf_printf(out, "%s %d", noun, 2 + (int)rng_below(rng, 8));
        break;
    default:
        buf_printf(out, "%s %s", adjective, noun);
        break;
    }
}

static void add_categories(struct rng *rng, int32_t cluster, struct buf *out)
{
    int first = cluster % N_CATEGORIES, second = (int)rng_below(rng, N_CATEGORIES);
    buf_text(out, categories[first]);
    /* A neighbour that the cluster shares, or any. */
    if (rng_below(rng, 2) == 0)
        second = (first + 1 + cluster / N_CATEGORIES) % N_CATEGORIES;
    if (rng_below(rng, 5) < 2 && second != first) {
        buf_char(out, '|');
        buf_text(out, categories[second]);
    }
}

static void add_description(struct rng *rng, int32_t cluster, struct buf *out)
{
    int n = 8 + (int)rng_below(rng, 14);
    for (int i = 0; i < n; i++) {
        uint64_t draw = rng_next(rng), kind = draw >> 32 & 15;
        const char *word =
            kind < 8 ? cluster_word(cluster, draw & 0xffff)
            : kind < 15
                ? common[(draw & 0xffff) % N_COMMON]
                : vocabulary[(draw & 0xff) % N_CATEGORIES][(draw >> 8 & 0xff) % N_VOCABULARY];
        if (i > 0)
            buf_char(out, ' ');
        buf_text(out, word);
    }
}

void synth_item_row(const struct synth_world *w, int64_t item, struct buf *out)
{
    struct rng rng = rng_make(w->seed, RNG_SYNTH_TEXT, (uint64_t)item);
    int32_t cluster = w->item_cluster[item];
    uint64_t a = rng_next(&rng), b = rng_next(&rng);
    /* Prices go by cluster; in cents. */
    double price = kern_exp(2.2 + 0.1 * (double)(cluster % 8) + 0.5 * kern_normal(a, b));
    int64_t cents = (int64_t)(price * 100);
    int64_t now = (w->p.start + w->item_release[item]) / SYNTH_DAY;
    int64_t year = 1970 + now * 400 / 146097;
    if (w->item_release[item] == 0)
        year -= (int64_t)(kern_exp(0.06 * (double)rng_below(&rng, 70)) - 1);
    buf_int(out, item + 1);
    buf_char(out, ',');
    add_title(&rng, out);
    buf_char(out, ',');
    add_categories(&rng, cluster, out);
    buf_char(out, ',');
    add_description(&rng, cluster, out);
    buf_printf(out, ",%lld.%02lld,%lld\n", (long long)(cents / 100), (long long)(cents % 100),
               (long long)year);
}

void synth_user_row(const struct synth_world *w, int64_t user, struct buf *out)
{
    struct synth_user u = synth_user_at(w, user);
    int64_t n = w->user_ptr[user + 1] - w->user_ptr[user];
    double mean = (double)w->p.events / (double)w->p.users;
    const char *segment = (double)n > 2 * mean   ? "heavy"
                          : (double)n < mean / 2 ? "casual"
                                                 : "regular";
    buf_printf(out, "%lld,%s,%s,%d\n", (long long)(user + 1), segment, countries[u.country], u.age);
}
